//! Proposals made: anew, in the place of another, or to make another impossible.

use super::order::{Order, make};
use super::successor::Old;
use super::{Choices, MAX_MEMO, Spend};
use crate::view::ProposalView;
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::{FeeRate, transaction};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::VaultRow;
use quorate_core::proposal::{Purpose, Stage};
use quorate_core::spend::{Recipient, Send, Wishes, data_of, review};
use quorate_core::text::check_line;
use quorate_core::vault::Vault;
use quorate_storage::ReadTx;

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
            let recipients = [ourselves(tx, &vault, ledger)?];
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

/// All of it to the vault's own next change address.
pub(super) fn ourselves(
    tx: &ReadTx<'_>,
    vault: &Vault,
    ledger: VaultRow,
) -> Result<Recipient, Error> {
    let index = tx.ledger_next_index(ledger, Keychain::Change)?;
    let change = vault.derive(Keychain::Change, index)?;
    Ok(Recipient {
        address: change.address(vault.network()),
        send: Send::All,
    })
}

pub(super) fn check(memo: Option<&str>, expires: Option<u64>, now: u64) -> Result<(), Error> {
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

/// The version goes over to what takes a transaction's place.
fn is_truc(old: &Old) -> bool {
    old.known.proposal.transaction().version == transaction::Version(3)
}
