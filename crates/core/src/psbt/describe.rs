//! The fields of a PSBT that describe our own scripts to signers (BIP-0174, BIP-0371). What is written
//! here is also what others' files are compared with.

use crate::proposal::{Proposal, Signature, SignatureSet};
use crate::vault::{Derived, DerivedKey};
use bitcoin::bip32::KeySource;
use bitcoin::script::{Builder, PushBytes};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Psbt, ScriptBuf, Transaction, TxOut, Txid, XOnlyPublicKey, psbt, secp256k1};
use std::collections::BTreeMap;

/// An input that spends `prevout`, an output of `previous`.
#[must_use]
pub fn describe_input(
    derived: &Derived,
    prevout: &TxOut,
    mut previous: Transaction,
) -> psbt::Input {
    // Without witnesses, as Bitcoin Core writes it: the id doesn't cover them, and they would
    // only make the file larger.
    for input in &mut previous.input {
        input.witness.clear();
    }
    let mut fields = psbt::Input {
        // Both: devices check the amount in the previous transaction, others read only the short one,
        // which is for segwit inputs.
        non_witness_utxo: Some(previous),
        witness_utxo: derived.script_type.is_segwit().then(|| prevout.clone()),
        witness_script: derived.witness_script.clone(),
        redeem_script: derived.redeem_script.clone(),
        ..psbt::Input::default()
    };
    match &derived.taproot {
        Some(taproot) => {
            fields.tap_internal_key = Some(taproot.internal_key);
            fields.tap_merkle_root = taproot.merkle_root;
            fields.tap_scripts.clone_from(&taproot.leaves);
            fields.tap_key_origins = tap_origins(&derived.keys);
        }
        None => fields.bip32_derivation = origins(&derived.keys),
    }
    fields
}

/// An output that returns to the vault.
#[must_use]
pub fn describe_output(derived: &Derived) -> psbt::Output {
    let mut fields = psbt::Output {
        witness_script: derived.witness_script.clone(),
        redeem_script: derived.redeem_script.clone(),
        ..psbt::Output::default()
    };
    match &derived.taproot {
        Some(taproot) => {
            fields.tap_internal_key = Some(taproot.internal_key);
            fields.tap_tree.clone_from(&taproot.tree);
            fields.tap_key_origins = tap_origins(&derived.keys);
        }
        None => fields.bip32_derivation = origins(&derived.keys),
    }
    fields
}

fn origins(keys: &[DerivedKey]) -> BTreeMap<secp256k1::PublicKey, KeySource> {
    keys.iter()
        .map(|key| (key.public_key.inner, (key.fingerprint, key.path.clone())))
        .collect()
}

fn tap_origins(keys: &[DerivedKey]) -> BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, KeySource)> {
    keys.iter()
        .map(|key| {
            let x_only = key.public_key.inner.x_only_public_key().0;
            let leaves = key.leaf.into_iter().collect();
            (x_only, (leaves, (key.fingerprint, key.path.clone())))
        })
        .collect()
}

/// The id that the transaction will have once it is signed (BIP141); `None` where signatures go into
/// it, which is in P2SH.
#[must_use]
pub fn final_txid(psbt: &Psbt) -> Option<Txid> {
    let mut transaction = psbt.unsigned_tx.clone();
    for (input, fields) in transaction.input.iter_mut().zip(&psbt.inputs) {
        match &fields.redeem_script {
            None => {}
            Some(nested) if nested.is_p2wsh() => {
                input.script_sig = Builder::new()
                    .push_slice(<&PushBytes>::try_from(nested.as_bytes()).ok()?)
                    .into_script();
            }
            Some(_) => return None,
        }
    }
    Some(transaction.compute_txid())
}

/// Whether `transaction` is `unsigned` with signatures.
#[must_use]
pub fn is_signed_form(transaction: &Transaction, unsigned: &Transaction) -> bool {
    let mut bare = transaction.clone();
    for input in &mut bare.input {
        input.script_sig = ScriptBuf::new();
        input.witness.clear();
    }
    bare == *unsigned
}

/// The request of a proposal with these signatures in it.
#[must_use]
pub fn with_signatures(proposal: &Proposal, signatures: &SignatureSet) -> Psbt {
    let mut psbt = proposal.psbt().clone();
    add_signatures(&mut psbt, proposal, signatures);
    psbt
}

/// Puts these signatures of a proposal into a PSBT with its transaction.
pub fn add_signatures(psbt: &mut Psbt, proposal: &Proposal, signatures: &SignatureSet) {
    for (slot, signature) in signatures {
        let number = slot.input as usize;
        let (Some(fields), Some(coin)) =
            (psbt.inputs.get_mut(number), proposal.inputs().get(number))
        else {
            continue;
        };
        match signature {
            Signature::Ecdsa(signature) => {
                fields.partial_sigs.insert(slot.public_key, *signature);
            }
            Signature::Schnorr(signature) => {
                let leaf = coin.derived.taproot.as_ref();
                match leaf.and_then(|taproot| taproot.leaf_of(&slot.public_key)) {
                    Some(leaf) => {
                        let key = slot.public_key.inner.x_only_public_key().0;
                        fields.tap_script_sigs.insert((key, leaf), *signature);
                    }
                    None => fields.tap_key_sig = Some(*signature),
                }
            }
        }
    }
}
