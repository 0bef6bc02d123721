-- For sources that serve histories of scripts: the status (a hash of the history) under which the
-- ledger knows all about a script. While the source names the same one, nothing has to be fetched.
CREATE TABLE script_status (
    vault    INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    keychain INTEGER NOT NULL CHECK (keychain IN (0, 1)),
    idx      INTEGER NOT NULL CHECK (idx >= 0),
    status   BLOB NOT NULL CHECK (length(status) = 32),
    PRIMARY KEY (vault, keychain, idx)
) STRICT, WITHOUT ROWID;

-- Every transaction of a script makes or spends a coin of it. So whatever changes what the ledger
-- knows of a script, a reorg or another source included, has its status forgotten.
CREATE TRIGGER coins_status_made AFTER INSERT ON coins
BEGIN
    DELETE FROM script_status
    WHERE vault = NEW.vault AND keychain = NEW.keychain AND idx = NEW.idx;
END;

CREATE TRIGGER coins_status_gone AFTER DELETE ON coins
BEGIN
    DELETE FROM script_status
    WHERE vault = OLD.vault AND keychain = OLD.keychain AND idx = OLD.idx;
END;

CREATE TRIGGER coins_status_changed AFTER UPDATE OF height, spent_by, spent_height ON coins
BEGIN
    DELETE FROM script_status
    WHERE vault = NEW.vault AND keychain = NEW.keychain AND idx = NEW.idx;
END;
