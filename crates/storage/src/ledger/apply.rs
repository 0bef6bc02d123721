//! Writing matches into the tables. A block has the last word: its transactions displace mempool
//! transactions that spend the same coins. The other way round never happens.

use super::books::{Books, Spot};
use super::codec;
use crate::{StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Transaction, Txid};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{Match, VaultRow};
use rusqlite::OptionalExtension;

/// Where a matched transaction was found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// In this block.
    Block(BlockId),
    /// Waiting.
    Mempool,
}

impl Place {
    fn height(self) -> Option<u32> {
        match self {
            Self::Block(block) => Some(block.height),
            Self::Mempool => None,
        }
    }
}

impl WriteTx<'_> {
    /// Writes one match. Returns whether the transaction is new to the vault. `seen` is when, in
    /// seconds since 1970: of a block the time in its header.
    pub(super) fn apply(
        &self,
        found: &Match,
        tx: &Transaction,
        place: Place,
        seen: u32,
        books: &mut Books,
    ) -> Result<bool, StorageError> {
        let mut net = 0;
        for funded in &found.funds {
            net += codec::sat(funded.value)?;
        }
        for outpoint in &found.spends {
            net -= self.spend(found.vault, outpoint, &found.txid, place)?;
        }
        let new = self.put_transaction(found, tx, place, seen, net, books)?;
        self.put_coins(found, place)?;
        if !found.spends.is_empty() {
            self.note_payees(found.vault, &found.txid, tx)?;
        }
        Ok(new)
    }

    fn put_transaction(
        &self,
        found: &Match,
        tx: &Transaction,
        place: Place,
        seen: u32,
        net: i64,
        books: &mut Books,
    ) -> Result<bool, StorageError> {
        let (height, hash, position) = match place {
            Place::Block(block) => (
                Some(block.height),
                Some(block.hash.to_byte_array()),
                Some(i64::try_from(found.position).unwrap_or(i64::MAX)),
            ),
            Place::Mempool => (None, None, None),
        };
        let spot = height.zip(position);
        let book = |books: &mut Books| -> Result<_, StorageError> {
            let booked = match spot {
                Some(spot) => Some((seen, net, books.book(self, found.vault, spot, net)?)),
                None => None,
            };
            Ok((
                booked.map(|booked| booked.0),
                booked.map(|booked| booked.1),
                booked.map(|booked| booked.2),
            ))
        };
        let txid = found.txid.to_byte_array();
        // Looking first spares the serialization when it is known, which is the usual case for a
        // transaction that moves from the mempool to a block.
        let known: Option<(Option<[u8; 32]>, Option<Spot>)> = self
            .prepare(
                "SELECT block_hash, height, position FROM transactions
                 WHERE txid = ?1 AND vault = ?2",
            )?
            .query_row((txid, found.vault.0), |row| {
                let height: Option<u32> = row.get(1)?;
                Ok((row.get(0)?, height.zip(row.get(2)?)))
            })
            .optional()?;
        match known {
            None => {
                let (time, net, held) = book(books)?;
                self.prepare(
                    "INSERT INTO transactions
                     (vault, txid, raw, height, block_hash, position, first_seen, block_time, net, balance)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute((
                    found.vault.0,
                    txid,
                    codec::raw(tx)?,
                    height,
                    hash,
                    position,
                    seen,
                    time,
                    net,
                    held,
                ))?;
                Ok(true)
            }
            Some((known, before)) => {
                if hash.is_some() && known != hash {
                    // Shown in two blocks, which can't be: the later one counts, and it only.
                    if let Some(before) = before {
                        books.disturb(found.vault, before);
                    }
                    let (time, net, held) = book(books)?;
                    self.prepare(
                        "UPDATE transactions SET height = ?3, block_hash = ?4, position = ?5,
                             block_time = ?6, net = ?7, balance = ?8
                         WHERE txid = ?1 AND vault = ?2",
                    )?
                    .execute((
                        txid,
                        found.vault.0,
                        height,
                        hash,
                        position,
                        time,
                        net,
                        held,
                    ))?;
                } else if let Some(spot) = spot.filter(|_| hash.is_some()) {
                    // Where it was; but a coin that it spends may have become known since.
                    let changed = self
                        .prepare(
                            "UPDATE transactions SET net = ?3
                             WHERE txid = ?1 AND vault = ?2 AND net IS NOT ?3",
                        )?
                        .execute((txid, found.vault.0, net))?;
                    if changed > 0 {
                        books.disturb(found.vault, spot);
                    }
                }
                Ok(false)
            }
        }
    }

    fn put_coins(&self, found: &Match, place: Place) -> Result<(), StorageError> {
        // A mempool match never takes a coin's height away: NULL doesn't replace anything.
        let mut put = self.prepare(
            "INSERT INTO coins (vault, txid, vout, value, keychain, idx, coinbase, height)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (txid, vout, vault) DO UPDATE SET height = excluded.height
             WHERE excluded.height IS NOT NULL AND height IS NOT excluded.height",
        )?;
        let txid = found.txid.to_byte_array();
        for funded in &found.funds {
            put.execute((
                found.vault.0,
                txid,
                funded.vout,
                codec::sat(funded.value)?,
                codec::number(funded.keychain),
                funded.index,
                found.coinbase,
                place.height(),
            ))?;
        }
        Ok(())
    }

    /// Returns what the coin was worth.
    fn spend(
        &self,
        vault: VaultRow,
        outpoint: &OutPoint,
        by: &Txid,
        place: Place,
    ) -> Result<i64, StorageError> {
        let key = (vault.0, outpoint.txid.to_byte_array(), outpoint.vout);
        let coin = self
            .prepare(
                "SELECT spent_by, spent_height, value FROM coins
                 WHERE vault = ?1 AND txid = ?2 AND vout = ?3",
            )?
            .query_row(key, |row| Ok((codec::spent(row, 0, 1)?, row.get(2)?)))
            .optional()?;
        let (current, value) = coin.unwrap_or((None, 0));
        if let Some(spent) = current {
            match (place, spent.height) {
                (Place::Mempool, Some(_)) => return Ok(value),
                _ if spent.by == *by => {}
                (Place::Block(block), Some(height))
                    if self.is_in_the_chain(vault, &spent.by, height, block)? =>
                {
                    return Err(StorageError::SpentTwice {
                        coin: *outpoint,
                        spenders: [(spent.by, height), (*by, block.height)],
                    });
                }
                _ => self.evict(&spent.by)?,
            }
        }
        self.prepare(
            "UPDATE coins SET spent_by = ?4, spent_height = ?5
             WHERE vault = ?1 AND txid = ?2 AND vout = ?3
               AND (spent_by IS NOT ?4 OR spent_height IS NOT ?5)",
        )?
        .execute((key.0, key.1, key.2, by.to_byte_array(), place.height()))?;
        Ok(value)
    }

    /// Whether a transaction that the ledger has in a block at `height` is in the chain whose block `reached`
    /// is being matched. While a vault is looked at anew it may have some of a chain that was left long ago, but
    /// only above what has been matched: below, `make_room` has taken that out.
    fn is_in_the_chain(
        &self,
        vault: VaultRow,
        txid: &Txid,
        height: u32,
        reached: BlockId,
    ) -> Result<bool, StorageError> {
        let Some(block) = self.ledger_block_at(height)? else {
            let cursor = self.ledger_cursor(vault)?.map(|cursor| cursor.height);
            return Ok(height <= reached.height.max(cursor.unwrap_or(0)));
        };
        let place = "SELECT 1 FROM transactions WHERE txid = ?1 AND vault = ?2 AND block_hash = ?3";
        let key = (txid.to_byte_array(), vault.0, block.hash.to_byte_array());
        Ok(self.prepare(place)?.exists(key)?)
    }

    /// Removes a transaction that can't happen any more, or isn't listed any more: what it paid is
    /// gone, what it spent is unspent. Confirmed transactions stay. What spent its coins is left to
    /// the mempool's own difference.
    pub(super) fn evict(&self, txid: &Txid) -> Result<(), StorageError> {
        let key = [txid.to_byte_array()];
        for sql in [
            "UPDATE coins SET spent_by = NULL WHERE spent_by = ?1 AND spent_height IS NULL",
            "DELETE FROM coins WHERE txid = ?1 AND height IS NULL",
            "DELETE FROM transactions WHERE txid = ?1 AND height IS NULL",
        ] {
            self.prepare(sql)?.execute(key)?;
        }
        self.unsee(txid)
    }

    /// Takes a transaction back out of its block. A mined one is gone with the block; every other
    /// one waits to be mined again, and is dropped when the mempool doesn't list it.
    pub(super) fn unconfirm(&self, txid: &Txid) -> Result<(), StorageError> {
        let key = [txid.to_byte_array()];
        for sql in [
            "DELETE FROM coins WHERE txid = ?1 AND coinbase = 1",
            "UPDATE coins SET height = NULL WHERE txid = ?1",
            "UPDATE coins SET spent_height = NULL WHERE spent_by = ?1",
            "DELETE FROM transactions WHERE txid = ?1 AND position = 0",
            "UPDATE transactions SET height = NULL, block_hash = NULL, position = NULL,
                 block_time = NULL, net = NULL, balance = NULL
             WHERE txid = ?1",
        ] {
            self.prepare(sql)?.execute(key)?;
        }
        Ok(())
    }

    pub(super) fn unsee(&self, txid: &Txid) -> Result<(), StorageError> {
        self.prepare("DELETE FROM mempool_seen WHERE txid = ?1")?
            .execute([txid.to_byte_array()])?;
        Ok(())
    }
}
