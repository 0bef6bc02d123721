//! Looking at a request without anybody's help: the file and our own copy of the vault are enough to
//! say what it pays, what comes back, and who signed. No chain source is asked, and nothing that
//! the coordinator's home says is needed.

mod build;
mod knowledge;
mod timelocks;

pub(crate) use build::{rate, reviewed};
pub(crate) use knowledge::Situation;

use crate::signing::refused;
use crate::view::FileReviewView;
use crate::{Coordinator, Error, Incoming, alarms, vault_row};
use bitcoin::Network;
use quorate_core::proposal::{PinError, Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{ForeignPsbt, admit, read};
use quorate_core::spend::review_knowing;
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_storage::{ReadTx, StoredVault};
use std::collections::BTreeSet;

impl Coordinator {
    /// What a request in a file does. The vault is found by itself unless it is named.
    pub fn review_file(
        &mut self,
        file: &Incoming,
        vault: Option<&str>,
    ) -> Result<FileReviewView, Error> {
        let about = |error: Error| error.about(&escape(&file.name));
        let foreign = read(&file.bytes).map_err(|error| about(error.into()))?;
        self.store.read(|tx| {
            let request = spent_from(tx, &foreign, vault).map_err(about)?;
            view(Some(tx), &request, &foreign).map_err(about)
        })
    }

    /// The same of a request that was found before.
    pub fn review_request(
        &mut self,
        request: &Request,
        foreign: &ForeignPsbt,
    ) -> Result<FileReviewView, Error> {
        self.store.read(|tx| view(Some(tx), request, foreign))
    }
}

/// What a request in a file does, by a vault's descriptor in another file: no home is needed. What
/// only a home knows (who was paid before, how old coins are) isn't said then.
pub fn review_alone(
    file: &Incoming,
    network: Network,
    descriptor: &Incoming,
) -> Result<FileReviewView, Error> {
    let about = |error: Error| error.about(&escape(&file.name));
    let foreign = read(&file.bytes).map_err(|error| about(error.into()))?;
    let text = String::from_utf8_lossy(&descriptor.bytes);
    let vault = Vault::from_descriptor(network, &text, None)
        .map_err(|error| Error::from(error).about(&escape(&descriptor.name)))?;
    let proposal =
        Proposal::check(&vault, foreign.psbt.clone()).map_err(|error| about(error.into()))?;
    let request = Request {
        name: descriptor.name.clone(),
        vault,
        proposal,
    };
    view(None, &request, &foreign).map_err(about)
}

fn view(
    tx: Option<&ReadTx<'_>>,
    request: &Request,
    foreign: &ForeignPsbt,
) -> Result<FileReviewView, Error> {
    let Request {
        name,
        vault,
        proposal,
    } = request;
    let admission = admit(proposal, foreign, &SignatureSet::new())?;
    let signatures = admission.new.iter().map(|one| (one.slot, one.signature));
    let signed = SignedInputs::of(proposal, &signatures.collect());
    let mut situation = match tx {
        Some(tx) => Situation::of(tx, vault, proposal)?,
        None => Situation::default(),
    };
    for alarm in alarms::of_file(tx, vault, proposal, &admission.new)? {
        if !situation.alarms.contains(&alarm) {
            situation.alarms.push(alarm);
        }
    }
    let review = review_knowing(vault, proposal, &situation.knowledge);
    Ok(FileReviewView {
        vault: name.clone(),
        vault_id: vault.id().to_string(),
        proposal: proposal.id().to_string(),
        txid: proposal.txid().to_string(),
        review: reviewed(vault, proposal, &signed, &review, &situation),
        refused: refused(vault, &admission),
    })
}

/// A file that was proven to be a spend of a vault of this home.
#[derive(Debug)]
pub struct Request {
    /// The vault's name.
    pub name: String,
    /// The vault.
    pub vault: Vault,
    /// What is asked for.
    pub proposal: Proposal,
}

const IMPORT: &str = "import it first with `quorate vault import NAME FILE`, and compare its id with \
                      the other cosigners";

impl Error {
    /// Nothing can be proven of a file where no vault is known.
    #[must_use]
    pub fn no_vault() -> Self {
        Self::refused(
            "no_vault",
            "this data folder has no vault, so it isn't known what would be signed",
        )
        .hint(format!(
            "run `quorate init`; if the vault is yours, {IMPORT}"
        ))
    }
}

impl Coordinator {
    /// The vault whose coins a file spends (or the one that is named), and the checked request.
    pub fn request(
        &mut self,
        foreign: &ForeignPsbt,
        vault: Option<&str>,
    ) -> Result<Request, Error> {
        self.store.read(|tx| spent_from(tx, foreign, vault))
    }
}

/// All vaults, those first to whose scripts the file says its coins were paid: of thousands only one is opened
/// then. That the file may be wrong about it makes no difference to what is proven.
fn likeliest_first(tx: &ReadTx<'_>, foreign: &ForeignPsbt) -> Result<Vec<StoredVault>, Error> {
    let mut likely = BTreeSet::new();
    let inputs = foreign.psbt.unsigned_tx.input.iter();
    for (input, fields) in inputs.zip(&foreign.psbt.inputs) {
        let vout = input.previous_output.vout as usize;
        let whole = fields.non_witness_utxo.as_ref();
        let whole = whole.and_then(|before| before.output.get(vout));
        let Some(spent) = fields.witness_utxo.as_ref().or(whole) else {
            continue;
        };
        for owner in tx.ledger_owners(&spent.script_pubkey)? {
            likely.extend(tx.ledger_vault_id(owner.vault)?);
        }
    }
    let mut rows = tx.vaults()?;
    rows.sort_by_key(|row| !likely.contains(&row.id));
    Ok(rows)
}

/// What is wrong with a spend of a vault says more than that it is of no other.
fn spent_from(
    tx: &ReadTx<'_>,
    foreign: &ForeignPsbt,
    named: Option<&str>,
) -> Result<Request, Error> {
    let rows = match named {
        Some(name) => vec![vault_row(tx, name)?],
        None => likeliest_first(tx, foreign)?,
    };
    if rows.is_empty() {
        return Err(Error::no_vault());
    }
    let mut fault = None;
    for row in rows {
        let vault = Coordinator::open_vault(&row)?;
        match Proposal::check(&vault, foreign.psbt.clone()) {
            Ok(proposal) => {
                return Ok(Request {
                    name: row.name,
                    vault,
                    proposal,
                });
            }
            Err(error) if matches!(fault, None | Some(PinError::NotOurCoin { .. })) => {
                fault = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(match fault {
        Some(error) if named.is_some() => error.into(),
        Some(PinError::NotOurCoin { .. }) | None => Error::refused(
            "foreign_input",
            "it spends from no vault of this data folder",
        )
        .hint(format!("if the vault is yours, {IMPORT}")),
        Some(error) => error.into(),
    })
}
