//! What broken and hostile signers do.

use bitcoin::bip32::DerivationPath;
use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Message, Parity, Scalar, SecretKey, constants, ecdsa as raw, schnorr};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::{EcdsaSighashType, Psbt, TapSighashType, TxOut, ecdsa, taproot};

use crate::fixtures::{TestKey, secp};

/// An ECDSA signature of `message` with the one-time number `k`, in canonical form: what a device does
/// whose source of randomness is broken.
///
/// # Panics
/// With numbers that can't be, which doesn't happen by chance.
#[must_use]
pub fn sign_with(secret: &SecretKey, k: &SecretKey, message: &[u8; 32]) -> ecdsa::Signature {
    let r = k.public_key(secp()).x_only_public_key().0.serialize();
    let scalar = |bytes| Scalar::from_be_bytes(bytes).expect("below the order");
    // s = (z + r d) / k
    let s = secret
        .mul_tweak(&scalar(r))
        .and_then(|product| product.add_tweak(&scalar(*message)))
        .and_then(|sum| sum.mul_tweak(&Scalar::from(inverse(k))))
        .expect("not zero");
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&r);
    compact[32..].copy_from_slice(&s.secret_bytes());
    let mut signature = raw::Signature::from_compact(&compact).expect("a signature");
    signature.normalize_s();
    let key = secret.public_key(secp());
    secp()
        .verify_ecdsa(&Message::from_digest(*message), &signature, &key)
        .expect("a valid signature");
    ecdsa::Signature::sighash_all(signature)
}

/// By Fermat: k to the order less two.
fn inverse(k: &SecretKey) -> SecretKey {
    let mut exponent = constants::CURVE_ORDER;
    exponent[31] -= 2;
    let bits = exponent
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    let times = |x: SecretKey, y: SecretKey| x.mul_tweak(&Scalar::from(y)).expect("not zero");
    bits.fold(None, |power: Option<SecretKey>, bit| {
        let square = power.map(|x| times(x, x));
        match (square, bit) {
            (Some(x), true) => Some(times(x, *k)),
            (None, true) => Some(*k),
            (square, false) => square,
        }
    })
    .expect("the order isn't zero")
}

/// A BIP-0340 signature of `message` with the one-time number `k`.
///
/// # Panics
/// With numbers that can't be, which doesn't happen by chance.
#[must_use]
pub fn sign_schnorr_with(
    secret: &SecretKey,
    k: &SecretKey,
    message: &[u8; 32],
) -> schnorr::Signature {
    let even = |secret: &SecretKey| {
        let (key, parity) = secret.x_only_public_key(secp());
        match parity {
            Parity::Even => (*secret, key),
            Parity::Odd => (secret.negate(), key),
        }
    };
    let ((secret, key), (k, r)) = (even(secret), even(k));
    // e = hash(r, key, message), s = k + e d
    let tag = sha256::Hash::hash(b"BIP0340/challenge");
    let parts = [
        tag.as_byte_array(),
        tag.as_byte_array(),
        &r.serialize(),
        &key.serialize(),
        message,
    ];
    let challenge = sha256::Hash::hash(&parts.map(|part| part.as_slice()).concat());
    let challenge = SecretKey::from_slice(challenge.as_byte_array()).expect("below the order");
    let s = secret
        .mul_tweak(&Scalar::from(challenge))
        .and_then(|product| product.add_tweak(&Scalar::from(k)))
        .expect("not zero");
    let bytes = [r.serialize(), s.secret_bytes()].concat();
    let signature = schnorr::Signature::from_slice(&bytes).expect("a signature");
    secp()
        .verify_schnorr(&signature, &Message::from_digest(*message), &key)
        .expect("a valid signature");
    signature
}

/// Signs every input of `psbt` for `signer`, the input at `i` with the one-time number `numbers[i]`.
///
/// # Panics
/// When the file has no key of the signer's, or no script.
pub fn sign_psbt_with(psbt: &mut Psbt, signer: &TestKey, numbers: &[SecretKey]) {
    let mut cache = SighashCache::new(psbt.unsigned_tx.clone());
    let prevouts: Vec<TxOut> = psbt
        .inputs
        .iter()
        .map(|input| input.witness_utxo.clone().expect("an amount"))
        .collect();
    let secret = |path: &DerivationPath| {
        let key = signer.master().derive_priv(secp(), path);
        key.expect("a child").private_key
    };
    for (place, (input, k)) in psbt.inputs.iter_mut().zip(numbers).enumerate() {
        let taproot = input
            .tap_key_origins
            .iter()
            .filter(|(_, (_, (fingerprint, _)))| *fingerprint == signer.fingerprint())
            .find_map(|(key, (leaves, (_, path)))| Some((*key, *leaves.first()?, path.clone())));
        if let Some((key, leaf, path)) = taproot {
            let hash = cache
                .taproot_script_spend_signature_hash(
                    place,
                    &Prevouts::All(&prevouts),
                    leaf,
                    TapSighashType::Default,
                )
                .expect("an input");
            let signature = sign_schnorr_with(&secret(&path), k, hash.as_byte_array());
            let signature = taproot::Signature {
                signature,
                sighash_type: TapSighashType::Default,
            };
            input.tap_script_sigs.insert((key, leaf), signature);
            continue;
        }
        let script = input.witness_script.as_ref().expect("a wsh input");
        let value = prevouts[place].value;
        let hash = cache
            .p2wsh_signature_hash(place, script, value, EcdsaSighashType::All)
            .expect("an input");
        let (public, path) = input
            .bip32_derivation
            .iter()
            .find(|(_, (fingerprint, _))| *fingerprint == signer.fingerprint())
            .map(|(public, (_, path))| (*public, path.clone()))
            .expect("a key of the signer's");
        let signature = sign_with(&secret(&path), k, hash.as_byte_array());
        input.partial_sigs.insert(public.into(), signature);
    }
}
