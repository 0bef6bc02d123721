//! What happened to a vault's money.

use serde::Serialize;

/// A page of a vault's transactions.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryView {
    /// The vault's name.
    pub vault: String,
    /// The block up to which the chain is known; `null` before the first sync.
    pub height: Option<u32>,
    /// What the vault holds by all of its transactions, unconfirmed ones included.
    pub balance_sat: i64,
    /// In the order that was asked for.
    pub transactions: Vec<MovementView>,
    /// The transaction behind which the next page goes on; `null` at the end.
    pub next: Option<String>,
}

/// One transaction, as far as it concerns the vault.
#[derive(Debug, Clone, Serialize)]
pub struct MovementView {
    /// Its id.
    pub txid: String,
    /// `receipt`: none of its inputs is the vault's; `payment`: all are; `internal`: all are, and
    /// nobody else is paid; `joint`: some are.
    pub kind: String,
    /// `confirmed`, `unconfirmed`; of one that was sent and isn't on the chain nor in the mempool
    /// `conflicted`, `replaced` or `missing`.
    pub state: String,
    /// Seconds since 1970: the time in the block's header, or when it was first seen.
    pub time: u64,
    /// Height of its block.
    pub height: Option<u32>,
    /// Hash of its block.
    pub block: Option<String>,
    /// Blocks that confirm it.
    pub confirmations: u32,
    /// Its outputs that are the vault's.
    pub received_sat: u64,
    /// Its inputs that are the vault's.
    pub sent_sat: u64,
    /// What others were paid: of a payment all its foreign outputs. Of a joint one what it cost the
    /// vault, the fee included.
    pub paid_sat: u64,
    /// The fee, when all inputs are the vault's: otherwise it isn't the vault's alone.
    pub fee_sat: Option<u64>,
    /// What it changed: received less sent.
    pub net_sat: i64,
    /// What the vault held after it. In a history in the order of the chain; in a statement in the
    /// order of its lines.
    pub balance_sat: Option<i64>,
    /// The transaction's label.
    pub label: Option<String>,
    /// The proposal it came from.
    pub proposal: Option<String>,
    /// What the proposal was for.
    pub memo: Option<String>,
    /// Whom a payment paid; of a receipt the vault's own addresses that were paid.
    pub counterparties: Vec<CounterpartyView>,
}

/// An address that was paid.
#[derive(Debug, Clone, Serialize)]
pub struct CounterpartyView {
    /// The address; `null` when the output has none.
    pub address: Option<String>,
    /// How much.
    pub amount_sat: u64,
    /// The address's label.
    pub label: Option<String>,
    /// Whether it is the vault's own.
    pub ours: bool,
}

/// What a vault held, received and paid between two days.
#[derive(Debug, Clone, Serialize)]
pub struct StatementView {
    /// The vault's name.
    pub vault: String,
    /// Its id.
    pub vault_id: String,
    /// The network.
    pub network: String,
    /// The first second of the period, since 1970.
    pub from: u32,
    /// The first second after it.
    pub until: u32,
    /// By what a transaction's day is told.
    pub dates: String,
    /// The block up to which the chain is known.
    pub height: Option<u32>,
    /// What the vault held at its beginning.
    pub opening_sat: i64,
    /// What came in.
    pub in_sat: u64,
    /// What was paid, fees not included.
    pub out_sat: u64,
    /// Fees.
    pub fees_sat: u64,
    /// What it held at its end: opening, and in, less out and fees.
    pub closing_sat: i64,
    /// What still waits in the mempool, which isn't part of it.
    pub unconfirmed_sat: i64,
    /// A line for each confirmed transaction, by time.
    pub lines: Vec<MovementView>,
}
