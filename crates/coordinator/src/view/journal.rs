//! The journal, and what a sync found.

use super::AsOfView;
use serde::Serialize;

/// What a sync found.
#[derive(Debug, Clone, Serialize)]
pub struct SyncView {
    /// Height of the tip.
    pub height: u32,
    /// Its hash.
    pub hash: String,
    /// Blocks looked at.
    pub blocks: u64,
    /// Transactions that are new.
    pub transactions: u64,
    /// Blocks that the chain took back.
    pub reorganized: u32,
    /// Transactions handed to the network again.
    pub rebroadcast: Vec<String>,
    /// What could not be handed out again, and why.
    pub problems: Vec<String>,
    /// Where all this comes from; `null` without vaults.
    pub as_of: Option<AsOfView>,
}

/// The journal.
#[derive(Debug, Clone, Serialize)]
pub struct JournalView {
    /// In the order of arrival.
    pub entries: Vec<EntryView>,
}

/// One entry.
#[derive(Debug, Clone, Serialize)]
pub struct EntryView {
    /// Its id.
    pub id: String,
    /// The member who wrote it.
    pub author: String,
    /// The author's count.
    pub seq: u64,
    /// The author's clock, seconds since 1970.
    pub at: u64,
    /// Its kind.
    pub kind: String,
    /// In plain words.
    pub summary: String,
    /// Why it doesn't count, or not all of it; `null` when all of it does.
    pub remark: Option<String>,
}

/// Whether the journal holds.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyView {
    /// Entries checked: text, id, signature and chain.
    pub entries: usize,
    /// What is wrong; empty when all is well.
    pub faults: Vec<String>,
    /// What isn't wrong in this home but should be known: entries of others that are missing, or two
    /// with one number.
    pub notes: Vec<String>,
    /// For each vault the hash over what its entries amount to: equal in homes that know the same.
    pub states: Vec<StateView>,
    /// Whether the tables are what the entries say.
    pub projection_matches: bool,
    /// Whether the tables were made anew.
    pub rebuilt: bool,
}

/// What a vault's entries amount to.
#[derive(Debug, Clone, Serialize)]
pub struct StateView {
    /// The vault's name.
    pub vault: String,
    /// The hash.
    pub state: String,
}
