//! Sealing of records with a token (BIP-0129, "Encryption"): AES-256-CTR under a key that PBKDF2
//! makes of the token, authenticated by an HMAC over the plain text. The file is both in hex.

use super::error::SealError;
use super::token::Token;
use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hex::{DisplayHex, FromHex};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

const PASSWORD: &[u8] = b"No SPOF";
const ROUNDS: u32 = 2048;
const MAC: usize = 32;
/// Records are a few kB: fifteen keys in a descriptor are 2 kB.
const MAX_TEXT: usize = 64 * 1024;

/// The record as it goes from hand to hand: sealed, or as it is when the token is none.
#[must_use]
pub fn seal(token: &Token, plain: &str) -> String {
    if *token == Token::None {
        return plain.to_owned();
    }
    let key = key(token);
    let mac: [u8; MAC] = mac(token, &key, plain.as_bytes())
        .finalize()
        .into_bytes()
        .into();
    let mut text = plain.as_bytes().to_vec();
    apply(&key, &mac, &mut text);
    mac.to_lower_hex_string() + &text.to_lower_hex_string()
}

/// The record in a sealed file. It was sealed with this token and not changed since.
pub fn open(token: &Token, text: &str) -> Result<String, SealError> {
    let text = text.trim();
    if text.len() > 2 * MAX_TEXT {
        return Err(SealError::TooLong(text.len()));
    }
    let bytes: Vec<u8> = FromHex::from_hex(text).map_err(|_| SealError::NotSealed)?;
    let (found, sealed) = bytes.split_at_checked(MAC).ok_or(SealError::NotSealed)?;
    let key = key(token);
    let mut plain = sealed.to_vec();
    apply(&key, found, &mut plain);
    // Compared in constant time.
    mac(token, &key, &plain)
        .verify_slice(found)
        .map_err(|_| SealError::OtherToken)?;
    String::from_utf8(plain).map_err(|_| SealError::NotText)
}

fn key(token: &Token) -> [u8; 32] {
    pbkdf2::pbkdf2_hmac_array::<Sha512, 32>(PASSWORD, token.bytes(), ROUNDS)
}

fn mac(token: &Token, key: &[u8; 32], plain: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&Sha256::digest(key))
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(token.hex().as_bytes());
    mac.update(plain);
    mac
}

/// Encrypts and decrypts alike.
fn apply(key: &[u8; 32], mac: &[u8], text: &mut [u8]) {
    let mut iv = [0; 16];
    iv.copy_from_slice(&mac[..16]);
    Ctr128BE::<Aes256>::new(key.into(), &iv.into()).apply_keystream(text);
}
