//! Keys at rest: `<home>/signer/<name>.age` holds the words, sealed (see `sealed.rs`), and
//! `<home>/signer/<name>.pub` the public key, so that showing it needs no passphrase.
//!
//! The sealed file is the truth: the public part is compared with it at every unlock, and written
//! anew if it is missing. Files are whole or absent, private to their owner, and a key is never
//! written over.

mod error;
mod files;
mod format;

pub use error::KeystoreError;

use crate::account::{Account, AccountKey};
use crate::passphrase::Passphrase;
use crate::sealed::{self, OpenError};
use crate::unlocked::Unlocked;
use crate::words;
use bip39::Mnemonic;
use bitcoin::Network;
use bitcoin::secp256k1::{All, Secp256k1};
use quorate_core::key::CosignerKey;
use quorate_core::text::check_name;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const SEALED: &str = ".age";
const PUBLIC: &str = ".pub";

/// A folder of sealed keys.
#[derive(Debug, Clone)]
pub struct Keystore {
    folder: PathBuf,
    work: u8,
}

/// What is public about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The name it has in this keystore.
    pub name: String,
    /// The network it was made for.
    pub network: Network,
    /// The account key as cosigners exchange it: `[fingerprint/48h/1h/0h/2h]tpub…`.
    pub key: CosignerKey,
}

/// A key just made: the only moment its words are handed out.
pub struct NewKey {
    /// Its public part.
    pub info: KeyInfo,
    /// Its 24 words, to be shown once and written on paper.
    pub words: Zeroizing<String>,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Keystore {
    /// The keystore of a home; nothing is touched yet.
    #[must_use]
    pub fn at(home: &Path) -> Self {
        Self {
            folder: home.join("signer"),
            work: sealed::STANDARD_WORK,
        }
    }

    /// The same keystore sealing new keys with other work: log2 of scrypt's N, 18 by default, at
    /// most 20. Lower is for tests and for throw-away homes.
    #[must_use]
    pub const fn with_work_factor(mut self, log_n: u8) -> Self {
        self.work = log_n;
        self
    }

    /// The folder the keys are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a key of fresh entropy, which the caller takes from the system's random source.
    pub fn create(
        &self,
        name: &str,
        account: Account,
        entropy: &[u8; 32],
        passphrase: &Passphrase,
    ) -> Result<NewKey, KeystoreError> {
        if entropy.iter().all(|b| *b == entropy[0]) {
            return Err(KeystoreError::Entropy);
        }
        let mnemonic = words::from_entropy(entropy)?;
        Ok(NewKey {
            info: self.store(name, account, &mnemonic, passphrase)?,
            words: words::line(&mnemonic),
        })
    }

    /// Brings a key back from its words (12 to 24 of them).
    pub fn restore(
        &self,
        name: &str,
        account: Account,
        words: &str,
        passphrase: &Passphrase,
    ) -> Result<KeyInfo, KeystoreError> {
        self.store(name, account, &words::parse(words)?, passphrase)
    }

    fn store(
        &self,
        name: &str,
        account: Account,
        mnemonic: &Mnemonic,
        passphrase: &Passphrase,
    ) -> Result<KeyInfo, KeystoreError> {
        check_name("the key's name", name)?;
        let (secret, public) = self.paths(name);
        let exists = || KeystoreError::Exists {
            name: name.to_owned(),
            path: secret.clone(),
        };
        // Asked before a second of scrypt; publish_new decides it for good.
        if secret.exists() {
            return Err(exists());
        }
        let (_, info) = open_account(&Secp256k1::new(), name, mnemonic, account, &secret)?;
        let sealed = sealed::seal(passphrase, self.work, &format::plain(mnemonic, account))
            .map_err(files::io("seal", &secret))?;
        files::private_folder(&self.folder)?;
        // Both are on the disk before either has its name, so that what can fail has failed.
        let secret_file = files::stage(&self.folder, &sealed)?;
        let public_file = files::stage(&self.folder, &format::public_bytes(&info))?;
        if !files::publish_new(secret_file, &secret)? {
            return Err(exists());
        }
        // The name is ours now; a public part without a secret was a leftover.
        if let Err(error) = files::publish(public_file, &public) {
            // Its words were never shown: an unfinished key is better gone.
            let _ = std::fs::remove_file(&secret);
            return Err(error);
        }
        Ok(info)
    }

    /// The names of the keys, sorted.
    pub fn names(&self) -> Result<Vec<String>, KeystoreError> {
        files::names(&self.folder, SEALED)
    }

    /// Every key by name, with its public part or why that can't be read.
    #[expect(clippy::type_complexity, reason = "a name and its own outcome")]
    pub fn list(&self) -> Result<Vec<(String, Result<KeyInfo, KeystoreError>)>, KeystoreError> {
        let names = self.names()?;
        Ok(names
            .into_iter()
            .map(|name| {
                let info = self.info(&name);
                (name, info)
            })
            .collect())
    }

    /// The public part of a key, without its passphrase. It is as trustworthy as the folder: a
    /// replaced one is noticed when the key is unlocked.
    pub fn info(&self, name: &str) -> Result<KeyInfo, KeystoreError> {
        check_name("the key's name", name)?;
        let (secret, public) = self.paths(name);
        if !secret.exists() {
            return Err(self.not_found(name));
        }
        let bytes = files::read(&public)?.ok_or_else(|| KeystoreError::PublicPartMissing {
            name: name.to_owned(),
            path: public.clone(),
        })?;
        format::public_info(name, &bytes).ok_or(KeystoreError::Damaged {
            path: public,
            reason: "it is not the public part of a key; it may be removed, the next unlock writes it again",
        })
    }

    /// Opens a key for signing.
    pub fn unlock(&self, name: &str, passphrase: &Passphrase) -> Result<Unlocked, KeystoreError> {
        check_name("the key's name", name)?;
        let (secret, public) = self.paths(name);
        files::check_private(&secret)?;
        let sealed = files::read(&secret)?.ok_or_else(|| self.not_found(name))?;
        let plain = sealed::open(passphrase, &sealed).map_err(|error| match error {
            OpenError::WrongPassphrase => KeystoreError::WrongPassphrase {
                name: name.to_owned(),
            },
            OpenError::Damaged(reason) => KeystoreError::Damaged {
                path: secret.clone(),
                reason,
            },
            OpenError::TooMuchWork(work) => KeystoreError::TooMuchWork {
                path: secret.clone(),
                work,
            },
        })?;
        let (mnemonic, account) =
            format::parse_plain(&plain).ok_or_else(|| KeystoreError::Damaged {
                path: secret.clone(),
                reason: "what it seals is not a key of this program",
            })?;
        let secp = Secp256k1::new();
        let (key, info) = open_account(&secp, name, &mnemonic, account, &secret)?;
        match files::read(&public)? {
            Some(bytes) if format::public_info(name, &bytes).as_ref() == Some(&info) => {}
            Some(_) => {
                return Err(KeystoreError::PublicPartReplaced {
                    name: name.to_owned(),
                    path: public,
                });
            }
            // A convenience: a read-only folder must not keep a cosigner from signing.
            None => {
                let _ = files::stage(&self.folder, &format::public_bytes(&info))
                    .and_then(|file| files::publish_new(file, &public));
            }
        }
        Ok(Unlocked::new(secp, key, info))
    }

    fn paths(&self, name: &str) -> (PathBuf, PathBuf) {
        let path = |extension| files::path(&self.folder, name, extension);
        (path(SEALED), path(PUBLIC))
    }

    fn not_found(&self, name: &str) -> KeystoreError {
        KeystoreError::NotFound {
            name: name.to_owned(),
            folder: self.folder.clone(),
            known: self.names().unwrap_or_default(),
        }
    }
}

fn open_account(
    secp: &Secp256k1<All>,
    name: &str,
    mnemonic: &Mnemonic,
    account: Account,
    path: &Path,
) -> Result<(AccountKey, KeyInfo), KeystoreError> {
    let key = AccountKey::derive(secp, mnemonic, account).map_err(|_| KeystoreError::NoKey)?;
    let public = CosignerKey::parse(&key.public_text(secp), account.network()).map_err(|_| {
        KeystoreError::Damaged {
            path: path.to_owned(),
            reason: "its words give a key that no vault accepts",
        }
    })?;
    let info = KeyInfo {
        name: name.to_owned(),
        network: account.network(),
        key: public,
    };
    Ok((key, info))
}
