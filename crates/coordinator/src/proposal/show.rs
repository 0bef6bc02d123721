//! A proposal as people and programs see it.

use crate::Error;
use crate::facts::Known;
use crate::view::{InputView, PaymentView, ProposalLineView, ProposalView};
use bitcoin::{Amount, relative};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Place, Proposal, SignedInputs, Status};
use quorate_core::spend::{Finding, Payment, Review, review};
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredVault};
use std::collections::BTreeSet;

/// Everything about one proposal.
pub(crate) fn view(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    vault: &Vault,
    known: &Known,
) -> Result<ProposalView, Error> {
    let used = tx.last_revealed(row.id, Keychain::Change)?;
    let review = review(vault, &known.proposal, used);
    let tip = tx.ledger_balance(crate::ledger_row(tx, row.id)?)?.height;
    let status = known.status();
    let explained = vault.explain();
    let height = match known.facts.place {
        Place::Block { height } => Some(height),
        Place::Nowhere | Place::Mempool => None,
    };
    Ok(ProposalView {
        id: known.row.id.to_string(),
        vault: row.name.clone(),
        txid: known.txid.to_string(),
        status: status.word().to_owned(),
        memo: known.row.memo.clone(),
        fee_sat: review.fee.to_sat(),
        feerate_sat_vb: rate(&review),
        recipients: review.recipients.iter().map(payment).collect(),
        change: review.change.iter().map(payment).collect(),
        inputs: inputs(vault, &known.proposal, &known.signed),
        missing: missing(vault, known),
        needed: needed(vault, known, &review),
        seen: match known.facts.place {
            Place::Nowhere => "nowhere",
            Place::Mempool => "mempool",
            Place::Block { .. } => "block",
        }
        .to_owned(),
        height,
        confirmations: height
            .zip(tip)
            .map_or(0, |(height, tip)| (tip + 1).saturating_sub(height)),
        paths: review
            .paths
            .iter()
            .filter_map(|&path| explained.get(path).cloned())
            .collect(),
        not_before: not_before(known).filter(|&from| tip.is_none_or(|tip| from > tip + 1)),
        words: review.words.iter().map(ToString::to_string).collect(),
        findings: {
            let said_twice = crate::homes::said_twice(tx, known.row.id)?;
            let findings = review.findings.iter().map(finding);
            findings.chain(said_twice).collect()
        },
        opened_at: known.row.opened_at,
        note: known.row.note.clone(),
        next: next(vault, known),
    })
}

/// The grid: each coin, and who of the cosigners signed for it.
pub(crate) fn inputs(vault: &Vault, proposal: &Proposal, signed: &SignedInputs) -> Vec<InputView> {
    let word = |is_signed: bool| if is_signed { "signed" } else { "missing" }.to_owned();
    let inputs = proposal.inputs().iter();
    inputs
        .zip(signed.signed.iter().zip(&signed.satisfied))
        .map(|(input, (signed, satisfied))| InputView {
            outpoint: input.outpoint.to_string(),
            value_sat: input.prevout.value.to_sat(),
            signatures: vault
                .cosigners()
                .iter()
                .enumerate()
                .map(|(at, cosigner)| (cosigner.name.clone(), word(signed.contains(&at))))
                .collect(),
            satisfied: *satisfied,
        })
        .collect()
}

/// One line about it.
pub(crate) fn line(
    row: &StoredVault,
    vault: &Vault,
    known: &Known,
) -> Result<ProposalLineView, Error> {
    let review = review(vault, &known.proposal, None);
    let amount: Amount = review.recipients.iter().map(|payment| payment.amount).sum();
    Ok(ProposalLineView {
        id: known.row.id.to_string(),
        vault: row.name.clone(),
        status: known.status().word().to_owned(),
        amount_sat: amount.to_sat(),
        memo: known.row.memo.clone(),
        missing: missing(vault, known),
        needed: needed(vault, known, &review),
        next: next(vault, known),
    })
}

/// An output as a view.
#[must_use]
pub fn payment(payment: &Payment) -> PaymentView {
    PaymentView {
        address: payment.address.as_ref().map(ToString::to_string),
        amount_sat: payment.amount.to_sat(),
        index: payment.ours.map(|(_, index)| index),
        script: payment.script.to_hex_string(),
    }
}

/// To two digits, for people; the fee itself is exact.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
#[must_use]
pub fn rate(review: &Review) -> f64 {
    let rate = review.fee.to_sat() as f64 * 4.0 / review.weight.to_wu().max(1) as f64;
    (rate * 100.0).round() / 100.0
}

fn missing(vault: &Vault, known: &Known) -> Vec<String> {
    if known.status() != Status::Collecting {
        return Vec::new();
    }
    let cosigners = known.signed.missing();
    cosigners
        .into_iter()
        .filter_map(|cosigner| vault.cosigners().get(cosigner))
        .map(|cosigner| cosigner.name.clone())
        .collect()
}

/// How many more signatures the worst input needs on its best path.
fn needed(vault: &Vault, known: &Known, review: &Review) -> usize {
    if known.signed.is_complete() {
        return 0;
    }
    let lacks = |signed: &BTreeSet<usize>| {
        let paths = review
            .paths
            .iter()
            .filter_map(|&path| vault.policy().paths.get(path));
        paths
            .map(|path| {
                path.threshold
                    .saturating_sub(path.cosigners.intersection(signed).count())
            })
            .min()
            .unwrap_or(0)
    };
    known.signed.signed.iter().map(lacks).max().unwrap_or(0)
}

/// The first height that satisfies every relative lock, when all coins are confirmed.
fn not_before(known: &Known) -> Option<u32> {
    let inputs = known
        .proposal
        .transaction()
        .input
        .iter()
        .zip(&known.heights);
    inputs
        .filter_map(
            |(input, height)| match input.sequence.to_relative_lock_time() {
                Some(relative::LockTime::Blocks(age)) if age.value() > 0 => {
                    Some((*height)?.saturating_add(u32::from(age.value())))
                }
                _ => None,
            },
        )
        .max()
}

fn next(vault: &Vault, known: &Known) -> Option<String> {
    let id = &known.row.id.to_string()[..12];
    match known.status() {
        Status::Draft | Status::Collecting => {
            let who = missing(vault, known).into_iter().next()?;
            Some(format!(
                "quorate proposal export {id} --for {who} -o {who}.psbt"
            ))
        }
        Status::Ready => Some(format!("quorate proposal broadcast {id}")),
        Status::Broadcast => Some("quorate sync".to_owned()),
        Status::Replaced | Status::Conflicted => Some(format!("quorate proposal abandon {id}")),
        Status::Confirmed | Status::Abandoned | Status::Expired | Status::Rejected => None,
    }
}

/// A finding in a sentence.
#[must_use]
pub fn finding(finding: &Finding) -> String {
    match finding {
        Finding::HighFee(refusal) => refusal.to_string(),
        Finding::Burn { output } => {
            format!("output {output} burns its amount: nobody can ever spend it")
        }
        Finding::StaysInside => "nothing leaves the vault".to_owned(),
        Finding::DistantChange { output, index } => {
            format!(
                "output {output} is change at index {index}, far beyond those in use: other wallets may not find it"
            )
        }
        Finding::Recovery { path } => {
            format!("it spends by path {}, which a timelock guards", path + 1)
        }
    }
}
