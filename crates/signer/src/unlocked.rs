//! A key that may sign, for as long as it is in memory.

use crate::account::AccountKey;
use crate::keystore::KeyInfo;
use bitcoin::secp256k1::{All, Secp256k1};
use std::fmt;

/// An unlocked key. It holds the account's private key, not the words, and wipes it when dropped;
/// neither leaves this crate.
pub struct Unlocked {
    pub(crate) secp: Secp256k1<All>,
    pub(crate) key: AccountKey,
    info: KeyInfo,
}

impl Unlocked {
    pub(crate) const fn new(secp: Secp256k1<All>, key: AccountKey, info: KeyInfo) -> Self {
        Self { secp, key, info }
    }

    /// The public part, derived from the secret and so certain.
    #[must_use]
    pub const fn info(&self) -> &KeyInfo {
        &self.info
    }
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocked")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}
