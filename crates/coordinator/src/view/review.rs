//! What a person must see before signing: one structure, whether it is about a proposal, a file, or
//! what the software signer is asked to sign.

use super::RefusedView;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a transaction does, judged by the vault's own derivation.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewView {
    /// Everything that leaves the vault, and payments to its own receive addresses.
    pub recipients: Vec<PaymentView>,
    /// What comes back, proven by our own derivation.
    pub change: Vec<PaymentView>,
    /// Inputs less outputs.
    pub fee_sat: u64,
    /// By worst-case signature sizes.
    pub feerate_sat_vb: f64,
    /// The coins spent, and who signed for each.
    pub inputs: Vec<InputView>,
    /// The cosigners whose signatures count for it.
    pub can_sign: Vec<String>,
    /// The spending paths whose locks it can meet, in plain words.
    pub paths: Vec<String>,
    /// What it waits for before a block can hold it.
    pub timelocks: Vec<TimelockView>,
    /// Eight words over the whole transaction, to compare by voice.
    pub words: Vec<String>,
    /// What to look at twice.
    pub findings: Vec<String>,
    /// Whether a home was at hand that knows who was paid before. From a file alone nobody can say
    /// whether a recipient is a new one.
    pub payees_known: bool,
}

/// One output.
#[derive(Debug, Clone, Serialize)]
pub struct PaymentView {
    /// Its place among the outputs.
    pub output: usize,
    /// Its address; `null` for scripts without one.
    pub address: Option<String>,
    /// How much.
    pub amount_sat: u64,
    /// The derivation index, when it is ours.
    pub index: Option<u32>,
    /// `receive` or `change`, when it is ours.
    pub keychain: Option<String>,
    /// The name of another vault of this home, when it is that one's.
    pub vault: Option<String>,
    /// Whether a vault of this home paid it before; `null` where nobody can know.
    pub paid_before: Option<bool>,
    /// A known address with the same first and last characters, which is another.
    pub looks_like: Option<String>,
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
    /// Height of the coin's block; `null` in the mempool, or when it isn't known.
    pub height: Option<u32>,
    /// Blocks that confirm the coin, 0 in the mempool; `null` when it isn't known.
    pub confirmations: Option<u32>,
    /// For each cosigner `signed` or `missing`.
    pub signatures: BTreeMap<String, String>,
    /// Whether its signatures satisfy a spending path.
    pub satisfied: bool,
}

/// Something that has to pass before a block can hold the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelockView {
    /// `height` or `time` for the transaction's lock time, `age` for the age of coins.
    pub kind: String,
    /// The inputs whose coins must have the age; all otherwise.
    pub inputs: Vec<usize>,
    /// The age in blocks.
    pub blocks: Option<u32>,
    /// The age in seconds.
    pub seconds: Option<u64>,
    /// The first block that can hold it, where it can be said.
    pub height: Option<u32>,
    /// The time that must have passed, seconds since 1970.
    pub time: Option<u64>,
    /// Blocks still to come before that block can be the next; 0 when nothing is left to wait for,
    /// `null` where it can't be said.
    pub blocks_left: Option<u32>,
}

/// A request in a file, judged by our own copy of the vault alone: nothing that the file or
/// another home says about it is repeated here.
#[derive(Debug, Clone, Serialize)]
pub struct FileReviewView {
    /// The vault's name; of a descriptor file, the file's.
    pub vault: String,
    /// Its id, to be compared between homes.
    pub vault_id: String,
    /// The proposal's id.
    pub proposal: String,
    /// Id of the transaction, signed or not.
    pub txid: String,
    /// What it does, and whose valid signatures are in the file.
    #[serde(flatten)]
    pub review: ReviewView,
    /// Signatures in the file that aren't valid.
    pub refused: Vec<RefusedView>,
}
