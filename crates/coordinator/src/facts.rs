//! The facts about a proposal, read from journal and ledger in one transaction.

use crate::Error;
use bitcoin::{OutPoint, Transaction, Txid, consensus};
use quorate_core::journal::MemberId;
use quorate_core::ledger::{TxStatus, VaultRow};
use quorate_core::proposal::{
    Facts, Place, Proposal, ProposalId, Rival, SignatureSet, SignedInputs, Stage, Status,
    is_rejected, objectors, status,
};
use quorate_core::psbt::is_signed_form;
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
    /// The id of its transaction as far as it is known.
    pub(crate) txid: Txid,
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
        let words = words(tx, vault, &row)?;
        let said = words.iter().map(|(cosigner, said)| (*cosigner, said.word));
        let objectors = objectors(said);
        let coins = proposal.inputs().iter().map(|input| input.outpoint);
        let ledger = crate::ledger_row(tx, row.vault)?;
        let own = own_txid(tx, &row)?;
        let (heights, rival) = coins_of(tx, ledger, row.id, own, coins)?;
        let unsigned = row.unsigned_txid;
        let facts = Facts {
            stage: row.stage,
            released: row.released.is_some(),
            satisfied: signed.is_complete(),
            rejected: is_rejected(vault, &proposal, &signed, &objectors),
            expired: row.expires.is_some_and(|expires| expires <= now),
            place: place(tx, row.vault, own)?,
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
            txid: own.unwrap_or(unsigned),
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

/// What cosigners of the vault said: words about somebody who isn't one, or by a member who may not
/// speak for him, don't count, whatever an entry claims.
fn words(
    tx: &ReadTx<'_>,
    vault: &Vault,
    row: &StoredProposal,
) -> Result<Vec<(usize, StoredWord)>, Error> {
    let said = tx.words(row.id)?;
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let speakers = Speakers::load(tx, vault, row.vault)?;
    let words = said.into_iter();
    Ok(words
        .filter_map(|word| {
            let number = speakers.cosigner(&word.cosigner)?;
            let author = MemberId::from_bytes(&word.author)?;
            speakers.may(author, number).then_some((number, word))
        })
        .collect())
}

/// Who may speak for which cosigner: the owner for all, a member for the one it is enrolled for.
pub(crate) struct Speakers {
    numbers: BTreeMap<[u8; 65], usize>,
    owner: Option<MemberId>,
    members: BTreeMap<MemberId, Option<usize>>,
}

impl Speakers {
    pub(crate) fn load(tx: &ReadTx<'_>, vault: &Vault, id: VaultId) -> Result<Self, Error> {
        let cosigners = vault.cosigners().iter().enumerate();
        let members = tx.members(id)?.into_iter();
        Ok(Self {
            numbers: cosigners
                .map(|(number, cosigner)| (cosigner.key.identity().to_bytes(), number))
                .collect(),
            owner: tx.owner(id)?,
            members: members
                .map(|member| {
                    let cosigner = member.cosigner.as_deref();
                    (
                        member.member,
                        cosigner.and_then(|key| vault.cosigner_of(key)),
                    )
                })
                .collect(),
        })
    }

    fn cosigner(&self, key: &[u8; 65]) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    pub(crate) fn is_owner(&self, author: MemberId) -> bool {
        self.owner == Some(author)
    }

    /// Whether the owner enrolled this member for this cosigner.
    pub(crate) fn is_enrolled_for(&self, author: MemberId, cosigner: usize) -> bool {
        self.members.get(&author) == Some(&Some(cosigner))
    }

    /// Whether any member is enrolled for this cosigner.
    pub(crate) fn has_member(&self, cosigner: usize) -> bool {
        self.members
            .values()
            .any(|enrolled| *enrolled == Some(cosigner))
    }

    /// Whether a member may speak for this cosigner. What a home says that nobody enrolled counts
    /// in that home alone, so there it may.
    pub(crate) fn may(&self, author: MemberId, cosigner: usize) -> bool {
        self.owner == Some(author)
            || match self.members.get(&author) {
                Some(enrolled) => *enrolled == Some(cosigner),
                None => true,
            }
    }
}

/// The heights of the coins that a proposal spends, and whether another transaction is in its way.
/// One that it was made to replace isn't, as long as no block has it.
fn coins_of(
    tx: &ReadTx<'_>,
    ledger: VaultRow,
    id: ProposalId,
    txid: Option<Txid>,
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
        let Some(spent) = spent.filter(|spent| Some(spent.by) != txid) else {
            continue;
        };
        let spender = tx.proposal_by_txid(spent.by)?;
        if let (None, Some(spender)) = (spent.height, spender) {
            let line = match &mut line {
                Some(line) => line,
                None => line.insert(replaced_line(tx, id)?),
            };
            if line.contains(&spender) {
                continue;
            }
        }
        rival = if spender.is_some() || rival == Rival::Ours {
            Rival::Ours
        } else {
            Rival::Stranger
        };
    }
    Ok((heights, rival))
}

/// The proposals whose place this one takes, directly and through others. Whoever opens a proposal
/// says which one it replaces; it does if both can't happen, because they spend a common coin.
pub(crate) fn replaced_line(tx: &ReadTx<'_>, id: ProposalId) -> Result<Vec<ProposalId>, Error> {
    let mut line: Vec<ProposalId> = Vec::new();
    let mut at = id;
    let mut spent = None;
    while line.len() < MAX_LINE {
        let Some(old) = tx.replaces(at)? else { break };
        // Two entries could claim to replace each other.
        if old == id || line.contains(&old) {
            break;
        }
        let mine = match spent.take() {
            Some(mine) => mine,
            None => coins_spent(tx, at)?,
        };
        let its = coins_spent(tx, old)?;
        if its.is_disjoint(&mine) {
            break;
        }
        line.push(old);
        at = old;
        spent = Some(its);
    }
    Ok(line)
}

/// Whether a proposal's transaction may be waiting somewhere to be mined: it was let go, or the chain
/// source has it. Told without looking at its signatures.
pub(crate) fn may_be_out(tx: &ReadTx<'_>, id: ProposalId) -> Result<bool, Error> {
    let Some(row) = tx.proposal(id)? else {
        return Ok(false);
    };
    let released = row.released.is_some();
    Ok(released || place(tx, row.vault, own_txid(tx, &row)?)? == Place::Mempool)
}

fn coins_spent(tx: &ReadTx<'_>, id: ProposalId) -> Result<BTreeSet<OutPoint>, Error> {
    let stored = tx.proposal(id)?;
    let request = stored.and_then(|stored| quorate_core::psbt::read(&stored.psbt).ok());
    let inputs = request.map(|request| request.psbt.unsigned_tx.input);
    Ok(inputs
        .into_iter()
        .flatten()
        .map(|input| input.previous_output)
        .collect())
}

/// The status, as far as it can be told without looking at the transaction and its signatures: of
/// whatever the chain, the clock or a person has settled. `None`: who signed decides.
pub(crate) fn settled(
    tx: &ReadTx<'_>,
    head: &ProposalHead,
    now: u64,
) -> Result<Option<Status>, Error> {
    let own = match head.txid {
        Some(txid) => Some(txid),
        None => own_txid(tx, &stored(tx, head)?)?,
    };
    let mut facts = Facts {
        stage: head.stage,
        released: head.released,
        satisfied: false,
        rejected: false,
        expired: head.expires.is_some_and(|expires| expires <= now),
        place: place(tx, head.vault, own)?,
        rival: Rival::None,
    };
    if facts.place == Place::Nowhere && !matches!(head.stage, Stage::Closed(_)) {
        let ledger = crate::ledger_row(tx, head.vault)?;
        let coins = tx.reserved_for(head.id)?.into_iter();
        (_, facts.rival) = coins_of(tx, ledger, head.id, own, coins)?;
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
    Ok(Known::load(tx, vault, stored(tx, head)?, now)?.status())
}

fn stored(tx: &ReadTx<'_>, head: &ProposalHead) -> Result<StoredProposal, Error> {
    let row = tx.proposal(head.id)?;
    row.ok_or_else(|| Error::storage("damaged", "a proposal vanished"))
}

/// The id of the proposal's transaction on the chain. Where signatures go into the id, in P2SH, it is
/// known by what spends the coins: the same transaction with any signatures is the proposal's.
fn own_txid(tx: &ReadTx<'_>, row: &StoredProposal) -> Result<Option<Txid>, Error> {
    if row.final_txid.is_some() {
        return Ok(row.final_txid);
    }
    let damaged = || Error::storage("damaged", format!("the proposal {} can't be read", row.id));
    let unsigned = quorate_core::psbt::read(&row.psbt)
        .map_err(|_| damaged())?
        .psbt
        .unsigned_tx;
    let ledger = crate::ledger_row(tx, row.vault)?;
    let first = unsigned.input.first().ok_or_else(damaged)?;
    let coin = tx.ledger_coin(ledger, &first.previous_output)?;
    let Some(spent) = coin.and_then(|coin| coin.spent) else {
        let released = row.released.as_ref();
        let released = released.and_then(|raw| consensus::deserialize::<Transaction>(raw).ok());
        return Ok(released.map(|transaction| transaction.compute_txid()));
    };
    let spender = tx.ledger_transaction(&spent.by)?;
    let ours = spender.is_some_and(|spender| is_signed_form(&spender, &unsigned));
    Ok(ours.then_some(spent.by))
}

/// Where the chain source sees a proposal's transaction.
fn place(tx: &ReadTx<'_>, vault: VaultId, txid: Option<Txid>) -> Result<Place, Error> {
    let Some(txid) = txid else {
        return Ok(Place::Nowhere);
    };
    let ledger = crate::ledger_row(tx, vault)?;
    Ok(match tx.ledger_tx_status(ledger, &txid)? {
        TxStatus::NotSeen => Place::Nowhere,
        TxStatus::Mempool => Place::Mempool,
        TxStatus::Confirmed(block) => Place::Block {
            height: block.height,
        },
    })
}
