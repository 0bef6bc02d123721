//! Reading the projection.

use super::trust::member;
use crate::{ReadTx, StorageError};
use bitcoin::{Txid, consensus};
use quorate_core::journal::{CloseReason, MemberId};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{ProposalId, Signature, SignatureSet, Slot, Stage};
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, Row, params};

/// An address that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAddress {
    /// The member who handed it out.
    pub author: MemberId,
    /// Which chain.
    pub keychain: Keychain,
    /// Where there.
    pub index: u32,
    /// What for.
    pub label: Option<String>,
    /// When, seconds since 1970.
    pub revealed_at: u64,
}

/// A proposal as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProposal {
    /// Its id.
    pub id: ProposalId,
    /// The vault it spends from.
    pub vault: VaultId,
    /// Id of its unsigned transaction.
    pub unsigned_txid: Txid,
    /// The id its transaction will have once signed; `None` where signatures go into it.
    pub final_txid: Option<Txid>,
    /// The request without signatures, BIP-0174 bytes.
    pub psbt: Vec<u8>,
    /// What it is for.
    pub memo: Option<String>,
    /// When it was opened, seconds since 1970.
    pub opened_at: u64,
    /// From this second since 1970 on it takes no signatures and holds no coins.
    pub expires: Option<u64>,
    /// The proposal whose place it takes.
    pub replaces: Option<ProposalId>,
    /// What was decided about it.
    pub stage: Stage,
    /// What the person who closed it said.
    pub note: Option<String>,
    /// The final transaction, once let go.
    pub released: Option<Vec<u8>>,
}

const PROPOSAL: &str =
    "SELECT id, vault, proposals.txid, psbt, memo, opened_at, closings.reason, closings.note, releases.tx,
            final_txid, draft AND submissions.proposal IS NULL, expires, replaces
     FROM proposals
     LEFT JOIN submissions ON submissions.proposal = proposals.id
     LEFT JOIN closings ON closings.proposal = proposals.id
     LEFT JOIN releases ON releases.proposal = proposals.id";

impl ReadTx<'_> {
    /// The addresses handed out, in order of their index; one that several members handed out comes
    /// once for each, the earliest first.
    pub fn addresses(&self, vault: VaultId) -> Result<Vec<StoredAddress>, StorageError> {
        let mut statement = self.prepare(
            "SELECT keychain, idx, label, revealed_at, author FROM addresses WHERE vault = ?1
             ORDER BY keychain, idx, revealed_at, author",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((
                row.get::<_, usize>(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get::<_, [u8; 32]>(4)?,
            ))
        })?;
        rows.map(|row| {
            let (keychain, index, label, revealed_at, author) = row?;
            let keychain = Keychain::from_index(keychain)
                .ok_or_else(|| StorageError::damaged("a keychain is unknown"))?;
            Ok(StoredAddress {
                author: member(&author)?,
                keychain,
                index,
                label,
                revealed_at,
            })
        })
        .collect()
    }

    /// The highest index handed out on a keychain.
    pub fn last_revealed(
        &self,
        vault: VaultId,
        keychain: Keychain,
    ) -> Result<Option<u32>, StorageError> {
        Ok(self
            .prepare("SELECT max(idx) FROM addresses WHERE vault = ?1 AND keychain = ?2")?
            .query_row(params![vault.as_bytes(), keychain.index()], |row| {
                row.get(0)
            })?)
    }

    /// The indexes handed out on a keychain from `index` on, in order.
    pub fn revealed_from(
        &self,
        vault: VaultId,
        keychain: Keychain,
        index: u32,
    ) -> Result<Vec<u32>, StorageError> {
        let mut statement = self.prepare(
            "SELECT DISTINCT idx FROM addresses
             WHERE vault = ?1 AND keychain = ?2 AND idx >= ?3 ORDER BY idx",
        )?;
        let rows = statement
            .query_map(params![vault.as_bytes(), keychain.index(), index], |row| {
                row.get(0)
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One proposal.
    pub fn proposal(&self, id: ProposalId) -> Result<Option<StoredProposal>, StorageError> {
        let row = self
            .prepare(&format!("{PROPOSAL} WHERE id = ?1"))?
            .query_row(params![id.to_bytes()], proposal_row)
            .optional()?;
        row.transpose()
    }

    /// Who opened a proposal, and with what memo; more than one when members say different things.
    pub fn openings(
        &self,
        id: ProposalId,
    ) -> Result<Vec<(MemberId, Option<String>)>, StorageError> {
        let mut statement = self.prepare(
            "SELECT author, memo FROM openings WHERE proposal = ?1 ORDER BY author, entry LIMIT 20",
        )?;
        let rows = statement.query_map(params![id.to_bytes()], |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?))
        })?;
        rows.map(|row| {
            let (author, memo) = row?;
            Ok((member(&author)?, memo))
        })
        .collect()
    }

    /// The proposals of a vault, or of all, oldest first.
    pub fn proposals(&self, vault: Option<VaultId>) -> Result<Vec<StoredProposal>, StorageError> {
        let mut statement = self.prepare(&format!(
            "{PROPOSAL} WHERE ?1 IS NULL OR vault = ?1 ORDER BY opened_at, proposals.rowid"
        ))?;
        let rows =
            statement.query_map(params![vault.map(|vault| *vault.as_bytes())], proposal_row)?;
        rows.map(|row| row?).collect()
    }

    /// The proposals that were let go and of whose transaction the ledger knows nothing: those whose
    /// sending may have to be repeated.
    pub fn proposals_in_flight(&self) -> Result<Vec<StoredProposal>, StorageError> {
        let mut statement = self.prepare(&format!(
            "{PROPOSAL} WHERE releases.tx IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM transactions WHERE transactions.txid = releases.txid)
             ORDER BY opened_at, proposals.rowid"
        ))?;
        let rows = statement.query_map([], proposal_row)?;
        rows.map(|row| row?).collect()
    }

    /// Ids of all proposals that begin with these hex digits: two are enough to know that a
    /// shortened id isn't clear.
    pub fn proposals_like(&self, prefix: &str) -> Result<Vec<ProposalId>, StorageError> {
        let mut statement =
            self.prepare("SELECT id FROM proposals WHERE substr(lower(hex(id)), 1, length(?1)) = lower(?1) LIMIT 20")?;
        let rows = statement.query_map(params![prefix], |row| row.get::<_, [u8; 32]>(0))?;
        rows.map(|row| Ok(ProposalId::from_bytes(row?))).collect()
    }

    /// The proposal whose unsigned transaction has this id.
    pub fn proposal_by_unsigned(&self, txid: Txid) -> Result<Option<ProposalId>, StorageError> {
        self.proposal_where(txid, "SELECT id FROM proposals WHERE txid = ?1 LIMIT 1")
    }

    /// The proposal whose transaction, as far as it is known, has this id once it is signed.
    pub fn proposal_by_txid(&self, txid: Txid) -> Result<Option<ProposalId>, StorageError> {
        self.proposal_where(
            txid,
            "SELECT id FROM proposals WHERE final_txid = ?1
             UNION ALL SELECT proposal FROM releases WHERE txid = ?1 LIMIT 1",
        )
    }

    fn proposal_where(&self, txid: Txid, sql: &str) -> Result<Option<ProposalId>, StorageError> {
        let row = self
            .prepare(sql)?
            .query_row(params![consensus::serialize(&txid)], |row| {
                row.get::<_, [u8; 32]>(0)
            })
            .optional()?;
        Ok(row.map(ProposalId::from_bytes))
    }

    /// The verified signatures kept for a proposal.
    pub fn signatures(&self, proposal: ProposalId) -> Result<SignatureSet, StorageError> {
        let mut statement = self
            .prepare("SELECT input, public_key, signature FROM signatures WHERE proposal = ?1")?;
        let rows = statement.query_map(params![proposal.to_bytes()], |row| {
            Ok((
                row.get::<_, u32>(0)?,
                row.get::<_, Vec<u8>>(1)?,
                row.get::<_, Vec<u8>>(2)?,
            ))
        })?;
        rows.map(|row| {
            let (input, key, signature) = row?;
            let (public_key, signature) = Signature::read(&key, &signature).ok_or_else(|| {
                StorageError::damaged(format!("a signature of proposal {proposal} can't be read"))
            })?;
            Ok((Slot { input, public_key }, signature))
        })
        .collect()
    }
}

/// What was decided, out of the reason of the closing and whether it is still a draft.
pub(super) fn stage(closed: Option<&str>, draft: bool) -> Option<Stage> {
    Some(match closed {
        None if draft => Stage::Draft,
        None => Stage::Open,
        Some("abandoned") => Stage::Closed(CloseReason::Abandoned),
        Some("expired") => Stage::Closed(CloseReason::Expired),
        Some("rejected") => Stage::Closed(CloseReason::Rejected),
        Some("superseded") => Stage::Closed(CloseReason::Superseded),
        Some(_) => return None,
    })
}

fn proposal_row(row: &Row<'_>) -> rusqlite::Result<Result<StoredProposal, StorageError>> {
    let txid: Vec<u8> = row.get(2)?;
    let closed: Option<String> = row.get(6)?;
    let stage = stage(closed.as_deref(), row.get(10)?);
    let last: Option<Vec<u8>> = row.get(9)?;
    let last = last.map(|txid| consensus::deserialize(&txid)).transpose();
    let (Ok(txid), Ok(last), Some(stage)) = (consensus::deserialize(&txid), last, stage) else {
        return Ok(Err(StorageError::damaged("a proposal's row can't be read")));
    };
    Ok(Ok(StoredProposal {
        id: ProposalId::from_bytes(row.get(0)?),
        vault: VaultId::from_bytes(row.get(1)?),
        unsigned_txid: txid,
        final_txid: last,
        psbt: row.get(3)?,
        memo: row.get(4)?,
        opened_at: row.get(5)?,
        expires: row.get(11)?,
        replaces: row
            .get::<_, Option<[u8; 32]>>(12)?
            .map(ProposalId::from_bytes),
        stage,
        note: row.get(7)?,
        released: row.get(8)?,
    }))
}
