//! Where to begin with a vault: at its birth, if that is known.

use super::{Run, Step, SyncError};
use quorate_chain::{ChainSource, ChainStatus};
use quorate_core::chain::BlockId;
use quorate_core::ledger::Birth;

/// Header times may be off by two hours.
const TIME_SLACK: u32 = 2 * 60 * 60;

/// When even the best block is older than a vault's birth, either no block has come for hours or the
/// chain's clock isn't ours (test chains). A day of blocks covers both.
const STALE_BLOCKS: u32 = 144;

impl Run<'_> {
    /// Places the cursors of new vaults at the last block before their birth. Those that may be as
    /// old as the chain have none until the first block is matched.
    pub(super) fn give_births(&mut self, status: &ChainStatus) -> Result<Step, SyncError> {
        let vaults = self.store.read(|tx| tx.ledger_vaults())?;
        for vault in vaults.iter().filter(|vault| vault.cursor.is_none()) {
            let first = match vault.birth {
                Birth::Height(height) => height,
                Birth::Time(time) => match first_block_since(self.source, status.tip, time)? {
                    Some(height) => height,
                    None => return Ok(Step::PlanAnew),
                },
            };
            let Some(last_before) = first.checked_sub(1) else {
                continue;
            };
            let height = last_before.min(status.tip.height);
            let Some(hash) = self.source.block_hash(height)? else {
                return Ok(Step::PlanAnew);
            };
            let block = BlockId { height, hash };
            let placed = self
                .store
                .write(|tx| tx.ledger_start_at(vault.row, block))?;
            if !placed {
                return Ok(Step::PlanAnew);
            }
        }
        Ok(Step::Done)
    }
}

/// The lowest block that may have been mined at `time` or later; `None` if the chain shrank.
pub(super) fn first_block_since(
    source: &dyn ChainSource,
    tip: BlockId,
    time: u32,
) -> Result<Option<u32>, SyncError> {
    let earliest = time.saturating_sub(TIME_SLACK);
    let Some(last) = source.block_time(tip.height)? else {
        return Ok(None);
    };
    if last < earliest {
        return Ok(Some(tip.height.saturating_sub(STALE_BLOCKS)));
    }
    let (mut low, mut high) = (0, tip.height);
    while low < high {
        let middle = low + (high - low) / 2;
        match source.block_time(middle)? {
            None => return Ok(None),
            Some(time) if time < earliest => low = middle + 1,
            Some(_) => high = middle,
        }
    }
    Ok(Some(low))
}
