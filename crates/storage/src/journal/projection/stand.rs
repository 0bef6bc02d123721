//! Who stands for a vault, whose keys are proven, whether it is retired, and what people call things.

use crate::{StorageError, WriteTx};
use bitcoin::consensus;
use quorate_core::journal::{Body, Content};
use quorate_core::key::KeyIdentity;
use quorate_core::label::Label;
use quorate_core::setup::Statement;
use rusqlite::params;

/// Of several words of one author about one cosigner the earliest counts, as of several proofs.
pub(super) fn said(tx: &WriteTx<'_>, said: &Content) -> Result<(), StorageError> {
    let (vault, author, at) = (said.vault.as_bytes(), said.author.to_bytes(), said.at);
    match &said.body {
        Body::VaultAttested { cosigner, note, .. } => {
            tx.prepare(
                "INSERT INTO attestations (vault, cosigner, author, note, attested_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET note = excluded.note, attested_at = excluded.attested_at
                 WHERE (excluded.attested_at, ifnull(excluded.note, ''))
                     < (attested_at, ifnull(note, ''))",
            )?
            .execute(params![
                vault,
                KeyIdentity::from(cosigner).to_bytes(),
                author,
                note,
                at
            ])?;
        }
        Body::KeyProven {
            cosigner, record, ..
        } => {
            let note = record.as_ref().and_then(|record| record.lines().nth(3));
            let speaker = note.and_then(Statement::read);
            tx.prepare(
                "INSERT INTO proofs (vault, cosigner, by_record, proven_at, speaker)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET by_record = excluded.by_record,
                     proven_at = excluded.proven_at, speaker = excluded.speaker
                 WHERE (excluded.proven_at, excluded.by_record, ifnull(excluded.speaker, x''))
                     < (proven_at, by_record, ifnull(speaker, x''))",
            )?
            .execute(params![
                vault,
                KeyIdentity::from(cosigner).to_bytes(),
                record.is_some(),
                at,
                speaker.map(|statement| statement.member.to_bytes()),
            ])?;
        }
        Body::VaultRetired { note } => {
            tx.prepare(
                "INSERT INTO retirements (vault, author, note, retired_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET note = excluded.note, retired_at = excluded.retired_at
                 WHERE (excluded.retired_at, ifnull(excluded.note, ''))
                     < (retired_at, ifnull(note, ''))",
            )?
            .execute(params![vault, author, note, at])?;
        }
        Body::KeyNoted { cosigner, facts } => {
            let facts = serde_json::to_string(facts)
                .map_err(|error| StorageError::damaged(error.to_string()))?;
            tx.prepare(
                "INSERT INTO key_facts (vault, cosigner, facts, noted_at, seq)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET
                     facts = excluded.facts, noted_at = excluded.noted_at, seq = excluded.seq
                 WHERE (excluded.noted_at, excluded.seq, excluded.facts) > (noted_at, seq, facts)",
            )?
            .execute(params![
                vault,
                KeyIdentity::from(cosigner).to_bytes(),
                facts,
                at,
                said.seq
            ])?;
        }
        Body::LabelsSet { lines } => {
            let mut statement = tx.prepare(
                "INSERT INTO labels (vault, kind, reference, line, set_at, seq, coin, spendable)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT DO UPDATE SET
                     line = excluded.line, set_at = excluded.set_at, seq = excluded.seq,
                     coin = excluded.coin, spendable = excluded.spendable
                 WHERE (excluded.set_at, excluded.seq, excluded.line) > (set_at, seq, line)",
            )?;
            for line in lines {
                // The entry was judged: every line of it is one.
                if let Ok(label) = Label::read(line) {
                    statement.execute(params![
                        vault,
                        label.kind(),
                        label.reference(),
                        label.line(),
                        at,
                        said.seq,
                        label.coin().map(|coin| consensus::serialize(&coin)),
                        label.coin().and(label.spendable())
                    ])?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}
