//! What went wrong in other people's programs, one test each, named after the report. Those about
//! keys and descriptors are in `keys.rs`, `vault_distinct.rs` and `vault_import.rs`, those about two
//! proposals and about the chain in the coordinator's tests.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{EcdsaSighashType, Psbt, ScriptBuf, Sequence, Transaction, TxOut};
use common::rogue::{Form, Signed, put_partial, with_byte, with_signatures};
use common::world::{World, foreign, kept};
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{Admission, ContributionError, FinalizeError, admit, finalize, read};

fn session() -> (World, Proposal, Signed) {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend(90_000).unwrap();
    let signed = Signed::new(&world, &proposal);
    (world, proposal, signed)
}

fn admit_first(proposal: &Proposal, psbt: &Psbt) -> Result<Admission, ContributionError> {
    let file = read(&psbt.serialize()).unwrap();
    admit(proposal, &file, &SignatureSet::new())
}

/// A returned file whose scripts and amounts the wallet took over when it merged it: first the
/// amount, then the redeem script, then the witness script, each time with a good signature.
#[test]
fn drongo_54_a_returned_file_replaces_no_field() {
    let (world, proposal, signed) = session();
    let before = proposal.psbt().clone();
    let mut kept_so_far = SignatureSet::new();
    type Step = (&'static str, fn(&mut Psbt));
    let steps: [Step; 4] = [
        ("witness_utxo", |psbt| {
            psbt.inputs[0].witness_utxo.as_mut().unwrap().value *= 2;
        }),
        ("non_witness_utxo", |psbt| {
            let utxo = psbt.inputs[0].non_witness_utxo.as_mut().unwrap();
            utxo.output[1].value *= 2;
        }),
        ("redeem_script", |psbt| {
            psbt.inputs[0].redeem_script = Some(ScriptBuf::from_bytes(vec![0x51]));
        }),
        ("witness_script", |psbt| {
            psbt.inputs[0].witness_script = Some(ScriptBuf::from_bytes(vec![0x51]));
        }),
    ];
    for (field, change) in steps {
        let mut psbt = with_signatures(&proposal, &signed.set([0]));
        change(&mut psbt);
        let file = read(&psbt.serialize()).unwrap();
        let field = format!("inputs[0].{field}");
        let error = admit(&proposal, &file, &kept_so_far).unwrap_err();
        assert_eq!(error, ContributionError::Altered { field });
        assert_eq!(proposal.psbt(), &before);
    }
    // After all of them the session is what it was.
    for cosigner in [0, 1] {
        let file = foreign(&world.sign(&proposal, cosigner));
        kept_so_far.extend(kept(&admit(&proposal, &file, &kept_so_far).unwrap()));
    }
    finalize(&proposal, &kept_so_far).unwrap();
}

/// Signatures on 31 of 32 inputs: the most signed input doesn't speak for the others.
#[test]
fn specter_max_over_inputs_31_of_32_signed_inputs_are_not_complete() {
    let world = World::new("2-of-3", &[10_000; 32]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let both = signed.set([0, 1]);
    for unsigned in 0..32 {
        let mut one_less = both.clone();
        let slot = *one_less.keys().find(|slot| slot.input == unsigned).unwrap();
        one_less.remove(&slot);
        let status = SignedInputs::of(&proposal, &one_less);
        assert!(!status.is_complete());
        let missing = status.satisfied.iter().position(|satisfied| !satisfied);
        let input = unsigned as usize;
        assert_eq!(missing, Some(input));
        let error = finalize(&proposal, &one_less).unwrap_err();
        assert_eq!(error, FinalizeError::Incomplete { input });
    }
    finalize(&proposal, &both).unwrap();
}

/// The file that was to be signed, imported as if it were.
#[test]
fn keeper_6633_an_unsigned_file_counts_for_nobody() {
    let (_, proposal, _) = session();
    for form in Form::ALL {
        let file = read(&form.write(proposal.psbt())).unwrap();
        let admission = admit(&proposal, &file, &SignatureSet::new()).unwrap();
        assert_eq!(admission, Admission::default());
        let status = SignedInputs::of(&proposal, &kept(&admission));
        assert!(status.signed.iter().all(|signed| signed.is_empty()));
        assert_eq!(status.missing().len(), 3);
    }
}

/// Change without its derivation in the returned file.
#[test]
fn keeper_6643_change_without_derivation_is_accepted_back_and_stays_change() {
    let (_, proposal, signed) = session();
    let mut psbt = with_signatures(&proposal, &signed.set([0]));
    for output in &mut psbt.outputs {
        *output = bitcoin::psbt::Output::default();
    }
    assert_eq!(admit_first(&proposal, &psbt).unwrap().new.len(), 2);
    let change = proposal.outputs().iter().filter(|one| one.ours.is_some());
    assert_eq!(change.count(), 1);
}

/// Key B signs where the user says that it is key A.
#[test]
fn a_signature_by_key_b_counts_for_b_and_never_for_a() {
    let (_, proposal, signed) = session();
    let admission = admit_first(&proposal, &with_signatures(&proposal, &signed.set([1]))).unwrap();
    assert!(admission.new.iter().all(|one| one.cosigner == 1));
    let status = SignedInputs::of(&proposal, &kept(&admission));
    assert!(status.signed.iter().all(|signed| signed.iter().eq([&1])));
}

#[test]
fn btcpay_6926_random_bytes_are_no_signature() {
    let (_, proposal, signed) = session();
    let key = signed.of(0, 0)[0].0.to_bytes();
    let mut state = 0x5eed_u32;
    for round in 0..50 {
        let mut noise: Vec<u8> = (0..71)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        if round % 2 == 0 {
            // With the look of a signature.
            noise[..4].copy_from_slice(&[0x30, 68, 0x02, 32]);
            noise[36..38].copy_from_slice(&[0x02, 32]);
            noise[70] = 1;
        }
        let mut psbt = proposal.psbt().clone();
        put_partial(&mut psbt, 0, &key, &noise);
        let admission = admit_first(&proposal, &psbt).unwrap();
        assert!(admission.new.is_empty() && admission.known.is_empty());
        assert_eq!(admission.refused.len(), 1, "{noise:02x?}");
        assert_eq!(admission.refused[0].cosigner, Some(0));
        let status = SignedInputs::of(&proposal, &kept(&admission));
        assert!(status.signed.iter().all(|signed| signed.is_empty()));
    }
}

/// Programs that strip what they don't need, each in its own way.
#[test]
fn liana_1581_trimmed_files_are_welcome_in_every_degree() {
    let (_, proposal, signed) = session();
    let steps: [fn(&mut Psbt); 8] = [
        |psbt| psbt.xpub.clear(),
        |psbt| psbt.inputs[0].non_witness_utxo = None,
        |psbt| psbt.inputs[0].witness_utxo = None,
        |psbt| psbt.inputs[0].witness_script = None,
        |psbt| psbt.inputs[0].bip32_derivation.clear(),
        |psbt| {
            psbt.inputs[1].bip32_derivation.pop_first();
        },
        |psbt| psbt.inputs[1].sighash_type = None,
        |psbt| psbt.outputs[0] = bitcoin::psbt::Output::default(),
    ];
    for chosen in 0u32..1 << steps.len() {
        let mut psbt = with_signatures(&proposal, &signed.set([2]));
        for (bit, step) in steps.iter().enumerate() {
            if chosen >> bit & 1 == 1 {
                step(&mut psbt);
            }
        }
        let admission = admit_first(&proposal, &psbt).unwrap();
        assert_eq!(kept(&admission), signed.set([2]), "{chosen:b}");
    }
}

/// The transaction was edited after some had signed: their signatures are worth nothing for the new
/// one, and a file for the old one is named as such.
#[test]
fn caravan_354_a_sequence_changed_after_an_edit_is_noticed() {
    let (_, proposal, signed) = session();
    for input in 0..2 {
        for sequence in [Sequence::MAX, Sequence::ZERO, Sequence(0xffff_fffe)] {
            let mut psbt = with_signatures(&proposal, &signed.set([0]));
            psbt.unsigned_tx.input[input].sequence = sequence;
            let error = admit_first(&proposal, &psbt).unwrap_err();
            let what = "an input's sequence";
            assert_eq!(error, ContributionError::OtherTransaction(what));
            // The old signatures under the new transaction.
            let edited = edited(&proposal, input, sequence);
            let old = with_signatures(&edited, &signed.set([0]));
            let admission = admit_first(&edited, &old).unwrap();
            assert!(admission.new.is_empty());
            assert_eq!(admission.refused.len(), 2);
        }
    }
}

fn edited(proposal: &Proposal, input: usize, sequence: Sequence) -> Proposal {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let mut psbt = proposal.psbt().clone();
    psbt.unsigned_tx.input[input].sequence = sequence;
    Proposal::check(&world.vault, psbt).unwrap()
}

/// Two proposals that spend one coin: a signature is for one of them only.
#[test]
fn btcpay_6699_a_signature_for_one_proposal_is_none_for_another_on_the_same_coin() {
    let world = World::new("2-of-3", &[60_000]);
    let [one, two] = [10_000, 20_000].map(|sats| world.spend(sats).unwrap());
    assert_eq!(one.inputs()[0].outpoint, two.inputs()[0].outpoint);
    let signed = Signed::new(&world, &one).set([0]);
    let error = admit_first(&two, &with_signatures(&one, &signed)).unwrap_err();
    assert!(matches!(error, ContributionError::OtherTransaction(_)));
    let admission = admit_first(&two, &with_signatures(&two, &signed)).unwrap();
    assert!(admission.new.is_empty());
    assert_eq!(admission.refused.len(), 1);
}

/// SIGHASH_NONE and ANYONECANPAY, signed as such: valid signatures, of less than the whole.
#[test]
fn signatures_of_less_than_the_whole_transaction_are_refused() {
    use bitcoin::secp256k1::{Message, Secp256k1};
    let (world, proposal, signed) = session();
    let coin = &proposal.inputs()[0].derived;
    for kind in [
        EcdsaSighashType::None,
        EcdsaSighashType::Single,
        EcdsaSighashType::AllPlusAnyoneCanPay,
        EcdsaSighashType::NonePlusAnyoneCanPay,
        EcdsaSighashType::SinglePlusAnyoneCanPay,
    ] {
        let hash = bitcoin::sighash::SighashCache::new(proposal.transaction())
            .p2wsh_signature_hash(
                0,
                coin.witness_script.as_ref().unwrap(),
                proposal.inputs()[0].prevout.value,
                kind,
            )
            .unwrap();
        let (key, _) = signed.of(0, 0)[0];
        let derived = coin.keys.iter().find(|one| one.public_key == key).unwrap();
        let private = common::world::private_key(&world.vault, 0, &derived.path);
        let signature = Secp256k1::new().sign_ecdsa(&Message::from(hash), &private);
        // With the byte that is true, and with one that hides it.
        for byte in [u8::try_from(kind.to_u32()).unwrap(), 1] {
            let mut psbt = proposal.psbt().clone();
            put_partial(&mut psbt, 0, &key.to_bytes(), &with_byte(&signature, byte));
            let admission = admit_first(&proposal, &psbt).unwrap();
            assert!(admission.new.is_empty(), "{kind}, {byte}");
            assert_eq!(admission.refused.len(), 1);
        }
    }
}

/// Larger than what fits a 16-bit length, signed and all.
#[test]
fn files_over_64_kb_go_the_whole_way() {
    let mut world = World::new("2-of-3", &[100_000]);
    // The coin comes from a transaction of 2,500 outputs.
    let coin = &mut world.coins[0];
    let mut funding: Transaction = world.previous.0.remove(&coin.outpoint.txid).unwrap();
    let other = TxOut {
        value: bitcoin::Amount::from_sat(1_000),
        script_pubkey: ScriptBuf::from_bytes([&[0x00, 0x20][..], &[7; 32]].concat()),
    };
    funding.output.extend(vec![other; 2_500]);
    coin.outpoint.txid = funding.compute_txid();
    world.previous.0.insert(coin.outpoint.txid, funding);
    let proposal = world.spend(50_000).unwrap();
    let signed = Signed::new(&world, &proposal);
    let psbt = with_signatures(&proposal, &signed.set([0, 2]));
    assert!(psbt.serialize().len() > 100_000);
    for form in Form::ALL {
        let file = read(&form.write(&psbt)).unwrap();
        let admission = admit(&proposal, &file, &SignatureSet::new()).unwrap();
        finalize(&proposal, &kept(&admission)).unwrap();
    }
}
