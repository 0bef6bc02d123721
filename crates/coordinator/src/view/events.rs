//! What happened, numbered.

use serde::Serialize;

/// Events, in order.
#[derive(Debug, Clone, Serialize)]
pub struct EventsView {
    /// The oldest first.
    pub events: Vec<EventView>,
    /// The number of the newest event there is.
    pub last: u64,
}

/// Something that happened. Fields that don't belong to its kind are left out.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    /// Higher than those of all events before it; what a consumer acknowledges.
    pub number: u64,
    /// `entry`: a journal entry came in; `entry_refused`: something of one doesn't count;
    /// `proposal_status`: a proposal's status changed; `coin_seen`, `coin_confirmed`,
    /// `coin_unconfirmed`, `coin_gone`: a coin in the mempool, in a block, out of its block by a
    /// reorg, nowhere any more; `coin_spent`, `spend_confirmed`, `spend_unconfirmed`, `coin_unspent`: the
    /// same of what spends it; `scanned`: a first look at the chain is done; `rescan`: a vault is
    /// looked up anew; `alarm`: a key gave itself away.
    pub kind: String,
    /// The vault's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_id: Option<String>,
    /// The journal's entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The kind of entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_kind: Option<String>,
    /// The member who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether it doesn't count, because its author isn't enrolled by now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
    /// When, by the author's clock, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<String>,
    /// The status before; left out when none was told before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The status now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What the proposal is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// The coin, `txid:vout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outpoint: Option<String>,
    /// The address it sits on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the coin is worth; of `scanned` what the vault holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_sat: Option<i64>,
    /// The block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The transaction that spends the coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_by: Option<String>,
    /// One sentence for people.
    pub text: String,
}

/// Who reads events.
#[derive(Debug, Clone, Serialize)]
pub struct ConsumersView {
    /// By name.
    pub consumers: Vec<ConsumerView>,
    /// The number of the newest event there is.
    pub last: u64,
}

/// Somebody who reads events.
#[derive(Debug, Clone, Serialize)]
pub struct ConsumerView {
    /// Its name.
    pub name: String,
    /// The number up to which it has dealt with them.
    pub acknowledged: u64,
    /// How many events wait for it.
    pub waiting: u64,
}
