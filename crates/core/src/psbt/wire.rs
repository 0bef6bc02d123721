//! From untrusted bytes to a PSBT whose structure is sound (BIP-0174, BIP-0370).
//!
//! Signatures are taken out first and kept as raw bytes: a file in which one signature is garbage
//! must still yield the others, and the library's parser would refuse the whole file for it.

use super::cost;
use super::fields::{self, In, Out, global};
use super::finalized;
use super::raw::RawMaps;
use super::v2;
use crate::key::holds_secret;
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Amount, Psbt};

/// The largest PSBT accepted, in bytes; the limit of common signing devices.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Base64 or hex of that, with line breaks: what may be read before anything is decoded.
const MAX_TEXT: usize = 2 * MAX_BYTES + 64 * 1024;
pub(super) const MAX_INPUTS: usize = 512;
pub(super) const MAX_OUTPUTS: usize = 512;
const MAX_FIELDS: usize = 40_000;

/// Why bytes aren't a PSBT we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No bytes at all.
    #[error("it is empty")]
    Empty,
    /// Larger than [`MAX_BYTES`].
    #[error("it is too large: {bytes} bytes, the limit is {MAX_BYTES}")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// Too many of something.
    #[error("it has too many {what}, the limit is {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        max: usize,
    },
    /// Not the beginning of a PSBT in binary, base64 or hex.
    #[error("it isn't a PSBT: neither binary nor base64 nor hex of one")]
    NotAPsbt,
    /// It ends in the middle of something.
    #[error(
        "it is truncated: it ends at byte {at} in the middle of a field or map; export or copy it again"
    )]
    Truncated {
        /// Where.
        at: usize,
    },
    /// The key-value layer is broken.
    #[error("it is damaged near byte {at}: {what}")]
    Malformed {
        /// Where.
        at: usize,
        /// What.
        what: &'static str,
    },
    /// A field can't be read.
    #[error("it is damaged: {0}")]
    BadField(String),
    /// BIP-0370.
    #[error("it is a PSBT of version {0}, which isn't known here: export it as version 0 or 2")]
    Version(u32),
    /// Fewer maps than inputs and outputs.
    #[error(
        "it is truncated: it has {found} of the {expected} maps for its inputs and outputs; export or copy it again"
    )]
    MissingMaps {
        /// Maps there.
        found: usize,
        /// Inputs and outputs.
        expected: usize,
    },
    /// Nothing to sign.
    #[error("its transaction spends nothing: add the inputs before it is passed on")]
    NoInputs,
    /// An amount that can't exist.
    #[error("output {output} pays more than 21 million bitcoin")]
    AmountRange {
        /// Index of the output.
        output: usize,
    },
    /// A private key in a file that goes from hand to hand (T21).
    #[error(
        "it contains a private key or seed words: never share that file, and move the funds they control"
    )]
    SecretInside,
}

/// A signature as it stands in a foreign file, unverified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RawSignature {
    /// `PSBT_IN_PARTIAL_SIG`: key data and value.
    Partial {
        /// Should be a public key.
        key: Vec<u8>,
        /// Should be an ECDSA signature with its sighash byte.
        value: Vec<u8>,
    },
    /// `PSBT_IN_TAP_KEY_SIG`.
    TapKey {
        /// Should be a Schnorr signature.
        value: Vec<u8>,
    },
    /// `PSBT_IN_TAP_SCRIPT_SIG`: key data and value.
    TapScript {
        /// Should be an x-only public key and a leaf's hash.
        key: Vec<u8>,
        /// Should be a Schnorr signature.
        value: Vec<u8>,
    },
    /// An element of a finalized input that looks like an ECDSA signature.
    Witness {
        /// The element.
        value: Vec<u8>,
    },
    /// An element of a finalized input that looks like a Schnorr signature.
    TapWitness {
        /// The leaf that the witness would spend by, were the input taproot; `None` for the key path.
        leaf: Option<TapLeafHash>,
        /// The element.
        value: Vec<u8>,
    },
}

impl RawSignature {
    /// Whether it is an element of a finalized input that may be a signature of this kind of input.
    pub(super) const fn is_candidate(&self, is_taproot: bool) -> bool {
        match self {
            Self::Witness { .. } => !is_taproot,
            Self::TapWitness { .. } => is_taproot,
            Self::Partial { .. } | Self::TapKey { .. } | Self::TapScript { .. } => false,
        }
    }
}

/// A structurally sound PSBT by somebody else, its signatures set apart.
#[derive(Debug, Clone)]
pub struct ForeignPsbt {
    /// The version it was written in: 0 or 2.
    pub version: u32,
    /// Everything but signatures; a file of version 2 as the same request in version 0.
    pub psbt: Psbt,
    /// For each input, the signatures it came with.
    pub signatures: Vec<Vec<RawSignature>>,
}

/// Reads a PSBT of version 0 or 2 in binary, base64 or hex. White space around and inside the text
/// forms is allowed, a byte order mark is not.
pub fn read(given: &[u8]) -> Result<ForeignPsbt, WireError> {
    let bytes = decode(given)?;
    let maps = RawMaps::read(&bytes, MAX_FIELDS)?;
    let version = version(&maps)?;
    let mut maps = match version {
        0 => maps,
        2 => v2::to_v0(maps)?,
        other => return Err(WireError::Version(other)),
    };
    // Version 0 may say what it is, and the library leaves that out when it writes.
    maps.0[0].remove([global::VERSION].as_slice());
    let unsigned = maps.0[0]
        .get([global::UNSIGNED_TX].as_slice())
        .ok_or_else(|| WireError::BadField("the unsigned transaction is missing".to_owned()))?;
    if unsigned.get(4) == Some(&0) {
        return Err(WireError::NoInputs);
    }
    let tx: bitcoin::Transaction = bitcoin::consensus::deserialize(unsigned)
        .map_err(|_| WireError::BadField("the unsigned transaction can't be read".to_owned()))?;
    let (inputs, outputs) = (tx.input.len(), tx.output.len());
    for (what, found, max) in [
        ("inputs", inputs, MAX_INPUTS),
        ("outputs", outputs, MAX_OUTPUTS),
    ] {
        if found > max {
            return Err(WireError::TooMany { what, max });
        }
    }
    if let Some(output) = tx
        .output
        .iter()
        .position(|txout| txout.value > Amount::MAX_MONEY)
    {
        return Err(WireError::AmountRange { output });
    }
    fields::check_count(maps.0.len() - 1, inputs + outputs)?;
    // Those of version 2 were taken out when it was converted: any that is left has no place.
    fields::check_v0(&maps, inputs)?;
    fields::check_shapes(&maps, inputs)?;
    cost::check(&maps, inputs)?;
    if any_secret(&maps, inputs) {
        return Err(WireError::SecretInside);
    }
    let signatures = maps.0[1..=inputs]
        .iter_mut()
        .map(take_signatures)
        .collect::<Result<_, _>>()?;
    let stripped = maps.write();
    let psbt = Psbt::deserialize(&stripped)
        .map_err(|error| WireError::BadField(crate::text::excerpt(&error)))?;
    // What the library ignored or read loosely would be lost or changed on the way out.
    let mut again = RawMaps::read(&psbt.serialize(), MAX_FIELDS)?;
    for maps in [&mut again, &mut maps] {
        // A tree may list its leaves in several orders; the library, which has just read it,
        // writes its own.
        for map in &mut maps.0[1 + inputs..] {
            if let Some(tree) = map.get_mut([Out::TAP_TREE].as_slice()) {
                tree.sort_unstable();
            }
        }
    }
    if again != maps {
        return Err(WireError::BadField(
            "a field isn't written in its canonical form".to_owned(),
        ));
    }
    Ok(ForeignPsbt {
        version,
        psbt,
        signatures,
    })
}

/// Writes a PSBT as base64, the form every program reads.
#[must_use]
pub fn to_base64(psbt: &Psbt) -> String {
    BASE64.encode(psbt.serialize())
}

fn decode(given: &[u8]) -> Result<Vec<u8>, WireError> {
    if given.starts_with(b"psbt\xff") {
        return if given.len() > MAX_BYTES {
            Err(WireError::TooLarge { bytes: given.len() })
        } else {
            Ok(given.to_vec())
        };
    }
    if given.len() > MAX_TEXT {
        return Err(WireError::TooLarge { bytes: given.len() });
    }
    let text: Vec<u8> = given
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if text.is_empty() {
        return Err(WireError::Empty);
    }
    let bytes = if text.starts_with(b"cHNidP") {
        BASE64.decode(&text).map_err(|_| {
            WireError::BadField(
                "its base64 has a wrong character or is cut off; copy it again".to_owned(),
            )
        })?
    } else if text.len() >= 10 && text[..10].eq_ignore_ascii_case(b"70736274ff") {
        let text = std::str::from_utf8(&text).map_err(|_| WireError::NotAPsbt)?;
        hex::FromHex::from_hex(text).map_err(|_| {
            WireError::BadField(
                "its hex has a wrong character or is cut off; copy it again".to_owned(),
            )
        })?
    } else {
        return Err(WireError::NotAPsbt);
    };
    if bytes.len() > MAX_BYTES {
        Err(WireError::TooLarge { bytes: bytes.len() })
    } else {
        Ok(bytes)
    }
}

fn version(maps: &RawMaps) -> Result<u32, WireError> {
    let Some(value) = maps.0[0].get([global::VERSION].as_slice()) else {
        return Ok(0);
    };
    let version: [u8; 4] = value
        .as_slice()
        .try_into()
        .map_err(|_| WireError::BadField("its version isn't four bytes".to_owned()))?;
    Ok(u32::from_le_bytes(version))
}

/// Moves everything that carries a signature out of an input's map.
fn take_signatures(map: &mut super::raw::RawMap) -> Result<Vec<RawSignature>, WireError> {
    let mut found = Vec::new();
    let carries = |key: &Vec<u8>| {
        matches!(
            key.first(),
            Some(
                &(In::PARTIAL_SIG
                    | In::FINAL_SCRIPTSIG
                    | In::FINAL_WITNESS
                    | In::TAP_KEY_SIG
                    | In::TAP_SCRIPT_SIG)
            )
        )
    };
    let taken: Vec<Vec<u8>> = map.keys().filter(|key| carries(key)).cloned().collect();
    for key in taken {
        let value = map.remove(&key).unwrap_or_default();
        match key.split_first() {
            Some((&In::PARTIAL_SIG, public_key)) => {
                found.push(RawSignature::Partial {
                    key: public_key.to_vec(),
                    value,
                });
            }
            Some((&In::TAP_KEY_SIG, [])) => found.push(RawSignature::TapKey { value }),
            Some((&In::TAP_SCRIPT_SIG, key)) => found.push(RawSignature::TapScript {
                key: key.to_vec(),
                value,
            }),
            Some((&In::FINAL_WITNESS, [])) => finalized::in_witness(&value, &mut found)?,
            Some((&In::FINAL_SCRIPTSIG, [])) => finalized::in_script(&value, &mut found)?,
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a field carries a private key. Whole transactions are passed over: previous ones are on
/// the chain, written by whoever paid us, and the new one will be.
fn any_secret(maps: &RawMaps, inputs: usize) -> bool {
    maps.0.iter().enumerate().any(|(place, map)| {
        map.iter().any(|(key, value)| {
            let is_transaction = place <= inputs && key.as_slice() == [0x00];
            holds_secret(key) || (!is_transaction && holds_secret(value))
        })
    })
}
