//! Proposals.

use super::ReviewView;
use serde::Serialize;

/// A proposal, with the grid of who signed what.
#[derive(Debug, Clone, Serialize)]
pub struct ProposalView {
    /// Hash over vault and unsigned transaction.
    pub id: String,
    /// The vault's name.
    pub vault: String,
    /// Id of the transaction, signed or not.
    pub txid: String,
    /// `collecting`, `ready`, `broadcast`, `confirmed`, …
    pub status: String,
    /// What it is for.
    pub memo: Option<String>,
    /// What it does, with the grid of who signed what.
    #[serde(flatten)]
    pub review: ReviewView,
    /// Cosigners who could still sign, while signatures are missing.
    pub missing: Vec<String>,
    /// Signatures still needed on the input that lacks most.
    pub needed: usize,
    /// `nowhere`, `mempool` or `block`, as of the last sync.
    pub seen: String,
    /// Height of its block.
    pub height: Option<u32>,
    /// Blocks that confirm it.
    pub confirmations: u32,
    /// The first block height that can hold it, when a timelock still runs.
    pub not_before: Option<u32>,
    /// When it was opened, seconds since 1970.
    pub opened_at: u64,
    /// Why it was closed, in a person's words.
    pub note: Option<String>,
    /// The command to type next.
    pub next: Option<String>,
}

/// Several proposals.
#[derive(Debug, Clone, Serialize)]
pub struct ProposalsView {
    /// Oldest first.
    pub proposals: Vec<ProposalLineView>,
}

/// One proposal in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ProposalLineView {
    /// Its id.
    pub id: String,
    /// The vault's name.
    pub vault: String,
    /// Its status.
    pub status: String,
    /// What leaves the vault.
    pub amount_sat: u64,
    /// What it is for.
    pub memo: Option<String>,
    /// Who could still sign.
    pub missing: Vec<String>,
    /// Signatures still needed.
    pub needed: usize,
    /// The command to type next.
    pub next: Option<String>,
}

/// The transaction went out.
#[derive(Debug, Clone, Serialize)]
pub struct BroadcastView {
    /// The proposal.
    pub proposal: String,
    /// Its transaction.
    pub txid: String,
    /// Its status now.
    pub status: String,
    /// Whether the chain source had it before.
    pub already_known: bool,
}
