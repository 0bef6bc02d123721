//! Proposals: made, shown, listed, exported, given up.

mod coins;
mod show;

use crate::facts::Known;
use crate::view::{ProposalView, ProposalsView};
use crate::{Coordinator, Error, Moment, find, vault_row};
use bitcoin::{Amount, FeeRate, OutPoint, Psbt, Transaction};
use quorate_core::journal::Body;
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Proposal, abandon};
use quorate_core::spend::{
    FeeLimits, Previous, Recipient, Request, SpendError, device_limits, propose, review,
};
use quorate_core::text::check_line;
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredVault};
use std::collections::BTreeMap;

const MAX_MEMO: usize = 255;

/// A spend as a person asks for it.
#[derive(Debug)]
pub struct Spend<'a> {
    /// The vault's name.
    pub vault: &'a str,
    /// Who gets what.
    pub recipients: &'a [Recipient],
    /// At least this rate is paid.
    pub fee_rate: FeeRate,
    /// What it is for.
    pub memo: Option<&'a str>,
    /// Number of the spending path, from 0.
    pub path: usize,
    /// Exactly these coins; empty to have them chosen.
    pub coins: &'a [OutPoint],
    /// Says that a high fee is meant.
    pub allow_high_fee: bool,
}

impl Coordinator {
    /// Proposes a spend: chooses coins, builds the transaction, reserves its coins.
    pub fn propose(&mut self, spend: &Spend<'_>, moment: Moment) -> Result<ProposalView, Error> {
        if let Some(memo) = spend.memo {
            check_line("the memo", memo, MAX_MEMO)
                .map_err(|error| Error::input("bad_memo", error.to_string()))?;
        }
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, spend.vault)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let Some(tip) = tx.ledger_balance(ledger)?.height else {
                return Err(Error::refused(
                    "not_synced",
                    format!(
                        "vault `{}` has never been synced, so its coins aren't known",
                        row.name
                    ),
                )
                .hint(format!("run `quorate sync {}` first", row.name)));
            };
            let request = Request {
                recipients: spend.recipients,
                fee_rate: spend.fee_rate,
                path: spend.path,
                coins: &[],
                all_coins: !spend.coins.is_empty(),
                change_index: tx.ledger_next_index(ledger, Keychain::Change)?,
                tip,
                entropy: moment.entropy,
                limits: FeeLimits {
                    allow_high: spend.allow_high_fee,
                    ..FeeLimits::default()
                },
                previous: &FromLedger(tx),
            };
            let change_index = request.change_index;
            let offers = coins::offers(tx, &vault, &row, spend, tip)?;
            let (proposal, left_out) = first_that_suffices(&vault, &request, &offers.tries)
                .map_err(|error| refused(tx, &row, offers.frozen, error))?;
            if tx.proposal(proposal.id())?.is_some() {
                return Err(Error::refused(
                    "exists",
                    "this very transaction was proposed before",
                ));
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
                crate::append(&device, tx, row.id, moment.now, body)?;
                tx.ledger_reveal(&vault, Keychain::Change, change_index)?;
            }
            let body = Body::ProposalOpened {
                proposal: proposal.id(),
                psbt: quorate_core::psbt::to_base64(proposal.psbt()),
                memo: spend.memo.map(ToOwned::to_owned),
            };
            crate::append(&device, tx, row.id, moment.now, body)?;
            let stored = tx
                .proposal(proposal.id())?
                .ok_or_else(|| Error::storage("storage", "the proposal wasn't stored"))?;
            let known = Known::load(tx, &vault, stored)?;
            let mut view = show::view(tx, &row, &vault, &known)?;
            view.review.findings.extend(left_out);
            Ok(view)
        })
    }

    /// One proposal, by its id or the beginning of it.
    pub fn proposal(&mut self, id: &str) -> Result<ProposalView, Error> {
        self.with_proposal(id, |tx, row, vault, known| {
            show::view(tx, row, vault, known)
        })
    }

    /// The proposals of a vault or of all, oldest first.
    pub fn proposals(&mut self, vault: Option<&str>) -> Result<ProposalsView, Error> {
        self.store.read(|tx| {
            let only = vault
                .map(|name| vault_row(tx, name))
                .transpose()?
                .map(|row| row.id);
            let vaults = open_all(tx)?;
            let mut proposals = Vec::new();
            for stored in tx.proposals(only)? {
                let (row, vault) = vault_of(&vaults, stored.vault)?;
                proposals.push(show::line(row, vault, &Known::load(tx, vault, stored)?)?);
            }
            Ok(ProposalsView { proposals })
        })
    }

    /// The request as a file for cosigners: with the signatures collected so far, so that it can be
    /// handed from one to the next, or without any.
    pub fn export(&mut self, id: &str, with_signatures: bool) -> Result<Psbt, Error> {
        self.with_proposal(id, |_, _, _, known| {
            quorate_core::proposal::admit(known.row.id, known.status())?;
            let mut psbt = known.proposal.psbt().clone();
            if with_signatures {
                for (slot, signature) in &known.signatures {
                    if let Some(input) = psbt.inputs.get_mut(slot.input as usize) {
                        input.partial_sigs.insert(slot.public_key, *signature);
                    }
                }
            }
            Ok(psbt)
        })
    }

    /// What common devices may say to the request as a file of `bytes` bytes in this PSBT `version`.
    /// Advice, unlike the limits that are kept here.
    pub fn device_advice(
        &mut self,
        id: &str,
        bytes: usize,
        version: u32,
    ) -> Result<Vec<String>, Error> {
        self.with_proposal(id, |_, _, vault, known| {
            let review = review(vault, &known.proposal, None);
            let inputs = known.proposal.inputs().len();
            let limits = device_limits(&review, inputs, bytes, version);
            Ok(limits.iter().map(ToString::to_string).collect())
        })
    }

    /// Gives a proposal up. Its coins are free again; a signed copy may still be sent by whoever
    /// has one, so its transaction stays watched.
    pub fn abandon(
        &mut self,
        id: &str,
        note: Option<&str>,
        moment: Moment,
    ) -> Result<ProposalView, Error> {
        if let Some(note) = note {
            check_line("the note", note, MAX_MEMO)
                .map_err(|error| Error::input("bad_note", error.to_string()))?;
        }
        let device = self.device.clone();
        self.store.write(|tx| {
            let id = find::proposal(tx, id)?;
            let (row, vault, known) = load(tx, id)?;
            let body = abandon(id, &known.facts, note.map(ToOwned::to_owned))?;
            crate::append(&device, tx, row.id, moment.now, body)?;
            let (row, vault, known) = load(tx, id).map(|(row, _, known)| (row, vault, known))?;
            show::view(tx, &row, &vault, &known)
        })
    }

    pub(crate) fn with_proposal<T>(
        &mut self,
        id: &str,
        f: impl FnOnce(&ReadTx<'_>, &StoredVault, &Vault, &Known) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.store.read(|tx| {
            let (row, vault, known) = load(tx, find::proposal(tx, id)?)?;
            f(tx, &row, &vault, &known)
        })
    }
}

/// Loads one proposal with its vault.
pub(crate) fn load(
    tx: &ReadTx<'_>,
    id: quorate_core::proposal::ProposalId,
) -> Result<(StoredVault, Vault, Known), Error> {
    let stored = tx
        .proposal(id)?
        .ok_or_else(|| Error::input("unknown_proposal", format!("there is no proposal {id}")))?;
    let vault_id = stored.vault;
    let row = tx.vaults()?.into_iter().find(|row| row.id == vault_id);
    let row = row.ok_or_else(|| {
        Error::storage("damaged", format!("the vault of proposal {id} is missing"))
    })?;
    let vault = Coordinator::open_vault(&row)?;
    let known = Known::load(tx, &vault, stored)?;
    Ok((row, vault, known))
}

type OpenVaults = BTreeMap<quorate_core::vault::VaultId, (StoredVault, Vault)>;

pub(crate) fn open_all(tx: &ReadTx<'_>) -> Result<OpenVaults, Error> {
    tx.vaults()?
        .into_iter()
        .map(|row| {
            let vault = Coordinator::open_vault(&row)?;
            Ok((row.id, (row, vault)))
        })
        .collect()
}

pub(crate) fn vault_of(
    vaults: &OpenVaults,
    id: quorate_core::vault::VaultId,
) -> Result<(&StoredVault, &Vault), Error> {
    let found = vaults.get(&id).map(|(row, vault)| (row, vault));
    found.ok_or_else(|| Error::storage("damaged", format!("vault {id} is missing")))
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
fn refused(tx: &ReadTx<'_>, row: &StoredVault, frozen: Amount, error: SpendError) -> Error {
    let short = matches!(error, SpendError::NotEnough { .. });
    let error = Error::from(error);
    let reserved = crate::vault::balance(tx, row.id).map_or(0, |balance| balance.reserved_sat);
    if short && reserved > 0 {
        return error.hint(format!(
            "{reserved} sat more are reserved by open proposals: see `quorate proposal list {}`",
            row.name
        ));
    }
    if short && frozen > Amount::ZERO {
        return error.hint(format!(
            "{} sat more are dust sent to addresses that were in use: `quorate coin list {}` shows it, and --coin spends it",
            frozen.to_sat(),
            row.name
        ));
    }
    error
}
