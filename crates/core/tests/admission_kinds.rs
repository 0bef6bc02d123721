//! Admission of Schnorr signatures, and of signatures of one kind in inputs of the other.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::psbt::raw;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Psbt, TapSighashType, Witness, taproot};
use common::named_keys;
use common::rogue::nobodys;
use common::world::{World, foreign, private_key, sign};
use quorate_core::policy::Template;
use quorate_core::proposal::{Proposal, Signature, SignatureSet};
use quorate_core::psbt::{Admission, admit, admit_with};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_core::workers::Workers;

fn world(script: ScriptType, coins: usize) -> World {
    let mut template = Template::builtin("2-of-3").unwrap();
    template.script = script;
    let vault = Vault::create(bitcoin::Network::Regtest, &template, named_keys(3)).unwrap();
    World::of(vault, &vec![60_000; coins])
}

/// One key's Schnorr signature for the first input.
fn schnorr(world: &World, proposal: &Proposal, kind: TapSighashType) -> taproot::Signature {
    let key = &proposal.inputs()[0].derived.keys[0];
    let private = private_key(&world.vault, key.cosigner, &key.path);
    match sign(proposal, 0, key, &private, kind) {
        Signature::Schnorr(signature) => signature,
        Signature::Ecdsa(_) => panic!("a taproot vault"),
    }
}

/// A file with these bytes where that key's signature for its leaf belongs.
fn with_script_signature(proposal: &Proposal, value: &[u8]) -> Psbt {
    let mut psbt = proposal.psbt().clone();
    let key = &proposal.inputs()[0].derived.keys[0];
    let x_only = key.public_key.inner.x_only_public_key().0.serialize();
    let leaf: &[u8] = key.leaf.as_ref().unwrap().as_ref();
    put(&mut psbt, 0x14, &[&x_only, leaf].concat(), value);
    psbt
}

/// The library writes unknown pairs as they are, whatever their type means.
fn put(psbt: &mut Psbt, type_value: u8, key: &[u8], value: &[u8]) {
    let key = raw::Key {
        type_value,
        key: key.to_vec(),
    };
    psbt.inputs[0].unknown.insert(key, value.to_vec());
}

fn admission(proposal: &Proposal, psbt: &Psbt) -> Admission {
    admit(proposal, &foreign(psbt), &SignatureSet::new()).unwrap()
}

/// The one refusal of a file that has one signature.
fn refusal(proposal: &Proposal, psbt: &Psbt) -> String {
    let admission = admission(proposal, psbt);
    assert_eq!((admission.new.len(), admission.refused.len()), (0, 1));
    admission.refused[0].reason.clone()
}

#[test]
fn t11_schnorr_signatures_commit_to_the_whole_transaction() {
    let world = world(ScriptType::Tr, 1);
    let proposal = world.spend_all_coins();
    for (kind, length) in [(TapSighashType::Default, 64), (TapSighashType::All, 65)] {
        let signature = schnorr(&world, &proposal, kind);
        assert_eq!(signature.to_vec().len(), length);
        let psbt = with_script_signature(&proposal, &signature.to_vec());
        let admission = admission(&proposal, &psbt);
        assert_eq!((admission.new.len(), admission.refused.len()), (1, 0));
        assert_eq!(admission.new[0].signature, Signature::Schnorr(signature));
    }
    for kind in [
        TapSighashType::None,
        TapSighashType::AllPlusAnyoneCanPay,
        TapSighashType::NonePlusAnyoneCanPay,
    ] {
        let signature = schnorr(&world, &proposal, kind);
        let psbt = with_script_signature(&proposal, &signature.to_vec());
        let reason = refusal(&proposal, &psbt);
        assert!(reason.contains("whole transaction"), "{reason}");
    }
    // The kind is what the signature's length says, not what it was made for.
    let default = schnorr(&world, &proposal, TapSighashType::Default).to_vec();
    let all = schnorr(&world, &proposal, TapSighashType::All).to_vec();
    for wrong in [&[&default[..], &[1]].concat(), &all[..64]] {
        let reason = refusal(&proposal, &with_script_signature(&proposal, wrong));
        assert!(reason.contains("isn't a valid signature"), "{reason}");
    }
    let zero = [&default[..], &[0]].concat();
    let reason = refusal(&proposal, &with_script_signature(&proposal, &zero));
    assert!(reason.contains("whole transaction"), "{reason}");
}

#[test]
fn t11_a_schnorr_signature_is_of_the_type_that_the_file_asks_for() {
    let world = world(ScriptType::Tr, 1);
    let proposal = world.spend_all_coins();
    let kinds = [TapSighashType::Default, TapSighashType::All];
    for asked in kinds {
        for kind in kinds {
            let signature = schnorr(&world, &proposal, kind).to_vec();
            let mut psbt = with_script_signature(&proposal, &signature);
            psbt.inputs[0].sighash_type = Some(asked.into());
            if asked == kind {
                assert_eq!(admission(&proposal, &psbt).new.len(), 1);
            } else {
                let reason = refusal(&proposal, &psbt);
                assert!(reason.contains("the file asks for"), "{reason}");
            }
        }
    }
}

#[test]
fn t13_a_signature_of_the_other_kind_is_refused() {
    let taproot = world(ScriptType::Tr, 1);
    let proposal = taproot.spend_all_coins();
    let schnorr = schnorr(&taproot, &proposal, TapSighashType::Default).to_vec();
    let other = "another kind";
    let key = proposal.inputs()[0].derived.keys[0].public_key;
    let mut psbt = proposal.psbt().clone();
    let ecdsa = bitcoin::ecdsa::Signature::sighash_all(nobodys());
    psbt.inputs[0].partial_sigs.insert(key, ecdsa);
    let reason = refusal(&proposal, &psbt);
    assert!(reason.contains(other), "{reason}");
    for script in [ScriptType::Wsh, ScriptType::ShWsh, ScriptType::Sh] {
        let world = world(script, 1);
        let proposal = world.spend_all_coins();
        let key = proposal.inputs()[0].derived.keys[0].public_key;
        let x_only = key.inner.x_only_public_key().0.serialize();
        let mut psbt = proposal.psbt().clone();
        put(&mut psbt, 0x14, &[&x_only[..], &[7; 32]].concat(), &schnorr);
        let reason = refusal(&proposal, &psbt);
        assert!(reason.contains(other), "{reason}");
        let mut psbt = proposal.psbt().clone();
        put(&mut psbt, 0x13, &[], &schnorr);
        let reason = refusal(&proposal, &psbt);
        assert!(reason.contains(other), "{reason}");
    }
}

/// What looks like a signature of the other kind in a finalized input is none, and nothing is said.
#[test]
fn elements_of_a_finalized_input_are_read_as_its_kind() {
    let der = bitcoin::ecdsa::Signature::sighash_all(nobodys()).to_vec();
    for (script, element) in [(ScriptType::Tr, der), (ScriptType::Wsh, vec![7; 64])] {
        let world = world(script, 1);
        let proposal = world.spend_all_coins();
        let mut psbt = proposal.psbt().clone();
        let witness = Witness::from_slice(&[element, vec![0x51], vec![0xc0; 33]]);
        psbt.inputs[0].final_script_witness = Some(witness);
        let admission = admission(&proposal, &psbt);
        assert_eq!(admission, Admission::default(), "{script}");
    }
}

/// Two at a time, in the order in which they are asked for.
struct Two;

impl Workers for Two {
    fn count(&self) -> usize {
        2
    }
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..jobs).for_each(job);
    }
}

#[test]
fn every_input_is_judged_once_however_many_work() {
    let world = world(ScriptType::Wsh, 40);
    let proposal = world.spend_all_coins();
    let mut psbt = world.sign(&proposal, 1);
    psbt.inputs[3].partial_sigs.clear();
    let file = foreign(&psbt);
    let kept = SignatureSet::new();
    let alone = admit(&proposal, &file, &kept).unwrap();
    assert_eq!(alone.new.len(), 39);
    assert_eq!(admit_with(&proposal, &file, &kept, &Two).unwrap(), alone);
}

/// Whose the elements of a finalized input are shows by trying; the limit on those is on no other.
#[test]
fn t14_a_foreign_key_among_all_of_the_vaults_costs_no_signature() {
    let world = world(ScriptType::Wsh, 1);
    let proposal = world.spend_all_coins();
    let mut psbt = world.sign(&proposal, 0);
    world.sign_into(&mut psbt, &proposal, 1);
    world.sign_into(&mut psbt, &proposal, 2);
    let stranger = proposal.inputs()[0].derived.keys[0]
        .public_key
        .inner
        .negate(&Secp256k1::new());
    let signature = bitcoin::ecdsa::Signature::sighash_all(nobodys());
    psbt.inputs[0]
        .partial_sigs
        .insert(bitcoin::PublicKey::new(stranger), signature);
    let admission = admission(&proposal, &psbt);
    assert_eq!((admission.new.len(), admission.refused.len()), (3, 1));
    let reason = &admission.refused[0].reason;
    assert!(reason.contains("doesn't belong to this input"), "{reason}");
}
