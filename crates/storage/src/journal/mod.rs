//! The journal's tables: entries as stored text, this home's member key, and the projection.

mod entries;
mod known;
pub(crate) mod projection;
mod read;
mod rebuild;

pub use entries::{DamagedEntry, Device};
pub use known::NonceUse;
pub use read::{StoredAddress, StoredProposal, StoredVault};
pub use rebuild::{Rebuilt, TableDifference};
