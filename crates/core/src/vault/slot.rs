//! A descriptor's shape: the script with a numbered slot in each key's place. Shape and keys are
//! kept apart so that the keys are read by our own strict parser and miniscript sees numbers.

use super::{VaultError, normal_steps};
use crate::key::{CosignerKey, SECP};
use bitcoin::bip32::Xpub;
use bitcoin::hashes::{hash160, ripemd160, sha256};
use miniscript::{Descriptor, MiniscriptKey, hash256};
use std::fmt;
use std::str::FromStr;

/// The n-th key of a descriptor, as it stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(pub(super) usize);

impl Slot {
    pub(super) fn cosigner(self, slots: &[SlotKey]) -> Option<usize> {
        slots.get(self.0).map(|slot| slot.cosigner)
    }
}

impl MiniscriptKey for Slot {
    type Sha256 = sha256::Hash;
    type Hash256 = hash256::Hash;
    type Ripemd160 = ripemd160::Hash;
    type Hash160 = hash160::Hash;
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// Not a slot: can't happen with text that the importer wrote.
#[derive(Debug, thiserror::Error)]
#[error("a key is not in a key's place")]
pub(super) struct NotASlot;

impl FromStr for Slot {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        let number = text.strip_prefix('@').and_then(|n| n.parse().ok());
        number.map(Self).ok_or(NotASlot)
    }
}

/// What a slot holds: whose key, and the branches its two keychains are derived on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotKey {
    pub(super) cosigner: usize,
    pub(super) key: CosignerKey,
    /// Steps from the extended key to the index: receive and change, which differ in one step.
    pub(super) branches: [Vec<u32>; 2],
}

impl SlotKey {
    /// The keys that receive and change indexes are counted from.
    pub(super) fn chains(&self) -> Result<[Xpub; 2], VaultError> {
        let [receive, change] = &self.branches;
        let derive = |path: &[u32]| {
            let derived = self.key.xpub().derive_pub(&*SECP, &normal_steps(path));
            derived.map_err(|_| VaultError::Derivation)
        };
        Ok([derive(receive)?, derive(change)?])
    }

    /// `/<0;1>/*`.
    pub(super) fn write_branches(&self, f: &mut impl fmt::Write) -> fmt::Result {
        for (receive, change) in self.branches[0].iter().zip(&self.branches[1]) {
            if receive == change {
                write!(f, "/{receive}")?;
            } else {
                write!(f, "/<{receive};{change}>")?;
            }
        }
        f.write_str("/*")
    }
}

impl fmt::Display for SlotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        self.write_branches(f)
    }
}

/// The shape as text, with `key` writing what stands in each slot.
pub(super) fn write(shape: &Descriptor<Slot>, key: impl Fn(Slot) -> Option<String>) -> String {
    let numbered = format!("{shape:#}");
    let mut out = String::with_capacity(numbered.len() * 4);
    let mut rest = numbered.as_str();
    while let Some(at) = rest.find('@') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        let (slot, after) = rest.split_at(1 + digits);
        let written = slot.parse().ok().and_then(&key);
        out.push_str(written.as_deref().unwrap_or(slot));
        rest = after;
    }
    out.push_str(rest);
    out
}
