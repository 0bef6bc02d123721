//! Blocks, in batches: fetched and checked with no transaction open, then matched and written in one, while
//! the next batch is being fetched and what was committed before is moved from the log into the file.

use super::{Run, Step, SyncError, SyncProgress, next_height, standing_at};
use crate::threads::meanwhile;
use quorate_chain::{ChainError, ChainSource, ChainStatus};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{CheckedBlock, VaultRow};
use quorate_storage::{Deriver, Matched, Safe, StorageError, Store};
use std::collections::BTreeSet;

/// Blocks in the first batch.
pub(super) const FIRST_CHUNK: u32 = 20;
/// Blocks in a batch at most.
const LARGEST_CHUNK: u32 = 200;
/// Bytes a batch should have, and there are two at a time: what bounds memory, and the time others wait
/// for the write lock.
const CHUNK_BYTES: u64 = 4 << 20;

/// Blocks that follow each other, and who gave them.
struct Batch {
    from: u32,
    blocks: Vec<CheckedBlock>,
    said_by: String,
}

impl Run<'_> {
    /// Matches all blocks up to the tip. Vaults that are behind go first and are joined by the others
    /// where those stand, so that no block is read twice.
    pub(super) fn follow_blocks(&mut self, status: &ChainStatus) -> Result<Step, SyncError> {
        let (mut ahead, mut checkpointer) = (None, None);
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
                .filter(|&height| height > from)
                .min()
                .unwrap_or(u32::MAX);
            let end = next_stop.min(status.tip.height.saturating_add(1));
            let count = |from: u32, chunk: u32| chunk.min(end.saturating_sub(from));
            let batch = match ahead.take() {
                Some(Ok(batch)) if fits(&batch, from, end) => batch,
                Some(Err(error)) => return Err(error),
                _ => fetch(self.source, from, count(from, self.chunk), &mut self.chunk)?,
            };
            let Some(reached) = batch.blocks.last().map(CheckedBlock::id) else {
                return Ok(Step::PlanAnew);
            };
            let cursor = last.cursor;
            let group = standing_at(&vaults, cursor);
            let next = reached.height.saturating_add(1);
            let (store, deriver, now) = (&mut *self.store, &mut self.deriver, self.now);
            let (source, chunk) = (self.source, &mut self.chunk);
            let mut fetch_next = || match count(next, *chunk) {
                0 => None,
                count => Some(fetch(source, next, count, chunk)),
            };
            if self.report.blocks > 0 && checkpointer.is_none() {
                checkpointer = store.checkpointer().ok();
            }
            let (matched, (long, fetched)) = meanwhile(
                || write(store, deriver, &batch, &group, cursor, now),
                || match &mut checkpointer {
                    // It waits for the disk most of the time.
                    Some(checkpointer) => meanwhile(|| checkpointer.run(), fetch_next),
                    None => (false, fetch_next()),
                },
            );
            ahead = fetched;
            if long && let Some(checkpointer) = &mut checkpointer {
                checkpointer.run();
            }
            let Some(matched) = matched? else {
                return Ok(Step::PlanAnew);
            };
            self.report.blocks += batch.blocks.len() as u64;
            self.report.new_transactions += matched.new_transactions;
            (self.progress)(SyncProgress::Blocks {
                height: reached.height,
                tip: status.tip.height,
                new_transactions: self.report.new_transactions,
            });
        }
    }
}

fn fits(batch: &Batch, from: u32, end: u32) -> bool {
    let last = batch.blocks.last().map(|block| block.id().height);
    batch.from == from && last.is_none_or(|last| last < end)
}

fn write(
    store: &mut Store,
    deriver: &mut Deriver,
    batch: &Batch,
    group: &BTreeSet<VaultRow>,
    cursor: Option<BlockId>,
    now: u32,
) -> Result<Option<Matched>, SyncError> {
    // That a first look is done is committed after all of it. Until then nobody was told of anything, and what
    // a power cut takes back is looked at again.
    let safe = match store.read(|tx| tx.ledger_is_first_look(group))? {
        true => Safe::WithTheNext,
        false => Safe::OnDisk,
    };
    or_the_usual_way(deriver, |deriver| {
        store.write_in_small_steps(safe, |tx| {
            // Another sync may have ended meanwhile, and have told of them.
            if safe == Safe::WithTheNext && !tx.ledger_is_first_look(group)? {
                return Ok(None);
            }
            let matched = tx.ledger_match_blocks(group, cursor, &batch.blocks, deriver)?;
            if matched.is_some() {
                tx.ledger_said(group, &batch.said_by, None, now)?;
            }
            Ok(matched)
        })
    })
}

/// Matches once more if what was taken for wholly new isn't: a chain that shows a transaction in two blocks, or
/// histories of a vault whose blocks were looked at before.
pub(super) fn or_the_usual_way<T>(
    deriver: &mut Deriver,
    mut attempt: impl FnMut(&mut Deriver) -> Result<T, SyncError>,
) -> Result<T, SyncError> {
    match attempt(deriver) {
        Err(SyncError::Storage(StorageError::NotNew)) => {
            deriver.take_the_usual_way();
            attempt(deriver)
        }
        done => done,
    }
}

/// Fetches at most `count` blocks; `chunk` becomes the number that the next batch should have.
fn fetch(
    source: &dyn ChainSource,
    from: u32,
    count: u32,
    chunk: &mut u32,
) -> Result<Batch, SyncError> {
    let hashes = source.block_hashes(from, count)?;
    let blocks = source.blocks(&hashes)?;
    let bad = |reason: String| ChainError::BadAnswer {
        source_name: source.name().to_owned(),
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
    *chunk = next_chunk(checked.len() as u64, bytes);
    Ok(Batch {
        from,
        blocks: checked,
        said_by: source.name().to_owned(),
    })
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
        assert_eq!(next_chunk(200, 400 << 20), 2);
        assert_eq!(next_chunk(1, 8 << 20), 1);
        assert_eq!(next_chunk(0, 0), 1);
    }
}
