//! A cosigner's key: `[fingerprint/path]xpub`, parsed strictly. A key that is read wrongly gives
//! other addresses, and nobody notices before the money is there; so everything unusual is
//! refused in a sentence, and what a key *is* is decided by its material, never by its text.
//! (BIP32 keys, BIP380 origins, BIP389 multipaths, SLIP-132 prefixes.)

mod error;
mod expression;
pub mod file;
mod secret;
mod slip132;

pub use error::KeyError;
pub(crate) use secret::holds_secret;
pub use secret::{SecretKind, find_secret};

pub(crate) use expression::{Branches, KeyExpression};
pub(crate) use slip132::{script as slip132_script, text as slip132_text};

use bitcoin::Network;
use bitcoin::bip32::{ChainCode, DerivationPath, Fingerprint, Xpub};
use bitcoin::secp256k1::{self, Secp256k1, VerifyOnly};
use std::fmt;
use std::sync::LazyLock;

/// One verification context for the whole process: making one costs more than using it.
pub(crate) static SECP: LazyLock<Secp256k1<VerifyOnly>> =
    LazyLock::new(Secp256k1::verification_only);

/// BIP341's point of which nobody knows the private key, as an x-only key in hex: the internal key of
/// taproot vaults that can be spent by their scripts alone.
pub(crate) const NUMS: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

/// A key with its origin and branches is about 200 bytes.
const MAX_TEXT: usize = 2_000;

/// What makes two keys the same key, whatever fingerprint, path, depth or prefix their texts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyIdentity {
    /// The extended key's public key.
    pub public_key: secp256k1::PublicKey,
    /// The chain code its children are derived with.
    pub chain_code: ChainCode,
}

impl KeyIdentity {
    /// Public key and chain code, for telling keys apart in the store.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 65] {
        let mut bytes = [0; 65];
        bytes[..33].copy_from_slice(&self.public_key.serialize());
        bytes[33..].copy_from_slice(self.chain_code.as_bytes());
        bytes
    }
}

impl From<&Xpub> for KeyIdentity {
    fn from(xpub: &Xpub) -> Self {
        Self {
            public_key: xpub.public_key,
            chain_code: xpub.chain_code,
        }
    }
}

/// A cosigner's extended public key with its origin, checked: the origin's path has as many steps
/// as the key is deep and ends in the key's own number, and the fingerprint isn't zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CosignerKey {
    fingerprint: Fingerprint,
    origin_path: DerivationPath,
    xpub: Xpub,
}

impl CosignerKey {
    /// Reads `[fingerprint/path]xpub`. Hardened steps are written `h` or `'`; SLIP-132 prefixes
    /// (`Zpub`, `Vpub` …) are read as `xpub` or `tpub`; a standard ending (`/<0;1>/*` or `/**`)
    /// is accepted and dropped, because the vault decides on the branches.
    pub fn parse(text: &str, network: Network) -> Result<Self, KeyError> {
        if text.len() > MAX_TEXT {
            return Err(KeyError::TooLong { bytes: text.len() });
        }
        let expression = KeyExpression::parse(text, network)?;
        if expression.branches.is_none() || expression.has_standard_branches() {
            Ok(expression.key)
        } else {
            Err(KeyError::UnusualBranches)
        }
    }

    /// The fingerprint of the master key, by which signers recognise their own.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The path from the master key to this one.
    #[must_use]
    pub const fn origin_path(&self) -> &DerivationPath {
        &self.origin_path
    }

    /// The extended public key, with the standard prefix.
    #[must_use]
    pub const fn xpub(&self) -> &Xpub {
        &self.xpub
    }

    /// What decides whether two keys are one.
    #[must_use]
    pub fn identity(&self) -> KeyIdentity {
        KeyIdentity::from(&self.xpub)
    }

    /// `[fingerprint/path]`, for messages that name a key without printing all of it.
    #[must_use]
    pub fn origin(&self) -> String {
        let mut out = format!("[{}", self.fingerprint);
        for step in &self.origin_path {
            out.push_str(&format!("/{step:#}"));
        }
        out.push(']');
        out
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.xpub)
    }
}
