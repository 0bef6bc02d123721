//! Signatures read back out of inputs that somebody finalized. What is found here is only a candidate:
//! whose signature it is, and whether it is one, shows when it is verified.

use super::wire::{RawSignature, WireError};
use bitcoin::taproot::{LeafVersion, TapLeafHash};
use bitcoin::{Script, Witness, consensus};

/// Elements of a finalized input's witness: nodes relay no more beside the script, and `multi_a` of
/// as many keys as a vault may have needs far fewer.
const MAX_WITNESS: usize = 101;
/// What marks an annex (BIP341).
const ANNEX: u8 = 0x50;

/// Candidates in `PSBT_IN_FINAL_SCRIPTWITNESS`.
pub(super) fn in_witness(value: &[u8], found: &mut Vec<RawSignature>) -> Result<(), WireError> {
    let witness: Witness = consensus::deserialize(value)
        .map_err(|_| WireError::BadField("a finalized input's witness can't be read".to_owned()))?;
    if witness.len() > MAX_WITNESS {
        return Err(too_many());
    }
    let elements: Vec<&[u8]> = witness.iter().collect();
    found.extend(elements.iter().copied().filter_map(ecdsa));
    let (leaf, signatures) = taproot(&elements);
    let schnorr = signatures
        .iter()
        .filter(|element| matches!(element.len(), 64 | 65));
    found.extend(schnorr.map(|element| RawSignature::TapWitness {
        leaf,
        value: element.to_vec(),
    }));
    Ok(())
}

/// Candidates in `PSBT_IN_FINAL_SCRIPTSIG`.
pub(super) fn in_script(value: &[u8], found: &mut Vec<RawSignature>) -> Result<(), WireError> {
    let before = found.len();
    for instruction in Script::from_bytes(value).instructions() {
        let instruction = instruction.map_err(|_| {
            WireError::BadField("a finalized input's signature script can't be read".to_owned())
        })?;
        let push = instruction.push_bytes();
        found.extend(push.and_then(|push| ecdsa(push.as_bytes())));
        if found.len() - before > MAX_WITNESS {
            return Err(too_many());
        }
    }
    Ok(())
}

const fn too_many() -> WireError {
    WireError::TooMany {
        what: "elements in a finalized input",
        max: MAX_WITNESS,
    }
}

/// DER begins with 0x30; keys, scripts and the empty dummy element don't.
fn ecdsa(element: &[u8]) -> Option<RawSignature> {
    let could_be = element.first() == Some(&0x30) && element.len() <= 73;
    could_be.then(|| RawSignature::Witness {
        value: element.to_vec(),
    })
}

/// The elements that a taproot script, or the key path, takes out of a witness, and that script's
/// hash (BIP341).
fn taproot<'a>(elements: &'a [&'a [u8]]) -> (Option<TapLeafHash>, &'a [&'a [u8]]) {
    let elements = match elements {
        [rest @ .., last] if !rest.is_empty() && last.first() == Some(&ANNEX) => rest,
        all => all,
    };
    match elements {
        [signatures @ .., script, control] => {
            let version = control.first().map_or(0, |first| first & 0xfe);
            let version = LeafVersion::from_consensus(version).unwrap_or(LeafVersion::TapScript);
            let leaf = TapLeafHash::from_script(Script::from_bytes(script), version);
            (Some(leaf), signatures)
        }
        key_path => (None, key_path),
    }
}
