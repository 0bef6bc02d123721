//! What strangers can put in the way: a transaction that pays the vault, a file of signatures.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{Amount, OutPoint, ScriptBuf, TxOut, Witness};
use common::world::World;
use quorate_core::proposal::SignatureSet;
use quorate_core::psbt::{WireError, admit, read};

/// Whoever pays the vault writes the transaction that the vault's PSBT must carry. Text in it that
/// looks like a private key must not make the coin unspendable: what is on the chain is public.
#[test]
fn a_depositor_cannot_make_a_coin_unspendable_by_what_else_is_in_his_transaction() {
    let mut world = World::new("2-of-3", &[100_000]);
    let coin = &mut world.coins[0];
    let mut funding = world.previous.0.remove(&coin.outpoint.txid).unwrap();
    funding.output.push(TxOut {
        value: Amount::ZERO,
        script_pubkey: ScriptBuf::new_op_return(b"xprv9s21ZrQH143K"),
    });
    coin.outpoint = OutPoint::new(funding.compute_txid(), 1);
    world.previous.0.insert(funding.compute_txid(), funding);
    let proposal = world.spend(50_000).unwrap();
    let signed = world.sign(&proposal, 0);
    let foreign = read(&signed.serialize()).unwrap();
    let admission = admit(&proposal, &foreign, &SignatureSet::new()).unwrap();
    assert_eq!(admission.new.len(), 1);
}

/// A finalized input may hold any number of elements that look like signatures; trying each one with
/// every key must not keep us busy.
#[test]
fn t18_a_file_with_very_many_signatures_is_not_tried_one_by_one() {
    let world = World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    let (_, signature) = world.signatures(&proposal, 0, 0).remove(0);
    let file = |count: u8| {
        let mut elements = vec![Vec::new()];
        for number in 0..count {
            // Well formed, by nobody.
            let mut bytes = signature.to_vec();
            bytes[20] = number;
            elements.push(bytes);
        }
        let mut psbt = proposal.psbt().clone();
        psbt.inputs[0].final_script_witness = Some(Witness::from_slice(&elements));
        psbt.serialize()
    };
    assert!(matches!(
        read(&file(101)),
        Err(WireError::TooMany { max: 101, .. })
    ));
    let refused = |count| {
        let foreign = read(&file(count)).unwrap();
        admit(&proposal, &foreign, &SignatureSet::new())
            .unwrap()
            .refused
            .len()
    };
    assert_eq!(refused(3), 3);
    assert_eq!(refused(4), 1);
    assert_eq!(refused(100), 1);
}
