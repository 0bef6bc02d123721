-- What a vault's history and statements read, so that neither reads more than its own lines.

-- Of confirmed transactions: the block's header time, what the transaction changed, and what the
-- vault held after it, in the order of the chain.
ALTER TABLE transactions ADD COLUMN block_time INTEGER;
ALTER TABLE transactions ADD COLUMN net INTEGER;
ALTER TABLE transactions ADD COLUMN balance INTEGER;
DROP INDEX transactions_by_vault;
CREATE INDEX transactions_by_place ON transactions (vault, height, position);
CREATE INDEX transactions_by_time ON transactions (vault, block_time, height, position)
    WHERE block_time IS NOT NULL;

-- Header times aren't known of what was found before; the time when it was first seen is, and in
-- blocks that is the header's.
UPDATE transactions SET block_time = first_seen, net =
    (SELECT ifnull(sum(value), 0) FROM coins
     WHERE coins.txid = transactions.txid AND coins.vault = transactions.vault)
    - (SELECT ifnull(sum(value), 0) FROM coins
       WHERE coins.spent_by = transactions.txid AND coins.vault = transactions.vault)
WHERE height IS NOT NULL;
UPDATE transactions SET balance = running.held FROM
    (SELECT id, sum(net) OVER (PARTITION BY vault ORDER BY height, position) AS held
     FROM transactions WHERE height IS NOT NULL) AS running
WHERE running.id = transactions.id;

-- What each day (UTC, by header time) changed: what a vault held before a day is the sum of at most
-- as many rows as there were days. Kept by the triggers below.
CREATE TABLE ledger_days (
    vault INTEGER NOT NULL REFERENCES ledger_vault (id) ON DELETE CASCADE,
    day   INTEGER NOT NULL,
    net   INTEGER NOT NULL,
    PRIMARY KEY (vault, day)
) STRICT, WITHOUT ROWID;
INSERT INTO ledger_days
SELECT vault, block_time / 86400, sum(net) FROM transactions WHERE net IS NOT NULL GROUP BY 1, 2;

CREATE TRIGGER transactions_booked AFTER INSERT ON transactions WHEN NEW.net IS NOT NULL
BEGIN
    INSERT INTO ledger_days VALUES (NEW.vault, NEW.block_time / 86400, NEW.net)
    ON CONFLICT DO UPDATE SET net = net + excluded.net;
END;
CREATE TRIGGER transactions_unbooked AFTER DELETE ON transactions WHEN OLD.net IS NOT NULL
BEGIN
    UPDATE ledger_days SET net = net - OLD.net
    WHERE vault = OLD.vault AND day = OLD.block_time / 86400;
END;
CREATE TRIGGER transactions_rebooked AFTER UPDATE OF net ON transactions
BEGIN
    UPDATE ledger_days SET net = net - OLD.net
    WHERE vault = OLD.vault AND day = OLD.block_time / 86400 AND OLD.net IS NOT NULL;
    INSERT INTO ledger_days SELECT NEW.vault, NEW.block_time / 86400, NEW.net
    WHERE NEW.net IS NOT NULL
    ON CONFLICT DO UPDATE SET net = net + excluded.net;
END;

-- What happened, in the order in which it was committed: written with what it tells, in the same
-- transaction, by the triggers below where that can be, so that no crash comes between the two.
-- Numbers only grow and none comes back.
CREATE TABLE events (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    vault    BLOB CHECK (length(vault) = 32),
    entry    BLOB CHECK (length(entry) = 32),
    proposal BLOB CHECK (length(proposal) = 32),
    txid     BLOB CHECK (length(txid) = 32),
    vout     INTEGER,
    value    INTEGER,
    keychain INTEGER,
    idx      INTEGER,
    height   INTEGER,
    spender  BLOB CHECK (length(spender) = 32),
    old      TEXT,
    new      TEXT
) STRICT;

-- Who reads them, and up to which number each has dealt with them.
CREATE TABLE event_consumers (
    name         TEXT PRIMARY KEY,
    acknowledged INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Proposals whose status may be another one than was last told. A status is computed, not stored, so
-- the doubt is what is written together with the fact that raised it.
CREATE TABLE event_doubts (
    proposal BLOB PRIMARY KEY CHECK (length(proposal) = 32)
) STRICT, WITHOUT ROWID;
-- The status that was last told. `until` is the deadline, as long as it can still pass.
CREATE TABLE event_statuses (
    proposal BLOB PRIMARY KEY CHECK (length(proposal) = 32),
    status   TEXT NOT NULL,
    until    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX event_statuses_by_deadline ON event_statuses (until) WHERE until IS NOT NULL;

-- 0 until a vault's first look at the whole chain is done: of what was found then one event tells.
ALTER TABLE ledger_vault ADD COLUMN caught_up INTEGER NOT NULL DEFAULT 0 CHECK (caught_up IN (0, 1));
UPDATE ledger_vault SET caught_up = 1 WHERE cursor_height IS NOT NULL;

CREATE TRIGGER entries_told AFTER INSERT ON entries
BEGIN
    INSERT INTO events (kind, vault, entry) VALUES ('entry', NEW.vault, NEW.id);
END;

-- The projection may be made anew: an alarm is told once.
CREATE INDEX events_of_alarms ON events (entry) WHERE kind = 'alarm';
CREATE TRIGGER repeated_nonces_told AFTER INSERT ON repeated_nonces
WHEN NOT EXISTS (SELECT 1 FROM events WHERE kind = 'alarm' AND entry = NEW.r)
BEGIN
    INSERT INTO events (kind, entry, proposal)
    SELECT 'alarm', NEW.r, (SELECT proposal FROM nonces WHERE r = NEW.r LIMIT 1);
END;

CREATE TRIGGER judgements_told AFTER INSERT ON judgements WHEN NEW.state IN ('partly', 'refused')
BEGIN
    INSERT INTO events (kind, vault, entry, new)
    VALUES ('entry_refused', NEW.vault, NEW.entry, NEW.state);
END;

CREATE TRIGGER coins_seen AFTER INSERT ON coins
WHEN (SELECT caught_up FROM ledger_vault WHERE id = NEW.vault)
BEGIN
    INSERT INTO events (kind, vault, txid, vout, value, keychain, idx, height)
    SELECT iif(NEW.height IS NULL, 'coin_seen', 'coin_confirmed'), vault_id,
           NEW.txid, NEW.vout, NEW.value, NEW.keychain, NEW.idx, NEW.height
    FROM ledger_vault WHERE id = NEW.vault;
END;
CREATE TRIGGER coins_gone AFTER DELETE ON coins
WHEN (SELECT caught_up FROM ledger_vault WHERE id = OLD.vault)
BEGIN
    INSERT INTO events (kind, vault, txid, vout, value, keychain, idx)
    SELECT 'coin_gone', vault_id, OLD.txid, OLD.vout, OLD.value, OLD.keychain, OLD.idx
    FROM ledger_vault WHERE id = OLD.vault;
    INSERT INTO event_doubts
    SELECT proposal FROM reservations
    WHERE vault = (SELECT vault_id FROM ledger_vault WHERE id = OLD.vault)
      AND txid = OLD.txid AND vout = OLD.vout
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER coins_moved AFTER UPDATE OF height ON coins
WHEN NEW.height IS NOT OLD.height
    AND (SELECT caught_up FROM ledger_vault WHERE id = NEW.vault)
BEGIN
    INSERT INTO events (kind, vault, txid, vout, value, keychain, idx, height)
    SELECT iif(NEW.height IS NULL, 'coin_unconfirmed', 'coin_confirmed'), vault_id,
           NEW.txid, NEW.vout, NEW.value, NEW.keychain, NEW.idx, NEW.height
    FROM ledger_vault WHERE id = NEW.vault;
END;
CREATE TRIGGER coins_spent AFTER UPDATE OF spent_by, spent_height ON coins
WHEN (NEW.spent_by IS NOT OLD.spent_by OR NEW.spent_height IS NOT OLD.spent_height)
    AND (SELECT caught_up FROM ledger_vault WHERE id = NEW.vault)
BEGIN
    INSERT INTO events (kind, vault, txid, vout, value, keychain, idx, height, spender)
    SELECT CASE
               WHEN NEW.spent_by IS NULL THEN 'coin_unspent'
               WHEN NEW.spent_by IS NOT OLD.spent_by THEN 'coin_spent'
               WHEN NEW.spent_height IS NULL THEN 'spend_unconfirmed'
               ELSE 'spend_confirmed'
           END, vault_id,
           NEW.txid, NEW.vout, NEW.value, NEW.keychain, NEW.idx, NEW.spent_height, NEW.spent_by
    FROM ledger_vault WHERE id = NEW.vault;
    INSERT INTO event_doubts
    SELECT proposal FROM reservations
    WHERE vault = (SELECT vault_id FROM ledger_vault WHERE id = NEW.vault)
      AND txid = NEW.txid AND vout = NEW.vout
    ON CONFLICT DO NOTHING;
END;

-- What happens to a transaction may change the status of the proposal that it came from. When a first
-- look is done, all proposals of the vault are doubted at once.
CREATE TRIGGER transactions_doubted AFTER INSERT ON transactions
WHEN (SELECT caught_up FROM ledger_vault WHERE id = NEW.vault)
BEGIN
    INSERT INTO event_doubts SELECT id FROM proposals WHERE final_txid = NEW.txid
    UNION SELECT proposal FROM releases WHERE txid = NEW.txid
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER transactions_doubted_when_moved AFTER UPDATE OF height ON transactions
WHEN (SELECT caught_up FROM ledger_vault WHERE id = NEW.vault)
BEGIN
    INSERT INTO event_doubts SELECT id FROM proposals WHERE final_txid = NEW.txid
    UNION SELECT proposal FROM releases WHERE txid = NEW.txid
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER transactions_doubted_when_gone AFTER DELETE ON transactions
WHEN (SELECT caught_up FROM ledger_vault WHERE id = OLD.vault)
BEGIN
    INSERT INTO event_doubts SELECT id FROM proposals WHERE final_txid = OLD.txid
    UNION SELECT proposal FROM releases WHERE txid = OLD.txid
    ON CONFLICT DO NOTHING;
END;

-- (ON CONFLICT, not OR IGNORE: that of the statement which fires a trigger would go over it.)
-- So does what the entries amount to, whenever it comes to count: with the entry, when its author is
-- enrolled, when everything is projected anew.
CREATE TRIGGER proposals_doubted AFTER INSERT ON proposals
BEGIN INSERT INTO event_doubts VALUES (NEW.id) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER submissions_doubted AFTER INSERT ON submissions
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER words_doubted AFTER INSERT ON words
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER words_doubted_when_changed AFTER UPDATE ON words
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER signatures_doubted AFTER INSERT ON signatures
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER releases_doubted AFTER INSERT ON releases
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER closings_doubted AFTER INSERT ON closings
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER closings_doubted_when_changed AFTER UPDATE ON closings
BEGIN INSERT INTO event_doubts VALUES (NEW.proposal) ON CONFLICT DO NOTHING; END;
