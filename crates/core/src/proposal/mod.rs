//! A proposal: one pinned unsigned transaction, and the facts about it.

mod decide;
mod facts;
mod pinned;
mod quorum;

pub use decide::{Refusal, abandon, admit, release};
pub use facts::{Facts, Place, Rival, Stage, Status, status};
pub use pinned::{PinError, Proposal, ProposalId, ProposalInput, ProposalOutput};
pub use quorum::{SignatureSet, SignedInputs, Slot};
