//! T32: the one-time number inside a signature. Every signature carries `r`, which stands for a random
//! number used once. Who uses it twice under one key gives the key away: two equations, two unknowns.
//!
//! For signatures that verified, in canonical form, no message is needed to tell a repeated number
//! from a repeated signature: under one key the message and `r` determine `s`, in ECDSA with low S as
//! in BIP-0340. The same `r` and `s` is the same signature; the same `r` with another `s` is another message.

use bitcoin::{PublicKey, ecdsa};

/// What a signature shows of its one-time number, and under which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce {
    /// The number's public form.
    pub r: [u8; 32],
    /// The key, without its sign: ECDSA and BIP-0340 signatures of one key give it away together too.
    pub key: [u8; 32],
    /// The rest of the signature.
    pub s: [u8; 32],
}

impl Nonce {
    /// Of a key and a signature as the journal keeps them: a key of 33 bytes and DER with the sighash
    /// byte, or in taproot a key of 32 bytes and 64 or 65 bytes. `None` for anything else.
    #[must_use]
    pub fn of(key: &[u8], signature: &[u8]) -> Option<Self> {
        if let Ok(key) = <[u8; 32]>::try_from(key) {
            if !matches!(signature.len(), 64 | 65) {
                return None;
            }
            return Some(Self {
                r: signature.get(..32)?.try_into().ok()?,
                key,
                s: signature.get(32..64)?.try_into().ok()?,
            });
        }
        let key = PublicKey::from_slice(key).ok()?;
        let signature = ecdsa::Signature::from_slice(signature).ok()?;
        let compact = signature.signature.serialize_compact();
        Some(Self {
            r: compact.get(..32)?.try_into().ok()?,
            key: key.inner.x_only_public_key().0.serialize(),
            s: compact.get(32..)?.try_into().ok()?,
        })
    }

    /// Whether the two used one number for two different signatures.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        self.r == other.r && (self.key != other.key || self.s != other.s)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::secp256k1::{Message, Scalar, Secp256k1, SecretKey};

    /// Signs with a given one-time number: what a broken device does. R is `k` times the generator.
    fn sign(secret: &SecretKey, k: &SecretKey, message: [u8; 32]) -> ecdsa::Signature {
        let secp = Secp256k1::new();
        let r = k.public_key(&secp).x_only_public_key().0.serialize();
        let r_scalar = Scalar::from_be_bytes(r).unwrap();
        // s = (z + r d) / k; division by exponentiation would need a big number, so k is undone by
        // Fermat: k^(n-2).
        let numerator = secret
            .mul_tweak(&r_scalar)
            .unwrap()
            .add_tweak(&Scalar::from_be_bytes(message).unwrap())
            .unwrap();
        let s = numerator.mul_tweak(&Scalar::from(inverse(k))).unwrap();
        let mut compact = [0; 64];
        compact[..32].copy_from_slice(&r);
        compact[32..].copy_from_slice(&s.secret_bytes());
        let mut signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&compact).unwrap();
        signature.normalize_s();
        secp.verify_ecdsa(
            &Message::from_digest(message),
            &signature,
            &secret.public_key(&secp),
        )
        .unwrap();
        ecdsa::Signature::sighash_all(signature)
    }

    fn inverse(k: &SecretKey) -> SecretKey {
        let mut exponent = bitcoin::secp256k1::constants::CURVE_ORDER;
        exponent[31] -= 2;
        let bits = exponent
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
        let mut result: Option<SecretKey> = None;
        for bit in bits {
            result = result.map(|x| x.mul_tweak(&Scalar::from(x)).unwrap());
            if bit {
                result = Some(match result {
                    Some(x) => x.mul_tweak(&Scalar::from(*k)).unwrap(),
                    None => *k,
                });
            }
        }
        result.unwrap()
    }

    fn secret(byte: u8) -> SecretKey {
        SecretKey::from_slice(&[byte; 32]).unwrap()
    }

    fn nonce(secret: &SecretKey, k: &SecretKey, message: u8) -> Nonce {
        let secp = Secp256k1::new();
        let signature = sign(secret, k, [message; 32]);
        let key = PublicKey::new(secret.public_key(&secp));
        Nonce::of(&key.to_bytes(), &signature.to_vec()).unwrap()
    }

    #[test]
    fn t32_one_number_for_two_messages_is_told_from_one_signature_twice() {
        let (alice, bob) = (secret(1), secret(2));
        let (k, other) = (secret(7), secret(8));
        let first = nonce(&alice, &k, 3);
        assert!(!first.repeats(&first));
        assert!(!first.repeats(&nonce(&alice, &k, 3)), "the same message");
        assert!(first.repeats(&nonce(&alice, &k, 4)), "another message");
        assert!(!first.repeats(&nonce(&alice, &other, 4)), "another number");
        assert!(first.repeats(&nonce(&bob, &k, 3)), "another key");
        // -k has the same r, and with low S the same signature.
        assert!(!first.repeats(&nonce(&alice, &k.negate(), 3)));
        assert!(first.repeats(&nonce(&alice, &k.negate(), 4)));
    }

    #[test]
    fn t32_schnorr_and_ecdsa_signatures_of_one_key_are_compared() {
        let secp = Secp256k1::new();
        let pair = secret(1).keypair(&secp);
        let signature = secp.sign_schnorr_no_aux_rand(&Message::from_digest([3; 32]), &pair);
        let key = pair.x_only_public_key().0.serialize();
        let with_type = [signature.as_ref().as_slice(), &[1]].concat();
        let plain = Nonce::of(&key, signature.as_ref()).unwrap();
        assert_eq!(Nonce::of(&key, &with_type), Some(plain));
        let ecdsa = nonce(&secret(1), &secret(7), 3);
        assert_eq!(plain.key, ecdsa.key);
        assert!(
            Nonce {
                r: ecdsa.r,
                ..plain
            }
            .repeats(&ecdsa)
        );
        for bad in [&[][..], &[0; 63], &[0; 66]] {
            assert_eq!(Nonce::of(&key, bad), None);
        }
        assert_eq!(Nonce::of(&[2; 31], signature.as_ref()), None);
        assert_eq!(Nonce::of(&[2; 33], &[0; 71]), None);
    }
}
