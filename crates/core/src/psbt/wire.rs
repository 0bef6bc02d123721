//! From untrusted bytes to a PSBT whose structure is sound (BIP-0174, version 0).
//!
//! Signatures are taken out first and kept as raw bytes: a file in which one signature is garbage
//! must still yield the others, and the library's parser would refuse the whole file for it.

use super::raw::RawMaps;
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bitcoin::{Amount, Psbt};

/// The largest PSBT accepted, in bytes; the limit of common signing devices.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Base64 or hex of that, with line breaks: what may be read before anything is decoded.
const MAX_TEXT: usize = 2 * MAX_BYTES + 64 * 1024;
const MAX_INPUTS: usize = 512;
const MAX_OUTPUTS: usize = 512;
const MAX_FIELDS: usize = 40_000;
/// Elements of a finalized input's witness: nodes relay no more beside the script.
const MAX_WITNESS: usize = 101;

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
    #[error(
        "it is a PSBT of version {0}, this version of Quorate reads version 0: export it as version 0 (Bitcoin Core: psbt_version=0)"
    )]
    Version(u32),
    /// An amount that can't exist.
    #[error("output {output} pays more than 21 million bitcoin")]
    AmountRange {
        /// Index of the output.
        output: usize,
    },
    /// A private key in a file that goes from hand to hand (T21).
    #[error(
        "it contains a private key: never share that file, and move the funds that key controls"
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
    /// An element of a finalized input's witness that looks like a signature.
    Witness {
        /// The element.
        value: Vec<u8>,
    },
}

/// A structurally sound PSBT by somebody else, its signatures set apart.
#[derive(Debug, Clone)]
pub struct ForeignPsbt {
    /// Everything but signatures.
    pub psbt: Psbt,
    /// For each input, the signatures it came with.
    pub signatures: Vec<Vec<RawSignature>>,
}

const PARTIAL_SIG: u8 = 0x02;
const FINAL_SCRIPTSIG: u8 = 0x07;
const FINAL_WITNESS: u8 = 0x08;
const TAP_KEY_SIG: u8 = 0x13;
const TAP_SCRIPT_SIG: u8 = 0x14;
const GLOBAL_VERSION: u8 = 0xfb;

/// Reads a PSBT of version 0 in binary, base64 or hex. White space around and inside the text
/// forms is allowed, a byte order mark is not.
pub fn read(given: &[u8]) -> Result<ForeignPsbt, WireError> {
    let bytes = decode(given)?;
    let mut maps = RawMaps::read(&bytes, MAX_FIELDS)?;
    check_version(&maps)?;
    let unsigned = maps.0[0]
        .get([0x00].as_slice())
        .ok_or_else(|| WireError::BadField("the unsigned transaction is missing".to_owned()))?;
    let tx: bitcoin::Transaction = bitcoin::consensus::deserialize(unsigned)
        .map_err(|_| WireError::BadField("the unsigned transaction can't be read".to_owned()))?;
    let (inputs, outputs) = (tx.input.len(), tx.output.len());
    if inputs > MAX_INPUTS {
        return Err(WireError::TooMany {
            what: "inputs",
            max: MAX_INPUTS,
        });
    }
    if outputs > MAX_OUTPUTS {
        return Err(WireError::TooMany {
            what: "outputs",
            max: MAX_OUTPUTS,
        });
    }
    if let Some(output) = tx
        .output
        .iter()
        .position(|txout| txout.value > Amount::MAX_MONEY)
    {
        return Err(WireError::AmountRange { output });
    }
    match maps.0.len() {
        found if found < 1 + inputs + outputs => {
            return Err(WireError::Truncated { at: bytes.len() });
        }
        found if found > 1 + inputs + outputs => {
            return Err(WireError::BadField("bytes follow after its end".to_owned()));
        }
        _ => {}
    }
    if holds_secret(&maps, inputs) {
        return Err(WireError::SecretInside);
    }
    let signatures = maps.0[1..=inputs]
        .iter_mut()
        .map(take_signatures)
        .collect::<Result<_, _>>()?;
    let stripped = maps.write();
    let psbt = Psbt::deserialize(&stripped)
        .map_err(|error| WireError::BadField(crate::text::escape(&error.to_string())))?;
    // What the library ignored or read loosely would be lost or changed on the way out.
    if RawMaps::read(&psbt.serialize(), MAX_FIELDS)? != maps {
        return Err(WireError::BadField(
            "a field isn't written in its canonical form".to_owned(),
        ));
    }
    Ok(ForeignPsbt { psbt, signatures })
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

fn check_version(maps: &RawMaps) -> Result<(), WireError> {
    let Some(value) = maps.0[0].get([GLOBAL_VERSION].as_slice()) else {
        return Ok(());
    };
    let version: [u8; 4] = value
        .as_slice()
        .try_into()
        .map_err(|_| WireError::BadField("its version isn't four bytes".to_owned()))?;
    match u32::from_le_bytes(version) {
        0 => Ok(()),
        version => Err(WireError::Version(version)),
    }
}

/// Moves everything that carries a signature out of an input's map.
fn take_signatures(map: &mut super::raw::RawMap) -> Result<Vec<RawSignature>, WireError> {
    let mut found = Vec::new();
    let carries = |key: &Vec<u8>| {
        matches!(
            key.first(),
            Some(&(PARTIAL_SIG | FINAL_SCRIPTSIG | FINAL_WITNESS | TAP_KEY_SIG | TAP_SCRIPT_SIG))
        )
    };
    let taken: Vec<Vec<u8>> = map.keys().filter(|key| carries(key)).cloned().collect();
    for key in taken {
        let value = map.remove(&key).unwrap_or_default();
        match key.split_first() {
            Some((&PARTIAL_SIG, public_key)) => {
                found.push(RawSignature::Partial {
                    key: public_key.to_vec(),
                    value,
                });
            }
            Some((&FINAL_WITNESS, [])) => {
                let witness: bitcoin::Witness =
                    bitcoin::consensus::deserialize(&value).map_err(|_| {
                        WireError::BadField("a finalized input's witness can't be read".to_owned())
                    })?;
                if witness.len() > MAX_WITNESS {
                    return Err(WireError::TooMany {
                        what: "elements in a finalized input",
                        max: MAX_WITNESS,
                    });
                }
                // DER begins with 0x30; keys, scripts and the empty dummy element don't.
                let could_be_signature =
                    |element: &&[u8]| element.first() == Some(&0x30) && element.len() <= 73;
                found.extend(witness.iter().filter(could_be_signature).map(|element| {
                    RawSignature::Witness {
                        value: element.to_vec(),
                    }
                }));
            }
            // Scripts of this version's vaults never use the others.
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a field carries a private key. Whole transactions are passed over: previous ones are on
/// the chain, written by whoever paid us, and the new one will be.
fn holds_secret(maps: &RawMaps, inputs: usize) -> bool {
    maps.0.iter().enumerate().any(|(place, map)| {
        map.iter().any(|(key, value)| {
            let is_transaction = place <= inputs && key.as_slice() == [0x00];
            contains_xprv(key) || (!is_transaction && contains_xprv(value))
        })
    })
}

/// Whether the bytes carry an extended private key in the binary form of BIP-0032, which has no
/// business in a PSBT: its four version bytes, then 41 bytes of origin, then a zero byte where a
/// public key would have 2 or 3. As text it would begin with `xprv` or `tprv`.
fn contains_xprv(bytes: &[u8]) -> bool {
    const VERSIONS: [[u8; 4]; 2] = [[0x04, 0x88, 0xad, 0xe4], [0x04, 0x35, 0x83, 0x94]];
    bytes
        .windows(78)
        .any(|window| VERSIONS.iter().any(|version| window.starts_with(version)) && window[45] == 0)
        || bytes.windows(8).any(|window| {
            (window.starts_with(b"xprv") || window.starts_with(b"tprv"))
                && window[4..].iter().all(u8::is_ascii_alphanumeric)
        })
}
