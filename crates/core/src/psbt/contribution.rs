//! Admission: which signatures of a foreign PSBT become part of a proposal.
//!
//! The unsigned transaction must be ours to the byte, and every other field ours or absent
//! (trimmed files of some devices are welcome). Then each signature stands for itself: one that is
//! refused costs no other, and one that is already kept is never replaced.

use super::judge::Judge;
use super::unchanged::{same_fields, same_transaction};
use super::wire::{ForeignPsbt, RawSignature};
use crate::proposal::{Proposal, Sighashes, Signature, SignatureSet, Slot};
use crate::workers::{Alone, Workers, in_pieces};
use std::ops::Range;

/// Why a whole file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContributionError {
    /// Another transaction than the proposal's (T16).
    #[error(
        "its transaction differs from the proposal's in {0}: sign the file that `proposal export` writes, unchanged"
    )]
    OtherTransaction(&'static str),
    /// A field that isn't a signature was altered (T12).
    #[error(
        "its field {field} differs from the proposal's: somebody or some program altered the file, its signatures were not taken"
    )]
    Altered {
        /// Path of the field, for example `inputs[2].witness_script`.
        field: String,
    },
}

/// A signature that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSignature {
    /// Index of the input.
    pub input: u32,
    /// The cosigner whose key it names, by index; `None` when it names no key of the vault.
    pub cosigner: Option<usize>,
    /// What is wrong and what to do.
    pub reason: String,
}

/// What became of each signature of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// Verified and not there before.
    pub new: Vec<Admitted>,
    /// How many were kept already.
    pub known: Vec<Slot>,
    /// Not taken.
    pub refused: Vec<RefusedSignature>,
}

/// A verified signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Where it belongs.
    pub slot: Slot,
    /// Whose key made it, by index.
    pub cosigner: usize,
    /// The signature.
    pub signature: Signature,
}

/// Judges every signature in `foreign` as one for `proposal`, of which `kept` is there already.
pub fn admit(
    proposal: &Proposal,
    foreign: &ForeignPsbt,
    kept: &SignatureSet,
) -> Result<Admission, ContributionError> {
    admit_with(proposal, foreign, kept, &Alone)
}

/// [`admit`] with the inputs spread over `workers`.
pub fn admit_with(
    proposal: &Proposal,
    foreign: &ForeignPsbt,
    kept: &SignatureSet,
    workers: &dyn Workers,
) -> Result<Admission, ContributionError> {
    same_transaction(proposal.transaction(), &foreign.psbt.unsigned_tx)?;
    same_fields(proposal, &foreign.psbt)?;
    let pieces = in_pieces(workers, foreign.signatures.len(), &|inputs| {
        judge_inputs(proposal, foreign, kept, inputs)
    });
    Ok(pieces
        .into_iter()
        .fold(Admission::default(), |mut all, piece| {
            all.new.extend(piece.new);
            all.known.extend(piece.known);
            all.refused.extend(piece.refused);
            all
        }))
}

fn judge_inputs(
    proposal: &Proposal,
    foreign: &ForeignPsbt,
    kept: &SignatureSet,
    inputs: Range<usize>,
) -> Admission {
    let mut sighashes = Sighashes::new(proposal);
    let mut admission = Admission::default();
    for (number, raw) in (0u32..).zip(&foreign.signatures) {
        if raw.is_empty() || !inputs.contains(&(number as usize)) {
            continue;
        }
        let asked = foreign.psbt.inputs[number as usize].sighash_type;
        let mut input = Judge::new(proposal, number, asked, &mut sighashes);
        let (first_new, first_known) = (admission.new.len(), admission.known.len());
        let counted = |admission: &Admission, slot: Slot| {
            let new = admission.new[first_new..].iter().map(|new| new.slot);
            let known = admission.known[first_known..].iter().copied();
            new.chain(known).any(|there| there == slot)
        };
        let coin = &proposal.inputs()[number as usize].derived;
        let is_taproot = coin.taproot.is_some();
        let in_witness = |one: &RawSignature| one.is_candidate(is_taproot);
        // Whose they are shows only by trying every key: no more of them than keys, or a file could
        // keep us busy for minutes.
        let crowded = raw.iter().filter(|one| in_witness(one)).count() > coin.keys.len();
        if crowded {
            admission.refused.push(input.refuse(None, "the finalized input has more signatures than the vault has keys: sign the exported file again"));
        }
        // Nor more of those that no key of the input could have made than there are keys: each would cost
        // the search for a point, and a sentence that nobody reads among thousands.
        let misplaced: Vec<bool> = raw.iter().map(|one| !input.has_place(one)).collect();
        let count = misplaced.iter().filter(|misplaced| **misplaced).count();
        let flooded = count > coin.keys.len();
        if flooded {
            admission.refused.push(input.refuse(None, &format!("{count} signatures are by keys that don't belong to this input, or for other scripts: sign the exported file again")));
        }
        let judged = raw.iter().zip(misplaced);
        let judged = judged.filter(|(_, misplaced)| !(flooded && *misplaced));
        for (signature, _) in judged.filter(|(one, _)| !(crowded && in_witness(one))) {
            match input.judge(signature) {
                // A file may hold one both as a field and in a finalized witness.
                Ok(Some(admitted)) if counted(&admission, admitted.slot) => {}
                Ok(Some(admitted)) if kept.contains_key(&admitted.slot) => {
                    admission.known.push(admitted.slot);
                }
                Ok(Some(admitted)) => admission.new.push(admitted),
                Ok(None) => {}
                Err(refused) => admission.refused.push(refused),
            }
        }
    }
    admission
}
