//! Every rule about what may be done to a proposal, as pure functions of its facts.

use super::facts::{Facts, Place, Stage, Status, status};
use super::id::ProposalId;
use super::locks::relative_lock;
use super::pinned::Proposal;
use crate::journal::{Body, CloseReason};
use bitcoin::{Amount, Transaction};

/// Why an action was refused. The sentence names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing more can be done with the proposal as it stands.
    #[error("proposal {id} is {status}: {remedy}")]
    WrongStatus {
        /// The proposal, shortened.
        id: String,
        /// Its status.
        status: Status,
        /// What can be done instead.
        remedy: &'static str,
    },
    /// A timelock of the spending path hasn't run out.
    #[error("input {input} can't be spent by this path before block {from}, the next block is {next}: wait {} more", blocks(*from - *next))]
    TooEarly {
        /// Index of the input.
        input: usize,
        /// The first height at which it may be mined.
        from: u32,
        /// The height of the next block.
        next: u32,
    },
    /// The transaction's own lock time hasn't come.
    #[error("the transaction can't be mined before block {from}, the next block is {next}: wait {} more", blocks(*from - *next))]
    Locked {
        /// The first height at which it may be mined.
        from: u32,
        /// The height of the next block.
        next: u32,
    },
    /// A relative timelock runs from confirmation, and the coin has none.
    #[error(
        "input {input} spends a coin that isn't confirmed, its timelock hasn't even started: wait for its confirmation, then for the timelock"
    )]
    Unconfirmed {
        /// Index of the input.
        input: usize,
    },
    /// A replacement pays too little for nodes to prefer it.
    #[error("to replace proposal {id}, which pays {} sat of fee, nodes ask for at least {} sat (its fee, 1 sat more for each virtual byte, and a higher rate), this would pay {}: say --feerate {rate} or more", old.to_sat(), needed.to_sat(), offered.to_sat())]
    Underbid {
        /// The proposal to replace, shortened.
        id: String,
        /// What it pays.
        old: Amount,
        /// What the replacement would pay.
        offered: Amount,
        /// What it must pay.
        needed: Amount,
        /// The same in sat/vB, rounded up.
        rate: String,
    },
}

fn blocks(count: u32) -> String {
    format!("{count} {}", if count == 1 { "block" } else { "blocks" })
}

/// The first 12 hex digits: enough to name a proposal to a person.
pub(super) fn short(id: ProposalId) -> String {
    let mut text = id.to_string();
    text.truncate(12);
    text
}

pub(super) fn wrong(id: ProposalId, status: Status, remedy: &'static str) -> Refusal {
    Refusal::WrongStatus {
        id: short(id),
        status,
        remedy,
    }
}

/// Whether a proposal still takes signatures. The record of who signed may grow after the
/// transaction is out, and who said no may sign all the same; a proposal that was given up, overtaken
/// or is past its deadline takes none (T26).
pub fn admit(id: ProposalId, facts: &Facts) -> Result<(), Refusal> {
    match status(facts) {
        Status::Rejected if facts.stage == Stage::Open => Ok(()),
        _ => hand_out(id, facts),
    }
}

/// Whether a proposal may be handed out for signing.
pub fn hand_out(id: ProposalId, facts: &Facts) -> Result<(), Refusal> {
    let status = status(facts);
    match status {
        Status::Collecting | Status::Ready | Status::Broadcast | Status::Confirmed => Ok(()),
        Status::Draft => Err(wrong(id, status, SUBMIT)),
        Status::Expired => Err(wrong(id, status, EXPIRED)),
        Status::Rejected if facts.stage == Stage::Open => Err(wrong(
            id,
            status,
            "too many cosigners said no: have one approve it with `quorate proposal approve`, or revise it",
        )),
        Status::Replaced if facts.stage == Stage::Closed(CloseReason::Superseded) => {
            Err(wrong(id, status, SUPERSEDED))
        }
        Status::Replaced | Status::Conflicted => Err(wrong(
            id,
            status,
            "one of its coins is spent by another transaction or gone, so its signatures are worth nothing",
        )),
        Status::Abandoned | Status::Rejected => {
            Err(wrong(id, status, "create a new proposal instead"))
        }
    }
}

pub(super) const SUBMIT: &str = "open it for signing first, with `quorate proposal submit`";
pub(super) const EXPIRED: &str =
    "its deadline has passed: revise it with a new one, `quorate proposal revise ID --expires ...`";
pub(super) const SUPERSEDED: &str =
    "another proposal took its place, so work with that one (`quorate proposal show` names it)";

/// Whether the final transaction may go out now. `heights` are the heights at which the inputs'
/// coins are confirmed, `next` is the height of the next block. Returns the entry that must be
/// committed before the first byte leaves, or `None` when it was released before (a retry).
pub fn release(
    proposal: &Proposal,
    status: Status,
    already_released: bool,
    heights: &[Option<u32>],
    next: u32,
    transaction: &Transaction,
) -> Result<Option<Body>, Refusal> {
    let id = proposal.id();
    match status {
        Status::Ready | Status::Broadcast => {}
        Status::Collecting => return Err(wrong(id, status, "signatures are still missing")),
        Status::Confirmed => return Err(wrong(id, status, "there is nothing left to do")),
        Status::Draft => return Err(wrong(id, status, SUBMIT)),
        Status::Expired => return Err(wrong(id, status, EXPIRED)),
        Status::Replaced | Status::Conflicted => {
            return Err(wrong(
                id,
                status,
                "another proposal took its place, or one of its coins is spent or gone",
            ));
        }
        Status::Abandoned | Status::Rejected => {
            return Err(wrong(id, status, "create a new proposal instead"));
        }
    }
    mature(transaction, heights, next)?;
    Ok((!already_released).then(|| Body::ProposalReleased {
        proposal: id,
        transaction: bitcoin::consensus::encode::serialize_hex(transaction),
    }))
}

/// Checks the locks of a transaction as the next block would (BIP-0065, BIP-0068), by height.
fn mature(transaction: &Transaction, heights: &[Option<u32>], next: u32) -> Result<(), Refusal> {
    for (input, (txin, height)) in transaction.input.iter().zip(heights).enumerate() {
        if let Some(bitcoin::relative::LockTime::Blocks(blocks)) = relative_lock(transaction, txin)
        {
            let age = u32::from(blocks.value());
            if age == 0 {
                continue;
            }
            let height = height.ok_or(Refusal::Unconfirmed { input })?;
            let from = height.saturating_add(age);
            if next < from {
                return Err(Refusal::TooEarly { input, from, next });
            }
        }
    }
    let lock = transaction.lock_time;
    if transaction.is_lock_time_enabled()
        && lock.is_block_height()
        && lock.to_consensus_u32() >= next
    {
        return Err(Refusal::Locked {
            from: lock.to_consensus_u32().saturating_add(1),
            next,
        });
    }
    Ok(())
}

/// Whether the proposal may be given up, and the entry that says so. Giving up isn't revoking: a
/// signed copy may be out there. So may one that was let go, but as long as the chain source hasn't
/// got it (it refused it, or forgot it), waiting for it must not hold the coins for ever.
pub fn abandon(id: ProposalId, facts: &Facts, note: Option<String>) -> Result<Body, Refusal> {
    let status = status(facts);
    if matches!(facts.stage, Stage::Closed(_)) && facts.place == Place::Nowhere {
        return Err(wrong(id, status, "it was closed before"));
    }
    match status {
        Status::Broadcast if facts.place != Place::Nowhere => Err(wrong(
            id,
            status,
            "the transaction is out and can't be taken back, only be replaced by a spend of the same coins",
        )),
        Status::Draft
        | Status::Collecting
        | Status::Ready
        | Status::Broadcast
        | Status::Replaced
        | Status::Conflicted
        | Status::Rejected
        | Status::Abandoned => Ok(Body::ProposalClosed {
            proposal: id,
            reason: CloseReason::Abandoned,
            note,
        }),
        Status::Confirmed => Err(wrong(id, status, "the money has moved")),
        Status::Expired => Err(wrong(
            id,
            status,
            "its deadline has passed, so its coins are free already",
        )),
    }
}
