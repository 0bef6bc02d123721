-- Journals of several homes: whose entries count, and what was judged about each.

-- What became of an entry that another home wrote: a function of the entry, the vault and the
-- proposal it is about, kept because signatures aren't verified under the write lock. Entries that
-- this home wrote itself have no row. Not part of the projection: `rebuild` leaves it alone, and
-- `journal verify` judges anew and compares.
CREATE TABLE judgements (
    entry    BLOB PRIMARY KEY CHECK (length(entry) = 32),
    vault    BLOB NOT NULL CHECK (length(vault) = 32),
    state    TEXT NOT NULL CHECK (state IN ('sound', 'partly', 'refused', 'waits')),
    proposal BLOB CHECK (length(proposal) = 32), -- what it is about, when it waits
    detail   TEXT -- a sentence when refused, a JSON list of [place, sentence] when partly
) STRICT, WITHOUT ROWID;
CREATE INDEX judgements_waiting ON judgements (vault, proposal) WHERE state = 'waits';
CREATE INDEX judgements_refused ON judgements (vault) WHERE state IN ('partly', 'refused');

-- What each author said when the vault came into its home.
CREATE INDEX entries_founding ON entries (vault) WHERE kind = 'vault_added';

-- From here on: projection.

-- Whom this home takes for the owner of a vault. `seq` and `entry` tell the newest word of ours.
CREATE TABLE owners (
    vault BLOB PRIMARY KEY CHECK (length(vault) = 32),
    owner BLOB NOT NULL CHECK (length(owner) = 32),
    seq   INTEGER NOT NULL,
    entry BLOB NOT NULL CHECK (length(entry) = 32)
) STRICT, WITHOUT ROWID;

-- The owner's newest word about each member: `last` is NULL as long as it is enrolled. Name and
-- cosigner are those of the newest enrolment (`named_*`), NULL when only a removal is here.
CREATE TABLE members (
    vault       BLOB NOT NULL CHECK (length(vault) = 32),
    member      BLOB NOT NULL CHECK (length(member) = 32),
    name        TEXT,
    cosigner    TEXT,
    named_seq   INTEGER,
    named_entry BLOB CHECK (length(named_entry) = 32),
    last        INTEGER CHECK (last >= 0),
    head        BLOB CHECK (length(head) = 32),
    said_at     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    entry       BLOB NOT NULL CHECK (length(entry) = 32),
    PRIMARY KEY (vault, member)
) STRICT, WITHOUT ROWID;

-- Who opened a proposal, and with what words: several members may say different things about one
-- transaction, and one of them by a clock that he chose.
CREATE TABLE openings (
    proposal BLOB NOT NULL CHECK (length(proposal) = 32),
    author   BLOB NOT NULL CHECK (length(author) = 32),
    entry    BLOB NOT NULL CHECK (length(entry) = 32),
    memo     TEXT,
    PRIMARY KEY (proposal, author, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO openings
SELECT unhex(json_extract(text, '$.body.proposal')), author, id, json_extract(text, '$.body.memo')
FROM entries WHERE kind = 'proposal_opened';

-- Who handed out which address: an index handed out by two homes is shown, so both rows stay.
CREATE TABLE addresses_of_authors (
    vault       BLOB NOT NULL CHECK (length(vault) = 32),
    keychain    INTEGER NOT NULL CHECK (keychain IN (0, 1)),
    idx         INTEGER NOT NULL CHECK (idx >= 0),
    author      BLOB NOT NULL CHECK (length(author) = 32),
    label       TEXT,
    revealed_at INTEGER NOT NULL,
    PRIMARY KEY (vault, keychain, idx, author)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO addresses_of_authors
SELECT vault, iif(json_extract(text, '$.body.keychain') = 'receive', 0, 1),
       json_extract(text, '$.body.index'), author, json_extract(text, '$.body.label'), at
FROM entries WHERE kind = 'address_revealed'
ORDER BY at, ifnull(json_extract(text, '$.body.label'), '');
DROP TABLE addresses;
ALTER TABLE addresses_of_authors RENAME TO addresses;
