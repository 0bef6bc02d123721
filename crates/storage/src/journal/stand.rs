//! Reading who stands for a vault, whose keys are proven, and whether it is retired.

use super::trust::member;
use crate::{ReadTx, StorageError};
use quorate_core::journal::{KeyFacts, MemberId};
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, params};

/// A member's word that a cosigner stands for the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttestation {
    /// The cosigner's key, as [`quorate_core::key::KeyIdentity::to_bytes`] gives it.
    pub cosigner: [u8; 65],
    /// Who says so.
    pub author: MemberId,
    /// In a person's words.
    pub note: Option<String>,
    /// When, seconds since 1970.
    pub attested_at: u64,
}

/// A key that signed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProof {
    /// The cosigner's key.
    pub cosigner: [u8; 65],
    /// By its key record; else by the spend that can never happen.
    pub by_record: bool,
    /// When it was noted, seconds since 1970.
    pub proven_at: u64,
    /// The member whom the signed record names as the cosigner's own.
    pub speaker: Option<[u8; 32]>,
}

/// Somebody's word that the vault is retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRetirement {
    /// Who says so.
    pub author: MemberId,
    /// In a person's words.
    pub note: Option<String>,
    /// When, seconds since 1970.
    pub retired_at: u64,
}

impl ReadTx<'_> {
    /// All attestations of a vault, the earliest first.
    pub fn attestations(&self, vault: VaultId) -> Result<Vec<StoredAttestation>, StorageError> {
        let mut statement = self.prepare(
            "SELECT cosigner, author, note, attested_at FROM attestations
             WHERE vault = ?1 ORDER BY attested_at, cosigner, author",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((
                row.get(0)?,
                row.get::<_, [u8; 32]>(1)?,
                row.get(2)?,
                row.get(3)?,
            ))
        })?;
        rows.map(|row| {
            let (cosigner, author, note, attested_at) = row?;
            Ok(StoredAttestation {
                cosigner,
                author: member(&author)?,
                note,
                attested_at,
            })
        })
        .collect()
    }

    /// The proven keys of a vault.
    pub fn proofs(&self, vault: VaultId) -> Result<Vec<StoredProof>, StorageError> {
        let mut statement = self.prepare(
            "SELECT cosigner, by_record, proven_at, speaker FROM proofs WHERE vault = ?1",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok(StoredProof {
                cosigner: row.get(0)?,
                by_record: row.get(1)?,
                proven_at: row.get(2)?,
                speaker: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is known of where a cosigner's key comes from.
    pub fn key_facts(&self, vault: VaultId, cosigner: &[u8; 65]) -> Result<KeyFacts, StorageError> {
        let mut statement =
            self.prepare("SELECT facts FROM key_facts WHERE vault = ?1 AND cosigner = ?2")?;
        let text: Option<String> = statement
            .query_row(params![vault.as_bytes(), cosigner], |row| row.get(0))
            .optional()?;
        let Some(text) = text else {
            return Ok(KeyFacts::default());
        };
        serde_json::from_str(&text)
            .map_err(|error| StorageError::damaged(format!("what is known of a key: {error}")))
    }

    /// Who said that a vault is retired.
    pub fn retirements(&self, vault: VaultId) -> Result<Vec<StoredRetirement>, StorageError> {
        let mut statement =
            self.prepare("SELECT author, note, retired_at FROM retirements WHERE vault = ?1")?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?, row.get(2)?))
        })?;
        rows.map(|row| {
            let (author, note, retired_at) = row?;
            Ok(StoredRetirement {
                author: member(&author)?,
                note,
                retired_at,
            })
        })
        .collect()
    }

    /// Whether an address of the vault was handed out.
    pub fn is_in_use(&self, vault: VaultId) -> Result<bool, StorageError> {
        Ok(self
            .prepare("SELECT 1 FROM addresses WHERE vault = ?1 LIMIT 1")?
            .exists(params![vault.as_bytes()])?)
    }
}
