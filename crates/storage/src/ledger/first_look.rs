//! A vault looked at for the first time: tens of thousands of rows that nobody knew, with no balance to be
//! told of in between. The triggers that keep the sums cost as much as the rows, because a statement
//! that runs one keeps a copy of each page it touches. Here they are switched off, the sums of the batch
//! are kept in [`Books`] and written once, and rows are written many at a time. What isn't wholly new goes the
//! usual way, with triggers. Hardly ever is a transaction known already; that it isn't is left to the table's own
//! rule, because asking first would cost a look-up for each.

use super::books::Books;
use super::bulk::{Bulk, ROWS, Values};
use super::codec;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Transaction};
use quorate_core::ledger::{CheckedBlock, Funded, Match, VaultRow};
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use std::collections::BTreeSet;

/// Whether something of a vault waits for a block.
const WAITING: &str = "SELECT 1 FROM transactions INDEXED BY transactions_unconfirmed
    WHERE height IS NULL LIMIT 1";
/// Whether somebody is to be told what happens to a vault's coins.
const TOLD: &str =
    "SELECT 1 FROM ledger_vault WHERE id = ?1 AND (caught_up OR rescan_to IS NOT NULL)";
const STATUSES: &str = "SELECT 1 FROM script_status WHERE vault = ?1 LIMIT 1";
const HELD: &str = "SELECT spent_by, value FROM coins WHERE vault = ?1 AND txid = ?2 AND vout = ?3";
const SPENT: &str = "UPDATE coins SET spent_by = ?4, spent_height = ?5
    WHERE vault = ?1 AND txid = ?2 AND vout = ?3";
// Fail: what a statement wrote before it failed need not be undone by itself, so nothing is kept for that.
const NEW_TRANSACTIONS: &str = "INSERT OR FAIL INTO transactions
    (vault, txid, raw, height, block_hash, position, first_seen, block_time, net, balance)";
const NEW_COINS: &str =
    "INSERT OR FAIL INTO coins (vault, txid, vout, value, keychain, idx, coinbase, height)";
/// Coins that transactions waiting here may spend: looking among them for each new one must stay cheap.
const FEW: usize = 32;

/// A rule that calls a function might abort a statement as far as SQLite knows: it keeps a copy of each page that
/// a statement of many rows touches, a tenth of the time that all of it takes.
const IGNORE_CHECKS: &str = "ignore_check_constraints";

/// Until it is dropped, no trigger runs, and neither references nor the rules of a table are checked. All that is
/// written here refers to vaults that were read in the same transaction, and is made of types that obey the rules:
/// a txid has 32 bytes, an amount isn't below nothing, what has a height has a block.
struct Unchecked<'a>(&'a Connection);

impl<'a> Unchecked<'a> {
    fn begin(conn: &'a Connection) -> Result<Self, StorageError> {
        // First, so that both are on again whatever happens.
        let unchecked = Self(conn);
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
        conn.pragma_update(None, IGNORE_CHECKS, true)?;
        Ok(unchecked)
    }
}

impl Drop for Unchecked<'_> {
    fn drop(&mut self) {
        // It only sets flags; there is nothing that could fail.
        let _ = (self.0).set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true);
        let _ = (self.0).set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true);
        let _ = (self.0).pragma_update(None, IGNORE_CHECKS, false);
    }
}

/// A transaction in a block that is to be written for a vault.
pub(super) struct Placed<'b> {
    /// Its position is that in the block.
    pub(super) found: Match,
    pub(super) transaction: &'b Transaction,
    pub(super) block: &'b CheckedBlock,
}

impl Placed<'_> {
    fn position(&self) -> i64 {
        i64::try_from(self.found.position).unwrap_or(i64::MAX)
    }

    fn received(&self) -> Result<i64, StorageError> {
        let values = self.found.funds.iter().map(|funded| funded.value);
        values.map(codec::sat).sum()
    }
}

/// Blocks being written for vaults that were never caught up. As long as it lives, no trigger runs.
pub(super) struct FirstLook<'a, 'b> {
    held: CachedStatement<'a>,
    spent: CachedStatement<'a>,
    transactions: Bulk<'a>,
    coins: Bulk<'a>,
    /// Wholly new as far as is known, each with the sum and the number of coins that it spends.
    waiting: Vec<(Placed<'b>, i64, i64)>,
    // Dropped last.
    _unchecked: Unchecked<'a>,
}

impl ReadTx<'_> {
    /// Whether all these vaults are looked at for the first time: nobody was told of a coin of theirs, and
    /// nothing of theirs waits for a block.
    pub fn ledger_is_first_look(&self, vaults: &BTreeSet<VaultRow>) -> Result<bool, StorageError> {
        let mut usual = self.prepare(WAITING)?.exists([])?;
        for vault in vaults {
            usual |= self.prepare(TOLD)?.exists([vault.0])?;
            usual |= self.prepare(STATUSES)?.exists([vault.0])?;
        }
        Ok(!usual)
    }
}

impl<'a, 'b> FirstLook<'a, 'b> {
    /// Switches triggers off if all these vaults are looked at for the first time: then those that keep
    /// sums are the only ones that blocks would run.
    pub(super) fn begin(
        tx: &WriteTx<'a>,
        vaults: &BTreeSet<VaultRow>,
    ) -> Result<Option<Self>, StorageError> {
        if !tx.ledger_is_first_look(vaults)? {
            return Ok(None);
        }
        let unchecked = Unchecked::begin(tx.conn())?;
        Ok(Some(Self {
            held: tx.prepare(HELD)?,
            spent: tx.prepare(SPENT)?,
            transactions: Bulk::prepare(tx, NEW_TRANSACTIONS, 10)?,
            coins: Bulk::prepare(tx, NEW_COINS, 8)?,
            waiting: Vec::with_capacity(ROWS),
            _unchecked: unchecked,
        }))
    }

    /// Takes a match, to be written now or with the next ones. Returns it, and what came before it is written,
    /// if it must go the usual way: a coin that it spends is spent.
    ///
    /// # Errors
    /// [`StorageError::NotNew`] from here or from [`FirstLook::flush`] if a transaction is known already. Then
    /// the whole batch must be undone and go the usual way.
    pub(super) fn take(
        &mut self,
        tx: &WriteTx<'_>,
        placed: Placed<'b>,
        books: &mut Books,
    ) -> Result<Option<Placed<'b>>, StorageError> {
        if self.depends(&placed.found) {
            self.flush(tx, books)?;
        }
        let Some((spent, coins)) = self.held(&placed.found)? else {
            self.flush(tx, books)?;
            return Ok(Some(placed));
        };
        if !placed.found.spends.is_empty() {
            tx.note_payees(placed.found.vault, &placed.found.txid, placed.transaction)?;
        }
        self.waiting.push((placed, spent, coins));
        if self.waiting.len() == ROWS {
            self.flush(tx, books)?;
        }
        Ok(None)
    }

    /// Writes what waits.
    pub(super) fn flush(
        &mut self,
        tx: &WriteTx<'_>,
        books: &mut Books,
    ) -> Result<(), StorageError> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut rows = Vec::with_capacity(waiting.len());
        for (placed, spent, coins_spent) in &waiting {
            let (vault, time) = (placed.found.vault, placed.block.time());
            let net = placed.received()? - spent;
            let spot = (placed.block.id().height, placed.position());
            rows.push((placed, net, books.book(tx, vault, spot, net)?));
            let received = i64::try_from(placed.found.funds.len()).unwrap_or(i64::MAX);
            books.sum_up(vault, time, net, received - coins_spent);
        }
        self.transactions.write(&rows, transaction)?;
        for (placed, ..) in &waiting {
            let (by, height) = (placed.found.txid.to_byte_array(), placed.block.id().height);
            for coin in &placed.found.spends {
                let vault = placed.found.vault.0;
                let key = (coin.txid.to_byte_array(), coin.vout);
                self.spent.execute((vault, key.0, key.1, by, height))?;
            }
        }
        let coins: Vec<(&Placed<'_>, &Funded)> = waiting
            .iter()
            .flat_map(|(placed, ..)| placed.found.funds.iter().map(move |one| (placed, one)))
            .collect();
        self.coins.write(&coins, coin)
    }

    /// Whether a match can only be judged once what waits is written.
    fn depends(&self, found: &Match) -> bool {
        let touches = |outpoint: &OutPoint| {
            self.waiting.iter().any(|(placed, ..)| {
                placed.found.txid == outpoint.txid || placed.found.spends.contains(outpoint)
            })
        };
        let spends: usize = self.waiting.iter().map(|w| w.0.found.spends.len()).sum();
        let same = |placed: &Placed<'_>| {
            (placed.found.txid, placed.found.vault) == (found.txid, found.vault)
        };
        self.waiting.iter().any(|(placed, ..)| same(placed))
            || (!found.spends.is_empty() && found.spends.len() + spends > FEW)
            || found.spends.iter().any(touches)
    }

    /// What a match spends: the sum, and the number of coins. `None` if one is spent already.
    fn held(&mut self, found: &Match) -> Result<Option<(i64, i64)>, StorageError> {
        let (mut sum, mut count) = (0, 0);
        for outpoint in &found.spends {
            let coin = (outpoint.txid.to_byte_array(), outpoint.vout);
            let known: Option<(Option<[u8; 32]>, i64)> = self
                .held
                .query_row((found.vault.0, coin.0, coin.1), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            match known {
                Some((None, value)) => (sum, count) = (sum + value, count + 1),
                Some((Some(_), _)) => return Ok(None),
                None => {}
            }
        }
        Ok(Some((sum, count)))
    }
}

fn transaction(
    (placed, net, held): &(&Placed<'_>, i64, i64),
    row: &mut Values<'_, '_>,
) -> Result<(), StorageError> {
    let (id, time) = (placed.block.id(), placed.block.time());
    row.give(placed.found.vault.0)?;
    row.give(placed.found.txid.as_byte_array())?;
    row.give(codec::raw(placed.transaction)?)?;
    row.give(id.height)?;
    row.give(id.hash.as_byte_array())?;
    row.give(placed.position())?;
    row.give(time)?;
    row.give(time)?;
    row.give(net)?;
    row.give(held)
}

fn coin(
    (placed, funded): &(&Placed<'_>, &Funded),
    row: &mut Values<'_, '_>,
) -> Result<(), StorageError> {
    row.give(placed.found.vault.0)?;
    row.give(placed.found.txid.as_byte_array())?;
    row.give(funded.vout)?;
    row.give(codec::sat(funded.value)?)?;
    row.give(codec::number(funded.keychain))?;
    row.give(funded.index)?;
    row.give(placed.found.coinbase)?;
    row.give(placed.block.id().height)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::Store;

    /// Whether triggers run, references are checked, and the rules of a table too.
    fn guards(conn: &Connection) -> [bool; 3] {
        let on = |config| conn.db_config(config).unwrap();
        let ignored: rusqlite::Result<bool> =
            conn.pragma_query_value(None, IGNORE_CHECKS, |row| row.get(0));
        [
            on(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER),
            on(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY),
            !ignored.unwrap(),
        ]
    }

    #[test]
    fn what_was_switched_off_is_on_again_whatever_happens() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        for fails in [false, true] {
            let done = store.write(|tx| {
                assert_eq!(guards(tx.conn()), [true; 3]);
                let unchecked = Unchecked::begin(tx.conn())?;
                assert_eq!(guards(tx.conn()), [false; 3]);
                if fails {
                    return Err(StorageError::NotNew);
                }
                drop(unchecked);
                assert_eq!(guards(tx.conn()), [true; 3]);
                Ok(())
            });
            assert_eq!(done.is_err(), fails);
            store
                .read(|tx| -> Result<_, StorageError> {
                    assert_eq!(guards(tx.conn()), [true; 3]);
                    Ok(())
                })
                .unwrap();
        }
    }
}
