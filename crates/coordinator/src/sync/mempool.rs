//! The mempool, by difference.

use super::{Run, Step, SyncError};
use bitcoin::{Transaction, Txid};
use quorate_chain::ChainError;
use quorate_core::ledger::check_values;
use std::collections::BTreeSet;

/// Transactions fetched and written at once.
const CHUNK: usize = 500;

impl Run<'_> {
    /// Makes the unconfirmed part of the ledger agree with what the source lists.
    pub(super) fn follow_mempool(&mut self) -> Result<Step, SyncError> {
        // The revision first: whoever writes after this has asked for a list at least as new.
        let mut revision = self.store.read(|tx| tx.ledger_revision())?;
        let waiting = self.source.waiting()?;
        // The list is of the chain we know only if the chain is still the same after it: a
        // transaction that just went into a block isn't in the mempool any more.
        if waiting.tip != self.report.tip {
            return Ok(Step::PlanAnew);
        }
        let listed: BTreeSet<Txid> = waiting.txids.into_iter().collect();
        let difference = self.store.read(|tx| tx.mempool_difference(&listed))?;
        if !difference.gone.is_empty() {
            let dropped = self
                .store
                .write(|tx| tx.mempool_drop(revision, &difference.gone))?;
            match dropped {
                Some(now) => revision = now,
                None => return Ok(Step::PlanAnew),
            }
        }
        for txids in difference.new.chunks(CHUNK) {
            let transactions = self.fetch_waiting(txids)?;
            match self.match_waiting(revision, transactions)? {
                Some(now) => revision = now,
                None => return Ok(Step::PlanAnew),
            }
        }
        self.reexamine(revision)
    }

    /// Looks again at what was seen before a script or a coin became known. That may make further
    /// coins known, so until nothing does.
    fn reexamine(&mut self, mut revision: i64) -> Result<Step, SyncError> {
        while let Some(todo) = self.store.read(|tx| tx.mempool_reexamination())? {
            let mut missing: BTreeSet<Txid> = todo.txids.iter().copied().collect();
            for txids in todo.txids.chunks(CHUNK) {
                let transactions = self.fetch_waiting(txids)?;
                for (txid, _) in &transactions {
                    missing.remove(txid);
                }
                match self.match_waiting(revision, transactions)? {
                    Some(now) => revision = now,
                    None => return Ok(Step::PlanAnew),
                }
            }
            let missing: Vec<Txid> = missing.into_iter().collect();
            let examined = self
                .store
                .write(|tx| tx.mempool_examined(revision, &todo, &missing))?;
            match examined {
                Some(now) => revision = now,
                None => return Ok(Step::PlanAnew),
            }
        }
        Ok(Step::Done)
    }

    pub(super) fn match_waiting(
        &mut self,
        revision: i64,
        transactions: Vec<(Txid, Transaction)>,
    ) -> Result<Option<i64>, SyncError> {
        let (now, deriver) = (self.now, &mut self.deriver);
        let matched = self
            .store
            .write(|tx| tx.mempool_match(revision, transactions, now, deriver))?;
        Ok(matched.map(|(revision, matched)| {
            self.report.new_transactions += matched.new_transactions;
            revision
        }))
    }

    /// Transactions by id; those that left the mempool meanwhile are missing, and are dropped or
    /// found in a block next time.
    fn fetch_waiting(&self, txids: &[Txid]) -> Result<Vec<(Txid, Transaction)>, SyncError> {
        let bad = |reason: String| ChainError::BadAnswer {
            source_name: self.source.name().to_owned(),
            reason,
        };
        let asked: BTreeSet<&Txid> = txids.iter().collect();
        let mut transactions = Vec::with_capacity(txids.len());
        for tx in self.source.mempool_transactions(txids)? {
            let txid = tx.compute_txid();
            if !asked.contains(&txid) {
                let reason = format!("transaction {txid} wasn't asked for");
                return Err(bad(reason).into());
            }
            check_values(&txid, &tx).map_err(|error| bad(error.to_string()))?;
            transactions.push((txid, tx));
        }
        Ok(transactions)
    }
}
