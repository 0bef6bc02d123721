//! Key records (BIP-0129, round 1): five lines that say a key, signed by that key. The signature is the
//! proof of possession. Our own homes put into the description which invitation they answer, so that
//! a record of another occasion isn't taken, and which member speaks for the cosigner.

use super::HEAD;
use super::error::RecordError;
use super::invitation::Nonce;
use super::token::Token;
use crate::journal::MemberId;
use crate::key::{CosignerKey, find_secret};
use crate::text::check_line;
use bitcoin::Network;
use bitcoin::base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use std::fmt;

/// The longest description, in characters.
const MAX_NOTE: usize = 80;

/// What a home says about itself in a record's description. 68 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The invitation that is answered.
    pub nonce: Nonce,
    /// Whose journal entries speak for the cosigner.
    pub member: MemberId,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = URL_SAFE_NO_PAD.encode(self.member.to_bytes());
        write!(f, "Quorate {} {member}", self.nonce)
    }
}

impl Statement {
    /// Out of a description; `None` for what other programs write there.
    #[must_use]
    pub fn read(note: &str) -> Option<Self> {
        let mut words = note.strip_prefix("Quorate ")?.split(' ');
        let (nonce, member, rest) = (words.next()?, words.next()?, words.next());
        let member = URL_SAFE_NO_PAD.decode(member).ok()?;
        Some(Self {
            nonce: nonce.parse().ok()?,
            member: MemberId::from_bytes(&member.try_into().ok()?)?,
        })
        .filter(|_| rest.is_none())
    }
}

/// A key record, read and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The session's token.
    pub token: Token,
    /// The key.
    pub key: CosignerKey,
    /// The description.
    pub note: String,
    /// Whether it is signed by the key. Sparrow leaves the signature out.
    pub is_signed: bool,
}

/// The four lines that are signed.
#[must_use]
pub fn record_message(token: &Token, key: &CosignerKey, note: &str) -> String {
    format!("{HEAD}\n{}\n{key}\n{note}", token.hex())
}

impl KeyRecord {
    /// Reads a record that isn't sealed, or no longer. A signature that isn't by the key refuses it.
    pub fn read(text: &str, network: Network) -> Result<Self, RecordError> {
        if let Some(secret) = find_secret(text) {
            return Err(RecordError::Secret(secret));
        }
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.trim_end_matches('\r'))
            .collect();
        let (head, token, key, note, signature) = match lines.as_slice() {
            [head, token, key, note] => (*head, *token, *key, *note, None),
            [head, token, key, note, signature] => (*head, *token, *key, *note, Some(*signature)),
            _ => return Err(RecordError::Lines(lines.len())),
        };
        if head != HEAD {
            return Err(RecordError::Version);
        }
        let record = Self {
            token: token.parse().map_err(|()| RecordError::Token)?,
            key: CosignerKey::parse(key, network)?,
            note: note.to_owned(),
            is_signed: signature.is_some(),
        };
        if !note.is_empty() {
            check_line("the description", note, MAX_NOTE)?;
        }
        if let Some(signature) = signature {
            let message = [head, token, key, note].join("\n");
            check(&record.key, &message, signature)?;
        }
        Ok(record)
    }
}

/// The signature says which key made it; it must be this one.
fn check(key: &CosignerKey, message: &str, signature: &str) -> Result<(), RecordError> {
    let signature =
        MessageSignature::from_base64(signature.trim()).map_err(|_| RecordError::Signature)?;
    let made_by =
        signature.recover_pubkey(&Secp256k1::verification_only(), signed_msg_hash(message));
    match made_by {
        Ok(made_by) if made_by.inner == key.xpub().public_key => Ok(()),
        _ => Err(RecordError::Signature),
    }
}
