//! What became of the entries of other homes. Judging verifies signatures, so it is done before the
//! lock is taken; here the answers are kept.

use super::projection::{arrived, settled};
use super::trust::{Trust, content, member};
use crate::{ReadTx, StorageError, WriteTx};
use quorate_core::journal::{Content, Entry, EntryId, Judgement, MemberId, RefusedPart};
use quorate_core::proposal::ProposalId;
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;

/// An entry whose contents can be judged now.
#[derive(Debug)]
pub struct Waiting {
    /// Its id.
    pub id: EntryId,
    /// What it says.
    pub content: Content,
}

/// An entry of which something doesn't count, and why.
#[derive(Debug)]
pub struct RefusedEntry {
    /// Its id.
    pub id: EntryId,
    /// Who wrote it.
    pub author: MemberId,
    /// The author's count.
    pub seq: u64,
    /// What kind of entry it is.
    pub kind: String,
    /// The reasons: one for the whole, or one for each signature that was refused.
    pub reasons: Vec<String>,
}

impl ReadTx<'_> {
    /// The judgement kept for an entry; `None` for this home's own.
    pub fn judgement(&self, id: EntryId) -> Result<Option<Judgement>, StorageError> {
        let row = self
            .prepare("SELECT state, proposal, detail FROM judgements WHERE entry = ?1")?
            .query_row(params![id.as_bytes()], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, Option<[u8; 32]>>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .optional()?;
        row.map(|(state, proposal, detail)| read(&state, proposal, detail))
            .transpose()
    }

    /// Entries of members who count that were waiting for a proposal which is here now; at most
    /// `limit`.
    pub fn waiting(&self, vault: VaultId, limit: usize) -> Result<Vec<Waiting>, StorageError> {
        let trust = Trust::load(self, vault)?;
        let mut statement = self.prepare(
            "SELECT entries.id, entries.author, entries.text FROM judgements
             JOIN proposals ON proposals.id = judgements.proposal AND proposals.vault = ?1
             JOIN entries ON entries.id = judgements.entry
             WHERE judgements.state = 'waits' AND judgements.vault = ?1",
        )?;
        let mut rows = statement.query(params![vault.as_bytes()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = EntryId::from_bytes(row.get(0)?);
            let author = member(&row.get(1)?)?;
            if found.len() < limit && trust.counts(self, author, id)? {
                let text: String = row.get(2)?;
                found.push(Waiting {
                    id,
                    content: content(&text)?,
                });
            }
        }
        Ok(found)
    }

    /// The entries of a vault whose authors don't count, or not at that place.
    pub fn uncounted(&self, vault: VaultId) -> Result<BTreeSet<EntryId>, StorageError> {
        let trust = Trust::load(self, vault)?;
        let mut statement = self.prepare("SELECT id, author FROM entries WHERE vault = ?1")?;
        let mut rows = statement.query(params![vault.as_bytes()])?;
        let mut found = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let id = EntryId::from_bytes(row.get(0)?);
            if !trust.counts(self, member(&row.get(1)?)?, id)? {
                found.insert(id);
            }
        }
        Ok(found)
    }

    /// How many entries wait for a proposal that isn't here.
    pub fn waiting_count(&self, vault: VaultId) -> Result<usize, StorageError> {
        Ok(self
            .prepare("SELECT count(*) FROM judgements WHERE state = 'waits' AND vault = ?1")?
            .query_row(params![vault.as_bytes()], |row| row.get(0))?)
    }

    /// The entries of which something was refused.
    pub fn refused_entries(&self, vault: VaultId) -> Result<Vec<RefusedEntry>, StorageError> {
        let mut statement = self.prepare(
            "SELECT entries.id, author, seq, kind, state, detail FROM judgements
             JOIN entries ON entries.id = judgements.entry
             WHERE state IN ('partly', 'refused') AND judgements.vault = ?1 ORDER BY number",
        )?;
        let mut rows = statement.query(params![vault.as_bytes()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let state: String = row.get(4)?;
            let reasons = match read(&state, None, row.get(5)?)? {
                Judgement::Refused(reason) => vec![reason],
                Judgement::Partly(parts) => parts.into_iter().map(|part| part.reason).collect(),
                Judgement::Sound | Judgement::Waits(_) => Vec::new(),
            };
            found.push(RefusedEntry {
                id: EntryId::from_bytes(row.get(0)?),
                author: member(&row.get(1)?)?,
                seq: row.get(2)?,
                kind: row.get(3)?,
                reasons,
            });
        }
        Ok(found)
    }
}

impl WriteTx<'_> {
    /// Takes in an entry that another home wrote, with what was judged about it. One that is here
    /// already changes nothing: `false`.
    pub fn take_in(&self, entry: &Entry, judgement: &Judgement) -> Result<bool, StorageError> {
        if !self.insert(entry)? {
            return Ok(false);
        }
        self.judge(entry.id(), entry.content().vault, judgement)?;
        arrived(self, entry.id(), entry.content())?;
        Ok(true)
    }

    /// Keeps the judgement of an entry that was waiting, and projects it.
    pub fn settle(&self, waiting: &Waiting, judgement: &Judgement) -> Result<(), StorageError> {
        self.judge(waiting.id, waiting.content.vault, judgement)?;
        settled(self, waiting.id, &waiting.content)
    }

    /// Keeps another judgement of an entry; the caller rebuilds.
    pub fn judge_again(
        &self,
        id: EntryId,
        vault: VaultId,
        judgement: &Judgement,
    ) -> Result<(), StorageError> {
        self.judge(id, vault, judgement)
    }

    fn judge(
        &self,
        id: EntryId,
        vault: VaultId,
        judgement: &Judgement,
    ) -> Result<(), StorageError> {
        let (state, proposal, detail) = match judgement {
            Judgement::Sound => ("sound", None, None),
            Judgement::Partly(parts) => ("partly", None, Some(written(parts)?)),
            Judgement::Refused(reason) => ("refused", None, Some(reason.clone())),
            Judgement::Waits(proposal) => ("waits", Some(proposal.to_bytes()), None),
        };
        self.prepare(
            "INSERT INTO judgements (entry, vault, state, proposal, detail)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET state = excluded.state, proposal = excluded.proposal,
                 detail = excluded.detail",
        )?
        .execute(params![
            id.as_bytes(),
            vault.as_bytes(),
            state,
            proposal,
            detail
        ])?;
        Ok(())
    }
}

fn written(parts: &[RefusedPart]) -> Result<String, StorageError> {
    let list: Vec<(usize, &str)> = parts
        .iter()
        .map(|part| (part.place, part.reason.as_str()))
        .collect();
    serde_json::to_string(&list).map_err(|error| StorageError::damaged(error.to_string()))
}

fn read(
    state: &str,
    proposal: Option<[u8; 32]>,
    detail: Option<String>,
) -> Result<Judgement, StorageError> {
    let damaged = || StorageError::damaged("what was judged about an entry can't be read");
    match (state, proposal, detail) {
        ("sound", _, _) => Ok(Judgement::Sound),
        ("refused", _, Some(reason)) => Ok(Judgement::Refused(reason)),
        ("waits", Some(proposal), _) => Ok(Judgement::Waits(ProposalId::from_bytes(proposal))),
        ("partly", _, Some(detail)) => {
            let list: Vec<(usize, String)> =
                serde_json::from_str(&detail).map_err(|_| damaged())?;
            let parts = list.into_iter();
            Ok(Judgement::Partly(
                parts
                    .map(|(place, reason)| RefusedPart { place, reason })
                    .collect(),
            ))
        }
        _ => Err(damaged()),
    }
}
