//! Looking at a request without anybody's help: the file and our own copy of the vault are enough to
//! say what it pays, what comes back, and who signed. No chain source is asked, and nothing that
//! the coordinator's home says is needed.

use crate::proposal::inputs;
use crate::signing::refused;
use crate::view::{self, FileReviewView};
use crate::{Coordinator, Error, Incoming, vault_row};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{PinError, Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{ForeignPsbt, admit, read};
use quorate_core::spend::review;
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_storage::StoredVault;

impl Coordinator {
    /// What a request in a file does. The vault is found by itself unless it is named.
    pub fn review_file(
        &mut self,
        file: &Incoming,
        vault: Option<&str>,
    ) -> Result<FileReviewView, Error> {
        let about = |error: Error| error.about(&escape(&file.name));
        let foreign = read(&file.bytes).map_err(|error| about(error.into()))?;
        let (row, vault, proposal, used) = self.store.read(|tx| {
            let rows = match vault {
                Some(name) => vec![vault_row(tx, name)?],
                None => tx.vaults()?,
            };
            let (row, vault, proposal) = spent_from(rows, &foreign).map_err(about)?;
            let used = tx.last_revealed(row.id, Keychain::Change)?;
            Ok::<_, Error>((row, vault, proposal, used))
        })?;
        let admission = admit(&proposal, &foreign, &SignatureSet::new())
            .map_err(|error| about(error.into()))?;
        let signatures = admission.new.iter().map(|one| (one.slot, one.signature));
        let signed = SignedInputs::of(&proposal, &signatures.collect());
        let review = review(&vault, &proposal, used);
        let explained = vault.explain();
        Ok(FileReviewView {
            vault: row.name,
            vault_id: row.id.to_string(),
            proposal: proposal.id().to_string(),
            txid: proposal.txid().to_string(),
            recipients: review.recipients.iter().map(view::payment).collect(),
            change: review.change.iter().map(view::payment).collect(),
            fee_sat: review.fee.to_sat(),
            feerate_sat_vb: view::rate(&review),
            inputs: inputs(&vault, &proposal, &signed),
            refused: refused(&vault, &admission),
            paths: review
                .paths
                .iter()
                .filter_map(|&path| explained.get(path).cloned())
                .collect(),
            words: review.words.iter().map(ToString::to_string).collect(),
            findings: review.findings.iter().map(view::finding).collect(),
        })
    }
}

/// The vault whose coins the request spends. What is wrong with a spend of a vault says more than
/// that it is of no other.
fn spent_from(
    rows: Vec<StoredVault>,
    foreign: &ForeignPsbt,
) -> Result<(StoredVault, Vault, Proposal), Error> {
    let mut fault = None;
    for row in rows {
        let vault = Coordinator::open_vault(&row)?;
        match Proposal::check(&vault, foreign.psbt.clone()) {
            Ok(proposal) => return Ok((row, vault, proposal)),
            Err(error) if fault.is_none() || !matches!(error, PinError::NotOurCoin { .. }) => {
                fault = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(match fault {
        Some(PinError::NotOurCoin { .. }) | None => {
            Error::refused("foreign_input", "it spends from no vault of this home").hint(
                "if the vault is yours, import it with `quorate vault import` and compare its id",
            )
        }
        Some(error) => error.into(),
    })
}
