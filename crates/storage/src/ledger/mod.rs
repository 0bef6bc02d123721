//! The ledger: what the chain source says about the vaults' scripts. A cache that can always be
//! fetched again. The rules of matching are in `quorate_core::ledger`; here are its tables.
//!
//! Each vault has its own cursor, the last block matched for it, and everything is idempotent:
//! matching a block again changes nothing. Who writes says what it planned on (cursors or the
//! ledger's revision); if that is no longer so, another process was here, nothing is written, and the
//! caller plans anew.

mod ahead;
mod apply;
mod audit;
mod books;
mod bulk;
mod chain;
mod codec;
mod first_look;
mod histories;
mod history;
mod mempool;
mod origin;
mod payees;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod plans;
mod query;
mod recall;
mod scan;
mod scripts;
mod state;
mod vaults;

pub use chain::Rollback;
pub use histories::Watched;
pub use history::{Booked, Order, Spot};
pub use mempool::{Difference, Reexamination};
pub use origin::Origin;
pub use query::{CoinFilter, CoinOrder};
pub use scan::Matched;
pub use scripts::Deriver;
pub use vaults::LedgerVault;
