//! Proposals: what they pay, what they are refused for, what they look like as files.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{
    Address, Amount, FeeRate, Network, Psbt, ScriptBuf, Sequence, Weight, WitnessProgram,
    WitnessVersion, absolute,
};
use common::world::{World, kept, pay, stranger};
use proptest::prelude::*;
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{PinError, Proposal, SignatureSet};
use quorate_core::psbt::finalize;
use quorate_core::spend::{
    FeeRefusal, Finding, Recipient, Request, Send, SpendError, propose, review,
};
use quorate_core::vault::Vault;

const POLICIES: [(&str, usize); 8] = [
    ("2-of-3", 0),
    ("3-of-5", 0),
    ("2-of-3-recovery", 0),
    ("2-of-3-recovery", 1),
    ("decaying-3-of-3", 0),
    ("decaying-3-of-3", 2),
    ("inheritance", 0),
    ("inheritance", 1),
];

/// Signs with as many of the path's cosigners as it needs.
fn sign_path(world: &World, proposal: &Proposal, path: usize) -> SignatureSet {
    let path = &world.vault.policy().paths[path];
    let mut signatures = SignatureSet::new();
    for &cosigner in path.cosigners.iter().take(path.threshold) {
        signatures.extend(kept(
            &world.admit(proposal, &world.sign(proposal, cosigner)),
        ));
    }
    signatures
}

#[test]
fn every_path_of_every_policy_pays_at_least_the_rate_asked_for_and_hardly_more() {
    for (policy, path) in POLICIES {
        for sat_vb in [1, 3, 10, 57] {
            let world = World::new(policy, &[400_000, 300_000, 200_000, 100_000]);
            let recipients = [pay(350_000)];
            let request = Request {
                path,
                ..world.request(&recipients, sat_vb)
            };
            let proposal = propose(&world.vault, &request).unwrap();
            let transaction = finalize(&proposal, &sign_path(&world, &proposal, path)).unwrap();
            let fee = proposal.fee().to_sat();
            let target = FeeRate::from_sat_per_vb(sat_vb).unwrap();
            let least = target.fee_vb(transaction.vsize() as u64).unwrap().to_sat();
            assert!(fee >= least, "{policy} path {path}: {fee} < {least}");
            // Signatures of 70 to 72 bytes: at most half a vbyte too much for each, and rounding.
            let signatures = world.vault.policy().paths[path].threshold * proposal.inputs().len();
            let slack = sat_vb * (signatures as u64 + 2);
            assert!(
                fee <= least + slack,
                "{policy} path {path}: {fee} > {least} + {slack}"
            );
            let expected = review(&world.vault, &proposal, None).weight;
            assert!(transaction.weight() <= expected, "{policy} path {path}");
            assert!(
                transaction.weight() + Weight::from_wu(3 * signatures as u64) >= expected,
                "{policy} path {path}"
            );
        }
    }
}

#[test]
fn recipients_are_a_list() {
    let world = World::new("2-of-3", &[100_000]);
    let recipients = [pay(10_000), pay(20_000), pay(10_000)];
    let proposal = propose(&world.vault, &world.request(&recipients, 2)).unwrap();
    let mut paid: Vec<u64> = proposal
        .outputs()
        .iter()
        .filter(|output| output.txout.script_pubkey == stranger(1).script_pubkey())
        .map(|output| output.txout.value.to_sat())
        .collect();
    paid.sort_unstable();
    assert_eq!(paid, [10_000, 10_000, 20_000]);
}

#[test]
fn the_file_carries_all_that_a_signer_needs() {
    let world = World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    let psbt = proposal.psbt();
    assert_eq!(psbt.xpub.len(), 3);
    let input = &psbt.inputs[0];
    assert!(input.witness_utxo.is_some() && input.witness_script.is_some());
    let previous = input.non_witness_utxo.as_ref().unwrap();
    assert_eq!(
        previous.compute_txid(),
        psbt.unsigned_tx.input[0].previous_output.txid
    );
    assert_eq!(input.bip32_derivation.len(), 3);
    for (_, path) in input.bip32_derivation.values() {
        assert_eq!(path.len(), 6);
    }
    let change = proposal
        .outputs()
        .iter()
        .position(|output| output.ours.is_some())
        .unwrap();
    assert_eq!(proposal.outputs()[change].ours, Some((Keychain::Change, 0)));
    assert_eq!(psbt.outputs[change].bip32_derivation.len(), 3);
    assert!(psbt.outputs[1 - change].bip32_derivation.is_empty());
    assert_eq!(
        psbt.unsigned_tx.input[0].sequence,
        Sequence::ENABLE_RBF_NO_LOCKTIME
    );
}

#[test]
fn t23_the_lock_time_is_the_tip_or_a_little_earlier() {
    let world = World::new("2-of-3", &[100_000]);
    let recipients = [pay(50_000)];
    let mut earlier = 0;
    for seed in 0..=255u8 {
        for more in 0..4u8 {
            let mut entropy = [seed; 32];
            entropy[0] = more;
            let request = Request {
                tip: 500,
                entropy,
                ..world.request(&recipients, 2)
            };
            let lock = propose(&world.vault, &request)
                .unwrap()
                .transaction()
                .lock_time;
            let absolute::LockTime::Blocks(height) = lock else {
                panic!("{lock}")
            };
            assert!((401..=500).contains(&height.to_consensus_u32()));
            earlier += u32::from(height.to_consensus_u32() < 500);
        }
    }
    assert!(
        (60..160).contains(&earlier),
        "one in ten of 1,024, found {earlier}"
    );
}

#[test]
fn t24_a_recovery_path_sets_the_sequence_and_a_late_path_the_lock_time() {
    let world = World::new("2-of-3-recovery", &[100_000]);
    let recipients = [pay(50_000)];
    let request = Request {
        path: 1,
        ..world.request(&recipients, 2)
    };
    let proposal = propose(&world.vault, &request).unwrap();
    assert_eq!(
        proposal.transaction().input[0].sequence.to_consensus_u32(),
        52_560
    );
    assert_eq!(proposal.transaction().version.0, 2);
    let findings = review(&world.vault, &proposal, None).findings;
    assert!(
        findings.contains(&Finding::Recovery { path: 1 }),
        "{findings:?}"
    );
    let error = propose(
        &world.vault,
        &Request {
            path: 2,
            ..world.request(&recipients, 2)
        },
    )
    .unwrap_err();
    assert_eq!(error, SpendError::NoSuchPath { path: 3, count: 2 });
}

#[test]
fn not_enough_says_the_numbers() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let error = world.spend(110_000).unwrap_err();
    let SpendError::NotEnough { shortage } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (shortage.wanted.to_sat(), shortage.available.to_sat()),
        (110_000, 110_000)
    );
    assert!(shortage.fee.to_sat() > 0);
    let none = World::new("2-of-3", &[]);
    assert!(matches!(
        none.spend(1_000),
        Err(SpendError::NotEnough { .. })
    ));
    let huge = [
        pay(Amount::MAX_MONEY.to_sat()),
        pay(Amount::MAX_MONEY.to_sat()),
    ];
    let error = propose(&world.vault, &world.request(&huge, 2)).unwrap_err();
    assert!(matches!(error, SpendError::NotEnough { .. }));
}

#[test]
fn dust_is_refused_with_the_least_amount() {
    let world = World::new("2-of-3", &[60_000]);
    let error = world.spend(329).unwrap_err();
    assert!(
        matches!(error, SpendError::Dust { minimum, .. } if minimum.to_sat() == 330),
        "{error}"
    );
    let all = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let poor = World::new("2-of-3", &[600]);
    let error = propose(&poor.vault, &poor.request(&all, 2)).unwrap_err();
    assert!(matches!(error, SpendError::Dust { .. }), "{error}");
}

#[test]
fn t22_an_absurd_fee_needs_an_explicit_word() {
    let world = World::new("2-of-3", &[900_000]);
    let recipients = [pay(1_000)];
    let error = propose(&world.vault, &world.request(&recipients, 5)).unwrap_err();
    assert!(
        matches!(error, SpendError::Fee(FeeRefusal::Share { .. })),
        "{error}"
    );
    let recipients = [pay(400_000)];
    let error = propose(&world.vault, &world.request(&recipients, 1_001)).unwrap_err();
    assert!(
        matches!(error, SpendError::Fee(FeeRefusal::Rate { .. })),
        "{error}"
    );
    let mut request = world.request(&recipients, 1_001);
    request.limits.allow_high = true;
    propose(&world.vault, &request).unwrap();
}

#[test]
fn t36_money_that_nobody_could_spend_is_refused() {
    let world = World::new("2-of-3", &[60_000]);
    let program = |version, bytes: &[u8]| {
        let version = WitnessVersion::try_from(version).unwrap();
        Address::from_witness_program(
            WitnessProgram::new(version, bytes).unwrap(),
            Network::Regtest,
        )
    };
    let zeros = ScriptBuf::new_p2pkh(&bitcoin::PubkeyHash::from_raw_hash(
        bitcoin::hashes::Hash::all_zeros(),
    ));
    let burners = [
        program(2u8, &[1; 32]),
        program(16, &[1; 2]),
        program(1, &[0x4e, 0x73]),
        program(0, &[0; 20]),
        program(0, &[0; 32]),
        Address::from_script(&zeros, Network::Regtest).unwrap(),
    ];
    for address in burners {
        let recipients = [Recipient {
            address: address.clone(),
            send: Send::Exactly(Amount::from_sat(10_000)),
        }];
        let error = propose(&world.vault, &world.request(&recipients, 2)).unwrap_err();
        assert!(
            matches!(error, SpendError::Burn { .. }),
            "{address}: {error}"
        );
    }
}

fn tampered(change: impl FnOnce(&mut Psbt)) -> Result<Proposal, PinError> {
    let world = World::new("2-of-3", &[100_000, 90_000]);
    let proposal = world.spend(150_000).unwrap();
    let mut psbt = proposal.psbt().clone();
    change(&mut psbt);
    Proposal::check(&world.vault, psbt)
}

fn change_output(psbt: &Psbt) -> usize {
    psbt.outputs
        .iter()
        .position(|output| !output.bip32_derivation.is_empty())
        .unwrap()
}

#[test]
fn t08_fake_change_is_refused() {
    // The attacker's script with our derivation.
    let error = tampered(|psbt| {
        let change = change_output(psbt);
        psbt.unsigned_tx.output[change].script_pubkey = stranger(9).script_pubkey();
    });
    assert!(
        matches!(error, Err(PinError::FakeChange { .. })),
        "{error:?}"
    );
    // Our script at another index than it says.
    let error = tampered(|psbt| {
        let change = change_output(psbt);
        for (_, path) in psbt.outputs[change].bip32_derivation.values_mut() {
            *path = path.to_string().replace("1/0", "1/1").parse().unwrap();
        }
    });
    assert!(
        matches!(error, Err(PinError::FakeChange { .. })),
        "{error:?}"
    );
    // A vault of the same keys with threshold 1.
    let error = tampered(|psbt| {
        let change = change_output(psbt);
        let script = psbt.outputs[change].witness_script.clone().unwrap();
        let mut bytes = script.to_bytes();
        bytes[0] = 0x51;
        let weak = ScriptBuf::from_bytes(bytes);
        psbt.unsigned_tx.output[change].script_pubkey = weak.to_p2wsh();
        psbt.outputs[change].witness_script = Some(weak);
    });
    assert!(
        matches!(error, Err(PinError::FakeChange { .. })),
        "{error:?}"
    );
    // Without metadata it is simply a payment to a stranger.
    let plain = tampered(|psbt| {
        let change = change_output(psbt);
        psbt.outputs[change] = bitcoin::psbt::Output::default();
    });
    assert!(
        plain
            .unwrap()
            .outputs()
            .iter()
            .all(|output| output.ours.is_none())
    );
}

#[test]
fn t09_distant_change_is_pointed_out() {
    let world = World::new("2-of-3", &[100_000]);
    let recipients = [pay(50_000)];
    for (index, distant) in [(200, false), (201, true), (0x7fff_ffff, true)] {
        let request = Request {
            change_index: index,
            ..world.request(&recipients, 2)
        };
        let proposal = propose(&world.vault, &request).unwrap();
        let findings = review(&world.vault, &proposal, None).findings;
        let found = findings
            .iter()
            .any(|finding| matches!(finding, Finding::Distant { .. }));
        assert_eq!(found, distant, "{index}");
    }
}

/// The index counts from what is in use: from what the caller knows, and from the coins spent.
#[test]
fn t09_the_gap_counts_from_what_is_in_use() {
    let world = World::new("2-of-3", &[100_000]);
    let recipients = [pay(50_000)];
    let request = Request {
        change_index: 250,
        ..world.request(&recipients, 2)
    };
    let proposal = propose(&world.vault, &request).unwrap();
    for (used, distant) in [(None, true), (Some(49), true), (Some(50), false)] {
        let findings = review(&world.vault, &proposal, used).findings;
        let found = findings
            .iter()
            .any(|one| matches!(one, Finding::Distant { index: 250, .. }));
        assert_eq!(found, distant, "{used:?}");
    }
    // Money sent to a receive address of ours far ahead is as hard to find.
    for (index, distant) in [(200, false), (201, true)] {
        let ours = world.vault.derive(Keychain::Receive, index).unwrap();
        let to = Recipient {
            address: ours.address(Network::Regtest),
            send: Send::Exactly(Amount::from_sat(50_000)),
        };
        let request_to = [to];
        let mut psbt = propose(&world.vault, &world.request(&request_to, 2))
            .unwrap()
            .psbt()
            .clone();
        let place = psbt
            .unsigned_tx
            .output
            .iter()
            .position(|output| output.script_pubkey == ours.script_pubkey)
            .unwrap();
        // What the file says of the place is a hint, and only our derivation counts.
        psbt.outputs[place].bip32_derivation = ours
            .keys
            .iter()
            .map(|key| (key.public_key.inner, (key.fingerprint, key.path.clone())))
            .collect();
        let proposal = Proposal::check(&world.vault, psbt).unwrap();
        let findings = review(&world.vault, &proposal, None).findings;
        let found = findings
            .iter()
            .any(|one| matches!(one, Finding::Distant { .. }));
        assert_eq!(found, distant, "{index}: {findings:?}");
    }
}

/// Our keys, but on a branch that the vault doesn't have: nobody would look there for the money.
#[test]
fn t09_change_on_another_branch_is_no_change() {
    let world = World::new("2-of-3", &[100_000]);
    let text = world.vault.descriptor().split('#').next().unwrap();
    let text = text.replace("<0;1>", "<0;7>");
    let elsewhere = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
    let hidden = elsewhere.derive(Keychain::Change, 0).unwrap();
    let mut psbt = world.spend(50_000).unwrap().psbt().clone();
    let place = psbt
        .outputs
        .iter()
        .position(|output| !output.bip32_derivation.is_empty())
        .unwrap();
    psbt.unsigned_tx.output[place].script_pubkey = hidden.script_pubkey.clone();
    psbt.outputs[place].witness_script = hidden.witness_script.clone();
    psbt.outputs[place].bip32_derivation = hidden
        .keys
        .iter()
        .map(|key| (key.public_key.inner, (key.fingerprint, key.path.clone())))
        .collect();
    // Claimed to be ours, it is refused; without the claim it is shown as a payment.
    let claimed = Proposal::check(&world.vault, psbt.clone());
    assert!(
        matches!(claimed, Err(PinError::FakeChange { .. })),
        "{claimed:?}"
    );
    psbt.outputs[place] = Default::default();
    let proposal = Proposal::check(&world.vault, psbt).unwrap();
    let seen = review(&world.vault, &proposal, None);
    assert!(seen.change.is_empty());
    assert_eq!(seen.recipients.len(), 2);
}

#[test]
fn t10_amount_lies_are_refused() {
    let error =
        tampered(|psbt| psbt.inputs[0].witness_utxo.as_mut().unwrap().value += Amount::from_sat(5));
    assert!(
        matches!(error, Err(PinError::PreviousTransaction { input: 0, .. })),
        "{error:?}"
    );
    let error = tampered(|psbt| psbt.inputs[1].non_witness_utxo = None);
    assert_eq!(
        error.unwrap_err(),
        PinError::NoPreviousTransaction { input: 1 }
    );
    let error = tampered(|psbt| {
        psbt.inputs[0].non_witness_utxo.as_mut().unwrap().output[1].value += Amount::from_sat(5);
    });
    assert!(
        matches!(error, Err(PinError::PreviousTransaction { input: 0, .. })),
        "{error:?}"
    );
    let error = tampered(|psbt| {
        let other = psbt.inputs[1].non_witness_utxo.clone();
        psbt.inputs[0].non_witness_utxo = other;
    });
    assert!(
        matches!(error, Err(PinError::PreviousTransaction { input: 0, .. })),
        "{error:?}"
    );
}

#[test]
fn a_request_of_another_vault_is_refused() {
    let world = World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    let other = common::vault("3-of-5");
    let error = Proposal::check(&other, proposal.psbt().clone()).unwrap_err();
    assert!(
        matches!(error, PinError::NotOurCoin { input: 0, .. }),
        "{error}"
    );
    let error = tampered(|psbt| psbt.unsigned_tx.input[1] = psbt.unsigned_tx.input[0].clone());
    assert_eq!(error.unwrap_err(), PinError::DuplicateInput { input: 1 });
    let error = tampered(|psbt| psbt.unsigned_tx.output[0].value = Amount::from_sat(200_000));
    assert_eq!(error.unwrap_err(), PinError::Overspent);
}

#[test]
fn the_words_change_with_the_transaction() {
    let world = World::new("2-of-3", &[100_000]);
    let one = review(&world.vault, &world.spend(50_000).unwrap(), None).words;
    let again = review(&world.vault, &world.spend(50_000).unwrap(), None).words;
    let other = review(&world.vault, &world.spend(50_001).unwrap(), None).words;
    assert_eq!(one, again);
    assert_ne!(one, other);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the coins and the wish: money is conserved, the fee holds the rate, change isn't
    /// dust, and a refusal for lack of money is true.
    #[test]
    fn selection_conserves_money(
        values in prop::collection::vec(600u64..2_000_000, 1..30),
        share in 1u64..100,
        sat_vb in 1u64..60,
        entropy: [u8; 32],
    ) {
        let world = World::new("2-of-3", &values);
        let total: u64 = values.iter().sum();
        let wanted = (total * share / 100).max(330);
        let recipients = [pay(wanted)];
        let mut request = Request { entropy, ..world.request(&recipients, sat_vb) };
        request.limits.allow_high = true;
        match propose(&world.vault, &request) {
            Ok(proposal) => {
                let spent: u64 = proposal.inputs().iter().map(|input| input.prevout.value.to_sat()).sum();
                let paid: u64 = proposal.outputs().iter().map(|output| output.txout.value.to_sat()).sum();
                prop_assert_eq!(spent, paid + proposal.fee().to_sat());
                let review = review(&world.vault, &proposal, None);
                prop_assert!(proposal.fee() >= request.fee_rate.fee_vb(review.weight.to_vbytes_ceil()).unwrap());
                prop_assert!(review.change.iter().all(|change| change.amount.to_sat() >= 330));
                prop_assert_eq!(review.recipients[0].amount.to_sat(), wanted);
            }
            Err(SpendError::NotEnough { .. }) => {
                // Even all coins that are worth their own fee can't pay for it.
                let input_fee = sat_vb * 105;
                let useful: u64 = values.iter().map(|value| value.saturating_sub(input_fee)).sum();
                prop_assert!(useful < wanted + sat_vb * 54, "{useful} {wanted}");
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
