//! What the signer signs, and that the chain accepts it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::ecdsa::Signature;
use bitcoin::psbt::{Psbt, raw};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Amount, Network, Sequence, Transaction};
use common::{Spend, key, key_on, prevouts, stranger, vault, vault_of};
use miniscript::psbt::PsbtExt;
use quorate_core::consensus::verify_transaction;
use quorate_core::keychain::Keychain;
use quorate_core::policy::{Template, Timelock};
use quorate_core::proposal::{PinError, Proposal};
use quorate_core::spend::{FeeLimits, Review, review};
use quorate_core::vault::Vault;
use quorate_signer::{SignError, Signed, Unlocked};

fn sign(key: &Unlocked, vault: &Vault, psbt: &Psbt) -> Result<Signed, SignError> {
    let proposal = Proposal::check(vault, psbt.clone()).unwrap();
    key.sign(vault, &proposal, psbt, &FeeLimits::default())
}

/// What a person is shown.
fn shown(vault: &Vault, psbt: &Psbt) -> Review {
    review(vault, &Proposal::check(vault, psbt.clone()).unwrap(), None)
}

/// Finalized by miniscript, judged by Bitcoin Core's interpreter.
fn accepted(psbt: &Psbt) -> Transaction {
    let prevouts = prevouts(psbt);
    let done = psbt.clone().finalize(&Secp256k1::new()).unwrap();
    let tx = done.extract_tx_unchecked_fee_rate();
    verify_transaction(&tx, &prevouts).unwrap();
    tx
}

#[test]
fn two_of_three_in_a_row_make_a_valid_transaction() {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let alice = sign(&key("alice"), &vault, &psbt).unwrap();
    assert_eq!((alice.inputs_signed, alice.inputs_untouched), (2, 0));
    assert!(alice.psbt.clone().finalize(&Secp256k1::new()).is_err());
    let carol = sign(&key("carol"), &vault, &alice.psbt).unwrap();
    let tx = accepted(&carol.psbt);
    assert_eq!(tx.compute_txid(), psbt.unsigned_tx.compute_txid());
    // The weight in the summary is what comes out, at its largest.
    let weight = shown(&vault, &psbt).weight;
    assert!(tx.weight() <= weight, "{} {weight}", tx.weight());
    assert!(
        tx.weight() + bitcoin::Weight::from_wu(8) > weight,
        "{} {weight}",
        tx.weight()
    );
}

#[test]
fn signatures_given_side_by_side_add_up() {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let mut both = sign(&key("bob"), &vault, &psbt).unwrap().psbt;
    let carol = sign(&key("carol"), &vault, &psbt).unwrap().psbt;
    for (to, from) in both.inputs.iter_mut().zip(carol.inputs) {
        to.partial_sigs.extend(from.partial_sigs);
    }
    accepted(&both);
}

#[test]
fn a_recovery_vault_is_spent_by_its_quorum_and_by_its_recovery_path() {
    let vault = vault("2-of-3-recovery");
    let psbt = Spend::default().psbt(&vault);
    let alice = sign(&key("alice"), &vault, &psbt).unwrap();
    accepted(&sign(&key("bob"), &vault, &alice.psbt).unwrap().psbt);

    let recovery = vault.policy().paths.iter().find(|p| p.lock.is_some());
    let recovery = recovery.unwrap();
    let mut spend = Spend::default();
    match recovery.lock {
        Some(Timelock::Older(blocks)) => spend.sequence = Sequence::from_height(blocks),
        Some(Timelock::After(height)) => {
            spend.lock_time = bitcoin::absolute::LockTime::from_height(height).unwrap();
        }
        None => unreachable!(),
    }
    let mut psbt = spend.psbt(&vault);
    for cosigner in recovery.cosigners.iter().take(recovery.threshold) {
        let name = &vault.cosigners()[*cosigner].name;
        psbt = sign(&key(name), &vault, &psbt).unwrap().psbt;
    }
    accepted(&psbt);
}

#[test]
fn only_our_signatures_are_added() {
    let vault = vault("2-of-3");
    let mut psbt = sign(&key("bob"), &vault, &Spend::default().psbt(&vault))
        .unwrap()
        .psbt;
    let unknown = raw::Key {
        type_value: 0xf0,
        key: vec![1, 2],
    };
    psbt.unknown.insert(unknown.clone(), vec![3]);
    psbt.inputs[1].unknown.insert(unknown.clone(), vec![4]);
    psbt.outputs[0].unknown.insert(unknown, vec![5]);
    let signed = sign(&key("alice"), &vault, &psbt).unwrap().psbt;
    let mut without = signed.clone();
    for (input, before) in without.inputs.iter_mut().zip(&psbt.inputs) {
        assert_eq!(input.partial_sigs.len(), 2);
        assert_eq!(before.partial_sigs.len(), 1);
        input
            .partial_sigs
            .retain(|key, _| before.partial_sigs.contains_key(key));
    }
    assert_eq!(without.serialize(), psbt.serialize());
}

/// BIP-0373: who takes part, public nonces and partial signatures of others stay in the file that the
/// signer gives back, in both versions of PSBT, as they were.
#[test]
fn musig2_fields_of_others_are_preserved_and_not_interpreted() {
    let vault = vault("2-of-3");
    let mut psbt = Spend::default().psbt(&vault);
    let [one, two, three] = ["alice", "bob", "carol"].map(|name| {
        let cosigner = vault.cosigners().iter().find(|one| one.name == name);
        cosigner.unwrap().key.xpub().public_key.serialize()
    });
    let field = |type_value, key: &[u8], value: Vec<u8>| {
        let key = raw::Key {
            type_value,
            key: key.to_vec(),
        };
        (key, value)
    };
    // Participants, a public nonce, a partial signature; and the participants of an output.
    let whose = [&one[..], &two].concat();
    let fields = [
        field(0x1a, &three, whose.clone()),
        field(0x1b, &[&one[..], &three].concat(), whose.clone()),
        field(0x1c, &[&one[..], &three].concat(), vec![7; 32]),
    ];
    psbt.inputs[0].unknown.extend(fields.clone());
    psbt.outputs[0].unknown.extend([field(0x08, &three, whose)]);
    for version in [0, 2] {
        let bytes = match version {
            0 => psbt.serialize(),
            _ => quorate_core::psbt::serialize_v2(&psbt).unwrap(),
        };
        let request = quorate_core::psbt::read(&bytes).unwrap();
        assert_eq!(request.version, version);
        let signed = sign(&key("alice"), &vault, &request.psbt).unwrap().psbt;
        let written = match version {
            0 => signed.serialize(),
            _ => quorate_core::psbt::serialize_v2(&signed).unwrap(),
        };
        let back = quorate_core::psbt::read(&written).unwrap();
        assert_eq!(back.psbt.inputs[0].unknown, psbt.inputs[0].unknown);
        assert_eq!(back.psbt.outputs[0].unknown, psbt.outputs[0].unknown);
        assert_eq!(back.signatures[0].len(), 1);
    }
}

#[test]
fn signing_again_changes_nothing() {
    let vault = vault("2-of-3");
    let once = sign(&key("alice"), &vault, &Spend::default().psbt(&vault)).unwrap();
    let twice = sign(&key("alice"), &vault, &once.psbt).unwrap();
    assert_eq!((twice.inputs_signed, twice.inputs_untouched), (0, 2));
    assert_eq!(twice.psbt, once.psbt);
}

#[test]
fn t13_a_bogus_signature_under_our_key_is_replaced_and_others_are_left() {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let good = sign(&key("alice"), &vault, &psbt).unwrap().psbt;
    let bob = sign(&key("bob"), &vault, &psbt).unwrap().psbt;
    let ours = |p: &Psbt, input: usize| *p.inputs[input].partial_sigs.first_key_value().unwrap().0;
    let mut bad = psbt.clone();
    // Of the other input, and of the right input with another type.
    let foreign = good.inputs[1].partial_sigs[&ours(&good, 1)];
    bad.inputs[0].partial_sigs.insert(ours(&good, 0), foreign);
    let retyped = Signature {
        sighash_type: bitcoin::EcdsaSighashType::None,
        ..foreign
    };
    bad.inputs[1].partial_sigs.insert(ours(&good, 1), retyped);
    // A bogus one of bob's is not ours to judge.
    bad.inputs[0].partial_sigs.insert(ours(&bob, 0), foreign);
    let signed = sign(&key("alice"), &vault, &bad).unwrap();
    assert_eq!(signed.inputs_signed, 2);
    for input in 0..2 {
        let key = ours(&good, input);
        assert_eq!(
            signed.psbt.inputs[input].partial_sigs[&key],
            good.inputs[input].partial_sigs[&key]
        );
    }
    assert_eq!(signed.psbt.inputs[0].partial_sigs[&ours(&bob, 0)], foreign);
}

#[test]
fn signatures_are_low_r_and_deterministic() {
    let vault = vault("2-of-3");
    let coins = (0..16).map(|i| (Keychain::Receive, i, Amount::ONE_BTC));
    let psbt = Spend {
        coins: coins.collect(),
        ..Spend::default()
    }
    .psbt(&vault);
    let signed = sign(&key("alice"), &vault, &psbt).unwrap();
    for input in &signed.psbt.inputs {
        for signature in input.partial_sigs.values() {
            assert!(signature.to_vec().len() <= 71);
        }
    }
    assert_eq!(sign(&key("alice"), &vault, &psbt).unwrap(), signed);
}

#[test]
fn a_trimmed_psbt_is_signed() {
    let vault = vault("2-of-3");
    let mut psbt = Spend::default().psbt(&vault);
    for input in &mut psbt.inputs {
        input.witness_script = None;
        input.witness_utxo = None;
        while input.bip32_derivation.len() > 1 {
            input.bip32_derivation.pop_first();
        }
    }
    psbt.outputs[1].witness_script = None;
    let signed = sign(&key("alice"), &vault, &psbt).unwrap();
    assert_eq!(signed.inputs_signed, 2);
}

#[test]
fn false_hints_do_not_mislead() {
    let vault = vault("2-of-3");
    let mut psbt = Spend::default().psbt(&vault);
    // Swap the derivations of one key between the inputs, and add a stray one.
    let elsewhere = psbt.inputs[1].bip32_derivation.first_key_value().unwrap();
    let source = elsewhere.1.clone();
    let first = *psbt.inputs[0].bip32_derivation.first_key_value().unwrap().0;
    psbt.inputs[0].bip32_derivation.insert(first, source);
    let signed = sign(&key("alice"), &vault, &psbt).unwrap();
    accepted(&sign(&key("bob"), &vault, &signed.psbt).unwrap().psbt);
}

#[test]
fn the_summary_says_what_happens() {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let shown = shown(&vault, &psbt);
    assert_eq!(shown.spent, Amount::from_sat(200_000_000));
    assert_eq!(shown.recipients.len(), 1);
    assert_eq!(shown.recipients[0].script, stranger());
    assert_eq!(shown.sent(), Amount::from_sat(50_000_000));
    assert_eq!(shown.change.len(), 1);
    let change = &shown.change[0];
    assert_eq!(
        (change.output, change.ours),
        (1, Some((Keychain::Change, 4)))
    );
    assert_eq!(change.amount, Amount::from_sat(149_999_000));
    assert_eq!(shown.fee, Amount::from_sat(1_000));
    assert_eq!(shown.fee_rate.to_sat_per_vb_floor(), 3);
}

#[test]
fn branches_numbered_in_another_way_are_found() {
    let text = vault("2-of-3").descriptor().to_owned();
    let (text, _checksum) = text.split_once('#').unwrap();
    for branches in ["<1;0>", "<2;3>", "<7;4>"] {
        let text = text.replace("<0;1>", branches);
        let vault = Vault::from_descriptor(common::NETWORK, &text, None).unwrap();
        let psbt = Spend::default().psbt(&vault);
        let change = shown(&vault, &psbt).change;
        assert_eq!(change[0].ours, Some((Keychain::Change, 4)));
        let alice = sign(&key("alice"), &vault, &psbt).unwrap();
        accepted(&sign(&key("bob"), &vault, &alice.psbt).unwrap().psbt);
    }
}

#[test]
fn a_key_that_is_no_cosigner_is_refused() {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let error = sign(&key("mallory"), &vault, &psbt).unwrap_err();
    assert!(matches!(error, SignError::NotACosigner { .. }), "{error}");
    assert!(error.to_string().contains("mallory"), "{error}");
}

#[test]
fn t05_a_mainnet_key_does_not_sign_for_regtest() {
    let vault = vault("2-of-3");
    let psbt = Spend::default().psbt(&vault);
    let error = sign(&key_on("alice", Network::Bitcoin), &vault, &psbt).unwrap_err();
    assert!(matches!(error, SignError::WrongNetwork { .. }), "{error}");
}

#[test]
fn the_same_keys_in_another_vault_sign_for_that_vault_only() {
    let ours = vault("2-of-3");
    let other = vault_of("2-of-3", &["alice", "bob", "dave"]);
    let psbt = Spend::default().psbt(&other);
    assert!(matches!(
        Proposal::check(&ours, psbt.clone()),
        Err(PinError::NotOurCoin { input: 0, .. })
    ));
    let signed = sign(&key("alice"), &other, &psbt).unwrap();
    accepted(&sign(&key("dave"), &other, &signed.psbt).unwrap().psbt);
}

#[test]
fn every_vault_policy_is_signed_whatever_its_branches_are_numbered() {
    // A key that is in several paths has a pair of branches in each.
    for policy in ["2-of-3-recovery", "decaying-3-of-3", "inheritance"] {
        let roles = Template::builtin(policy).unwrap().roles.len();
        let vault = vault_of(policy, &["alice", "bob", "carol", "dave", "erin"][..roles]);
        let coins = (0..3).flat_map(|i| [(Keychain::Change, i), (Keychain::Receive, i)]);
        let spend = Spend {
            coins: coins.map(|(k, i)| (k, i, Amount::ONE_BTC)).collect(),
            ..Spend::default()
        };
        let psbt = spend.psbt(&vault);
        assert_eq!(shown(&vault, &psbt).change.len(), 1, "{policy}");
        for cosigner in vault.cosigners() {
            let signed = sign(&key(&cosigner.name), &vault, &psbt).unwrap();
            assert_eq!(signed.inputs_signed, 6, "{policy}");
        }
    }
}
