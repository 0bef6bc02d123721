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
