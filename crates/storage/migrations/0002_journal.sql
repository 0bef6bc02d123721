-- The journal: entries as their authors signed them, and what they amount to.

-- One row: the key that signs this home's entries, and the network the home was made for.
CREATE TABLE device (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    secret  BLOB NOT NULL CHECK (length(secret) = 32),
    network TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    id        BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    vault     BLOB NOT NULL CHECK (length(vault) = 32),
    author    BLOB NOT NULL CHECK (length(author) = 32),
    seq       INTEGER NOT NULL CHECK (seq > 0),
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    text      TEXT NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;
CREATE INDEX entries_by_author ON entries (vault, author, seq);

-- Entries are never changed or removed. The insert trigger is there because INSERT OR REPLACE
-- deletes a row without firing the delete trigger when recursive_triggers is off.
CREATE TRIGGER entries_stay_unchanged BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'journal entries are never changed'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'journal entries are never removed'); END;
CREATE TRIGGER entries_are_not_replaced BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE id = NEW.id OR number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'journal entries are never replaced'); END;

-- From here on: the projection. Only projection.rs writes it, in the transaction that appends the
-- entry; rebuild.rs makes it anew out of the entries. No row refers to another by a foreign key:
-- entries of several members may come in any order, so what is said of a proposal may come before
-- the proposal.

CREATE TABLE vaults (
    id         BLOB PRIMARY KEY CHECK (length(id) = 32),
    name       TEXT NOT NULL UNIQUE,
    network    TEXT NOT NULL,
    descriptor TEXT NOT NULL,
    cosigners  TEXT NOT NULL, -- JSON list of names, in the descriptor's order of keys
    added_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE addresses (
    vault       BLOB NOT NULL CHECK (length(vault) = 32),
    keychain    INTEGER NOT NULL CHECK (keychain IN (0, 1)),
    idx         INTEGER NOT NULL CHECK (idx >= 0),
    label       TEXT,
    revealed_at INTEGER NOT NULL,
    PRIMARY KEY (vault, keychain, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE proposals (
    id        BLOB PRIMARY KEY CHECK (length(id) = 32),
    vault     BLOB NOT NULL CHECK (length(vault) = 32),
    txid      BLOB NOT NULL CHECK (length(txid) = 32),
    psbt      BLOB NOT NULL,
    memo      TEXT,
    opened_at INTEGER NOT NULL
) STRICT;
CREATE INDEX proposals_by_vault ON proposals (vault, opened_at);
CREATE INDEX proposals_by_txid ON proposals (txid);

-- That a proposal was given up, and why.
CREATE TABLE closings (
    proposal  BLOB PRIMARY KEY CHECK (length(proposal) = 32),
    reason    TEXT NOT NULL,
    note      TEXT,
    closed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The final transaction of a proposal, once it was let go.
CREATE TABLE releases (
    proposal    BLOB PRIMARY KEY CHECK (length(proposal) = 32),
    tx          BLOB NOT NULL,
    released_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signatures (
    proposal   BLOB NOT NULL CHECK (length(proposal) = 32),
    input      INTEGER NOT NULL CHECK (input >= 0),
    public_key BLOB NOT NULL,
    signature  BLOB NOT NULL,
    added_at   INTEGER NOT NULL,
    PRIMARY KEY (proposal, input, public_key)
) STRICT, WITHOUT ROWID;

-- Coins that open proposals spend. One home never opens two proposals on one coin: it looks here
-- under the write lock. Two homes may have done so before they heard of each other.
CREATE TABLE reservations (
    vault    BLOB NOT NULL CHECK (length(vault) = 32),
    txid     BLOB NOT NULL CHECK (length(txid) = 32),
    vout     INTEGER NOT NULL,
    proposal BLOB NOT NULL CHECK (length(proposal) = 32),
    PRIMARY KEY (vault, txid, vout, proposal)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_proposal ON reservations (proposal);
