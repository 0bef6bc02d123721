//! What the entries amount to, as tables. This file alone writes them. It holds no rules: whether
//! something may be said is decided before an entry is written, never here.
//!
//! The order in which entries arrive makes no difference: of two that say different things about
//! the same, the one with the earlier time counts, whichever came first. Only of two valid
//! signatures for one slot the one that was there stays, since it was acknowledged.

use crate::{StorageError, WriteTx};
use bitcoin::{Transaction, consensus};
use quorate_core::journal::{Body, CloseReason, Entry, SignatureText};
use quorate_core::proposal::{Nonce, ProposalId};
use quorate_core::spend::likeness;
use quorate_core::vault::VaultId;
use rusqlite::params;

/// The projected tables.
pub(super) const TABLES: [&str; 10] = [
    "recipients",
    "repeated_nonces",
    "nonces",
    "reservations",
    "signatures",
    "releases",
    "closings",
    "proposals",
    "addresses",
    "vaults",
];

/// Adds what `entry` says to the tables.
pub(super) fn project(tx: &WriteTx<'_>, entry: &Entry) -> Result<(), StorageError> {
    let content = entry.content();
    let (vault, at) = (content.vault, content.at);
    match &content.body {
        Body::VaultAdded {
            name,
            network,
            descriptor,
            cosigners,
            birth: _,
        } => {
            let cosigners = serde_json::to_string(cosigners)
                .map_err(|error| StorageError::damaged(error.to_string()))?;
            tx.prepare(
                "INSERT OR IGNORE INTO vaults (id, name, network, descriptor, cosigners, added_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                vault.as_bytes(),
                name,
                network.to_string(),
                descriptor,
                cosigners,
                at
            ])?;
        }
        Body::AddressRevealed {
            keychain,
            index,
            label,
        } => {
            tx.prepare(
                "INSERT INTO addresses (vault, keychain, idx, label, revealed_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET label = excluded.label, revealed_at = excluded.revealed_at
                 WHERE (excluded.revealed_at, ifnull(excluded.label, '')) < (revealed_at, ifnull(label, ''))",
            )?
            .execute(params![
                vault.as_bytes(),
                keychain.index(),
                index,
                label,
                at
            ])?;
        }
        Body::ProposalOpened {
            proposal,
            psbt,
            memo,
        } => opened(tx, vault, *proposal, psbt, memo.as_deref(), at)?,
        Body::ContributionAdded {
            proposal,
            signatures,
        } => {
            for signature in signatures {
                signed(tx, *proposal, signature, at)?;
            }
        }
        Body::ProposalReleased {
            proposal,
            transaction,
        } => {
            tx.prepare(
                "INSERT INTO releases (proposal, tx, released_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET tx = excluded.tx, released_at = excluded.released_at
                 WHERE (excluded.released_at, excluded.tx) < (released_at, tx)",
            )?
            .execute(params![proposal.to_bytes(), bytes(transaction)?, at])?;
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
        "INSERT INTO proposals (id, vault, txid, psbt, memo, opened_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET
             psbt = excluded.psbt, memo = excluded.memo, opened_at = excluded.opened_at
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
    ])?;
    note_recipients(tx, proposal, unsigned)?;
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
    let (key, value) = (bytes(&signature.public_key)?, bytes(&signature.signature)?);
    tx.prepare(
        "INSERT OR IGNORE INTO signatures (proposal, input, public_key, signature, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        proposal.to_bytes(),
        signature.input,
        key,
        value,
        at,
    ])?;
    note_nonce(tx, proposal, signature.input, &key, &value)
}

/// Whom a proposal would pay, with the ends of the addresses (T30).
pub(crate) fn note_recipients(
    tx: &WriteTx<'_>,
    proposal: ProposalId,
    unsigned: &Transaction,
) -> Result<(), StorageError> {
    // The home's network is that of all its vaults; the entry that names the vault's may come later.
    let network = tx.device()?.map(|device| device.network);
    let mut note = tx.prepare(
        "INSERT OR IGNORE INTO recipients (proposal, output, script, likeness)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (output, txout) in (0u32..).zip(&unsigned.output) {
        let script = &txout.script_pubkey;
        let likeness = network.and_then(|network| likeness(script, network));
        note.execute(params![
            proposal.to_bytes(),
            output,
            script.as_bytes(),
            likeness
        ])?;
    }
    Ok(())
}

/// T32: notes a signature's one-time number, and whether it was used for another signature. Also
/// for a slot that has a signature already: what two signatures give away, they give away whichever
/// of them is kept.
pub(crate) fn note_nonce(
    tx: &WriteTx<'_>,
    proposal: ProposalId,
    input: u32,
    key: &[u8],
    signature: &[u8],
) -> Result<(), StorageError> {
    let Some(nonce) = Nonce::of(key, signature) else {
        return Ok(());
    };
    tx.prepare(
        "INSERT OR IGNORE INTO nonces (r, public_key, s, proposal, input)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        nonce.r,
        nonce.key,
        nonce.s,
        proposal.to_bytes(),
        input
    ])?;
    tx.prepare(
        "INSERT OR IGNORE INTO repeated_nonces (r) SELECT ?1 WHERE EXISTS
         (SELECT 1 FROM nonces WHERE r = ?1 AND (public_key, s) <> (?2, ?3))",
    )?
    .execute(params![nonce.r, nonce.key, nonce.s])?;
    Ok(())
}

fn bytes(text: &str) -> Result<Vec<u8>, StorageError> {
    bitcoin::hex::FromHex::from_hex(text)
        .map_err(|_| StorageError::damaged("an entry's hex can't be read"))
}
