//! What reading the rest of a file would cost. A point of the curve is found by a square root, and a
//! tree of leaves keeps a path for each; a file of 2 MiB has room for many more of both than any vault
//! has, and for a second of work and half a gigabyte (T18).

use super::fields::{In, Out, global};
use super::raw::{RawMaps, leaves};
use super::wire::WireError;

/// Derivations and internal keys: 24 of them on each of 512 inputs, and some.
const MAX_KEYS: usize = 12_500;
/// Leaves that inputs show: 8 on each of 512.
const MAX_LEAF_SCRIPTS: usize = 4_096;
/// Keys of cosigners.
const MAX_EXTENDED_KEYS: usize = 200;
/// Leaves in the trees of all outputs.
const MAX_TREE_LEAVES: usize = 2_000;

/// Refuses a file that has more of anything costly than a vault could need.
pub(super) fn check(maps: &RawMaps, inputs: usize) -> Result<(), WireError> {
    let mut keys = Count::new("keys", MAX_KEYS);
    let mut leaf_scripts = Count::new("leaf scripts", MAX_LEAF_SCRIPTS);
    let mut extended = Count::new("extended keys", MAX_EXTENDED_KEYS);
    let mut tree_leaves = Count::new("leaves", MAX_TREE_LEAVES);
    for (place, map) in maps.0.iter().enumerate() {
        for (key, value) in map {
            let kind = key.first().copied().unwrap_or_default();
            match (place, kind) {
                (0, global::XPUB) => extended.add(1)?,
                (0, _) => {}
                (place, In::DERIVATION | In::TAP_DERIVATION | In::TAP_INTERNAL_KEY)
                    if place <= inputs =>
                {
                    keys.add(1)?;
                }
                (place, In::TAP_LEAF_SCRIPT) if place <= inputs => leaf_scripts.add(1)?,
                (place, _) if place <= inputs => {}
                (_, Out::DERIVATION | Out::TAP_DERIVATION | Out::TAP_INTERNAL_KEY) => {
                    keys.add(1)?
                }
                (_, Out::TAP_TREE) => tree_leaves.add(leaves(value))?,
                (_, _) => {}
            }
        }
    }
    Ok(())
}

struct Count {
    what: &'static str,
    found: usize,
    max: usize,
}

impl Count {
    const fn new(what: &'static str, max: usize) -> Self {
        Self {
            what,
            found: 0,
            max,
        }
    }

    const fn add(&mut self, more: usize) -> Result<(), WireError> {
        self.found += more;
        if self.found > self.max {
            Err(WireError::TooMany {
                what: self.what,
                max: self.max,
            })
        } else {
            Ok(())
        }
    }
}
