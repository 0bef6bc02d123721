//! Why a key file isn't read.

use crate::frame::FrameError;
use crate::key::{KeyError, SecretKind};
use crate::setup::RecordError;

/// Why a key file isn't read. The sentence names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Too much text for any key file.
    #[error("it has {found} bytes, key files have at most {max}: it may be another file")]
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
        "it contains {0}: export the public key alone, and treat the one in the file as seen by others"
    )]
    Secret(SecretKind),
    /// JSON that can't be read.
    #[error("it looks like JSON but can't be read ({0}): it may be damaged")]
    Json(String),
    /// Frames that can't be put together, or what is in them.
    #[error("as frames: {0}")]
    Frames(#[from] FrameError),
    /// No known kind.
    #[error(
        "it is no key file that is known here: export the key for multisig from the signer, or give it as [fingerprint/path]xpub"
    )]
    Unknown,
    /// A field that is needed.
    #[error("`{0}` is missing or isn't a text: export it again")]
    Field(&'static str),
    /// A section with a key for something else.
    #[error(
        "the key in its section `{section}` has a path for {other}: it was damaged or changed; export it again"
    )]
    Purpose {
        /// The section.
        section: &'static str,
        /// What the path is for.
        other: &'static str,
    },
    /// A prefix of SLIP-0132 that says another kind of script than the path.
    #[error(
        "its key begins with `{prefix}`, which says {said}, and its path says {meant}: it was put together from two keys; export it again"
    )]
    Prefix {
        /// The first four characters.
        prefix: String,
        /// What they say.
        said: &'static str,
        /// What the path says.
        meant: &'static str,
    },
    /// What a file says of itself doesn't fit its keys.
    #[error(
        "its `{field}` is {found}, which doesn't fit its keys: it was damaged or changed; export it again"
    )]
    Contradiction {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
    },
    /// One key on two lines.
    #[error("it has the same key twice: take the line away that isn't meant")]
    Twice,
    /// Encrypted by the program that wrote it.
    #[error("it is encrypted: export the key from the program that wrote it, without a password")]
    Encrypted,
    /// Two keys are for the same thing, or none is for what is wanted.
    #[error(
        "it has no one key for {wanted} but {found}: say another --script, or give the key itself"
    )]
    Choice {
        /// The kind of script.
        wanted: &'static str,
        /// The keys there are.
        found: String,
    },
    /// A key record with a fault.
    #[error("as a key record (BIP-0129): {0}")]
    Record(RecordError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<RecordError> for KeyFileError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Key(error) => Self::Key(error),
            RecordError::Secret(secret) => Self::Secret(secret),
            other => Self::Record(other),
        }
    }
}
