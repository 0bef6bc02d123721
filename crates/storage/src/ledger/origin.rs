//! Where a vault's figures come from, and looking at its blocks again.

use super::codec;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Txid};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{Birth, CheckedBlock, VaultRow};
use rusqlite::OptionalExtension;
use std::collections::{BTreeMap, BTreeSet};

const ORIGIN: &str = "SELECT cursor_height, cursor_time, source, synced_at, rescan_to, cursor_hash
     FROM ledger_vault WHERE id = ?1 AND cursor_height IS NOT NULL";

const RESCANS: &str = "SELECT id, cursor_height FROM ledger_vault
     WHERE rescan_to IS NOT NULL AND cursor_height IS NOT NULL";

/// Confirmed in a span of blocks, for one vault.
const CONFIRMED: &str = "SELECT txid, block_hash FROM transactions
     WHERE vault = ?1 AND height BETWEEN ?2 AND ?3";

/// Where a vault's figures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The last block looked at.
    pub height: u32,
    /// Its header time, seconds since 1970.
    pub time: Option<u32>,
    /// The source that said so; `None` where it was written before that was remembered.
    pub source: Option<String>,
    /// When, seconds since 1970.
    pub synced_at: Option<u64>,
    /// While a rescan is under way, the block up to which figures were known before it.
    pub rescan_to: Option<u32>,
}

impl ReadTx<'_> {
    /// Where a vault's figures come from; `None` if it was never looked at. One row is read.
    pub fn ledger_origin(&self, vault: VaultRow) -> Result<Option<Origin>, StorageError> {
        let mut statement = self.prepare(ORIGIN)?;
        let row = statement.query_row([vault.0], |row| {
            let origin = Origin {
                height: row.get(0)?,
                time: row.get(1)?,
                source: row.get(2)?,
                synced_at: row.get(3)?,
                rescan_to: row.get(4)?,
            };
            Ok((origin, BlockHash::from_byte_array(row.get(5)?)))
        });
        let row = row.optional()?;
        Ok(row.map(|(origin, hash)| self.looked_again(origin, hash)))
    }

    /// What is known of these figures may have been seen once more since it was written.
    fn looked_again(&self, mut origin: Origin, hash: BlockHash) -> Origin {
        let height = origin.height;
        if let Some(look) = self.last_look()
            && look.tip == (BlockId { height, hash })
            && Some(&look.source) == origin.source.as_ref()
        {
            origin.synced_at = origin.synced_at.max(Some(look.at));
        }
        origin
    }

    /// The vaults under rescan, each with the height it has come to.
    pub fn ledger_rescans(&self) -> Result<BTreeMap<VaultRow, u32>, StorageError> {
        let mut statement = self.prepare(RESCANS)?;
        let rows = statement.query_map([], |row| Ok((VaultRow(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl WriteTx<'_> {
    /// Says who told what these vaults' part of the ledger says, and when. `time` is the header time
    /// of the block they stand at, if it is known.
    pub fn ledger_said(
        &self,
        vaults: &BTreeSet<VaultRow>,
        source: &str,
        time: Option<u32>,
        now: u32,
    ) -> Result<(), StorageError> {
        let mut said = self.prepare(
            "UPDATE ledger_vault
             SET source = ?2, cursor_time = ifnull(?3, cursor_time), synced_at = ?4 WHERE id = ?1",
        )?;
        for vault in vaults {
            said.execute((vault.0, source, time, now))?;
        }
        Ok(())
    }

    /// Has a vault's blocks after `block` matched again. What is known of them stays until they are,
    /// so that a rescan that is killed in the middle has lost nothing. `birth` is kept if it is
    /// given. `false`, and nothing is changed, if `block` isn't of the chain that was followed.
    ///
    /// A vault that hasn't come so far yet goes on where it is: nothing is left out.
    pub fn ledger_rescan(
        &self,
        vault: VaultRow,
        block: BlockId,
        birth: Option<Birth>,
    ) -> Result<bool, StorageError> {
        let cursor = self.ledger_cursor(vault)?;
        if cursor.is_some_and(|cursor| cursor.height > block.height) {
            if !self.remember_block(block)? {
                return Ok(false);
            }
            self.prepare(
                "UPDATE ledger_vault SET rescan_to = max(ifnull(rescan_to, 0), cursor_height),
                     cursor_height = ?2, cursor_hash = ?3, cursor_time = NULL WHERE id = ?1",
            )?
            .execute((vault.0, block.height, block.hash.as_byte_array()))?;
            // Nobody would notice if the chain left blocks above all cursors.
            self.prune_blocks()?;
        }
        // Histories are to be looked at again too, changed or not.
        self.prepare("DELETE FROM script_status WHERE vault = ?1")?
            .execute([vault.0])?;
        if let Some(birth) = birth {
            let (height, time) = super::vaults::columns(birth);
            self.prepare(
                "UPDATE ledger_vault SET birth_height = ?2, birth_time = ?3 WHERE id = ?1",
            )?
            .execute((vault.0, height, time))?;
        }
        self.ledger_touch()?;
        Ok(true)
    }

    /// Ends the rescans of vaults that have come to `tip`: what was known above it isn't there any
    /// more. Returns whether there was one.
    pub fn ledger_rescanned(&self, tip: BlockId) -> Result<bool, StorageError> {
        let vaults: Vec<i64> = self
            .prepare(
                "SELECT id FROM ledger_vault
                 WHERE rescan_to IS NOT NULL AND cursor_height = ?1 AND cursor_hash = ?2",
            )?
            .query_map((tip.height, tip.hash.as_byte_array()), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for &vault in &vaults {
            let above = tip.height.saturating_add(1);
            self.drop_stale(VaultRow(vault), above, u32::MAX, &BTreeSet::new())?;
            self.prepare("UPDATE ledger_vault SET rescan_to = NULL WHERE id = ?1")?
                .execute([vault])?;
        }
        if !vaults.is_empty() {
            self.ledger_touch()?;
        }
        Ok(!vaults.is_empty())
    }

    /// Before what lies up to `to` is matched for vaults under rescan: what was confirmed there in other
    /// blocks than these is no longer so.
    pub(super) fn make_room(
        &self,
        vaults: &BTreeSet<VaultRow>,
        blocks: &[CheckedBlock],
        to: u32,
    ) -> Result<(), StorageError> {
        let hashes = blocks.iter().map(|block| block.id().hash).collect();
        for (vault, cursor) in self.ledger_rescans()? {
            if vaults.contains(&vault) {
                self.drop_stale(vault, cursor.saturating_add(1), to, &hashes)?;
            }
        }
        Ok(())
    }

    /// Takes out of their blocks the vault's transactions between two heights that aren't in one of
    /// `blocks`.
    fn drop_stale(
        &self,
        vault: VaultRow,
        from: u32,
        to: u32,
        blocks: &BTreeSet<BlockHash>,
    ) -> Result<(), StorageError> {
        let found: Vec<(Txid, BlockHash)> = self
            .prepare(CONFIRMED)?
            .query_map((vault.0, from, to), |row| {
                let hash = BlockHash::from_byte_array(row.get(1)?);
                Ok((codec::txid(row, 0)?, hash))
            })?
            .collect::<Result<_, _>>()?;
        let mut some = false;
        for (txid, block) in found {
            if !blocks.contains(&block) {
                self.unconfirm(&txid)?;
                some = true;
            }
        }
        if some {
            self.rebook(vault, (from, 0))?;
        }
        Ok(())
    }
}
