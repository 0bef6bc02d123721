//! What cosigners say about a proposal beside signing it, and when so many said no that it can't
//! happen any more.

use super::decide::{EXPIRED, Refusal, SUBMIT, SUPERSEDED, wrong};
use super::facts::{Facts, Stage, Status, status};
use super::id::ProposalId;
use super::pinned::Proposal;
use super::quorum::SignedInputs;
use crate::journal::{Body, CloseReason, Word};
use crate::key::CosignerKey;
use crate::spend::usable_paths;
use crate::vault::Vault;
use std::collections::BTreeSet;

/// The cosigners who say no, out of each author's newest word about each cosigner. Between two
/// authors no order is known, so a no stands until the one who wrote it down takes it back; a
/// signature goes over it anyway ([`is_rejected`]).
#[must_use]
pub fn objectors(words: impl IntoIterator<Item = (usize, Word)>) -> BTreeSet<usize> {
    let words = words.into_iter();
    words
        .filter(|(_, word)| *word == Word::Rejected)
        .map(|(cosigner, _)| cosigner)
        .collect()
}

/// Whether so many said no that, on some input, no spending path which the transaction's locks
/// allow can be satisfied any more. A signature can't be unsaid: where an objector has signed, he
/// counts.
#[must_use]
pub fn is_rejected(
    vault: &Vault,
    proposal: &Proposal,
    signed: &SignedInputs,
    objectors: &BTreeSet<usize>,
) -> bool {
    let usable: Vec<_> = usable_paths(vault, proposal)
        .into_iter()
        .filter_map(|path| vault.policy().paths.get(path))
        .collect();
    let blocked = |signed: &BTreeSet<usize>| {
        let can_count =
            |cosigner: &&usize| signed.contains(cosigner) || !objectors.contains(cosigner);
        usable
            .iter()
            .all(|path| path.cosigners.iter().filter(can_count).count() < path.threshold)
    };
    // Without a usable path nobody's no is the reason.
    !usable.is_empty() && signed.signed.iter().any(blocked)
}

/// Whether a cosigner's word may be taken down, and the entry that does.
pub fn speak(
    id: ProposalId,
    facts: &Facts,
    cosigner: &CosignerKey,
    word: Word,
    note: Option<String>,
) -> Result<Body, Refusal> {
    let status = status(facts);
    match status {
        Status::Collecting | Status::Ready => {}
        Status::Rejected if facts.stage == Stage::Open => {}
        Status::Draft => return Err(wrong(id, status, SUBMIT)),
        Status::Expired => return Err(wrong(id, status, EXPIRED)),
        Status::Broadcast | Status::Confirmed => {
            return Err(wrong(id, status, "there is nothing left to decide"));
        }
        Status::Replaced if facts.stage == Stage::Closed(CloseReason::Superseded) => {
            return Err(wrong(id, status, SUPERSEDED));
        }
        Status::Replaced | Status::Conflicted => {
            return Err(wrong(
                id,
                status,
                "one of its coins is spent by another transaction or gone, so there is nothing left to decide",
            ));
        }
        Status::Abandoned | Status::Rejected => {
            return Err(wrong(id, status, "create a new proposal instead"));
        }
    }
    Ok(Body::WordGiven {
        proposal: id,
        cosigner: *cosigner.xpub(),
        word,
        note,
    })
}

/// Whether a draft may be opened for signing, and the entry that does.
pub fn submit(id: ProposalId, facts: &Facts) -> Result<Body, Refusal> {
    let status = status(facts);
    match status {
        Status::Draft => Ok(Body::ProposalSubmitted { proposal: id }),
        Status::Expired => Err(wrong(id, status, EXPIRED)),
        Status::Collecting
        | Status::Ready
        | Status::Rejected
        | Status::Broadcast
        | Status::Confirmed => Err(wrong(id, status, "it isn't a draft any more")),
        Status::Replaced | Status::Conflicted | Status::Abandoned => {
            Err(wrong(id, status, "create a new proposal instead"))
        }
    }
}
