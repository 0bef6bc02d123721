//! Facts in, status out. Status is never stored: a reorg changes the ledger, and the status
//! follows by itself.

use crate::journal::CloseReason;
use std::fmt;

/// What this home decided about the proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Being drawn up; nobody is asked to sign yet.
    Draft,
    /// Cosigners are asked to sign.
    Open,
    /// Given up, and why.
    Closed(CloseReason),
}

/// Where the chain source sees the proposal's own transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nowhere.
    Nowhere,
    /// Waiting in the mempool.
    Mempool,
    /// In a block of the active chain.
    Block {
        /// That block's height.
        height: u32,
    },
}

/// Whether another transaction spends one of the proposal's coins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rival {
    /// No other transaction does.
    None,
    /// The transaction of another proposal of this vault does.
    Ours,
    /// A transaction that no proposal here describes does.
    Stranger,
    /// None does, but a coin isn't there any more: the payment that made it was replaced, dropped
    /// or taken back by the chain.
    Gone,
}

/// All that [`status`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// This home's decision.
    pub stage: Stage,
    /// The final transaction was let go: from then on anybody may have it.
    pub released: bool,
    /// On every input, the signatures at hand satisfy a spending path.
    pub satisfied: bool,
    /// So many cosigners said no that, on some input, no spending path can be satisfied any more.
    pub rejected: bool,
    /// Its deadline has passed.
    pub expired: bool,
    /// Where our transaction is.
    pub place: Place,
    /// Whether another one is in its way.
    pub rival: Rival,
}

/// The state of a proposal as people speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Being drawn up.
    Draft,
    /// Signatures are missing.
    Collecting,
    /// Signatures suffice on every input.
    Ready,
    /// Let go, or seen in the mempool.
    Broadcast,
    /// In a block of the active chain.
    Confirmed,
    /// Another proposal of this vault took its place or spends one of its coins.
    Replaced,
    /// A transaction nobody proposed here spends one of its coins, or a coin is gone.
    Conflicted,
    /// Given up by a person.
    Abandoned,
    /// Its time ran out.
    Expired,
    /// Too many said no.
    Rejected,
}

impl Status {
    /// The word used in JSON and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Collecting => "collecting",
            Self::Ready => "ready",
            Self::Broadcast => "broadcast",
            Self::Confirmed => "confirmed",
            Self::Replaced => "replaced",
            Self::Conflicted => "conflicted",
            Self::Abandoned => "abandoned",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The status that these facts amount to. What the chain says comes before what we decided.
#[must_use]
pub const fn status(facts: &Facts) -> Status {
    match (facts.place, facts.stage, facts.rival) {
        (Place::Block { .. }, _, _) => Status::Confirmed,
        (Place::Mempool, _, _) => Status::Broadcast,
        (Place::Nowhere, Stage::Closed(CloseReason::Abandoned), _) => Status::Abandoned,
        (Place::Nowhere, Stage::Closed(CloseReason::Expired), _) => Status::Expired,
        (Place::Nowhere, Stage::Closed(CloseReason::Rejected), _) => Status::Rejected,
        (Place::Nowhere, Stage::Closed(CloseReason::Superseded), _) => Status::Replaced,
        // A deadline ends the waiting for signatures; what was let go may arrive at any time.
        (Place::Nowhere, Stage::Draft | Stage::Open, _) if facts.expired && !facts.released => {
            Status::Expired
        }
        (Place::Nowhere, _, Rival::Ours) => Status::Replaced,
        (Place::Nowhere, _, Rival::Stranger | Rival::Gone) => Status::Conflicted,
        (Place::Nowhere, _, Rival::None) if facts.released => Status::Broadcast,
        (Place::Nowhere, Stage::Draft, Rival::None) => Status::Draft,
        (Place::Nowhere, Stage::Open, Rival::None) if facts.satisfied => Status::Ready,
        (Place::Nowhere, Stage::Open, Rival::None) if facts.rejected => Status::Rejected,
        (Place::Nowhere, Stage::Open, Rival::None) => Status::Collecting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of the design page in order, written independently of the match above.
    fn by_the_book(facts: &Facts) -> Status {
        if matches!(facts.place, Place::Block { .. }) {
            return Status::Confirmed;
        }
        if facts.place == Place::Mempool {
            return Status::Broadcast;
        }
        if let Stage::Closed(reason) = facts.stage {
            return match reason {
                CloseReason::Abandoned => Status::Abandoned,
                CloseReason::Expired => Status::Expired,
                CloseReason::Rejected => Status::Rejected,
                CloseReason::Superseded => Status::Replaced,
            };
        }
        if facts.expired && !facts.released {
            return Status::Expired;
        }
        if facts.rival == Rival::Ours {
            return Status::Replaced;
        }
        if facts.rival == Rival::Stranger || facts.rival == Rival::Gone {
            return Status::Conflicted;
        }
        if facts.released {
            return Status::Broadcast;
        }
        if facts.stage == Stage::Draft {
            return Status::Draft;
        }
        match (facts.satisfied, facts.rejected) {
            (true, _) => Status::Ready,
            (false, true) => Status::Rejected,
            (false, false) => Status::Collecting,
        }
    }

    #[test]
    fn status_is_total_and_follows_the_rules_for_every_combination() {
        let stages = [
            Stage::Draft,
            Stage::Open,
            Stage::Closed(CloseReason::Abandoned),
            Stage::Closed(CloseReason::Expired),
            Stage::Closed(CloseReason::Rejected),
            Stage::Closed(CloseReason::Superseded),
        ];
        let places = [Place::Nowhere, Place::Mempool, Place::Block { height: 7 }];
        let mut combinations = 0;
        for stage in stages {
            for place in places {
                for rival in [Rival::None, Rival::Ours, Rival::Stranger, Rival::Gone] {
                    for flags in 0..16 {
                        let facts = Facts {
                            stage,
                            released: flags & 1 != 0,
                            satisfied: flags & 2 != 0,
                            rejected: flags & 4 != 0,
                            expired: flags & 8 != 0,
                            place,
                            rival,
                        };
                        assert_eq!(status(&facts), by_the_book(&facts), "{facts:?}");
                        combinations += 1;
                    }
                }
            }
        }
        assert_eq!(combinations, 6 * 3 * 4 * 16);
    }
}
