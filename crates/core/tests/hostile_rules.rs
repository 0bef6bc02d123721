//! What may be done to a proposal in which status, exactly at the limits of its locks, and which
//! requests are pinned.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{Amount, Psbt, ScriptBuf, TxOut, Witness, transaction};
use common::all_facts;
use common::rogue::{Signed, with_signatures};
use common::world::{World, kept, stranger};
use quorate_core::journal::{Body, CloseReason};
use quorate_core::proposal::{
    PinError, Place, Proposal, Refusal, SignatureSet, SignedInputs, Stage, Status, UtxoFault,
    abandon, admit, hand_out, release, status,
};
use quorate_core::psbt::read;
use quorate_core::spend::{Recipient, Request, Send, propose};
use std::collections::BTreeSet;

const ALL: [Status; 10] = [
    Status::Draft,
    Status::Collecting,
    Status::Ready,
    Status::Broadcast,
    Status::Confirmed,
    Status::Replaced,
    Status::Conflicted,
    Status::Abandoned,
    Status::Expired,
    Status::Rejected,
];

fn recovery() -> (World, Proposal) {
    let world = World::new("2-of-3-recovery", &[60_000, 50_000]);
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let request = Request {
        path: 1,
        ..world.request(&recipients, 2)
    };
    let proposal = propose(&world.vault, &request).unwrap();
    (world, proposal)
}

#[test]
fn t26_signatures_are_taken_in_few_statuses_only() {
    let (_, proposal) = recovery();
    for facts in all_facts() {
        let status = status(&facts);
        let wanted = matches!(
            status,
            Status::Collecting | Status::Ready | Status::Broadcast | Status::Confirmed
        );
        assert_eq!(hand_out(proposal.id(), &facts).is_ok(), wanted, "{facts:?}");
        // Who said no may change his mind by signing, as long as nobody closed it.
        let revived = status == Status::Rejected && facts.stage == Stage::Open;
        let taken = wanted || revived;
        assert_eq!(admit(proposal.id(), &facts).is_ok(), taken, "{facts:?}");
        if let Err(refusal) = admit(proposal.id(), &facts) {
            let Refusal::WrongStatus {
                id, status: named, ..
            } = refusal
            else {
                panic!("{refusal}");
            };
            assert_eq!(
                (id, named),
                (proposal.id().to_string()[..12].to_owned(), status)
            );
        }
    }
}

#[test]
fn a_transaction_goes_out_in_two_statuses_only_and_the_entry_is_written_once() {
    let world = World::new("2-of-3", &[60_000]);
    let proposal = world.spend_all_coins();
    let transaction = proposal.transaction();
    for status in ALL {
        for before in [false, true] {
            let found = release(&proposal, status, before, &[Some(1)], 1_000, transaction);
            if matches!(status, Status::Ready | Status::Broadcast) {
                assert_eq!(found.unwrap().is_none(), before, "{status}");
            } else {
                assert!(
                    matches!(found, Err(Refusal::WrongStatus { .. })),
                    "{status}"
                );
            }
        }
    }
    let entry = release(
        &proposal,
        Status::Ready,
        false,
        &[Some(1)],
        1_000,
        transaction,
    );
    let Some(Body::ProposalReleased {
        proposal: id,
        transaction: hex,
    }) = entry.unwrap()
    else {
        panic!("another entry");
    };
    assert_eq!(id, proposal.id());
    assert_eq!(hex, bitcoin::consensus::encode::serialize_hex(transaction));
}

#[test]
fn t24_a_relative_lock_ends_with_the_block_it_ends_with() {
    let (_, proposal) = recovery();
    let go = |heights: &[Option<u32>], next| {
        let tx = proposal.transaction();
        release(&proposal, Status::Ready, false, heights, next, tx).map(|_| ())
    };
    // after_blocks = 52560; the next block may be the one that is 52560 above the coin's.
    assert_eq!(go(&[Some(100), Some(150)], 150 + 52_560), Ok(()));
    let early = Refusal::TooEarly {
        input: 1,
        from: 150 + 52_560,
        next: 150 + 52_559,
    };
    assert!(early.to_string().ends_with("wait 1 block more"), "{early}");
    assert_eq!(go(&[Some(100), Some(150)], 150 + 52_559), Err(early));
    let early = go(&[Some(100), Some(150)], 52_658).unwrap_err();
    assert!(early.to_string().ends_with("wait 2 blocks more"), "{early}");
    let unconfirmed = Refusal::Unconfirmed { input: 0 };
    assert_eq!(go(&[None, Some(1)], 900_000), Err(unconfirmed));
}

#[test]
fn t24_a_lock_time_ends_below_the_next_block() {
    let world = World::new("2-of-3", &[60_000]);
    let mut psbt = world.spend_all_coins().psbt().clone();
    psbt.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_height(500).unwrap();
    let check = |psbt: &Psbt, next| {
        let proposal = Proposal::check(&world.vault, psbt.clone()).unwrap();
        let tx = proposal.transaction();
        // An everyday spend doesn't wait for its coin's confirmation.
        release(&proposal, Status::Ready, false, &[None], next, tx).map(|_| ())
    };
    assert_eq!(check(&psbt, 501), Ok(()));
    for next in [499, 500] {
        let locked = Refusal::Locked { from: 501, next };
        assert_eq!(check(&psbt, next), Err(locked));
    }
    // Switched off by final sequences; a time is for the node to judge.
    let mut off = psbt.clone();
    off.unsigned_tx.input[0].sequence = bitcoin::Sequence::MAX;
    assert_eq!(check(&off, 1), Ok(()));
    psbt.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_time(500_000_000).unwrap();
    assert_eq!(check(&psbt, 1), Ok(()));
    // A sequence of zero blocks asks for no confirmation.
    psbt.unsigned_tx.input[0].sequence = bitcoin::Sequence::from_height(0);
    assert_eq!(check(&psbt, 1), Ok(()));
}

#[test]
fn giving_up_is_possible_until_the_transaction_is_out() {
    let (_, proposal) = recovery();
    for facts in all_facts() {
        let open = matches!(facts.stage, Stage::Draft | Stage::Open);
        let over = facts.expired && !facts.released;
        let possible = open && facts.place == Place::Nowhere && !over;
        let note = Some("why".to_owned());
        match abandon(proposal.id(), &facts, note.clone()) {
            Ok(body) => {
                assert!(possible, "{facts:?}");
                let expected = Body::ProposalClosed {
                    proposal: proposal.id(),
                    reason: CloseReason::Abandoned,
                    note,
                };
                assert_eq!(body, expected);
            }
            Err(refusal) => {
                assert!(!possible, "{facts:?}");
                let Refusal::WrongStatus { status: named, .. } = refusal else {
                    panic!("{refusal}");
                };
                assert_eq!(named, status(&facts));
            }
        }
    }
}

/// The same signature as a partial one and in the witness of the same file.
#[test]
fn a_signature_that_a_file_holds_twice_is_taken_once() {
    let world = World::new("2-of-3", &[60_000]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let mut psbt = with_signatures(&proposal, &signed.set([0]));
    let (_, signature) = signed.of(0, 0)[0];
    let elements = [Vec::new(), signature.to_vec()];
    psbt.inputs[0].final_script_witness = Some(Witness::from_slice(&elements));
    let file = read(&psbt.serialize()).unwrap();
    let admission = quorate_core::psbt::admit(&proposal, &file, &SignatureSet::new()).unwrap();
    assert_eq!(admission.new.len(), 1);
    assert!(admission.refused.is_empty() && admission.known.is_empty());
    assert_eq!(kept(&admission), signed.set([0]));
}

fn pinned(change: impl FnOnce(&mut Psbt)) -> Result<Proposal, PinError> {
    let world = World::new("2-of-3", &[100_000, 90_000]);
    let mut psbt = world.spend(150_000).unwrap().psbt().clone();
    change(&mut psbt);
    Proposal::check(&world.vault, psbt)
}

#[test]
fn a_request_out_of_shape_is_refused_with_the_reason() {
    let error = |change: fn(&mut Psbt)| pinned(change).unwrap_err();
    let none = error(|psbt| {
        psbt.unsigned_tx.input.clear();
        psbt.inputs.clear();
    });
    assert_eq!(none, PinError::Empty("inputs"));
    let none = error(|psbt| {
        psbt.unsigned_tx.output.clear();
        psbt.outputs.clear();
    });
    assert_eq!(none, PinError::Empty("outputs"));
    let short = error(|psbt| drop(psbt.inputs.pop()));
    assert_eq!(short, PinError::Malformed);
    let short = error(|psbt| drop(psbt.outputs.pop()));
    assert_eq!(short, PinError::Malformed);
    let signed = error(|psbt| psbt.unsigned_tx.input[1].script_sig = ScriptBuf::from(vec![1]));
    assert_eq!(signed, PinError::NotUnsigned { input: 1 });
    let signed = error(|psbt| psbt.unsigned_tx.input[0].witness.push([1]));
    assert_eq!(signed, PinError::NotUnsigned { input: 0 });
    let found = error(|psbt| {
        psbt.inputs[1].sighash_type = Some(bitcoin::EcdsaSighashType::None.into());
    });
    assert!(matches!(found, PinError::Sighash { input: 1, .. }));
    let found = error(|psbt| psbt.inputs[1].bip32_derivation.clear());
    assert!(matches!(found, PinError::NoDerivation { input: 1, .. }));
    for change in [
        (|psbt| psbt.inputs[0].witness_script = Some(ScriptBuf::new())) as fn(&mut Psbt),
        |psbt| psbt.inputs[0].redeem_script = Some(ScriptBuf::new()),
    ] {
        assert!(matches!(
            error(change),
            PinError::ForeignScript { input: 0, .. }
        ));
    }
}

#[test]
fn t08_every_field_that_claims_change_makes_an_output_a_claim() {
    let key = bitcoin::secp256k1::SecretKey::from_slice(&[9; 32]).unwrap();
    let key = key.public_key(&bitcoin::secp256k1::Secp256k1::new());
    let origin = || ([7; 4].into(), "1/0".parse().unwrap());
    let claims: [&dyn Fn(&mut bitcoin::psbt::Output); 6] = [
        &|output| drop(output.bip32_derivation.insert(key, origin())),
        &|output| {
            let value = (Vec::new(), origin());
            output
                .tap_key_origins
                .insert(key.x_only_public_key().0, value);
        },
        &|output| output.tap_internal_key = Some(key.x_only_public_key().0),
        &|output| {
            let tree = bitcoin::taproot::TaprootBuilder::with_huffman_tree([(1, ScriptBuf::new())]);
            output.tap_tree = Some(tree.unwrap().try_into().unwrap());
        },
        &|output| output.witness_script = Some(ScriptBuf::new()),
        &|output| output.redeem_script = Some(ScriptBuf::new()),
    ];
    for (number, claim) in claims.iter().enumerate() {
        for at in 0..2 {
            let error = pinned(|psbt| {
                psbt.outputs[at] = bitcoin::psbt::Output::default();
                psbt.unsigned_tx.output[at].script_pubkey = stranger(9).script_pubkey();
                claim(&mut psbt.outputs[at]);
            });
            let Err(PinError::FakeChange { output, .. }) = error else {
                panic!("claim {number}: {error:?}");
            };
            assert_eq!(output, at);
        }
    }
}

/// Change of the vault with another script written beside it.
#[test]
fn t08_change_with_a_foreign_script_is_refused() {
    for change in [
        (|output| output.witness_script = Some(ScriptBuf::new())) as fn(&mut bitcoin::psbt::Output),
        |output| output.redeem_script = Some(ScriptBuf::new()),
    ] {
        let error = pinned(|psbt| {
            let mut outputs = psbt.outputs.iter_mut();
            change(
                outputs
                    .find(|one| !one.bip32_derivation.is_empty())
                    .unwrap(),
            );
        });
        assert!(
            matches!(error, Err(PinError::FakeChange { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn t10_the_fault_of_a_previous_transaction_is_named() {
    let missing = pinned(|psbt| psbt.unsigned_tx.input[0].previous_output.vout = 2);
    let no_such = |fault: &UtxoFault| matches!(fault, UtxoFault::NoSuchOutput { .. });
    assert!(
        matches!(&missing, Err(PinError::PreviousTransaction { input: 0, fault }) if no_such(fault)),
        "{missing:?}"
    );
    let lie = pinned(|psbt| psbt.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::ZERO);
    let contradiction = |fault: &UtxoFault| matches!(fault, UtxoFault::Contradiction { .. });
    assert!(
        matches!(&lie, Err(PinError::PreviousTransaction { input: 0, fault }) if contradiction(fault)),
        "{lie:?}"
    );
}

/// Sums are checked without wrapping round: 21 million is the most there can be.
#[test]
fn t19_amounts_that_cannot_exist_are_refused() {
    for (sats, possible) in [(Amount::MAX_MONEY, false), (Amount::MAX, false)] {
        let found = pinned(|psbt| psbt.unsigned_tx.output[0].value = sats);
        assert_eq!(found.is_ok(), possible);
        let error = found.unwrap_err();
        assert!(matches!(
            error,
            PinError::Overspent | PinError::ImpossibleAmount { .. }
        ));
    }
    // Exactly all the money there is, in one coin, may be spent.
    let mut world = World::new("2-of-3", &[Amount::MAX_MONEY.to_sat()]);
    let mut psbt = World::new("2-of-3", &[Amount::MAX_MONEY.to_sat()])
        .spend_all_coins()
        .psbt()
        .clone();
    psbt.unsigned_tx.output[0].value = Amount::MAX_MONEY;
    let all = Proposal::check(&world.vault, psbt.clone()).unwrap();
    assert_eq!(all.fee(), Amount::ZERO);
    let more = TxOut {
        value: Amount::ONE_SAT,
        script_pubkey: stranger(1).script_pubkey(),
    };
    psbt.unsigned_tx.output.push(more);
    psbt.outputs.push(bitcoin::psbt::Output::default());
    let error = Proposal::check(&world.vault, psbt).unwrap_err();
    assert_eq!(error, PinError::ImpossibleAmount { side: "outputs" });
    world.coins.clear();
}

#[test]
fn a_pinned_request_knows_itself_with_and_without_signatures() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let signed = world.sign(&proposal, 0);
    assert!(proposal.is_of(proposal.psbt()) && proposal.is_of(&signed));
    let again = Proposal::check(&world.vault, signed.clone()).unwrap();
    assert_eq!(again.psbt(), proposal.psbt());
    assert_eq!(
        (again.id(), again.vault()),
        (proposal.id(), world.vault.id())
    );
    let mut other = signed.clone();
    other.inputs[0].witness_script = None;
    assert!(!proposal.is_of(&other));
    let mut other = signed;
    other.unsigned_tx.version = transaction::Version::ONE;
    assert!(!proposal.is_of(&other));
}

/// Who has signed one input of two is still missing, and nobody is when it is complete.
#[test]
fn whoever_signed_a_part_is_still_missing() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let mut signatures = signed.set([0, 1]);
    let half = *signatures.keys().find(|slot| slot.input == 1).unwrap();
    let (whose, _) = [0, 1]
        .into_iter()
        .map(|at| (at, signed.of(at, 1)[0].0))
        .find(|(_, key)| *key == half.public_key)
        .unwrap();
    let gone = signatures.remove(&half).unwrap();
    let status = SignedInputs::of(&proposal, &signatures);
    assert_eq!(status.able, BTreeSet::from([0, 1, 2]));
    assert_eq!(status.missing(), BTreeSet::from([whose, 2]));
    signatures.insert(half, gone);
    assert!(
        SignedInputs::of(&proposal, &signatures)
            .missing()
            .is_empty()
    );
    let nothing = SignedInputs {
        signed: Vec::new(),
        able: BTreeSet::new(),
        satisfied: Vec::new(),
    };
    assert!(!nothing.is_complete());
}

/// Bitcoin Core's `analyzepsbt` says the same: `stories subsets` compares.
#[test]
fn nobody_is_asked_for_a_signature_on_a_satisfied_input() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let mut signatures = signed.set([0, 1, 2]);
    // The third has signed where a second signature is missing.
    signatures.retain(|slot, _| {
        let of = |cosigner: usize| signed.of(cosigner, slot.input as usize)[0].0;
        let thirds = of(2) == slot.public_key;
        thirds == (slot.input == 1)
    });
    let status = SignedInputs::of(&proposal, &signatures);
    assert_eq!(status.satisfied, [true, false]);
    assert_eq!(status.signed, [BTreeSet::from([0, 1]), BTreeSet::from([2])]);
    assert_eq!(status.missing(), BTreeSet::from([0, 1]));
}

/// A request may say that it wants SIGHASH_ALL, which is what every one wants.
#[test]
fn t11_a_request_that_names_sighash_all_takes_signatures() {
    let world = World::new("2-of-3", &[60_000]);
    let mut psbt = world.spend_all_coins().psbt().clone();
    psbt.inputs[0].sighash_type = Some(bitcoin::EcdsaSighashType::All.into());
    let proposal = Proposal::check(&world.vault, psbt).unwrap();
    let admission = world.admit(&proposal, &world.sign(&proposal, 0));
    assert_eq!((admission.new.len(), admission.refused.len()), (1, 0));
}
