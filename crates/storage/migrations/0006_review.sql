-- What a review and the check of signatures look up, each by an index, so that neither gets slower
-- with history. What was there before this migration is filled in by fill.rs.

-- The ends of the script's address (T30).
ALTER TABLE scripts ADD COLUMN likeness BLOB;
CREATE INDEX scripts_by_likeness ON scripts (likeness, script) WHERE likeness IS NOT NULL;

-- Whom the vaults have paid: outputs of transactions that spend their coins, other than the vault's
-- own. Part of the ledger; a row goes with its transaction.
CREATE TABLE payees (
    vault    INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    txid     BLOB NOT NULL CHECK (length(txid) = 32),
    vout     INTEGER NOT NULL,
    script   BLOB NOT NULL,
    likeness BLOB,
    PRIMARY KEY (vault, txid, vout)
) STRICT, WITHOUT ROWID;
CREATE INDEX payees_by_script ON payees (script, txid);
CREATE INDEX payees_by_likeness ON payees (likeness, script) WHERE likeness IS NOT NULL;
CREATE TRIGGER payees_go AFTER DELETE ON transactions
BEGIN DELETE FROM payees WHERE vault = OLD.vault AND txid = OLD.txid; END;

-- From here on: the projection.

-- Whom proposals would pay.
CREATE TABLE recipients (
    proposal BLOB NOT NULL CHECK (length(proposal) = 32),
    output   INTEGER NOT NULL CHECK (output >= 0),
    script   BLOB NOT NULL,
    likeness BLOB,
    PRIMARY KEY (proposal, output)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipients_by_likeness ON recipients (likeness, script) WHERE likeness IS NOT NULL;

-- The one-time number of every signature (T32). A set of all that was ever verified, also of
-- signatures for a slot that has another one already, so it is the same in any order of entries.
CREATE TABLE nonces (
    r          BLOB NOT NULL CHECK (length(r) = 32),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    s          BLOB NOT NULL CHECK (length(s) = 32),
    proposal   BLOB NOT NULL CHECK (length(proposal) = 32),
    input      INTEGER NOT NULL CHECK (input >= 0),
    PRIMARY KEY (r, public_key, s, proposal, input)
) STRICT, WITHOUT ROWID;

-- Numbers that were used for different signatures: usually none.
CREATE TABLE repeated_nonces (
    r BLOB PRIMARY KEY CHECK (length(r) = 32)
) STRICT, WITHOUT ROWID;
