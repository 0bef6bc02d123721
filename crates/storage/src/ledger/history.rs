//! A vault's transactions in the order of the chain or of their days, a page at a time: every page is
//! found by an index, whatever lies before and behind it.

use super::codec;
use crate::{ReadTx, StorageError};
use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::{Transaction, Txid};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{Coin, VaultRow};
use rusqlite::{OptionalExtension, Row};

const HELD: &str = "SELECT balance FROM transactions WHERE vault = ?1 AND height IS NOT NULL
    ORDER BY height DESC, position DESC LIMIT 1";
const HELD_BEFORE_DAY: &str =
    "SELECT ifnull(sum(net), 0) FROM ledger_days WHERE vault = ?1 AND day < ?2";
const SPOT: &str = "SELECT height, position FROM transactions WHERE txid = ?1 AND vault = ?2";
const BLOCK_TIME: &str = "SELECT block_time FROM transactions WHERE txid = ?1 AND vault = ?2";
const TIME: &str = "SELECT ifnull(block_time, first_seen) FROM transactions
    WHERE txid = ?1 AND vault = ?2";
const WAITING: &str =
    "SELECT txid, raw, height, block_hash, position, block_time, first_seen, balance
    FROM transactions WHERE vault = ?1 AND height IS NULL";
const OLDER: &str =
    "SELECT txid, raw, height, block_hash, position, block_time, first_seen, balance
    FROM transactions WHERE vault = ?1 AND (height, position) < (?2, ?3)
    ORDER BY height DESC, position DESC LIMIT ?4";
const NEWER: &str =
    "SELECT txid, raw, height, block_hash, position, block_time, first_seen, balance
    FROM transactions WHERE vault = ?1 AND (height, position) > (?2, ?3)
    ORDER BY height, position LIMIT ?4";
const OF_DAYS: &str =
    "SELECT txid, raw, height, block_hash, position, block_time, first_seen, balance
    FROM transactions
    WHERE vault = ?1 AND (block_time, height, position) > (?2, ?3, ?4) AND block_time < ?5
    ORDER BY block_time, height, position LIMIT ?6";
const COINS_OF: &str =
    "SELECT txid, vout, value, keychain, idx, height, coinbase, spent_by, spent_height
    FROM coins WHERE txid = ?1 AND vault = ?2 ORDER BY vout";
const SPENT_BY: &str =
    "SELECT txid, vout, value, keychain, idx, height, coinbase, spent_by, spent_height
    FROM coins WHERE spent_by = ?1 AND vault = ?2";

/// A transaction's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The block's height.
    pub height: u32,
    /// Its place in the block.
    pub position: u32,
}

impl Spot {
    /// Before all transactions.
    pub const START: Self = Self {
        height: 0,
        position: 0,
    };
    /// Behind all transactions.
    pub const END: Self = Self {
        height: u32::MAX,
        position: u32::MAX,
    };
}

/// From where a page goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From there to older ones.
    Older(Spot),
    /// From there to newer ones.
    Newer(Spot),
}

/// A transaction of a vault, with the vault's coins that it made and spent.
#[derive(Debug, Clone)]
pub struct Booked {
    /// Its id.
    pub txid: Txid,
    /// All of it.
    pub transaction: Transaction,
    /// Its block; `None` in the mempool.
    pub block: Option<BlockId>,
    /// Its place in the block.
    pub position: Option<u32>,
    /// The time in the block's header, seconds since 1970.
    pub block_time: Option<u32>,
    /// When it was first seen, seconds since 1970.
    pub first_seen: u32,
    /// What the vault held after it, in the order of the chain; `None` in the mempool.
    pub balance: Option<i64>,
    /// The vault's coins that it made, by their output.
    pub made: Vec<Coin>,
    /// The vault's coins that it spent.
    pub spent: Vec<Coin>,
}

impl Booked {
    /// Its place in the chain; `None` in the mempool.
    #[must_use]
    pub fn spot(&self) -> Option<Spot> {
        Some(Spot {
            height: self.block?.height,
            position: self.position?,
        })
    }
}

fn booked(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, Booked)> {
    let empty = Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: Vec::new(),
        output: Vec::new(),
    };
    Ok((
        row.get(1)?,
        Booked {
            txid: codec::txid(row, 0)?,
            transaction: empty,
            block: codec::block(row, 2, 3)?,
            position: row.get(4)?,
            block_time: row.get(5)?,
            first_seen: row.get(6)?,
            balance: row.get(7)?,
            made: Vec::new(),
            spent: Vec::new(),
        },
    ))
}

impl ReadTx<'_> {
    /// What a vault held after its last confirmed transaction. A coin that only the mempool spends
    /// is still held.
    pub fn ledger_held(&self, vault: VaultRow) -> Result<i64, StorageError> {
        let held = self.prepare(HELD)?.query_row([vault.0], |row| row.get(0));
        Ok(held.optional()?.unwrap_or(0))
    }

    /// What a vault held when the day began: by header time, UTC, counted from 1970.
    pub fn ledger_held_before_day(&self, vault: VaultRow, day: u32) -> Result<i64, StorageError> {
        let mut statement = self.prepare(HELD_BEFORE_DAY)?;
        Ok(statement.query_row((vault.0, day), |row| row.get(0))?)
    }

    /// Where one of the vault's transactions is: `Some(None)` in the mempool, `None` when it isn't
    /// one of them.
    pub fn ledger_spot(
        &self,
        vault: VaultRow,
        txid: &Txid,
    ) -> Result<Option<Option<Spot>>, StorageError> {
        let key = (txid.as_byte_array(), vault.0);
        let spot = self.prepare(SPOT)?.query_row(key, |row| {
            let height: Option<u32> = row.get(0)?;
            let position: Option<u32> = row.get(1)?;
            let both = height.zip(position);
            Ok(both.map(|(height, position)| Spot { height, position }))
        });
        Ok(spot.optional()?)
    }

    /// The header time of the block that has one of the vault's transactions.
    pub fn ledger_block_time(
        &self,
        vault: VaultRow,
        txid: &Txid,
    ) -> Result<Option<u32>, StorageError> {
        let key = (txid.as_byte_array(), vault.0);
        let time = self.prepare(BLOCK_TIME)?.query_row(key, |row| row.get(0));
        Ok(time.optional()?.flatten())
    }

    /// The header time of the block that has one of the vault's transactions, or when it was first seen.
    pub fn ledger_time(&self, vault: VaultRow, txid: &Txid) -> Result<Option<u32>, StorageError> {
        let key = (txid.as_byte_array(), vault.0);
        let time = self.prepare(TIME)?.query_row(key, |row| row.get(0));
        Ok(time.optional()?)
    }

    /// The transactions that wait in the mempool, in the order in which they came.
    pub fn ledger_waiting(&self, vault: VaultRow) -> Result<Vec<Booked>, StorageError> {
        let mut statement = self.prepare(WAITING)?;
        let rows = statement.query_map([vault.0], booked)?;
        let mut waiting = self.with_coins(vault, rows.collect::<Result<_, _>>()?)?;
        waiting.sort_by_key(|one| one.first_seen);
        Ok(waiting)
    }

    /// Confirmed transactions in the order of the chain, `limit` at most. The one at the given spot
    /// isn't among them.
    pub fn ledger_history(
        &self,
        vault: VaultRow,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Booked>, StorageError> {
        let (sql, spot) = match order {
            Order::Older(spot) => (OLDER, spot),
            Order::Newer(spot) => (NEWER, spot),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map((vault.0, spot.height, spot.position, limit), booked)?;
        self.with_coins(vault, rows.collect::<Result<_, _>>()?)
    }

    /// Confirmed transactions whose header time is from `from` on and before `to`, in the order of
    /// these times, and of the chain where they are equal; `limit` at most. With `after` those behind
    /// that one.
    pub fn ledger_of_days(
        &self,
        vault: VaultRow,
        (from, to): (u32, u32),
        after: Option<&Booked>,
        limit: usize,
    ) -> Result<Vec<Booked>, StorageError> {
        let start = (i64::from(from) - 1, u32::MAX, u32::MAX);
        let behind = after.and_then(|one| {
            let spot = one.spot()?;
            Some((i64::from(one.block_time?), spot.height, spot.position))
        });
        let (time, height, position) = behind.unwrap_or(start);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.prepare(OF_DAYS)?;
        let rows = statement.query_map((vault.0, time, height, position, to, limit), booked)?;
        self.with_coins(vault, rows.collect::<Result<_, _>>()?)
    }

    fn with_coins(
        &self,
        vault: VaultRow,
        rows: Vec<(Vec<u8>, Booked)>,
    ) -> Result<Vec<Booked>, StorageError> {
        let list = |sql: &str, txid: &Txid| -> Result<Vec<Coin>, StorageError> {
            let mut statement = self.prepare(sql)?;
            let coins = statement.query_map((txid.as_byte_array(), vault.0), codec::coin)?;
            Ok(coins.collect::<Result<_, _>>()?)
        };
        let mut all = Vec::with_capacity(rows.len());
        for (raw, mut one) in rows {
            let txid = one.txid;
            one.transaction = deserialize(&raw)
                .map_err(|error| StorageError::damaged(format!("transaction {txid}: {error}")))?;
            one.made = list(COINS_OF, &txid)?;
            one.spent = list(SPENT_BY, &txid)?;
            all.push(one);
        }
        Ok(all)
    }
}
