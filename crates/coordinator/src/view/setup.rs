//! Setting a vault up.

use super::{ErrorView, VaultView};
use serde::Serialize;

/// A session in which keys are collected.
#[derive(Debug, Clone, Serialize)]
pub struct SetupView {
    /// What the vault will be called.
    pub name: String,
    /// The network of its keys.
    pub network: String,
    /// `draft`, `collecting` or `review`; once the vault exists, its own stage.
    pub stage: String,
    /// What the policy is called.
    pub policy: String,
    /// The kind of output.
    pub script: String,
    /// `none`, `standard` or `extended` (BIP-0129).
    pub encryption: String,
    /// Who is to take part, in the order of the policy's roles.
    pub cosigners: Vec<SlotView>,
    /// Who will be able to spend when, in plain words.
    pub paths: Vec<String>,
    /// Invitations that no longer count.
    pub revoked: Vec<String>,
    /// The vault's id, once it is finished.
    pub vault: Option<String>,
    /// The next command.
    pub next: String,
}

/// A cosigner's place in a session.
#[derive(Debug, Clone, Serialize)]
pub struct SlotView {
    /// What the cosigner is called.
    pub name: String,
    /// Whether the invitation was written out.
    pub invited: bool,
    /// `[fingerprint/path]xpub`.
    pub key: Option<String>,
    /// Whether the key signed the record that it came in.
    pub signed: bool,
    /// The member whose entries are to speak for the cosigner, as the record says.
    pub member: Option<String>,
}

/// All sessions.
#[derive(Debug, Clone, Serialize)]
pub struct SetupsView {
    /// Those of this home, by name.
    pub setups: Vec<SetupView>,
    /// The invitations that this home answered.
    pub joined: Vec<JoinedView>,
}

/// An invitation to hand over.
#[derive(Debug, Clone, Serialize)]
pub struct InvitationView {
    /// The session.
    pub setup: String,
    /// Who is invited.
    pub cosigner: String,
    /// Which invitation.
    pub invitation: String,
    /// The text to hand over. With encryption it holds a secret.
    pub text: String,
}

/// An invitation that this home answered.
#[derive(Debug, Clone, Serialize)]
pub struct JoinedView {
    /// Which invitation.
    pub invitation: String,
    /// What the coordinator calls the vault.
    pub vault: String,
    /// What the coordinator calls this cosigner.
    pub cosigner: String,
    /// The key that was given.
    pub key: String,
    /// All cosigners.
    pub cosigners: Vec<String>,
    /// What was agreed on, in plain words.
    pub paths: Vec<String>,
    /// Whether the finished vault was accepted.
    pub accepted: bool,
}

/// What became of files with keys.
#[derive(Debug, Clone, Serialize)]
pub struct AddedView {
    /// For each file.
    pub files: Vec<AddedFileView>,
    /// The session now.
    pub setup: SetupView,
}

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct AddedFileView {
    /// Its name.
    pub file: String,
    /// Whose key it is.
    pub cosigner: Option<String>,
    /// `taken`, `known` or `refused`.
    pub outcome: &'static str,
    /// Whether the key signed it.
    pub signed: bool,
    /// Why it was refused.
    pub error: Option<ErrorView>,
}

/// A descriptor record for the cosigners (BIP-0129, round 2).
#[derive(Debug, Clone, Serialize)]
pub struct RecordView {
    /// The vault.
    pub vault: String,
    /// For whom it is sealed; `null` when it isn't.
    pub cosigner: Option<String>,
    /// The record.
    pub text: String,
}

/// A vault that was accepted.
#[derive(Debug, Clone, Serialize)]
pub struct AcceptedView {
    /// What this cosigner is called.
    pub cosigner: String,
    /// The vault as it is kept here.
    pub vault: VaultView,
}

/// A vault that was restored from a backup.
#[derive(Debug, Clone, Serialize)]
pub struct RestoredView {
    /// When the backup was made, seconds since 1970.
    pub made_at: u64,
    /// Journal entries that came in.
    pub entries: usize,
    /// The next receive and change index.
    pub next_index: [u32; 2],
    /// What isn't as the backup says.
    pub differences: Vec<String>,
    /// The vault.
    pub vault: VaultView,
}

/// What became of signatures that prove keys.
#[derive(Debug, Clone, Serialize)]
pub struct ProvenView {
    /// Cosigners whose keys are proven by these files.
    pub proven: Vec<String>,
    /// Signatures that don't count, and files that can't be read.
    pub refused: Vec<String>,
    /// The vault now.
    pub vault: VaultView,
}
