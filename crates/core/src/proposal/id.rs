//! What a proposal is called.

use crate::journal::tagged;
use crate::vault::VaultId;
use bitcoin::{Transaction, consensus};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Name of a proposal: hash over the vault's id and the whole unsigned transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId([u8; 32]);

impl ProposalId {
    /// The id of this transaction as a proposal of that vault.
    #[must_use]
    pub fn of(vault: VaultId, unsigned: &Transaction) -> Self {
        let mut data = vault.as_bytes().to_vec();
        data.extend(consensus::serialize(unsigned));
        Self(tagged(b"Quorate/proposal", &data))
    }
    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
    /// From 32 bytes, for reading it back from the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}
impl fmt::Display for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProposalId({self})")
    }
}
impl FromStr for ProposalId {
    type Err = hex::HexToArrayError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <[u8; 32] as hex::FromHex>::from_hex(text).map(Self)
    }
}
impl Serialize for ProposalId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for ProposalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
