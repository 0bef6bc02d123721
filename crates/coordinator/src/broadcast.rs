//! Letting a transaction go. The entry `released` is committed before the first byte leaves: it is
//! the intention, and as long as the chain source hasn't got the transaction, every sync hands it
//! over again. After that point nothing is undone, only observed.

use crate::facts::Known;
use crate::opened::Opened;
use crate::proposal::load;
use crate::threads::Threads;
use crate::view::{BroadcastView, SyncView};
use crate::{Coordinator, Error, Moment, find};
use bitcoin::{Transaction, consensus};
use quorate_chain::{Broadcast, ChainSource};
use quorate_core::proposal::{Place, Status, release, status};
use quorate_core::psbt::finalize_with;
use quorate_core::spend::{FeeLimits, review};
use quorate_core::vault::Vault;

impl Coordinator {
    /// Finalizes a proposal and hands its transaction to the chain source. Repeating it is safe.
    pub fn broadcast(
        &mut self,
        id: &str,
        source: &dyn ChainSource,
        allow_high_fee: bool,
        moment: Moment,
    ) -> Result<BroadcastView, Error> {
        let chain = source.status()?;
        self.check_network(&chain)?;
        let now = self.tick(moment);
        let (id, transaction) = self.store.read(|tx| {
            let id = find::proposal(tx, id)?;
            let (_, vault, known) = load(tx, id, now)?;
            release(
                &known.proposal,
                known.status(),
                true,
                &known.heights,
                chain.tip.height.saturating_add(1),
                known.proposal.transaction(),
            )?;
            let transaction = final_transaction(&vault, &known, allow_high_fee)?;
            Ok::<_, Error>((id, transaction))
        })?;
        let device = self.device.clone();
        let transaction = self.store.write(|tx| {
            let (row, _, known) = load(tx, id, now)?;
            let next = chain.tip.height.saturating_add(1);
            let body = release(
                &known.proposal,
                known.status(),
                known.facts.released,
                &known.heights,
                next,
                &transaction,
            )?;
            match body {
                Some(body) => crate::append(&device, tx, row.id, moment.now, body)?,
                // Somebody else let it go meanwhile, perhaps with other signatures.
                None => return released(&known).unwrap_or(Ok(transaction)),
            }
            Ok::<_, Error>(transaction)
        })?;
        let already_known = match source.broadcast(&transaction)? {
            Broadcast::Accepted => false,
            Broadcast::AlreadyKnown => true,
            Broadcast::Refused(reason) => return Err(refused(source, &reason)),
        };
        let view = self.proposal(&id.to_string())?;
        Ok(BroadcastView {
            proposal: view.id,
            txid: view.txid,
            status: view.status,
            already_known,
        })
    }

    /// Hands over again what was let go and is neither in the mempool nor in a block: after a
    /// crash between commit and sending, after an eviction, after a reorg.
    pub(crate) fn rebroadcast(
        &mut self,
        source: &dyn ChainSource,
        view: &mut SyncView,
    ) -> Result<(), Error> {
        let now = self.now;
        let waiting: Vec<(String, Transaction)> = self.store.read(|tx| {
            let in_flight = tx.proposals_in_flight()?;
            if in_flight.is_empty() {
                return Ok(Vec::new());
            }
            let mut vaults = Opened::new(tx);
            let mut waiting = Vec::new();
            for row in in_flight {
                let Some(raw) = row.released.clone() else {
                    continue;
                };
                let (_, vault) = vaults.get(row.vault)?;
                let known = Known::load(tx, vault, row, now)?;
                if known.facts.place == Place::Nowhere && status(&known.facts) == Status::Broadcast
                {
                    let transaction = consensus::deserialize(&raw).map_err(|_| {
                        Error::storage("damaged", "a released transaction can't be read")
                    })?;
                    waiting.push((known.row.id.to_string(), transaction));
                }
            }
            Ok::<_, Error>(waiting)
        })?;
        for (id, transaction) in waiting {
            let txid = transaction.compute_txid().to_string();
            match source.broadcast(&transaction)? {
                Broadcast::Accepted | Broadcast::AlreadyKnown => view.rebroadcast.push(txid),
                Broadcast::Refused(reason) => {
                    let reason = quorate_core::text::escape(&reason);
                    view.problems.push(format!(
                        "proposal {} was let go, but {} refuses it: {reason}",
                        &id[..12],
                        source.name()
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The finished transaction, held once more against consensus rules and fee limits.
fn final_transaction(
    vault: &Vault,
    known: &Known,
    allow_high_fee: bool,
) -> Result<Transaction, Error> {
    // What was let go before stays what it was: other signatures would be another transaction on
    // the wire.
    if let Some(transaction) = released(known) {
        return transaction;
    }
    let transaction = finalize_with(&known.proposal, &known.signatures, &Threads)?;
    let review = review(vault, &known.proposal, None);
    let limits = FeeLimits {
        allow_high: allow_high_fee,
        ..FeeLimits::default()
    };
    review.check_fee(&limits).map_err(|error| {
        Error::refused("absurd_fee", error.to_string()).hint("say --allow-high-fee if it is meant")
    })?;
    Ok(transaction)
}

/// The transaction that was let go, if it was.
fn released(known: &Known) -> Option<Result<Transaction, Error>> {
    let raw = known.row.released.as_ref()?;
    Some(
        consensus::deserialize(raw)
            .map_err(|_| Error::storage("damaged", "the released transaction can't be read")),
    )
}

fn refused(source: &dyn ChainSource, reason: &str) -> Error {
    let reason = quorate_core::text::escape(reason);
    Error::refused("refused_by_node", format!("{} refuses the transaction: {reason}", source.name()))
        .hint("the signatures are kept, and `quorate proposal broadcast` or `quorate sync` tries again; `quorate proposal abandon` frees its coins")
}
