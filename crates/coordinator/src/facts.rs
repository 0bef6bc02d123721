//! The facts about a proposal, read from journal and ledger in one transaction.

use crate::Error;
use bitcoin::{OutPoint, Txid};
use quorate_core::ledger::{TxStatus, VaultRow};
use quorate_core::proposal::{
    Facts, Place, Proposal, ProposalId, Rival, SignatureSet, SignedInputs, Stage, Status,
    is_rejected, objectors, status,
};
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{ProposalHead, ReadTx, StoredProposal, StoredWord};
use std::collections::{BTreeMap, BTreeSet};

/// How far a line of replacements is followed. Each is a transaction of its own that somebody
/// proposed; a longer line is nobody's.
const MAX_LINE: usize = 100;

/// A proposal with everything that is known about it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) row: StoredProposal,
    pub(crate) proposal: Proposal,
    pub(crate) signatures: SignatureSet,
    pub(crate) signed: SignedInputs,
    /// What was said about it, by cosigners of the vault, with their number.
    pub(crate) words: Vec<(usize, StoredWord)>,
    /// The cosigners who say no.
    pub(crate) objectors: BTreeSet<usize>,
    pub(crate) facts: Facts,
    /// Heights of the coins it spends; `None` for those in the mempool or not known.
    pub(crate) heights: Vec<Option<u32>>,
}

impl Known {
    /// Loads and checks a proposal: what the store holds is held to the same rules as a file. Its
    /// deadline is held against `now`.
    pub(crate) fn load(
        tx: &ReadTx<'_>,
        vault: &Vault,
        row: StoredProposal,
        now: u64,
    ) -> Result<Self, Error> {
        let damaged = |what: String| {
            Error::storage(
                "damaged",
                format!("the stored proposal {} can't be used: {what}", row.id),
            )
            .hint("run `quorate journal verify`")
        };
        let foreign =
            quorate_core::psbt::read(&row.psbt).map_err(|error| damaged(error.to_string()))?;
        let proposal =
            Proposal::check(vault, foreign.psbt).map_err(|error| damaged(error.to_string()))?;
        if proposal.id() != row.id {
            return Err(damaged(
                "its transaction isn't the one its id was made of".to_owned(),
            ));
        }
        let signatures = tx.signatures(row.id)?;
        let signed = SignedInputs::of(&proposal, &signatures);
        let words = words(tx, vault, row.id)?;
        let said = words.iter().map(|(cosigner, said)| (*cosigner, said.word));
        let objectors = objectors(said);
        let coins = proposal.inputs().iter().map(|input| input.outpoint);
        let ledger = crate::ledger_row(tx, row.vault)?;
        let (heights, rival) = coins_of(tx, ledger, row.id, row.txid, coins)?;
        let facts = Facts {
            stage: row.stage,
            released: row.released.is_some(),
            satisfied: signed.is_complete(),
            rejected: is_rejected(vault, &proposal, &signed, &objectors),
            expired: row.expires.is_some_and(|expires| expires <= now),
            place: place(tx, row.vault, row.txid)?,
            rival,
        };
        Ok(Self {
            row,
            proposal,
            signatures,
            signed,
            words,
            objectors,
            facts,
            heights,
        })
    }

    pub(crate) fn status(&self) -> Status {
        status(&self.facts)
    }

    /// Whether anybody signed any of it.
    pub(crate) fn is_signed(&self) -> bool {
        !self.signatures.is_empty()
    }
}

/// What cosigners of the vault said. Who isn't one has no say, whatever an entry claims.
fn words(
    tx: &ReadTx<'_>,
    vault: &Vault,
    proposal: ProposalId,
) -> Result<Vec<(usize, StoredWord)>, Error> {
    let cosigners = vault.cosigners().iter().enumerate();
    let numbers: BTreeMap<[u8; 65], usize> = cosigners
        .map(|(number, cosigner)| (cosigner.key.identity().to_bytes(), number))
        .collect();
    let words = tx.words(proposal)?.into_iter();
    Ok(words
        .filter_map(|word| Some((*numbers.get(&word.cosigner)?, word)))
        .collect())
}

/// The heights of the coins that a proposal spends, and whether another transaction is in its way.
/// One that it was made to replace isn't, as long as no block has it.
fn coins_of(
    tx: &ReadTx<'_>,
    ledger: VaultRow,
    id: ProposalId,
    txid: Txid,
    coins: impl Iterator<Item = OutPoint>,
) -> Result<(Vec<Option<u32>>, Rival), Error> {
    let synced = tx.ledger_cursor(ledger)?.is_some();
    let mut heights = Vec::with_capacity(coins.size_hint().0);
    let mut rival = Rival::None;
    let mut line = None;
    for outpoint in coins {
        let coin = tx.ledger_coin(ledger, &outpoint)?;
        heights.push(coin.as_ref().and_then(|coin| coin.height));
        if coin.is_none() && synced && rival == Rival::None {
            rival = Rival::Gone;
        }
        let spent = coin.and_then(|coin| coin.spent);
        let Some(spent) = spent.filter(|spent| spent.by != txid) else {
            continue;
        };
        if spent.height.is_none() {
            let line = match &mut line {
                Some(line) => line,
                None => line.insert(replaced_line(tx, id)?),
            };
            if line.iter().any(|(_, txid)| *txid == spent.by) {
                continue;
            }
        }
        let ours = tx.proposal_by_txid(spent.by)?.is_some();
        rival = if ours || rival == Rival::Ours {
            Rival::Ours
        } else {
            Rival::Stranger
        };
    }
    Ok((heights, rival))
}

/// The proposals whose place this one takes, directly and through others, with their transactions.
pub(crate) fn replaced_line(
    tx: &ReadTx<'_>,
    id: ProposalId,
) -> Result<Vec<(ProposalId, Txid)>, Error> {
    let mut line: Vec<(ProposalId, Txid)> = Vec::new();
    let mut at = id;
    while line.len() < MAX_LINE {
        match tx.replaces(at)? {
            // Two entries could claim to replace each other.
            Some((old, _)) if old == id || line.iter().any(|(seen, _)| *seen == old) => break,
            Some((old, txid)) => {
                line.push((old, txid));
                at = old;
            }
            None => break,
        }
    }
    Ok(line)
}

/// The status, as far as it can be told without looking at the transaction and its signatures: of
/// whatever the chain, the clock or a person has settled. `None`: who signed decides.
pub(crate) fn settled(
    tx: &ReadTx<'_>,
    head: &ProposalHead,
    now: u64,
) -> Result<Option<Status>, Error> {
    let mut facts = Facts {
        stage: head.stage,
        released: head.released,
        satisfied: false,
        rejected: false,
        expired: head.expires.is_some_and(|expires| expires <= now),
        place: place(tx, head.vault, head.txid)?,
        rival: Rival::None,
    };
    if facts.place == Place::Nowhere && !matches!(head.stage, Stage::Closed(_)) {
        let ledger = crate::ledger_row(tx, head.vault)?;
        let coins = tx.reserved_for(head.id)?.into_iter();
        (_, facts.rival) = coins_of(tx, ledger, head.id, head.txid, coins)?;
    }
    let status = status(&facts);
    Ok((status != Status::Collecting).then_some(status))
}

/// The status alone.
pub(crate) fn status_of(
    tx: &ReadTx<'_>,
    vault: &Vault,
    head: &ProposalHead,
    now: u64,
) -> Result<Status, Error> {
    if let Some(status) = settled(tx, head, now)? {
        return Ok(status);
    }
    let row = tx.proposal(head.id)?;
    let row = row.ok_or_else(|| Error::storage("damaged", "a proposal vanished"))?;
    Ok(Known::load(tx, vault, row, now)?.status())
}

/// Where the chain source sees a proposal's transaction.
fn place(tx: &ReadTx<'_>, vault: VaultId, txid: Txid) -> Result<Place, Error> {
    let ledger = crate::ledger_row(tx, vault)?;
    Ok(match tx.ledger_tx_status(ledger, &txid)? {
        TxStatus::NotSeen => Place::Nowhere,
        TxStatus::Mempool => Place::Mempool,
        TxStatus::Confirmed(block) => Place::Block {
            height: block.height,
        },
    })
}
