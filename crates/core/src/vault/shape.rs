//! A descriptor's shape: the script with a numbered slot in each key's place. Shape and keys are
//! kept apart so that the keys are read by our own strict parser and miniscript sees numbers.

use super::{VaultError, normal_steps};
use crate::key::{CosignerKey, NUMS, SECP};
use crate::policy::Holder;
use crate::script_type::ScriptType;
use bitcoin::bip32::Xpub;
use bitcoin::hashes::{hash160, ripemd160, sha256};
use bitcoin::key::Parity;
use bitcoin::{PublicKey, XOnlyPublicKey};
use miniscript::descriptor::{ShInner, WshInner};
use miniscript::{Descriptor, MiniscriptKey, Translator, hash256, translate_hash_clone};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A place for a key in a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Slot {
    /// The n-th key, as it stands in the text.
    Key(usize),
    /// BIP341's point that nobody can sign for: the same in every vault.
    Nobody,
}

impl Slot {
    pub(super) fn holder(self, slots: &[SlotKey]) -> Option<Holder> {
        match self {
            Self::Key(at) => slots.get(at).map(|slot| Holder::Cosigner(slot.cosigner)),
            Self::Nobody => Some(Holder::Nobody),
        }
    }

    /// The key in this place. The point without a private key is valid, so it is never missing.
    pub(super) fn key(self, keys: &[PublicKey]) -> Option<PublicKey> {
        match self {
            Self::Key(at) => keys.get(at).copied(),
            Self::Nobody => XOnlyPublicKey::from_str(NUMS).ok().map(even),
        }
    }
}

/// An x-only key as the public key with an even Y, which is what it stands for (BIP340).
pub(crate) fn even(key: XOnlyPublicKey) -> PublicKey {
    PublicKey::new(key.public_key(Parity::Even))
}

impl MiniscriptKey for Slot {
    type Sha256 = sha256::Hash;
    type Hash256 = hash256::Hash;
    type Ripemd160 = ripemd160::Hash;
    type Hash160 = hash160::Hash;
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(at) => write!(f, "@{at}"),
            Self::Nobody => f.write_str(NUMS),
        }
    }
}

/// Not a slot: can't happen with text that the importer wrote.
#[derive(Debug, thiserror::Error)]
#[error("a key is not in a key's place")]
pub(super) struct NotASlot;

impl FromStr for Slot {
    type Err = NotASlot;

    fn from_str(text: &str) -> Result<Self, NotASlot> {
        if text == NUMS {
            return Ok(Self::Nobody);
        }
        let number = text.strip_prefix('@').and_then(|n| n.parse().ok());
        number.map(Self::Key).ok_or(NotASlot)
    }
}

/// The script with slots in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) descriptor: Descriptor<Slot>,
    /// The slots of each `sortedmulti_a`, which miniscript doesn't know: to it, it is a `multi_a`
    /// whose keys we put in order before they are filled in (BIP387).
    pub(super) sorted_leaves: Vec<Range<usize>>,
}

impl Shape {
    pub(super) fn script_type(&self) -> ScriptType {
        match &self.descriptor {
            Descriptor::Sh(sh) => match sh.as_inner() {
                ShInner::Wsh(_) | ShInner::Wpkh(_) => ScriptType::ShWsh,
                ShInner::SortedMulti(_) | ShInner::Ms(_) => ScriptType::Sh,
            },
            Descriptor::Tr(_) => ScriptType::Tr,
            Descriptor::Wsh(_) | Descriptor::Bare(_) | Descriptor::Pkh(_) | Descriptor::Wpkh(_) => {
                ScriptType::Wsh
            }
        }
    }

    /// Whether the order of keys in the text means nothing for the whole script.
    pub(super) fn is_sorted(&self) -> bool {
        let sorted = |wsh: &WshInner<Slot>| matches!(wsh, WshInner::SortedMulti(_));
        match &self.descriptor {
            Descriptor::Wsh(wsh) => sorted(wsh.as_inner()),
            Descriptor::Sh(sh) => match sh.as_inner() {
                ShInner::Wsh(wsh) => sorted(wsh.as_inner()),
                ShInner::SortedMulti(_) => true,
                ShInner::Wpkh(_) | ShInner::Ms(_) => false,
            },
            Descriptor::Tr(_) | Descriptor::Bare(_) | Descriptor::Pkh(_) | Descriptor::Wpkh(_) => {
                false
            }
        }
    }

    /// The shape with a public key in each slot.
    pub(super) fn fill(&self, keys: &[PublicKey]) -> Result<Descriptor<PublicKey>, VaultError> {
        let mut keys = keys.to_vec();
        for leaf in &self.sorted_leaves {
            if let Some(keys) = keys.get_mut(leaf.clone()) {
                keys.sort_by_key(|key| key.inner.x_only_public_key().0.serialize());
            }
        }
        let filled = self.descriptor.translate_pk(&mut Fill { keys: &keys });
        filled.map_err(|_| VaultError::Derivation)
    }

    /// As text, with `key` writing what stands in each slot.
    pub(super) fn write(&self, key: impl Fn(usize) -> Option<String>) -> String {
        let numbered = format!("{:#}", self.descriptor);
        let mut out = String::with_capacity(numbered.len() * 4);
        let mut rest = numbered.as_str();
        while let Some(at) = rest.find('@') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
            let (slot, after) = rest.split_at(1 + digits);
            let number = slot[1..].parse().ok();
            if number.is_some_and(|number| self.sorted_leaves.iter().any(|l| l.start == number))
                && let Some(name) = out.rfind("multi_a(")
            {
                out.insert_str(name, "sorted");
            }
            out.push_str(number.and_then(&key).as_deref().unwrap_or(slot));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

struct Fill<'a> {
    keys: &'a [PublicKey],
}

impl Translator<Slot> for Fill<'_> {
    type TargetPk = PublicKey;
    type Error = VaultError;

    fn pk(&mut self, slot: &Slot) -> Result<PublicKey, VaultError> {
        slot.key(self.keys).ok_or(VaultError::Derivation)
    }

    translate_hash_clone!(Slot);
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
