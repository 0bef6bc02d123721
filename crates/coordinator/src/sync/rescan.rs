//! Where a rescan begins: found out before anything is changed.

use super::birth::first_block_since;
use super::{Run, SyncError};
use quorate_chain::{ChainSource, ChainStatus};
use quorate_core::chain::BlockId;
use quorate_core::ledger::Birth;

/// Where a rescan begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// The first block to look at.
    pub(crate) first: u32,
    /// The block before it.
    pub(crate) before: BlockId,
    /// Header time of the first block.
    pub(crate) time: u32,
}

/// Finds where to begin; `None` if `from` is above the tip, or the chain moved meanwhile.
pub(crate) fn start(
    source: &dyn ChainSource,
    status: &ChainStatus,
    from: Birth,
) -> Result<Option<Start>, SyncError> {
    Run::check_caught_up(source, status)?;
    let first = match from {
        Birth::Height(height) => Some(height),
        Birth::Time(time) => first_block_since(source, status.tip, time)?,
    };
    // Nobody can be paid in the first block: what it mints can't be spent.
    let Some(first) = first.map(|first| first.max(1)) else {
        return Ok(None);
    };
    let Some(hash) = source.block_hash(first - 1)? else {
        return Ok(None);
    };
    let before = BlockId {
        height: first - 1,
        hash,
    };
    let time = source.block_time(first)?;
    Ok(time.map(|time| Start {
        first,
        before,
        time,
    }))
}
