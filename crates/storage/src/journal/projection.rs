//! What the entries amount to, as tables. This file and its folder alone write them. They hold no
//! rules: whether something may be said is decided before an entry is written, and what another home
//! says is judged before it comes here ([`quorate_core::journal::judge`]).
//!
//! The order in which entries arrive makes no difference: of two that say different things about
//! the same, the one with the earlier time counts, whichever came first; of the owner's words about
//! one member the newest (by his own count). When a word of the owner makes more entries count, these
//! are projected; when it makes fewer count, everything is replayed.

mod arrival;
mod enrolment;

pub(super) use arrival::{arrived, fold, settled};

use super::trust::Trust;
use crate::{StorageError, WriteTx};
use bitcoin::{Transaction, consensus};
use quorate_core::journal::{
    Body, CloseReason, Content, EntryId, Judgement, MemberId, SignatureText,
};
use quorate_core::proposal::ProposalId;
use quorate_core::psbt::final_txid;
use quorate_core::vault::VaultId;
use rusqlite::params;

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
