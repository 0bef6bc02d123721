//! Who a vault's owner is, and whom he enrolled.

use super::may_count;
use crate::{StorageError, WriteTx};
use quorate_core::journal::{Body, Content, EntryId, MemberId};
use quorate_core::vault::Vault;
use rusqlite::{OptionalExtension, params};

/// What this home says about its vault and its owner; whether the owner is another one now.
pub(super) fn founded(tx: &WriteTx<'_>, id: EntryId, said: &Content) -> Result<bool, StorageError> {
    let owner = match &said.body {
        Body::VaultAdded {
            name,
            network,
            descriptor,
            cosigners,
            birth: _,
            owner,
            session,
        } => {
            let cosigners = serde_json::to_string(cosigners)
                .map_err(|error| StorageError::damaged(error.to_string()))?;
            let vault = Vault::reopen(*network, descriptor, None, said.vault);
            let threshold = vault.ok().flatten().map(|vault| vault.threshold());
            tx.prepare(
                "INSERT OR IGNORE INTO vaults
                 (id, name, network, descriptor, cosigners, added_at, session, threshold)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                said.vault.as_bytes(),
                name,
                network.to_string(),
                descriptor,
                cosigners,
                said.at,
                session,
                threshold,
            ])?;
            *owner
        }
        Body::OwnerNamed { owner } => Some(*owner),
        _ => None,
    };
    let Some(owner) = owner else {
        return Ok(false);
    };
    let before = tx.owner(said.vault)?;
    tx.prepare(
        "INSERT INTO owners (vault, owner, seq, entry) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET
             owner = excluded.owner, seq = excluded.seq, entry = excluded.entry
         WHERE (excluded.seq, entry) > (seq, excluded.entry)",
    )?
    .execute(params![
        said.vault.as_bytes(),
        owner.to_bytes(),
        said.seq,
        id.as_bytes()
    ])?;
    Ok(tx.owner(said.vault)? != before)
}

/// A word of the owner about a member.
pub(super) fn enrolled(
    tx: &WriteTx<'_>,
    me: Option<MemberId>,
    id: EntryId,
    said: &Content,
) -> Result<(), StorageError> {
    let (member, named, last, head) = match &said.body {
        Body::MemberAdded {
            member,
            name,
            cosigner,
        } => (member, Some((name, cosigner)), None, None),
        Body::MemberRemoved { member, last, head } => (member, None, Some(*last), *head),
        _ => return Ok(()),
    };
    if !may_count(tx, id, me, said)? {
        return Ok(());
    }
    let key = params![said.vault.as_bytes(), member.to_bytes()];
    let newest = tx
        .prepare("SELECT seq, entry FROM members WHERE vault = ?1 AND member = ?2")?
        .query_row(key, |row| Ok((row.get(0)?, row.get::<_, [u8; 32]>(1)?)))
        .optional()?;
    // Of two with one number (an equivocation) the one with the smaller id.
    let is_newest = newest.is_none_or(|(seq, entry)| {
        (said.seq, std::cmp::Reverse(*id.as_bytes())) > (seq, std::cmp::Reverse(entry))
    });
    if is_newest {
        tx.prepare(
            "INSERT INTO members (vault, member, last, head, said_at, seq, entry)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET last = excluded.last, head = excluded.head,
                 said_at = excluded.said_at, seq = excluded.seq, entry = excluded.entry",
        )?
        .execute(params![
            said.vault.as_bytes(),
            member.to_bytes(),
            last,
            head.map(|head| *head.as_bytes()),
            said.at,
            said.seq,
            id.as_bytes()
        ])?;
    }
    if let Some((name, cosigner)) = named {
        tx.prepare(
            "UPDATE members SET name = ?3, cosigner = ?4, named_seq = ?5, named_entry = ?6
             WHERE vault = ?1 AND member = ?2
             AND (named_seq IS NULL OR (?5, named_entry) > (named_seq, ?6))",
        )?
        .execute(params![
            said.vault.as_bytes(),
            member.to_bytes(),
            name,
            cosigner,
            said.seq,
            id.as_bytes()
        ])?;
    }
    Ok(())
}
