//! A vault looked at for the first time: tens of thousands of rows that nobody knew, with no balance to be
//! told of in between. The triggers that keep the sums cost as much as the rows, because a statement
//! that runs one keeps a copy of each page it touches. Here they are switched off, the sums of the batch
//! are kept in [`Books`] and written once. What isn't wholly new goes the usual way, with triggers.

use super::books::Books;
use super::codec;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::Transaction;
use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use quorate_core::ledger::{CheckedBlock, Match, VaultRow};
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
const NEW_TRANSACTION: &str = "INSERT INTO transactions
    (vault, txid, raw, height, block_hash, position, first_seen, block_time, net, balance)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9) ON CONFLICT (txid, vault) DO NOTHING";
const NEW_COIN: &str =
    "INSERT INTO coins (vault, txid, vout, value, keychain, idx, coinbase, height)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// No trigger runs until it is dropped.
struct Untriggered<'a>(&'a Connection);

impl Drop for Untriggered<'_> {
    fn drop(&mut self) {
        // It only sets a flag; there is nothing that could fail.
        let _ = (self.0).set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true);
    }
}

/// Blocks being written for vaults that were never caught up. As long as it lives, no trigger runs.
pub(super) struct FirstLook<'a> {
    held: CachedStatement<'a>,
    spent: CachedStatement<'a>,
    new_transaction: CachedStatement<'a>,
    new_coin: CachedStatement<'a>,
    // Dropped last.
    _untriggered: Untriggered<'a>,
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

impl<'a> FirstLook<'a> {
    /// Switches triggers off if all these vaults are looked at for the first time: then those that keep
    /// sums are the only ones that blocks would run.
    pub(super) fn begin(
        tx: &WriteTx<'a>,
        vaults: &BTreeSet<VaultRow>,
    ) -> Result<Option<Self>, StorageError> {
        if !tx.ledger_is_first_look(vaults)? {
            return Ok(None);
        }
        let conn = tx.conn();
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let untriggered = Untriggered(conn);
        Ok(Some(Self {
            held: tx.prepare(HELD)?,
            spent: tx.prepare(SPENT)?,
            new_transaction: tx.prepare(NEW_TRANSACTION)?,
            new_coin: tx.prepare(NEW_COIN)?,
            _untriggered: untriggered,
        }))
    }

    /// Writes a match in a block. `false`, and nothing is written, if it isn't wholly new: its
    /// transaction is known, or a coin that it spends is spent.
    pub(super) fn apply(
        &mut self,
        tx: &WriteTx<'_>,
        found: &Match,
        transaction: &Transaction,
        block: &CheckedBlock,
        books: &mut Books,
    ) -> Result<bool, StorageError> {
        let (vault, txid) = (found.vault, found.txid.to_byte_array());
        let (height, time) = (block.id().height, block.time());
        let position = i64::try_from(found.position).unwrap_or(i64::MAX);
        let mut received = 0;
        for funded in &found.funds {
            received += codec::sat(funded.value)?;
        }
        let Some((spent, coins_spent)) = self.held(found)? else {
            return Ok(false);
        };
        let net = received - spent;
        let held = books.book(tx, vault, (height, position), net)?;
        let inserted = self.new_transaction.execute((
            vault.0,
            txid,
            serialize(transaction),
            height,
            block.id().hash.as_byte_array(),
            position,
            time,
            net,
            held,
        ))?;
        if inserted == 0 {
            books.close(vault);
            return Ok(false);
        }
        for outpoint in &found.spends {
            let coin = (outpoint.txid.to_byte_array(), outpoint.vout);
            self.spent
                .execute((vault.0, coin.0, coin.1, txid, height))?;
        }
        for funded in &found.funds {
            let place = (codec::number(funded.keychain), funded.index);
            self.new_coin.execute((
                vault.0,
                txid,
                funded.vout,
                codec::sat(funded.value)?,
                place.0,
                place.1,
                found.coinbase,
                height,
            ))?;
        }
        let received_coins = i64::try_from(found.funds.len()).unwrap_or(i64::MAX);
        books.sum_up(vault, time, net, received_coins - coins_spent);
        if !found.spends.is_empty() {
            tx.note_payees(vault, &found.txid, transaction)?;
        }
        Ok(true)
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
