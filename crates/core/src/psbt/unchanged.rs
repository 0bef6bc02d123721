//! Whether a foreign PSBT asks for what ours does: the unsigned transaction to the byte, and every
//! field that isn't a signature ours or absent.

use super::ContributionError;
use super::describe::{describe_output, request};
use crate::proposal::{Places, Proposal};
use crate::script_type::ScriptType;
use bitcoin::bip32::KeySource;
use bitcoin::psbt::PsbtSighashType;
use bitcoin::taproot::TapLeafHash;
use bitcoin::{EcdsaSighashType, Psbt, TapSighashType, Transaction, XOnlyPublicKey};
use std::collections::BTreeMap;

pub(super) fn same_transaction(
    ours: &Transaction,
    theirs: &Transaction,
) -> Result<(), ContributionError> {
    let coins = |tx: &Transaction| {
        tx.input
            .iter()
            .map(|input| input.previous_output)
            .collect::<Vec<_>>()
    };
    let differs = if ours.version != theirs.version {
        "its version"
    } else if ours.lock_time != theirs.lock_time {
        "its lock time"
    } else if coins(ours) != coins(theirs) {
        "the coins it spends or their order"
    } else if ours.output != theirs.output {
        "its outputs or their order"
    } else if ours != theirs {
        "an input's sequence"
    } else {
        return Ok(());
    };
    Err(ContributionError::OtherTransaction(differs))
}

/// Every field that isn't a signature equals ours or is absent. Ours is what the request says or, since
/// another member may have opened it with one that says less, what our own vault says. Unknown and
/// proprietary fields are neither compared nor kept (T20).
pub(super) fn same_fields(proposal: &Proposal, theirs: &Psbt) -> Result<(), ContributionError> {
    let asked = compare(proposal, proposal.psbt(), theirs);
    if asked.is_ok() {
        return Ok(());
    }
    let own = described(proposal, theirs).map(|own| compare(proposal, &own, theirs));
    if own.is_some_and(|own| own.is_ok()) {
        Ok(())
    } else {
        asked
    }
}

/// The request in our own words. What `theirs` says about outputs tells where to derive; `None` if one
/// isn't what they say.
fn described(proposal: &Proposal, theirs: &Psbt) -> Option<Psbt> {
    let mut own = request(proposal);
    let vault = proposal.owner();
    let mut places = Places::new(vault, theirs.outputs.len());
    let outputs = proposal.transaction().output.iter().zip(&theirs.outputs);
    for ((number, (txout, theirs)), own) in outputs.enumerate().zip(&mut own.outputs) {
        if let Some((keychain, index)) = places.of_output(number, txout, theirs).ok()? {
            *own = describe_output(&vault.derive(keychain, index).ok()?);
        }
    }
    Some(own)
}

fn compare(proposal: &Proposal, ours: &Psbt, theirs: &Psbt) -> Result<(), ContributionError> {
    let altered = |field: String| Err(ContributionError::Altered { field });
    if !is_subset(&theirs.xpub, &ours.xpub) {
        return altered("global xpub".to_owned());
    }
    for (number, (ours, theirs)) in ours.inputs.iter().zip(&theirs.inputs).enumerate() {
        let coin = &proposal.inputs()[number];
        let checks = [
            (
                "non_witness_utxo",
                same_previous(
                    theirs.non_witness_utxo.as_ref(),
                    ours.non_witness_utxo.as_ref(),
                ),
            ),
            (
                "witness_utxo",
                // Of inputs before segwit ours leaves it out; some programs add it.
                absent_or_same(&theirs.witness_utxo, &Some(coin.prevout.clone())),
            ),
            (
                "sighash_type",
                covers_all(theirs.sighash_type, coin.derived.script_type),
            ),
            (
                "redeem_script",
                absent_or_same(&theirs.redeem_script, &ours.redeem_script),
            ),
            (
                "witness_script",
                absent_or_same(&theirs.witness_script, &ours.witness_script),
            ),
            (
                "bip32_derivation",
                is_subset(&theirs.bip32_derivation, &ours.bip32_derivation),
            ),
            (
                "tap_scripts",
                is_subset(&theirs.tap_scripts, &ours.tap_scripts),
            ),
            (
                "tap_key_origins",
                same_origins(
                    &theirs.tap_key_origins,
                    &ours.tap_key_origins,
                    ours.tap_internal_key,
                ),
            ),
            (
                "tap_internal_key",
                absent_or_same(&theirs.tap_internal_key, &ours.tap_internal_key),
            ),
            (
                "tap_merkle_root",
                absent_or_same(&theirs.tap_merkle_root, &ours.tap_merkle_root),
            ),
            (
                "ripemd160_preimages",
                is_subset(&theirs.ripemd160_preimages, &ours.ripemd160_preimages),
            ),
            (
                "sha256_preimages",
                is_subset(&theirs.sha256_preimages, &ours.sha256_preimages),
            ),
            (
                "hash160_preimages",
                is_subset(&theirs.hash160_preimages, &ours.hash160_preimages),
            ),
            (
                "hash256_preimages",
                is_subset(&theirs.hash256_preimages, &ours.hash256_preimages),
            ),
        ];
        if let Some((field, _)) = checks.iter().find(|(_, same)| !same) {
            return altered(format!("inputs[{number}].{field}"));
        }
    }
    for (number, (ours, theirs)) in ours.outputs.iter().zip(&theirs.outputs).enumerate() {
        let checks = [
            (
                "redeem_script",
                absent_or_same(&theirs.redeem_script, &ours.redeem_script),
            ),
            (
                "witness_script",
                absent_or_same(&theirs.witness_script, &ours.witness_script),
            ),
            (
                "bip32_derivation",
                is_subset(&theirs.bip32_derivation, &ours.bip32_derivation),
            ),
            (
                "tap_internal_key",
                absent_or_same(&theirs.tap_internal_key, &ours.tap_internal_key),
            ),
            ("tap_tree", absent_or_same(&theirs.tap_tree, &ours.tap_tree)),
            (
                "tap_key_origins",
                same_origins(
                    &theirs.tap_key_origins,
                    &ours.tap_key_origins,
                    ours.tap_internal_key,
                ),
            ),
        ];
        if let Some((field, _)) = checks.iter().find(|(_, same)| !same) {
            return altered(format!("outputs[{number}].{field}"));
        }
    }
    Ok(())
}

/// A transaction is what its id says; programs write it with or without its witnesses.
fn same_previous(theirs: Option<&Transaction>, ours: Option<&Transaction>) -> bool {
    let same = |theirs: &Transaction, ours: &Transaction| {
        // Most are equal to the byte, which is cheaper to see than two hashes.
        theirs == ours || theirs.compute_txid() == ours.compute_txid()
    };
    theirs.is_none_or(|theirs| ours.is_some_and(|ours| same(theirs, ours)))
}

fn absent_or_same<T: PartialEq>(theirs: &Option<T>, ours: &Option<T>) -> bool {
    theirs.is_none() || theirs == ours
}

/// Devices add the field when they sign: it may say ALL, or DEFAULT in taproot, even where ours says
/// nothing.
fn covers_all(theirs: Option<PsbtSighashType>, script_type: ScriptType) -> bool {
    theirs.is_none_or(|found| {
        found.to_u32() == EcdsaSighashType::All.to_u32()
            || script_type == ScriptType::Tr && found == TapSighashType::Default.into()
    })
}

/// Bitcoin Core also gives an origin to an internal key that is nobody's: itself, in no leaf.
fn same_origins(
    theirs: &BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, KeySource)>,
    ours: &BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, KeySource)>,
    internal: Option<XOnlyPublicKey>,
) -> bool {
    theirs.iter().all(|(key, value)| match ours.get(key) {
        Some(known) => known == value,
        None => internal == Some(*key) && value.0.is_empty() && value.1.1.is_empty(),
    })
}

fn is_subset<K: Ord, V: PartialEq>(theirs: &BTreeMap<K, V>, ours: &BTreeMap<K, V>) -> bool {
    theirs
        .iter()
        .all(|(key, value)| ours.get(key) == Some(value))
}
