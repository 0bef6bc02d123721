//! Every k-of-n up to 15: whoever of the n spoils his signature, the others finish.
//!
//! All 120 quorums, all 1,240 slots. The signatures are made once for each n.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::k_of_n;
use common::rogue::{Signed, nobodys, put_partial, with_byte, with_signatures};
use common::world::{World, kept};
use quorate_core::consensus::verify_transaction;
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{FinalizeError, admit, finalize, read};

/// A file of all n cosigners in which one has spoiled his signature.
fn spoil(signed: &Signed, proposal: &Proposal, n: usize, bad: usize) -> SignatureSet {
    let good = signed.set((0..n).filter(|&at| at != bad));
    let mut psbt = with_signatures(proposal, &good);
    let (key, own) = signed.of(bad, 0)[0];
    // By turns: somebody else's, another sighash type, noise.
    let value = match bad % 3 {
        0 => with_byte(&nobodys(), 1),
        1 => with_byte(&common::world::ecdsa_of(&own).signature, 0x82),
        _ => vec![0xab; 71],
    };
    put_partial(&mut psbt, 0, &key.to_bytes(), &value);
    let file = read(&psbt.serialize()).unwrap();
    let admission = admit(proposal, &file, &SignatureSet::new()).unwrap();
    assert_eq!(kept(&admission), good);
    assert_eq!(admission.refused.len(), 1);
    let refused = &admission.refused[0];
    assert_eq!((refused.input, refused.cosigner), (0, Some(bad)));
    good
}

#[test]
fn t13_a_bogus_signature_in_every_slot_of_every_quorum_up_to_15() {
    let mut cases = 0;
    for n in 1..=15 {
        for k in 1..=n {
            let world = World::of(k_of_n(k, n), &[60_000]);
            let proposal = world.spend_all_coins();
            let signed = Signed::new(&world, &proposal);
            for bad in 0..n {
                let mut good = spoil(&signed, &proposal, n, bad);
                if k == n {
                    let error = finalize(&proposal, &good).unwrap_err();
                    assert_eq!(error, FinalizeError::Incomplete { input: 0 });
                    assert!(SignedInputs::of(&proposal, &good).missing().contains(&bad));
                    // He is asked again, and this time he signs.
                    let again = with_signatures(&proposal, &signed.set([bad]));
                    let again = read(&again.serialize()).unwrap();
                    good.extend(kept(&admit(&proposal, &again, &good).unwrap()));
                }
                let transaction = finalize(&proposal, &good).unwrap();
                assert_eq!(transaction.compute_txid(), proposal.txid());
                verify_transaction(&transaction, &proposal.prevouts()).unwrap();
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 1_240);
}

/// More than devices take, as many as a script may hold.
#[test]
fn vaults_of_20_cosigners_finish_too() {
    let world = World::of(k_of_n(11, 20), &[60_000]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let good = spoil(&signed, &proposal, 20, 19);
    let transaction = finalize(&proposal, &good).unwrap();
    verify_transaction(&transaction, &proposal.prevouts()).unwrap();
}
