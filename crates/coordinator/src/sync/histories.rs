//! Sources that serve histories of scripts instead of blocks. All derived scripts are asked about,
//! and derived on until a whole look-ahead of them is unused, before anything is matched: so it
//! doesn't matter in which order addresses were used. Then each transaction is proven to be in its
//! block, and what comes out are the same blocks as elsewhere, with only our transactions in them.
//!
//! Everything is asked between two looks at the best block; if that has changed, the answers need
//! not belong together and the round is planned anew. If it hasn't, a contradiction is the
//! source's fault.

use super::blocks::or_the_usual_way;
use super::proof::Proof;
use super::{Asked, Run, Step, SyncError, SyncProgress};
use bitcoin::{ScriptBuf, Transaction, Txid};
use quorate_chain::{ChainError, ChainStatus, ScriptSource};
use quorate_core::chain::BlockId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{CheckedBlock, Listed, Owner, ScriptStatus, VaultRow, check_values};
use quorate_storage::Watched;
use std::collections::{BTreeMap, BTreeSet};

/// Transactions written at once: bounds the time others wait for the write lock.
const TOGETHER: usize = 2_000;
/// Times that new payments may lead to further addresses, 200 each: a source can make up payments
/// to whatever it is asked about, and addresses once derived stay.
const EXTENSIONS: u32 = 100;

/// What the source lists that the ledger doesn't know, and what is known of it.
#[derive(Default)]
pub(super) struct Gathered {
    /// To be matched, by block.
    pub(super) confirmed: BTreeMap<u32, BTreeSet<Txid>>,
    /// To be matched as waiting.
    waiting: BTreeSet<Txid>,
    /// All that wait and are listed for the scripts looked at.
    listed: BTreeSet<Txid>,
    pub(super) transactions: BTreeMap<Txid, Transaction>,
    /// Vaults under rescan: what the ledger has above these heights is to be found again.
    rescans: BTreeMap<VaultRow, u32>,
    /// What the ledger will know all about.
    statuses: Vec<(Owner, ScriptStatus)>,
    /// Whether one of these statuses isn't noted yet.
    news: bool,
}

/// A script and all whose it is.
struct Script {
    script: ScriptBuf,
    watched: Vec<Watched>,
    status: Option<ScriptStatus>,
}

impl Run<'_> {
    /// Makes the ledger agree with the histories of all scripts.
    pub(super) fn follow_histories(
        &mut self,
        status: &ChainStatus,
        source: &dyn ScriptSource,
    ) -> Result<Step, SyncError> {
        let Some((revision, gathered)) = self.gather(status.tip, source)? else {
            return Ok(Step::PlanAnew);
        };
        let Some(proof) = self.prove(status.tip, source, &gathered)? else {
            return Ok(Step::PlanAnew);
        };
        if self.source.status()?.tip != status.tip {
            return Ok(Step::PlanAnew);
        }
        self.keep(status.tip, revision, gathered, &proof)
    }

    /// Asks for what has changed. `None`: plan anew; else the revision that the answers go with.
    fn gather(
        &mut self,
        tip: BlockId,
        source: &dyn ScriptSource,
    ) -> Result<Option<(i64, Gathered)>, SyncError> {
        let mut gathered = Gathered::default();
        let (mut revision, unsettled, rescans) = self.store.read(|tx| {
            let rescans = tx.ledger_rescans()?;
            Ok::<_, SyncError>((tx.ledger_revision()?, tx.ledger_unsettled()?, rescans))
        })?;
        gathered.rescans = rescans;
        let mut after = 0;
        for _ in 0..EXTENSIONS {
            let (watched, last) = self.store.read(|tx| tx.ledger_watched(after))?;
            if watched.is_empty() {
                return Ok(Some((revision, gathered)));
            }
            after = last;
            let changed = self.changed(watched, &unsettled, source)?;
            let scripts: Vec<ScriptBuf> = changed.iter().map(|a| a.script.clone()).collect();
            let ask = |some: &[ScriptBuf]| source.histories(some);
            let histories = self.ask(Asked::Histories, &scripts, ask)?;
            for (asked, history) in changed.iter().zip(histories) {
                if !self.compare(tip, asked, &history, &mut gathered)? {
                    return Ok(None);
                }
            }
            let Some(new) = self.fetch_listed(source, &gathered)? else {
                return Ok(None);
            };
            if !new.is_empty() {
                let deriver = &mut self.deriver;
                let now = self
                    .store
                    .write(|tx| tx.ledger_look_ahead(revision, &new, deriver))?;
                let Some(now) = now else {
                    return Ok(None);
                };
                revision = now;
                gathered.transactions.extend(new);
            }
        }
        let reason = "it lists payments to ever more addresses; if the vaults really have used 20,000 \
                      more, go on with another sync";
        Err(self.bad(reason).into())
    }

    /// Holds a script's history against what the ledger knows. `false`: plan anew.
    fn compare(
        &mut self,
        tip: BlockId,
        asked: &Script,
        history: &[Listed],
        gathered: &mut Gathered,
    ) -> Result<bool, SyncError> {
        let mut known: Option<BTreeSet<(Txid, Option<u32>)>> = None;
        let mut in_blocks: BTreeMap<Txid, u32> = BTreeMap::new();
        for watched in &asked.watched {
            let mut touching = self.store.read(|tx| tx.ledger_touching(&watched.owner))?;
            if let Some(cursor) = gathered.rescans.get(&watched.owner.vault) {
                touching.retain(|(_, height)| height.is_none_or(|height| height <= *cursor));
            }
            let mined = touching
                .iter()
                .filter_map(|(txid, at)| Some((*txid, (*at)?)));
            in_blocks.extend(mined);
            // What vaults share is known when each of them knows it.
            known = Some(match known {
                None => touching,
                Some(known) => known.intersection(&touching).copied().collect(),
            });
        }
        let known = known.unwrap_or_default();
        let mined: BTreeSet<Txid> = history
            .iter()
            .filter(|listed| listed.height().is_some())
            .map(|listed| listed.txid)
            .collect();
        for (txid, height) in &in_blocks {
            if !mined.contains(txid) {
                return self.blame(tip, format!(
                    "it leaves out transaction {txid}, which is in block {height}; ask another, or \
                     have the vault looked up anew with `quorate sync VAULT --rescan-from 0`"
                ));
            }
        }
        // A coin that was missed may be spent further on, so from the first news on all is new.
        let mut news = false;
        for listed in history {
            news |= !known.contains(&(listed.txid, listed.height()));
            match listed.height() {
                Some(height) if height > tip.height => {
                    return self.blame(
                        tip,
                        format!(
                            "it lists transaction {} in block {height}, but its best block is {}",
                            listed.txid, tip.height
                        ),
                    );
                }
                Some(height) if news => {
                    gathered
                        .confirmed
                        .entry(height)
                        .or_default()
                        .insert(listed.txid);
                }
                Some(_) => {}
                // Just mined, and listed in both places.
                None if mined.contains(&listed.txid) => {}
                None => drop(gathered.listed.insert(listed.txid)),
            }
        }
        if news {
            let waiting = history.iter().filter(|listed| listed.height().is_none());
            let waiting = waiting
                .map(|listed| listed.txid)
                .filter(|txid| !mined.contains(txid));
            gathered.waiting.extend(waiting);
        }
        // Only if the history is the one that the status is of: it may have grown in between.
        if let Some(status) = asked
            .status
            .filter(|_| ScriptStatus::of(history) == asked.status)
        {
            for watched in &asked.watched {
                gathered.news |= news || watched.status != Some(status);
                gathered.statuses.push((watched.owner, status));
            }
        }
        Ok(true)
    }

    /// The bytes of transactions that aren't there yet; `None`: plan anew.
    fn fetch_listed(
        &mut self,
        source: &dyn ScriptSource,
        gathered: &Gathered,
    ) -> Result<Option<Vec<(Txid, Transaction)>>, SyncError> {
        let listed = gathered
            .confirmed
            .values()
            .flatten()
            .chain(&gathered.waiting);
        let wanted: BTreeSet<Txid> = listed
            .filter(|txid| !gathered.transactions.contains_key(*txid))
            .copied()
            .collect();
        let mut found = Vec::with_capacity(wanted.len());
        let mut missing = Vec::new();
        for txid in wanted {
            match self.store.read(|tx| tx.ledger_transaction(&txid))? {
                Some(transaction) => found.push((txid, transaction)),
                None => missing.push(txid),
            }
        }
        let ask = |some: &[Txid]| source.transactions(some);
        let answers = self.ask(Asked::Transactions, &missing, ask)?;
        for (txid, transaction) in missing.iter().zip(answers) {
            let Some(transaction) = transaction else {
                // One that waited may have gone; a source can do that for ever only by lying, and
                // then the rounds end.
                return Ok(None);
            };
            let got = transaction.compute_txid();
            if got != *txid {
                let reason = format!("asked for transaction {txid} it sent {got}");
                return Err(self.bad(reason).into());
            }
            check_values(txid, &transaction).map_err(|error| self.bad(error.to_string()))?;
            found.push((*txid, transaction));
        }
        Ok(Some(found))
    }

    /// Writes what was found, in the order of blocks, then what waits.
    fn keep(
        &mut self,
        tip: BlockId,
        mut revision: i64,
        mut gathered: Gathered,
        proof: &Proof,
    ) -> Result<Step, SyncError> {
        let mut blocks = proof.blocks.as_slice();
        let mut more = !blocks.is_empty() || !proof.path.is_empty();
        while more {
            let (now, later) = blocks.split_at(fitting(blocks));
            blocks = later;
            more = !later.is_empty();
            let last = now.last().map(CheckedBlock::id).filter(|_| more);
            let (reached, path) = match last {
                Some(block) => (block, &[][..]),
                None => (tip, proof.path.as_slice()),
            };
            let store = &mut *self.store;
            let matched = or_the_usual_way(&mut self.deriver, |deriver| {
                Ok(store
                    .write(|tx| tx.ledger_match_sparse(revision, now, path, reached, deriver))?)
            })?;
            let Some((current, matched)) = matched else {
                return Ok(Step::PlanAnew);
            };
            revision = current;
            self.report.blocks += now.len() as u64;
            self.report.new_transactions += matched.new_transactions;
            (self.progress)(SyncProgress::Blocks {
                height: reached.height,
                tip: tip.height,
                new_transactions: self.report.new_transactions,
            });
        }
        let difference = self
            .store
            .read(|tx| tx.mempool_difference(&gathered.listed))?;
        if !difference.gone.is_empty() {
            gathered.news = true;
            let dropped = self
                .store
                .write(|tx| tx.mempool_drop(revision, &difference.gone))?;
            match dropped {
                Some(current) => revision = current,
                None => return Ok(Step::PlanAnew),
            }
        }
        let waiting = gathered.waiting.iter();
        let waiting = waiting.filter_map(|txid| gathered.transactions.remove_entry(txid));
        let waiting: Vec<(Txid, Transaction)> = waiting.collect();
        if !waiting.is_empty() {
            match self.match_waiting(revision, waiting)? {
                Some(current) => revision = current,
                None => return Ok(Step::PlanAnew),
            }
        }
        let statuses = &gathered.statuses;
        let noted = !gathered.news
            || self
                .store
                .write(|tx| tx.ledger_note_statuses(revision, statuses))?;
        Ok(if noted { Step::Done } else { Step::PlanAnew })
    }

    /// The scripts about which the source may know more than the ledger.
    fn changed(
        &mut self,
        watched: Vec<Watched>,
        unsettled: &BTreeSet<(VaultRow, Keychain, u32)>,
        source: &dyn ScriptSource,
    ) -> Result<Vec<Script>, SyncError> {
        let mut by_script: BTreeMap<ScriptBuf, Vec<Watched>> = BTreeMap::new();
        for one in watched {
            by_script.entry(one.script.clone()).or_default().push(one);
        }
        let scripts: Vec<ScriptBuf> = by_script.keys().cloned().collect();
        let ask = |some: &[ScriptBuf]| source.statuses(some);
        let statuses = self.ask(Asked::Addresses, &scripts, ask)?;
        let all = by_script.into_iter().zip(statuses);
        let all = all.map(|((script, watched), status)| Script {
            script,
            watched,
            status,
        });
        let open = |one: &Watched| {
            let Owner {
                vault,
                keychain,
                index,
            } = one.owner;
            unsettled.contains(&(vault, keychain, index))
        };
        let differs = |asked: &Script| {
            let mut watched = asked.watched.iter();
            // No status noted, and none told: that is a new script, unless it has coins.
            watched.any(|one| one.status != asked.status || one.unnoted || open(one))
        };
        Ok(all.filter(differs).collect())
    }

    /// What doesn't fit together: if the best block is still the same, the source's fault, else to
    /// be planned anew, which is what `false` stands for.
    pub(super) fn blame(&self, tip: BlockId, reason: String) -> Result<bool, SyncError> {
        if self.source.status()?.tip != tip {
            return Ok(false);
        }
        Err(self.bad(reason).into())
    }

    pub(super) fn bad(&self, reason: impl Into<String>) -> ChainError {
        ChainError::BadAnswer {
            source_name: self.source.name().to_owned(),
            reason: reason.into(),
        }
    }
}

/// How many of the blocks to write at once.
fn fitting(blocks: &[CheckedBlock]) -> usize {
    let mut transactions = 0;
    let small = blocks.iter().take_while(|block| {
        transactions += block.transactions().len();
        transactions <= TOGETHER
    });
    small.count().max(1).min(blocks.len())
}
