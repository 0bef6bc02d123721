//! The shape of fields: which belong to which version (BIP-0370), and the lengths of those that the
//! library behind doesn't see or doesn't know (BIP-0174, BIP-0371, BIP-0373). Nothing here looks at
//! what a field means.

use super::raw::{RawMap, RawMaps};
use super::wire::WireError;
use bitcoin::{Transaction, consensus::serialize};

/// Types of the global map.
pub(super) mod global {
    pub(crate) const UNSIGNED_TX: u8 = 0x00;
    pub(crate) const XPUB: u8 = 0x01;
    pub(crate) const TX_VERSION: u8 = 0x02;
    pub(crate) const FALLBACK_LOCKTIME: u8 = 0x03;
    pub(crate) const INPUT_COUNT: u8 = 0x04;
    pub(crate) const OUTPUT_COUNT: u8 = 0x05;
    pub(crate) const TX_MODIFIABLE: u8 = 0x06;
    pub(crate) const VERSION: u8 = 0xfb;
}

/// Types of an input's map.
pub(super) struct In;

impl In {
    pub(super) const PARTIAL_SIG: u8 = 0x02;
    pub(super) const DERIVATION: u8 = 0x06;
    pub(super) const FINAL_SCRIPTSIG: u8 = 0x07;
    pub(super) const FINAL_WITNESS: u8 = 0x08;
    pub(super) const PREVIOUS_TXID: u8 = 0x0e;
    pub(super) const OUTPUT_INDEX: u8 = 0x0f;
    pub(super) const SEQUENCE: u8 = 0x10;
    pub(super) const TIME_LOCKTIME: u8 = 0x11;
    pub(super) const HEIGHT_LOCKTIME: u8 = 0x12;
    pub(super) const TAP_KEY_SIG: u8 = 0x13;
    pub(super) const TAP_SCRIPT_SIG: u8 = 0x14;
    pub(super) const TAP_LEAF_SCRIPT: u8 = 0x15;
    pub(super) const TAP_DERIVATION: u8 = 0x16;
    pub(super) const TAP_INTERNAL_KEY: u8 = 0x17;
    const MUSIG2_PARTICIPANTS: u8 = 0x1a;
    const MUSIG2_NONCE: u8 = 0x1b;
    const MUSIG2_PARTIAL_SIG: u8 = 0x1c;
}

/// Types of an output's map.
pub(super) struct Out;

impl Out {
    pub(super) const DERIVATION: u8 = 0x02;
    pub(super) const AMOUNT: u8 = 0x03;
    pub(super) const SCRIPT: u8 = 0x04;
    pub(super) const TAP_INTERNAL_KEY: u8 = 0x05;
    pub(super) const TAP_TREE: u8 = 0x06;
    pub(super) const TAP_DERIVATION: u8 = 0x07;
    const MUSIG2_PARTICIPANTS: u8 = 0x08;
}

/// A compressed public key.
const KEY: usize = 33;
const LEAF_HASH: usize = 32;

/// Whether a map has a field of this type, whatever its key data.
pub(super) fn has_type(map: &RawMap, kind: u8) -> bool {
    map.keys().any(|key| key.first() == Some(&kind))
}

/// The refusal of key data where there may be none.
pub(super) fn key_data(kind: u8) -> WireError {
    WireError::BadField(format!("a field of type {kind:#04x} has key data"))
}

/// Whether there are as many maps as the transaction asks for.
pub(super) fn check_count(found: usize, expected: usize) -> Result<(), WireError> {
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(WireError::MissingMaps { found, expected }),
        std::cmp::Ordering::Greater => {
            Err(WireError::BadField("bytes follow after its end".to_owned()))
        }
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// An unsigned transaction as version 0 holds it. Without inputs its bytes would be ambiguous.
pub(super) fn write_unsigned(tx: &Transaction) -> Result<Vec<u8>, WireError> {
    if tx.input.is_empty() {
        return Err(WireError::NoInputs);
    }
    Ok(serialize(tx))
}

/// No field of version 2 stands in a file of version 0, whose first map is the global one.
pub(super) fn check_v0(maps: &RawMaps, inputs: usize) -> Result<(), WireError> {
    let foreign = maps.0.iter().enumerate().any(|(place, map)| {
        map.keys().any(|key| match (place, key.first()) {
            (0, Some(kind)) => (global::TX_VERSION..=global::TX_MODIFIABLE).contains(kind),
            (place, Some(kind)) if place <= inputs => {
                (In::PREVIOUS_TXID..=In::HEIGHT_LOCKTIME).contains(kind)
            }
            (_, Some(kind)) => matches!(*kind, Out::AMOUNT | Out::SCRIPT),
            (_, None) => false,
        })
    });
    if foreign {
        return Err(WireError::BadField(
            "a field of version 2 stands in a file of version 0".to_owned(),
        ));
    }
    Ok(())
}

/// The lengths of what is taken out or passed over before the library looks at the rest.
pub(super) fn check_shapes(maps: &RawMaps, inputs: usize) -> Result<(), WireError> {
    for (place, map) in maps.0.iter().enumerate().skip(1) {
        for (key, value) in map {
            let Some((&kind, data)) = key.split_first() else {
                continue;
            };
            let fits = if place <= inputs {
                input_fits(kind, data, value)
            } else {
                kind != Out::MUSIG2_PARTICIPANTS || participants_fit(data, value)
            };
            if !fits {
                return Err(WireError::BadField(format!(
                    "a field of type {kind:#04x} hasn't got the length or form it must have"
                )));
            }
        }
    }
    Ok(())
}

fn input_fits(kind: u8, data: &[u8], value: &[u8]) -> bool {
    let schnorr = matches!(value.len(), 64 | 65);
    match kind {
        // What the value is worth is judged signature by signature.
        In::PARTIAL_SIG => matches!(data.len(), KEY | 65),
        In::FINAL_SCRIPTSIG | In::FINAL_WITNESS => data.is_empty(),
        In::TAP_KEY_SIG => data.is_empty() && schnorr,
        In::TAP_SCRIPT_SIG => data.len() == 32 + LEAF_HASH && schnorr,
        In::MUSIG2_PARTICIPANTS => participants_fit(data, value),
        In::MUSIG2_NONCE => signer_fits(data) && value.len() == 66,
        In::MUSIG2_PARTIAL_SIG => signer_fits(data) && value.len() == 32,
        _ => true,
    }
}

/// An aggregate key, and the keys it is made of.
fn participants_fit(data: &[u8], value: &[u8]) -> bool {
    data.len() == KEY && are_keys(data) && !value.is_empty() && are_keys(value)
}

/// A participant, the aggregate key, and the hash of a leaf if it isn't for the key path.
fn signer_fits(data: &[u8]) -> bool {
    matches!(data.len(), 66 | 98) && are_keys(&data[..2 * KEY])
}

fn are_keys(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(KEY) && bytes.chunks(KEY).all(|key| matches!(key[0], 2 | 3))
}
