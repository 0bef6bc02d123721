//! Reading the projection.

use crate::{ReadTx, StorageError};
use bitcoin::{Network, PublicKey, Txid, consensus, ecdsa};
use quorate_core::journal::CloseReason;
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{ProposalId, SignatureSet, Slot, Stage};
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, Row, params};

/// A vault as stored: the descriptor makes it, the rest is what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVault {
    /// Its id.
    pub id: VaultId,
    /// What this home calls it.
    pub name: String,
    /// Its network.
    pub network: Network,
    /// Multipath, with checksum.
    pub descriptor: String,
    /// In the descriptor's order of keys.
    pub cosigners: Vec<String>,
    /// When it came, seconds since 1970.
    pub added_at: u64,
}

/// An address that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAddress {
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
    /// Id of its transaction.
    pub txid: Txid,
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
    "SELECT id, vault, txid, psbt, memo, opened_at, closings.reason, closings.note, releases.tx,
            draft AND submissions.proposal IS NULL, expires, replaces
     FROM proposals
     LEFT JOIN submissions ON submissions.proposal = proposals.id
     LEFT JOIN closings ON closings.proposal = proposals.id
     LEFT JOIN releases ON releases.proposal = proposals.id";

impl ReadTx<'_> {
    /// All vaults, by name.
    pub fn vaults(&self) -> Result<Vec<StoredVault>, StorageError> {
        let mut statement = self.prepare(
            "SELECT id, name, network, descriptor, cosigners, added_at FROM vaults ORDER BY name",
        )?;
        let rows = statement.query_map([], |row| {
            let parts: (String, String) = (row.get(2)?, row.get(4)?);
            Ok((
                row.get::<_, [u8; 32]>(0)?,
                row.get(1)?,
                row.get(3)?,
                row.get(5)?,
                parts,
            ))
        })?;
        rows.map(|row| {
            let (id, name, descriptor, added_at, (network, cosigners)) = row?;
            let damaged = || StorageError::damaged("a vault's row can't be read");
            Ok(StoredVault {
                id: VaultId::from_bytes(id),
                name,
                network: network.parse().map_err(|_| damaged())?,
                descriptor,
                cosigners: serde_json::from_str(&cosigners).map_err(|_| damaged())?,
                added_at,
            })
        })
        .collect()
    }

    /// The addresses handed out, in order of their index.
    pub fn addresses(&self, vault: VaultId) -> Result<Vec<StoredAddress>, StorageError> {
        let mut statement = self.prepare(
            "SELECT keychain, idx, label, revealed_at FROM addresses WHERE vault = ?1 ORDER BY keychain, idx",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((
                row.get::<_, usize>(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
            ))
        })?;
        rows.map(|row| {
            let (keychain, index, label, revealed_at) = row?;
            let keychain = Keychain::from_index(keychain)
                .ok_or_else(|| StorageError::damaged("a keychain is unknown"))?;
            Ok(StoredAddress {
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

    /// One proposal.
    pub fn proposal(&self, id: ProposalId) -> Result<Option<StoredProposal>, StorageError> {
        let row = self
            .prepare(&format!("{PROPOSAL} WHERE id = ?1"))?
            .query_row(params![id.to_bytes()], proposal_row)
            .optional()?;
        row.transpose()
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
             AND NOT EXISTS (SELECT 1 FROM transactions WHERE transactions.txid = proposals.txid)
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

    /// The proposal of a vault whose transaction has this id.
    pub fn proposal_by_txid(&self, txid: Txid) -> Result<Option<ProposalId>, StorageError> {
        let row = self
            .prepare("SELECT id FROM proposals WHERE txid = ?1 LIMIT 1")?
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
            let damaged = |_| {
                StorageError::damaged(format!("a signature of proposal {proposal} can't be read"))
            };
            let public_key = PublicKey::from_slice(&key).map_err(|_| damaged(()))?;
            let signature = ecdsa::Signature::from_slice(&signature).map_err(|_| damaged(()))?;
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
    let stage = stage(closed.as_deref(), row.get(9)?);
    let (Ok(txid), Some(stage)) = (consensus::deserialize(&txid), stage) else {
        return Ok(Err(StorageError::damaged("a proposal's row can't be read")));
    };
    Ok(Ok(StoredProposal {
        id: ProposalId::from_bytes(row.get(0)?),
        vault: VaultId::from_bytes(row.get(1)?),
        txid,
        psbt: row.get(3)?,
        memo: row.get(4)?,
        opened_at: row.get(5)?,
        expires: row.get(10)?,
        replaces: row.get::<_, Option<[u8; 32]>>(11)?.map(ProposalId::from_bytes),
        stage,
        note: row.get(7)?,
        released: row.get(8)?,
    }))
}
