//! Chain sources, and where figures come from.

use serde::Serialize;

/// Where figures come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsOfView {
    /// The source that said so, without credentials; `null` if that wasn't written down then.
    pub source: Option<String>,
    /// Height of the last block looked at.
    pub height: u32,
    /// Its header time, seconds since 1970.
    pub time: Option<u32>,
    /// When that was, seconds since 1970.
    pub synced_at: Option<u64>,
    /// A rescan is under way, and this is the block to come to: until then figures may be incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescanning_to: Option<u32>,
}

/// The chain sources that are configured.
#[derive(Debug, Clone, Serialize)]
pub struct SourcesView {
    /// In the order in which they are asked.
    pub sources: Vec<SourceView>,
    /// Where they contradict each other.
    pub notes: Vec<String>,
}

/// A chain source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceView {
    /// Its name, without credentials.
    pub name: String,
    /// Whether it answers.
    pub reachable: bool,
    /// Whether it is used: it answers, and is on this home's chain.
    pub usable: bool,
    /// Its network.
    pub network: Option<String>,
    /// Height of its best block.
    pub height: Option<u32>,
    /// That block's hash.
    pub hash: Option<String>,
    /// That block's header time, seconds since 1970.
    pub time: Option<u32>,
    /// The lowest block it still has, when it prunes.
    pub pruned_below: Option<u32>,
    /// How far its initial download has come, in percent, while it is under way.
    pub syncing_percent: Option<f64>,
    /// Its breaker: `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// Since when it answers, or fails; seconds since 1970.
    pub since: Option<u64>,
    /// Until when it is left alone, if its breaker is open.
    pub open_until: Option<u64>,
    /// Failures in a row.
    pub failures: u32,
    /// How it failed last.
    pub last_failure: Option<String>,
    /// When that was, seconds since 1970.
    pub last_failure_at: Option<u64>,
    /// Why it isn't usable now.
    pub problem: Option<String>,
}

/// A rescan was begun.
#[derive(Debug, Clone, Serialize)]
pub struct RescanView {
    /// The vault's name.
    pub vault: String,
    /// The first block to look at again.
    pub from: u32,
    /// The block that the vault stood at; `null` if it hadn't come to `from` yet.
    pub to: Option<u32>,
}
