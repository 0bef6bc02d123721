//! Questions to the ledger. None of them reads more than it answers: their cost doesn't grow with
//! a vault's history.

use super::codec;
use crate::{ReadTx, StorageError};
use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Transaction, Txid};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Balance, Coin, Spent, TxStatus, VaultRow};
use rusqlite::OptionalExtension;
use std::collections::BTreeSet;

const BALANCE: &str = "SELECT confirmed_sat, pending_sat, coin_count, cursor_height
    FROM balances JOIN ledger_vault ON id = vault WHERE vault = ?1";
const TRANSACTION: &str = "SELECT raw FROM transactions WHERE txid = ?1 LIMIT 1";
const TX_STATUS: &str =
    "SELECT height, block_hash FROM transactions WHERE txid = ?1 AND vault = ?2";
const UNTIL: &str = "SELECT count(*), ifnull(sum(value), 0) FROM coins
    WHERE vault = ?1 AND spent_by IS NULL AND height <= ?2";
const LOWEST: &str = "SELECT height FROM coins
    WHERE vault = ?1 AND spent_by IS NULL AND height >= ?2 ORDER BY height LIMIT 1";
const HIGHEST: &str = "SELECT height FROM coins
    WHERE vault = ?1 AND spent_by IS NULL AND height >= ?2 ORDER BY height DESC LIMIT 1";
const REUSED: &str = "SELECT 1 FROM coins
    WHERE vault = ?1 AND keychain = ?2 AND idx = ?3 LIMIT 1 OFFSET 1";
const USED: &str = "SELECT DISTINCT idx FROM coins
    WHERE vault = ?1 AND keychain = ?2 AND idx >= ?3 AND idx < ?4";

/// Which unspent coins to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CoinFilter {
    /// In which order.
    pub order: CoinOrder,
    /// Only coins in blocks.
    pub confirmed_only: bool,
}

/// In which order to list coins. Each is total, and the same from one call to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CoinOrder {
    /// The largest first.
    #[default]
    LargestFirst,
    /// The smallest first.
    SmallestFirst,
    /// The oldest first; those in the mempool last.
    OldestFirst,
}

pub(super) fn coin_sql() -> String {
    let columns = codec::COIN;
    format!("SELECT {columns} FROM coins WHERE txid = ?1 AND vout = ?2 AND vault = ?3")
}

/// The lists that together make the answer, in order.
pub(super) fn coins_sql(filter: CoinFilter) -> Vec<String> {
    let columns = codec::COIN;
    let list = |condition: &str, order: &str| {
        format!(
            "SELECT {columns} FROM coins WHERE vault = ?1 AND spent_by IS NULL {condition}
             ORDER BY {order} LIMIT ?2"
        )
    };
    match (filter.order, filter.confirmed_only) {
        (CoinOrder::LargestFirst, false) => vec![list("", "value DESC, id DESC")],
        (CoinOrder::LargestFirst, true) => {
            vec![list("AND +height IS NOT NULL", "value DESC, id DESC")]
        }
        (CoinOrder::SmallestFirst, false) => vec![list("", "value, id")],
        (CoinOrder::SmallestFirst, true) => vec![list("AND +height IS NOT NULL", "value, id")],
        (CoinOrder::OldestFirst, true) => vec![list("AND height IS NOT NULL", "height, id")],
        (CoinOrder::OldestFirst, false) => vec![
            list("AND height IS NOT NULL", "height, id"),
            list("AND height IS NULL", "height, id"),
        ],
    }
}

impl ReadTx<'_> {
    /// The sums over a vault's unspent coins.
    pub fn ledger_balance(&self, vault: VaultRow) -> Result<Balance, StorageError> {
        let mut statement = self.prepare(BALANCE)?;
        let balance = statement.query_row([vault.0], |row| {
            let coins: i64 = row.get(2)?;
            Ok(Balance {
                confirmed: codec::amount(row, 0)?,
                pending: codec::amount(row, 1)?,
                coins: coins.unsigned_abs(),
                height: row.get(3)?,
            })
        });
        Ok(balance.optional()?.unwrap_or_default())
    }

    /// A vault's unspent coins, at most `limit`. A coin that a mempool transaction spends is spent.
    pub fn ledger_coins(
        &self,
        vault: VaultRow,
        filter: CoinFilter,
        limit: usize,
    ) -> Result<Vec<Coin>, StorageError> {
        let mut coins = Vec::new();
        for sql in coins_sql(filter) {
            let left = i64::try_from(limit.saturating_sub(coins.len())).unwrap_or(i64::MAX);
            let mut statement = self.prepare(&sql)?;
            for coin in statement.query_map((vault.0, left), codec::coin)? {
                coins.push(coin?);
            }
        }
        Ok(coins)
    }

    /// Number and sum of the unspent coins in blocks up to `height`. Reads as many coins as it counts.
    pub fn ledger_coins_until(
        &self,
        vault: VaultRow,
        height: u32,
    ) -> Result<(u64, u64), StorageError> {
        let mut statement = self.prepare(UNTIL)?;
        Ok(statement.query_row((vault.0, height), |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// The lowest and the highest block from `from` on that has an unspent coin.
    pub fn ledger_heights_from(
        &self,
        vault: VaultRow,
        from: u32,
    ) -> Result<(Option<u32>, Option<u32>), StorageError> {
        let one = |sql: &str| -> Result<Option<u32>, StorageError> {
            let mut statement = self.prepare(sql)?;
            Ok(statement
                .query_row((vault.0, from), |row| row.get(0))
                .optional()?)
        };
        Ok((one(LOWEST)?, one(HIGHEST)?))
    }

    /// One coin, spent or not.
    pub fn ledger_coin(
        &self,
        vault: VaultRow,
        outpoint: &OutPoint,
    ) -> Result<Option<Coin>, StorageError> {
        let mut statement = self.prepare(&coin_sql())?;
        let key = (outpoint.txid.as_byte_array(), outpoint.vout, vault.0);
        Ok(statement.query_row(key, codec::coin).optional()?)
    }

    /// Who spends an output of the vault; `None` if nobody does, or if it isn't the vault's.
    pub fn ledger_spender(
        &self,
        vault: VaultRow,
        outpoint: &OutPoint,
    ) -> Result<Option<Spent>, StorageError> {
        Ok(self
            .ledger_coin(vault, outpoint)?
            .and_then(|coin| coin.spent))
    }

    /// A transaction that concerns any vault, as it was on the wire.
    pub fn ledger_transaction(&self, txid: &Txid) -> Result<Option<Transaction>, StorageError> {
        let mut statement = self.prepare(TRANSACTION)?;
        let raw: Option<Vec<u8>> = statement
            .query_row([txid.as_byte_array()], |row| row.get(0))
            .optional()?;
        let Some(raw) = raw else {
            return Ok(None);
        };
        deserialize(&raw)
            .map(Some)
            .map_err(|error| StorageError::damaged(format!("transaction {txid}: {error}")))
    }

    /// What the chain source last said of a transaction.
    pub fn ledger_tx_status(&self, vault: VaultRow, txid: &Txid) -> Result<TxStatus, StorageError> {
        let mut statement = self.prepare(TX_STATUS)?;
        let block = statement
            .query_row((txid.as_byte_array(), vault.0), |row| {
                codec::block(row, 0, 1)
            })
            .optional()?;
        Ok(match block {
            None => TxStatus::NotSeen,
            Some(None) => TxStatus::Mempool,
            Some(Some(block)) => TxStatus::Confirmed(block),
        })
    }

    /// The highest index that was ever seen in use; a reorg doesn't lower it.
    pub fn ledger_highest_used(
        &self,
        vault: VaultRow,
        keychain: Keychain,
    ) -> Result<Option<u32>, StorageError> {
        Ok(self.highest(vault, keychain)?.0)
    }

    /// The first index beyond everything used or handed out.
    pub fn ledger_next_index(
        &self,
        vault: VaultRow,
        keychain: Keychain,
    ) -> Result<u32, StorageError> {
        let (used, revealed) = self.highest(vault, keychain)?;
        Ok(used
            .max(revealed)
            .map_or(0, |highest| highest.saturating_add(1)))
    }

    fn highest(
        &self,
        vault: VaultRow,
        keychain: Keychain,
    ) -> Result<(Option<u32>, Option<u32>), StorageError> {
        let mut statement = self.prepare(
            "SELECT used, revealed FROM ledger_keychain WHERE vault = ?1 AND keychain = ?2",
        )?;
        let highest = statement.query_row((vault.0, codec::number(keychain)), |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Ok(highest.optional()?.unwrap_or_default())
    }

    /// Whether an address was paid more than once.
    pub fn ledger_is_reused(
        &self,
        vault: VaultRow,
        keychain: Keychain,
        index: u32,
    ) -> Result<bool, StorageError> {
        let mut statement = self.prepare(REUSED)?;
        Ok(statement.exists((vault.0, codec::number(keychain), index))?)
    }

    /// Which indexes of `from..to` were paid to, spent since or not.
    pub fn ledger_used(
        &self,
        vault: VaultRow,
        keychain: Keychain,
        from: u32,
        to: u32,
    ) -> Result<BTreeSet<u32>, StorageError> {
        let mut statement = self.prepare(USED)?;
        let key = (vault.0, codec::number(keychain), from, to);
        let rows = statement.query_map(key, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
