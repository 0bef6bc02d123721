//! What the entries amount to, as tables. This file alone writes them. It holds no rules: whether
//! something may be said is decided before an entry is written, and what another home says is judged
//! before it comes here ([`quorate_core::journal::judge`]).
//!
//! The order in which entries arrive makes no difference: of two that say different things about
//! the same, the one with the earlier time counts, whichever came first; of the owner's words about
//! one member the newest (by his own count). When a word of the owner makes more entries count, these
//! are projected; when it makes fewer count, everything is replayed.

use super::trust::{Standing, Trust, content};
use crate::{StorageError, WriteTx};
use bitcoin::{Transaction, consensus};
use quorate_core::journal::{
    Body, CloseReason, Content, EntryId, Judgement, MemberId, SignatureText,
};
use quorate_core::proposal::ProposalId;
use quorate_core::psbt::final_txid;
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// The projected tables.
pub(super) const TABLES: [&str; 10] = [
    "reservations",
    "signatures",
    "releases",
    "closings",
    "openings",
    "proposals",
    "addresses",
    "members",
    "owners",
    "vaults",
];

/// Adds what a new entry says to the tables, and what now counts because of it.
pub(super) fn arrived(tx: &WriteTx<'_>, id: EntryId, said: &Content) -> Result<(), StorageError> {
    let trust = Trust::load(tx, said.vault)?;
    let by_me = Some(said.author) == trust.me;
    let by_owner = Some(said.author) == trust.owner;
    match &said.body {
        Body::VaultAdded { .. } | Body::OwnerNamed { .. } => {
            if by_me && founded(tx, id, said)? {
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
        Body::AddressRevealed { .. }
        | Body::ProposalOpened { .. }
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

/// Adds what an entry says that was waiting and has been judged.
pub(super) fn settled(tx: &WriteTx<'_>, id: EntryId, said: &Content) -> Result<(), StorageError> {
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
pub(super) fn fold<'a>(
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

/// What this home says about its vault and its owner; whether the owner is another one now.
fn founded(tx: &WriteTx<'_>, id: EntryId, said: &Content) -> Result<bool, StorageError> {
    let owner = match &said.body {
        Body::VaultAdded {
            name,
            network,
            descriptor,
            cosigners,
            birth: _,
            owner,
        } => {
            let cosigners = serde_json::to_string(cosigners)
                .map_err(|error| StorageError::damaged(error.to_string()))?;
            tx.prepare(
                "INSERT OR IGNORE INTO vaults (id, name, network, descriptor, cosigners, added_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                said.vault.as_bytes(),
                name,
                network.to_string(),
                descriptor,
                cosigners,
                said.at
            ])?;
            *owner
        }
        Body::OwnerNamed { owner } => Some(*owner),
        Body::MemberAdded { .. }
        | Body::MemberRemoved { .. }
        | Body::AddressRevealed { .. }
        | Body::ProposalOpened { .. }
        | Body::ContributionAdded { .. }
        | Body::ProposalReleased { .. }
        | Body::ProposalClosed { .. } => None,
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
fn enrolled(
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
        Body::VaultAdded { .. }
        | Body::OwnerNamed { .. }
        | Body::AddressRevealed { .. }
        | Body::ProposalOpened { .. }
        | Body::ContributionAdded { .. }
        | Body::ProposalReleased { .. }
        | Body::ProposalClosed { .. } => return Ok(()),
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

/// Whether the contents were found to be sound. Entries that this home wrote passed its own rules.
fn may_count(
    tx: &WriteTx<'_>,
    id: EntryId,
    me: Option<MemberId>,
    said: &Content,
) -> Result<bool, StorageError> {
    Ok(match tx.judgement(id)? {
        Some(Judgement::Sound | Judgement::Partly(_)) => true,
        Some(Judgement::Refused(_) | Judgement::Waits(_)) => false,
        None => Some(said.author) == me,
    })
}

/// Adds what an entry says to the tables, if its author counts and its contents are sound.
fn apply(tx: &WriteTx<'_>, trust: &Trust, id: EntryId, said: &Content) -> Result<(), StorageError> {
    if !trust.counts(tx, said.author, id)? || !may_count(tx, id, trust.me, said)? {
        return Ok(());
    }
    let (vault, at) = (said.vault, said.at);
    match &said.body {
        // Known from the passes before.
        Body::VaultAdded { .. }
        | Body::OwnerNamed { .. }
        | Body::MemberAdded { .. }
        | Body::MemberRemoved { .. } => {}
        Body::AddressRevealed {
            keychain,
            index,
            label,
        } => {
            tx.prepare(
                "INSERT INTO addresses (vault, keychain, idx, label, revealed_at, author)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET label = excluded.label, revealed_at = excluded.revealed_at
                 WHERE (excluded.revealed_at, ifnull(excluded.label, '')) < (revealed_at, ifnull(label, ''))",
            )?
            .execute(params![
                vault.as_bytes(),
                keychain.index(),
                index,
                label,
                at,
                said.author.to_bytes()
            ])?;
        }
        Body::ProposalOpened {
            proposal,
            psbt,
            memo,
        } => {
            opened(tx, vault, *proposal, psbt, memo.as_deref(), at)?;
            tx.prepare(
                "INSERT OR IGNORE INTO openings (proposal, author, entry, memo)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                proposal.to_bytes(),
                said.author.to_bytes(),
                id.as_bytes(),
                memo
            ])?;
        }
        Body::ContributionAdded {
            proposal,
            signatures,
        } => {
            let refused = match tx.judgement(id)? {
                Some(Judgement::Partly(parts)) => parts,
                _ => Vec::new(),
            };
            for (place, signature) in signatures.iter().enumerate() {
                if !refused.iter().any(|part| part.place == place) {
                    signed(tx, *proposal, signature, at)?;
                }
            }
        }
        Body::ProposalReleased {
            proposal,
            transaction,
        } => {
            let raw = bytes(transaction)?;
            let released: Option<Transaction> = consensus::deserialize(&raw).ok();
            tx.prepare(
                "INSERT INTO releases (proposal, tx, released_at, txid) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET
                     tx = excluded.tx, released_at = excluded.released_at, txid = excluded.txid
                 WHERE (excluded.released_at, excluded.tx) < (released_at, tx)",
            )?
            .execute(params![
                proposal.to_bytes(),
                raw,
                at,
                released.map(|released| consensus::serialize(&released.compute_txid()))
            ])?;
        }
        Body::ProposalClosed {
            proposal,
            reason,
            note,
        } => {
            let reason = match reason {
                CloseReason::Abandoned => "abandoned",
                CloseReason::Expired => "expired",
                CloseReason::Rejected => "rejected",
            };
            tx.prepare(
                "INSERT INTO closings (proposal, reason, note, closed_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET
                     reason = excluded.reason, note = excluded.note, closed_at = excluded.closed_at
                 WHERE (excluded.closed_at, excluded.reason, ifnull(excluded.note, ''))
                     < (closed_at, reason, ifnull(note, ''))",
            )?
            .execute(params![proposal.to_bytes(), reason, note, at])?;
            tx.prepare("DELETE FROM reservations WHERE proposal = ?1")?
                .execute(params![proposal.to_bytes()])?;
        }
    }
    Ok(())
}

fn opened(
    tx: &WriteTx<'_>,
    vault: VaultId,
    proposal: ProposalId,
    psbt: &str,
    memo: Option<&str>,
    at: u64,
) -> Result<(), StorageError> {
    let foreign = quorate_core::psbt::read(psbt.as_bytes()).map_err(|error| {
        StorageError::damaged(format!(
            "the PSBT of proposal {proposal} can't be read: {error}"
        ))
    })?;
    let unsigned = &foreign.psbt.unsigned_tx;
    tx.prepare(
        "INSERT INTO proposals (id, vault, txid, psbt, memo, opened_at, final_txid)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET
             psbt = excluded.psbt, memo = excluded.memo, opened_at = excluded.opened_at,
             final_txid = excluded.final_txid
         WHERE (excluded.opened_at, ifnull(excluded.memo, ''), excluded.psbt)
             < (opened_at, ifnull(memo, ''), psbt)",
    )?
    .execute(params![
        proposal.to_bytes(),
        vault.as_bytes(),
        consensus::serialize(&unsigned.compute_txid()),
        foreign.psbt.serialize(),
        memo,
        at,
        final_txid(&foreign.psbt).map(|txid| consensus::serialize(&txid)),
    ])?;
    for input in &unsigned.input {
        tx.prepare(
            "INSERT OR IGNORE INTO reservations (vault, txid, vout, proposal)
             SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM closings WHERE proposal = ?4)",
        )?
        .execute(params![
            vault.as_bytes(),
            consensus::serialize(&input.previous_output.txid),
            input.previous_output.vout,
            proposal.to_bytes(),
        ])?;
    }
    Ok(())
}

fn signed(
    tx: &WriteTx<'_>,
    proposal: ProposalId,
    signature: &SignatureText,
    at: u64,
) -> Result<(), StorageError> {
    tx.prepare(
        "INSERT INTO signatures (proposal, input, public_key, signature, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET signature = excluded.signature, added_at = excluded.added_at
         WHERE (excluded.added_at, excluded.signature) < (added_at, signature)",
    )?
    .execute(params![
        proposal.to_bytes(),
        signature.input,
        bytes(&signature.public_key)?,
        bytes(&signature.signature)?,
        at,
    ])?;
    Ok(())
}

fn bytes(text: &str) -> Result<Vec<u8>, StorageError> {
    bitcoin::hex::FromHex::from_hex(text)
        .map_err(|_| StorageError::damaged("an entry's hex can't be read"))
}
