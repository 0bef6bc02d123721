//! A proposal as people and programs see it.

use crate::Error;
use crate::facts::Known;
use crate::review::{Situation, reviewed};
use crate::view::{ProposalLineView, ProposalView};
use bitcoin::{Amount, relative};
use quorate_core::proposal::{Place, Status};
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
    let tip = situation.tip;
    let status = known.status();
    let height = match known.facts.place {
        Place::Block { height } => Some(height),
        Place::Nowhere | Place::Mempool => None,
    };
    Ok(ProposalView {
        id: known.row.id.to_string(),
        vault: row.name.clone(),
        txid: known.row.txid.to_string(),
        status: status.word().to_owned(),
        memo: known.row.memo.clone(),
        review: reviewed(vault, &known.proposal, &known.signed, &review, &situation),
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
        not_before: not_before(known).filter(|&from| tip.is_none_or(|tip| from > tip + 1)),
        opened_at: known.row.opened_at,
        note: known.row.note.clone(),
        next: next(vault, known),
    })
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
