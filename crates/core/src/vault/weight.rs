//! What spending one coin costs in weight, for each spending path: measured on a real
//! satisfaction with signatures of the greatest length, not estimated.

use super::VaultError;
use super::derive::child;
use super::shape::{Shape, Slot};
use crate::policy::{AnalyzedPath, Timelock};
use crate::script_type::ScriptType;
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::secp256k1::{ecdsa::Signature as RawSignature, schnorr};
use bitcoin::taproot::{self, TapLeafHash};
use bitcoin::{
    EcdsaSighashType, PublicKey, TapSighashType, Weight, Witness, absolute, ecdsa, relative,
};
use miniscript::{Descriptor, Satisfier};
use std::collections::BTreeSet;

/// The weight of one input for each path, as `Vault::satisfaction_weight` defines it. Any index
/// will do: all keys are 33 bytes, and the locks are part of the shape.
pub(super) fn of_paths(
    shape: &Shape,
    chains: &[[Xpub; 2]],
    paths: &[AnalyzedPath<Slot>],
) -> Result<Vec<Weight>, VaultError> {
    let first = ChildNumber::Normal { index: 0 };
    let script_type = shape.script_type();
    let keys = chains
        .iter()
        .map(|[receive, _]| child(script_type, receive, first))
        .collect::<Result<Vec<_>, _>>()?;
    let descriptor = shape.fill(&keys)?;
    paths
        .iter()
        .map(|path| {
            let members: Vec<PublicKey> = path
                .quorum
                .keys
                .values()
                .filter_map(|slot| slot.key(&keys))
                .collect();
            heaviest(&members, path.quorum.threshold, |signers| {
                satisfy(script_type, &descriptor, signers, path.lock)
            })
        })
        .collect()
}

/// The weight with the heaviest quorum. Which members sign makes no difference in scripts that we
/// compile, but may in others; there each member's share is independent of the others', so the
/// shares are compared one by one instead of trying all combinations.
fn heaviest(
    members: &[PublicKey],
    threshold: usize,
    weight: impl Fn(&[PublicKey]) -> Result<Weight, VaultError>,
) -> Result<Weight, VaultError> {
    let (base, spare) = members.split_at(threshold.min(members.len()));
    let Some((&substitute, _)) = spare.split_first() else {
        return weight(base);
    };
    let usual = weight(base)?.to_wu();
    let with = |at: usize, key: PublicKey| {
        let mut signers = base.to_vec();
        signers[at] = key;
        Ok::<_, VaultError>(weight(&signers)?.to_wu())
    };
    // Each share is relative to the first member's: what the weight is with it in that place.
    let mut shares: Vec<(u64, PublicKey)> = vec![(usual, base[0])];
    for &key in spare {
        shares.push((with(0, key)?, key));
    }
    let substituted = with(0, substitute)?;
    for (at, &key) in base.iter().enumerate().skip(1) {
        shares.push((
            (usual + substituted).saturating_sub(with(at, substitute)?),
            key,
        ));
    }
    shares.sort_by(|a, b| b.cmp(a));
    let signers: Vec<PublicKey> = shares.iter().take(threshold).map(|(_, key)| *key).collect();
    weight(&signers)
}

fn satisfy(
    script_type: ScriptType,
    descriptor: &Descriptor<PublicKey>,
    signers: &[PublicKey],
    lock: Option<Timelock>,
) -> Result<Weight, VaultError> {
    let longest = Longest {
        signers: signers.iter().copied().collect(),
        lock,
        ecdsa: longest_ecdsa()?,
        schnorr: longest_schnorr()?,
    };
    let (witness, script_sig) = descriptor
        .get_satisfaction(&longest)
        .map_err(|e| VaultError::Miniscript(e.to_string()))?;
    // A transaction without any witness has no witness fields at all.
    let witness = match script_type.is_segwit() {
        true => Witness::from_slice(&witness).size(),
        false => 0,
    };
    // The length of 253 bytes and more is written in three bytes, one of which every input has.
    let length = if script_sig.len() > 252 { 2 } else { 0 };
    Ok(Weight::from_wu_usize(witness)
        + Weight::from_non_witness_data_size(script_sig.len() as u64 + length))
}

/// 72 bytes with the sighash type: R with its highest bit set, S as high as low S may be.
fn longest_ecdsa() -> Result<ecdsa::Signature, VaultError> {
    let mut compact = [0x01; 64];
    compact[0] = 0x80;
    compact[32] = 0x7f;
    let signature = RawSignature::from_compact(&compact).map_err(|_| VaultError::Derivation)?;
    Ok(ecdsa::Signature {
        signature,
        sighash_type: EcdsaSighashType::All,
    })
}

/// 65 bytes: with the sighash type written out, though the requests we make leave it out.
fn longest_schnorr() -> Result<taproot::Signature, VaultError> {
    let signature = schnorr::Signature::from_slice(&[1; 64]).map_err(|_| VaultError::Derivation)?;
    Ok(taproot::Signature {
        signature,
        sighash_type: TapSighashType::All,
    })
}

/// Has signatures of these keys, and this lock has passed.
struct Longest {
    signers: BTreeSet<PublicKey>,
    lock: Option<Timelock>,
    ecdsa: ecdsa::Signature,
    schnorr: taproot::Signature,
}

impl Satisfier<PublicKey> for Longest {
    fn lookup_ecdsa_sig(&self, key: &PublicKey) -> Option<ecdsa::Signature> {
        self.signers.contains(key).then_some(self.ecdsa)
    }

    fn lookup_tap_key_spend_sig(&self, key: &PublicKey) -> Option<taproot::Signature> {
        self.signers.contains(key).then_some(self.schnorr)
    }

    fn lookup_tap_leaf_script_sig(
        &self,
        key: &PublicKey,
        _: &TapLeafHash,
    ) -> Option<taproot::Signature> {
        self.signers.contains(key).then_some(self.schnorr)
    }

    fn check_older(&self, lock: relative::LockTime) -> bool {
        let passed = self.lock.and_then(Timelock::sequence);
        let passed = passed.and_then(|sequence| sequence.to_relative_lock_time());
        passed.is_some_and(|passed| lock.is_implied_by(passed))
    }

    fn check_after(&self, lock: absolute::LockTime) -> bool {
        let passed = self.lock.and_then(Timelock::lock_time);
        passed.is_some_and(|passed| lock.is_implied_by(passed))
    }
}
