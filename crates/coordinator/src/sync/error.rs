//! Why a sync stopped. What it had written until then is consistent and stays.

use bitcoin::Network;
use quorate_chain::ChainError;
use quorate_core::vault::VaultId;
use quorate_storage::StorageError;

/// Why the ledger could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The source could not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The source is on another network than a vault.
    #[error(
        "{source_name} is on {found}, but vault {vault} is on {expected}; \
         give a chain source on {expected} with `--node`"
    )]
    WrongNetwork {
        /// The source, without credentials.
        source_name: String,
        /// The network it is on.
        found: Network,
        /// A vault it doesn't fit.
        vault: VaultId,
        /// The network of the vault.
        expected: Network,
    },
    /// The source is still downloading the chain: what it says now would look like lost coins.
    #[error(
        "{source_name} is still downloading the chain ({percent} % so far); \
         wait until it has caught up and try again"
    )]
    StillSyncing {
        /// The source, without credentials.
        source_name: String,
        /// How far it is.
        percent: f64,
    },
    /// The source has thrown away blocks that every vault needs.
    #[error(
        "{source_name} is pruned and has blocks from {available} on only, but vault {vault} needs \
         block {needed}; use a node that isn't pruned, or import the vault with a later birth height"
    )]
    Pruned {
        /// The source, without credentials.
        source_name: String,
        /// A vault that can't be followed.
        vault: VaultId,
        /// The first block it needs.
        needed: u32,
        /// The first block the source has.
        available: u32,
    },
    /// The source's answers never fit together.
    #[error(
        "{source_name} gave answers that contradict each other, as if its chain changed all the \
         time; nothing wrong was kept, try again"
    )]
    Moving {
        /// The source, without credentials.
        source_name: String,
    },
}
