//! A vault's id: a hash of what decides its scripts. Network, script template, derivation
//! branches and key material count; how a descriptor is written does not.

mod tree;

use super::shape::{Shape, SlotKey};
use crate::script_type::ScriptType;
use bitcoin::Network;
use bitcoin::hashes::{Hash, HashEngine, sha256};
use hex::{DisplayHex, FromHex};
use std::fmt;
use std::str::FromStr;

/// The tag of the hash (as in BIP340), so that no other hash can be taken for an id.
const TAG: &[u8] = b"Quorate/vault";

/// Identifies a vault to everybody who has it: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultId([u8; 32]);

impl VaultId {
    /// The id whose bytes these are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hex(), f)
    }
}

impl fmt::Debug for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultId({self})")
    }
}

/// The text isn't a vault's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a vault's id is 64 hexadecimal digits: copy all of it")]
pub struct ParseVaultIdError;

impl FromStr for VaultId {
    type Err = ParseVaultIdError;

    fn from_str(text: &str) -> Result<Self, ParseVaultIdError> {
        let bytes = <[u8; 32]>::from_hex(text).map_err(|_| ParseVaultIdError)?;
        Ok(Self(bytes))
    }
}

impl serde::Serialize for VaultId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for VaultId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes lines. Of taproot: the network, and what [`tree::canonical`] writes. Otherwise: the
/// network; the template with keys numbered by their first use, branches
/// written out; then each key as public key and chain code. Under `sortedmulti` the order of keys
/// in the text means nothing, so they are taken in the order of their material.
pub(super) fn of(network: Network, shape: &Shape, slots: &[SlotKey]) -> VaultId {
    if shape.script_type() == ScriptType::Tr {
        let text = format!(
            "{}\n{}",
            network.to_core_arg(),
            tree::canonical(shape, slots)
        );
        return tagged_hash(text.as_bytes());
    }
    let mut order: Vec<&SlotKey> = slots.iter().collect();
    let mut place: Vec<usize> = (0..slots.len()).collect();
    if shape.is_sorted() {
        place.sort_by_key(|&at| (slots[at].key.identity(), &slots[at].branches));
        order = place.iter().map(|&at| &slots[at]).collect();
    }

    let mut cosigners: Vec<usize> = Vec::new();
    let mut keys = String::new();
    for slot in &order {
        if !cosigners.contains(&slot.cosigner) {
            cosigners.push(slot.cosigner);
            let identity = slot.key.identity();
            let public = identity.public_key.serialize();
            let chain = identity.chain_code.to_bytes();
            keys.push_str(&format!("\n{:x}{:x}", public.as_hex(), chain.as_hex()));
        }
    }
    // The n-th slot of the text is filled with the n-th key of the order.
    let template = shape.write(|slot| {
        let key = order.get(slot)?;
        let number = cosigners.iter().position(|&c| c == key.cosigner)?;
        let mut text = format!("@{number}");
        key.write_branches(&mut text).ok()?;
        Some(text)
    });
    let text = format!("{}\n{template}{keys}", network.to_core_arg());
    tagged_hash(text.as_bytes())
}

fn tagged_hash(message: &[u8]) -> VaultId {
    let tag = sha256::Hash::hash(TAG);
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    engine.input(message);
    VaultId(sha256::Hash::from_engine(engine).to_byte_array())
}
