//! What is particular to taproot: signatures in leaves and of the internal key, the two sighash types
//! that cover everything, and what other programs have got wrong with them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::psbt::PsbtSighashType;
use bitcoin::{Psbt, PublicKey, TapSighashType, taproot};
use common::rogue::{put_raw, with_signatures};
use common::world::{World, foreign, kept, private_key, sign, stranger};
use common::{key, named_keys, vault_as};
use quorate_core::proposal::{Proposal, Signature, SignatureSet, SignedInputs};
use quorate_core::psbt::{Admission, ContributionError, admit, finalize};
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{Recipient, Request, Send, propose};
use quorate_core::vault::Vault;

fn spend(world: &World, path: usize) -> Proposal {
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let request = Request {
        path,
        ..world.request(&recipients, 2)
    };
    propose(&world.vault, &request).unwrap()
}

fn two_of_three() -> (World, Proposal) {
    let world = World::of(vault_as("2-of-3", ScriptType::Tr), &[60_000, 50_000]);
    let proposal = spend(&world, 0);
    (world, proposal)
}

/// One key alone, or two others after 100 blocks.
fn with_internal_key() -> (World, Proposal) {
    let at = |seed| format!("{}/<0;1>/*", key(seed));
    let text = format!(
        "tr({},and_v(v:multi_a(2,{},{}),older(100)))",
        at(1),
        at(2),
        at(3)
    );
    let names: Vec<String> = named_keys(3).into_iter().map(|(name, _)| name).collect();
    let vault = Vault::from_descriptor(bitcoin::Network::Regtest, &text, Some(&names)).unwrap();
    let world = World::of(vault, &[60_000]);
    let proposal = spend(&world, 0);
    (world, proposal)
}

fn admit_all(proposal: &Proposal, psbt: &Psbt) -> Admission {
    admit(proposal, &foreign(psbt), &SignatureSet::new()).unwrap()
}

/// A signature of this type on the first input, where it belongs.
fn signed_as(world: &World, proposal: &Proposal, kind: TapSighashType) -> (PublicKey, Vec<u8>) {
    let key = &proposal.inputs()[0].derived.keys[0];
    let private = private_key(&world.vault, key.cosigner, &key.path);
    (
        key.public_key,
        sign(proposal, 0, key, &private, kind).to_vec(),
    )
}

#[test]
fn t11_in_taproot_default_and_all_count_and_nothing_else() {
    use TapSighashType::{All, AllPlusAnyoneCanPay, Default, None, NonePlusAnyoneCanPay, Single};
    for (world, proposal) in [two_of_three(), with_internal_key()] {
        let coin = &proposal.inputs()[0].derived;
        for kind in [
            Default,
            All,
            None,
            Single,
            AllPlusAnyoneCanPay,
            NonePlusAnyoneCanPay,
        ] {
            let (key, value) = signed_as(&world, &proposal, kind);
            let mut psbt = proposal.psbt().clone();
            put_raw(&mut psbt, 0, coin, &key, &value);
            let admission = admit_all(&proposal, &psbt);
            let covers_all = matches!(kind, Default | All);
            assert_eq!(admission.new.len(), usize::from(covers_all), "{kind}");
            assert_eq!(admission.refused.len(), usize::from(!covers_all), "{kind}");
        }
    }
}

#[test]
fn t11_the_type_in_the_field_and_that_of_the_signature_are_one() {
    use TapSighashType::{All, Default};
    let (world, proposal) = two_of_three();
    let coin = &proposal.inputs()[0].derived;
    for (asked, kind, same) in [
        (Default, Default, true),
        (All, All, true),
        (Default, All, false),
        (All, Default, false),
    ] {
        let (key, value) = signed_as(&world, &proposal, kind);
        let mut psbt = proposal.psbt().clone();
        psbt.inputs[0].sighash_type = Some(PsbtSighashType::from(asked));
        put_raw(&mut psbt, 0, coin, &key, &value);
        let admission = admit_all(&proposal, &psbt);
        assert_eq!(admission.new.len() == 1, same, "{asked} {kind}");
        let Some(refused) = admission.refused.first() else {
            continue;
        };
        assert!(
            refused.reason.contains("the one the file asks for"),
            "{refused:?}"
        );
        assert_eq!((refused.input, refused.cosigner), (0, Some(0)));
    }
    let mut psbt = proposal.psbt().clone();
    psbt.inputs[1].sighash_type = Some(TapSighashType::Single.into());
    let error = admit(&proposal, &foreign(&psbt), &SignatureSet::new()).unwrap_err();
    let field = "inputs[1].sighash_type".to_owned();
    assert_eq!(error, ContributionError::Altered { field });
}

/// DEFAULT is a type of taproot's alone.
#[test]
fn t11_default_is_refused_before_taproot() {
    for script in [ScriptType::Wsh, ScriptType::ShWsh, ScriptType::Sh] {
        let world = World::of(vault_as("2-of-3", script), &[60_000]);
        let proposal = spend(&world, 0);
        let mut psbt = world.sign(&proposal, 0);
        psbt.inputs[0].sighash_type = Some(TapSighashType::Default.into());
        assert!(
            admit(&proposal, &foreign(&psbt), &SignatureSet::new()).is_err(),
            "{script}"
        );
        let mut request = proposal.psbt().clone();
        request.inputs[0].sighash_type = Some(TapSighashType::Default.into());
        assert!(Proposal::check(&world.vault, request).is_err(), "{script}");
    }
}

/// bitcoin#27219: a merge that lost signatures in leaves.
#[test]
fn bitcoin_27219_no_signature_in_a_leaf_is_lost_in_any_order() {
    let world = World::of(
        vault_as("3-of-5", ScriptType::Tr),
        &[60_000, 50_000, 40_000],
    );
    let proposal = spend(&world, 0);
    for order in [[0, 2, 4], [4, 0, 2], [2, 4, 0], [4, 2, 0]] {
        let mut signatures = SignatureSet::new();
        for cosigner in order {
            let psbt = world.sign(&proposal, cosigner);
            let admission = admit(&proposal, &foreign(&psbt), &signatures).unwrap();
            assert_eq!(admission.new.len(), 3);
            signatures.extend(kept(&admission));
        }
        // What is handed on has all of them.
        let handed_on = with_signatures(&proposal, &signatures);
        assert_eq!(kept(&admit_all(&proposal, &handed_on)), signatures);
        assert!(SignedInputs::of(&proposal, &signatures).is_complete());
        finalize(&proposal, &signatures).unwrap();
    }
}

/// libwally leaves a signature of the internal key that can't verify where that key is nobody's.
#[test]
fn libwally_a_signature_of_nobodys_key_costs_no_other() {
    let (world, proposal) = two_of_three();
    let mut psbt = world.sign(&proposal, 0);
    let signature = bitcoin::secp256k1::schnorr::Signature::from_slice(&[7; 64]).unwrap();
    for input in &mut psbt.inputs {
        input.tap_key_sig = Some(taproot::Signature {
            signature,
            sighash_type: TapSighashType::Default,
        });
    }
    let admission = admit_all(&proposal, &psbt);
    assert_eq!(
        kept(&admission),
        kept(&world.admit(&proposal, &world.sign(&proposal, 0)))
    );
    assert_eq!(admission.refused.len(), 2);
    assert!(admission.refused[0].reason.contains("nobody's"));
}

#[test]
fn t14_a_leaf_and_the_internal_key_are_not_mistaken_for_each_other() {
    let (world, proposal) = with_internal_key();
    let coin = &proposal.inputs()[0].derived;
    let [internal, first, second] = &coin.keys[..] else {
        panic!("{:?}", coin.keys);
    };
    assert!(internal.leaf.is_none() && first.leaf.is_some());
    let of = |key: &quorate_core::vault::DerivedKey| {
        let private = private_key(&world.vault, key.cosigner, &key.path);
        sign(&proposal, 0, key, &private, TapSighashType::Default).to_vec()
    };
    for (signed, named) in [(internal, first), (first, internal), (first, second)] {
        let mut psbt = proposal.psbt().clone();
        put_raw(&mut psbt, 0, coin, &named.public_key, &of(signed));
        let admission = admit_all(&proposal, &psbt);
        assert_eq!(admission.new, []);
        assert_eq!(admission.refused[0].cosigner, Some(named.cosigner));
    }
    // The internal key signs alone, tweaked by the tree.
    let psbt = world.sign(&proposal, internal.cosigner);
    assert!(psbt.inputs[0].tap_key_sig.is_some());
    let signatures = kept(&admit_all(&proposal, &psbt));
    let transaction = finalize(&proposal, &signatures).unwrap();
    assert_eq!(transaction.input[0].witness.len(), 1);
    // A key in a leaf whose lock this transaction doesn't carry counts for nothing.
    let psbt = world.sign(&proposal, first.cosigner);
    let signatures = kept(&admit_all(&proposal, &psbt));
    assert_eq!(signatures.len(), 1);
    assert!(SignedInputs::of(&proposal, &signatures).signed[0].is_empty());
}

#[test]
fn t12_a_signature_for_a_leaf_of_somebody_elses_is_refused() {
    use bitcoin::psbt::raw;
    let (world, proposal) = two_of_three();
    let (key, value) = signed_as(&world, &proposal, TapSighashType::Default);
    let x_only = key.inner.x_only_public_key().0.serialize();
    for (data, word) in [
        (
            [&x_only[..], &[5; 32]].concat(),
            "script in which that key doesn't occur",
        ),
        ([&[5; 32][..], &[5; 32]].concat(), "key"),
    ] {
        let mut psbt = proposal.psbt().clone();
        let field = raw::Key {
            type_value: 0x14,
            key: data,
        };
        psbt.inputs[0].unknown.insert(field, value.clone());
        let admission = admit_all(&proposal, &psbt);
        assert_eq!(admission.new, []);
        assert!(admission.refused[0].reason.contains(word), "{admission:?}");
    }
}

/// Each kind where the other belongs.
#[test]
fn t13_signatures_of_the_other_kind_are_refused_and_cost_no_other() {
    let (world, proposal) = two_of_three();
    let mut psbt = world.sign(&proposal, 1);
    let key = proposal.inputs()[0].derived.keys[0].public_key;
    common::rogue::put_partial(&mut psbt, 0, &key.to_bytes(), &[0x30; 71]);
    let admission = admit_all(&proposal, &psbt);
    assert_eq!(admission.new.len(), 2);
    assert!(admission.refused[0].reason.contains("another kind"));

    let world = World::of(vault_as("2-of-3", ScriptType::Wsh), &[60_000]);
    let proposal = spend(&world, 0);
    let mut psbt = world.sign(&proposal, 1);
    let signature = bitcoin::secp256k1::schnorr::Signature::from_slice(&[7; 64]).unwrap();
    psbt.inputs[0].tap_key_sig = Some(taproot::Signature {
        signature,
        sighash_type: TapSighashType::Default,
    });
    let admission = admit_all(&proposal, &psbt);
    assert_eq!(admission.new.len(), 1);
    assert!(admission.refused[0].reason.contains("another kind"));
}

#[test]
fn a_kept_signature_is_read_back_as_it_was() {
    for (world, proposal) in [two_of_three(), with_internal_key(), {
        let world = World::of(vault_as("2-of-3", ScriptType::Sh), &[60_000]);
        let proposal = spend(&world, 0);
        (world, proposal)
    }] {
        for (key, signature) in world.signatures(&proposal, 0, 0) {
            let bytes = signature.key_bytes(&key);
            assert_eq!(
                Signature::read(&bytes, &signature.to_vec()),
                Some((key, signature))
            );
            assert_eq!(Signature::read(&bytes, &[1; 10]), None);
        }
    }
}
