//! Key files: what signers write when they are asked for a public key. A file may have several, for
//! different kinds of script; which one is meant is told by its place in the file, or by its path
//! (BIP-0045, BIP-0048, BIP-0087). Sources of the formats are named in `docs/formats.md`.

mod error;
mod json;
mod record;

pub use error::KeyFileError;
pub(crate) use json::{electrum_fingerprint, is_private};

use super::{CosignerKey, find_secret, slip132_script};
use crate::frame::{self, Payload};
use crate::json::strict;
use crate::script_type::ScriptType;
use crate::text::excerpt;
use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, DerivationPath};
use std::collections::BTreeSet;
use std::fmt;

/// The largest key file; Coldcard's generic export is 3 kB.
const MAX_TEXT: usize = 64 * 1024;

/// A kind of key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyFormat {
    /// `[fingerprint/path]xpub`, as most programs show it.
    Expression,
    /// Coldcard's and Passport's keys for multisig (`ccxp-….json`).
    CoinkiteMultisig,
    /// Coldcard's generic export (`coldcard-export.json`).
    CoinkiteGeneric,
    /// Keystone's and Cobo's single key.
    Keystone,
    /// An Electrum or Sparrow wallet file of one signer.
    Electrum,
    /// A key record of the set-up protocol BIP-0129.
    Bsms,
    /// A device as Specter Desktop exports it.
    Specter,
    /// A key as Caravan exports it.
    Caravan,
    /// UR: `crypto-account`, `crypto-hdkey` and what came after them.
    Ur,
}

impl KeyFormat {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::CoinkiteMultisig => "coldcard-multisig",
            Self::CoinkiteGeneric => "coldcard-export",
            Self::Keystone => "keystone",
            Self::Electrum => "electrum",
            Self::Bsms => "bsms",
            Self::Specter => "specter-device",
            Self::Caravan => "caravan-key",
            Self::Ur => "ur",
        }
    }
}

impl fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expression => "a key expression",
            Self::CoinkiteMultisig => "Coldcard's keys for multisig",
            Self::CoinkiteGeneric => "Coldcard's generic export",
            Self::Keystone => "a key of Keystone's",
            Self::Electrum => "an Electrum wallet of one signer",
            Self::Bsms => "a key record (BIP-0129)",
            Self::Specter => "a device of Specter's",
            Self::Caravan => "a key of Caravan's",
            Self::Ur => "keys in a code (UR)",
        })
    }
}

/// A key in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The kind of script it is meant for; `None` where neither the file nor the path says so.
    pub script: Option<ScriptType>,
    /// The key.
    pub key: CosignerKey,
}

/// What a key file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKeys {
    /// What kind of file it is.
    pub format: KeyFormat,
    /// Its keys: at least one.
    pub keys: Vec<Candidate>,
    /// What the file says about the key, in the words of whoever wrote it.
    pub note: Option<String>,
    /// Whether it carries a signature by the key itself, which was verified (BIP-0129): who wrote it had
    /// the key.
    pub signed: bool,
}

impl FoundKeys {
    /// The key for a kind of script: the one that is meant for it, or the only one there is.
    ///
    /// # Errors
    /// A sentence that names the keys there are.
    pub fn choose(&self, script: ScriptType) -> Result<&Candidate, KeyFileError> {
        let meant = |one: &&Candidate| one.script == Some(script);
        let mut exact = self.keys.iter().filter(meant);
        match (exact.next(), exact.next(), self.keys.as_slice()) {
            (Some(one), None, _) | (None, None, [one]) => Ok(one),
            _ => {
                let all = self.keys.iter().map(|one| {
                    let script = one.script.map_or("any script", ScriptType::word);
                    format!("{} for {script}", one.key.origin())
                });
                Err(KeyFileError::Choice {
                    wanted: script.word(),
                    found: all.collect::<Vec<_>>().join(", "),
                })
            }
        }
    }
}

/// Reads a key file of any known kind.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub fn read(text: &str, network: Network) -> Result<FoundKeys, KeyFileError> {
    if text.len() > MAX_TEXT {
        return Err(KeyFileError::TooLong {
            found: text.len(),
            max: MAX_TEXT,
        });
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(KeyFileError::Empty);
    }
    if frame::is_frame(trimmed) {
        return in_frames(trimmed, network);
    }
    if let Some(kind) = find_secret(trimmed) {
        return Err(KeyFileError::Secret(kind));
    }
    if trimmed.starts_with('{') {
        let json = strict(trimmed).map_err(|error| KeyFileError::Json(excerpt(&error)))?;
        return json::read(&json, network);
    }
    if trimmed.starts_with("BSMS") {
        return record::read(trimmed, network);
    }
    // Electrum's encrypted files: base64 of `BIE1`, `BIE2`.
    if trimmed.starts_with("QklFM") {
        return Err(KeyFileError::Encrypted);
    }
    let lines = trimmed.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    if lines.len() > 1 && !lines.iter().all(|line| line.trim_start().starts_with('[')) {
        return Err(KeyFileError::Unknown);
    }
    let keys = lines.iter().map(|line| {
        let key = CosignerKey::parse(line, network)?;
        check_prefix(line.rsplit(']').next().unwrap_or(line), &key, network)?;
        Ok(by_path(key))
    });
    let keys: Vec<Candidate> = keys.collect::<Result<_, KeyFileError>>()?;
    let distinct: BTreeSet<_> = keys.iter().map(|one| one.key.identity()).collect();
    if distinct.len() < keys.len() {
        return Err(KeyFileError::Twice);
    }
    Ok(FoundKeys {
        format: KeyFormat::Expression,
        keys,
        note: None,
        signed: false,
    })
}

/// Keys in QR codes: as CBOR, or any of the other files as text.
fn in_frames(text: &str, network: Network) -> Result<FoundKeys, KeyFileError> {
    match frame::join(text)? {
        Payload::Text(inner) if !frame::is_frame(&inner) => read(&inner, network),
        Payload::Account(bytes) | Payload::Key(bytes) => {
            let account = frame::read_account(&bytes, network)?;
            let keys = account.keys.into_iter().map(|one| match one.script {
                Some(script) => Candidate {
                    script: Some(script),
                    key: one.key,
                },
                None => by_path(one.key),
            });
            Ok(FoundKeys {
                format: KeyFormat::Ur,
                keys: keys.collect(),
                note: None,
                signed: false,
            })
        }
        _ => Err(KeyFileError::Unknown),
    }
}

/// What a key is for, as its path says.
fn by_path(key: CosignerKey) -> Candidate {
    Candidate {
        script: purpose(key.origin_path()),
        key,
    }
}

fn purpose(path: &DerivationPath) -> Option<ScriptType> {
    let step = |number| ChildNumber::Hardened { index: number };
    let steps: &[ChildNumber] = path.as_ref();
    match steps {
        [first, _, _, last] if *first == step(48) && *last == step(2) => Some(ScriptType::Wsh),
        [first, _, _, last] if *first == step(48) && *last == step(1) => Some(ScriptType::ShWsh),
        [first] if *first == step(45) => Some(ScriptType::Sh),
        _ => None,
    }
}

/// A key out of a file's three texts.
fn key(
    fingerprint: &str,
    path: &str,
    xpub: &str,
    network: Network,
) -> Result<CosignerKey, KeyFileError> {
    let path = path.trim();
    let path = path
        .strip_prefix("m/")
        .or_else(|| path.strip_prefix('m'))
        .unwrap_or(path);
    let slash = if path.is_empty() { "" } else { "/" };
    let fingerprint = fingerprint.trim().to_ascii_lowercase();
    let text = format!("[{fingerprint}{slash}{path}]{}", xpub.trim());
    let key = CosignerKey::parse(&text, network)?;
    check_prefix(xpub.trim(), &key, network)?;
    Ok(key)
}

/// `Zpub` and its like say the kind of script (SLIP-0132), and so does the path.
fn check_prefix(xpub: &str, key: &CosignerKey, network: Network) -> Result<(), KeyFileError> {
    let prefix: String = xpub.chars().take(4).collect();
    if !matches!(prefix.as_str(), "Ypub" | "Zpub" | "Upub" | "Vpub") {
        return Ok(());
    }
    match (
        slip132_script(xpub.split('/').next().unwrap_or(xpub), network),
        purpose(key.origin_path()),
    ) {
        (Some(said), Some(meant)) if said != meant => Err(KeyFileError::Prefix {
            prefix,
            said: said.word(),
            meant: meant.word(),
        }),
        _ => Ok(()),
    }
}
