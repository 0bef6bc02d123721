-- The ledger: what the chain source says about the vaults' scripts. A cache: every row can be
-- fetched again, so nothing else may refer to these rows by their numbers.
--
-- Hashes and scripts are stored as the bytes that go over the wire. Heights are NULL for what is
-- only in the mempool. Amounts are satoshi.

-- The vaults watched, each with its own place in the chain: one that is imported later catches up
-- alone. `cursor_*` is the last block matched, NULL before the first.
CREATE TABLE ledger_vault (
    id            INTEGER PRIMARY KEY,
    vault_id      BLOB NOT NULL UNIQUE CHECK (length(vault_id) = 32),
    network       TEXT NOT NULL,
    descriptor    TEXT NOT NULL,
    birth_height  INTEGER CHECK (birth_height >= 0),
    birth_time    INTEGER CHECK (birth_time >= 0),
    cursor_height INTEGER CHECK (cursor_height >= 0),
    cursor_hash   BLOB CHECK (length(cursor_hash) = 32),
    CHECK ((birth_height IS NULL) <> (birth_time IS NULL)),
    CHECK ((cursor_height IS NULL) = (cursor_hash IS NULL))
) STRICT;

-- How far each address chain is derived. `used` and `revealed` are the highest index ever seen on
-- the chain and the highest ever handed out; they only grow, a reorg doesn't make an address new.
CREATE TABLE ledger_keychain (
    vault    INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    keychain INTEGER NOT NULL CHECK (keychain IN (0, 1)),
    derived  INTEGER NOT NULL DEFAULT 0,
    used     INTEGER,
    revealed INTEGER,
    PRIMARY KEY (vault, keychain)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT here and in `coins` because the mempool remembers up to which number it was
-- examined; a number must not come back for another row.
CREATE TABLE scripts (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    vault    INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    keychain INTEGER NOT NULL CHECK (keychain IN (0, 1)),
    idx      INTEGER NOT NULL CHECK (idx >= 0),
    script   BLOB NOT NULL,
    UNIQUE (vault, keychain, idx)
) STRICT;
-- Not unique: two vaults may share a script (`multi` and `sortedmulti` of the same keys).
CREATE INDEX scripts_by_script ON scripts (script, vault);

-- Transactions that pay to or from a vault. `position` is the place in the block; 0 is a coinbase.
CREATE TABLE transactions (
    id         INTEGER PRIMARY KEY,
    vault      INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    txid       BLOB NOT NULL CHECK (length(txid) = 32),
    raw        BLOB NOT NULL,
    height     INTEGER,
    block_hash BLOB CHECK (length(block_hash) = 32),
    position   INTEGER,
    first_seen INTEGER NOT NULL,
    UNIQUE (txid, vault),
    CHECK ((height IS NULL) = (block_hash IS NULL)),
    CHECK ((height IS NULL) = (position IS NULL))
) STRICT;
CREATE INDEX transactions_by_height ON transactions (height) WHERE height IS NOT NULL;
CREATE INDEX transactions_unconfirmed ON transactions (txid) WHERE height IS NULL;
CREATE INDEX transactions_by_vault ON transactions (vault, height);

-- Outputs that pay a vault, spent ones included. `height` is that of the funding transaction.
CREATE TABLE coins (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    vault        INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    txid         BLOB NOT NULL CHECK (length(txid) = 32),
    vout         INTEGER NOT NULL,
    value        INTEGER NOT NULL CHECK (value >= 0),
    keychain     INTEGER NOT NULL,
    idx          INTEGER NOT NULL,
    coinbase     INTEGER NOT NULL,
    height       INTEGER,
    spent_by     BLOB CHECK (length(spent_by) = 32),
    spent_height INTEGER,
    UNIQUE (txid, vout, vault),
    CHECK (spent_height IS NULL OR spent_by IS NOT NULL)
) STRICT;
CREATE INDEX coins_unspent_by_value ON coins (vault, value) WHERE spent_by IS NULL;
CREATE INDEX coins_unspent_by_height ON coins (vault, height) WHERE spent_by IS NULL;
CREATE INDEX coins_by_spender ON coins (spent_by) WHERE spent_by IS NOT NULL;
CREATE INDEX coins_by_index ON coins (vault, keychain, idx);

-- The sums over unspent coins, kept by the triggers below so that no balance ever reads history.
CREATE TABLE balances (
    vault         INTEGER PRIMARY KEY REFERENCES ledger_vault (id) ON DELETE CASCADE,
    confirmed_sat INTEGER NOT NULL DEFAULT 0 CHECK (confirmed_sat >= 0),
    pending_sat   INTEGER NOT NULL DEFAULT 0 CHECK (pending_sat >= 0),
    coin_count    INTEGER NOT NULL DEFAULT 0 CHECK (coin_count >= 0)
) STRICT;

CREATE TRIGGER coins_counted AFTER INSERT ON coins WHEN NEW.spent_by IS NULL
BEGIN
    UPDATE balances SET
        confirmed_sat = confirmed_sat + iif(NEW.height IS NULL, 0, NEW.value),
        pending_sat = pending_sat + iif(NEW.height IS NULL, NEW.value, 0),
        coin_count = coin_count + 1
    WHERE vault = NEW.vault;
END;

CREATE TRIGGER coins_uncounted AFTER DELETE ON coins WHEN OLD.spent_by IS NULL
BEGIN
    UPDATE balances SET
        confirmed_sat = confirmed_sat - iif(OLD.height IS NULL, 0, OLD.value),
        pending_sat = pending_sat - iif(OLD.height IS NULL, OLD.value, 0),
        coin_count = coin_count - 1
    WHERE vault = OLD.vault;
END;

CREATE TRIGGER coins_recounted AFTER UPDATE OF vault, value, height, spent_by ON coins
BEGIN
    UPDATE balances SET
        confirmed_sat = confirmed_sat
            - iif(OLD.spent_by IS NULL AND OLD.height IS NOT NULL, OLD.value, 0),
        pending_sat = pending_sat
            - iif(OLD.spent_by IS NULL AND OLD.height IS NULL, OLD.value, 0),
        coin_count = coin_count - (OLD.spent_by IS NULL)
    WHERE vault = OLD.vault;
    UPDATE balances SET
        confirmed_sat = confirmed_sat
            + iif(NEW.spent_by IS NULL AND NEW.height IS NOT NULL, NEW.value, 0),
        pending_sat = pending_sat
            + iif(NEW.spent_by IS NULL AND NEW.height IS NULL, NEW.value, 0),
        coin_count = coin_count + (NEW.spent_by IS NULL)
    WHERE vault = NEW.vault;
END;

-- The last blocks matched, to find where a reorg left the chain we know.
CREATE TABLE blocks (
    height INTEGER PRIMARY KEY CHECK (height >= 0),
    hash   BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Mempool transactions that were examined, ours or not, so that only new ones are fetched. `tags`
-- are 4 bytes for each output script and each outpoint spent: enough to find, without fetching
-- anything, which of them may concern a script or a coin that became known later.
CREATE TABLE mempool_seen (
    txid BLOB PRIMARY KEY CHECK (length(txid) = 32),
    tags BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row. `revision` changes with every write to the ledger; the other two say up to which row
-- of `coins` and `scripts` the transactions of `mempool_seen` were examined.
CREATE TABLE ledger_state (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    coins_examined   INTEGER NOT NULL,
    scripts_examined INTEGER NOT NULL
) STRICT;
INSERT INTO ledger_state VALUES (1, 0, 0, 0);
