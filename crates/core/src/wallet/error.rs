//! Why a wallet file isn't read, or can't be written.

use super::Format;
use crate::frame::FrameError;
use crate::key::SecretKind;
use crate::vault::VaultError;

/// Why a wallet file isn't read, or can't be written. The sentence names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    /// Too much text for any wallet file.
    #[error("it has {found} bytes, wallet files have at most {max}: it may be another file")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// T21: private keys or seed words in it.
    #[error(
        "it contains {0}: export the wallet without private keys, and treat those in the file as seen by others"
    )]
    Secret(SecretKind),
    /// Encrypted by the program that wrote it.
    #[error("it is encrypted: export it without a password from the program that wrote it")]
    Encrypted,
    /// JSON that can't be read.
    #[error("it looks like JSON but can't be read ({0}): it may be damaged")]
    Json(String),
    /// JSON of no known kind.
    #[error(
        "it is JSON but no wallet file that is known here: export a descriptor, or a file for Coldcard, Sparrow, Specter or Caravan"
    )]
    UnknownJson,
    /// A fault in a file whose kind is known.
    #[error("as a file for {format}: {fault}")]
    Fault {
        /// The kind of file.
        format: Format,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// Something of the vault that the format has no place for.
    #[error("a file for {format} can't hold this vault: {reason}")]
    Beyond {
        /// The kind of file.
        format: Format,
        /// What there is no place for.
        reason: String,
    },
    /// Frames that can't be put together.
    #[error("as frames: {0}")]
    Frames(#[from] FrameError),
    /// Frames of something else.
    #[error(
        "it holds {0} and no wallet: keys are read by `quorate vault key import`, PSBTs by `quorate proposal import`"
    )]
    OtherPayload(&'static str),
    /// What it amounts to isn't a vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Format {
    pub(super) fn fault(self, fault: impl Into<String>) -> WalletError {
        WalletError::Fault {
            format: self,
            fault: fault.into(),
        }
    }

    pub(super) fn beyond(self, reason: impl Into<String>) -> WalletError {
        WalletError::Beyond {
            format: self,
            reason: reason.into(),
        }
    }
}
