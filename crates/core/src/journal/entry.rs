//! One entry: its text, its author's signature (BIP-0340) and what follows from both.

use super::body::Body;
use crate::vault::VaultId;
use bitcoin::hashes::{Hash, HashEngine, sha256};
use bitcoin::key::{Keypair, Secp256k1};
use bitcoin::secp256k1::{Message, SecretKey, XOnlyPublicKey, schnorr};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The version of entries written now. Older ones are read; newer ones are refused, so a program that
/// doesn't know what a version added (2: new kinds, a leaf in a signature; 3: setting up) says that it is
/// too old.
pub const VERSION: u32 = 3;
/// The longest text of an entry, in bytes: a 2 MiB PSBT as base64, and its frame.
pub const MAX_TEXT: usize = 3 * 1024 * 1024;
/// Commas and opening brackets in an entry: what the parser keeps of an unknown field is many times
/// its text. The signatures of 15 cosigners on 512 inputs are 31,000.
const MAX_PARTS: usize = 100_000;

/// Hash over an entry's text: its name everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; 32]);

impl EntryId {
    /// The id of the entry with this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(tagged(b"Quorate/entry", text.as_bytes()))
    }
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// From 32 bytes, for reading it back from the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// BIP-0340's tagged hash, over the parts in order.
pub(crate) fn tagged(tag: &[u8], data: &[u8]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag);
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    engine.input(data);
    sha256::Hash::from_engine(engine).to_byte_array()
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({self})")
    }
}
impl FromStr for EntryId {
    type Err = hex::HexToArrayError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <[u8; 32] as hex::FromHex>::from_hex(text).map(Self)
    }
}
impl Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A member's public key: the device that takes part in coordination, not a spending key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(XOnlyPublicKey);

impl MemberId {
    /// The key's 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.serialize()
    }
    /// Whether the member signed this digest.
    pub(crate) fn verifies(self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        let Ok(signature) = schnorr::Signature::from_slice(signature) else {
            return false;
        };
        let message = Message::from_digest(*digest);
        Secp256k1::verification_only()
            .verify_schnorr(&signature, &message, &self.0)
            .is_ok()
    }
}
/// The text isn't a member's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a member's id is 64 hexadecimal digits: copy all of what `quorate member show` prints")]
pub struct ParseMemberIdError;

impl MemberId {
    /// From the key's 32 bytes; `None` when they are no key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        XOnlyPublicKey::from_slice(bytes).ok().map(Self)
    }
}
impl FromStr for MemberId {
    type Err = ParseMemberIdError;
    fn from_str(text: &str) -> Result<Self, ParseMemberIdError> {
        let bytes = <[u8; 32] as hex::FromHex>::from_hex(text).map_err(|_| ParseMemberIdError)?;
        Self::from_bytes(&bytes).ok_or(ParseMemberIdError)
    }
}
impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A member's secret key. It signs journal entries and seals evidence, and can't spend.
#[derive(Clone)]
pub struct MemberKey(Keypair);

impl MemberKey {
    /// Takes 32 random bytes; `None` for the few values that are no key.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Option<Self> {
        let secret = SecretKey::from_slice(secret).ok()?;
        Some(Self(secret.keypair(&Secp256k1::new())))
    }
    /// The public side.
    #[must_use]
    pub fn id(&self) -> MemberId {
        MemberId(self.0.x_only_public_key().0)
    }
    /// Signs a tagged hash of something else than an entry; deterministic.
    pub(crate) fn sign_digest(&self, digest: &[u8; 32]) -> [u8; 64] {
        let message = Message::from_digest(*digest);
        let signature = Secp256k1::new().sign_schnorr_no_aux_rand(&message, &self.0);
        signature.serialize()
    }
    /// The secret's bytes, for the store.
    #[must_use]
    pub fn secret_bytes(&self) -> [u8; 32] {
        self.0.secret_bytes()
    }
}
impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberKey({})", self.id())
    }
}

/// What an entry's text says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// [`VERSION`] when it was written.
    pub version: u32,
    /// The vault it is about.
    pub vault: VaultId,
    /// Who says it.
    pub author: MemberId,
    /// The author's entries in this vault are numbered from 1.
    pub seq: u64,
    /// The author's entry before this one; `None` in the first.
    pub prev: Option<EntryId>,
    /// The author's clock, seconds since 1970. For people to read; nothing depends on it.
    pub at: u64,
    /// The statement.
    #[serde(flatten)]
    pub body: Body,
}

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the text of an entry.
    #[error("this is not a journal entry: {0}")]
    Malformed(String),
    /// Written by a newer Quorate.
    #[error(
        "the entry has version {0}, this Quorate reads versions up to {VERSION}: update Quorate"
    )]
    Newer(u32),
    /// The author didn't sign this text.
    #[error("the signature is not the author's signature on this entry")]
    BadSignature,
    /// Numbering and linking disagree: only the first entry has no predecessor.
    #[error("entry number {seq} {fault}")]
    BadLink {
        /// Its number.
        seq: u64,
        /// What is wrong.
        fault: &'static str,
    },
    /// Larger than any entry can be.
    #[error("the entry has {0} bytes, the limit is {MAX_TEXT}")]
    TooLarge(usize),
}

/// An entry whose signature has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    id: EntryId,
    text: String,
    signature: schnorr::Signature,
    content: Content,
}

impl Entry {
    /// Writes and signs an entry. The signature is deterministic: no randomness is needed.
    pub fn sign(content: Content, key: &MemberKey) -> Result<Self, EntryError> {
        debug_assert_eq!(content.author, key.id());
        let text = serde_json::to_string(&content)
            .map_err(|error| EntryError::Malformed(error.to_string()))?;
        let id = EntryId::of(&text);
        let message = Message::from_digest(id.0);
        let signature = Secp256k1::new().sign_schnorr_no_aux_rand(&message, &key.0);
        Ok(Self {
            id,
            text,
            signature,
            content,
        })
    }

    /// Reads an entry that came from a file or the store: every byte of the text is covered by
    /// the id, and the id by the author's signature.
    pub fn check(text: &str, signature: &[u8]) -> Result<Self, EntryError> {
        if text.len() > MAX_TEXT {
            return Err(EntryError::TooLarge(text.len()));
        }
        let separators = text
            .bytes()
            .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
        if separators.count() > MAX_PARTS {
            return Err(EntryError::Malformed("it has too many parts".to_owned()));
        }
        // One entry is one line in a file; inside of its strings JSON writes line breaks as `\n`.
        if text.contains(['\n', '\r']) {
            return Err(EntryError::Malformed(
                "it has more than one line".to_owned(),
            ));
        }
        let version = serde_json::from_str::<VersionOnly>(text)
            .map_err(|error| EntryError::Malformed(crate::text::excerpt(&error)))?
            .version;
        if version > VERSION {
            return Err(EntryError::Newer(version));
        }
        let content: Content = serde_json::from_str(text)
            .map_err(|error| EntryError::Malformed(crate::text::excerpt(&error)))?;
        if i64::try_from(content.seq).is_err() || i64::try_from(content.at).is_err() {
            let fault = "its number or time is out of range".to_owned();
            return Err(EntryError::Malformed(fault));
        }
        match (content.seq, content.prev) {
            (0, _) => {
                return Err(EntryError::BadLink {
                    seq: 0,
                    fault: "is not allowed, they start at 1",
                });
            }
            (1, Some(_)) => {
                return Err(EntryError::BadLink {
                    seq: 1,
                    fault: "names a predecessor",
                });
            }
            (seq @ 2.., None) => {
                return Err(EntryError::BadLink {
                    seq,
                    fault: "names no predecessor",
                });
            }
            (1.., _) => {}
        }
        let id = EntryId::of(text);
        let signature =
            schnorr::Signature::from_slice(signature).map_err(|_| EntryError::BadSignature)?;
        Secp256k1::verification_only()
            .verify_schnorr(&signature, &Message::from_digest(id.0), &content.author.0)
            .map_err(|_| EntryError::BadSignature)?;
        Ok(Self {
            id,
            text: text.to_owned(),
            signature,
            content,
        })
    }

    /// Hash over the text.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }
    /// The bytes that were signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The author's signature over the id.
    #[must_use]
    pub fn signature(&self) -> [u8; 64] {
        self.signature.serialize()
    }
    /// What it says.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}
