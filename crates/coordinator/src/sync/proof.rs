//! Headers and proofs: that what is listed is in blocks of the chain whose tip the source names.
//! Headers are linked to each other, to that tip, and to where we stood: those since then, those that
//! the ledger remembers, and down to our lowest new transaction if that is not older than a year.
//! Older blocks stand each on its own work: linking all would mean to read every header there is.

use super::histories::Gathered;
use super::{Asked, Run, SyncError};
use bitcoin::Txid;
use bitcoin::block::Header;
use quorate_chain::ScriptSource;
use quorate_core::chain::BlockId;
use quorate_core::ledger::{CheckedBlock, Proven};
use std::collections::BTreeMap;

/// Headers that are linked in any case: as many blocks as the ledger remembers.
const REMEMBERED: u32 = 2016;
/// Headers that are linked at most, a year of them: 4 MB, as much as a few blocks.
const LINKED: u32 = 52_560;

/// What was proven.
pub(super) struct Proof {
    /// Blocks with our transactions in them, from the lowest on.
    pub(super) blocks: Vec<CheckedBlock>,
    /// The chain's blocks from where we stood to the tip, as far as they are to be remembered.
    pub(super) path: Vec<BlockId>,
}

impl Run<'_> {
    /// Proves all that is listed in blocks. `None`: plan anew.
    pub(super) fn prove(
        &mut self,
        tip: BlockId,
        source: &dyn ScriptSource,
        gathered: &Gathered,
    ) -> Result<Option<Proof>, SyncError> {
        let lowest = gathered.confirmed.keys().next().copied();
        let Some((mut headers, path)) = self.link(tip, lowest, source)? else {
            return Ok(None);
        };
        let heights = gathered.confirmed.keys();
        let single: Vec<u32> = heights
            .filter(|h| !headers.contains_key(h))
            .copied()
            .collect();
        let ask = |some: &[u32]| source.headers(some);
        let answers = self.ask(Asked::Headers, &single, ask)?;
        for (height, header) in single.iter().zip(answers) {
            let Some(header) = header else {
                self.blame(tip, format!("it has no header at height {height}"))?;
                return Ok(None);
            };
            headers.insert(*height, header);
        }
        for ((height, header), (above, next)) in headers.iter().zip(headers.iter().skip(1)) {
            if height + 1 == *above && next.prev_blockhash != header.block_hash() {
                self.blame(
                    tip,
                    format!("its headers {height} and {above} aren't linked"),
                )?;
                return Ok(None);
            }
        }
        let places: Vec<(Txid, u32)> = gathered
            .confirmed
            .iter()
            .flat_map(|(height, txids)| txids.iter().map(|txid| (*txid, *height)))
            .collect();
        let mut proven: BTreeMap<u32, Vec<Proven>> = BTreeMap::new();
        let ask = |some: &[(Txid, u32)]| source.branches(some);
        let answers = self.ask(Asked::Proofs, &places, ask)?;
        for ((txid, height), branch) in places.iter().zip(answers) {
            let transaction = gathered.transactions.get(txid);
            let (Some(branch), Some(transaction)) = (branch, transaction) else {
                self.blame(
                    tip,
                    format!("it can't prove that transaction {txid} is in block {height}"),
                )?;
                return Ok(None);
            };
            proven.entry(*height).or_default().push(Proven {
                transaction: transaction.clone(),
                position: branch.position,
                branch: branch.hashes,
            });
        }
        let mut blocks = Vec::with_capacity(proven.len());
        for (height, proven) in proven {
            let Some(header) = headers.get(&height) else {
                return Ok(None);
            };
            match CheckedBlock::sparse(height, header, proven) {
                Ok(block) => blocks.push(block),
                Err(error) => {
                    self.blame(tip, error.to_string())?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(Proof { blocks, path }))
    }

    /// Headers by height that lead to the tip, from `lowest` on where that is cheap, and the ids of
    /// those to be remembered. `None`: plan anew.
    #[expect(clippy::type_complexity, reason = "two lists that are made together")]
    fn link(
        &mut self,
        tip: BlockId,
        lowest: Option<u32>,
        source: &dyn ScriptSource,
    ) -> Result<Option<(BTreeMap<u32, Header>, Vec<BlockId>)>, SyncError> {
        let vaults = self.store.read(|tx| tx.ledger_vaults())?;
        let cursors: Vec<Option<BlockId>> = vaults.iter().map(|vault| vault.cursor).collect();
        let next = cursors
            .iter()
            .map(|c| c.map_or(0, |c| c.height.saturating_add(1)));
        let back = |count: u32| tip.height.saturating_sub(count - 1);
        let since = next.min().unwrap_or(0).max(back(REMEMBERED));
        let from = since.min(lowest.unwrap_or(since)).max(back(LINKED));
        let above = tip.height.saturating_add(1);
        let list = match above.saturating_sub(from) {
            0 => Vec::new(),
            count => source.headers_from(from, count)?,
        };
        let mut ids: Vec<BlockId> = (from..)
            .zip(&list)
            .map(|(height, header)| BlockId {
                height,
                hash: header.block_hash(),
            })
            .collect();
        let linked = list.iter().skip(1).zip(&ids);
        let mut linked = linked.map(|(next, id)| next.prev_blockhash == id.hash);
        // Where we stood is in the chain: looked up before, and seen again here.
        let stood = cursors.into_iter().flatten().all(|cursor| {
            let here = ids.iter().find(|id| id.height == cursor.height);
            let below = list.first().filter(|_| cursor.height + 1 == from);
            (cursor.height != tip.height || cursor == tip)
                && here.is_none_or(|id| *id == cursor)
                && below.is_none_or(|first| first.prev_blockhash == cursor.hash)
        });
        let arrived = from > tip.height || ids.last() == Some(&tip);
        if !stood || !arrived || !linked.all(|link| link) {
            self.blame(
                tip,
                format!("its headers from {from} on don't lead to its best block {tip}"),
            )?;
            return Ok(None);
        }
        ids.retain(|id| id.height >= since);
        Ok(Some(((from..).zip(list).collect(), ids)))
    }
}
