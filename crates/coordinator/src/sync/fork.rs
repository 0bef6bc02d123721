//! Reorgs: noticing that a block we matched is no longer in the chain, whether or not another one
//! has taken its place, and going back to the last one that still is.

use super::{Run, Step, SyncError};
use quorate_core::chain::BlockId;

/// Remembered blocks compared at once; most reorgs are one or two deep.
const FIRST_LOOK: u32 = 4;

impl Run<'_> {
    /// Takes back what was matched on branches that the chain has left.
    pub(super) fn leave_dead_branches(&mut self) -> Result<Step, SyncError> {
        let (revision, vaults) = self
            .store
            .read(|tx| Ok::<_, SyncError>((tx.ledger_revision()?, tx.ledger_vaults()?)))?;
        let mut cursors: Vec<BlockId> = vaults.iter().filter_map(|vault| vault.cursor).collect();
        cursors.sort_unstable();
        cursors.dedup();
        let mut dead: Option<BlockId> = None;
        for cursor in cursors {
            if !self.in_chain(cursor)? {
                dead = Some(cursor); // the highest one stays
            }
        }
        let Some(dead) = dead else {
            return Ok(Step::Done);
        };
        self.took_back = true;
        match self.last_common_block(dead)? {
            Some(fork) => {
                let back = self.store.write(|tx| tx.ledger_roll_back(revision, fork))?;
                let Some(back) = back else {
                    return Ok(Step::PlanAnew);
                };
                let depth = self.report.reorg_depth.max(Some(back.depth));
                self.report.reorg_depth = depth;
            }
            None => {
                let standing = vaults.iter().filter_map(|v| Some((v, v.cursor?)));
                for (vault, cursor) in standing.filter(|(_, c)| c.height <= dead.height) {
                    let over = self
                        .store
                        .write(|tx| tx.ledger_start_over(vault.row, cursor))?;
                    if over {
                        self.report.started_over.push(vault.id);
                    }
                }
            }
        }
        // Others may stand on dead branches of their own.
        Ok(Step::PlanAnew)
    }

    /// The highest remembered block below `dead` that is in the chain.
    fn last_common_block(&mut self, dead: BlockId) -> Result<Option<BlockId>, SyncError> {
        let mut below = dead.height;
        let mut count = FIRST_LOOK;
        loop {
            let known = self.store.read(|tx| tx.ledger_blocks_below(below, count))?;
            let Some(lowest) = known.last() else {
                return Ok(None);
            };
            below = lowest.height;
            count *= 2;
            for block in known {
                if self.in_chain(block)? {
                    return Ok(Some(block));
                }
            }
        }
    }

    fn in_chain(&self, block: BlockId) -> Result<bool, SyncError> {
        // The best block needn't be asked for: that it stays so is seen at the end of the round.
        Ok(block == self.report.tip || self.source.block_hash(block.height)? == Some(block.hash))
    }
}
