//! A spend becomes a proposal: coins offered, the transaction built, its coins reserved, all in one commit.

use super::successor::{Old, Take};
use super::{Spend, coins, show};
use crate::facts::Known;
use crate::view::ProposalView;
use crate::{Error, Moment};
use bitcoin::{Address, Amount, OutPoint, Transaction};
use quorate_core::journal::Body;
use quorate_core::keychain::Keychain;
use quorate_core::label::Label;
use quorate_core::proposal::Proposal;
use quorate_core::spend::{FeeLimits, Previous, Recipient, Request, Send, SpendError, propose};
use quorate_core::vault::Vault;
use quorate_storage::{Device, ReadTx, StoredVault, WriteTx};

/// A spend with everything that was decided about it.
pub(super) struct Order<'a> {
    pub(super) spend: &'a Spend<'a>,
    /// All the old one's coins, rather than as few as it takes.
    pub(super) keep: bool,
    pub(super) draft: bool,
    pub(super) expires: Option<u64>,
    pub(super) old: Option<Old>,
    /// It goes back to ourselves.
    pub(super) back: bool,
}

pub(super) fn make(
    device: &Device,
    tx: &WriteTx<'_>,
    row: &StoredVault,
    vault: &Vault,
    order: &Order<'_>,
    moment: Moment,
) -> Result<ProposalView, Error> {
    let (spend, now) = (order.spend, moment.now);
    let ledger = crate::ledger_row(tx, row.id)?;
    let Some(tip) = tx.ledger_balance(ledger)?.height else {
        return Err(coins::never_synced(&row.name));
    };
    let change_index = tx.ledger_next_index(ledger, Keychain::Change)?;
    let request = Request {
        recipients: spend.recipients,
        fee_rate: spend.fee_rate,
        path: spend.path,
        coins: &[],
        all_coins: false,
        change_index,
        tip,
        entropy: moment.entropy,
        limits: FeeLimits {
            allow_high: spend.allow_high_fee,
            ..FeeLimits::default()
        },
        wishes: spend.choices.wishes,
        previous: &FromLedger(tx),
    };
    let at = (tip, now);
    let offers = match &order.old {
        Some(old) if old.must_share() => {
            let sweep = |to: &Recipient| to.send == Send::All;
            let all = !order.back && spend.recipients.iter().any(sweep);
            let take = match (all, order.keep) {
                (true, _) => Take::Everything,
                (false, true) => Take::Shared,
                (false, false) => Take::One,
            };
            coins::Offers::of(old.offers(tx, vault, row, spend, at, take)?)
        }
        Some(old) => coins::offers(tx, vault, row, spend, at, old.ids())?,
        None => coins::offers(tx, vault, row, spend, at, &[])?,
    };
    let (proposal, left_out) = first_that_suffices(vault, &request, &offers.tries)
        .map_err(|error| refused(tx, row, &offers, error, now))?;
    if tx.proposal(proposal.id())?.is_some() {
        return Err(Error::refused(
            "exists",
            "this very transaction was proposed before: change an amount or the fee rate",
        ));
    }
    if let Some(old) = &order.old {
        old.check_price(tx, vault, &proposal, now)?;
    }
    // The change address is taken, so that no other proposal pays to it.
    if proposal
        .outputs()
        .iter()
        .any(|output| output.ours == Some((Keychain::Change, change_index)))
    {
        let body = Body::AddressRevealed {
            keychain: Keychain::Change,
            index: change_index,
            label: None,
        };
        crate::append(device, tx, row.id, now, body)?;
        tx.ledger_reveal(vault, Keychain::Change, change_index)?;
    }
    let body = Body::ProposalOpened {
        proposal: proposal.id(),
        psbt: quorate_core::psbt::to_base64(proposal.psbt()),
        memo: spend.memo.map(ToOwned::to_owned),
        draft: order.draft,
        expires: order.expires,
        replaces: order.old.as_ref().map(|old| old.known.row.id),
    };
    crate::append(device, tx, row.id, now, body)?;
    name_recipients(device, tx, row, spend.choices.names, now)?;
    if let Some(closing) = order
        .old
        .as_ref()
        .and_then(|old| old.succession.closing.clone())
    {
        crate::append(device, tx, row.id, now, closing)?;
    }
    let stored = tx
        .proposal(proposal.id())?
        .ok_or_else(|| Error::storage("storage", "the proposal wasn't stored"))?;
    let known = Known::load(tx, vault, stored, now)?;
    let mut view = show::view(tx, row, vault, &known)?;
    view.review.findings.extend(left_out);
    Ok(view)
}

/// What recipients are called goes where labels are, so that every list shows it.
fn name_recipients(
    device: &Device,
    tx: &WriteTx<'_>,
    row: &StoredVault,
    names: &[(Address, String)],
    now: u64,
) -> Result<(), Error> {
    let mut lines = Vec::new();
    for (address, name) in names {
        let address = address.to_string();
        let known = tx.whole_label(row.id, "addr", &address)?;
        if known.is_some_and(|label| label.label() == name) {
            continue;
        }
        lines.push(Label::new("addr", &address, name)?.line().to_owned());
    }
    if !lines.is_empty() {
        crate::append(device, tx, row.id, now, Body::LabelsSet { lines })?;
    }
    Ok(())
}

/// Builds the proposal out of the first offer that has enough in it, and says what it left out.
fn first_that_suffices(
    vault: &Vault,
    request: &Request<'_>,
    offers: &[coins::Offer],
) -> Result<(Proposal, Vec<String>), SpendError> {
    let last = offers.len().saturating_sub(1);
    for (place, offer) in offers.iter().enumerate() {
        let request = Request {
            coins: &offer.coins,
            all_coins: offer.exactly,
            ..*request
        };
        match propose(vault, &request) {
            Err(SpendError::NotEnough { .. }) if place < last => {}
            Ok(proposal) => return Ok((proposal, offer.left_out.clone())),
            Err(error) => return Err(error),
        }
    }
    propose(vault, request).map(|proposal| (proposal, Vec::new()))
}

/// The previous transactions of the chosen coins, out of the ledger.
#[derive(Debug)]
struct FromLedger<'a>(&'a ReadTx<'a>);

impl Previous for FromLedger<'_> {
    fn transaction(&self, outpoint: OutPoint) -> Option<Transaction> {
        self.0.ledger_transaction(&outpoint.txid).ok().flatten()
    }
}

/// Adds what else could be done when there isn't enough.
fn refused(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    offers: &coins::Offers,
    error: SpendError,
    now: u64,
) -> Error {
    let short = matches!(error, SpendError::NotEnough { .. });
    if short && offers.more {
        // There may well be enough, in more coins than one transaction can spend.
        return Error::refused(
            "spend",
            format!(
                "the {} coins that were looked at aren't enough, and more than 500 can't be signed for at once: send less, or join small coins first",
                coins::CANDIDATES
            ),
        )
        .hint(format!(
            "`quorate proposal consolidate {}` joins small coins",
            row.name
        ));
    }
    let error = Error::from(error);
    let reserved = crate::vault::reserved(tx, row.id, now).map_or(0, Amount::to_sat);
    if short && reserved > 0 {
        return error.hint(format!(
            "{reserved} sat more are reserved by open proposals: see `quorate proposal list {}`",
            row.name
        ));
    }
    if short && offers.avoided > Amount::ZERO {
        return error.hint(format!(
            "{} sat more are in coins with a label that is to be avoided: leave an --avoid out",
            offers.avoided.to_sat()
        ));
    }
    if short && offers.frozen > Amount::ZERO {
        return error.hint(format!(
            "{} sat more are frozen, or dust sent to addresses that were in use: `quorate coin list {}` shows them; --coin spends dust, `quorate coin unfreeze` frees the rest",
            offers.frozen.to_sat(),
            row.name
        ));
    }
    error
}
