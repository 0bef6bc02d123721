//! Key records of the set-up protocol (BIP-0129, round 1): the key says itself, and signs that.

use crate::unlocked::Unlocked;
use bitcoin::secp256k1::Message;
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use quorate_core::setup::{Token, record_message};

impl Unlocked {
    /// The record of this key: four lines and the key's signature over them, as a signed message in the
    /// legacy format. A message can't be mistaken for a transaction: it is hashed with a prefix.
    #[must_use]
    pub fn record(&self, token: &Token, note: &str) -> String {
        let text = record_message(token, &self.info().key, note);
        let message = Message::from_digest(*signed_msg_hash(&text).as_ref());
        let secret = &self.key.key.get().private_key;
        let signature = self.secp.sign_ecdsa_recoverable(&message, secret);
        let signature = MessageSignature::new(signature, true).to_base64();
        format!("{text}\n{signature}")
    }
}
