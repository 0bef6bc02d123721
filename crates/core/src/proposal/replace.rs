//! One proposal in the place of another: an edit, a higher fee, a spend to ourselves that makes the
//! old one impossible. The coordinator sees to it that both spend a common coin, so that at most one
//! of them is ever mined.

use super::decide::{Refusal, SUPERSEDED, short, wrong};
use super::facts::{Facts, Place, Stage, Status, status};
use super::id::ProposalId;
use crate::journal::{Body, CloseReason};
use bitcoin::{Amount, Weight};

/// What a replacement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To do it differently.
    Revise,
    /// To make sure that it never happens: a spend of one of its coins to ourselves.
    Cancel,
}

/// What it takes to step into a proposal's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// The entry that closes the old one, in the commit that opens the new one.
    pub closing: Option<Body>,
    /// The old transaction may be out there: the new one must outbid it ([`outbid`]).
    pub outbids: bool,
}

/// Whether a new proposal may take this one's place, and what that takes. What was let go isn't
/// closed: until the chain has decided, either of the two may win.
pub fn supersede(id: ProposalId, facts: &Facts, purpose: Purpose) -> Result<Succession, Refusal> {
    let status = status(facts);
    let closing = match status {
        Status::Draft | Status::Collecting | Status::Ready => true,
        Status::Broadcast => false,
        Status::Confirmed => return Err(wrong(id, status, "the money has moved")),
        Status::Expired | Status::Rejected if matches!(facts.stage, Stage::Open | Stage::Draft) => {
            true
        }
        Status::Abandoned | Status::Expired | Status::Rejected => match purpose {
            Purpose::Cancel => false,
            Purpose::Revise => {
                return Err(wrong(id, status, "create a new proposal instead"));
            }
        },
        Status::Replaced if facts.stage == Stage::Closed(CloseReason::Superseded) => {
            match purpose {
                Purpose::Cancel => false,
                Purpose::Revise => return Err(wrong(id, status, SUPERSEDED)),
            }
        }
        Status::Replaced | Status::Conflicted => {
            return Err(wrong(
                id,
                status,
                "one of its coins is spent by another transaction or gone, so create a new proposal",
            ));
        }
    };
    Ok(Succession {
        closing: closing.then_some(Body::ProposalClosed {
            proposal: id,
            reason: CloseReason::Superseded,
            note: None,
        }),
        outbids: facts.released || facts.place == Place::Mempool,
    })
}

/// What a transaction pays, and for what size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Its fee.
    pub fee: Amount,
    /// Its weight; of one that isn't signed yet the worst case.
    pub weight: Weight,
}

/// T27: whether nodes would take `new` for `old` (BIP-0125 rules 3 and 4, and a higher rate as Bitcoin
/// Core asks): checked before anybody signs. 1 sat/vB is the highest increment that nodes are known
/// to ask for by default.
pub fn outbid(id: ProposalId, old: Price, new: Price) -> Result<(), Refusal> {
    let vsize = new.weight.to_vbytes_ceil().max(1);
    let by_fee = old.fee.to_sat().saturating_add(vsize);
    let by_rate = u128::from(old.fee.to_sat()) * u128::from(new.weight.to_wu())
        / u128::from(old.weight.to_wu().max(1))
        + 1;
    let needed = by_fee.max(u64::try_from(by_rate).unwrap_or(u64::MAX));
    if new.fee.to_sat() >= needed {
        return Ok(());
    }
    let hundredths = needed.saturating_mul(100).div_ceil(vsize);
    Err(Refusal::Underbid {
        id: short(id),
        old: old.fee,
        offered: new.fee,
        needed: Amount::from_sat(needed),
        rate: format!("{}.{:02}", hundredths / 100, hundredths % 100),
    })
}
