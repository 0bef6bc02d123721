//! The fields of a PSBT that describe our own scripts to signers (BIP-0174, BIP-0371). What is written
//! here is also what others' files are compared with.

use crate::proposal::{Proposal, Signature, SignatureSet};
use crate::vault::{Derived, DerivedKey, Vault};
use bitcoin::bip32::{KeySource, Xpub};
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
    psbt::Input {
        // Both: devices check the amount in the previous transaction, others read only the short one,
        // which is for segwit inputs.
        non_witness_utxo: Some(previous),
        witness_utxo: derived.script_type.is_segwit().then(|| prevout.clone()),
        ..describe_coin(derived)
    }
}

/// What there is to say about a coin's script, whatever transaction made it.
pub(crate) fn describe_coin(derived: &Derived) -> psbt::Input {
    let mut fields = psbt::Input {
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
    let nested = psbt.inputs.iter().map(|fields| &fields.redeem_script);
    final_txid_of(&psbt.unsigned_tx, nested)
}

/// The same by the redeem scripts of the inputs.
pub(crate) fn final_txid_of<'a>(
    unsigned: &Transaction,
    nested: impl Iterator<Item = &'a Option<ScriptBuf>>,
) -> Option<Txid> {
    let mut transaction = unsigned.clone();
    for (input, nested) in transaction.input.iter_mut().zip(nested) {
        match nested {
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

/// The request of a proposal as our own vault describes it, whatever the one it was opened with says
/// about scripts and keys.
#[must_use]
pub fn request(proposal: &Proposal) -> Psbt {
    let vault = proposal.owner();
    let mut psbt = proposal.psbt().clone();
    psbt.xpub = keys_of(vault);
    for (fields, coin) in psbt.inputs.iter_mut().zip(proposal.inputs()) {
        *fields = psbt::Input {
            non_witness_utxo: fields.non_witness_utxo.take(),
            witness_utxo: (coin.derived.script_type.is_segwit()).then(|| coin.prevout.clone()),
            sighash_type: fields.sighash_type,
            ..describe_coin(&coin.derived)
        };
    }
    for (fields, output) in psbt.outputs.iter_mut().zip(proposal.outputs()) {
        let derived = output
            .ours
            .and_then(|(keychain, index)| vault.derive(keychain, index).ok());
        if let Some(derived) = derived {
            *fields = describe_output(&derived);
        }
    }
    psbt
}

/// The cosigners' extended keys, as the global map holds them.
pub(crate) fn keys_of(vault: &Vault) -> BTreeMap<Xpub, KeySource> {
    let keys = vault.cosigners().iter().map(|cosigner| &cosigner.key);
    keys.map(|key| (*key.xpub(), (key.fingerprint(), key.origin_path().clone())))
        .collect()
}

/// The request of a proposal with these signatures in it.
#[must_use]
pub fn with_signatures(proposal: &Proposal, signatures: &SignatureSet) -> Psbt {
    let mut psbt = request(proposal);
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
