//! The evidence of a proposal: one document from which anybody can check, without our database, who
//! proposed, approved, rejected and signed it.
//!
//! Its foundation are texts that carry their own proof: the descriptor (whose hash is the vault's
//! id), the request, the signed entries of the journal, the final transaction. Everything else in it
//! follows from these, is written down for people, and is made anew and compared by whoever verifies.
//! The rest is [`Claims`]: what only the home that made it knows. The home's seal covers all of it.

mod derive;
mod verify;

pub use verify::{EvidenceError, MAX_BYTES, Verdict, verify};

use crate::journal::{Entry, MemberId, MemberKey, tagged};
use crate::proposal::Proposal;
use crate::vault::Vault;
use crate::workers::Workers;
use bitcoin::{Network, Transaction};
use serde::{Deserialize, Serialize};

/// The version of documents written now.
pub const FORMAT: u32 = 1;
const SEAL: &[u8] = b"Quorate/evidence";

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub quorate_evidence: u32,
    /// What only the home that made it knows.
    pub claims: Claims,
    /// The vault.
    pub vault: VaultPart,
    /// The transaction that was proposed.
    pub proposal: ProposalPart,
    /// Who takes part, as the entries say.
    pub members: Vec<MemberPart>,
    /// What was said and done, in the order of their authors' clocks.
    pub statements: Vec<Statement>,
    /// The cosigners' signatures that were admitted.
    pub signatures: Vec<SignaturePart>,
    /// Whether the signatures satisfy a spending path on every input.
    pub complete: bool,
    /// The transaction with its signatures, hex, where it was finalized.
    pub final_transaction: Option<String>,
    /// The journal's entries, each as its author signed it.
    pub entries: Vec<EntryPart>,
    /// Who sealed it.
    pub sealed_by: MemberId,
    /// That member's signature (BIP-0340) over everything else.
    pub seal: String,
}

/// What nothing in the document proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// When it was made, seconds since 1970.
    pub made_at: u64,
    /// What the home calls the vault.
    pub vault_name: String,
    /// Whom the home takes for the vault's owner.
    pub owner: Option<MemberId>,
    /// The proposal's status.
    pub status: String,
    /// The id of the transaction on the chain.
    pub txid: Option<String>,
    /// `nowhere`, `mempool` or `block`.
    pub seen: String,
    /// Hash of its block.
    pub block: Option<String>,
    /// Height of its block.
    pub height: Option<u32>,
    /// The time in the block's header, seconds since 1970.
    pub block_time: Option<u32>,
    /// The block up to which the home knows the chain.
    pub known_to: Option<u32>,
}

/// The vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultPart {
    /// Hash over what the descriptor says.
    pub id: String,
    /// The network.
    pub network: Network,
    /// With checksum.
    pub descriptor: String,
    /// Who may spend, in plain words.
    pub policy: Vec<String>,
    /// Names and keys, in the descriptor's order.
    pub cosigners: Vec<CosignerPart>,
}

/// A cosigner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosignerPart {
    /// What the home calls him.
    pub name: String,
    /// His key.
    pub key: String,
}

/// The transaction that was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalPart {
    /// Hash over the vault's id and the unsigned transaction.
    pub id: String,
    /// Eight words over both, to compare by voice.
    pub words: String,
    /// The request without signatures (BIP-0174, base64).
    pub request: String,
    /// The unsigned transaction, hex.
    pub unsigned_transaction: String,
    /// Its id.
    pub unsigned_txid: String,
    /// The id once it is signed; `null` where signatures go into it.
    pub txid: Option<String>,
    /// What it spends.
    pub inputs: Vec<SpentPart>,
    /// What it pays.
    pub outputs: Vec<PaidPart>,
    /// Inputs less outputs.
    pub fee_sat: u64,
}

/// A coin that is spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpentPart {
    /// The coin.
    pub outpoint: String,
    /// What it is worth.
    pub value_sat: u64,
    /// The address it sits on.
    pub address: String,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaidPart {
    /// Its address; `null` when it has none.
    pub address: Option<String>,
    /// Its script, hex.
    pub script: String,
    /// How much.
    pub value_sat: u64,
    /// Whether the vault derives it.
    pub ours: bool,
}

/// A member: a device that signs journal entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberPart {
    /// Its key.
    pub member: MemberId,
    /// What the owner calls it.
    pub name: Option<String>,
    /// The cosigner for whom it speaks.
    pub cosigner: Option<String>,
    /// `owner`, `enrolled`, `removed`, `this home` or `unknown`.
    pub standing: String,
}

/// Something said or done, with the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The entry.
    pub entry: String,
    /// Its author.
    pub author: MemberId,
    /// By the author's clock, seconds since 1970.
    pub at: u64,
    /// What.
    pub what: String,
    /// Why it doesn't count, where it doesn't.
    pub refused: Option<String>,
}

/// An admitted signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignaturePart {
    /// Index of the input.
    pub input: u32,
    /// The cosigner.
    pub cosigner: String,
    /// The key in the input's script, hex.
    pub public_key: String,
    /// With its sighash byte, hex.
    pub signature: String,
    /// The 32 bytes that it signs, hex.
    pub sighash: String,
    /// The entry with which it was admitted.
    pub entry: String,
    /// Who admitted it.
    pub author: MemberId,
    /// When, by the author's clock.
    pub at: u64,
}

/// An entry as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPart {
    /// Hash over the text.
    pub id: String,
    /// The signed bytes.
    pub text: String,
    /// The author's signature over the id, hex (BIP-0340).
    pub signature: String,
}

/// What a document is made of.
#[derive(Debug)]
pub struct Foundation<'a> {
    /// What only the home knows.
    pub claims: Claims,
    /// The vault, with the home's names.
    pub vault: &'a Vault,
    /// The checked request.
    pub proposal: &'a Proposal,
    /// All entries that matter, in any order.
    pub entries: Vec<Entry>,
    /// The final transaction.
    pub final_transaction: Option<Transaction>,
}

impl Evidence {
    /// Draws it up and seals it.
    #[must_use]
    pub fn draw_up(foundation: &Foundation<'_>, key: &MemberKey, workers: &dyn Workers) -> Self {
        let mut drawn = derive::draw(foundation, key.id(), workers);
        drawn.seal_with(key);
        drawn
    }

    /// Puts a member's seal on it, in the place of the one it has.
    pub fn seal_with(&mut self, key: &MemberKey) {
        self.sealed_by = key.id();
        self.seal = hex::DisplayHex::to_lower_hex_string(&key.sign_digest(&self.digest())[..]);
    }

    /// As a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Texts, numbers and lists are always JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// What the seal signs: a tagged hash over the document's JSON without spaces, with an empty seal.
    fn digest(&self) -> [u8; 32] {
        let mut open = self.clone();
        open.seal.clear();
        let text = serde_json::to_string(&open).unwrap_or_default();
        tagged(SEAL, text.as_bytes())
    }

    fn is_sealed(&self) -> bool {
        let seal: Option<[u8; 64]> = hex::FromHex::from_hex(&self.seal).ok();
        seal.is_some_and(|seal| self.sealed_by.verifies(&self.digest(), &seal))
    }
}
