//! What broken and hostile signers do.

use bitcoin::secp256k1::{Message, Scalar, SecretKey, constants, ecdsa as raw};
use bitcoin::{EcdsaSighashType, Psbt, ecdsa};

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

/// Signs every wsh input of `psbt` for `signer`, the input at `i` with the one-time number `numbers[i]`.
///
/// # Panics
/// When the file has no key of the signer's, or no script.
pub fn sign_psbt_with(psbt: &mut Psbt, signer: &TestKey, numbers: &[SecretKey]) {
    let mut cache = bitcoin::sighash::SighashCache::new(psbt.unsigned_tx.clone());
    for (place, (input, k)) in psbt.inputs.iter_mut().zip(numbers).enumerate() {
        let script = input.witness_script.as_ref().expect("a wsh input");
        let value = input.witness_utxo.as_ref().expect("an amount").value;
        let hash = cache
            .p2wsh_signature_hash(place, script, value, EcdsaSighashType::All)
            .expect("an input");
        let (public, path) = input
            .bip32_derivation
            .iter()
            .find(|(_, (fingerprint, _))| *fingerprint == signer.fingerprint())
            .map(|(public, (_, path))| (*public, path.clone()))
            .expect("a key of the signer's");
        let secret = signer
            .master()
            .derive_priv(secp(), &path)
            .expect("a child")
            .private_key;
        let message = *bitcoin::hashes::Hash::as_byte_array(&hash);
        let signature = sign_with(&secret, k, &message);
        input.partial_sigs.insert(public.into(), signature);
    }
}
