//! What a vault held after each of its confirmed transactions, in the order of the chain. Blocks mostly come
//! in that order, and then each figure follows from the one before. A rescan, and a source that serves
//! histories, bring what lies further below; then the figures above are reckoned anew.

use crate::{StorageError, WriteTx};
use quorate_core::ledger::VaultRow;
use rusqlite::{OptionalExtension, Row};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const DAY_SECONDS: u32 = 86_400;

/// Height, and place in the block.
pub(super) type Spot = (u32, i64);

const LAST: &str = "SELECT height, position, balance FROM transactions
    WHERE vault = ?1 AND height IS NOT NULL ORDER BY height DESC, position DESC LIMIT 1";
const HELD: &str =
    "UPDATE balances SET confirmed_sat = confirmed_sat + ?2, coin_count = coin_count + ?3
    WHERE vault = ?1";
const DAY: &str = "INSERT INTO ledger_days (vault, day, net) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET net = net + excluded.net";
const BEFORE: &str = "SELECT balance FROM transactions
    WHERE vault = ?1 AND (height, position) < (?2, ?3)
    ORDER BY height DESC, position DESC LIMIT 1";
const REBOOK: &str = "UPDATE transactions SET balance = running.held FROM
    (SELECT id, ?4 + sum(net) OVER (ORDER BY height, position) AS held FROM transactions
     WHERE vault = ?1 AND (height, position) >= (?2, ?3) AND (height, position) < (?5, ?6)) AS running
    WHERE running.id = transactions.id";
const FURTHER: &str = "SELECT height, position FROM transactions
    WHERE vault = ?1 AND (height, position) >= (?2, ?3)
    ORDER BY height, position LIMIT 1 OFFSET ?4";

/// Lines reckoned anew by one statement: what undoes it is kept in memory.
const PIECE: u32 = 1_000;

/// The figures of one batch.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// The last confirmed transaction of each vault, and what the vault held after it.
    last: BTreeMap<VaultRow, (Option<Spot>, i64)>,
    /// From where on the figures of a vault have to be reckoned anew.
    disturbed: BTreeMap<VaultRow, Spot>,
    /// What triggers didn't add up, by vault: money in blocks, and coins.
    balances: BTreeMap<VaultRow, (i64, i64)>,
    /// The same by vault and day.
    days: BTreeMap<(VaultRow, u32), i64>,
    /// How many transactions these were.
    summed_up: u64,
}

impl Books {
    /// What the vault holds after a transaction at `spot` that changes it by `net`.
    pub(super) fn book(
        &mut self,
        tx: &WriteTx<'_>,
        vault: VaultRow,
        spot: Spot,
        net: i64,
    ) -> Result<i64, StorageError> {
        let (last, held) = match self.last.entry(vault) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(tx.last_booked(vault)?),
        };
        *held += net;
        let held = *held;
        if last.is_some_and(|last| spot < last) {
            self.disturb(vault, spot);
        } else {
            *last = Some(spot);
        }
        Ok(held)
    }

    /// Counts what no trigger has seen: by how much a block's transaction changed what the vault holds, and
    /// the number of its coins.
    pub(super) fn sum_up(&mut self, vault: VaultRow, time: u32, net: i64, coins: i64) {
        let balance = self.balances.entry(vault).or_default();
        *balance = (balance.0 + net, balance.1 + coins);
        *self.days.entry((vault, time / DAY_SECONDS)).or_default() += net;
        self.summed_up += 1;
    }

    /// How many transactions were counted that way.
    pub(super) const fn summed_up(&self) -> u64 {
        self.summed_up
    }

    /// Adds what was counted to what triggers add to: before the first of them runs again.
    pub(super) fn write_sums(&mut self, tx: &WriteTx<'_>) -> Result<(), StorageError> {
        for (vault, (net, coins)) in std::mem::take(&mut self.balances) {
            tx.prepare(HELD)?.execute((vault.0, net, coins))?;
        }
        for ((vault, day), net) in std::mem::take(&mut self.days) {
            tx.prepare(DAY)?.execute((vault.0, day, net))?;
        }
        Ok(())
    }

    /// Something at `spot` isn't what it was.
    pub(super) fn disturb(&mut self, vault: VaultRow, spot: Spot) {
        let lowest = self.disturbed.entry(vault).or_insert(spot);
        *lowest = spot.min(*lowest);
    }

    /// Makes the figures right again. As many lines are read as lie above what was disturbed.
    pub(super) fn settle(mut self, tx: &WriteTx<'_>) -> Result<(), StorageError> {
        self.write_sums(tx)?;
        for (vault, spot) in self.disturbed {
            tx.rebook(vault, spot)?;
        }
        Ok(())
    }
}

impl WriteTx<'_> {
    fn last_booked(&self, vault: VaultRow) -> Result<(Option<Spot>, i64), StorageError> {
        let last = self.prepare(LAST)?.query_row([vault.0], |row| {
            Ok((Some((row.get(0)?, row.get(1)?)), row.get(2)?))
        });
        Ok(last.optional()?.unwrap_or_default())
    }

    /// Reckons what the vault held from `from` on.
    pub(super) fn rebook(&self, vault: VaultRow, mut from: Spot) -> Result<(), StorageError> {
        let place = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        loop {
            let further = self
                .prepare(FURTHER)?
                .query_row((vault.0, from.0, from.1, PIECE), place)
                .optional()?;
            let until: Spot = further.unwrap_or((u32::MAX, i64::MAX));
            let before: Option<i64> = self
                .prepare(BEFORE)?
                .query_row((vault.0, from.0, from.1), |row| row.get(0))
                .optional()?;
            let held = before.unwrap_or(0);
            self.prepare(REBOOK)?
                .execute((vault.0, from.0, from.1, held, until.0, until.1))?;
            match further {
                Some(further) => from = further,
                None => return Ok(()),
            }
        }
    }
}
