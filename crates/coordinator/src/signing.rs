//! Collecting signatures: files in any order, from any number of cosigners.

use crate::facts::Known;
use crate::proposal::load;
use crate::threads::Threads;
use crate::view::{ErrorView, FileView, ImportView, RefusedView};
use crate::{Coordinator, Error, Moment, alarms};
use bitcoin::hex::DisplayHex;
use quorate_core::journal::{Body, SignatureText};
use quorate_core::proposal::ProposalId;
use quorate_core::psbt::{Admission, ForeignPsbt, admit, admit_with, read};
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_storage::ReadTx;
use std::collections::BTreeSet;

/// A file that somebody brought.
#[derive(Debug)]
pub struct Incoming {
    /// Its name, for messages.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Coordinator {
    /// Takes the valid signatures out of each file. A file that can't be used costs no other file
    /// anything, and a signature that is refused no other signature. Whatever is counted as
    /// accepted in the answer is on disk.
    pub fn import(&mut self, files: &[Incoming], moment: Moment) -> Result<ImportView, Error> {
        self.tick(moment);
        let mut views = Vec::with_capacity(files.len());
        for file in files {
            let view = match self.import_one(file, moment) {
                Ok(view) => view,
                // The store failing isn't the file's fault, and the next file would fail too.
                Err(error) if error.kind == crate::Kind::Storage => return Err(error),
                Err(error) => FileView {
                    file: file.name.clone(),
                    proposal: None,
                    accepted: 0,
                    known: 0,
                    refused: Vec::new(),
                    signers: Vec::new(),
                    error: Some(ErrorView::from(&error)),
                },
            };
            views.push(view);
        }
        self.summary(views)
    }

    fn import_one(&mut self, file: &Incoming, moment: Moment) -> Result<FileView, Error> {
        let about = |error: Error| error.about(&escape(&file.name));
        let foreign = read(&file.bytes).map_err(|error| about(error.into()))?;
        let count = foreign
            .signatures
            .iter()
            .filter(|input| !input.is_empty())
            .count();
        // Verifying takes time, so it is done before the lock is taken …
        let (vault, id, admission) = self.store.read(|tx| {
            let id = find(tx, &foreign, moment.now).map_err(about)?;
            let (_, vault, known) = load(tx, id, moment.now)?;
            quorate_core::proposal::admit(id, &known.facts).map_err(|error| about(error.into()))?;
            let admission = admit_with(&known.proposal, &foreign, &known.signatures, &Threads)
                .map_err(|error| about(error.into()))?;
            Ok::<_, Error>((vault, id, admission))
        })?;
        if count == 0 {
            return Err(about(Error::refused(
                "no_signatures",
                "there is no signature in it: it may be the unsigned request",
            ))
            .hint("sign it first, then import the file that the signer wrote"));
        }
        let device = self.device.clone();
        // … and what was verified is still true inside it: only the status and what others added
        // meanwhile can have changed.
        let new = self.store.write(|tx| {
            let (row, _, known) = load(tx, id, moment.now)?;
            quorate_core::proposal::admit(id, &known.facts).map_err(|error| about(error.into()))?;
            let new: Vec<_> = admission
                .new
                .iter()
                .filter(|one| !known.signatures.contains_key(&one.slot))
                .copied()
                .collect();
            if !new.is_empty() {
                let signatures = new
                    .iter()
                    .map(|one| SignatureText {
                        input: one.slot.input,
                        public_key: one
                            .signature
                            .key_bytes(&one.slot.public_key)
                            .to_lower_hex_string(),
                        signature: one.signature.to_string(),
                    })
                    .collect();
                crate::append(
                    &device,
                    tx,
                    row.id,
                    moment.now,
                    Body::ContributionAdded {
                        proposal: id,
                        signatures,
                    },
                )?;
            }
            Ok::<_, Error>(new)
        })?;
        let signers: BTreeSet<String> = new
            .iter()
            .filter_map(|one| name(&vault, one.cosigner))
            .collect();
        Ok(FileView {
            file: file.name.clone(),
            proposal: Some(id.to_string()),
            accepted: new.len(),
            known: admission.known.len() + admission.new.len() - new.len(),
            refused: refused(&vault, &admission),
            signers: signers.into_iter().collect(),
            error: None,
        })
    }

    fn summary(&mut self, files: Vec<FileView>) -> Result<ImportView, Error> {
        let proposals: BTreeSet<&String> = files
            .iter()
            .filter_map(|file| file.proposal.as_ref())
            .collect();
        let one = match proposals.iter().collect::<Vec<_>>().as_slice() {
            [one] => Some((**one).clone()),
            _ => None,
        };
        let shown = one.as_deref().map(|id| self.proposal(id)).transpose()?;
        let now = self.now;
        let findings = self.store.read(|tx| {
            let mut findings = BTreeSet::new();
            for id in &proposals {
                let (_, vault, _) = load(tx, crate::find::proposal(tx, id)?, now)?;
                findings.extend(alarms::of_vault(tx, &vault)?);
            }
            Ok::<_, Error>(findings.into_iter().collect())
        })?;
        Ok(ImportView {
            proposal: one,
            accepted: files.iter().map(|file| file.accepted).sum(),
            known: files.iter().map(|file| file.known).sum(),
            refused: files.iter().flat_map(|file| file.refused.clone()).collect(),
            findings,
            status: shown.as_ref().map(|view| view.status.clone()),
            next: shown.and_then(|view| view.next),
            files,
        })
    }
}

fn name(vault: &Vault, cosigner: usize) -> Option<String> {
    vault
        .cosigners()
        .get(cosigner)
        .map(|cosigner| cosigner.name.clone())
}

pub(crate) fn refused(vault: &Vault, admission: &Admission) -> Vec<RefusedView> {
    admission
        .refused
        .iter()
        .map(|one| RefusedView {
            input: one.input,
            cosigner: one.cosigner.and_then(|cosigner| name(vault, cosigner)),
            reason: one.reason.clone(),
        })
        .collect()
}

/// Finds the proposal a file is for, by its transaction.
fn find(tx: &ReadTx<'_>, foreign: &ForeignPsbt, now: u64) -> Result<ProposalId, Error> {
    let unsigned = &foreign.psbt.unsigned_tx;
    if let Some(id) = tx.proposal_by_unsigned(unsigned.compute_txid())? {
        return Ok(id);
    }
    // Not one of ours: say why, if one of ours is close.
    for row in tx.proposals(None)? {
        let Ok(ours) = read(&row.psbt) else { continue };
        let shares_coin = ours.psbt.unsigned_tx.input.iter().any(|one| {
            unsigned
                .input
                .iter()
                .any(|other| one.previous_output == other.previous_output)
        });
        if shares_coin {
            let (_, _, known): (_, _, Known) = load(tx, row.id, now)?;
            let id = &row.id.to_string()[..12];
            return Err(match admit(&known.proposal, foreign, &known.signatures) {
                Err(error) => {
                    Error::from(error).about(&format!("it spends coins of proposal {id}, but"))
                }
                Ok(_) => Error::refused(
                    "other_transaction",
                    format!("it isn't the transaction of proposal {id}"),
                ),
            });
        }
    }
    Err(Error::refused(
        "no_proposal",
        "it is for no proposal of this home: it may belong to another vault or another home",
    )
    .hint("`quorate proposal list` shows the proposals here"))
}
