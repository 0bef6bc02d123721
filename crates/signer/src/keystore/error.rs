//! What can go wrong with a keystore, each in a sentence with its remedy.

use crate::words::WordsError;
use quorate_core::text::TextError;
use std::path::PathBuf;

/// Why the keystore refused or failed. No variant carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// Not a name that can be typed as an argument and be a file's name.
    #[error(transparent)]
    Name(#[from] TextError),
    /// The words of a key to restore.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// The name is taken; a key is never written over.
    #[error(
        "a key named `{name}` already exists in {}: choose another name, or move that file away first",
        .path.display()
    )]
    Exists {
        /// The name.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// No key of that name.
    #[error("there is no key named `{name}` in {}: {}", .folder.display(), known_sentence(.known))]
    NotFound {
        /// The name asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The names that are there.
        known: Vec<String>,
    },
    /// The seal didn't open.
    #[error(
        "the passphrase does not open the key `{name}`: type it again; if you are sure of it, the file is damaged, restore the key from its words"
    )]
    WrongPassphrase {
        /// The key's name.
        name: String,
    },
    /// A file that isn't what the keystore wrote.
    #[error("{} is damaged ({reason}): restore the key from its words or the file from a backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was noticed.
        reason: &'static str,
    },
    /// The file wants more scrypt work than any of ours.
    #[error("{} asks for 2^{work} rounds of work, more than this program ever writes: restore the file from a backup", .path.display())]
    TooMuchWork {
        /// The file.
        path: PathBuf,
        /// log2 of the work asked for.
        work: u8,
    },
    /// The public part isn't of this secret.
    #[error(
        "{} does not belong to the sealed key `{name}`, somebody may have replaced it: check every vault made with the key it shows, remove the file and unlock the key again",
        .path.display()
    )]
    PublicPartReplaced {
        /// The key's name.
        name: String,
        /// The public part's file.
        path: PathBuf,
    },
    /// The public part is gone.
    #[error("the public part of the key `{name}`, {}, is missing: unlock the key once with its passphrase and it is written again", .path.display())]
    PublicPartMissing {
        /// The key's name.
        name: String,
        /// The public part's file.
        path: PathBuf,
    },
    /// Others may read the sealed key.
    #[error("{} can be read by other users (mode {mode:03o}): run `chmod 600` on it", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Entropy that no working source returns.
    #[error(
        "the randomness for the new key is one byte repeated: the random source of this machine is broken, do not make keys on it"
    )]
    Entropy,
    /// A seed for which BIP32 has no key: one in 2^127.
    #[error("these words give no valid account key: choose another account or other words")]
    NoKey,
    /// The file system said no.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn known_sentence(known: &[String]) -> String {
    if known.is_empty() {
        "it holds no key yet, make one with `quorate signer new`".to_owned()
    } else {
        format!("it holds {}", known.join(", "))
    }
}
