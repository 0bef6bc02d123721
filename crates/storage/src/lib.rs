//! The one place that opens the database. A [`Store`] is a connection to the home's SQLite file
//! with every pragma set; [`Store::read`] and [`Store::write`] are the only ways to its tables.
//!
//! A write is `BEGIN IMMEDIATE` to `COMMIT`: one writer at a time, across threads and processes, and
//! what it decides on is read inside the lock. Nothing slow belongs in there: no network, no
//! signature checks. `synchronous=FULL` means that a write which returned `Ok` outlives a power cut;
//! the one exception is named by [`Safe`].
//!
//! Tables are grouped by module: each adds methods to [`ReadTx`] and [`WriteTx`].
#![warn(missing_docs)]

mod checkpointer;
mod error;
mod events;
mod fill;
mod journal;
mod ledger;
mod look;
mod migrate;
mod open;
mod setup;
mod sources;
mod tx;

pub use checkpointer::Checkpointer;
pub use error::StorageError;
pub use events::{StoredConsumer, StoredEvent};
pub use journal::{
    AuthorCount, DamagedEntry, Device, FoundHead, NonceUse, ProposalHead, Rebuilt, RefusedEntry,
    Standing, StoredAddress, StoredAttestation, StoredMember, StoredProof, StoredProposal,
    StoredRetirement, StoredVault, StoredWord, TableDifference, Waiting,
};
pub use ledger::{
    Booked, CoinFilter, CoinOrder, Deriver, Difference, LedgerVault, Matched, Order, Origin,
    Reexamination, Rollback, Spot, Watched,
};
pub use look::Look;
pub use migrate::SCHEMA_VERSION;
pub use open::Store;
pub use setup::{RevokedSlot, StoredJoin, StoredSetup, StoredSlot};
pub use sources::StoredSource;
pub use tx::{ReadTx, Safe, WriteTx};
