//! What an imported PSBT must pass. Each attack has a test named after its id in the threat model.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::psbt::PsbtSighashType;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::{
    Amount, EcdsaSighashType, Psbt, PublicKey, ScriptBuf, Sequence, absolute, ecdsa, transaction,
};
use common::vault_as;
use common::world::{World, ecdsa_of, foreign, kept};
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs, Slot};
use quorate_core::psbt::{
    ContributionError, FinalizeError, ForeignPsbt, RawSignature, admit, finalize, read,
    with_signatures,
};
use quorate_core::script_type::ScriptType;
use std::collections::BTreeSet;

fn world() -> (World, Proposal) {
    let world = World::new("2-of-3", &[60_000, 50_000, 40_000]);
    let proposal = world.spend(130_000).unwrap();
    assert_eq!(proposal.inputs().len(), 3);
    (world, proposal)
}

/// Puts a raw signature into a parsed file, past the library's own checks.
fn with_raw(psbt: &Psbt, input: usize, key: &[u8], value: Vec<u8>) -> ForeignPsbt {
    let mut foreign = foreign(psbt);
    foreign.signatures[input].push(RawSignature::Partial {
        key: key.to_vec(),
        value,
    });
    foreign
}

fn refusals(proposal: &Proposal, foreign: &ForeignPsbt) -> Vec<String> {
    let admission = admit(proposal, foreign, &SignatureSet::new()).unwrap();
    assert!(admission.new.is_empty(), "{admission:?}");
    admission
        .refused
        .into_iter()
        .map(|one| one.reason)
        .collect()
}

#[test]
fn two_of_three_in_any_order_make_a_valid_transaction() {
    let (world, proposal) = world();
    for pair in [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]] {
        let mut signatures = SignatureSet::new();
        for cosigner in pair {
            assert!(!SignedInputs::of(&proposal, &signatures).is_complete());
            let file = world.sign(&proposal, cosigner);
            let admission = admit(&proposal, &foreign(&file), &signatures).unwrap();
            assert_eq!((admission.new.len(), admission.refused.len()), (3, 0));
            signatures.extend(kept(&admission));
        }
        assert!(SignedInputs::of(&proposal, &signatures).is_complete());
        let transaction = finalize(&proposal, &signatures).unwrap();
        assert_eq!(transaction.compute_txid(), proposal.txid());
    }
}

#[test]
fn the_same_file_twice_changes_nothing() {
    let (world, proposal) = world();
    let file = foreign(&world.sign(&proposal, 0));
    let first = kept(&admit(&proposal, &file, &SignatureSet::new()).unwrap());
    let again = admit(&proposal, &file, &first).unwrap();
    assert_eq!(
        (again.new.len(), again.known.len(), again.refused.len()),
        (0, 3, 0)
    );
}

#[test]
fn one_signature_of_three_inputs_is_not_complete() {
    let (world, proposal) = world();
    let mut all = kept(&world.admit(&proposal, &world.sign(&proposal, 0)));
    all.extend(kept(&world.admit(&proposal, &world.sign(&proposal, 1))));
    let gone = *all.keys().find(|slot| slot.input == 1).unwrap();
    all.remove(&gone);
    let signed = SignedInputs::of(&proposal, &all);
    assert_eq!(signed.satisfied, [true, false, true]);
    assert!(!signed.is_complete());
    assert_eq!(
        finalize(&proposal, &all).unwrap_err(),
        FinalizeError::Incomplete { input: 1 }
    );
}

#[test]
fn t11_only_sighash_all_is_taken() {
    let (world, proposal) = world();
    let (key, good) = world.signatures(&proposal, 0, 0)[0];
    for byte in [0x00, 0x02, 0x03, 0x04, 0x41, 0x81, 0x82, 0x83, 0xff] {
        let mut value = ecdsa_of(&good).signature.serialize_der().to_vec();
        value.push(byte);
        let reasons = refusals(
            &proposal,
            &with_raw(proposal.psbt(), 0, &key.to_bytes(), value),
        );
        assert!(reasons[0].contains("SIGHASH_ALL"), "{byte}: {reasons:?}");
    }
    // A signature that is valid for SIGHASH_NONE, with the field saying so.
    let mut file = proposal.psbt().clone();
    file.inputs[0].sighash_type = Some(PsbtSighashType::from(EcdsaSighashType::None));
    let error = admit(&proposal, &foreign(&file), &SignatureSet::new()).unwrap_err();
    assert_eq!(
        error,
        ContributionError::Altered {
            field: "inputs[0].sighash_type".to_owned()
        }
    );
}

#[test]
fn t12_a_replaced_field_is_named_and_nothing_taken() {
    let (world, proposal) = world();
    let other_script = ScriptBuf::from_bytes(vec![0x51]);
    type Change = (&'static str, fn(&mut Psbt, ScriptBuf));
    let changes: [Change; 9] = [
        ("inputs[1].witness_script", |psbt, script| {
            psbt.inputs[1].witness_script = Some(script)
        }),
        ("inputs[0].redeem_script", |psbt, script| {
            psbt.inputs[0].redeem_script = Some(script)
        }),
        ("inputs[2].witness_utxo", |psbt, _| {
            psbt.inputs[2].witness_utxo.as_mut().unwrap().value += Amount::from_sat(1);
        }),
        ("inputs[0].non_witness_utxo", |psbt, _| {
            psbt.inputs[0].non_witness_utxo.as_mut().unwrap().version = transaction::Version::ONE;
        }),
        ("inputs[0].bip32_derivation", |psbt, _| {
            psbt.inputs[0]
                .bip32_derivation
                .values_mut()
                .next()
                .unwrap()
                .0 = [9; 4].into();
        }),
        ("global xpub", |psbt, _| {
            psbt.xpub.values_mut().next().unwrap().0 = [9; 4].into()
        }),
        ("outputs[0].witness_script", |psbt, script| {
            psbt.outputs[0].witness_script = Some(script)
        }),
        ("outputs[1].witness_script", |psbt, script| {
            psbt.outputs[1].witness_script = Some(script)
        }),
        ("inputs[0].sha256_preimages", |psbt, _| {
            use bitcoin::hashes::{Hash, sha256};
            psbt.inputs[0]
                .sha256_preimages
                .insert(sha256::Hash::hash(b"x"), b"x".to_vec());
        }),
    ];
    for (field, change) in changes {
        let mut file = world.sign(&proposal, 0);
        change(&mut file, other_script.clone());
        let error = admit(&proposal, &foreign(&file), &SignatureSet::new()).unwrap_err();
        assert_eq!(
            error,
            ContributionError::Altered {
                field: field.to_owned()
            }
        );
    }
}

#[test]
fn t12_trimmed_files_are_welcome() {
    let (world, proposal) = world();
    let mut file = Psbt::from_unsigned_tx(proposal.transaction().clone()).unwrap();
    world.sign_into(&mut file, &proposal, 2);
    assert_eq!(world.admit(&proposal, &file).new.len(), 3);
}

/// A member may have opened the proposal with a request that says less than ours, or wrong origins. What
/// our own vault says is never an alteration, and it is what cosigners are handed.
#[test]
fn t12_a_poor_request_costs_no_signature() {
    for script in ScriptType::ALL {
        let world = World::of(vault_as("2-of-3", script), &[60_000, 50_000]);
        let proposal = world.spend(70_000).unwrap();
        let file = world.sign(&proposal, 1);
        let mut poor = proposal.psbt().clone();
        poor.xpub.clear();
        for fields in &mut poor.inputs {
            fields.witness_script = None;
            fields.redeem_script = None;
            fields.tap_internal_key = None;
            fields.tap_merkle_root = None;
            fields.tap_scripts.clear();
            fields.bip32_derivation.pop_last();
            fields.tap_key_origins.pop_last();
            for (fingerprint, _) in fields.bip32_derivation.values_mut() {
                *fingerprint = [1; 4].into();
            }
            for (_, (fingerprint, _)) in fields.tap_key_origins.values_mut() {
                *fingerprint = [1; 4].into();
            }
        }
        poor.outputs.fill(bitcoin::psbt::Output::default());
        let poor = Proposal::check(&world.vault, poor).unwrap();
        assert_eq!(poor.id(), proposal.id());
        assert_eq!(poor.final_txid(), proposal.final_txid(), "{script}");

        let admission = world.admit(&poor, &file);
        assert_eq!(admission.new.len(), 2, "{script}");
        assert_eq!(admission.refused, [], "{script}");
        let handed_out = with_signatures(&poor, &kept(&admission));
        assert_eq!(handed_out.inputs, file.inputs, "{script}");
        assert_eq!(handed_out.xpub, file.xpub, "{script}");

        // What neither says stays an alteration.
        let ours = proposal.outputs().iter().position(|one| one.ours.is_some());
        let ours = ours.unwrap();
        let mut change = file.clone();
        change.outputs.swap(ours, 1 - ours);
        let mut scripts = file.clone();
        scripts.inputs.swap(0, 1);
        let mut key = file.clone();
        let xpub = *common::key(9).xpub();
        key.xpub
            .insert(xpub, (xpub.fingerprint(), Default::default()));
        for altered in [change, scripts, key] {
            let error = admit(&poor, &foreign(&altered), &SignatureSet::new()).unwrap_err();
            assert!(
                matches!(error, ContributionError::Altered { .. }),
                "{script}: {error}"
            );
        }
    }
}

/// A file has room for tens of thousands of them, each with a point to find and a sentence to read.
#[test]
fn t18_many_signatures_without_a_place_are_refused_together() {
    for script in ScriptType::ALL {
        let world = World::of(vault_as("2-of-3", script), &[60_000, 50_000]);
        let proposal = world.spend_all_coins();
        let key = &proposal.inputs()[0].derived.keys[0];
        for (count, refusals) in [(3, 3), (4, 1), (5_000, 1)] {
            let mut file = foreign(&world.sign(&proposal, 1));
            for number in 0..count {
                // By strangers, and in taproot for scripts that the key isn't in.
                let stranger = [&[2][..], &u32::to_be_bytes(number), &[7; 28]].concat();
                let value = vec![0x30; 64];
                file.signatures[0].push(match script {
                    ScriptType::Tr => RawSignature::TapScript {
                        key: [&key.public_key.inner.serialize()[1..], &stranger[1..]].concat(),
                        value,
                    },
                    _ => RawSignature::Partial {
                        key: stranger,
                        value,
                    },
                });
            }
            let admission = admit(&proposal, &file, &SignatureSet::new()).unwrap();
            assert_eq!(admission.new.len(), 2, "{script}");
            assert_eq!(admission.refused.len(), refusals, "{script}, {count}");
            assert!(admission.refused.iter().all(|one| one.input == 0));
        }
    }
}

#[test]
fn t13_a_bogus_signature_in_any_slot_costs_no_other() {
    for (policy, count) in [("2-of-3", 3), ("3-of-5", 5)] {
        let world = World::new(policy, &[60_000, 50_000]);
        let proposal = world.spend_all_coins();
        let threshold = world.vault.threshold();
        for bad in 0..count {
            let mut file = proposal.psbt().clone();
            for cosigner in (0..count)
                .filter(|&cosigner| cosigner != bad)
                .take(threshold)
            {
                world.sign_into(&mut file, &proposal, cosigner);
            }
            let key = world.signatures(&proposal, 1, bad)[0].0;
            // Another input's signature, a wrong one, random bytes, and nothing.
            let elsewhere = world.signatures(&proposal, 0, bad)[0].1.to_vec();
            let wrong = wrong_signature().to_vec();
            let bogus = [
                elsewhere,
                wrong,
                vec![0x30; 71],
                vec![0xab; 72],
                Vec::new(),
                vec![1],
            ];
            for value in bogus {
                let admission = admit(
                    &proposal,
                    &with_raw(&file, 1, &key.to_bytes(), value),
                    &SignatureSet::new(),
                )
                .unwrap();
                assert_eq!(admission.new.len(), 2 * threshold);
                assert_eq!(admission.refused.len(), 1);
                assert_eq!(
                    (admission.refused[0].input, admission.refused[0].cosigner),
                    (1, Some(bad))
                );
                let transaction = finalize(&proposal, &kept(&admission)).unwrap();
                assert_eq!(transaction.compute_txid(), proposal.txid());
            }
        }
    }
}

fn wrong_signature() -> ecdsa::Signature {
    let key = SecretKey::from_slice(&[3; 32]).unwrap();
    let signature = Secp256k1::new().sign_ecdsa(&Message::from_digest([5; 32]), &key);
    ecdsa::Signature {
        signature,
        sighash_type: EcdsaSighashType::All,
    }
}

#[test]
fn t13_a_valid_signature_is_never_overwritten() {
    let (world, proposal) = world();
    let good = kept(&world.admit(&proposal, &world.sign(&proposal, 0)));
    let key = world.signatures(&proposal, 0, 0)[0].0;
    let attack = with_raw(
        proposal.psbt(),
        0,
        &key.to_bytes(),
        wrong_signature().to_vec(),
    );
    let admission = admit(&proposal, &attack, &good).unwrap();
    assert!(admission.new.is_empty());
    assert_eq!(admission.refused.len(), 1);
}

#[test]
fn t14_a_key_that_is_not_in_the_script_is_refused() {
    let (world, proposal) = world();
    let secp = Secp256k1::new();
    let secret = SecretKey::from_slice(&[3; 32]).unwrap();
    let stranger = PublicKey::new(secret.public_key(&secp));
    let reasons = refusals(
        &proposal,
        &with_raw(
            proposal.psbt(),
            0,
            &stranger.to_bytes(),
            wrong_signature().to_vec(),
        ),
    );
    assert!(
        reasons[0].contains("doesn't belong to this input"),
        "{reasons:?}"
    );
    // The key of another input of the same vault.
    let (key, signature) = world.signatures(&proposal, 1, 0)[0];
    let reasons = refusals(
        &proposal,
        &with_raw(proposal.psbt(), 0, &key.to_bytes(), signature.to_vec()),
    );
    assert!(
        reasons[0].contains("doesn't belong to this input"),
        "{reasons:?}"
    );
    let reasons = refusals(
        &proposal,
        &with_raw(proposal.psbt(), 0, &[2; 33], signature.to_vec()),
    );
    assert_eq!(reasons.len(), 1);
    let reasons = refusals(
        &proposal,
        &with_raw(proposal.psbt(), 0, &[], signature.to_vec()),
    );
    assert!(reasons[0].contains("isn't a public key"), "{reasons:?}");
}

#[test]
fn t14_a_signature_by_one_key_under_the_name_of_another_is_refused() {
    let (world, proposal) = world();
    let alice = world.signatures(&proposal, 0, 0)[0].1;
    let bob = world.signatures(&proposal, 0, 1)[0].0;
    let reasons = refusals(
        &proposal,
        &with_raw(proposal.psbt(), 0, &bob.to_bytes(), alice.to_vec()),
    );
    assert!(
        reasons[0].contains("isn't a valid signature"),
        "{reasons:?}"
    );
}

#[test]
fn t15_malleable_signatures_are_refused() {
    let (world, proposal) = world();
    let (key, good) = world.signatures(&proposal, 0, 0)[0];
    let compact = ecdsa_of(&good).signature.serialize_compact();
    // n - s: valid for the same message by plain ECDSA, high.
    let order = hex_bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut high = compact;
    let mut borrow = 0i16;
    for place in (0..32).rev() {
        let difference = i16::from(order[place]) - i16::from(compact[32 + place]) - borrow;
        borrow = i16::from(difference < 0);
        high[32 + place] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let high = bitcoin::secp256k1::ecdsa::Signature::from_compact(&high).unwrap();
    let encoded = |der: &[u8]| [der, &[1]].concat();
    let reasons = refusals(
        &proposal,
        &with_raw(
            proposal.psbt(),
            0,
            &key.to_bytes(),
            encoded(&high.serialize_der()),
        ),
    );
    assert!(reasons[0].contains("canonical"), "{reasons:?}");
    let der = ecdsa_of(&good).signature.serialize_der().to_vec();
    let mut padded = der.clone();
    padded.push(0);
    let mut longer = der.clone();
    longer[1] += 1;
    longer.push(0);
    let mut wide = der.clone();
    wide.insert(4, 0);
    wide[1] += 1;
    wide[3] += 1;
    let mut negative = der;
    negative[4] |= 0x80;
    for bad in [padded, longer, wide, negative] {
        assert_eq!(
            refusals(
                &proposal,
                &with_raw(proposal.psbt(), 0, &key.to_bytes(), encoded(&bad))
            )
            .len(),
            1
        );
    }
}

fn hex_bytes(text: &str) -> Vec<u8> {
    bitcoin::hex::FromHex::from_hex(text).unwrap()
}

#[test]
fn t16_another_transaction_is_refused() {
    let (world, proposal) = world();
    type Change = (&'static str, fn(&mut Psbt));
    let changes: [Change; 8] = [
        ("its version", |psbt| {
            psbt.unsigned_tx.version = transaction::Version::ONE
        }),
        ("its lock time", |psbt| {
            psbt.unsigned_tx.lock_time = absolute::LockTime::ZERO
        }),
        ("an input's sequence", |psbt| {
            psbt.unsigned_tx.input[1].sequence = Sequence::MAX
        }),
        ("the coins it spends or their order", |psbt| {
            psbt.unsigned_tx.input[0].previous_output.vout = 9
        }),
        ("the coins it spends or their order", |psbt| {
            psbt.unsigned_tx.input.swap(0, 1)
        }),
        ("its outputs or their order", |psbt| {
            psbt.unsigned_tx.output.swap(0, 1)
        }),
        ("its outputs or their order", |psbt| {
            psbt.unsigned_tx.output[0].value += Amount::from_sat(1)
        }),
        ("its outputs or their order", |psbt| {
            psbt.unsigned_tx.output[1].script_pubkey = ScriptBuf::new()
        }),
    ];
    for (what, change) in changes {
        let mut file = world.sign(&proposal, 0);
        change(&mut file);
        let error = admit(&proposal, &foreign(&file), &SignatureSet::new()).unwrap_err();
        assert_eq!(error, ContributionError::OtherTransaction(what));
    }
}

#[test]
fn t20_unknown_and_proprietary_fields_are_ignored() {
    use bitcoin::psbt::raw;
    let (world, proposal) = world();
    let mut file = world.sign(&proposal, 0);
    file.unknown.insert(
        raw::Key {
            type_value: 0xf0,
            key: vec![1],
        },
        vec![2],
    );
    file.inputs[0].proprietary.insert(
        raw::ProprietaryKey {
            prefix: b"vendor".to_vec(),
            subtype: 1,
            key: vec![],
        },
        vec![0; 100],
    );
    let admission = world.admit(&proposal, &file);
    assert_eq!(admission.new.len(), 3);
}

#[test]
fn signatures_are_read_back_from_finalized_inputs() {
    let (world, proposal) = world();
    let mut signatures = kept(&world.admit(&proposal, &world.sign(&proposal, 0)));
    signatures.extend(kept(&world.admit(&proposal, &world.sign(&proposal, 2))));
    let transaction = finalize(&proposal, &signatures).unwrap();
    let mut file = Psbt::from_unsigned_tx(proposal.transaction().clone()).unwrap();
    for (input, txin) in transaction.input.iter().enumerate() {
        file.inputs[input].final_script_witness = Some(txin.witness.clone());
    }
    let admission = world.admit(&proposal, &file);
    assert_eq!(kept(&admission), signatures);
    // One that is by nobody is named, the other inputs are taken.
    let mut witness = transaction.input[1].witness.to_vec();
    witness[1] = wrong_signature().to_vec();
    file.inputs[1].final_script_witness = Some(bitcoin::Witness::from_slice(&witness));
    let admission = world.admit(&proposal, &file);
    assert_eq!((admission.new.len(), admission.refused.len()), (5, 1));
}

#[test]
fn a_recovery_signature_counts_only_with_its_lock() {
    let world = World::new("2-of-3-recovery", &[60_000]);
    let everyday = world.spend_all_coins();
    let one: SignatureSet = kept(&world.admit(&everyday, &world.sign(&everyday, 1)));
    assert!(!SignedInputs::of(&everyday, &one).is_complete());
    let recipients = [quorate_core::spend::Recipient {
        address: common::world::stranger(1),
        send: quorate_core::spend::Send::All,
    }];
    let request = quorate_core::spend::Request {
        path: 1,
        ..world.request(&recipients, 2)
    };
    let recovery = quorate_core::spend::propose(&world.vault, &request).unwrap();
    let one = kept(&world.admit(&recovery, &world.sign(&recovery, 1)));
    assert!(SignedInputs::of(&recovery, &one).is_complete());
    finalize(&recovery, &one).unwrap();
}

/// A signature that no path open to this transaction counts is kept, but who made it hasn't signed
/// anything that matters, and isn't waited for.
#[test]
fn cosigners_of_a_closed_path_neither_count_nor_are_waited_for() {
    let world = World::new("inheritance", &[60_000, 70_000]);
    let everyday = world.spend_all_coins();
    let names = |cosigners: &BTreeSet<usize>| -> Vec<&str> {
        let cosigners = cosigners.iter();
        cosigners
            .map(|&at| world.vault.cosigners()[at].name.as_str())
            .collect()
    };
    // The first two are the owners, the others the heirs.
    let nobody = SignedInputs::of(&everyday, &SignatureSet::new());
    assert_eq!(names(&nobody.missing()), ["alice", "bob"]);
    let at = |name| {
        let mut cosigners = world.vault.cosigners().iter();
        cosigners.position(|cosigner| cosigner.name == name)
    };
    let mut psbt = world.sign(&everyday, at("carol").unwrap());
    world.sign_into(&mut psbt, &everyday, at("dave").unwrap());
    let heirs = kept(&world.admit(&everyday, &psbt));
    assert_eq!(heirs.len(), 4);
    let signed = SignedInputs::of(&everyday, &heirs);
    assert_eq!(signed.signed, [BTreeSet::new(), BTreeSet::new()]);
    assert_eq!(names(&signed.missing()), ["alice", "bob"]);
    world.sign_into(&mut psbt, &everyday, at("alice").unwrap());
    world.sign_into(&mut psbt, &everyday, at("bob").unwrap());
    let all = kept(&world.admit(&everyday, &psbt));
    let signed = SignedInputs::of(&everyday, &all);
    assert!(signed.is_complete() && signed.missing().is_empty());
    finalize(&everyday, &all).unwrap();
}

#[test]
fn every_prefix_and_every_flipped_byte_is_read_or_refused_without_a_panic() {
    let (world, proposal) = world();
    let bytes = world.sign(&proposal, 0).serialize();
    for end in (0..bytes.len()).step_by(7) {
        assert!(read(&bytes[..end]).is_err(), "prefix of {end} bytes");
    }
    for place in (0..bytes.len()).step_by(3) {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= flip;
            if let Ok(file) = read(&changed)
                && let Ok(admission) = admit(&proposal, &file, &SignatureSet::new())
            {
                let valid = kept(&world.admit(&proposal, &world.sign(&proposal, 0)));
                let slots: Vec<&Slot> = admission.new.iter().map(|one| &one.slot).collect();
                assert!(
                    slots.iter().all(|slot| valid.contains_key(slot)),
                    "byte {place}"
                );
            }
        }
    }
}
