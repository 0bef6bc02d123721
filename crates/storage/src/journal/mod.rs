//! The journal's tables: entries as stored text, this home's member key, and the projection.

mod entries;
mod life;
mod projection;
mod read;
mod rebuild;

pub use entries::{DamagedEntry, Device};
pub use life::{ProposalHead, StoredWord};
pub use read::{StoredAddress, StoredProposal, StoredVault};
pub use rebuild::{Rebuilt, TableDifference};
