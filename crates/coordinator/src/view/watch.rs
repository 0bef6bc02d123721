//! Everything on one screen.

use super::{BalanceView, EventView, ProposalLineView};
use serde::Serialize;

/// How things stand.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WatchView {
    /// The network.
    pub network: String,
    /// The vaults, by name.
    pub vaults: Vec<WatchedView>,
    /// Proposals that wait for something, the oldest first.
    pub proposals: Vec<ProposalLineView>,
    /// The latest events, the newest first.
    pub events: Vec<EventView>,
    /// The chain source.
    pub source: WatchedSourceView,
}

/// A vault and what it is worth.
#[derive(Debug, Clone, Serialize)]
pub struct WatchedView {
    /// Its name.
    pub vault: String,
    /// What it is worth, as of the last sync.
    #[serde(flatten)]
    pub balance: BalanceView,
}

/// How the chain source answers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WatchedSourceView {
    /// Its name, without credentials.
    pub name: String,
    /// When it last answered, seconds since 1970.
    pub synced_at: Option<u64>,
    /// Its best block then.
    pub height: Option<u32>,
    /// Why it doesn't answer.
    pub problem: Option<String>,
}
