-- The life of a proposal: drafts, deadlines, replacements, what cosigners say. The projection is
-- made anew out of the entries when this is applied.

ALTER TABLE proposals ADD COLUMN draft INTEGER NOT NULL DEFAULT 0;
-- From this second on it takes no signatures and holds no coins, unless it was let go.
ALTER TABLE proposals ADD COLUMN expires INTEGER;
-- The proposal whose place it takes.
ALTER TABLE proposals ADD COLUMN replaces BLOB CHECK (length(replaces) = 32);
-- For lists, so that they need not read a finished proposal's PSBT: the sum of the outputs that
-- don't claim to come back, their number, and the script of the first.
ALTER TABLE proposals ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE proposals ADD COLUMN payees INTEGER NOT NULL DEFAULT 0;
ALTER TABLE proposals ADD COLUMN payee BLOB;
CREATE INDEX proposals_by_replaced ON proposals (replaces) WHERE replaces IS NOT NULL;

-- That a draft was opened for signing.
CREATE TABLE submissions (
    proposal     BLOB PRIMARY KEY CHECK (length(proposal) = 32),
    submitted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Each author's newest word about each cosigner. A cosigner is public key and chain code.
CREATE TABLE words (
    proposal BLOB NOT NULL CHECK (length(proposal) = 32),
    cosigner BLOB NOT NULL CHECK (length(cosigner) = 65),
    author   BLOB NOT NULL CHECK (length(author) = 32),
    seq      INTEGER NOT NULL,
    word     TEXT NOT NULL,
    note     TEXT,
    said_at  INTEGER NOT NULL,
    PRIMARY KEY (proposal, cosigner, author)
) STRICT, WITHOUT ROWID;
