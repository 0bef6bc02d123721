//! Admission: what the limits on finalized inputs are for, and for which inputs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Witness;
use bitcoin::secp256k1::Secp256k1;
use common::named_keys;
use common::rogue::nobodys;
use common::world::{World, foreign};
use quorate_core::policy::Template;
use quorate_core::proposal::{Proposal, SignatureSet};
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

fn admission(proposal: &Proposal, psbt: &bitcoin::Psbt) -> Admission {
    admit(proposal, &foreign(psbt), &SignatureSet::new()).unwrap()
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
