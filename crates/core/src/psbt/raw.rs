//! The key-value maps of a PSBT (BIP-0174), before any meaning: a magic, maps of pairs, each map
//! ended by a zero byte. Read strictly: minimal lengths, no key twice, no byte left over.

use super::wire::{MAX_INPUTS, MAX_OUTPUTS, WireError};
use std::collections::BTreeMap;

const MAGIC: &[u8; 5] = b"psbt\xff";

/// One map: full key (type and key data) to value.
pub(super) type RawMap = BTreeMap<Vec<u8>, Vec<u8>>;

/// All maps of a file in order: global, inputs, outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawMaps(pub(super) Vec<RawMap>);

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], WireError> {
        let truncated = WireError::Truncated {
            at: self.bytes.len(),
        };
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| self.at.checked_add(len))
            .ok_or(truncated.clone())?;
        let taken = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// A compact size, refused when a shorter form exists.
    fn compact(&mut self) -> Result<u64, WireError> {
        let at = self.at;
        let first = self.take(1)?[0];
        let (len, min) = match first {
            0xfd => (2, 0xfd),
            0xfe => (4, 0x1_0000),
            0xff => (8, 0x1_0000_0000),
            small => return Ok(u64::from(small)),
        };
        let mut value = [0u8; 8];
        value[..len].copy_from_slice(self.take(len as u64)?);
        let value = u64::from_le_bytes(value);
        if value < min {
            Err(WireError::Malformed {
                at,
                what: "a length isn't written in its shortest form",
            })
        } else {
            Ok(value)
        }
    }
}

impl RawMaps {
    /// Splits a file into its maps. `limit` is the most pairs it may hold in all.
    pub(super) fn read(bytes: &[u8], limit: usize) -> Result<Self, WireError> {
        if !bytes.starts_with(MAGIC) {
            return Err(WireError::NotAPsbt);
        }
        let mut reader = Reader {
            bytes,
            at: MAGIC.len(),
        };
        let mut maps = Vec::new();
        let mut pairs = 0;
        while reader.at < bytes.len() {
            // An empty map is one byte in the file and many here.
            if maps.len() > MAX_INPUTS + MAX_OUTPUTS {
                return Err(WireError::TooMany {
                    what: "maps",
                    max: 1 + MAX_INPUTS + MAX_OUTPUTS,
                });
            }
            let mut map = RawMap::new();
            loop {
                let at = reader.at;
                let key_len = reader.compact()?;
                if key_len == 0 {
                    break;
                }
                let key = reader.take(key_len)?.to_vec();
                check_type(&key, at)?;
                let value_len = reader.compact()?;
                let value = reader.take(value_len)?.to_vec();
                pairs += 1;
                if pairs > limit {
                    return Err(WireError::TooMany {
                        what: "fields",
                        max: limit,
                    });
                }
                if map.insert(key, value).is_some() {
                    return Err(WireError::Malformed {
                        at,
                        what: "a field stands there twice",
                    });
                }
            }
            maps.push(map);
        }
        if maps.is_empty() {
            return Err(WireError::Truncated { at: bytes.len() });
        }
        Ok(Self(maps))
    }

    /// Writes the maps with keys in ascending order.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for map in &self.0 {
            for (key, value) in map {
                for part in [key, value] {
                    compact(&mut out, part.len());
                    out.extend_from_slice(part);
                }
            }
            out.push(0);
        }
        out
    }
}

/// The type, with which a key begins, is a compact size too. Larger ones than this no program that
/// shares Bitcoin Core's reader could read.
fn check_type(key: &[u8], at: usize) -> Result<(), WireError> {
    const MAX_TYPE: u64 = 0x0200_0000;
    let mut reader = Reader { bytes: key, at: 0 };
    match reader.compact() {
        Ok(kind) if kind <= MAX_TYPE => Ok(()),
        _ => Err(WireError::Malformed {
            at,
            what: "a field's type can't be read",
        }),
    }
}

/// The leaves of a tree (BIP-0371: depth, version and script each), as far as it can be read.
pub(super) fn leaves(tree: &[u8]) -> usize {
    let mut reader = Reader { bytes: tree, at: 0 };
    let mut leaf = || {
        reader.take(2)?;
        let length = reader.compact()?;
        reader.take(length)
    };
    std::iter::repeat_with(|| leaf().is_ok())
        .take_while(|&read| read)
        .count()
}

/// A value that is a compact size and nothing else.
pub(super) fn exact_compact(value: &[u8]) -> Result<u64, WireError> {
    let mut reader = Reader {
        bytes: value,
        at: 0,
    };
    match reader.compact() {
        Ok(number) if reader.at == value.len() => Ok(number),
        _ => Err(WireError::BadField(
            "a number isn't written as a compact size".to_owned(),
        )),
    }
}

/// Appends a compact size in its shortest form.
pub(super) fn compact(out: &mut Vec<u8>, len: usize) {
    let bytes = (len as u64).to_le_bytes();
    match len {
        0..=0xfc => out.push(bytes[0]),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&bytes[..2]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xfe);
            out.extend_from_slice(&bytes[..4]);
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&bytes);
        }
    }
}
