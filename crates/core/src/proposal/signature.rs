//! A signature of either kind, and the two byte strings it is kept as.

use bitcoin::{PublicKey, XOnlyPublicKey, ecdsa, taproot};
use hex::DisplayHex;
use std::fmt;

/// A signature with its sighash type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// Before taproot: `PSBT_IN_PARTIAL_SIG` (BIP-0174).
    Ecdsa(ecdsa::Signature),
    /// Taproot, by a key in a leaf or by the internal key: `PSBT_IN_TAP_SCRIPT_SIG` and
    /// `PSBT_IN_TAP_KEY_SIG` (BIP-0371).
    Schnorr(taproot::Signature),
}

/// The bytes in a witness, as hex.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.to_vec().as_hex())
    }
}

impl Signature {
    /// As it stands in a witness.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Ecdsa(signature) => signature.to_vec(),
            Self::Schnorr(signature) => signature.to_vec(),
        }
    }

    /// The key as it is kept beside this signature: 33 bytes for ECDSA, 32 for Schnorr. The length
    /// says which kind the signature is.
    #[must_use]
    pub fn key_bytes(&self, key: &PublicKey) -> Vec<u8> {
        match self {
            Self::Ecdsa(_) => key.to_bytes(),
            Self::Schnorr(_) => key.inner.x_only_public_key().0.serialize().to_vec(),
        }
    }

    /// Reads back what [`Self::key_bytes`] and [`Self::to_vec`] wrote; `None` for anything else.
    #[must_use]
    pub fn read(key: &[u8], signature: &[u8]) -> Option<(PublicKey, Self)> {
        if key.len() == 32 {
            let key = crate::vault::even(XOnlyPublicKey::from_slice(key).ok()?);
            let signature = taproot::Signature::from_slice(signature).ok()?;
            return Some((key, Self::Schnorr(signature)));
        }
        let key = PublicKey::from_slice(key).ok()?;
        let signature = ecdsa::Signature::from_slice(signature).ok()?;
        Some((key, Self::Ecdsa(signature)))
    }
}
