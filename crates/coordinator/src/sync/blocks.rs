//! Blocks, in batches: fetched and checked with no transaction open, then matched and written in one.

use super::{Run, Step, SyncError, SyncProgress, next_height, standing_at};
use quorate_chain::{ChainError, ChainStatus};
use quorate_core::chain::BlockId;
use quorate_core::ledger::CheckedBlock;

/// Blocks in the first batch.
pub(super) const FIRST_CHUNK: u32 = 20;
/// Blocks in a batch at most.
const LARGEST_CHUNK: u32 = 200;
/// Bytes a batch should have: what bounds memory, and the time others wait for the write lock.
const CHUNK_BYTES: u64 = 8 << 20;

impl Run<'_> {
    /// Matches all blocks up to the tip. Vaults that are behind go first and are joined by the others
    /// where those stand, so that no block is read twice.
    pub(super) fn follow_blocks(&mut self, status: &ChainStatus) -> Result<Step, SyncError> {
        loop {
            let vaults = self.followed(status)?;
            let Some(last) = vaults.iter().min_by_key(|vault| next_height(vault)) else {
                return Ok(Step::Done);
            };
            let from = next_height(last);
            if from > status.tip.height {
                // At the height of the tip, but is it that block?
                let there = vaults.iter().all(|vault| vault.cursor == Some(status.tip));
                return Ok(if there { Step::Done } else { Step::PlanAnew });
            }
            let next_stop = vaults
                .iter()
                .map(next_height)
                .filter(|&height| height > from);
            let room = next_stop.min().unwrap_or(u32::MAX) - from;
            let left = (status.tip.height - from).saturating_add(1);
            let count = self.chunk.min(room).min(left);
            let blocks = self.fetch(from, count)?;
            let Some(reached) = blocks.last().map(CheckedBlock::id) else {
                return Ok(Step::PlanAnew);
            };
            let cursor = last.cursor;
            let group = standing_at(&vaults, cursor);
            let (deriver, said_by, now) = (&mut self.deriver, self.source.name(), self.now);
            let matched = self.store.write(|tx| {
                let matched = tx.ledger_match_blocks(&group, cursor, &blocks, deriver)?;
                if matched.is_some() {
                    tx.ledger_said(&group, said_by, None, now)?;
                }
                Ok::<_, SyncError>(matched)
            })?;
            let Some(matched) = matched else {
                return Ok(Step::PlanAnew);
            };
            self.report.blocks += blocks.len() as u64;
            self.report.new_transactions += matched.new_transactions;
            (self.progress)(SyncProgress {
                height: reached.height,
                tip: status.tip.height,
                new_transactions: self.report.new_transactions,
            });
        }
    }

    fn fetch(&mut self, from: u32, count: u32) -> Result<Vec<CheckedBlock>, SyncError> {
        let hashes = self.source.block_hashes(from, count)?;
        let blocks = self.source.blocks(&hashes)?;
        let bad = |reason: String| ChainError::BadAnswer {
            source_name: self.source.name().to_owned(),
            reason,
        };
        if blocks.len() != hashes.len() || hashes.len() > count as usize {
            let reason = format!("asked for {count} blocks, got {}", blocks.len());
            return Err(bad(reason).into());
        }
        let bytes: u64 = blocks.iter().map(|block| block.total_size() as u64).sum();
        let mut checked = Vec::with_capacity(blocks.len());
        for ((height, hash), block) in (from..).zip(hashes).zip(blocks) {
            let id = BlockId { height, hash };
            let block = CheckedBlock::check(id, block).map_err(|error| bad(error.to_string()))?;
            checked.push(block);
        }
        self.chunk = next_chunk(checked.len() as u64, bytes);
        Ok(checked)
    }
}

/// How many blocks to ask for after a batch of `blocks` with `bytes`.
fn next_chunk(blocks: u64, bytes: u64) -> u32 {
    let fitting = blocks * CHUNK_BYTES / bytes.max(1);
    // Carefully upwards: after small blocks may come big ones.
    let most = u64::from(LARGEST_CHUNK).min(blocks.saturating_mul(4));
    u32::try_from(fitting.min(most).max(1)).unwrap_or(LARGEST_CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_the_size_of_blocks() {
        assert_eq!(next_chunk(20, 6_000), 80);
        assert_eq!(next_chunk(80, 24_000), 200);
        assert_eq!(next_chunk(200, 400 << 20), 4);
        assert_eq!(next_chunk(1, 16 << 20), 1);
        assert_eq!(next_chunk(0, 0), 1);
    }
}
