-- Labels of anything (BIP-0329). Projection: of several about one thing the newest by its author's clock.
CREATE TABLE labels (
    vault     BLOB NOT NULL CHECK (length(vault) = 32),
    kind      TEXT NOT NULL, -- `tx`, `addr` and so on; types that aren't known too
    reference TEXT NOT NULL,
    line      TEXT NOT NULL, -- JSON with every field its writer gave it
    set_at    INTEGER NOT NULL,
    seq       INTEGER NOT NULL, -- of its author: tells two of one second apart
    PRIMARY KEY (vault, kind, reference)
) STRICT, WITHOUT ROWID;

-- Where each cosigner's key comes from. Projection: the newest that was said.
CREATE TABLE key_facts (
    vault    BLOB NOT NULL CHECK (length(vault) = 32),
    cosigner BLOB NOT NULL CHECK (length(cosigner) = 65),
    facts    TEXT NOT NULL, -- JSON
    noted_at INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (vault, cosigner)
) STRICT, WITHOUT ROWID;
