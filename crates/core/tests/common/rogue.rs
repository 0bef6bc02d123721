//! Files as a hostile cosigner writes them: valid but for what he put in.

use super::world::{World, put_signature};
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bitcoin::hex::DisplayHex;
use bitcoin::psbt::raw;
use bitcoin::script::PushBytes;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey, ecdsa};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Psbt, PublicKey, ScriptBuf, Witness};
use quorate_core::proposal::{Proposal, Signature, SignatureSet, Slot};
use quorate_core::psbt::serialize_v2;
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Derived;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Binary,
    Base64,
    Hex,
    /// Binary, of version 2 (BIP370).
    Version2,
}

impl Form {
    pub(crate) const ALL: [Self; 4] = [Self::Binary, Self::Base64, Self::Hex, Self::Version2];

    pub(crate) fn write(self, psbt: &Psbt) -> Vec<u8> {
        let bytes = psbt.serialize();
        match self {
            Self::Binary => bytes,
            Self::Base64 => BASE64.encode(bytes).into_bytes(),
            Self::Hex => bytes.to_lower_hex_string().into_bytes(),
            Self::Version2 => serialize_v2(psbt).unwrap(),
        }
    }
}

/// Every cosigner's valid signatures for every input, made once.
#[derive(Debug)]
pub(crate) struct Signed {
    /// By cosigner, then by input.
    by_cosigner: Vec<Vec<Vec<(PublicKey, Signature)>>>,
}

impl Signed {
    pub(crate) fn new(world: &World, proposal: &Proposal) -> Self {
        let inputs = 0..proposal.inputs().len();
        let of = |cosigner: usize| {
            let inputs = inputs.clone();
            inputs.map(move |input| world.signatures(proposal, input, cosigner))
        };
        let cosigners = 0..world.vault.cosigners().len();
        Self {
            by_cosigner: cosigners.map(|cosigner| of(cosigner).collect()).collect(),
        }
    }

    pub(crate) fn of(&self, cosigner: usize, input: usize) -> &[(PublicKey, Signature)] {
        &self.by_cosigner[cosigner][input]
    }

    /// All that these cosigners can sign.
    pub(crate) fn set(&self, cosigners: impl IntoIterator<Item = usize>) -> SignatureSet {
        let mut set = SignatureSet::new();
        for cosigner in cosigners {
            for (input, signatures) in (0u32..).zip(&self.by_cosigner[cosigner]) {
                set.extend(
                    signatures
                        .iter()
                        .map(|&(public_key, signature)| (Slot { input, public_key }, signature)),
                );
            }
        }
        set
    }
}

/// The request with these signatures in it.
pub(crate) fn with_signatures(proposal: &Proposal, signatures: &SignatureSet) -> Psbt {
    let mut psbt = proposal.psbt().clone();
    for (slot, signature) in signatures {
        let input = slot.input as usize;
        let coin = &proposal.inputs()[input].derived;
        put_signature(&mut psbt.inputs[input], coin, slot.public_key, *signature);
    }
    psbt
}

/// Writes any bytes where a partial signature belongs.
pub(crate) fn put_partial(psbt: &mut Psbt, input: usize, key: &[u8], value: &[u8]) {
    // The library writes unknown pairs as they are, whatever their type means.
    let field = raw::Key {
        type_value: 0x02,
        key: key.to_vec(),
    };
    psbt.inputs[input].unknown.insert(field, value.to_vec());
}

/// Writes any bytes where a signature by this key belongs.
pub(crate) fn put_raw(
    psbt: &mut Psbt,
    input: usize,
    coin: &Derived,
    key: &PublicKey,
    value: &[u8],
) {
    if coin.script_type != ScriptType::Tr {
        return put_partial(psbt, input, &key.to_bytes(), value);
    }
    let known = coin.keys.iter().find(|known| known.public_key == *key);
    let (type_value, data) = match known.unwrap().leaf {
        Some(leaf) => {
            let x_only = key.inner.x_only_public_key().0.serialize();
            (0x14, [&x_only[..], leaf.as_ref()].concat())
        }
        None => (0x13, Vec::new()),
    };
    let field = raw::Key {
        type_value,
        key: data,
    };
    psbt.inputs[input].unknown.insert(field, value.to_vec());
}

/// Makes an input a finalized one that carries its signatures and `more`, said to be by `key`.
pub(crate) fn put_final(
    psbt: &mut Psbt,
    input: usize,
    coin: &Derived,
    key: &PublicKey,
    more: &[u8],
) {
    let fields = std::mem::take(&mut psbt.inputs[input]);
    let mut elements: Vec<Vec<u8>> = fields
        .partial_sigs
        .values()
        .map(|one| one.to_vec())
        .collect();
    elements.extend(fields.tap_script_sigs.values().map(|one| one.to_vec()));
    elements.extend(fields.tap_key_sig.iter().map(|one| one.to_vec()));
    elements.push(more.to_vec());
    let mut script_sig = ScriptBuf::new();
    let push = |script: &mut ScriptBuf, bytes: &[u8]| {
        script.push_slice(<&PushBytes>::try_from(bytes).unwrap());
    };
    match coin.script_type {
        ScriptType::Wsh | ScriptType::ShWsh => {
            elements.insert(0, Vec::new());
            elements.extend(coin.witness_script.as_ref().map(|script| script.to_bytes()));
            if let Some(redeem) = &coin.redeem_script {
                push(&mut script_sig, redeem.as_bytes());
            }
        }
        ScriptType::Sh => {
            push(&mut script_sig, &[]);
            for element in elements.drain(..) {
                push(&mut script_sig, &element);
            }
            push(
                &mut script_sig,
                coin.redeem_script.as_ref().unwrap().as_bytes(),
            );
        }
        ScriptType::Tr => {
            let taproot = coin.taproot.as_ref().unwrap();
            let leaf = taproot.leaf_of(key);
            let mut leaves = taproot.leaves.iter();
            let script = leaves.find(|(_, (script, version))| {
                Some(TapLeafHash::from_script(script, *version)) == leaf
            });
            if let Some((control, (script, _))) = script {
                elements.push(script.to_bytes());
                elements.push(control.serialize());
            }
        }
    }
    psbt.inputs[input] = bitcoin::psbt::Input {
        non_witness_utxo: fields.non_witness_utxo,
        final_script_sig: Some(script_sig).filter(|script| !script.is_empty()),
        final_script_witness: (!elements.is_empty()).then(|| Witness::from_slice(&elements)),
        ..bitcoin::psbt::Input::default()
    };
}

/// Well formed, by a key that is nobody's.
pub(crate) fn nobodys() -> ecdsa::Signature {
    let key = SecretKey::from_slice(&[3; 32]).unwrap();
    Secp256k1::new().sign_ecdsa(&Message::from_digest([5; 32]), &key)
}

/// The other signature of the same message by the same key: n - s for s.
pub(crate) fn high_s(signature: &ecdsa::Signature) -> ecdsa::Signature {
    let compact = signature.serialize_compact();
    let s = SecretKey::from_slice(&compact[32..]).unwrap().negate();
    ecdsa::Signature::from_compact(&[&compact[..32], &s[..]].concat()).unwrap()
}

/// Bytes with a sighash byte.
pub(crate) fn with_byte(signature: &ecdsa::Signature, byte: u8) -> Vec<u8> {
    let mut bytes = signature.serialize_der().to_vec();
    bytes.push(byte);
    bytes
}
