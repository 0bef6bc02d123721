//! The chain as we followed it: cursors, the last blocks' hashes, and going back when it turns out
//! that the chain went another way.

use super::codec;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::Txid;
use bitcoin::hashes::Hash;
use quorate_core::chain::BlockId;
use quorate_core::ledger::VaultRow;
use std::collections::BTreeSet;

/// Blocks remembered below the lowest cursor: two weeks. A reorg deeper than that starts the vaults
/// anew.
const WINDOW: u32 = 2016;

// CROSS JOIN keeps the vaults in the outer loop.
const ABOVE: &str = "SELECT t.txid FROM ledger_vault v CROSS JOIN transactions t
    ON t.vault = v.id AND t.height > ?1";

/// What going back did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollback {
    /// How many blocks the vaults lost that had come furthest.
    pub depth: u32,
}

impl ReadTx<'_> {
    /// The furthest block matched for any vault.
    pub fn ledger_tip(&self) -> Result<Option<BlockId>, StorageError> {
        Ok(self.ledger_blocks_below(u32::MAX, 1)?.pop())
    }

    /// The block remembered at `height`, if one is.
    pub(super) fn ledger_block_at(&self, height: u32) -> Result<Option<BlockId>, StorageError> {
        let mut below = self.ledger_blocks_below(height.saturating_add(1), 1)?;
        Ok(below.pop().filter(|known| known.height == height))
    }

    /// Remembered blocks under `height`, the highest first, at most `count`.
    pub fn ledger_blocks_below(
        &self,
        height: u32,
        count: u32,
    ) -> Result<Vec<BlockId>, StorageError> {
        let mut statement = self.prepare(
            "SELECT height, hash FROM blocks WHERE height < ?1 ORDER BY height DESC LIMIT ?2",
        )?;
        let rows = statement.query_map((height, count), |row| codec::block(row, 0, 1))?;
        let blocks: Vec<Option<BlockId>> = rows.collect::<Result<_, _>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }
}

impl WriteTx<'_> {
    /// Goes back to `fork`, the last block that is still in the chain: everything above is
    /// unconfirmed again until a block or the mempool shows it anew, except coinbases, which are
    /// gone. `None` if the ledger isn't at `revision` any more.
    pub fn ledger_roll_back(
        &self,
        revision: i64,
        fork: BlockId,
    ) -> Result<Option<Rollback>, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(None);
        }
        let top: Option<u32> = self
            .prepare("SELECT max(cursor_height) FROM ledger_vault")?
            .query_row([], |row| row.get(0))?;
        let above: BTreeSet<Txid> = self
            .prepare(ABOVE)?
            .query_map([fork.height], |row| codec::txid(row, 0))?
            .collect::<Result<_, _>>()?;
        for txid in &above {
            self.unconfirm(txid)?;
        }
        self.prepare(
            "UPDATE ledger_vault SET cursor_height = ?1, cursor_hash = ?2, cursor_time = NULL
             WHERE cursor_height > ?1",
        )?
        .execute((fork.height, fork.hash.as_byte_array()))?;
        self.prepare("DELETE FROM blocks WHERE height > ?1")?
            .execute([fork.height])?;
        self.ledger_touch()?;
        Ok(Some(Rollback {
            depth: top.unwrap_or(0).saturating_sub(fork.height),
        }))
    }

    /// Forgets everything about a vault whose last matched block, `cursor`, left the chain so long
    /// ago that no common block is remembered; it starts at its birth again. `false` if its cursor
    /// isn't there any more.
    pub fn ledger_start_over(
        &self,
        vault: VaultRow,
        cursor: BlockId,
    ) -> Result<bool, StorageError> {
        if self.ledger_cursor(vault)? != Some(cursor) {
            return Ok(false);
        }
        // All blocks remembered up to its cursor are of the chain that is gone.
        self.prepare(
            "DELETE FROM blocks WHERE height <=
             (SELECT cursor_height FROM ledger_vault WHERE id = ?1)",
        )?
        .execute([vault.0])?;
        self.forget(vault)?;
        Ok(true)
    }

    /// Empties a vault's part of the ledger, except for its scripts.
    pub(super) fn forget(&self, vault: VaultRow) -> Result<(), StorageError> {
        self.tell_rescan(vault)?;
        for sql in [
            "DELETE FROM coins WHERE vault = ?1",
            "DELETE FROM transactions WHERE vault = ?1",
            "UPDATE ledger_vault SET cursor_height = NULL, cursor_hash = NULL, cursor_time = NULL,
                 rescan_to = NULL WHERE id = ?1",
        ] {
            self.prepare(sql)?.execute([vault.0])?;
        }
        // Its part of the mempool has to be found again.
        self.prepare("DELETE FROM mempool_seen")?.execute([])?;
        self.prune_blocks()?;
        self.ledger_touch()
    }

    /// Removes remembered blocks that nobody needs: far below every cursor, or above all of them.
    pub(super) fn prune_blocks(&self) -> Result<(), StorageError> {
        self.prepare(
            "DELETE FROM blocks
             WHERE height < (SELECT min(cursor_height) FROM ledger_vault) - ?1",
        )?
        .execute([WINDOW])?;
        self.prepare(
            "DELETE FROM blocks
             WHERE height > (SELECT ifnull(max(cursor_height), -1) FROM ledger_vault)",
        )?
        .execute([])?;
        Ok(())
    }

    /// Remembers a block. `false`, and nothing is changed, if another one is remembered at its
    /// height: then the vaults that came there are on a branch that has been left.
    pub(super) fn remember_block(&self, block: BlockId) -> Result<bool, StorageError> {
        if let Some(known) = self.ledger_block_at(block.height)? {
            return Ok(known == block);
        }
        self.prepare("INSERT INTO blocks (height, hash) VALUES (?1, ?2)")?
            .execute((block.height, block.hash.as_byte_array()))?;
        Ok(true)
    }
}
