//! The public JSON: `--json` output and, later, HTTP bodies. Amounts are satoshi as integers, hashes
//! are hex, keys are snake_case. Nothing else in the program is a promise to other programs.

pub use crate::proposal::{finding, payment, rate};

use serde::Serialize;
use std::collections::BTreeMap;

/// A home was made.
#[derive(Debug, Clone, Serialize)]
pub struct InitView {
    /// The folder.
    pub home: String,
    /// The network of all its vaults.
    pub network: String,
    /// The member key that signs this home's journal entries.
    pub member: String,
}

/// A vault.
#[derive(Debug, Clone, Serialize)]
pub struct VaultView {
    /// Hash over what the vault is.
    pub id: String,
    /// What this home calls it.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Multipath descriptor with checksum.
    pub descriptor: String,
    /// Signatures that the everyday path needs.
    pub threshold: usize,
    /// Who takes part.
    pub cosigners: Vec<CosignerView>,
    /// The first receive addresses, to be compared between homes.
    pub first_addresses: Vec<String>,
    /// The spending paths in plain words; the script enforces them.
    pub paths: Vec<String>,
    /// What holds for all paths.
    pub notes: Vec<String>,
    /// What to know before money is sent there.
    pub warnings: Vec<String>,
    /// The balance, as of the last sync.
    pub balance: BalanceView,
    /// Proposals by status.
    pub proposals: BTreeMap<String, usize>,
}

/// A cosigner.
#[derive(Debug, Clone, Serialize)]
pub struct CosignerView {
    /// What this home calls it.
    pub name: String,
    /// `[fingerprint/path]xpub`.
    pub key: String,
}

/// Several vaults.
#[derive(Debug, Clone, Serialize)]
pub struct VaultsView {
    /// By name.
    pub vaults: Vec<VaultLineView>,
}

/// One vault in a list.
#[derive(Debug, Clone, Serialize)]
pub struct VaultLineView {
    /// Hash over what the vault is.
    pub id: String,
    /// What this home calls it.
    pub name: String,
    /// Signatures needed.
    pub threshold: usize,
    /// Cosigners' names.
    pub cosigners: Vec<String>,
    /// Unspent and in a block.
    pub confirmed_sat: u64,
    /// Unspent and only in the mempool.
    pub pending_sat: u64,
}

/// An address.
#[derive(Debug, Clone, Serialize)]
pub struct AddressView {
    /// The address itself.
    pub address: String,
    /// Its derivation index.
    pub index: u32,
    /// `receive` or `change`.
    pub keychain: String,
    /// What it is for.
    pub label: Option<String>,
}

/// The addresses handed out.
#[derive(Debug, Clone, Serialize)]
pub struct AddressesView {
    /// By keychain and index.
    pub addresses: Vec<AddressView>,
}

/// What a vault is worth, as of `height`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BalanceView {
    /// Unspent and in a block.
    pub confirmed_sat: u64,
    /// Unspent and only in the mempool.
    pub pending_sat: u64,
    /// What of both open proposals have reserved.
    pub reserved_sat: u64,
    /// Height of the last block looked at; `null` before the first sync.
    pub height: Option<u32>,
}

/// A vault's unspent coins.
#[derive(Debug, Clone, Serialize)]
pub struct CoinsView {
    /// Largest first.
    pub coins: Vec<CoinView>,
}

/// A coin.
#[derive(Debug, Clone, Serialize)]
pub struct CoinView {
    /// `txid:vout`.
    pub outpoint: String,
    /// What it is worth.
    pub value_sat: u64,
    /// Height of its block; `null` in the mempool.
    pub height: Option<u32>,
    /// The open proposal that spends it.
    pub reserved_by: Option<String>,
    /// The address it sits on.
    pub address: String,
    /// `receive` or `change`.
    pub keychain: String,
    /// The address's derivation index.
    pub index: u32,
}

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
    /// Inputs less outputs.
    pub fee_sat: u64,
    /// By worst-case signature sizes.
    pub feerate_sat_vb: f64,
    /// Everything that leaves the vault.
    pub recipients: Vec<PaymentView>,
    /// What comes back, proven by our own derivation.
    pub change: Vec<PaymentView>,
    /// The coins spent, and who signed for each.
    pub inputs: Vec<InputView>,
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
    /// The spending paths whose locks it can meet, in plain words.
    pub paths: Vec<String>,
    /// The first block height that can hold it, when a timelock still runs.
    pub not_before: Option<u32>,
    /// Eight words over the whole transaction, to compare by voice.
    pub words: Vec<String>,
    /// What to look at twice.
    pub findings: Vec<String>,
    /// When it was opened, seconds since 1970.
    pub opened_at: u64,
    /// Why it was closed, in a person's words.
    pub note: Option<String>,
    /// The command to type next.
    pub next: Option<String>,
}

/// One output.
#[derive(Debug, Clone, Serialize)]
pub struct PaymentView {
    /// Its address; `null` for scripts without one.
    pub address: Option<String>,
    /// How much.
    pub amount_sat: u64,
    /// The derivation index, when it is ours.
    pub index: Option<u32>,
    /// The script, hex.
    pub script: String,
}

/// One input.
#[derive(Debug, Clone, Serialize)]
pub struct InputView {
    /// `txid:vout`.
    pub outpoint: String,
    /// What it is worth.
    pub value_sat: u64,
    /// For each cosigner `signed` or `missing`.
    pub signatures: BTreeMap<String, String>,
    /// Whether its signatures satisfy a spending path.
    pub satisfied: bool,
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

/// What became of imported files.
#[derive(Debug, Clone, Serialize)]
pub struct ImportView {
    /// The proposal, when all files are for the same one.
    pub proposal: Option<String>,
    /// New signatures kept.
    pub accepted: usize,
    /// Signatures that were kept before.
    pub known: usize,
    /// Signatures not taken.
    pub refused: Vec<RefusedView>,
    /// The proposal's status afterwards.
    pub status: Option<String>,
    /// The same for each file.
    pub files: Vec<FileView>,
    /// The command to type next.
    pub next: Option<String>,
}

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct FileView {
    /// Its name.
    pub file: String,
    /// The proposal it is for.
    pub proposal: Option<String>,
    /// New signatures kept.
    pub accepted: usize,
    /// Signatures that were kept before.
    pub known: usize,
    /// Signatures not taken.
    pub refused: Vec<RefusedView>,
    /// Whose signatures were new.
    pub signers: Vec<String>,
    /// Why the whole file was refused.
    pub error: Option<ErrorView>,
}

/// A signature not taken.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedView {
    /// Index of the input.
    pub input: u32,
    /// Whose it claims to be.
    pub cosigner: Option<String>,
    /// What is wrong and what to do.
    pub reason: String,
}

/// An error, as `--json` prints it inside `{"error": …}`.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorView {
    /// A stable word.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<&crate::Error> for ErrorView {
    fn from(error: &crate::Error) -> Self {
        Self {
            code: error.code.to_owned(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        }
    }
}

/// A request in a file, judged by our own copy of the vault alone: nothing that the file or
/// another home says about it is repeated here.
#[derive(Debug, Clone, Serialize)]
pub struct FileReviewView {
    /// The vault's name.
    pub vault: String,
    /// Its id, to be compared between homes.
    pub vault_id: String,
    /// The proposal's id.
    pub proposal: String,
    /// Id of the transaction, signed or not.
    pub txid: String,
    /// Everything that leaves the vault.
    pub recipients: Vec<PaymentView>,
    /// What comes back, proven by our own derivation.
    pub change: Vec<PaymentView>,
    /// Inputs less outputs.
    pub fee_sat: u64,
    /// By worst-case signature sizes.
    pub feerate_sat_vb: f64,
    /// The coins spent, and whose valid signatures are in the file.
    pub inputs: Vec<InputView>,
    /// Signatures in the file that aren't valid.
    pub refused: Vec<RefusedView>,
    /// The spending paths whose locks it can meet, in plain words.
    pub paths: Vec<String>,
    /// Eight words over the whole transaction, to compare by voice.
    pub words: Vec<String>,
    /// What to look at twice.
    pub findings: Vec<String>,
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
}

/// Whether the journal holds.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyView {
    /// Entries checked: text, id, signature and chain.
    pub entries: usize,
    /// What is wrong; empty when all is well.
    pub faults: Vec<String>,
    /// Whether the tables are what the entries say.
    pub projection_matches: bool,
    /// Whether the tables were made anew.
    pub rebuilt: bool,
}
