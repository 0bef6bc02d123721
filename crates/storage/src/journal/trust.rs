//! Whose entries count: this home's own, the owner's, and those of the members that the owner
//! enrolled. Read from the projected tables `owners` and `members`.

use crate::{ReadTx, StorageError};
use quorate_core::journal::{Content, EntryId, MemberId};
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, params};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What the owner last said about a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of its entries count.
    Enrolled,
    /// Only this entry and those it is linked to count.
    Removed {
        /// The number of that entry; 0 for none.
        last: u64,
        /// Its id.
        head: Option<EntryId>,
    },
}

/// A member as the owner's entries describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMember {
    /// Its key.
    pub member: MemberId,
    /// What the owner calls it.
    pub name: Option<String>,
    /// The cosigner it speaks for: his extended public key.
    pub cosigner: Option<String>,
    /// Whether it is enrolled.
    pub standing: Standing,
    /// When the owner said so, by his clock.
    pub said_at: u64,
}

/// Whose entries count in one vault.
#[derive(Debug)]
pub(super) struct Trust {
    vault: VaultId,
    pub(super) me: Option<MemberId>,
    pub(super) owner: Option<MemberId>,
    members: BTreeMap<MemberId, Standing>,
    /// The entries that still count of removed members, found when one is asked for.
    kept: RefCell<BTreeMap<MemberId, BTreeSet<EntryId>>>,
}

impl Trust {
    pub(super) fn load(tx: &ReadTx<'_>, vault: VaultId) -> Result<Self, StorageError> {
        let members = tx.members(vault)?;
        Ok(Self {
            vault,
            me: tx.device()?.map(|device| device.key.id()),
            owner: tx.owner(vault)?,
            members: members
                .into_iter()
                .map(|member| (member.member, member.standing))
                .collect(),
            kept: RefCell::default(),
        })
    }

    /// Whether what this entry says counts, as far as its author is concerned.
    pub(super) fn counts(
        &self,
        tx: &ReadTx<'_>,
        author: MemberId,
        id: EntryId,
    ) -> Result<bool, StorageError> {
        if Some(author) == self.me || Some(author) == self.owner {
            return Ok(true);
        }
        match self.members.get(&author) {
            None => Ok(false),
            Some(Standing::Enrolled) => Ok(true),
            Some(Standing::Removed { head, .. }) => {
                let mut kept = self.kept.borrow_mut();
                let ids = match kept.entry(author) {
                    std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::btree_map::Entry::Vacant(new) => {
                        new.insert(linked(tx, self.vault, author, *head)?)
                    }
                };
                Ok(ids.contains(&id))
            }
        }
    }

    /// Whether an entry of this author may make earlier ones count, by closing a gap in its links.
    pub(super) fn is_removed(&self, author: MemberId) -> bool {
        matches!(self.members.get(&author), Some(Standing::Removed { .. }))
    }
}

/// The entry `head` and all before it, as far as they are here.
fn linked(
    tx: &ReadTx<'_>,
    vault: VaultId,
    author: MemberId,
    head: Option<EntryId>,
) -> Result<BTreeSet<EntryId>, StorageError> {
    let mut found = BTreeSet::new();
    let mut next = head;
    while let Some(id) = next {
        let Some(content) = tx.entry_content(id)? else {
            break;
        };
        if content.vault != vault || content.author != author || !found.insert(id) {
            break;
        }
        next = content.prev;
    }
    Ok(found)
}

impl ReadTx<'_> {
    /// Whom this home takes for the vault's owner.
    pub fn owner(&self, vault: VaultId) -> Result<Option<MemberId>, StorageError> {
        let row = self
            .prepare("SELECT owner FROM owners WHERE vault = ?1")?
            .query_row(params![vault.as_bytes()], |row| row.get::<_, [u8; 32]>(0))
            .optional()?;
        row.map(|bytes| member(&bytes)).transpose()
    }

    /// The members whom the owner enrolled or removed.
    pub fn members(&self, vault: VaultId) -> Result<Vec<StoredMember>, StorageError> {
        let mut statement = self.prepare(
            "SELECT member, name, cosigner, last, head, said_at FROM members
             WHERE vault = ?1 ORDER BY ifnull(name, ''), member",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((
                row.get::<_, [u8; 32]>(0)?,
                row.get(1)?,
                row.get(2)?,
                (
                    row.get::<_, Option<u64>>(3)?,
                    row.get::<_, Option<[u8; 32]>>(4)?,
                ),
                row.get(5)?,
            ))
        })?;
        rows.map(|row| {
            let (key, name, cosigner, (last, head), said_at) = row?;
            Ok(StoredMember {
                member: member(&key)?,
                name,
                cosigner,
                standing: last.map_or(Standing::Enrolled, |last| Standing::Removed {
                    last,
                    head: head.map(EntryId::from_bytes),
                }),
                said_at,
            })
        })
        .collect()
    }

    /// One of them, by key.
    pub(super) fn member(
        &self,
        vault: VaultId,
        key: MemberId,
    ) -> Result<Option<StoredMember>, StorageError> {
        let mut all = self.members(vault)?.into_iter();
        Ok(all.find(|member| member.member == key))
    }

    /// What an entry says. Its signature was verified when it came in and isn't verified again.
    pub(super) fn entry_content(&self, id: EntryId) -> Result<Option<Content>, StorageError> {
        let text = self
            .prepare("SELECT text FROM entries WHERE id = ?1")?
            .query_row(params![id.as_bytes()], |row| row.get::<_, String>(0))
            .optional()?;
        text.map(|text| content(&text)).transpose()
    }
}

pub(super) fn content(text: &str) -> Result<Content, StorageError> {
    serde_json::from_str(text)
        .map_err(|_| StorageError::damaged("the text of a journal entry can't be read"))
}

pub(super) fn member(bytes: &[u8; 32]) -> Result<MemberId, StorageError> {
    MemberId::from_bytes(bytes).ok_or_else(|| StorageError::damaged("a member's key is no key"))
}
