//! Entries in and out. An entry is appended together with what it changes in the projection: one
//! transaction, so that neither is ever there without the other.

use super::projection::arrived;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::Network;
use quorate_core::journal::{Entry, EntryId, MemberId, MemberKey};
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, params};

/// Who writes in this home, and for which network it was made.
#[derive(Debug, Clone)]
pub struct Device {
    /// Signs this home's entries.
    pub key: MemberKey,
    /// All vaults of the home are on it.
    pub network: Network,
}

/// An entry that was tampered with, or that the disk spoilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedEntry {
    /// Its number in this database.
    pub number: i64,
    /// What is wrong with it.
    pub fault: String,
}

impl ReadTx<'_> {
    /// This home's device; `None` before `init`.
    pub fn device(&self) -> Result<Option<Device>, StorageError> {
        let row = self
            .prepare("SELECT secret, network FROM device")?
            .query_row([], |row| {
                Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        row.map(|(secret, network)| {
            let key = MemberKey::from_bytes(&secret)
                .ok_or_else(|| StorageError::damaged("the device key is no key"))?;
            let network = network
                .parse()
                .map_err(|_| StorageError::damaged("the home's network is unknown"))?;
            Ok(Device { key, network })
        })
        .transpose()
    }

    /// Number and id of the author's last entry in this vault.
    pub fn journal_head(
        &self,
        vault: VaultId,
        author: MemberId,
    ) -> Result<Option<(u64, EntryId)>, StorageError> {
        let row = self
            .prepare("SELECT seq, id FROM entries WHERE vault = ?1 AND author = ?2 ORDER BY seq DESC LIMIT 1")?
            .query_row(params![vault.as_bytes(), author.to_bytes()], |row| {
                Ok((row.get::<_, u64>(0)?, row.get::<_, [u8; 32]>(1)?))
            })
            .optional()?;
        Ok(row.map(|(seq, id)| (seq, EntryId::from_bytes(id))))
    }

    /// The entries of a vault, or of all, in the order in which they arrived; each one checked
    /// again: text, id and signature. An entry that fails is returned as .
    pub fn journal(
        &self,
        vault: Option<VaultId>,
    ) -> Result<Vec<Result<Entry, DamagedEntry>>, StorageError> {
        let mut statement = self.prepare(
            "SELECT number, id, vault, author, seq, at, kind, text, signature FROM entries
             WHERE ?1 IS NULL OR vault = ?1 ORDER BY number",
        )?;
        let rows = statement.query_map(params![vault.map(|vault| *vault.as_bytes())], stored)?;
        rows.map(|row| Ok(row?.check())).collect()
    }

    /// One entry, checked again.
    pub fn entry(&self, id: EntryId) -> Result<Option<Result<Entry, DamagedEntry>>, StorageError> {
        let row = self
            .prepare(
                "SELECT number, id, vault, author, seq, at, kind, text, signature FROM entries
                 WHERE id = ?1",
            )?
            .query_row(params![id.as_bytes()], stored)
            .optional()?;
        Ok(row.map(Stored::check))
    }

    /// How many entries there are, of all vaults.
    pub fn journal_length(&self) -> Result<usize, StorageError> {
        Ok(self
            .prepare("SELECT count(*) FROM entries")?
            .query_row([], |row| row.get(0))?)
    }

    /// Whether the entry is here.
    pub fn has_entry(&self, id: EntryId) -> Result<bool, StorageError> {
        Ok(self
            .prepare("SELECT 1 FROM entries WHERE id = ?1")?
            .exists(params![id.as_bytes()])?)
    }
}

/// A row as it stands in the file, where anybody with the file can have changed it.
struct Stored {
    number: i64,
    id: [u8; 32],
    vault: [u8; 32],
    author: [u8; 32],
    seq: u64,
    at: u64,
    kind: String,
    text: String,
    signature: Vec<u8>,
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        number: row.get(0)?,
        id: row.get(1)?,
        vault: row.get(2)?,
        author: row.get(3)?,
        seq: row.get(4)?,
        at: row.get(5)?,
        kind: row.get(6)?,
        text: row.get(7)?,
        signature: row.get(8)?,
    })
}

impl Stored {
    fn check(self) -> Result<Entry, DamagedEntry> {
        let fault = |fault: String| DamagedEntry {
            number: self.number,
            fault,
        };
        let entry =
            Entry::check(&self.text, &self.signature).map_err(|error| fault(error.to_string()))?;
        let content = entry.content();
        let agrees = *entry.id().as_bytes() == self.id
            && *content.vault.as_bytes() == self.vault
            && content.author.to_bytes() == self.author
            && content.seq == self.seq
            && content.at == self.at
            && content.body.kind() == self.kind;
        if agrees {
            Ok(entry)
        } else {
            Err(fault(
                "its columns don't agree with its signed text".to_owned(),
            ))
        }
    }
}

impl WriteTx<'_> {
    /// Makes this database a home. Fails when it is one already.
    pub fn create_device(&self, device: &Device) -> Result<(), StorageError> {
        self.prepare("INSERT INTO device (id, secret, network) VALUES (1, ?1, ?2)")?
            .execute(params![
                device.key.secret_bytes(),
                device.network.to_string()
            ])?;
        Ok(())
    }

    /// Appends an entry that this home wrote and projects it. An entry that is here already changes
    /// nothing: `false`.
    pub fn append(&self, entry: &Entry) -> Result<bool, StorageError> {
        if !self.insert(entry)? {
            return Ok(false);
        }
        arrived(self, entry.id(), entry.content())?;
        Ok(true)
    }

    pub(super) fn insert(&self, entry: &Entry) -> Result<bool, StorageError> {
        if self.has_entry(entry.id())? {
            return Ok(false);
        }
        let content = entry.content();
        self.prepare(
            "INSERT INTO entries (id, vault, author, seq, at, kind, text, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            entry.id().as_bytes(),
            content.vault.as_bytes(),
            content.author.to_bytes(),
            content.seq,
            content.at,
            content.body.kind(),
            entry.text(),
            entry.signature(),
        ])?;
        Ok(true)
    }
}
