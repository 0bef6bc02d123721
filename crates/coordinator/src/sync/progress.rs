//! How far a sync has come, for a person who waits.

use super::{Run, SyncError};
use quorate_chain::ChainError;

/// Questions after which it is told how far it has come: as many as a source asks for at once, or a few times
/// that.
const PART: usize = 200;

/// How far a sync has come; told after every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncProgress {
    /// Blocks are matched and written.
    Blocks {
        /// The block just matched.
        height: u32,
        /// The block to reach.
        tip: u32,
        /// Transactions found so far.
        new_transactions: u64,
    },
    /// A source that serves histories is asked, before anything is written.
    Asked {
        /// For what.
        what: Asked,
        /// How many of them were answered.
        done: u64,
        /// How many there are to ask for, as far as is known by now.
        all: u64,
    },
}

/// What a source that serves histories is asked for, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Whether something happened at an address.
    Addresses,
    /// What happened there.
    Histories,
    /// The transactions themselves.
    Transactions,
    /// Their blocks' headers.
    Headers,
    /// That they are in those blocks.
    Proofs,
}

impl Run<'_> {
    /// Asks in parts, and tells after each how far it has come.
    pub(super) fn ask<Q, A>(
        &mut self,
        what: Asked,
        questions: &[Q],
        ask: impl Fn(&[Q]) -> Result<Vec<A>, ChainError>,
    ) -> Result<Vec<A>, SyncError> {
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(PART) {
            let answered = ask(some)?;
            if answered.len() != some.len() {
                let (asked, answered) = (some.len(), answered.len());
                let reason = format!("asked {asked} questions it gave {answered} answers");
                return Err(self.bad(reason).into());
            }
            answers.extend(answered);
            (self.progress)(SyncProgress::Asked {
                what,
                done: answers.len() as u64,
                all: questions.len() as u64,
            });
        }
        Ok(answers)
    }
}
