//! What a person must see before signing, out of the transaction itself and the vault's own
//! derivation. Nothing a file claims about itself is repeated here.

use super::data::data_of;
use super::likeness::{Acquaintance, Knowledge, Likeness, likeness};
use super::limits::{BurnRefusal, FeeLimits, FeeRefusal};
use crate::journal::tagged;
use crate::keychain::Keychain;
use crate::policy::Timelock;
use crate::proposal::{Proposal, meets_after, meets_older};
use crate::script_type::ScriptType;
use crate::vault::{Vault, VaultId};
use bitcoin::{Address, Amount, FeeRate, Script, ScriptBuf, Weight, consensus};
use std::collections::{BTreeMap, BTreeSet};

/// What comes back further ahead than this is easily lost: common devices refuse it (T09).
const MAX_GAP: u32 = 200;

/// One output as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its place among the outputs.
    pub output: usize,
    /// The script paid to.
    pub script: ScriptBuf,
    /// Its address, when it has one.
    pub address: Option<Address>,
    /// How much.
    pub amount: Amount,
    /// Where the vault derives it, when it is the vault's own.
    pub ours: Option<(Keychain, u32)>,
    /// The name of another vault of this home, when it is that one's.
    pub vault: Option<String>,
    /// Whether it was paid before; `None` of data, and when there is no home at hand that could know.
    pub paid_before: Option<bool>,
    /// T30: a known address with the same first and last characters.
    pub like: Option<(Address, Acquaintance)>,
}

/// Something a person should know before signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// T30: paid to an address that looks like a known one and is another.
    LookAlike {
        /// Index of the output.
        output: usize,
        /// The one that is known.
        known: Address,
        /// How it is known.
        because: Acquaintance,
    },
    /// Paid to somebody for the first time, as far as this home knows.
    FirstPayment {
        /// Index of the output.
        output: usize,
    },
    /// Fee over the usual limits.
    HighFee(FeeRefusal),
    /// An output that burns money.
    Burn {
        /// Index of the output.
        output: usize,
    },
    /// Bytes for everybody to read.
    Data {
        /// Index of the output.
        output: usize,
        /// What they say, if they are text.
        text: Option<String>,
    },
    /// Nothing leaves the vault.
    StaysInside,
    /// T09: an output of ours at an index far ahead of what is in use.
    Distant {
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
    /// In P2SH signatures are part of the transaction's id.
    IdUnknown,
}

/// A proposal as a person has to see it.
#[derive(Debug, Clone)]
pub struct Review {
    /// Everything that isn't change, in the transaction's order. A payment to one of our receive
    /// addresses is among them, marked as ours.
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
    let knowledge = Knowledge {
        used: [None, used],
        ..Knowledge::default()
    };
    review_knowing(vault, proposal, &knowledge)
}

/// [`review`] by somebody who knows more than the transaction says.
#[must_use]
pub fn review_knowing(vault: &Vault, proposal: &Proposal, knowledge: &Knowledge) -> Review {
    let beside = beside(vault, proposal);
    let outputs = proposal.outputs().iter().enumerate();
    let payments = outputs.zip(beside).map(|((output, judged), beside)| {
        let known = knowledge.outputs.get(&output);
        Payment {
            output,
            script: judged.txout.script_pubkey.clone(),
            address: Address::from_script(&judged.txout.script_pubkey, vault.network()).ok(),
            amount: judged.txout.value,
            ours: judged.ours.or_else(|| known?.ours),
            vault: known.and_then(|known| known.vault.clone()),
            // Data is nobody who could be paid.
            paid_before: known
                .filter(|_| data_of(&judged.txout.script_pubkey).is_none())
                .map(|known| known.paid_before),
            like: known
                .and_then(|known| known.like.clone())
                .or_else(|| Some((beside?, Acquaintance::Beside))),
        }
    });
    // A payment to one of our receive addresses is a payment, not change.
    let is_change = |payment: &Payment| matches!(payment.ours, Some((Keychain::Change, _)));
    let (change, recipients): (Vec<_>, Vec<_>) = payments.partition(is_change);
    let paths = usable_paths(vault, proposal);
    let weight = weight(vault, proposal, &paths);
    let fee = proposal.fee();
    let coins = proposal.inputs().iter();
    let mut review = Review {
        spent: coins.map(|input| input.prevout.value).sum(),
        fee_rate: FeeRate::from_sat_per_kwu((fee.to_sat() * 1000).div_ceil(weight.to_wu().max(1))),
        words: words(proposal),
        recipients,
        change,
        fee,
        weight,
        paths,
        findings: Vec::new(),
    };
    let used = Keychain::ALL.map(|keychain| used(proposal, knowledge, keychain));
    review.findings = findings(vault, &review, used);
    review
}

/// The highest index that is certainly in use: what is known, and what the coins spent sit on.
fn used(proposal: &Proposal, knowledge: &Knowledge, keychain: Keychain) -> u32 {
    let coins = proposal.inputs().iter().map(|input| &input.derived);
    let spent = coins.filter(|coin| coin.keychain == keychain);
    let spent = spent.map(|coin| coin.index);
    let known = knowledge.used[keychain.index()];
    spent.chain(known).max().unwrap_or(0)
}

fn findings(vault: &Vault, review: &Review, used: [u32; 2]) -> Vec<Finding> {
    // What is ours can't be mistaken for somebody else's.
    let strangers = || {
        let recipients = review.recipients.iter();
        recipients.filter(|to| to.ours.is_none() && to.vault.is_none() && to.address.is_some())
    };
    let alike = strangers().filter_map(|to| {
        let (known, because) = to.like.clone()?;
        let output = to.output;
        Some(Finding::LookAlike {
            output,
            known,
            because,
        })
    });
    let mut findings: Vec<Finding> = alike.collect();
    findings.extend(review.burns().map(|payment| Finding::Burn {
        output: payment.output,
    }));
    let data = review.recipients.iter().filter_map(|to| {
        let text = String::from_utf8(data_of(&to.script)?).ok();
        let output = to.output;
        Some(Finding::Data { output, text })
    });
    findings.extend(data);
    let first = strangers().filter(|to| to.paid_before == Some(false));
    findings.extend(first.map(|to| Finding::FirstPayment { output: to.output }));
    for payment in review.recipients.iter().chain(&review.change) {
        if let Some((keychain, index)) = payment.ours
            && index > used[keychain.index()].saturating_add(MAX_GAP)
        {
            let output = payment.output;
            findings.push(Finding::Distant { output, index });
        }
    }
    if review.sent() == Amount::ZERO {
        findings.push(Finding::StaysInside);
    }
    if let Err(refusal) = review.check_fee(&FeeLimits::default()) {
        findings.push(Finding::HighFee(refusal));
    }
    let locked = |path: &&usize| vault.policy().paths[**path].lock.is_some();
    if let Some(&path) = review.paths.iter().find(locked) {
        findings.push(Finding::Recovery { path });
    }
    if vault.script_type() == ScriptType::Sh {
        findings.push(Finding::IdUnknown);
    }
    findings
}

impl Review {
    /// What leaves the vault, the fee not counted.
    #[must_use]
    pub fn sent(&self) -> Amount {
        let outside = self.recipients.iter().filter(|to| to.ours.is_none());
        outside.map(|to| to.amount).sum()
    }

    /// What the fee is measured by: what leaves the vault, or all outputs when nothing does.
    #[must_use]
    pub fn fee_basis(&self) -> Amount {
        match self.sent() {
            Amount::ZERO => self.spent - self.fee,
            sent => sent,
        }
    }

    /// T22: judges the fee.
    pub fn check_fee(&self, limits: &FeeLimits) -> Result<(), FeeRefusal> {
        limits.check(self.fee, self.weight, self.fee_basis())
    }

    /// T36: refuses to send money where nobody could spend it again.
    pub fn check_burn(&self) -> Result<(), BurnRefusal> {
        match self.burns().next() {
            Some(payment) => Err(BurnRefusal {
                output: payment.output,
                amount: payment.amount,
            }),
            None => Ok(()),
        }
    }

    fn burns(&self) -> impl Iterator<Item = &Payment> {
        let payments = self.recipients.iter();
        payments.filter(|to| to.script.is_op_return() && to.amount > Amount::ZERO)
    }
}

/// For each output another one of the same transaction whose address has the same ends.
fn beside(vault: &Vault, proposal: &Proposal) -> Vec<Option<Address>> {
    let scripts: Vec<&Script> = proposal
        .outputs()
        .iter()
        .map(|output| output.txout.script_pubkey.as_script())
        .collect();
    let ends: Vec<Option<Likeness>> = scripts
        .iter()
        .map(|script| likeness(script, vault.network()))
        .collect();
    let mut alike: BTreeMap<Likeness, BTreeSet<&Script>> = BTreeMap::new();
    for (script, ends) in scripts.iter().zip(&ends) {
        if let Some(ends) = ends {
            alike.entry(*ends).or_default().insert(script);
        }
    }
    let other = |(script, ends): (&&Script, &Option<Likeness>)| {
        let mut others = alike.get(ends.as_ref()?)?.iter();
        let other = others.find(|other| *other != script)?;
        Address::from_script(other, vault.network()).ok()
    };
    scripts.iter().zip(&ends).map(other).collect()
}

/// The spending paths whose timelocks this transaction's fields can meet on every input.
pub(crate) fn usable_paths(vault: &Vault, proposal: &Proposal) -> Vec<usize> {
    let tx = proposal.transaction();
    let meets = |lock: Option<Timelock>| match lock {
        None => true,
        Some(Timelock::Older(blocks)) => tx.input.iter().all(|input| {
            let lock = bitcoin::relative::LockTime::from_height(blocks);
            meets_older(tx, input, lock)
        }),
        Some(Timelock::After(height)) => bitcoin::absolute::LockTime::from_height(height)
            .is_ok_and(|lock| tx.input.iter().all(|input| meets_after(tx, input, lock))),
    };
    let paths = vault.policy().paths.iter().enumerate();
    paths
        .filter(|(_, path)| meets(path.lock))
        .map(|(index, _)| index)
        .collect()
}

fn weight(vault: &Vault, proposal: &Proposal, paths: &[usize]) -> Weight {
    let base = proposal.transaction().weight();
    // A transaction that carries a recovery path's lock was made for that path; one that no path
    // fits is weighed by the heaviest, which is what no path's number stands for.
    let path = paths.last().copied().unwrap_or(usize::MAX);
    let path = vault.satisfaction_weight(path);
    // The marker and flag of the segwit serialization weigh 2.
    let marker = if vault.script_type().is_segwit() {
        2
    } else {
        0
    };
    base + Weight::from_wu(marker) + Weight::from_wu(path.to_wu() * proposal.inputs().len() as u64)
}

/// Eight words of the BIP-0039 English list: 88 bits of a hash over the vault's id and the whole
/// unsigned transaction. People who read them to each other hold the same transaction.
#[must_use]
pub fn words(proposal: &Proposal) -> [&'static str; 8] {
    let mut data = proposal.vault().as_bytes().to_vec();
    data.extend(consensus::serialize(proposal.transaction()));
    words_of(b"Quorate/words", &data)
}

/// Eight words over a vault: its keys and rules, all of which the id covers. People who read them to
/// each other hold the same vault.
#[must_use]
pub fn vault_words(vault: VaultId) -> [&'static str; 8] {
    words_of(b"Quorate/vault words", vault.as_bytes())
}

fn words_of(tag: &[u8], data: &[u8]) -> [&'static str; 8] {
    let hash = tagged(tag, data);
    let list = bip39::Language::English.word_list();
    std::array::from_fn(|place| {
        let index = (place * 11..place * 11 + 11).fold(0, |index, bit| {
            index << 1 | usize::from(hash[bit / 8] >> (7 - bit % 8) & 1)
        });
        list[index]
    })
}
