-- Who said what a vault's part of the ledger says, and when: with the cursor the one row that every
-- figure's origin is read from. `cursor_time` is the header time of the block at the cursor, NULL
-- where that isn't known yet.
ALTER TABLE ledger_vault ADD COLUMN source TEXT;
ALTER TABLE ledger_vault ADD COLUMN cursor_time INTEGER CHECK (cursor_time >= 0);
ALTER TABLE ledger_vault ADD COLUMN synced_at INTEGER CHECK (synced_at >= 0);
-- Where the cursor stood when a rescan took it back, NULL when none is under way. What is known
-- above the cursor stays until the blocks there are matched again.
ALTER TABLE ledger_vault ADD COLUMN rescan_to INTEGER CHECK (rescan_to >= 0);

-- What is remembered of chain sources between processes: their breakers. A source goes by its name,
-- which has no credentials in it. Times are seconds since 1970.
CREATE TABLE sources (
    name       TEXT PRIMARY KEY,
    failures   INTEGER NOT NULL CHECK (failures >= 0),
    since      INTEGER NOT NULL CHECK (since >= 0),
    open_until INTEGER CHECK (open_until >= 0),
    failed_at  INTEGER CHECK (failed_at >= 0),
    failure    TEXT,
    CHECK ((failed_at IS NULL) = (failure IS NULL))
) STRICT, WITHOUT ROWID;
