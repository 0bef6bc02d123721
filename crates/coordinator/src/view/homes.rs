//! Members, and journals that go between homes.

use serde::Serialize;

/// This home as others know it.
#[derive(Debug, Clone, Serialize)]
pub struct MemberView {
    /// Its member id: a public key, to hand to a vault's owner.
    pub member: String,
    /// The network of its vaults.
    pub network: String,
    /// What it is in each vault here.
    pub vaults: Vec<MembershipView>,
}

/// What this home is in a vault.
#[derive(Debug, Clone, Serialize)]
pub struct MembershipView {
    /// The vault's name.
    pub vault: String,
    /// `owner`, `member`, `removed`, `not enrolled`, or `no owner known`.
    pub role: String,
    /// The owner's member id, when known.
    pub owner: Option<String>,
}

/// Whose entries count in a vault.
#[derive(Debug, Clone, Serialize)]
pub struct MembersView {
    /// The vault's name.
    pub vault: String,
    /// The owner's member id; `null` until one is named.
    pub owner: Option<String>,
    /// This home's member id.
    pub this_device: String,
    /// The owner and those whom he enrolled or removed.
    pub members: Vec<MemberLineView>,
    /// Authors nobody enrolled: what they say is kept and doesn't count.
    pub unknown: Vec<UnknownView>,
    /// Entries of which something was refused.
    pub refused: Vec<RefusedEntryView>,
    /// Entries about proposals that aren't here.
    pub waiting: usize,
    /// What to look at.
    pub findings: Vec<String>,
}

/// A member.
#[derive(Debug, Clone, Serialize)]
pub struct MemberLineView {
    /// Its id.
    pub member: String,
    /// What the owner calls it.
    pub name: Option<String>,
    /// The cosigner it speaks for, by the name he has here.
    pub cosigner: Option<String>,
    /// `owner`, `member` or `removed`.
    pub role: String,
    /// Whether it is this home.
    pub this_device: bool,
    /// Its entries here.
    pub entries: u64,
    /// For a removed one: the number of the last entry that counts.
    pub counts_to: Option<u64>,
    /// Numbers it used for two different entries.
    pub said_twice: Vec<u64>,
}

/// An author whom nobody enrolled.
#[derive(Debug, Clone, Serialize)]
pub struct UnknownView {
    /// Its id.
    pub member: String,
    /// Its entries here, parked.
    pub entries: u64,
    /// Whether one of them says that it made the vault.
    pub says_owner: bool,
    /// Numbers it used for two different entries.
    pub said_twice: Vec<u64>,
}

/// An entry that was refused, in whole or in part.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedEntryView {
    /// The line, the file or the entry.
    pub what: String,
    /// Who wrote it, when that is known.
    pub member: Option<String>,
    /// Why.
    pub reason: String,
}

/// The entries that came in.
#[derive(Debug, Clone, Serialize)]
pub struct TakenView {
    /// The vault's name.
    pub vault: String,
    /// The owner's member id; `null` until one is named.
    pub owner: Option<String>,
    /// Entries that weren't here.
    pub new: usize,
    /// Entries that were.
    pub known: usize,
    /// Entries about proposals that aren't here yet.
    pub waiting: usize,
    /// What was refused this time.
    pub refused: Vec<RefusedEntryView>,
    /// Authors whose entries are parked.
    pub unknown: Vec<UnknownView>,
    /// What to look at.
    pub findings: Vec<String>,
    /// Hash over what the vault's entries amount to now: equal in homes that know the same.
    pub state: String,
}

/// A journal that was read from a file.
#[derive(Debug, Clone, Serialize)]
pub struct JournalImportView {
    /// What came in.
    #[serde(flatten)]
    pub taken: TakenView,
    /// What is wrong with the file as a whole.
    pub fault: Option<String>,
}

/// A journal that was written to a file.
#[derive(Debug, Clone, Serialize)]
pub struct JournalExportView {
    /// The vault's name.
    pub vault: String,
    /// Its id.
    pub vault_id: String,
    /// Entries in the file.
    pub entries: usize,
    /// The file.
    pub file: String,
}

/// A folder that was synced.
#[derive(Debug, Clone, Serialize)]
pub struct FolderView {
    /// Where the vault's entries lie.
    pub folder: String,
    /// What came in.
    #[serde(flatten)]
    pub taken: TakenView,
    /// Entries that were put there.
    pub written: usize,
    /// Files that were passed over.
    pub skipped: Vec<SkippedView>,
}

/// A file that was passed over.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedView {
    /// Its name.
    pub file: String,
    /// Why.
    pub reason: String,
}
