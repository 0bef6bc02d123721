//! Between SQLite's values and checked types. A value that doesn't fit was not written by us.

use crate::StorageError;
use bitcoin::consensus::Encodable;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, BlockHash, OutPoint, Transaction, Txid};
use quorate_core::chain::BlockId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Coin, Spent};
use rusqlite::types::Type;
use rusqlite::{Error, Row};

pub(super) fn txid(row: &Row<'_>, column: usize) -> rusqlite::Result<Txid> {
    Ok(Txid::from_byte_array(row.get(column)?))
}

/// A block from two columns that are both NULL or both not.
pub(super) fn block(
    row: &Row<'_>,
    height: usize,
    hash: usize,
) -> rusqlite::Result<Option<BlockId>> {
    let Some(height) = row.get::<_, Option<u32>>(height)? else {
        return Ok(None);
    };
    Ok(Some(BlockId {
        height,
        hash: BlockHash::from_byte_array(row.get(hash)?),
    }))
}

pub(super) fn keychain(row: &Row<'_>, column: usize) -> rusqlite::Result<Keychain> {
    let index = usize::from(row.get::<_, u8>(column)?);
    Keychain::from_index(index).ok_or_else(|| {
        Error::FromSqlConversionFailure(column, Type::Integer, "no such keychain".into())
    })
}

/// How a transaction is stored.
pub(super) fn raw(transaction: &Transaction) -> Result<Vec<u8>, StorageError> {
    // At once as large as it gets: a sync writes tens of thousands.
    let mut raw = Vec::with_capacity(transaction.total_size());
    let written = transaction.consensus_encode(&mut raw);
    written.map_err(|error| StorageError::damaged(format!("a transaction: {error}")))?;
    Ok(raw)
}

/// How a keychain is stored.
pub(super) const fn number(keychain: Keychain) -> i64 {
    match keychain {
        Keychain::Receive => 0,
        Keychain::Change => 1,
    }
}

pub(super) fn amount(row: &Row<'_>, column: usize) -> rusqlite::Result<Amount> {
    let sat: i64 = row.get(column)?;
    u64::try_from(sat)
        .map(Amount::from_sat)
        .map_err(|_| Error::IntegralValueOutOfRange(column, sat))
}

/// Amounts are checked to be at most 21 million bitcoin before they come here.
pub(super) fn sat(amount: Amount) -> Result<i64, StorageError> {
    i64::try_from(amount.to_sat())
        .map_err(|_| StorageError::damaged(format!("{amount} is more than there is")))
}

/// The columns of [`coin`], in its order.
pub(super) const COIN: &str =
    "txid, vout, value, keychain, idx, height, coinbase, spent_by, spent_height";

/// A coin from the columns of [`COIN`].
pub(super) fn coin(row: &Row<'_>) -> rusqlite::Result<Coin> {
    Ok(Coin {
        outpoint: OutPoint::new(txid(row, 0)?, row.get(1)?),
        value: amount(row, 2)?,
        keychain: keychain(row, 3)?,
        index: row.get(4)?,
        height: row.get(5)?,
        coinbase: row.get(6)?,
        spent: spent(row, 7, 8)?,
    })
}

pub(super) fn spent(row: &Row<'_>, by: usize, height: usize) -> rusqlite::Result<Option<Spent>> {
    let Some(by) = row.get::<_, Option<[u8; 32]>>(by)? else {
        return Ok(None);
    };
    Ok(Some(Spent {
        by: Txid::from_byte_array(by),
        height: row.get(height)?,
    }))
}
