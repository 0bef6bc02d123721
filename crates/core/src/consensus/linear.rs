//! A second interpreter, whose cost grows with the inputs and not with their square: miniscript's, with
//! every signature verified against our own hash of the transaction. It shares no code with what
//! assembles witnesses.
//!
//! It knows fewer rules than a node. So it never decides alone: see [`super::verify_finished_with`].

use crate::key::SECP;
use bitcoin::script::Instruction;
use bitcoin::secp256k1::Message;
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::taproot::{LeafVersion, TapLeafHash};
use bitcoin::transaction::Version;
use bitcoin::{
    EcdsaSighashType, Script, Sequence, TapSighashType, Transaction, TxIn, TxOut, Witness,
};
use miniscript::interpreter::{Interpreter, KeySigPair, SatisfiedConstraint};
use std::ops::Range;

/// For each of `inputs`, whether its scripts are satisfied. A `false` means only that this check
/// can't tell.
pub(super) fn accepts(tx: &Transaction, prevouts: &[TxOut], inputs: Range<usize>) -> Vec<bool> {
    let mut cache = SighashCache::new(tx);
    inputs
        .map(|input| accepts_one(tx, prevouts, &mut cache, input).is_some())
        .collect()
}

fn accepts_one(
    tx: &Transaction,
    prevouts: &[TxOut],
    cache: &mut SighashCache<&Transaction>,
    input: usize,
) -> Option<()> {
    let (txin, prevout) = (tx.input.get(input)?, prevouts.get(input)?);
    let message = message(prevouts, txin, prevout, cache, input)?;
    let interpreter = Interpreter::from_txdata(
        &prevout.script_pubkey,
        &txin.script_sig,
        &txin.witness,
        txin.sequence,
        tx.lock_time,
    )
    .ok()?;
    let schnorr_type = schnorr_type(&txin.witness);
    let verify = |pair: &KeySigPair| verifies(pair, &message, schnorr_type, txin);
    for constraint in interpreter.iter_custom(Box::new(verify)) {
        let met = match constraint.ok()? {
            // The interpreter compares the numbers; these two decide whether they count
            // (BIP65, BIP112).
            SatisfiedConstraint::AbsoluteTimelock { .. } => txin.sequence != Sequence::MAX,
            SatisfiedConstraint::RelativeTimelock { .. } => tx.version >= Version::TWO,
            SatisfiedConstraint::PublicKey { .. }
            | SatisfiedConstraint::PublicKeyHash { .. }
            | SatisfiedConstraint::HashLock { .. } => true,
        };
        if !met {
            return None;
        }
    }
    Some(())
}

/// What every signature of an input signs, for the kinds of output that vaults have.
fn message(
    prevouts: &[TxOut],
    txin: &TxIn,
    prevout: &TxOut,
    cache: &mut SighashCache<&Transaction>,
    input: usize,
) -> Option<Message> {
    let all = EcdsaSighashType::All;
    let witness_script = || txin.witness.last().map(Script::from_bytes);
    if prevout.script_pubkey.is_p2wsh() {
        let hash = cache.p2wsh_signature_hash(input, witness_script()?, prevout.value, all);
        return hash.ok().map(Message::from);
    }
    if prevout.script_pubkey.is_p2sh() {
        let redeem = pushes(&txin.script_sig).last().copied()?;
        let redeem = Script::from_bytes(redeem);
        return if redeem.is_p2wsh() {
            let hash = cache.p2wsh_signature_hash(input, witness_script()?, prevout.value, all);
            hash.ok().map(Message::from)
        } else if redeem.is_p2wpkh() {
            None
        } else {
            let hash = cache.legacy_signature_hash(input, redeem, all.to_u32());
            hash.ok().map(Message::from)
        };
    }
    if prevout.script_pubkey.is_p2tr() {
        let (all, kind) = (Prevouts::All(prevouts), schnorr_type(&txin.witness));
        let hash = if txin.witness.len() == 1 {
            cache.taproot_key_spend_signature_hash(input, &all, kind)
        } else {
            let leaf = TapLeafHash::from_script(tapscript(&txin.witness)?, LeafVersion::TapScript);
            cache.taproot_script_spend_signature_hash(input, &all, leaf, kind)
        };
        return hash.ok().map(Message::from);
    }
    None
}

/// The sighash type of an input's Schnorr signatures, if they have all the same: the last byte of
/// a longer one says it.
fn schnorr_type(witness: &Witness) -> TapSighashType {
    let signatures = match witness.len() {
        1 => 1,
        elements => elements.saturating_sub(2),
    };
    let says_all = |element: &[u8]| element.len() == 65 && element.last() == Some(&1);
    if witness.iter().take(signatures).any(says_all) {
        TapSighashType::All
    } else {
        TapSighashType::Default
    }
}

/// The script of a taproot script path, when it is one of BIP342 and no annex is there.
fn tapscript(witness: &Witness) -> Option<&Script> {
    let (control, script) = (witness.last()?, witness.second_to_last()?);
    let leaf_version = control.first()? & 0xfe;
    (leaf_version == LeafVersion::TapScript.to_consensus()).then(|| Script::from_bytes(script))
}

/// Only the sighash types that vaults use, and only signatures that stand there as they would be
/// written: how libraries read others, nodes needn't.
fn verifies(
    pair: &KeySigPair,
    message: &Message,
    schnorr_type: TapSighashType,
    txin: &TxIn,
) -> bool {
    let stands_there = |bytes: &[u8]| {
        txin.witness.iter().any(|element| element == bytes)
            || pushes(&txin.script_sig).contains(&bytes)
    };
    match pair {
        KeySigPair::Ecdsa(key, signature) => {
            signature.sighash_type == EcdsaSighashType::All
                && stands_there(&signature.to_vec())
                && SECP
                    .verify_ecdsa(message, &signature.signature, &key.inner)
                    .is_ok()
        }
        KeySigPair::Schnorr(key, signature) => {
            signature.sighash_type == schnorr_type
                && stands_there(&signature.to_vec())
                && SECP
                    .verify_schnorr(&signature.signature, message, key)
                    .is_ok()
        }
    }
}

fn pushes(script: &Script) -> Vec<&[u8]> {
    let pushed = |instruction| match instruction {
        Ok(Instruction::PushBytes(bytes)) => Some(bytes.as_bytes()),
        Ok(Instruction::Op(_)) | Err(_) => None,
    };
    script.instructions().filter_map(pushed).collect()
}

/// What an input looks like with its keys, hashes and signatures blanked: inputs of one form
/// take the same way through the same opcodes.
pub(super) fn form(txin: &TxIn, prevout: &TxOut) -> Vec<u8> {
    let mut form = txin.sequence.0.to_le_bytes().to_vec();
    blank_script(&mut form, &prevout.script_pubkey);
    let pushed = pushes(&txin.script_sig);
    for (from_end, element) in (0..pushed.len()).rev().zip(&pushed) {
        blank_element(&mut form, element, from_end == 0);
    }
    let script_at = usize::from(prevout.script_pubkey.is_p2tr());
    let witness: Vec<&[u8]> = txin.witness.iter().collect();
    for (from_end, element) in (0..witness.len()).rev().zip(&witness) {
        blank_element(&mut form, element, from_end == script_at);
    }
    form
}

/// Shorter pushes are numbers: thresholds and lock times, which must stay.
const SHORTEST_HASH: usize = 20;

fn blank_element(form: &mut Vec<u8>, element: &[u8], is_script: bool) {
    match element.len() {
        _ if is_script => blank_script(form, Script::from_bytes(element)),
        // Signatures: of ECDSA ones the length is chance.
        64..=73 => form.extend([b's', 0]),
        _ => blank_push(form, element),
    }
    form.push(b'/');
}

fn blank_script(form: &mut Vec<u8>, script: &Script) {
    for instruction in script.instructions() {
        match instruction {
            Ok(Instruction::Op(code)) => form.extend([b'o', code.to_u8()]),
            Ok(Instruction::PushBytes(bytes)) => blank_push(form, bytes.as_bytes()),
            Err(_) => form.extend(script.as_bytes()),
        }
    }
}

fn blank_push(form: &mut Vec<u8>, bytes: &[u8]) {
    form.push(b'p');
    form.extend((bytes.len() as u64).to_le_bytes());
    if bytes.len() < SHORTEST_HASH {
        form.extend(bytes);
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
