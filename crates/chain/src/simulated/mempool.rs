//! The mempool: what is accepted, what it replaces, and what leaves with it.
//!
//! Replacement follows BIP125's rules on fees as Bitcoin Core applies them now, that is to every
//! transaction, whether it signals or not.

use super::SimulatedError;
use super::chain::{Chain, Coin, Scripts};
use crate::Broadcast;
use bitcoin::{Amount, FeeRate, OutPoint, Transaction, Txid, Weight};
use quorate_core::spend::Package;
use std::collections::{BTreeMap, BTreeSet};

/// What a transaction must pay to be relayed, and a replacement on top of what it replaces.
pub(super) const MIN_FEERATE: FeeRate = FeeRate::from_sat_per_vb_u32(1);
/// The largest transaction a node relays.
const MAX_WEIGHT: Weight = Weight::from_wu(400_000);
/// The most transactions one replacement may push out.
const MAX_REPLACED: usize = 100;

/// Why a transaction was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is there already, or in a block.
    Known,
    /// In Bitcoin Core's words.
    Because(String),
}

impl Refusal {
    fn because(reason: impl Into<String>) -> Self {
        Self::Because(reason.into())
    }

    pub(super) fn of(self, txid: Txid) -> SimulatedError {
        let reason = match self {
            Self::Known => "txn-already-known".to_owned(),
            Self::Because(reason) => reason,
        };
        SimulatedError::Refused { txid, reason }
    }
}

impl From<Refusal> for Broadcast {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Known => Self::AlreadyKnown,
            Refusal::Because(reason) => Self::Refused(reason),
        }
    }
}

/// A transaction in the mempool.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) tx: Transaction,
    pub(super) fee: Amount,
}

impl Entry {
    fn feerate(&self) -> FeeRate {
        self.fee / self.tx.weight()
    }
}

/// A transaction that may be taken, and what must go for it.
#[derive(Debug)]
pub(super) struct Acceptance {
    pub(super) fee: Amount,
    replaced: BTreeSet<Txid>,
}

/// How strictly a transaction is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// As anything new.
    Relay,
    /// It was accepted before and comes back, after a reorg or out of the file: no minimum fee, no
    /// replacement.
    Return,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Mempool {
    /// In the order of arrival, so parents come before children.
    entries: BTreeMap<u64, Entry>,
    places: BTreeMap<Txid, u64>,
    spends: BTreeMap<OutPoint, Txid>,
    next: u64,
}

impl Mempool {
    pub(super) fn txids(&self) -> impl Iterator<Item = Txid> {
        self.places.keys().copied()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    fn entry(&self, txid: &Txid) -> Option<&Entry> {
        self.places.get(txid).and_then(|at| self.entries.get(at))
    }

    pub(super) fn transaction(&self, txid: &Txid) -> Option<&Transaction> {
        self.entry(txid).map(|entry| &entry.tx)
    }

    /// A transaction and all its ancestors here.
    pub(super) fn with_ancestors(&self, txid: &Txid) -> Option<Package> {
        let mut found = BTreeSet::from([*txid]);
        let mut open = vec![self.entry(txid)?];
        let (mut weight, mut fee) = (Weight::ZERO, Amount::ZERO);
        while let Some(entry) = open.pop() {
            weight += entry.tx.weight();
            fee += entry.fee;
            let parents = entry
                .tx
                .input
                .iter()
                .map(|input| input.previous_output.txid);
            let new = parents.filter(|parent| found.insert(*parent));
            open.extend(new.filter_map(|parent| self.entry(&parent)));
        }
        Some(Package { weight, fee })
    }

    pub(super) fn is_spent(&self, outpoint: &OutPoint) -> bool {
        self.spends.contains_key(outpoint)
    }

    /// Whether `tx` may be taken on top of `chain`. Changes nothing.
    pub(super) fn check(
        &self,
        chain: &Chain,
        tx: &Transaction,
        terms: Terms,
        scripts: Scripts,
    ) -> Result<Acceptance, Refusal> {
        let txid = tx.compute_txid();
        if tx.is_coinbase() {
            return Err(Refusal::because("coinbase"));
        }
        if self.places.contains_key(&txid) || chain.is_confirmed(&txid) {
            return Err(Refusal::Known);
        }
        if terms == Terms::Relay && tx.weight() > MAX_WEIGHT {
            return Err(Refusal::because("tx-size"));
        }
        let coins = tx
            .input
            .iter()
            .map(|input| self.coin(chain, &input.previous_output))
            .collect::<Option<Vec<Coin>>>()
            .ok_or_else(|| Refusal::because("bad-txns-inputs-missingorspent"))?;
        let fee = chain
            .check_spend(tx, &coins, scripts)
            .map_err(Refusal::Because)?;
        let conflicts: BTreeSet<Txid> = tx
            .input
            .iter()
            .filter_map(|input| self.spends.get(&input.previous_output).copied())
            .collect();
        if terms == Terms::Return {
            return if conflicts.is_empty() {
                let replaced = conflicts;
                Ok(Acceptance { fee, replaced })
            } else {
                Err(Refusal::because("txn-mempool-conflict"))
            };
        }
        let minimum = relay_fee(tx);
        if fee < minimum {
            return Err(Refusal::because(format!(
                "min relay fee not met, {} < {}",
                fee.to_sat(),
                minimum.to_sat()
            )));
        }
        let replaced = self.check_replacement(tx, fee, &conflicts)?;
        Ok(Acceptance { fee, replaced })
    }

    /// A coin of the chain, or an output in the mempool; whether something else in the mempool
    /// spends it already is another question.
    fn coin(&self, chain: &Chain, outpoint: &OutPoint) -> Option<Coin> {
        if let Some(parent) = self.transaction(&outpoint.txid) {
            return Some(Coin {
                output: parent.output.get(outpoint.vout as usize)?.clone(),
                height: chain.height() + 1,
                coinbase: false,
            });
        }
        chain.coin(outpoint).cloned()
    }

    /// All that goes if `tx` replaces `conflicts`, or why it may not.
    fn check_replacement(
        &self,
        tx: &Transaction,
        fee: Amount,
        conflicts: &BTreeSet<Txid>,
    ) -> Result<BTreeSet<Txid>, Refusal> {
        let feerate = fee / tx.weight();
        let not_better = |txid: &Txid| self.entry(txid).is_some_and(|e| feerate <= e.feerate());
        if let Some(txid) = conflicts.iter().find(|txid| not_better(txid)) {
            return Err(Refusal::because(format!(
                "insufficient fee, rejecting replacement; its feerate is not above that of {txid}"
            )));
        }
        let replaced = self.with_descendants(conflicts);
        if replaced.len() > MAX_REPLACED {
            return Err(Refusal::because(format!(
                "too many potential replacements, {} > {MAX_REPLACED}",
                replaced.len()
            )));
        }
        let parents = tx.input.iter().map(|input| input.previous_output.txid);
        if let Some(parent) = parents.into_iter().find(|txid| replaced.contains(txid)) {
            return Err(Refusal::because(format!(
                "bad-txns-spends-conflicting-tx, it spends an output of {parent}, which it replaces"
            )));
        }
        let lost: Amount = replaced
            .iter()
            .filter_map(|txid| self.entry(txid))
            .map(|entry| entry.fee)
            .sum();
        if !replaced.is_empty() && fee < lost + relay_fee(tx) {
            return Err(Refusal::because(format!(
                "insufficient fee, rejecting replacement; it pays {} but must pay {}",
                fee.to_sat(),
                (lost + relay_fee(tx)).to_sat()
            )));
        }
        Ok(replaced)
    }

    /// `txids` and everything in the mempool that spends from them, directly or not.
    fn with_descendants(&self, txids: &BTreeSet<Txid>) -> BTreeSet<Txid> {
        let mut found = txids.clone();
        let mut open: Vec<Txid> = txids.iter().copied().collect();
        while let Some(txid) = open.pop() {
            let outputs = OutPoint { txid, vout: 0 }..=OutPoint {
                txid,
                vout: u32::MAX,
            };
            for (_, child) in self.spends.range(outputs) {
                if found.insert(*child) {
                    open.push(*child);
                }
            }
        }
        found
    }

    /// Takes `tx` in, and out what it replaces.
    pub(super) fn insert(&mut self, tx: Transaction, acceptance: &Acceptance) {
        for txid in &acceptance.replaced {
            self.remove(txid);
        }
        let txid = tx.compute_txid();
        for input in &tx.input {
            self.spends.insert(input.previous_output, txid);
        }
        self.places.insert(txid, self.next);
        let fee = acceptance.fee;
        self.entries.insert(self.next, Entry { tx, fee });
        self.next += 1;
    }

    fn remove(&mut self, txid: &Txid) {
        let entry = self.places.remove(txid);
        if let Some(entry) = entry.and_then(|at| self.entries.remove(&at)) {
            for input in &entry.tx.input {
                self.spends.remove(&input.previous_output);
            }
        }
    }

    /// Takes out what a new block made superfluous or impossible.
    pub(super) fn after_block(&mut self, transactions: &[Transaction]) {
        for tx in transactions {
            self.remove(&tx.compute_txid());
            let conflicts: BTreeSet<Txid> = tx
                .input
                .iter()
                .filter_map(|input| self.spends.get(&input.previous_output).copied())
                .collect();
            for txid in self.with_descendants(&conflicts) {
                self.remove(&txid);
            }
        }
    }

    /// What a miner takes for the next block: first come, first served, as far as `room` goes.
    pub(super) fn select(&self, room: Weight) -> (Vec<Transaction>, Amount) {
        let mut left_out = BTreeSet::new();
        let (mut taken, mut fees, mut weight) = (Vec::new(), Amount::ZERO, Weight::ZERO);
        for Entry { tx, fee } in self.entries() {
            let orphaned = |input: &bitcoin::TxIn| left_out.contains(&input.previous_output.txid);
            if weight + tx.weight() > room || tx.input.iter().any(orphaned) {
                left_out.insert(tx.compute_txid());
                continue;
            }
            weight += tx.weight();
            fees += *fee;
            taken.push(tx.clone());
        }
        (taken, fees)
    }
}

/// The least fee of a transaction of this size, rounded up.
fn relay_fee(tx: &Transaction) -> Amount {
    let vbytes = u64::try_from(tx.vsize()).unwrap_or(u64::MAX);
    MIN_FEERATE.fee_vb(vbytes).unwrap_or(Amount::MAX_MONEY)
}
