//! Bringing the ledger up to what the chain source says: blocks, reorgs, the mempool; or, where a
//! source serves those instead, the histories of our scripts.
//!
//! A sync goes in rounds. Each looks at where the vaults stand, talks to the source with no
//! transaction open, and writes in batches that say what they were planned on. If another process has
//! been there meanwhile, or the chain has moved, nothing is written and the next round plans anew. So a
//! sync can be killed at any moment and run twice at the same time; the next one goes on from the
//! last batch.

mod birth;
mod blocks;
mod error;
mod fork;
mod histories;

mod mempool;
mod progress;
mod proof;
mod rescan;

pub use error::SyncError;
pub use progress::{Asked, SyncProgress};
pub(crate) use rescan::{Start, start};

use crate::threads::Threads;
use quorate_chain::{ChainError, ChainSource, ChainStatus};
use quorate_core::chain::BlockId;
use quorate_core::ledger::VaultRow;
use quorate_core::vault::VaultId;
use quorate_storage::{Deriver, LedgerVault, Look, StorageError, Store};
use std::collections::BTreeSet;

/// Rounds in a row that may change nothing before we give up: each of them means that the source
/// contradicted itself.
const IDLE_ROUNDS: u32 = 10;
/// Rounds that may take blocks back. Vaults on branches of their own need one each.
const ROUNDS_BACK: u32 = 100;

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// The source's best block, which the ledger now stands at.
    pub tip: BlockId,
    /// Blocks read; of a source that serves histories, those with our transactions in them.
    pub blocks: u64,
    /// Transactions that were new to a vault, in blocks or in the mempool.
    pub new_transactions: u64,
    /// How many blocks had to be taken back, if any.
    pub reorg_depth: Option<u32>,
    /// Vaults whose chain was left too long ago to find where, matched from their birth again.
    pub started_over: Vec<VaultId>,
    /// Vaults that could not be followed, because the source no longer has the blocks.
    pub left_out: Vec<LeftOut>,
}

/// A vault that the source is too pruned for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The vault.
    pub vault: VaultId,
    /// The first block it needs.
    pub needed: u32,
    /// The first block the source has.
    pub available: u32,
}

/// Follows `source` for all vaults of the store. `now`, in seconds since 1970, is what a new
/// mempool transaction is stamped with.
pub fn sync_at(
    store: &mut Store,
    source: &dyn ChainSource,
    progress: &mut dyn FnMut(SyncProgress),
    now: u32,
) -> Result<SyncReport, SyncError> {
    sync_from(store, source, source.status()?, progress, now)
}

/// The same with what `source` has just said of itself.
pub(crate) fn sync_from(
    store: &mut Store,
    source: &dyn ChainSource,
    status: ChainStatus,
    progress: &mut dyn FnMut(SyncProgress),
    now: u32,
) -> Result<SyncReport, SyncError> {
    let report = SyncReport {
        tip: status.tip,
        blocks: 0,
        new_transactions: 0,
        reorg_depth: None,
        started_over: Vec::new(),
        left_out: Vec::new(),
    };
    let mut run = Run {
        store,
        source,
        progress,
        now,
        deriver: Deriver::new(&Threads),
        chunk: blocks::FIRST_CHUNK,
        took_back: false,
        report,
    };
    run.run(status)?;
    Ok(run.report)
}

/// Whether a step ended as planned, or somebody moved under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Done,
    PlanAnew,
}

struct Run<'a> {
    store: &'a mut Store,
    source: &'a dyn ChainSource,
    progress: &'a mut dyn FnMut(SyncProgress),
    now: u32,
    deriver: Deriver,
    /// Blocks to fetch at once.
    chunk: u32,
    /// Whether this round took blocks back.
    took_back: bool,
    report: SyncReport,
}

impl Run<'_> {
    fn run(&mut self, mut status: ChainStatus) -> Result<(), SyncError> {
        let (mut idle, mut back, mut distrusted) = (0, 0, 0);
        loop {
            let before = self.store.read(|tx| tx.ledger_revision())?;
            self.report.tip = status.tip;
            let generation = self.source.generation();
            let outcome = self.round(&status);
            match self.judge(outcome, generation) {
                // What was told in this round was all told by one source.
                Ok(Step::Done) if self.source.generation() == generation => {
                    return self.refuse_if_all_left_out();
                }
                Ok(_) => {}
                // Who answers now needn't know the blocks that another told of: plan anew with it.
                Err(SyncError::Chain(error @ ChainError::NoneAnswers { .. })) => {
                    self.source.status()?;
                    if self.source.generation() == generation {
                        return Err(error.into());
                    }
                }
                // Noticed only here; perhaps another source tells the truth.
                Err(SyncError::Chain(ChainError::BadAnswer { reason, .. }))
                    if distrusted < IDLE_ROUNDS && self.source.distrust(&reason) =>
                {
                    distrusted += 1;
                    (idle, back) = (0, 0);
                }
                Err(error) => return Err(error),
            }
            if self.store.read(|tx| tx.ledger_revision())? == before {
                idle += 1;
            } else {
                idle = 0;
            }
            back += u32::from(std::mem::take(&mut self.took_back));
            if idle == IDLE_ROUNDS || back == ROUNDS_BACK {
                if distrusted < IDLE_ROUNDS
                    && self.source.distrust("its answers contradict each other")
                {
                    distrusted += 1;
                    (idle, back) = (0, 0);
                    status = self.source.status()?;
                    continue;
                }
                return Err(SyncError::Moving {
                    source_name: self.source.name().to_owned(),
                });
            }
            status = self.source.status()?;
        }
    }

    /// What no chain can be is the source's fault, though it is noticed where it is written. Who answers by
    /// then, while the next blocks were fetched, need not be who told of it.
    fn judge(&self, outcome: Result<Step, SyncError>, generation: u64) -> Result<Step, SyncError> {
        match outcome {
            Err(SyncError::Storage(StorageError::SpentTwice { .. }))
                if self.source.generation() != generation =>
            {
                Ok(Step::PlanAnew)
            }
            Err(SyncError::Storage(error @ StorageError::SpentTwice { .. })) => Err(self
                .bad(format!(
                    "{error}; ask another, or have the vault looked up anew with `quorate sync VAULT \
                     --rescan-from 0`"
                ))
                .into()),
            outcome => outcome,
        }
    }

    fn round(&mut self, status: &ChainStatus) -> Result<Step, SyncError> {
        let vaults = self.store.read(|tx| tx.ledger_vaults())?;
        self.check_source(status, &vaults)?;
        if vaults.is_empty() {
            return Ok(Step::Done);
        }
        if self.leave_dead_branches()? == Step::PlanAnew {
            return Ok(Step::PlanAnew);
        }
        let source = self.source;
        if let Some(source) = source.by_script() {
            if self.follow_histories(status, source)? == Step::PlanAnew {
                return Ok(Step::PlanAnew);
            }
            self.store.write(|tx| tx.ledger_rescanned(status.tip))?;
            let followed = self.store.read(|tx| tx.ledger_vaults())?;
            return self.sign_off(&followed, status);
        }
        if self.give_births(status)? == Step::PlanAnew
            || self.follow_blocks(status)? == Step::PlanAnew
        {
            return Ok(Step::PlanAnew);
        }
        let followed = self.followed(status)?;
        if followed.is_empty() {
            return Ok(Step::Done);
        }
        // Before the mempool: what a rescan hasn't found again may wait there.
        self.store.write(|tx| tx.ledger_rescanned(status.tip))?;
        if self.follow_mempool()? == Step::PlanAnew {
            return Ok(Step::PlanAnew);
        }
        self.sign_off(&followed, status)
    }

    /// The source must be on the vaults' network, and have the chain.
    fn check_source(&self, status: &ChainStatus, vaults: &[LedgerVault]) -> Result<(), SyncError> {
        let source_name = || self.source.name().to_owned();
        if let Some(vault) = vaults.iter().find(|v| v.network != status.network) {
            return Err(SyncError::WrongNetwork {
                source_name: source_name(),
                found: status.network,
                vault: vault.id,
                expected: vault.network,
            });
        }
        Self::check_caught_up(self.source, status)
    }

    /// What a source says while it is still downloading would look like lost coins.
    fn check_caught_up(source: &dyn ChainSource, status: &ChainStatus) -> Result<(), SyncError> {
        match status.syncing {
            Some(share) => Err(SyncError::StillSyncing {
                source_name: source.name().to_owned(),
                percent: (share.clamp(0.0, 1.0) * 1000.0).floor() / 10.0,
            }),
            None => Ok(()),
        }
    }

    /// Writes down who said all this, and when.
    fn sign_off(
        &mut self,
        vaults: &[LedgerVault],
        status: &ChainStatus,
    ) -> Result<Step, SyncError> {
        let (source, now) = (self.source.name(), self.now);
        let (dated, said) = self.store.read(|tx| {
            let (mut dated, mut said) = (true, true);
            for vault in vaults {
                let origin = tx.ledger_origin(vault.row)?;
                dated &= origin.as_ref().is_some_and(|o| o.time.is_some());
                // A time to come was written when the clock was wrong.
                let before = |at: u64| at <= now.into();
                said &= origin.is_some_and(|o| {
                    o.source.as_deref() == Some(source) && o.synced_at.is_some_and(before)
                });
            }
            Ok::<_, SyncError>((dated, said))
        })?;
        let look = Look {
            tip: status.tip,
            source: source.to_owned(),
            at: now.into(),
        };
        // If only the time is new, there is nothing to wait for the disk for.
        if self.store.looked(&look) && dated && said {
            return Ok(Step::Done);
        }
        let time = match dated {
            true => None,
            false => self.source.block_time(status.tip.height)?,
        };
        let rows = vaults.iter().map(|vault| vault.row).collect();
        self.store
            .write(|tx| tx.ledger_said(&rows, source, time, now))?;
        Ok(Step::Done)
    }

    /// Vaults in play: all but those that the source is too pruned for.
    fn followed(&mut self, status: &ChainStatus) -> Result<Vec<LedgerVault>, SyncError> {
        let vaults = self.store.read(|tx| tx.ledger_vaults())?;
        let available = status.pruned_below.unwrap_or(0);
        let (left_out, followed): (Vec<_>, Vec<_>) = vaults.into_iter().partition(|vault| {
            let needed = next_height(vault);
            needed < available && needed <= status.tip.height
        });
        self.report.left_out = left_out
            .iter()
            .map(|vault| LeftOut {
                vault: vault.id,
                needed: next_height(vault),
                available,
            })
            .collect();
        Ok(followed)
    }

    /// One pruned-away vault must not keep the others from being followed; but if nothing could be
    /// done, that is the answer.
    fn refuse_if_all_left_out(&mut self) -> Result<(), SyncError> {
        let count = self.store.read(|tx| tx.ledger_vaults())?.len();
        match self.report.left_out.first() {
            Some(left_out) if self.report.left_out.len() == count => Err(SyncError::Pruned {
                source_name: self.source.name().to_owned(),
                vault: left_out.vault,
                needed: left_out.needed,
                available: left_out.available,
            }),
            _ => Ok(()),
        }
    }
}

/// The next block to match for a vault.
fn next_height(vault: &LedgerVault) -> u32 {
    vault
        .cursor
        .map_or(0, |cursor| cursor.height.saturating_add(1))
}

/// The rows of those vaults that stand at `cursor`.
fn standing_at(vaults: &[LedgerVault], cursor: Option<BlockId>) -> BTreeSet<VaultRow> {
    let there = vaults.iter().filter(|vault| vault.cursor == cursor);
    there.map(|vault| vault.row).collect()
}
