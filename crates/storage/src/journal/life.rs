//! Reading what a proposal's life leaves behind: in short, for lists; who said what; which coins are
//! held, and by whom.

use super::read::stage;
use crate::{ReadTx, StorageError};
use bitcoin::{Amount, OutPoint, ScriptBuf, Txid, consensus};
use quorate_core::journal::Word;
use quorate_core::proposal::{ProposalId, Stage};
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, Row, params};

/// A proposal without its PSBT, its signatures and its final transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalHead {
    /// Its id.
    pub id: ProposalId,
    /// The vault it spends from.
    pub vault: VaultId,
    /// The id of its transaction on the chain, where it is known: of the one that was let go, or the
    /// one that follows without signatures.
    pub txid: Option<Txid>,
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
    /// Whether its transaction was let go.
    pub released: bool,
    /// The sum of the outputs that don't claim to come back.
    pub sent: Amount,
    /// How many they are.
    pub payees: usize,
    /// The script of the first of them.
    pub payee: Option<ScriptBuf>,
}

/// The id of a proposal, and the rest, unless its row can't be read.
pub type FoundHead = (ProposalId, Result<ProposalHead, StorageError>);

/// An author's newest word about a cosigner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWord {
    /// The cosigner: public key and chain code.
    pub cosigner: [u8; 65],
    /// The member who wrote it down.
    pub author: [u8; 32],
    /// What was said.
    pub word: Word,
    /// Why.
    pub note: Option<String>,
    /// When, seconds since 1970.
    pub said_at: u64,
}

/// A held coin counts while the proposal that holds it can still happen: it hasn't passed its
/// deadline unsent, and none of its coins went elsewhere in a block. One look at each index.
const HOLDS: &str = "(proposals.expires IS NULL OR proposals.expires > ?2
      OR EXISTS (SELECT 1 FROM releases WHERE releases.proposal = proposals.id))
    AND NOT EXISTS (
      SELECT 1 FROM reservations AS other
      JOIN coins ON coins.txid = other.txid AND coins.vout = other.vout
      WHERE other.proposal = proposals.id AND coins.spent_height IS NOT NULL
        AND coins.spent_by IS NOT proposals.final_txid)";

const HEAD: &str =
    "SELECT id, vault, coalesce(final_txid, releases.txid), memo, opened_at, expires, replaces,
            closings.reason,
            draft AND submissions.proposal IS NULL, releases.proposal IS NOT NULL,
            sent, payees, payee
     FROM proposals
     LEFT JOIN submissions ON submissions.proposal = proposals.id
     LEFT JOIN closings ON closings.proposal = proposals.id
     LEFT JOIN releases ON releases.proposal = proposals.id";

impl ReadTx<'_> {
    /// One proposal in short.
    pub fn proposal_head(&self, id: ProposalId) -> Result<Option<ProposalHead>, StorageError> {
        let row = self
            .prepare(&format!("{HEAD} WHERE id = ?1"))?
            .query_row(params![id.to_bytes()], |row| Ok(head(id, row)))
            .optional()?;
        row.transpose()
    }

    /// What a proposal is for.
    pub fn proposal_memo(&self, id: ProposalId) -> Result<Option<String>, StorageError> {
        let mut statement = self.prepare("SELECT memo FROM proposals WHERE id = ?1")?;
        let memo = statement.query_row(params![id.to_bytes()], |row| row.get(0));
        Ok(memo.optional()?.flatten())
    }

    /// The proposals of a vault that were let go and of whose transaction the ledger knows nothing, the newest
    /// first: the transaction, and when it was let go.
    pub fn released_and_nowhere(
        &self,
        vault: VaultId,
    ) -> Result<Vec<(ProposalId, Vec<u8>, u64)>, StorageError> {
        let mut statement = self.prepare(
            "SELECT id, tx, released_at FROM proposals JOIN releases ON releases.proposal = id
             WHERE vault = ?1
               AND NOT EXISTS (SELECT 1 FROM transactions WHERE transactions.txid = releases.txid)
             ORDER BY released_at DESC, id",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((
                ProposalId::from_bytes(row.get(0)?),
                row.get(1)?,
                row.get(2)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The proposals of a vault, or of all, oldest first, in short. One whose row can't be read
    /// costs no other: its id, and why.
    pub fn proposal_heads(&self, vault: Option<VaultId>) -> Result<Vec<FoundHead>, StorageError> {
        let mut statement = self.prepare(&format!(
            "{HEAD} WHERE ?1 IS NULL OR vault = ?1 ORDER BY opened_at, proposals.rowid"
        ))?;
        let rows = statement.query_map(params![vault.map(|vault| *vault.as_bytes())], |row| {
            let id = ProposalId::from_bytes(row.get(0)?);
            Ok((id, head(id, row)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The proposals that say they take this one's place, the newest first.
    pub fn replaced_by(&self, proposal: ProposalId) -> Result<Vec<ProposalId>, StorageError> {
        let mut statement = self.prepare(
            "SELECT id FROM proposals WHERE replaces = ?1 ORDER BY opened_at DESC, id LIMIT 20",
        )?;
        let rows = statement.query_map(params![proposal.to_bytes()], |row| {
            row.get::<_, [u8; 32]>(0)
        })?;
        rows.map(|row| Ok(ProposalId::from_bytes(row?))).collect()
    }

    /// The proposal that this one replaces, if it is here.
    pub fn replaces(&self, proposal: ProposalId) -> Result<Option<ProposalId>, StorageError> {
        let row = self
            .prepare(
                "SELECT old.id FROM proposals AS new
                 JOIN proposals AS old ON old.id = new.replaces WHERE new.id = ?1",
            )?
            .query_row(params![proposal.to_bytes()], |row| {
                row.get::<_, [u8; 32]>(0)
            })
            .optional()?;
        Ok(row.map(ProposalId::from_bytes))
    }

    /// What was said about a proposal: each author's newest word about each cosigner.
    pub fn words(&self, proposal: ProposalId) -> Result<Vec<StoredWord>, StorageError> {
        let mut statement = self.prepare(
            "SELECT cosigner, author, word, note, said_at FROM words WHERE proposal = ?1
             ORDER BY said_at, cosigner, author",
        )?;
        let rows = statement.query_map(params![proposal.to_bytes()], |row| {
            let word: String = row.get(2)?;
            Ok((
                row.get(0)?,
                row.get(1)?,
                Word::from_text(&word),
                row.get(3)?,
                row.get(4)?,
            ))
        })?;
        rows.map(|row| {
            let (cosigner, author, word, note, said_at) = row?;
            let word = word.ok_or_else(|| {
                StorageError::damaged(format!("a word about proposal {proposal} can't be read"))
            })?;
            Ok(StoredWord {
                cosigner,
                author,
                word,
                note,
                said_at,
            })
        })
        .collect()
    }

    /// Which proposal holds this coin at the moment `now`, those of `except` aside.
    pub fn reserved_by(
        &self,
        vault: VaultId,
        coin: OutPoint,
        now: u64,
        except: &[ProposalId],
    ) -> Result<Option<ProposalId>, StorageError> {
        let mut statement = self.prepare(&format!(
            "SELECT proposals.id FROM reservations
             JOIN proposals ON proposals.id = reservations.proposal
             WHERE reservations.vault = ?1 AND reservations.txid = ?3 AND reservations.vout = ?4
               AND {HOLDS}"
        ))?;
        let key = params![
            vault.as_bytes(),
            limited(now),
            consensus::serialize(&coin.txid),
            coin.vout
        ];
        let rows = statement.query_map(key, |row| row.get::<_, [u8; 32]>(0))?;
        for row in rows {
            let holder = ProposalId::from_bytes(row?);
            if !except.contains(&holder) {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// All coins of a vault that are held at the moment `now`.
    pub fn reservations(
        &self,
        vault: VaultId,
        now: u64,
    ) -> Result<Vec<(OutPoint, ProposalId)>, StorageError> {
        let mut statement = self.prepare(&format!(
            "SELECT reservations.txid, reservations.vout, reservations.proposal FROM reservations
             JOIN proposals ON proposals.id = reservations.proposal
             WHERE reservations.vault = ?1 AND {HOLDS}"
        ))?;
        let rows = statement.query_map(params![vault.as_bytes(), limited(now)], |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get(1)?,
                row.get::<_, [u8; 32]>(2)?,
            ))
        })?;
        rows.map(|row| {
            let (txid, vout, proposal) = row?;
            let txid = read_txid(&txid)?;
            Ok((OutPoint { txid, vout }, ProposalId::from_bytes(proposal)))
        })
        .collect()
    }

    /// The coins that a proposal which wasn't closed spends.
    pub fn reserved_for(&self, proposal: ProposalId) -> Result<Vec<OutPoint>, StorageError> {
        let mut statement =
            self.prepare("SELECT txid, vout FROM reservations WHERE proposal = ?1")?;
        let rows = statement.query_map(params![proposal.to_bytes()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?))
        })?;
        rows.map(|row| {
            let (txid, vout) = row?;
            Ok(OutPoint {
                txid: read_txid(&txid)?,
                vout,
            })
        })
        .collect()
    }
}

fn head(id: ProposalId, row: &Row<'_>) -> Result<ProposalHead, StorageError> {
    let txid: Option<Vec<u8>> = row.get(2)?;
    let closed: Option<String> = row.get(7)?;
    let stage = stage(closed.as_deref(), row.get(8)?)
        .ok_or_else(|| StorageError::damaged("a proposal's row can't be read"))?;
    Ok(ProposalHead {
        id,
        vault: VaultId::from_bytes(row.get(1)?),
        txid: txid.map(|txid| read_txid(&txid)).transpose()?,
        memo: row.get(3)?,
        opened_at: row.get(4)?,
        expires: row.get(5)?,
        replaces: row
            .get::<_, Option<[u8; 32]>>(6)?
            .map(ProposalId::from_bytes),
        stage,
        released: row.get(9)?,
        sent: Amount::from_sat(row.get(10)?),
        payees: row.get(11)?,
        payee: row
            .get::<_, Option<Vec<u8>>>(12)?
            .map(ScriptBuf::from_bytes),
    })
}

fn read_txid(bytes: &[u8]) -> Result<Txid, StorageError> {
    consensus::deserialize(bytes).map_err(|_| {
        StorageError::damaged("a transaction id in the journal's tables can't be read")
    })
}

fn limited(now: u64) -> i64 {
    i64::try_from(now).unwrap_or(i64::MAX)
}
