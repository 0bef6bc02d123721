//! What a person must see before signing, out of the transaction itself and the vault's own
//! derivation. Nothing a file claims about itself is repeated here.

use super::limits::FeeLimits;
use crate::journal::tagged;
use crate::keychain::Keychain;
use crate::policy::Timelock;
use crate::proposal::Proposal;
use crate::vault::Vault;
use bitcoin::{Address, Amount, FeeRate, ScriptBuf, Weight, consensus};

/// Change further ahead than this is easily lost: common devices refuse it (T09).
const MAX_CHANGE_GAP: u32 = 200;

/// One output as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The script paid to.
    pub script: ScriptBuf,
    /// Its address, when it has one.
    pub address: Option<Address>,
    /// How much.
    pub amount: Amount,
    /// Where the vault derives it, when it is the vault's own.
    pub ours: Option<(Keychain, u32)>,
}

/// Something a person should know before signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Fee over the usual limits.
    HighFee(super::FeeRefusal),
    /// An output that burns money.
    Burn {
        /// Index of the output.
        output: usize,
    },
    /// Nothing leaves the vault.
    StaysInside,
    /// Change at an index far ahead of what is in use.
    DistantChange {
        /// Index of the output.
        output: usize,
        /// Its derivation index.
        index: u32,
    },
    /// The transaction uses a recovery path's lock.
    Recovery {
        /// Index of the path.
        path: usize,
    },
}

/// A proposal as a person has to see it.
#[derive(Debug, Clone)]
pub struct Review {
    /// Everything that leaves the vault, in the transaction's order.
    pub recipients: Vec<Payment>,
    /// What comes back, proven by our own derivation.
    pub change: Vec<Payment>,
    /// What the coins are worth together.
    pub spent: Amount,
    /// Inputs less outputs.
    pub fee: Amount,
    /// By worst-case signature sizes.
    pub fee_rate: FeeRate,
    /// Worst-case weight of the final transaction.
    pub weight: Weight,
    /// Indexes of the spending paths whose locks this transaction can meet.
    pub paths: Vec<usize>,
    /// What to look at twice.
    pub findings: Vec<Finding>,
    /// Eight words over the whole transaction, to compare by voice.
    pub words: [&'static str; 8],
}

/// Reviews a checked proposal. `used` is the highest index in use on the change keychain, where
/// it is known.
#[must_use]
pub fn review(vault: &Vault, proposal: &Proposal, used: Option<u32>) -> Review {
    let payments = proposal.outputs().iter().map(|output| Payment {
        script: output.txout.script_pubkey.clone(),
        address: Address::from_script(&output.txout.script_pubkey, vault.network()).ok(),
        amount: output.txout.value,
        ours: output.ours,
    });
    // A payment to one of our receive addresses is a payment, not change.
    let is_change = |payment: &Payment| matches!(payment.ours, Some((Keychain::Change, _)));
    let (change, recipients): (Vec<_>, Vec<_>) = payments.partition(is_change);
    let paths = paths(vault, proposal);
    let weight = weight(vault, proposal, &paths);
    let fee = proposal.fee();
    let mut findings = Vec::new();
    for (output, judged) in proposal.outputs().iter().enumerate() {
        if judged.is_unspendable() && judged.txout.value > Amount::ZERO {
            findings.push(Finding::Burn { output });
        }
        if let Some((Keychain::Change, index)) = judged.ours
            && index > used.unwrap_or(0).saturating_add(MAX_CHANGE_GAP)
        {
            findings.push(Finding::DistantChange { output, index });
        }
    }
    let leaves: Amount = recipients
        .iter()
        .filter(|payment| payment.ours.is_none())
        .map(|payment| payment.amount)
        .sum();
    if leaves == Amount::ZERO {
        findings.push(Finding::StaysInside);
    }
    let paid = if leaves == Amount::ZERO {
        proposal
            .transaction()
            .output
            .iter()
            .map(|output| output.value)
            .sum()
    } else {
        leaves
    };
    if let Err(refusal) = FeeLimits::default().check(fee, weight, paid) {
        findings.push(Finding::HighFee(refusal));
    }
    if let Some(&path) = paths
        .iter()
        .find(|&&path| vault.policy().paths[path].lock.is_some())
    {
        findings.push(Finding::Recovery { path });
    }
    Review {
        spent: proposal
            .inputs()
            .iter()
            .map(|input| input.prevout.value)
            .sum(),
        fee_rate: FeeRate::from_sat_per_kwu((fee.to_sat() * 1000).div_ceil(weight.to_wu().max(1))),
        words: words(proposal),
        recipients,
        change,
        fee,
        weight,
        paths,
        findings,
    }
}

/// The spending paths whose timelocks this transaction's fields can meet on every input.
fn paths(vault: &Vault, proposal: &Proposal) -> Vec<usize> {
    let tx = proposal.transaction();
    let meets = |lock: Option<Timelock>| match lock {
        None => true,
        Some(Timelock::Older(blocks)) => tx.input.iter().all(|input| {
            matches!(input.sequence.to_relative_lock_time(),
                Some(bitcoin::relative::LockTime::Blocks(age)) if age.value() >= blocks)
        }),
        Some(Timelock::After(height)) => {
            tx.lock_time.is_block_height()
                && tx.lock_time.to_consensus_u32() >= height
                && tx
                    .input
                    .iter()
                    .all(|input| input.sequence.enables_absolute_lock_time())
        }
    };
    let paths = vault.policy().paths.iter().enumerate();
    paths
        .filter(|(_, path)| meets(path.lock))
        .map(|(index, _)| index)
        .collect()
}

fn weight(vault: &Vault, proposal: &Proposal, paths: &[usize]) -> Weight {
    let base = proposal.transaction().weight();
    // A transaction that carries a recovery path's lock was made for that path.
    let path = paths
        .last()
        .map(|&path| vault.satisfaction_weight(path))
        .unwrap_or(Weight::ZERO);
    // The marker and flag of the segwit serialization weigh 2.
    base + Weight::from_wu(2) + Weight::from_wu(path.to_wu() * proposal.inputs().len() as u64)
}

/// Eight words of the BIP-0039 English list: 88 bits of a hash over the vault's id and the whole
/// unsigned transaction. People who read them to each other hold the same transaction.
#[must_use]
pub fn words(proposal: &Proposal) -> [&'static str; 8] {
    let mut data = proposal.vault().as_bytes().to_vec();
    data.extend(consensus::serialize(proposal.transaction()));
    let hash = tagged(b"Quorate/words", &data);
    let list = bip39::Language::English.word_list();
    std::array::from_fn(|place| {
        let index = (place * 11..place * 11 + 11).fold(0, |index, bit| {
            index << 1 | usize::from(hash[bit / 8] >> (7 - bit % 8) & 1)
        });
        list[index]
    })
}
