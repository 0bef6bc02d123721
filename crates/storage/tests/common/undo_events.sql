-- Takes back what the newest migration made.
DROP TRIGGER transactions_booked; DROP TRIGGER transactions_unbooked;
DROP TRIGGER transactions_rebooked; DROP TABLE ledger_days; DROP INDEX transactions_by_place; DROP INDEX transactions_by_time;
ALTER TABLE transactions DROP COLUMN block_time; ALTER TABLE transactions DROP COLUMN net;
ALTER TABLE transactions DROP COLUMN balance;
CREATE INDEX transactions_by_vault ON transactions (vault, height);
