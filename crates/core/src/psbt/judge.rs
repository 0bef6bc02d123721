//! Judges the signatures of one input: whose each is, whether it has the one form nodes relay, whether
//! it commits to the whole transaction, and whether it verifies against our own transaction, amounts
//! and scripts.

use super::contribution::{Admitted, RefusedSignature};
use super::wire::RawSignature;
use crate::key::SECP;
use crate::proposal::{Proposal, Sighashes, Signature, Slot};
use crate::vault::DerivedKey;
use bitcoin::psbt::PsbtSighashType;
use bitcoin::secp256k1::{self, Message, schnorr};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{EcdsaSighashType, PublicKey, TapSighashType, XOnlyPublicKey, ecdsa, taproot};

const NOT_THIS_KEY: &str =
    "its key doesn't belong to this input: check that the right device or account signed";
const NO_KEY: &str = "it names something that isn't a public key";
const NOT_VALID: &str =
    "it isn't a valid signature of this transaction by that key: sign the exported file again";
const NOBODYS: &str = "a signature in the finalized input is by none of the vault's keys for this transaction: sign the exported file again";
const OTHER_KIND: &str = "it is of another kind than this vault's inputs take: sign with a program that knows their script type";

/// What is needed to judge the signatures of one input.
pub(super) struct Judge<'a, 'c> {
    number: u32,
    keys: &'a [DerivedKey],
    is_taproot: bool,
    /// What ECDSA signatures sign; the same for all keys of the input.
    message: Option<Message>,
    /// The sighash types that the request and the file ask for.
    asked: [Option<PsbtSighashType>; 2],
    sighashes: &'c mut Sighashes<'a>,
}

impl<'a, 'c> Judge<'a, 'c> {
    pub(super) fn new(
        proposal: &'a Proposal,
        number: u32,
        theirs: Option<PsbtSighashType>,
        sighashes: &'c mut Sighashes<'a>,
    ) -> Self {
        let index = number as usize;
        let derived = &proposal.inputs()[index].derived;
        Self {
            number,
            keys: &derived.keys,
            is_taproot: derived.taproot.is_some(),
            message: sighashes.ecdsa(index),
            asked: [proposal.psbt().inputs[index].sighash_type, theirs],
            sighashes,
        }
    }

    /// `None` for what turns out not to be a signature.
    pub(super) fn judge(
        &mut self,
        raw: &RawSignature,
    ) -> Result<Option<Admitted>, RefusedSignature> {
        match raw {
            RawSignature::Partial { .. } if self.is_taproot => Err(self.refuse(None, OTHER_KIND)),
            RawSignature::TapKey { .. } | RawSignature::TapScript { .. } if !self.is_taproot => {
                Err(self.refuse(None, OTHER_KIND))
            }
            RawSignature::Partial { key, value } => self.partial(key, value).map(Some),
            RawSignature::TapKey { value } => self.tap_key(value).map(Some),
            RawSignature::TapScript { key, value } => self.tap_script(key, value).map(Some),
            RawSignature::Witness { value } if !self.is_taproot => self.witness(value).map(Some),
            RawSignature::TapWitness { leaf, value } if self.is_taproot => {
                self.tap_witness(*leaf, value).map(Some)
            }
            RawSignature::Witness { .. } | RawSignature::TapWitness { .. } => Ok(None),
        }
    }

    /// Whether it stands where one of this input's signatures would. Elements of a witness don't say.
    pub(super) fn has_place(&self, raw: &RawSignature) -> bool {
        let mut keys = self.keys.iter();
        match raw {
            RawSignature::Partial { key, .. } => {
                keys.any(|ours| ours.public_key.inner.serialize() == key[..])
            }
            RawSignature::TapScript { key, .. } => keys.any(|ours| {
                let x_only = &ours.public_key.inner.serialize()[1..];
                let leaf = key.strip_prefix(x_only);
                leaf.is_some_and(|leaf| {
                    ours.leaf.is_some_and(|ours| ours.as_ref() as &[u8] == leaf)
                })
            }),
            RawSignature::TapKey { .. }
            | RawSignature::Witness { .. }
            | RawSignature::TapWitness { .. } => true,
        }
    }

    pub(super) fn refuse(&self, cosigner: Option<usize>, reason: &str) -> RefusedSignature {
        RefusedSignature {
            input: self.number,
            cosigner,
            reason: reason.to_owned(),
        }
    }

    fn admitted(&self, key: &DerivedKey, signature: Signature) -> Admitted {
        Admitted {
            slot: Slot {
                input: self.number,
                public_key: key.public_key,
            },
            cosigner: key.cosigner,
            signature,
        }
    }

    fn partial(&self, key: &[u8], value: &[u8]) -> Result<Admitted, RefusedSignature> {
        // By its bytes: to read a point costs a square root, and only ours matter.
        let mut keys = self.keys.iter();
        let known = keys.find(|known| known.public_key.inner.serialize() == *key);
        let Some(known) = known else {
            let is_key = PublicKey::from_slice(key).is_ok();
            return Err(self.refuse(None, if is_key { NOT_THIS_KEY } else { NO_KEY }));
        };
        let cosigner = Some(known.cosigner);
        let signature =
            parse_ecdsa(value, self.asked).map_err(|reason| self.refuse(cosigner, reason))?;
        if !self.verifies_ecdsa(&signature, known) {
            return Err(self.refuse(cosigner, NOT_VALID));
        }
        Ok(self.admitted(known, Signature::Ecdsa(signature)))
    }

    fn tap_script(&mut self, key: &[u8], value: &[u8]) -> Result<Admitted, RefusedSignature> {
        let (x_only, leaf) = key.split_at(key.len().min(32));
        let mut keys = self.keys.iter();
        let known = keys.find(|known| known.public_key.inner.serialize()[1..] == *x_only);
        let Some(known) = known else {
            let is_key = XOnlyPublicKey::from_slice(x_only).is_ok();
            return Err(self.refuse(None, if is_key { NOT_THIS_KEY } else { NO_KEY }));
        };
        if known
            .leaf
            .is_none_or(|known| known.as_ref() as &[u8] != leaf)
        {
            return Err(self.refuse(
                Some(known.cosigner),
                "it signs for a script in which that key doesn't occur: sign the exported file again",
            ));
        }
        self.schnorr(known, value)
    }

    /// Of the internal key. Some programs leave one here that can't verify, where the key is nobody's.
    fn tap_key(&mut self, value: &[u8]) -> Result<Admitted, RefusedSignature> {
        match self.keys.iter().find(|key| key.leaf.is_none()) {
            Some(key) => self.schnorr(key, value),
            None => Err(self.refuse(
                None,
                "it signs for the internal key, which is nobody's in this vault: only signatures in its scripts count",
            )),
        }
    }

    fn schnorr(&mut self, key: &DerivedKey, value: &[u8]) -> Result<Admitted, RefusedSignature> {
        let cosigner = Some(key.cosigner);
        let signature =
            parse_schnorr(value, self.asked).map_err(|reason| self.refuse(cosigner, reason))?;
        if !self.verifies_schnorr(&signature, key) {
            return Err(self.refuse(cosigner, NOT_VALID));
        }
        Ok(self.admitted(key, Signature::Schnorr(signature)))
    }

    /// An element of a finalized input: whose signature it is shows only by trying the keys.
    fn witness(&self, value: &[u8]) -> Result<Admitted, RefusedSignature> {
        let signature =
            parse_ecdsa(value, self.asked).map_err(|reason| self.refuse(None, reason))?;
        for key in self.keys {
            if self.verifies_ecdsa(&signature, key) {
                return Ok(self.admitted(key, Signature::Ecdsa(signature)));
            }
        }
        Err(self.refuse(None, NOBODYS))
    }

    fn tap_witness(
        &mut self,
        leaf: Option<TapLeafHash>,
        value: &[u8],
    ) -> Result<Admitted, RefusedSignature> {
        let signature =
            parse_schnorr(value, self.asked).map_err(|reason| self.refuse(None, reason))?;
        for key in self.keys.iter().filter(|key| key.leaf == leaf) {
            if self.verifies_schnorr(&signature, key) {
                return Ok(self.admitted(key, Signature::Schnorr(signature)));
            }
        }
        Err(self.refuse(None, NOBODYS))
    }

    fn verifies_ecdsa(&self, signature: &ecdsa::Signature, key: &DerivedKey) -> bool {
        self.message.is_some_and(|message| {
            SECP.verify_ecdsa(&message, &signature.signature, &key.public_key.inner)
                .is_ok()
        })
    }

    fn verifies_schnorr(&mut self, signature: &taproot::Signature, key: &DerivedKey) -> bool {
        let input = self.number as usize;
        let kind = signature.sighash_type;
        let message = self.sighashes.schnorr(input, key.leaf, kind);
        let verifier = self.sighashes.schnorr_key(input, key);
        message.zip(verifier).is_some_and(|(message, verifier)| {
            SECP.verify_schnorr(&signature.signature, &message, &verifier)
                .is_ok()
        })
    }
}

/// Strict DER with low S, and SIGHASH_ALL both in the field and in the signature itself.
fn parse_ecdsa(
    value: &[u8],
    asked: [Option<PsbtSighashType>; 2],
) -> Result<ecdsa::Signature, &'static str> {
    let all = EcdsaSighashType::All.to_u32();
    if asked
        .into_iter()
        .flatten()
        .any(|asked| asked.to_u32() != all)
    {
        return Err("the proposal doesn't ask for SIGHASH_ALL");
    }
    let (&sighash, der) = value.split_last().ok_or("it is empty")?;
    if u32::from(sighash) != all {
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

/// 64 bytes for SIGHASH_DEFAULT, 65 for SIGHASH_ALL (BIP341), and the one that was asked for, if one
/// was.
fn parse_schnorr(
    value: &[u8],
    asked: [Option<PsbtSighashType>; 2],
) -> Result<taproot::Signature, &'static str> {
    let (bytes, sighash_type) = match value {
        [] => return Err("it is empty"),
        bytes if bytes.len() == 64 => (bytes, TapSighashType::Default),
        [bytes @ .., last] if bytes.len() == 64 => {
            if *last != TapSighashType::All as u8 {
                return Err(
                    "it doesn't commit to the whole transaction: only SIGHASH_DEFAULT and SIGHASH_ALL are accepted, set the device to one of them and sign again",
                );
            }
            (bytes, TapSighashType::All)
        }
        _ => {
            return Err(
                "it isn't a Schnorr signature of 64 or 65 bytes: sign again with another device or program",
            );
        }
    };
    let kind = PsbtSighashType::from(sighash_type);
    if asked.into_iter().flatten().any(|asked| asked != kind) {
        return Err(
            "its sighash type isn't the one the file asks for: sign the exported file again",
        );
    }
    let signature = schnorr::Signature::from_slice(bytes)
        .map_err(|_| "it isn't a Schnorr signature: sign again with another device or program")?;
    Ok(taproot::Signature {
        signature,
        sighash_type,
    })
}
