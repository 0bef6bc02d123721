//! Proposals: made, shown, listed, exported, given up.

mod coins;
mod hurry;
mod list;
mod make;
mod order;
mod pool;
mod renew;
mod show;
mod successor;
mod words;

pub(crate) use words::cosigner_called;

pub(crate) use coins::never_synced;
pub use hurry::Hurry;
pub(crate) use list::DAMAGED;
pub use make::{Deadline, Revision, Terms};
pub(crate) use renew::first_opening;
pub use renew::{Pick, Renewal};

use crate::facts::Known;
use crate::view::ProposalView;
use crate::{Coordinator, Error, Moment, find};
use bitcoin::{Address, FeeRate, OutPoint, Psbt};
use quorate_core::journal::Body;
use quorate_core::proposal::abandon;
use quorate_core::psbt::{request, with_signatures as with_signatures_of};
use quorate_core::spend::{Recipient, Wishes, device_limits, review};
use quorate_core::text::check_line;
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredVault};

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
    /// What isn't asked of every spend.
    pub choices: Choices<'a>,
}

/// What isn't asked of every spend.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choices<'a> {
    /// The goal of the selection, data, version, parents to pay for, what nodes relay.
    pub wishes: Wishes<'a>,
    /// Coins whose label has one of these words in it aren't taken.
    pub avoid: &'a [String],
    /// What the recipients are called, by address: labels written in the same commit.
    pub names: &'a [(Address, String)],
}

fn check_note(note: Option<&str>) -> Result<(), Error> {
    let checked = note.map_or(Ok(()), |note| check_line("the note", note, MAX_MEMO));
    checked.map_err(|error| Error::input("bad_note", error.to_string()))
}

impl Coordinator {
    /// One proposal, by its id or the beginning of it.
    pub fn proposal(&mut self, id: &str) -> Result<ProposalView, Error> {
        self.with_proposal(id, |tx, row, vault, known| {
            show::view(tx, row, vault, known)
        })
    }

    /// The request as a file for cosigners: with the signatures collected so far, so that it can be
    /// handed from one to the next, or without any.
    pub fn export(&mut self, id: &str, with_signatures: bool) -> Result<Psbt, Error> {
        self.with_proposal(id, |_, _, _, known| {
            quorate_core::proposal::hand_out(known.row.id, &known.facts)?;
            Ok(if with_signatures {
                with_signatures_of(&known.proposal, &known.signatures)
            } else {
                request(&known.proposal)
            })
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
        check_note(note)?;
        self.decide(id, moment, |_, _, known| {
            Ok(Some(abandon(
                known.row.id,
                &known.facts,
                note.map(ToOwned::to_owned),
            )?))
        })
    }

    /// Appends what `rule` makes of one proposal's facts, if anything, and shows how it stands then.
    fn decide(
        &mut self,
        id: &str,
        moment: Moment,
        rule: impl FnOnce(&ReadTx<'_>, &Vault, &Known) -> Result<Option<Body>, Error>,
    ) -> Result<ProposalView, Error> {
        let now = self.tick(moment);
        let device = self.device.clone();
        self.store.write(|tx| {
            let id = find::proposal(tx, id)?;
            let (row, vault, known) = load(tx, id, now)?;
            if let Some(body) = rule(tx, &vault, &known)? {
                crate::append(&device, tx, row.id, now, body)?;
            }
            let (row, vault, known) = load(tx, id, now)?;
            show::view(tx, &row, &vault, &known)
        })
    }

    pub(crate) fn with_proposal<T>(
        &mut self,
        id: &str,
        f: impl FnOnce(&ReadTx<'_>, &StoredVault, &Vault, &Known) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let (row, vault, known) = load(tx, find::proposal(tx, id)?, now)?;
            f(tx, &row, &vault, &known)
        })
    }
}

/// Loads one proposal with its vault.
pub(crate) fn load(
    tx: &ReadTx<'_>,
    id: quorate_core::proposal::ProposalId,
    now: u64,
) -> Result<(StoredVault, Vault, Known), Error> {
    let stored = tx
        .proposal(id)?
        .ok_or_else(|| Error::input("unknown_proposal", format!("there is no proposal {id}")))?;
    let vault_id = stored.vault;
    let row = tx.vault(vault_id)?.ok_or_else(|| {
        Error::storage("damaged", format!("the vault of proposal {id} is missing"))
    })?;
    let vault = Coordinator::open_vault(&row)?;
    let known = Known::load(tx, &vault, stored, now)?;
    Ok((row, vault, known))
}
