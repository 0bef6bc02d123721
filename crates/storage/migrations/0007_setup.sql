-- Setting vaults up between several people.

ALTER TABLE vaults ADD COLUMN session INTEGER NOT NULL DEFAULT 0 CHECK (session IN (0, 1));

-- Projection: who stands for the vault, by which member's word.
CREATE TABLE attestations (
    vault       BLOB NOT NULL CHECK (length(vault) = 32),
    cosigner    BLOB NOT NULL CHECK (length(cosigner) = 65),
    author      BLOB NOT NULL CHECK (length(author) = 32),
    note        TEXT,
    attested_at INTEGER NOT NULL,
    PRIMARY KEY (vault, cosigner, author)
) STRICT, WITHOUT ROWID;

-- Projection: keys that signed something, so that somebody holds them.
CREATE TABLE proofs (
    vault     BLOB NOT NULL CHECK (length(vault) = 32),
    cosigner  BLOB NOT NULL CHECK (length(cosigner) = 65),
    by_record INTEGER NOT NULL CHECK (by_record IN (0, 1)),
    speaker   BLOB CHECK (length(speaker) = 32), -- the member whom the signed record names
    proven_at INTEGER NOT NULL,
    PRIMARY KEY (vault, cosigner)
) STRICT, WITHOUT ROWID;

-- Projection: who said that the vault takes no more deposits.
CREATE TABLE retirements (
    vault      BLOB NOT NULL CHECK (length(vault) = 32),
    author     BLOB NOT NULL CHECK (length(author) = 32),
    note       TEXT,
    retired_at INTEGER NOT NULL,
    PRIMARY KEY (vault, author)
) STRICT, WITHOUT ROWID;

-- Sessions in which this home collects keys, before there is a vault and so before there is a journal.
CREATE TABLE setups (
    name       TEXT PRIMARY KEY,
    template   TEXT NOT NULL, -- TOML, with the kind of script that was chosen
    encryption TEXT NOT NULL CHECK (encryption IN ('none', 'standard', 'extended')),
    created_at INTEGER NOT NULL,
    vault      BLOB CHECK (length(vault) = 32) -- once it is finished
) STRICT, WITHOUT ROWID;

-- One for each cosigner, in the order of the template's roles.
CREATE TABLE setup_slots (
    setup      TEXT NOT NULL REFERENCES setups (name) ON DELETE CASCADE,
    place      INTEGER NOT NULL,
    cosigner   TEXT NOT NULL,
    nonce      TEXT NOT NULL,
    token      TEXT NOT NULL,
    invited_at INTEGER,
    key        TEXT, -- [fingerprint/path]xpub
    record     TEXT, -- the signed record that it came in, unsealed
    member     BLOB CHECK (length(member) = 32), -- whose entries are to speak for the cosigner
    PRIMARY KEY (setup, place)
) STRICT, WITHOUT ROWID;

-- Invitations that no longer count, and the keys that came with them.
CREATE TABLE setup_revoked (
    setup      TEXT NOT NULL REFERENCES setups (name) ON DELETE CASCADE,
    nonce      TEXT NOT NULL,
    token      TEXT NOT NULL,
    cosigner   TEXT NOT NULL,
    key        TEXT,
    revoked_at INTEGER NOT NULL,
    PRIMARY KEY (setup, nonce)
) STRICT, WITHOUT ROWID;

-- What this home was invited to, and the key that it gave.
CREATE TABLE joins (
    nonce      TEXT PRIMARY KEY,
    invitation TEXT NOT NULL,
    key        TEXT NOT NULL,
    joined_at  INTEGER NOT NULL,
    vault      BLOB CHECK (length(vault) = 32) -- once it was accepted
) STRICT, WITHOUT ROWID;
