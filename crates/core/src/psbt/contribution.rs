//! Admission: which signatures of a foreign PSBT become part of a proposal.
//!
//! The unsigned transaction must be ours to the byte, and every other field ours or absent
//! (trimmed files of some devices are welcome). Then each signature stands for itself: one that is
//! refused costs no other, and one that is already kept is never replaced.

use super::unchanged::{same_fields, same_transaction};
use super::wire::{ForeignPsbt, RawSignature};
use crate::key::SECP;
use crate::proposal::{Proposal, SignatureSet, Slot};
use crate::workers::{Alone, Workers, in_pieces};
use bitcoin::secp256k1::{self, Message, Secp256k1};
use bitcoin::sighash::SighashCache;
use bitcoin::{EcdsaSighashType, PublicKey, Transaction, ecdsa};
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
    pub signature: ecdsa::Signature,
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
    same_fields(proposal.psbt(), &foreign.psbt)?;
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
    let secp = &*SECP;
    let mut cache = SighashCache::new(proposal.transaction());
    let mut admission = Admission::default();
    for (number, raw) in (0u32..).zip(&foreign.signatures) {
        if raw.is_empty() || !inputs.contains(&(number as usize)) {
            continue;
        }
        let mut input = Input::new(proposal, number, &mut cache);
        let first_new = admission.new.len();
        let in_witness = |one: &RawSignature| matches!(one, RawSignature::Witness { .. });
        // Whose they are shows only by trying every key: no more of them than keys, or a file could
        // keep us busy for minutes.
        let crowded = raw.iter().filter(|one| in_witness(one)).count() > input.keys().len();
        if crowded {
            admission.refused.push(input.refuse(None, "the finalized input has more signatures than the vault has keys: sign the exported file again"));
        }
        for signature in raw.iter().filter(|one| !(crowded && in_witness(one))) {
            match input.judge(secp, signature) {
                Ok(Some(admitted)) if kept.contains_key(&admitted.slot) => {
                    admission.known.push(admitted.slot)
                }
                Ok(Some(admitted))
                    if admission.new[first_new..]
                        .iter()
                        .any(|new| new.slot == admitted.slot) => {}
                Ok(Some(admitted)) => admission.new.push(admitted),
                Ok(None) => {}
                Err(refused) => admission.refused.push(refused),
            }
        }
    }
    admission
}

/// What is needed to judge the signatures of one input.
struct Input<'a> {
    number: u32,
    proposal: &'a Proposal,
    message: Option<Message>,
    field: Option<bitcoin::psbt::PsbtSighashType>,
}

impl<'a> Input<'a> {
    fn new(proposal: &'a Proposal, number: u32, cache: &mut SighashCache<&'a Transaction>) -> Self {
        let index = number as usize;
        let coin = &proposal.inputs()[index];
        // Our own script and amount: nothing of the foreign file goes into what is verified.
        let message = coin.derived.witness_script.as_ref().and_then(|script| {
            cache
                .p2wsh_signature_hash(index, script, coin.prevout.value, EcdsaSighashType::All)
                .ok()
        });
        Self {
            number,
            proposal,
            message: message.map(Message::from),
            field: proposal.psbt().inputs[index].sighash_type,
        }
    }

    fn judge(
        &mut self,
        secp: &Secp256k1<secp256k1::VerifyOnly>,
        raw: &RawSignature,
    ) -> Result<Option<Admitted>, RefusedSignature> {
        match raw {
            RawSignature::Partial { key, value } => self.partial(secp, key, value).map(Some),
            RawSignature::Witness { value } => self.witness(secp, value),
        }
    }

    fn keys(&self) -> &'a [crate::vault::DerivedKey] {
        &self.proposal.inputs()[self.number as usize].derived.keys
    }

    fn refuse(&self, cosigner: Option<usize>, reason: &str) -> RefusedSignature {
        RefusedSignature {
            input: self.number,
            cosigner,
            reason: reason.to_owned(),
        }
    }

    fn partial(
        &self,
        secp: &Secp256k1<secp256k1::VerifyOnly>,
        key: &[u8],
        value: &[u8],
    ) -> Result<Admitted, RefusedSignature> {
        // By its bytes: to read a point costs a square root, and only ours matter.
        let known = self
            .keys()
            .iter()
            .find(|known| known.public_key.inner.serialize() == *key);
        let Some(known) = known else {
            return Err(self.refuse(None, match PublicKey::from_slice(key) {
                Ok(_) => "its key doesn't belong to this input: check that the right device or account signed",
                Err(_) => "it names something that isn't a public key",
            }));
        };
        let public_key = known.public_key;
        let cosigner = Some(known.cosigner);
        let signature = self
            .parse(value)
            .map_err(|reason| self.refuse(cosigner, reason))?;
        if !self.verifies(secp, &signature, public_key) {
            return Err(self.refuse(cosigner, "it isn't a valid signature of this transaction by that key: sign the exported file again"));
        }
        Ok(Admitted {
            slot: Slot {
                input: self.number,
                public_key,
            },
            cosigner: known.cosigner,
            signature,
        })
    }

    /// An element of a final witness: whose signature it is shows only by trying the keys.
    fn witness(
        &self,
        secp: &Secp256k1<secp256k1::VerifyOnly>,
        value: &[u8],
    ) -> Result<Option<Admitted>, RefusedSignature> {
        let signature = self
            .parse(value)
            .map_err(|reason| self.refuse(None, reason))?;
        let signer = self
            .keys()
            .iter()
            .find(|key| self.verifies(secp, &signature, key.public_key));
        let Some(signer) = signer else {
            return Err(self.refuse(None, "a signature in the finalized input is by none of the vault's keys for this transaction: sign the exported file again"));
        };
        let slot = Slot {
            input: self.number,
            public_key: signer.public_key,
        };
        Ok(Some(Admitted {
            slot,
            cosigner: signer.cosigner,
            signature,
        }))
    }

    /// Strict DER with low S, and SIGHASH_ALL both in the field and in the signature itself.
    fn parse(&self, value: &[u8]) -> Result<ecdsa::Signature, &'static str> {
        if self
            .field
            .is_some_and(|field| field.to_u32() != EcdsaSighashType::All.to_u32())
        {
            return Err("the proposal doesn't ask for SIGHASH_ALL");
        }
        let (&sighash, der) = value.split_last().ok_or("it is empty")?;
        if u32::from(sighash) != EcdsaSighashType::All.to_u32() {
            return Err(
                "it doesn't commit to the whole transaction: only SIGHASH_ALL is accepted, set the device to it and sign again",
            );
        }
        let signature = secp256k1::ecdsa::Signature::from_der(der)
            .map_err(|_| "it isn't an ECDSA signature in strict DER form: sign again with another device or program")?;
        let mut normalized = signature;
        normalized.normalize_s();
        if normalized != signature || signature.serialize_der().as_ref() != der {
            return Err(
                "it isn't in canonical form (high S or padded), so nodes wouldn't relay it: sign again with an up-to-date device or program",
            );
        }
        Ok(ecdsa::Signature {
            signature,
            sighash_type: EcdsaSighashType::All,
        })
    }

    fn verifies(
        &self,
        secp: &Secp256k1<secp256k1::VerifyOnly>,
        signature: &ecdsa::Signature,
        key: PublicKey,
    ) -> bool {
        self.message.is_some_and(|message| {
            secp.verify_ecdsa(&message, &signature.signature, &key.inner)
                .is_ok()
        })
    }
}
