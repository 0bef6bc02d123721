//! The facts about a proposal, read from journal and ledger in one transaction.

use crate::Error;
use bitcoin::{Transaction, Txid, consensus};
use quorate_core::ledger::TxStatus;
use quorate_core::proposal::{
    Facts, Place, Proposal, Rival, SignatureSet, SignedInputs, Stage, Status, status,
};
use quorate_core::psbt::is_signed_form;
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredProposal};

/// A proposal with everything that is known about it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) row: StoredProposal,
    pub(crate) proposal: Proposal,
    pub(crate) signatures: SignatureSet,
    pub(crate) signed: SignedInputs,
    pub(crate) facts: Facts,
    /// Heights of the coins it spends; `None` for those in the mempool or not known.
    pub(crate) heights: Vec<Option<u32>>,
    /// The id of its transaction as far as it is known.
    pub(crate) txid: Txid,
}

impl Known {
    /// Loads and checks a proposal: what the store holds is held to the same rules as a file.
    pub(crate) fn load(tx: &ReadTx<'_>, vault: &Vault, row: StoredProposal) -> Result<Self, Error> {
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
        let ledger = crate::ledger_row(tx, row.vault)?;
        let synced = tx.ledger_cursor(ledger)?.is_some();
        let own = own_txid(tx, &row)?;
        let mut heights = Vec::with_capacity(proposal.inputs().len());
        let mut rival = Rival::None;
        for input in proposal.inputs() {
            let coin = tx.ledger_coin(ledger, &input.outpoint)?;
            heights.push(coin.as_ref().and_then(|coin| coin.height));
            if coin.is_none() && synced && rival == Rival::None {
                rival = Rival::Gone;
            }
            if let Some(spender) = coin
                .and_then(|coin| coin.spent)
                .map(|spent| spent.by)
                .filter(|spender| Some(*spender) != own)
            {
                let ours = tx.proposal_by_txid(spender)?.is_some();
                rival = if ours || rival == Rival::Ours {
                    Rival::Ours
                } else {
                    Rival::Stranger
                };
            }
        }
        let place = place(tx, &row)?;
        let unsigned = row.unsigned_txid;
        let facts = Facts {
            stage: row.stage,
            released: row.released.is_some(),
            satisfied: signed.is_complete(),
            place,
            rival,
        };
        Ok(Self {
            row,
            proposal,
            signatures,
            signed,
            facts,
            heights,
            txid: own.unwrap_or(unsigned),
        })
    }

    pub(crate) fn status(&self) -> Status {
        status(&self.facts)
    }
}

/// The status alone. What the chain or a person has settled needs no look at the signatures, so
/// that counting old proposals stays cheap.
pub(crate) fn status_of(
    tx: &ReadTx<'_>,
    vault: &Vault,
    row: &StoredProposal,
) -> Result<Status, Error> {
    let place = place(tx, row)?;
    let settled = place != Place::Nowhere || matches!(row.stage, Stage::Closed(_));
    if !settled {
        return Ok(Known::load(tx, vault, row.clone())?.status());
    }
    let facts = Facts {
        stage: row.stage,
        released: row.released.is_some(),
        satisfied: false,
        place,
        rival: Rival::None,
    };
    Ok(status(&facts))
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

/// Where the chain source sees the proposal's transaction.
fn place(tx: &ReadTx<'_>, row: &StoredProposal) -> Result<Place, Error> {
    let ledger = crate::ledger_row(tx, row.vault)?;
    let Some(txid) = own_txid(tx, row)? else {
        return Ok(Place::Nowhere);
    };
    Ok(match tx.ledger_tx_status(ledger, &txid)? {
        TxStatus::NotSeen => Place::Nowhere,
        TxStatus::Mempool => Place::Mempool,
        TxStatus::Confirmed(block) => Place::Block {
            height: block.height,
        },
    })
}
