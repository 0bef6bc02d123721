//! What the entries amount to, as tables. This file and its folder alone write them. They hold no
//! rules: whether something may be said is decided before an entry is written, and what another home
//! says is judged before it comes here ([`quorate_core::journal::judge`]).
//!
//! The order in which entries arrive makes no difference: of two that say different things about
//! the same, the one with the earlier time counts, whichever came first; of the owner's words about
//! one member the newest (by his own count), as of one author's words about one cosigner. When a word
//! of the owner makes more entries count, these are projected; when it makes fewer count, everything
//! is replayed.

mod arrival;
mod enrolment;
mod stand;

pub(super) use arrival::{arrived, fold, settled};

use super::trust::Trust;
use crate::{StorageError, WriteTx};
use bitcoin::{Transaction, consensus};
use quorate_core::journal::{
    Body, CloseReason, Content, EntryId, Judgement, MemberId, SignatureText,
};
use quorate_core::key::KeyIdentity;
use quorate_core::proposal::{Nonce, ProposalId};
use quorate_core::psbt::final_txid;
use quorate_core::spend::likeness;
use quorate_core::vault::VaultId;
use rusqlite::params;

/// The projected tables.
pub(super) const TABLES: [&str; 20] = [
    "key_facts",
    "labels",
    "attestations",
    "proofs",
    "retirements",
    "recipients",
    "repeated_nonces",
    "nonces",
    "words",
    "submissions",
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
        Body::VaultAttested { .. }
        | Body::KeyProven { .. }
        | Body::VaultRetired { .. }
        | Body::KeyNoted { .. }
        | Body::LabelsSet { .. } => {
            stand::said(tx, said)?;
        }
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
            draft,
            expires,
            replaces,
        } => {
            let terms = Terms {
                memo: memo.as_deref(),
                draft: *draft,
                expires: *expires,
                replaces: *replaces,
            };
            opened(tx, vault, *proposal, psbt, &terms, at)?;
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
        Body::ProposalSubmitted { proposal } => {
            tx.prepare(
                "INSERT INTO submissions (proposal, submitted_at) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET submitted_at = excluded.submitted_at
                 WHERE excluded.submitted_at < submitted_at",
            )?
            .execute(params![proposal.to_bytes(), at])?;
        }
        Body::WordGiven {
            proposal,
            cosigner,
            word,
            note,
        } => {
            // Of two entries with one number, which an honest author doesn't write, the same one
            // counts everywhere: the later, the no.
            tx.prepare(
                "INSERT INTO words (proposal, cosigner, author, seq, word, note, said_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq, word = excluded.word,
                     note = excluded.note, said_at = excluded.said_at
                 WHERE (excluded.seq, excluded.said_at, excluded.word, ifnull(excluded.note, ''))
                     > (seq, said_at, word, ifnull(note, ''))",
            )?
            .execute(params![
                proposal.to_bytes(),
                KeyIdentity::from(cosigner).to_bytes(),
                said.author.to_bytes(),
                said.seq,
                word.text(),
                note,
                at,
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
                CloseReason::Superseded => "superseded",
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

/// What an opening says beside the transaction.
struct Terms<'a> {
    memo: Option<&'a str>,
    draft: bool,
    expires: Option<u64>,
    replaces: Option<ProposalId>,
}

fn opened(
    tx: &WriteTx<'_>,
    vault: VaultId,
    proposal: ProposalId,
    psbt: &str,
    terms: &Terms<'_>,
    at: u64,
) -> Result<(), StorageError> {
    let foreign = quorate_core::psbt::read(psbt.as_bytes()).map_err(|error| {
        StorageError::damaged(format!(
            "the PSBT of proposal {proposal} can't be read: {error}"
        ))
    })?;
    let unsigned = &foreign.psbt.unsigned_tx;
    let payments = unsigned.output.iter().zip(&foreign.psbt.outputs);
    let payments: Vec<_> = payments
        .filter(|(_, fields)| {
            fields.bip32_derivation.is_empty() && fields.tap_key_origins.is_empty()
        })
        .map(|(output, _)| output)
        .collect();
    let sent = payments.iter().map(|output| output.value.to_sat());
    let sent = sent.fold(0, u64::saturating_add);
    tx.prepare(
        "INSERT INTO proposals (id, vault, txid, psbt, memo, opened_at, final_txid,
                                draft, expires, replaces, sent, payees, payee)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET
             psbt = excluded.psbt, memo = excluded.memo, opened_at = excluded.opened_at,
             final_txid = excluded.final_txid,
             expires = excluded.expires, replaces = excluded.replaces,
             sent = excluded.sent, payees = excluded.payees, payee = excluded.payee
         WHERE (excluded.opened_at, ifnull(excluded.memo, ''), excluded.psbt,
                ifnull(excluded.expires, 0), ifnull(excluded.replaces, x''))
             < (opened_at, ifnull(memo, ''), psbt, ifnull(expires, 0), ifnull(replaces, x''))",
    )?
    .execute(params![
        proposal.to_bytes(),
        vault.as_bytes(),
        consensus::serialize(&unsigned.compute_txid()),
        foreign.psbt.serialize(),
        terms.memo,
        at,
        final_txid(&foreign.psbt).map(|txid| consensus::serialize(&txid)),
        terms.draft,
        terms.expires.map(limited),
        terms.replaces.map(ProposalId::to_bytes),
        limited(sent),
        payments.len(),
        payments
            .first()
            .map(|output| output.script_pubkey.as_bytes()),
    ])?;
    if !terms.draft {
        // What one member opened for signing another doesn't make a draft, whatever time he says.
        tx.prepare("UPDATE proposals SET draft = 0 WHERE id = ?1")?
            .execute(params![proposal.to_bytes()])?;
    }
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

/// SQLite's whole numbers end at 2^63; the end of time may as well be there.
fn limited(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn signed(
    tx: &WriteTx<'_>,
    proposal: ProposalId,
    signature: &SignatureText,
    at: u64,
) -> Result<(), StorageError> {
    let (key, value) = (bytes(&signature.public_key)?, bytes(&signature.signature)?);
    tx.prepare(
        "INSERT INTO signatures (proposal, input, public_key, signature, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET signature = excluded.signature, added_at = excluded.added_at
         WHERE (excluded.added_at, excluded.signature) < (added_at, signature)",
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
fn note_recipients(
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
fn note_nonce(
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
