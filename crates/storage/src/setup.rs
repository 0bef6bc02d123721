//! Sessions in which keys are collected, and invitations that this home answered. They are no part of
//! any journal: the vault whose journal it would be doesn't exist yet.

use crate::{ReadTx, StorageError, WriteTx};
use quorate_core::journal::MemberId;
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, Row, params};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSetup {
    /// What the vault will be called.
    pub name: String,
    /// The policy's text.
    pub template: String,
    /// `none`, `standard` or `extended`.
    pub encryption: String,
    /// When it was begun, seconds since 1970.
    pub created_at: u64,
    /// The vault, once it is finished.
    pub vault: Option<VaultId>,
}

/// A cosigner's place in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSlot {
    /// What the cosigner is called.
    pub cosigner: String,
    /// The invitation's, hex.
    pub nonce: String,
    /// The invitation's, hex. A secret.
    pub token: String,
    /// When the invitation was written out.
    pub invited_at: Option<u64>,
    /// `[fingerprint/path]xpub`.
    pub key: Option<String>,
    /// The signed record that the key came in.
    pub record: Option<String>,
    /// Whose entries are to speak for the cosigner.
    pub member: Option<MemberId>,
}

/// An invitation that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedSlot {
    /// The invitation's.
    pub nonce: String,
    /// The invitation's. A secret.
    pub token: String,
    /// Who was invited by it.
    pub cosigner: String,
    /// The key that came with it.
    pub key: Option<String>,
}

/// An invitation that this home answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredJoin {
    /// Its nonce, hex.
    pub nonce: String,
    /// Its text.
    pub invitation: String,
    /// The key that was given.
    pub key: String,
    /// When, seconds since 1970.
    pub joined_at: u64,
    /// The vault, once it was accepted.
    pub vault: Option<VaultId>,
}

impl ReadTx<'_> {
    /// All sessions, by name.
    pub fn setups(&self) -> Result<Vec<StoredSetup>, StorageError> {
        let mut statement = self.prepare(
            "SELECT name, template, encryption, created_at, vault FROM setups ORDER BY name",
        )?;
        let rows = statement.query_map([], setup)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One session.
    pub fn setup(&self, name: &str) -> Result<Option<StoredSetup>, StorageError> {
        let mut statement = self.prepare(
            "SELECT name, template, encryption, created_at, vault FROM setups WHERE name = ?1",
        )?;
        Ok(statement.query_row(params![name], setup).optional()?)
    }

    /// A session's places, in the order of the template's roles.
    pub fn setup_slots(&self, name: &str) -> Result<Vec<StoredSlot>, StorageError> {
        let mut statement = self.prepare(
            "SELECT cosigner, nonce, token, invited_at, key, record, member FROM setup_slots
             WHERE setup = ?1 ORDER BY place",
        )?;
        let rows = statement.query_map(params![name], |row| {
            let slot = StoredSlot {
                cosigner: row.get(0)?,
                nonce: row.get(1)?,
                token: row.get(2)?,
                invited_at: row.get(3)?,
                key: row.get(4)?,
                record: row.get(5)?,
                member: None,
            };
            Ok((slot, row.get::<_, Option<[u8; 32]>>(6)?))
        })?;
        rows.map(|row| {
            let (slot, member) = row?;
            let member = member
                .map(|bytes| {
                    MemberId::from_bytes(&bytes)
                        .ok_or_else(|| StorageError::damaged("a member's key can't be read"))
                })
                .transpose()?;
            Ok(StoredSlot { member, ..slot })
        })
        .collect()
    }

    /// A session's invitations that no longer count.
    pub fn setup_revoked(&self, name: &str) -> Result<Vec<RevokedSlot>, StorageError> {
        let mut statement = self.prepare(
            "SELECT nonce, token, cosigner, key FROM setup_revoked WHERE setup = ?1
             ORDER BY revoked_at, nonce",
        )?;
        let rows = statement.query_map(params![name], |row| {
            Ok(RevokedSlot {
                nonce: row.get(0)?,
                token: row.get(1)?,
                cosigner: row.get(2)?,
                key: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The invitations that this home answered, the newest first.
    pub fn joins(&self) -> Result<Vec<StoredJoin>, StorageError> {
        let mut statement = self.prepare(
            "SELECT nonce, invitation, key, joined_at, vault FROM joins
             ORDER BY joined_at DESC, nonce",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(StoredJoin {
                nonce: row.get(0)?,
                invitation: row.get(1)?,
                key: row.get(2)?,
                joined_at: row.get(3)?,
                vault: vault(row, 4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn setup(row: &Row<'_>) -> rusqlite::Result<StoredSetup> {
    Ok(StoredSetup {
        name: row.get(0)?,
        template: row.get(1)?,
        encryption: row.get(2)?,
        created_at: row.get(3)?,
        vault: vault(row, 4)?,
    })
}

fn vault(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<VaultId>> {
    let bytes: Option<[u8; 32]> = row.get(column)?;
    Ok(bytes.map(VaultId::from_bytes))
}

impl WriteTx<'_> {
    /// Begins a session with its places.
    pub fn create_setup(
        &self,
        setup: &StoredSetup,
        slots: &[StoredSlot],
    ) -> Result<(), StorageError> {
        self.prepare(
            "INSERT INTO setups (name, template, encryption, created_at) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            setup.name,
            setup.template,
            setup.encryption,
            setup.created_at
        ])?;
        for (place, slot) in slots.iter().enumerate() {
            self.put_slot(&setup.name, place, slot)?;
        }
        Ok(())
    }

    /// Replaces what is known of a place.
    pub fn put_slot(
        &self,
        setup: &str,
        place: usize,
        slot: &StoredSlot,
    ) -> Result<(), StorageError> {
        self.prepare(
            "INSERT OR REPLACE INTO setup_slots
                 (setup, place, cosigner, nonce, token, invited_at, key, record, member)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            setup,
            place,
            slot.cosigner,
            slot.nonce,
            slot.token,
            slot.invited_at,
            slot.key,
            slot.record,
            slot.member.map(MemberId::to_bytes),
        ])?;
        Ok(())
    }

    /// Remembers an invitation that no longer counts.
    pub fn revoke_slot(&self, setup: &str, slot: &StoredSlot, at: u64) -> Result<(), StorageError> {
        self.prepare(
            "INSERT OR REPLACE INTO setup_revoked (setup, nonce, token, cosigner, key, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            setup,
            slot.nonce,
            slot.token,
            slot.cosigner,
            slot.key,
            at
        ])?;
        Ok(())
    }

    /// Notes which vault a session ended in.
    pub fn finish_setup(&self, name: &str, vault: VaultId) -> Result<(), StorageError> {
        self.prepare("UPDATE setups SET vault = ?2 WHERE name = ?1")?
            .execute(params![name, vault.as_bytes()])?;
        Ok(())
    }

    /// Ends a session that came to nothing.
    pub fn drop_setup(&self, name: &str) -> Result<(), StorageError> {
        self.prepare("DELETE FROM setups WHERE name = ?1")?
            .execute(params![name])?;
        Ok(())
    }

    /// Keeps an invitation that this home answers; the same one again with another key replaces it.
    pub fn put_join(&self, join: &StoredJoin) -> Result<(), StorageError> {
        self.prepare(
            "INSERT OR REPLACE INTO joins (nonce, invitation, key, joined_at, vault)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            join.nonce,
            join.invitation,
            join.key,
            join.joined_at,
            join.vault.map(|vault| *vault.as_bytes()),
        ])?;
        Ok(())
    }
}
