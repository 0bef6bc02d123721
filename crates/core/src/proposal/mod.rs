//! A proposal: one pinned unsigned transaction, and the facts about it.

mod decide;
mod error;
mod facts;
mod id;
mod locks;
mod nonce;
mod pinned;
mod places;
mod quorum;
mod replace;
mod sighash;
mod signature;
mod words;

pub use decide::{Refusal, abandon, admit, hand_out, release};
pub use error::{PinError, UtxoFault};
pub use facts::{Facts, Place, Rival, Stage, Status, status};
pub use id::ProposalId;
pub use locks::relative_lock;
pub(crate) use locks::{meets_after, meets_older};
pub use nonce::Nonce;
pub use pinned::{Proposal, ProposalInput, ProposalOutput};
pub(crate) use places::Places;
pub use quorum::{SignatureSet, SignedInputs, Slot};
pub use replace::{Price, Purpose, Succession, outbid, supersede};
pub use sighash::Sighashes;
pub use signature::Signature;
pub use words::{is_rejected, objectors, speak, submit};
