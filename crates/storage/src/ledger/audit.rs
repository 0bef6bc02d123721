//! The slow way to every running sum, to compare with. For `doctor` and for tests.

use crate::{ReadTx, StorageError};

impl ReadTx<'_> {
    /// Checks that the ledger agrees with itself: balances with the coins, coins with their
    /// transactions, cursors with the remembered blocks.
    pub fn ledger_audit(&self) -> Result<(), StorageError> {
        for (what, sql) in [
            (
                "a balance isn't the sum of its coins",
                "SELECT b.vault FROM balances b LEFT JOIN
                    (SELECT vault, sum(iif(height IS NULL, 0, value)) AS confirmed,
                            sum(iif(height IS NULL, value, 0)) AS pending, count(*) AS n
                     FROM coins WHERE spent_by IS NULL GROUP BY vault) c USING (vault)
                 WHERE confirmed_sat <> ifnull(confirmed, 0)
                    OR pending_sat <> ifnull(pending, 0) OR coin_count <> ifnull(n, 0)",
            ),
            (
                "a coin and its transaction are in different places",
                "SELECT c.id FROM coins c LEFT JOIN transactions t USING (vault, txid)
                 WHERE t.id IS NULL OR t.height IS NOT c.height",
            ),
            (
                "a spent coin and its spender disagree",
                "SELECT c.id FROM coins c
                 LEFT JOIN transactions t ON t.vault = c.vault AND t.txid = c.spent_by
                 WHERE c.spent_by IS NOT NULL
                   AND (t.id IS NULL OR t.height IS NOT c.spent_height)",
            ),
            (
                "what a transaction changed isn't what its coins say",
                "SELECT id FROM transactions t WHERE (net IS NULL) <> (height IS NULL)
                    OR (block_time IS NULL) <> (height IS NULL) OR net <>
                    (SELECT ifnull(sum(value), 0) FROM coins c
                     WHERE c.txid = t.txid AND c.vault = t.vault)
                    - (SELECT ifnull(sum(value), 0) FROM coins c
                       WHERE c.spent_by = t.txid AND c.vault = t.vault)",
            ),
            (
                "a running balance isn't the sum of what came before",
                "SELECT id FROM (SELECT id, balance, height,
                    sum(net) OVER (PARTITION BY vault ORDER BY height, position) AS held
                    FROM transactions WHERE height IS NOT NULL) WHERE balance IS NOT held",
            ),
            (
                "a day isn't the sum of its transactions",
                "SELECT d.day FROM ledger_days d FULL JOIN
                    (SELECT vault, block_time / 86400 AS day, sum(net) AS net
                     FROM transactions WHERE net IS NOT NULL GROUP BY 1, 2) t
                    ON t.vault = d.vault AND t.day = d.day
                 WHERE ifnull(d.net, 0) <> ifnull(t.net, 0)",
            ),
            (
                "a cursor is at a block that isn't remembered",
                "SELECT id FROM ledger_vault v WHERE cursor_height IS NOT NULL AND NOT EXISTS
                    (SELECT 1 FROM blocks WHERE height = cursor_height AND hash = cursor_hash)",
            ),
            (
                "something is confirmed above its vault's cursor",
                "SELECT t.id FROM transactions t JOIN ledger_vault v ON v.id = t.vault
                 WHERE cursor_height IS NOT NULL AND t.height > cursor_height AND rescan_to IS NULL
                   AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.height = t.height)",
            ),
        ] {
            if self.prepare(sql)?.exists([])? {
                return Err(StorageError::damaged(what));
            }
        }
        Ok(())
    }
}
