//! Key records of BIP-0129: version, token, key, description, and a signature by the key itself over the
//! four lines before, as a signed message. Sparrow leaves the signature out.

use super::{FoundKeys, KeyFileError, KeyFormat, by_path};
use crate::key::CosignerKey;
use crate::text::check_line;
use bitcoin::Network;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};

const HEAD: &str = "BSMS 1.0";
/// The longest description, in characters.
const MAX_NOTE: usize = 80;

pub(super) fn read(text: &str, network: Network) -> Result<FoundKeys, KeyFileError> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let (head, token, key, note, signature) = match lines.as_slice() {
        [head, token, key, note] => (*head, *token, *key, *note, None),
        [head, token, key, note, signature] => (*head, *token, *key, *note, Some(*signature)),
        _ => {
            return Err(KeyFileError::Record(
                "it has four lines, or five with a signature: a descriptor record is read by `quorate vault import`",
            ));
        }
    };
    if head != HEAD {
        return Err(KeyFileError::Record(
            "its version isn't known, which is 1.0 here",
        ));
    }
    let is_token =
        matches!(token.len(), 2 | 16 | 32) && token.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_token {
        return Err(KeyFileError::Record(
            "its second line isn't a token in hex, or 00",
        ));
    }
    let key = CosignerKey::parse(key, network)?;
    if let Some(signature) = signature {
        let message = [head, token, lines[2], note].join("\n");
        check(&key, &message, signature)?;
    }
    // A description that can't be shown is left out; it is no reason to refuse the key.
    let note = check_line("the note", note, MAX_NOTE)
        .is_ok()
        .then(|| note.to_owned());
    Ok(FoundKeys {
        format: KeyFormat::Bsms,
        keys: vec![by_path(key)],
        note,
        signed: signature.is_some(),
    })
}

/// The signature says which key made it; it must be this one.
fn check(key: &CosignerKey, message: &str, signature: &str) -> Result<(), KeyFileError> {
    let fault = KeyFileError::Record(
        "its signature isn't one by its key over the lines before: it was damaged or changed; ask the signer for it again",
    );
    let Ok(signature) = MessageSignature::from_base64(signature.trim()) else {
        return Err(fault);
    };
    let made_by =
        signature.recover_pubkey(&Secp256k1::verification_only(), signed_msg_hash(message));
    match made_by {
        Ok(made_by) if made_by.inner == key.xpub().public_key => Ok(()),
        _ => Err(fault),
    }
}
