-- How many signatures a vault's path without a lock needs: a list of thousands of vaults needn't take each
-- descriptor apart. NULL where the descriptor can't be read.
ALTER TABLE vaults ADD COLUMN threshold INTEGER CHECK (threshold > 0);
