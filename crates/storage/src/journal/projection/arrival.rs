//! Which entries are projected when: the new one, those that count because of it, or all.

use super::enrolment::{enrolled, founded};
use super::{TABLES, apply};
use crate::journal::trust::{Standing, Trust, content};
use crate::{StorageError, WriteTx};
use quorate_core::journal::{Body, Content, EntryId, MemberId};
use quorate_core::vault::VaultId;
use rusqlite::params;
use std::collections::BTreeMap;

/// Adds what a new entry says to the tables, and what now counts because of it.
pub(in crate::journal) fn arrived(
    tx: &WriteTx<'_>,
    id: EntryId,
    said: &Content,
) -> Result<(), StorageError> {
    let trust = Trust::load(tx, said.vault)?;
    let by_me = Some(said.author) == trust.me;
    let by_owner = Some(said.author) == trust.owner;
    match &said.body {
        Body::VaultAdded { .. } | Body::OwnerNamed { .. } => {
            if by_me && founded(tx, id, said)? && depends_on_owner(tx, said)? {
                replay(tx)?;
            }
        }
        Body::MemberAdded { member, .. } | Body::MemberRemoved { member, .. } => {
            if by_owner {
                let before = tx.member(said.vault, *member)?;
                enrolled(tx, trust.me, id, said)?;
                match (before, tx.member(said.vault, *member)?) {
                    (before, after) if before == after => {}
                    // More counts than before, and nothing less.
                    (None, Some(after)) if after.standing == Standing::Enrolled => {
                        of_author(tx, said.vault, *member)?;
                    }
                    (_, _) => replay(tx)?,
                }
            }
        }
        Body::VaultAttested { .. }
        | Body::KeyProven { .. }
        | Body::VaultRetired { .. }
        | Body::KeyNoted { .. }
        | Body::LabelsSet { .. }
        | Body::AddressRevealed { .. }
        | Body::ProposalOpened { .. }
        | Body::ProposalSubmitted { .. }
        | Body::WordGiven { .. }
        | Body::ContributionAdded { .. }
        | Body::ProposalReleased { .. }
        | Body::ProposalClosed { .. } => {
            // The link that was missing makes what came before it count as well.
            if trust.is_removed(said.author) && trust.counts(tx, said.author, id)? {
                of_author(tx, said.vault, said.author)?;
            } else {
                apply(tx, &trust, id, said)?;
            }
        }
    }
    Ok(())
}

/// Whether something was said about the vault that counts or not by who its owner is: what others said, and whom
/// this home enrolled. All else that this home says counts anyway.
fn depends_on_owner(tx: &WriteTx<'_>, said: &Content) -> Result<bool, StorageError> {
    let such = "SELECT 1 FROM entries WHERE vault = ?1
        AND (author <> ?2 OR kind IN ('member_added', 'member_removed')) LIMIT 1";
    let key = params![said.vault.as_bytes(), said.author.to_bytes()];
    Ok(tx.prepare(such)?.exists(key)?)
}

/// Adds what an entry says that was waiting and has been judged.
pub(in crate::journal) fn settled(
    tx: &WriteTx<'_>,
    id: EntryId,
    said: &Content,
) -> Result<(), StorageError> {
    apply(tx, &Trust::load(tx, said.vault)?, id, said)
}

/// Adds what the entries of one author say: they count now. Adding one twice changes nothing.
fn of_author(tx: &WriteTx<'_>, vault: VaultId, author: MemberId) -> Result<(), StorageError> {
    let trust = Trust::load(tx, vault)?;
    let entries = {
        let mut statement =
            tx.prepare("SELECT id, text FROM entries WHERE vault = ?1 AND author = ?2")?;
        let rows = statement.query_map(params![vault.as_bytes(), author.to_bytes()], row)?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    for (id, text) in entries {
        apply(tx, &trust, EntryId::from_bytes(id), &content(&text)?)?;
    }
    Ok(())
}

/// Makes all tables anew out of all entries.
fn replay(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    let entries = {
        let mut statement = tx.prepare("SELECT id, text FROM entries ORDER BY number")?;
        let rows = statement.query_map([], row)?;
        rows.map(|row| {
            let (id, text) = row?;
            Ok((EntryId::from_bytes(id), content(&text)?))
        })
        .collect::<Result<Vec<_>, StorageError>>()?
    };
    fold(tx, entries.iter().map(|(id, content)| (*id, content)))
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<([u8; 32], String)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Empties the tables and fills them from these entries: first who the owner is, then whom he
/// enrolled, then what all of them said.
pub(in crate::journal) fn fold<'a>(
    tx: &WriteTx<'_>,
    entries: impl Iterator<Item = (EntryId, &'a Content)> + Clone,
) -> Result<(), StorageError> {
    for table in TABLES {
        tx.conn().execute(&format!("DELETE FROM {table}"), [])?;
    }
    let me = tx.device()?.map(|device| device.key.id());
    for (id, said) in entries.clone().filter(|(_, said)| Some(said.author) == me) {
        founded(tx, id, said)?;
    }
    for (id, said) in entries.clone() {
        if matches!(
            said.body,
            Body::MemberAdded { .. } | Body::MemberRemoved { .. }
        ) && tx.owner(said.vault)? == Some(said.author)
        {
            enrolled(tx, me, id, said)?;
        }
    }
    let mut trusts: BTreeMap<VaultId, Trust> = BTreeMap::new();
    for (id, said) in entries {
        use std::collections::btree_map::Entry;
        let trust = match trusts.entry(said.vault) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Trust::load(tx, said.vault)?),
        };
        apply(tx, trust, id, said)?;
    }
    Ok(())
}
