//! Proposals made: anew, in the place of another, or to make another impossible.

use super::successor::{Old, Take};
use super::{Choices, MAX_MEMO, Spend, coins, show};
use crate::facts::Known;
use crate::view::ProposalView;
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::{Address, Amount, FeeRate, OutPoint, Transaction, transaction};
use quorate_core::journal::Body;
use quorate_core::keychain::Keychain;
use quorate_core::label::Label;
use quorate_core::proposal::{Proposal, Purpose, Stage};
use quorate_core::spend::{
    FeeLimits, Previous, Recipient, Request, Send, SpendError, Wishes, data_of, propose, review,
};
use quorate_core::text::check_line;
use quorate_core::vault::Vault;
use quorate_storage::{Device, ReadTx, StoredVault, WriteTx};

/// How a proposal begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Not for signing yet.
    pub draft: bool,
    /// From this second since 1970 on it takes no signatures and holds no coins.
    pub expires: Option<u64>,
    /// The proposal whose place it takes.
    pub replaces: Option<&'a str>,
}

/// A deadline, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// None.
    Never,
    /// This second since 1970.
    At(u64),
}

/// What is to be different; the rest stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Revision<'a> {
    /// Who gets what.
    pub recipients: Option<&'a [Recipient]>,
    /// The fee rate.
    pub fee_rate: Option<FeeRate>,
    /// What it is for.
    pub memo: Option<&'a str>,
    /// The deadline; one that has passed isn't taken over.
    pub expires: Option<Deadline>,
    /// Says that a high fee is meant.
    pub allow_high_fee: bool,
    /// Spend all the coins of the old one again, so that only its change becomes less.
    pub keep_coins: bool,
}

impl Coordinator {
    /// Proposes a spend: chooses coins, builds the transaction, reserves its coins.
    pub fn propose(&mut self, spend: &Spend<'_>, moment: Moment) -> Result<ProposalView, Error> {
        self.propose_with(spend, &Terms::default(), moment)
    }

    /// The same as a draft, with a deadline, or in the place of another proposal: then the old one
    /// is closed in the same commit, unless its transaction may be out.
    pub fn propose_with(
        &mut self,
        spend: &Spend<'_>,
        terms: &Terms<'_>,
        moment: Moment,
    ) -> Result<ProposalView, Error> {
        check(spend.memo, terms.expires, self.tick(moment))?;
        if terms.replaces.is_some() && !spend.coins.is_empty() {
            return Err(Error::input(
                "coins_given",
                "coins can't be named for a proposal that takes another's place: it spends that one's",
            ));
        }
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, spend.vault)?;
            let (row, vault, old) = match terms.replaces {
                Some(id) => {
                    let old = Self::old(tx, id, Some(&row), Purpose::Revise, moment.now)?;
                    (old.0, old.1, Some(old.2))
                }
                None => {
                    let vault = Self::open_vault(&row)?;
                    (row, vault, None)
                }
            };
            let order = Order {
                spend,
                keep: false,
                draft: terms.draft,
                expires: terms.expires,
                old,
                back: false,
            };
            make(&device, tx, &row, &vault, &order, moment)
        })
    }

    /// An edit: a new proposal in the place of this one, which keeps what isn't said otherwise. What
    /// was said and signed for the old one isn't said and signed for the new one (T17).
    pub fn revise(
        &mut self,
        id: &str,
        revision: &Revision<'_>,
        moment: Moment,
    ) -> Result<ProposalView, Error> {
        let now = self.tick(moment);
        let at = match revision.expires {
            Some(Deadline::At(at)) => Some(at),
            Some(Deadline::Never) | None => None,
        };
        check(revision.memo, at, now)?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let (row, vault, old) = Self::old(tx, id, None, Purpose::Revise, now)?;
            let before = review(&vault, &old.known.proposal, None);
            let kept = before.recipients.iter().filter_map(|payment| {
                Some(Recipient {
                    address: payment.address.clone()?,
                    send: Send::Exactly(payment.amount),
                })
            });
            let kept: Vec<Recipient> = kept.collect();
            let mut scripts = before.recipients.iter();
            let data = scripts.find_map(|payment| data_of(&payment.script));
            let memo = revision.memo.or(old.known.row.memo.as_deref());
            let memo = memo.map(ToOwned::to_owned);
            let spend = Spend {
                vault: &row.name,
                recipients: revision.recipients.unwrap_or(&kept),
                fee_rate: revision.fee_rate.unwrap_or(before.fee_rate),
                memo: memo.as_deref(),
                path: before.paths.last().copied().unwrap_or(0),
                coins: &[],
                allow_high_fee: revision.allow_high_fee,
                choices: Choices {
                    wishes: Wishes {
                        data: data.as_deref(),
                        truc: is_truc(&old),
                        ..Wishes::default()
                    },
                    ..Choices::default()
                },
            };
            let order = Order {
                spend: &spend,
                keep: revision.keep_coins,
                draft: old.known.facts.stage == Stage::Draft,
                expires: match revision.expires {
                    Some(_) => at,
                    None => old.known.row.expires.filter(|expires| *expires > now),
                },
                old: Some(old),
                back: false,
            };
            make(&device, tx, &row, &vault, &order, moment)
        })
    }

    /// Makes a proposal impossible: proposes to spend one of its coins to ourselves. Once that is
    /// mined, no copy of the old transaction can be.
    pub fn cancel(
        &mut self,
        vault: &str,
        id: &str,
        fee_rate: FeeRate,
        memo: Option<&str>,
        allow_high_fee: bool,
        moment: Moment,
    ) -> Result<ProposalView, Error> {
        let now = self.tick(moment);
        check(memo, None, now)?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let named = vault_row(tx, vault)?;
            let (row, vault, old) = Self::old(tx, id, Some(&named), Purpose::Cancel, now)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let index = tx.ledger_next_index(ledger, Keychain::Change)?;
            let recipients = [Recipient {
                address: vault
                    .derive(Keychain::Change, index)?
                    .address(vault.network()),
                send: Send::All,
            }];
            let before = review(&vault, &old.known.proposal, None);
            let spend = Spend {
                vault: &row.name,
                recipients: &recipients,
                fee_rate,
                memo,
                path: before.paths.last().copied().unwrap_or(0),
                coins: &[],
                allow_high_fee,
                choices: Choices {
                    wishes: Wishes {
                        truc: is_truc(&old),
                        ..Wishes::default()
                    },
                    ..Choices::default()
                },
            };
            let order = Order {
                spend: &spend,
                keep: false,
                draft: false,
                expires: None,
                old: Some(old),
                back: true,
            };
            make(&device, tx, &row, &vault, &order, moment)
        })
    }
}

fn check(memo: Option<&str>, expires: Option<u64>, now: u64) -> Result<(), Error> {
    if let Some(memo) = memo {
        check_line("the memo", memo, MAX_MEMO)
            .map_err(|error| Error::input("bad_memo", error.to_string()))?;
    }
    match expires {
        Some(at) if at <= now => Err(Error::input(
            "bad_deadline",
            "the deadline has passed already: name a later one",
        )),
        _ => Ok(()),
    }
}

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

/// The version goes over to what takes a transaction's place.
fn is_truc(old: &Old) -> bool {
    old.known.proposal.transaction().version == transaction::Version(3)
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
            coins::Offers {
                tries: old.offers(tx, vault, row, spend.path, at, take)?,
                frozen: Amount::ZERO,
                avoided: Amount::ZERO,
            }
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
