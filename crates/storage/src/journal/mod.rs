//! The journal's tables: entries as stored text, this home's member key, and the projection.

mod entries;
mod judgements;
mod known;
mod labels;
mod life;
mod projection;
mod read;
mod rebuild;
mod stand;
mod state;
mod trust;
mod vaults;

pub use entries::{DamagedEntry, Device};
pub use judgements::{RefusedEntry, Waiting};
pub use known::NonceUse;
pub use life::{FoundHead, ProposalHead, StoredWord};
pub use read::{StoredAddress, StoredProposal};
pub use rebuild::{Rebuilt, TableDifference};
pub use stand::{StoredAttestation, StoredProof, StoredRetirement};
pub use state::AuthorCount;
pub use trust::{Standing, StoredMember};
pub use vaults::StoredVault;
