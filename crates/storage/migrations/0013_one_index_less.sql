-- Only taking blocks back asked for all vaults' transactions above a height. It asks vault by vault now, by
-- place; each transaction that is found has one index less to go into.
DROP INDEX transactions_by_height;
