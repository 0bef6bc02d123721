//! What the ledger keeps: coins, who owns them, where their transactions are.

use crate::chain::BlockId;
use crate::keychain::Keychain;
use bitcoin::{Amount, OutPoint, Txid};

/// The ledger's short number for a vault, of one database only; never shown, never exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultRow(pub i64);

/// Whose script it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The vault.
    pub vault: VaultRow,
    /// Which of its address chains.
    pub keychain: Keychain,
    /// The address's place in it.
    pub index: u32,
}

/// From where on a vault can have been paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Birth {
    /// From this block on; 0 for a vault whose age nobody knows.
    Height(u32),
    /// Made at this moment, in seconds since 1970.
    Time(u32),
}

/// An output that pays a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// Where it is.
    pub outpoint: OutPoint,
    /// How much it is.
    pub value: Amount,
    /// Address chain of its script.
    pub keychain: Keychain,
    /// Index of its script.
    pub index: u32,
    /// Block of the funding transaction; `None` while that is in the mempool only.
    pub height: Option<u32>,
    /// Mined, so not spendable before 100 confirmations.
    pub coinbase: bool,
    /// Who spends it, if anybody.
    pub spent: Option<Spent>,
}

/// That a coin is spent, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// The spending transaction.
    pub by: Txid,
    /// Its block; `None` while it is in the mempool only.
    pub height: Option<u32>,
}

/// The sums over a vault's unspent coins. A coin that a mempool transaction spends is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Coins in blocks.
    pub confirmed: Amount,
    /// Coins in the mempool.
    pub pending: Amount,
    /// How many coins these are together.
    pub coins: u64,
    /// The block up to which this is known; `None` before the first sync.
    pub height: Option<u32>,
}

/// What the chain source says of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxStatus {
    /// Nothing.
    NotSeen,
    /// It waits to be mined.
    Mempool,
    /// It is in this block.
    Confirmed(BlockId),
}
