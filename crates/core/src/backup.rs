//! A vault's backup: everything about it that isn't a key, in one JSON document. Whoever has it sees all
//! addresses and amounts and can spend nothing; so it is sealed before it leaves (BIP-0138, or age).

use crate::journal::{Birth, EntryId, MemberId};
use crate::key::{SecretKind, find_secret};
use crate::vault::{Vault, VaultError, VaultId};
use bitcoin::Network;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const FORMAT: &str = "quorate-backup";
const VERSION: u32 = 1;
/// The largest backup: a journal may be as large as a journal file.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A cosigner, as the backup keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCosigner {
    /// What people call it.
    pub name: String,
    /// `[fingerprint/path]xpub`.
    pub key: String,
    /// How it was shown that somebody holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<String>,
}

/// Where an author's entries ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// The author.
    pub member: MemberId,
    /// The number of its newest entry.
    pub number: u64,
    /// The id of that entry.
    pub entry: EntryId,
}

/// The document. Fields that a later version adds are passed over by this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    format: String,
    version: u32,
    /// When it was made, seconds since 1970.
    pub created_at: u64,
    /// The vault's network.
    pub network: Network,
    /// What the home called it.
    pub name: String,
    /// The vault's id.
    pub id: String,
    /// Multipath descriptor with checksum. Alone it is enough to find and spend the money.
    pub descriptor: String,
    /// Who can spend when, in plain words.
    pub policy: Vec<String>,
    /// In the descriptor's order of keys.
    pub cosigners: Vec<BackupCosigner>,
    /// From where to look for coins.
    pub birthday: Birth,
    /// The home that made it.
    pub home: MemberId,
    /// Whom that home took for the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<MemberId>,
    /// Whether it was set up in a session.
    #[serde(default)]
    pub session: bool,
    /// The next receive and change index that nobody was given.
    pub next_index: [u32; 2],
    /// Labels, each a line of BIP-0329.
    #[serde(default)]
    pub labels: Vec<Value>,
    /// The journal's state hash.
    pub state: String,
    /// Where the journal ended.
    pub journal_head: Vec<BackupHead>,
    /// All entries, as `quorate journal export` writes them.
    pub journal: String,
}

/// Why a backup isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Larger than any.
    #[error("it has {0} bytes, more than any backup")]
    TooLong(usize),
    /// Not one of ours.
    #[error("it isn't a backup that Quorate wrote ({0})")]
    Other(String),
    /// A newer program's.
    #[error("the backup has version {0}, and this Quorate reads version {VERSION}: update Quorate")]
    Newer(u32),
    /// A private key or seed words outside of the journal, which is judged entry by entry.
    #[error("it contains {0}: a backup of a vault has none; move the funds that it controls")]
    Secret(SecretKind),
    /// The descriptor.
    #[error("its descriptor: {0}")]
    Vault(#[from] VaultError),
    /// The descriptor is that of another vault.
    #[error(
        "its descriptor isn't the one of the vault that it names: it was changed; don't use it"
    )]
    OtherVault,
    /// Names and keys don't fit the descriptor.
    #[error("its cosigners aren't those of its descriptor: it was changed; don't use it")]
    Cosigners,
}

/// What a backup is made of beside the vault.
#[derive(Debug)]
pub struct BackupParts {
    /// See [`Backup`].
    pub created_at: u64,
    /// See [`Backup`].
    pub name: String,
    /// For each cosigner, how its key is proven.
    pub proven: Vec<Option<String>>,
    /// See [`Backup`].
    pub birthday: Birth,
    /// See [`Backup`].
    pub home: MemberId,
    /// See [`Backup`].
    pub owner: Option<MemberId>,
    /// See [`Backup`].
    pub session: bool,
    /// See [`Backup`].
    pub next_index: [u32; 2],
    /// See [`Backup`].
    pub labels: Vec<Value>,
    /// See [`Backup`].
    pub state: String,
    /// See [`Backup`].
    pub journal_head: Vec<BackupHead>,
    /// See [`Backup`].
    pub journal: String,
}

impl Backup {
    /// The backup of a vault.
    #[must_use]
    pub fn of(vault: &Vault, parts: BackupParts) -> Self {
        let proven = parts.proven.into_iter().chain(std::iter::repeat(None));
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            created_at: parts.created_at,
            network: vault.network(),
            name: parts.name,
            id: vault.id().to_string(),
            descriptor: vault.descriptor().to_owned(),
            policy: vault.explain(),
            cosigners: vault
                .cosigners()
                .iter()
                .zip(proven)
                .map(|(cosigner, proven)| BackupCosigner {
                    name: cosigner.name.clone(),
                    key: cosigner.key.to_string(),
                    proven,
                })
                .collect(),
            birthday: parts.birthday,
            home: parts.home,
            owner: parts.owner,
            session: parts.session,
            next_index: parts.next_index,
            labels: parts.labels,
            state: parts.state,
            journal_head: parts.journal_head,
            journal: parts.journal,
        }
    }

    /// Its text.
    #[must_use]
    pub fn write(&self) -> String {
        // Strings, numbers and lists are always JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a backup, and the vault it is of.
    ///
    /// # Errors
    /// A sentence about the first thing that is wrong.
    pub fn read(text: &str) -> Result<(Self, Vault), BackupError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        if text.len() > MAX_BYTES {
            return Err(BackupError::TooLong(text.len()));
        }
        let other = |error: serde_json::Error| BackupError::Other(crate::text::excerpt(&error));
        let head: Head = serde_json::from_str(text).map_err(other)?;
        if head.format != FORMAT {
            let format = crate::text::excerpt(&head.format);
            return Err(BackupError::Other(format!("its format is `{format}`")));
        }
        if head.version != VERSION {
            return Err(BackupError::Newer(head.version));
        }
        let backup: Self = serde_json::from_str(text).map_err(other)?;
        backup.check_secrets()?;
        let names: Vec<String> = backup
            .cosigners
            .iter()
            .map(|one| one.name.clone())
            .collect();
        let vault = Vault::from_descriptor(backup.network, &backup.descriptor, Some(&names))?;
        let id: VaultId = backup.id.parse().map_err(|_| BackupError::OtherVault)?;
        if vault.id() != id {
            return Err(BackupError::OtherVault);
        }
        let mut keys = vault.cosigners().iter().zip(&backup.cosigners);
        if !keys.all(|(ours, said)| ours.key.to_string() == said.key) {
            return Err(BackupError::Cosigners);
        }
        Ok((backup, vault))
    }

    fn check_secrets(&self) -> Result<(), BackupError> {
        let names = self.cosigners.iter().flat_map(|one| [&one.name, &one.key]);
        let texts = [&self.name, &self.descriptor].into_iter().chain(names);
        let labels: Vec<String> = self.labels.iter().map(ToString::to_string).collect();
        let mut texts = texts.chain(&labels).chain(&self.policy);
        match texts.find_map(|text| find_secret(text)) {
            Some(secret) => Err(BackupError::Secret(secret)),
            None => Ok(()),
        }
    }
}
