//! A proposal as people and programs see it.

use super::words::answers;
use crate::Error;
use crate::facts::{Known, replaced_line};
use crate::review::{Situation, rate, reviewed};
use crate::view::{ProposalLineView, ProposalView};
use bitcoin::{Amount, relative};
use quorate_core::journal::CloseReason;
use quorate_core::proposal::{Place, ProposalId, Rival, Stage, Status};
use quorate_core::spend::{Review, review, review_knowing};
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
    let situation = Situation::of(tx, vault, &known.proposal)?;
    let review = review_knowing(vault, &known.proposal, &situation.knowledge);
    let replaced_by = successor(tx, known)?;
    let tip = situation.tip;
    let status = known.status();
    let height = match known.facts.place {
        Place::Block { height } => Some(height),
        Place::Nowhere | Place::Mempool => None,
    };
    let mut seen = reviewed(vault, &known.proposal, &known.signed, &review, &situation);
    seen.findings.extend(findings(vault, known, replaced_by));
    let said_twice = crate::homes::said_twice(tx, known.row.id)?;
    seen.findings.extend(said_twice);
    Ok(ProposalView {
        id: known.row.id.to_string(),
        vault: row.name.clone(),
        as_of: crate::sources::as_of(tx, row.id)?,
        txid: known.txid.to_string(),
        status: status.word().to_owned(),
        memo: known.row.memo.clone(),
        review: seen,
        missing: missing(vault, known),
        needed: needed(vault, known, &review).0,
        threshold: needed(vault, known, &review).1,
        answers: answers(vault, known),
        objectors: names(vault, &known.objectors),
        replaces: known.row.replaces.map(|id| id.to_string()),
        replaced_by: replaced_by.map(|id| id.to_string()),
        expires_at: known.row.expires,
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
        not_before: not_before(known).filter(|&from| tip.is_none_or(|tip| from > tip + 1)),
        opened_at: known.row.opened_at,
        note: known.row.note.clone(),
        next: next(row, vault, known, &review, replaced_by),
    })
}

/// The newest proposal that takes its place. Anybody may say of his that it does; it is believed of one
/// that spends a common coin, or when this one was closed because of it.
fn successor(tx: &ReadTx<'_>, known: &Known) -> Result<Option<ProposalId>, Error> {
    let closed = known.facts.stage == Stage::Closed(CloseReason::Superseded);
    for new in tx.replaced_by(known.row.id)? {
        if closed || replaced_line(tx, new)?.contains(&known.row.id) {
            return Ok(Some(new));
        }
    }
    Ok(None)
}

/// One line about it.
pub(crate) fn line(row: &StoredVault, vault: &Vault, known: &Known) -> ProposalLineView {
    let review = review(vault, &known.proposal, None);
    let amount: Amount = review.recipients.iter().map(|payment| payment.amount).sum();
    let (needed, threshold) = needed(vault, known, &review);
    let to = review.recipients.first();
    ProposalLineView {
        id: known.row.id.to_string(),
        vault: row.name.clone(),
        status: known.status().word().to_owned(),
        amount_sat: amount.to_sat(),
        to: to.and_then(|payment| Some(payment.address.as_ref()?.to_string())),
        label: None,
        payees: review.recipients.len(),
        memo: known.row.memo.clone(),
        missing: missing(vault, known),
        needed,
        threshold,
        objectors: names(vault, &known.objectors),
        expires_at: known.row.expires,
        next: next(row, vault, known, &review, None),
        fault: None,
    }
}

fn missing(vault: &Vault, known: &Known) -> Vec<String> {
    if known.status() != Status::Collecting {
        return Vec::new();
    }
    // Who said no isn't asked again; he may sign all the same.
    let asked = known.signed.missing();
    names(
        vault,
        &asked.difference(&known.objectors).copied().collect(),
    )
}

fn names(vault: &Vault, cosigners: &BTreeSet<usize>) -> Vec<String> {
    let cosigners = cosigners.iter();
    cosigners
        .filter_map(|&cosigner| vault.cosigners().get(cosigner))
        .map(|cosigner| cosigner.name.clone())
        .collect()
}

/// How many more signatures the worst input needs on its best path, and how many that path asks for.
fn needed(vault: &Vault, known: &Known, review: &Review) -> (usize, usize) {
    let lacks = |signed: &BTreeSet<usize>| {
        let paths = review
            .paths
            .iter()
            .filter_map(|&path| vault.policy().paths.get(path));
        paths
            .map(|path| {
                let signed = path.cosigners.intersection(signed).count();
                (path.threshold.saturating_sub(signed), path.threshold)
            })
            .min()
            .unwrap_or((0, 0))
    };
    let inputs = known.signed.signed.iter();
    let (needed, threshold) = inputs.map(lacks).max().unwrap_or((0, 0));
    if known.signed.is_complete() {
        return (0, threshold);
    }
    (needed, threshold)
}

/// What to look at twice: in the transaction, and in what became of the proposal.
fn findings(vault: &Vault, known: &Known, replaced_by: Option<ProposalId>) -> Vec<String> {
    let mut findings = Vec::new();
    let signed = |cosigner: &usize| known.signed.signed.iter().any(|one| one.contains(cosigner));
    for name in names(
        vault,
        &known.objectors.iter().copied().filter(signed).collect(),
    ) {
        findings.push(format!(
            "{name} said no but has signed: a signature can't be taken back, so it counts"
        ));
    }
    if may_still_be_sent(known) {
        let way = match replaced_by {
            Some(id) => format!("when proposal {} is mined", &id.to_string()[..12]),
            None => "when another transaction spends one of its coins".to_owned(),
        };
        findings.push(format!(
            "signatures for it exist, and this doesn't revoke them: whoever holds enough can still send it; that ends only {way}"
        ));
    }
    findings
}

/// Whether people gave the proposal up and its transaction may happen all the same (T26).
fn may_still_be_sent(known: &Known) -> bool {
    let given_up = match known.status() {
        Status::Abandoned | Status::Expired | Status::Rejected | Status::Replaced => true,
        Status::Draft
        | Status::Collecting
        | Status::Ready
        | Status::Broadcast
        | Status::Confirmed
        | Status::Conflicted => false,
    };
    given_up && known.is_signed() && known.facts.rival == Rival::None
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

fn next(
    row: &StoredVault,
    vault: &Vault,
    known: &Known,
    review: &Review,
    replaced_by: Option<ProposalId>,
) -> Option<String> {
    let id = &known.row.id.to_string()[..12];
    if let Some(newer) = replaced_by
        && known.status() == Status::Replaced
    {
        return Some(format!(
            "quorate proposal show {}",
            &newer.to_string()[..12]
        ));
    }
    if matches!(known.facts.stage, Stage::Closed(_)) && may_still_be_sent(known) {
        let rate = rate(review).ceil().max(1.0);
        return Some(format!(
            "quorate proposal create {} --cancel {id} --feerate {rate}",
            row.name
        ));
    }
    match known.status() {
        Status::Draft => Some(format!("quorate proposal submit {id}")),
        Status::Collecting => {
            let who = missing(vault, known).into_iter().next()?;
            Some(format!(
                "quorate proposal export {id} --for {who} -o {who}.psbt"
            ))
        }
        Status::Ready => Some(format!("quorate proposal broadcast {id}")),
        Status::Broadcast => Some("quorate sync".to_owned()),
        Status::Rejected if known.facts.stage == Stage::Open => {
            Some(format!("quorate proposal abandon {id}"))
        }
        Status::Replaced | Status::Conflicted if known.facts.stage == Stage::Open => {
            Some(format!("quorate proposal abandon {id}"))
        }
        Status::Expired if !matches!(known.facts.stage, Stage::Closed(_)) => {
            Some(format!("quorate proposal revise {id} --expires 7d"))
        }
        Status::Replaced
        | Status::Conflicted
        | Status::Confirmed
        | Status::Abandoned
        | Status::Expired
        | Status::Rejected => None,
    }
}
