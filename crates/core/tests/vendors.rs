//! What other programs add to a file that they sign, beyond signatures. Found by signing with them:
//! `stories vendors`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::bip32::DerivationPath;
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Amount, Psbt, Witness, XOnlyPublicKey};
use common::key;
use common::world::{World, foreign, kept};
use quorate_core::proposal::{PinError, Proposal, SignatureSet};
use quorate_core::psbt::{ContributionError, admit};
use quorate_core::vault::Vault;

const NUMS: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

fn world() -> World {
    let [a, b] = [1, 2].map(|seed| format!("{}/<0;1>/*", key(seed)));
    let text = format!("tr({NUMS},multi_a(1,{a},{b}))");
    let names = ["alice", "bob"].map(String::from);
    let vault = Vault::from_descriptor(bitcoin::Network::Regtest, &text, Some(&names)).unwrap();
    World::of(vault, &[60_000])
}

/// Bitcoin Core names the internal key as its own origin, also where nobody has its private key.
#[test]
fn core_names_an_origin_of_an_internal_key_that_is_nobodys() {
    let world = world();
    let proposal = world.spend(20_000).unwrap();
    let nobody: XOnlyPublicKey = NUMS.parse().unwrap();
    let named = |key: XOnlyPublicKey, leaves: Vec<TapLeafHash>, path: &str| {
        let mut psbt = world.sign(&proposal, 0);
        let path: DerivationPath = path.parse().unwrap();
        let origin = (leaves, ([0x7c, 0x46, 0x1e, 0x5d].into(), path));
        let change = proposal.outputs().iter().position(|out| out.ours.is_some());
        psbt.outputs[change.unwrap()]
            .tap_key_origins
            .insert(key, origin.clone());
        psbt.inputs[0].tap_key_origins.insert(key, origin);
        psbt
    };
    let admit = |psbt: &Psbt| admit(&proposal, &foreign(psbt), &SignatureSet::new());
    assert_eq!(admit(&named(nobody, vec![], "m")).unwrap().new.len(), 1);

    // Anything else about it is an alteration: another key, a leaf, a path.
    let leaf = proposal.inputs()[0].derived.keys[0].leaf.unwrap();
    let stranger = key(9).xpub().public_key.x_only_public_key().0;
    let ours = proposal.inputs()[0].derived.keys[0].public_key.inner;
    for altered in [
        named(stranger, vec![], "m"),
        named(nobody, vec![leaf], "m"),
        named(nobody, vec![], "m/48h"),
        named(ours.x_only_public_key().0, vec![], "m"),
    ] {
        let error = admit(&altered).unwrap_err();
        let field = "inputs[0].tap_key_origins".to_owned();
        assert_eq!(error, ContributionError::Altered { field });
    }
}

/// Bitcoin Core leaves previous transactions out where all inputs are taproot. Whoever lies about an
/// amount then gets signatures of another message.
#[test]
fn t10_a_taproot_request_without_previous_transactions_can_be_signed_but_not_lied_about() {
    let world = world();
    let proposal = world.spend(20_000).unwrap();
    let mut psbt = proposal.psbt().clone();
    psbt.inputs[0].non_witness_utxo = None;
    let short = Proposal::check(&world.vault, psbt.clone()).unwrap();
    assert_eq!((short.id(), short.fee()), (proposal.id(), proposal.fee()));
    let admit = |psbt: &Psbt| admit(&proposal, &foreign(psbt), &SignatureSet::new());
    assert_eq!(admit(&world.sign(&short, 0)).unwrap().new.len(), 1);

    let claimed = psbt.inputs[0].witness_utxo.as_mut().unwrap();
    claimed.value += Amount::from_sat(1_000_000);
    let lie = Proposal::check(&world.vault, psbt.clone()).unwrap();
    assert_ne!(lie.fee(), proposal.fee());
    let mut signed = world.sign(&lie, 0);
    assert!(admit(&signed).is_err());
    signed.inputs[0].witness_utxo = None;
    let admission = admit(&signed).unwrap();
    assert_eq!((admission.new.len(), admission.refused.len()), (0, 1));

    psbt.inputs[0].witness_utxo = None;
    let error = Proposal::check(&world.vault, psbt).unwrap_err();
    assert_eq!(error, PinError::NoPreviousTransaction { input: 0 });
}

/// embit writes a finalized witness beside the field that another program filled.
#[test]
fn a_signature_that_stands_twice_in_a_file_counts_once() {
    let a = format!("{}/<0;1>/*", key(1));
    let text = format!("tr({a},and_v(v:pk({}/<0;1>/*),older(9)))", key(2));
    let names = ["alice", "bob"].map(String::from);
    let vault = Vault::from_descriptor(bitcoin::Network::Regtest, &text, Some(&names)).unwrap();
    let world = World::of(vault, &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let mut psbt = world.sign(&proposal, 0);
    for input in &mut psbt.inputs {
        let signature = input.tap_key_sig.unwrap();
        input.final_script_witness = Some(Witness::p2tr_key_spend(&signature));
    }
    let first = admit(&proposal, &foreign(&psbt), &SignatureSet::new()).unwrap();
    assert_eq!((first.new.len(), first.known.len()), (2, 0));
    let again = admit(&proposal, &foreign(&psbt), &kept(&first)).unwrap();
    assert_eq!((again.new.len(), again.known.len()), (0, 2));
}
