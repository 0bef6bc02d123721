//! Evidence: what shows to somebody without our database how a proposal came about.

use crate::facts::Known;
use crate::proposal::load;
use crate::threads::Threads;
use crate::{Coordinator, Error, Moment, find};
use bitcoin::{Transaction, consensus};
use quorate_core::evidence::{Claims, Evidence, EvidenceError, Foundation, Verdict, verify};
use quorate_core::journal::{Body, Entry};
use quorate_core::ledger::TxStatus;
use quorate_core::proposal::{Place, ProposalId};
use quorate_storage::ReadTx;

impl From<EvidenceError> for Error {
    fn from(error: EvidenceError) -> Self {
        Self::input("bad_evidence", error.to_string())
    }
}

impl Coordinator {
    /// Draws up the evidence of a proposal and seals it with this home's member key. Reads the
    /// vault's whole journal: everything said about the proposal, and who may say it.
    pub fn evidence(&mut self, id: &str, moment: Moment) -> Result<Evidence, Error> {
        let now = self.tick(moment);
        let key = self.device.key.clone();
        // Verifying takes time, so nothing is locked meanwhile: a read keeps nobody waiting.
        self.store.read(|tx| {
            let id = find::proposal(tx, id)?;
            let (row, vault, known) = load(tx, id, now)?;
            let journal = tx.journal(Some(row.id))?.into_iter();
            let entries = journal
                .filter_map(Result::ok)
                .filter(|entry| matters(entry, id));
            let (claims, last) = claims(tx, &row.name, &known, now)?;
            let foundation = Foundation {
                claims,
                vault: &vault,
                proposal: &known.proposal,
                entries: entries.collect(),
                final_transaction: last,
            };
            Ok(Evidence::draw_up(&foundation, &key, &Threads))
        })
    }
}

/// Checks evidence with nothing but itself: no home, no chain source.
pub fn verify_evidence(text: &str) -> Result<Verdict, Error> {
    Ok(verify(text, &Threads)?)
}

/// What is about the proposal, and what says whose word counts.
fn matters(entry: &Entry, id: ProposalId) -> bool {
    match &entry.content().body {
        Body::VaultAdded { .. }
        | Body::OwnerNamed { .. }
        | Body::MemberAdded { .. }
        | Body::MemberRemoved { .. } => true,
        Body::ProposalOpened { proposal, .. } => *proposal == id,
        body => body.about() == Some(id),
    }
}

fn claims(
    tx: &ReadTx<'_>,
    name: &str,
    known: &Known,
    now: u64,
) -> Result<(Claims, Option<Transaction>), Error> {
    let vault = known.row.vault;
    let ledger = crate::ledger_row(tx, vault)?;
    let place = known.facts.place;
    let on_chain = match place {
        Place::Nowhere => None,
        Place::Mempool | Place::Block { .. } => tx.ledger_transaction(&known.txid)?,
    };
    let released = known.row.released.as_ref();
    let released = released.and_then(|raw| consensus::deserialize::<Transaction>(raw).ok());
    let last = on_chain.or(released);
    let block = match tx.ledger_tx_status(ledger, &known.txid)? {
        TxStatus::Confirmed(block) => Some(block),
        TxStatus::Mempool | TxStatus::NotSeen => None,
    };
    let claims = Claims {
        made_at: now,
        vault_name: name.to_owned(),
        owner: tx.owner(vault)?,
        status: known.status().word().to_owned(),
        txid: known
            .proposal
            .final_txid()
            .or_else(|| last.as_ref().map(Transaction::compute_txid))
            .map(|txid| txid.to_string()),
        seen: match place {
            Place::Nowhere => "nowhere",
            Place::Mempool => "mempool",
            Place::Block { .. } => "block",
        }
        .to_owned(),
        block: block.map(|block| block.hash.to_string()),
        height: block.map(|block| block.height),
        block_time: match block {
            Some(_) => tx.ledger_block_time(ledger, &known.txid)?,
            None => None,
        },
        known_to: tx.ledger_cursor(ledger)?.map(|block| block.height),
    };
    Ok((claims, last))
}
