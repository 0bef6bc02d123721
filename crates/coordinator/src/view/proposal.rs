//! Proposals.

use super::AsOfView;
use super::ReviewView;
use serde::Serialize;

/// A proposal, with the grid of who signed what.
#[derive(Debug, Clone, Serialize)]
pub struct ProposalView {
    /// Hash over vault and unsigned transaction.
    pub id: String,
    /// The vault's name.
    pub vault: String,
    /// Where what is said of the chain comes from.
    pub as_of: Option<AsOfView>,
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
    /// Signatures that the spending path with the fewest still missing asks for.
    pub threshold: usize,
    /// What cosigners said beside signing, each member's newest word about each cosigner.
    pub answers: Vec<AnswerView>,
    /// The cosigners whose no stands.
    pub objectors: Vec<String>,
    /// The proposal whose place it takes.
    pub replaces: Option<String>,
    /// The newest proposal that takes its place.
    pub replaced_by: Option<String>,
    /// From this second since 1970 on it takes no signatures and holds no coins.
    pub expires_at: Option<u64>,
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

/// What a cosigner said about a proposal.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerView {
    /// The cosigner.
    pub cosigner: String,
    /// `approved` or `rejected`.
    pub answer: String,
    /// Why, in a person's words.
    pub note: Option<String>,
    /// When it was written down, seconds since 1970.
    pub at: u64,
    /// The member who wrote it down.
    pub author: String,
}

/// Several proposals.
#[derive(Debug, Clone, Serialize)]
pub struct ProposalsView {
    /// Oldest first.
    pub proposals: Vec<ProposalLineView>,
    /// Finished ones that aren't listed.
    pub finished: usize,
    /// Where what is said of the chain comes from: of the vault furthest behind, if there are several.
    pub as_of: Option<AsOfView>,
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
    /// The first recipient's address.
    pub to: Option<String>,
    /// The label of its transaction.
    pub label: Option<String>,
    /// How many recipients there are.
    pub payees: usize,
    /// What it is for.
    pub memo: Option<String>,
    /// Who is asked to sign.
    pub missing: Vec<String>,
    /// Signatures still needed.
    pub needed: usize,
    /// Signatures that its spending path asks for; 0 when it is finished.
    pub threshold: usize,
    /// The cosigners whose no stands.
    pub objectors: Vec<String>,
    /// From this second since 1970 on it takes no signatures and holds no coins.
    pub expires_at: Option<u64>,
    /// Why it can't be read, of a damaged one.
    pub fault: Option<String>,
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

/// Several proposals made at once.
#[derive(Debug, Clone, Serialize)]
pub struct ProposalsMadeView {
    /// Each of them.
    pub proposals: Vec<ProposalView>,
    /// Whether such coins are left for which none was made.
    pub more: bool,
}
