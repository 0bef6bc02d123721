//! What a review computes, to the satoshi and the weight unit, and what a request may claim.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::bip32::DerivationPath;
use bitcoin::psbt::PsbtSighashType;
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use bitcoin::{
    Address, Amount, EcdsaSighashType, FeeRate, Network, Psbt, ScriptBuf, TapSighashType, Txid,
    Weight, consensus, transaction,
};
use common::world::{World, kept, pay, stranger};
use common::{vault, vault_as};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{PinError, Proposal, Sighashes, SignatureSet, SignedInputs};
use quorate_core::psbt::finalize;
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{
    Acquaintance, FeeLimits, FeeRefusal, Finding, Knowledge, KnownOutput, Recipient, Request, Send,
    SpendError, propose, review, review_knowing,
};
use quorate_core::vault::Vault;

fn world(script: ScriptType) -> World {
    World::of(vault_as("2-of-3", script), &[60_000, 50_000])
}

fn signed_by_two(world: &World, proposal: &Proposal) -> SignatureSet {
    let mut set = SignatureSet::new();
    for cosigner in 0..2 {
        set.extend(kept(
            &world.admit(proposal, &world.sign(proposal, cosigner)),
        ));
    }
    set
}

/// The id of a transaction is what everybody will look for.
#[test]
fn the_id_is_the_final_transactions_where_it_can_be_known() {
    for script in ScriptType::ALL {
        let world = world(script);
        let proposal = world.spend_all_coins();
        let transaction = finalize(&proposal, &signed_by_two(&world, &proposal)).unwrap();
        let unsigned: Txid = proposal.transaction().compute_txid();
        let last = transaction.compute_txid();
        let known = (script != ScriptType::Sh).then_some(last);
        assert_eq!(proposal.final_txid(), known, "{script:?}");
        assert_eq!(proposal.txid(), known.unwrap_or(unsigned), "{script:?}");
        let told = review(&world.vault, &proposal, None).findings;
        let told = told.contains(&Finding::IdUnknown);
        assert_eq!(told, known.is_none(), "{script:?}");
    }
}

/// Never more than promised, and in segwit no more than a signature's length above what it is.
#[test]
fn the_weight_is_the_worst_case_of_the_final_transaction() {
    for script in ScriptType::ALL {
        let world = world(script);
        let proposal = world.spend_all_coins();
        let transaction = finalize(&proposal, &signed_by_two(&world, &proposal)).unwrap();
        let seen = review(&world.vault, &proposal, None);
        let signatures = 2 * 2;
        let (most, least) = match script {
            // A signature of 71 or 72 bytes, in the base of the transaction for P2SH.
            ScriptType::Sh => (signatures * 4 * 3, 0),
            ScriptType::Wsh | ScriptType::ShWsh => (signatures * 3, 0),
            // No chance in it, but a byte for another sighash type.
            ScriptType::Tr => (signatures, signatures),
        };
        let over = seen.weight.to_wu() - transaction.weight().to_wu();
        assert!((least..=most).contains(&over), "{script:?}: {over}");
        let rate = seen.fee.to_sat() * 1000;
        let rate = rate.div_ceil(seen.weight.to_wu());
        assert_eq!(seen.fee_rate, FeeRate::from_sat_per_kwu(rate));
    }
}

#[test]
fn t22_what_leaves_is_what_the_fee_is_measured_by() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let seen = |recipients: &[Recipient]| {
        let request = world.request(recipients, 5);
        review(
            &world.vault,
            &propose(&world.vault, &request).unwrap(),
            None,
        )
    };
    let away = seen(&[pay(20_000)]);
    assert_eq!(away.sent(), Amount::from_sat(20_000));
    assert_eq!(away.fee_basis(), away.sent());
    assert!(!away.findings.contains(&Finding::StaysInside));
    let ours = world.vault.derive(Keychain::Receive, 9).unwrap();
    let home = Recipient {
        address: ours.address(Network::Regtest),
        send: Send::Exactly(Amount::from_sat(20_000)),
    };
    // Without a derivation in the file a payment to ourselves is one to somebody.
    let mut psbt = propose(&world.vault, &world.request(&[home], 5))
        .unwrap()
        .psbt()
        .clone();
    let place = psbt
        .unsigned_tx
        .output
        .iter()
        .position(|output| output.script_pubkey == ours.script_pubkey)
        .unwrap();
    psbt.outputs[place].bip32_derivation = ours
        .keys
        .iter()
        .map(|key| (key.public_key.inner, (key.fingerprint, key.path.clone())))
        .collect();
    let proposal = Proposal::check(&world.vault, psbt).unwrap();
    let inside = review(&world.vault, &proposal, None);
    assert_eq!(inside.sent(), Amount::ZERO);
    assert_eq!(inside.fee_basis(), inside.spent - inside.fee);
    assert!(inside.findings.contains(&Finding::StaysInside));
    let limits = FeeLimits::default();
    assert_eq!(away.check_fee(&limits), Ok(()));
    let low = FeeLimits {
        max_percent: 1,
        ..limits
    };
    assert!(matches!(
        away.check_fee(&low),
        Err(FeeRefusal::Share { .. })
    ));
    assert_eq!(
        inside.check_fee(&low).is_ok(),
        inside.fee.to_sat() * 100 <= inside.fee_basis().to_sat()
    );
}

#[test]
fn t22_exactly_the_share_allowed_is_allowed() {
    let limits = FeeLimits::default();
    let weight = Weight::from_wu(400_000);
    let check = |fee| limits.check(Amount::from_sat(fee), weight, Amount::from_sat(1_000));
    assert_eq!(check(100), Ok(()));
    assert!(check(101).is_err());
    // The rate: one satoshi of rounding is let through, two aren't.
    let rate = |fee| limits.check(Amount::from_sat(fee), Weight::from_wu(400), Amount::ONE_BTC);
    assert_eq!(rate(100_001), Ok(()));
    assert!(matches!(
        rate(100_002),
        Err(FeeRefusal::Rate {
            rate: 1_001,
            limit: 1_000
        })
    ));
}

#[test]
fn t36_burnt_money_is_found_and_a_mere_note_is_none() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    for (sats, burnt) in [(0, false), (1, true), (1_000, true)] {
        let mut psbt = world.spend(50_000).unwrap().psbt().clone();
        let place = psbt
            .unsigned_tx
            .output
            .iter()
            .position(|output| output.value == Amount::from_sat(50_000))
            .unwrap();
        psbt.unsigned_tx.output[place].script_pubkey = ScriptBuf::new_op_return([7; 4]);
        psbt.unsigned_tx.output[place].value = Amount::from_sat(sats);
        let proposal = Proposal::check(&world.vault, psbt).unwrap();
        let seen = review(&world.vault, &proposal, None);
        let refusal = seen.check_burn().err();
        let found = refusal.map(|refusal| (refusal.output, refusal.amount.to_sat()));
        assert_eq!(found, burnt.then_some((place, sats)));
        let told = seen.findings.contains(&Finding::Burn { output: place });
        assert_eq!(told, burnt);
    }
    // A payment is no burn.
    let seen = review(&world.vault, &world.spend(50_000).unwrap(), None);
    assert_eq!(seen.check_burn(), Ok(()));
}

/// Two addresses that differ in their middle alone, both valid: the second is the first with a multiple of
/// the checksum's generator added.
const ALIKE: [&str; 2] = [
    "bcrt1qkfzg882asgpmmf07n4k4yxqmc3p73x2mtl0ledhkncxhqnsaagrsl0ay0t",
    "bcrt1qkfzg882asgp6xlmtw8k4yxqmc3p73x2mtl0ledhkncxhqnsaagrsl0ay0t",
];

fn known(address: &str) -> Address {
    let address: Address<bitcoin::address::NetworkUnchecked> = address.parse().unwrap();
    address.assume_checked()
}

fn pay_to(address: &Address, sats: u64) -> Recipient {
    Recipient {
        address: address.clone(),
        send: Send::Exactly(Amount::from_sat(sats)),
    }
}

#[test]
fn t30_two_outputs_that_look_alike_are_told_of_both() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let alike = ALIKE.map(known);
    let recipients = [
        pay_to(&alike[0], 9_000),
        pay_to(&alike[1], 8_000),
        pay(7_000),
    ];
    let proposal = propose(&world.vault, &world.request(&recipients, 2)).unwrap();
    let seen = review(&world.vault, &proposal, None);
    for payment in &seen.recipients {
        let other = match &payment.address {
            Some(address) if *address == alike[0] => Some(&alike[1]),
            Some(address) if *address == alike[1] => Some(&alike[0]),
            _ => None,
        };
        let expected = other.map(|other| (other.clone(), Acquaintance::Beside));
        assert_eq!(payment.like, expected);
        let told = seen.findings.iter().any(|finding| match finding {
            Finding::LookAlike { output, known, .. } => {
                *output == payment.output && Some(known) == other
            }
            _ => false,
        });
        assert_eq!(told, other.is_some());
    }
    // One address twice is one address.
    let recipients = [pay_to(&alike[0], 9_000), pay_to(&alike[0], 8_000)];
    let proposal = propose(&world.vault, &world.request(&recipients, 2)).unwrap();
    let seen = review(&world.vault, &proposal, None);
    assert!(seen.recipients.iter().all(|payment| payment.like.is_none()));
}

/// What a home knows makes a finding of a stranger's address, and none of ours.
#[test]
fn t30_only_strangers_are_mistaken_or_paid_for_the_first_time() {
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend(20_000).unwrap();
    let place = proposal
        .outputs()
        .iter()
        .position(|output| output.ours.is_none())
        .unwrap();
    let like = Some((known(ALIKE[0]), Acquaintance::Paid));
    for (ours, vault, paid_before, first) in [
        (None, None, false, true),
        (None, None, true, false),
        (Some((Keychain::Receive, 3)), None, false, false),
        (None, Some("savings".to_owned()), false, false),
    ] {
        let stranger = ours.is_none() && vault.is_none();
        let output = KnownOutput {
            ours,
            vault,
            paid_before,
            like: like.clone(),
        };
        let knowledge = Knowledge {
            outputs: [(place, output)].into(),
            ..Knowledge::default()
        };
        let findings = review_knowing(&world.vault, &proposal, &knowledge).findings;
        let looks = Finding::LookAlike {
            output: place,
            known: known(ALIKE[0]),
            because: Acquaintance::Paid,
        };
        assert_eq!(findings.contains(&looks), stranger, "{findings:?}");
        let told = findings.contains(&Finding::FirstPayment { output: place });
        assert_eq!(told, first, "{findings:?}");
    }
}

/// A coin on one keychain says nothing about the other.
#[test]
fn t09_what_is_in_use_is_counted_for_each_keychain() {
    let world = World::new("2-of-3", &[20_000; 302]);
    let recipients = [pay(1_000)];
    for (coin, index, distant) in [(301, 201, true), (301, 200, false), (0, 201, true)] {
        let request = Request {
            coins: &world.coins[coin..=coin],
            change_index: index,
            ..world.request(&recipients, 1)
        };
        let mut request = request;
        request.limits.allow_high = true;
        let proposal = propose(&world.vault, &request).unwrap();
        let findings = review(&world.vault, &proposal, None).findings;
        let found = findings
            .iter()
            .any(|one| matches!(one, Finding::Distant { .. }));
        assert_eq!(found, distant, "{coin} {index}: {findings:?}");
    }
}

/// Written down from the BIP-0039 list and the hash by hand: 11 bits a word, the first bits first.
#[test]
fn the_eight_words_are_the_first_88_bits_of_the_hash() {
    use bitcoin::hashes::{Hash, HashEngine, sha256};
    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let tag = sha256::Hash::hash(b"Quorate/words");
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    engine.input(world.vault.id().as_bytes());
    engine.input(&consensus::serialize(proposal.transaction()));
    let hash = sha256::Hash::from_engine(engine).to_byte_array();
    let bits: String = hash.iter().map(|byte| format!("{byte:08b}")).collect();
    let list = bip39::Language::English.word_list();
    let expected: Vec<&str> = (0..8)
        .map(|at| list[usize::from_str_radix(&bits[at * 11..at * 11 + 11], 2).unwrap()])
        .collect();
    assert_eq!(
        review(&world.vault, &proposal, None).words.to_vec(),
        expected
    );
}

#[test]
fn t11_requests_ask_for_signatures_of_the_whole_transaction() {
    let [all, default]: [PsbtSighashType; 2] =
        [EcdsaSighashType::All.into(), TapSighashType::Default.into()];
    for script in ScriptType::ALL {
        let world = world(script);
        let request = world.spend_all_coins().psbt().clone();
        for (asked, taken) in [
            (None, true),
            (Some(all), true),
            (Some(default), script == ScriptType::Tr),
            (Some(EcdsaSighashType::None.into()), false),
            (Some(PsbtSighashType::from_u32(0x81)), false),
        ] {
            let mut psbt = request.clone();
            psbt.inputs[1].sighash_type = asked;
            let found = Proposal::check(&world.vault, psbt);
            assert_eq!(found.is_ok(), taken, "{script:?} {asked:?}");
            if let Err(error) = found {
                assert!(
                    matches!(error, PinError::Sighash { input: 1, .. }),
                    "{error}"
                );
            }
        }
    }
}

/// The tree that a taproot output commits to (BIP-0341), by its definition.
#[test]
fn the_merkle_root_is_the_one_the_output_commits_to() {
    use bitcoin::key::TapTweak;
    let world = world(ScriptType::Tr);
    let proposal = world.spend_all_coins();
    let sighashes = Sighashes::new(&proposal);
    for (place, input) in proposal.inputs().iter().enumerate() {
        let root = sighashes.merkle_root(place);
        assert!(root.is_some());
        let internal = input.derived.taproot.as_ref().unwrap().internal_key;
        let (output, _) = internal.tap_tweak(&bitcoin::secp256k1::Secp256k1::new(), root);
        let script = ScriptBuf::new_p2tr_tweaked(output);
        assert_eq!(input.prevout.script_pubkey, script);
    }
    assert_eq!(sighashes.merkle_root(proposal.inputs().len()), None);
}

/// A locked path's keys are nobody's to ask as long as the transaction doesn't carry the lock.
#[test]
fn only_those_whose_signature_counts_are_able() {
    let world = World::new("inheritance", &[60_000]);
    let able = |path: usize| {
        let recipients = [Recipient {
            address: stranger(1),
            send: Send::All,
        }];
        let request = Request {
            path,
            ..world.request(&recipients, 2)
        };
        let proposal = propose(&world.vault, &request).unwrap();
        SignedInputs::of(&proposal, &SignatureSet::new()).able
    };
    assert_eq!(able(0), [0, 1].into());
    assert_eq!(able(1), [0, 1, 2, 3].into());
}

/// Where it says that the money goes is a hint, and several are tried.
#[test]
fn t08_one_wrong_derivation_among_several_does_not_hide_our_change() {
    let world = World::new("2-of-3", &[100_000]);
    let request: Psbt = world.spend(50_000).unwrap().psbt().clone();
    let place = request
        .outputs
        .iter()
        .position(|output| !output.bip32_derivation.is_empty())
        .unwrap();
    for wrong in 0..3 {
        let mut psbt = request.clone();
        let source = psbt.outputs[place].bip32_derivation.values_mut().nth(wrong);
        let path = &mut source.unwrap().1;
        *path = format!("{}/77", path.to_string().rsplit_once('/').unwrap().0)
            .parse()
            .unwrap();
        let proposal = Proposal::check(&world.vault, psbt).unwrap();
        assert!(proposal.outputs()[place].ours.is_some(), "{wrong}");
    }
}

/// The most places looked at are counted over inputs and outputs together: what one input wastes
/// doesn't hide the change.
#[test]
fn t18_wasted_hints_of_an_input_leave_enough_for_the_change() {
    let world = World::new("2-of-3", &[100_000]);
    let recipients = [pay(50_000)];
    let request = Request {
        change_index: 5,
        ..world.request(&recipients, 2)
    };
    let mut psbt = propose(&world.vault, &request).unwrap().psbt().clone();
    let fields = &mut psbt.inputs[0].bip32_derivation;
    let (fingerprint, path) = fields.values().next().unwrap().clone();
    let (branch, index) = branch_and_index(&path);
    fields.clear();
    // Numbers of a chain that the vault hasn't: each is tried on both keychains, the right one last.
    let secp = Secp256k1::new();
    let mut keys: Vec<_> = (1..=8u8)
        .map(|at| PublicKey::from_secret_key(&secp, &SecretKey::from_slice(&[at; 32]).unwrap()))
        .collect();
    keys.sort();
    for (key, wasted) in keys.into_iter().zip((50..57).chain([index])) {
        let path = format!("{}/9/{wasted}", branch.rsplit_once('/').unwrap().0);
        fields.insert(key, (fingerprint, path.parse().unwrap()));
    }
    let place = psbt
        .outputs
        .iter()
        .position(|output| !output.bip32_derivation.is_empty())
        .unwrap();
    psbt.outputs = vec![psbt.outputs[place].clone()];
    psbt.unsigned_tx.output = vec![psbt.unsigned_tx.output[place].clone()];
    for ((_, path), wrong) in psbt.outputs[0].bip32_derivation.values_mut().zip([70, 71]) {
        let (branch, _) = branch_and_index(path);
        *path = format!("{branch}/{wrong}").parse().unwrap();
    }
    let proposal = Proposal::check(&world.vault, psbt).unwrap();
    assert!(
        proposal
            .outputs()
            .iter()
            .any(|output| output.ours.is_some())
    );
}

fn branch_and_index(path: &DerivationPath) -> (String, u32) {
    let text = path.to_string();
    let (branch, index) = text.rsplit_once('/').unwrap();
    (branch.to_owned(), index.parse().unwrap())
}

/// Nodes relay versions 1 to 3; nobody should sign what can't be sent.
#[test]
fn a_transaction_version_that_nodes_do_not_relay_is_refused() {
    let world = World::new("2-of-3", &[100_000]);
    let request: Psbt = world.spend(50_000).unwrap().psbt().clone();
    for (version, taken) in [
        (-1, false),
        (0, false),
        (1, true),
        (2, true),
        (3, true),
        (4, false),
    ] {
        let mut psbt = request.clone();
        psbt.unsigned_tx.version = transaction::Version(version);
        match Proposal::check(&world.vault, psbt) {
            Ok(_) => assert!(taken, "{version}"),
            Err(error) => assert_eq!((error, taken), (PinError::NotRelayed(version), false)),
        }
    }
}

/// A source that lies about amounts gets a refusal for it, not a panic.
#[test]
fn t29_coins_worth_more_than_there_is_are_refused() {
    let all = Amount::MAX_MONEY.to_sat();
    assert!(World::new("2-of-3", &[all - 1, 1]).spend(50_000).is_ok());
    for values in [[all, 1], [u64::MAX - 5, u64::MAX - 6]] {
        let found = World::new("2-of-3", &values).spend(50_000).unwrap_err();
        assert!(matches!(found, SpendError::ImpossibleCoins), "{found}");
    }
}

#[test]
fn t36_dust_is_told_from_the_smallest_amount_that_nodes_take() {
    let world = World::new("2-of-3", &[60_000]);
    let taproot = vault("2-of-3");
    let taproot = Vault::from_descriptor(
        Network::Regtest,
        &taproot.descriptor().split('#').next().unwrap().replace(
            "wsh(sortedmulti(2,",
            "tr(50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0,multi_a(2,",
        ),
        None,
    );
    let taproot: Address = taproot
        .unwrap()
        .derive(Keychain::Receive, 0)
        .unwrap()
        .address(Network::Regtest);
    for address in [stranger(1), taproot] {
        let smallest = address.script_pubkey().minimal_non_dust();
        for (amount, taken) in [(smallest, true), (smallest - Amount::ONE_SAT, false)] {
            let recipients = [Recipient {
                address: address.clone(),
                send: Send::Exactly(amount),
            }];
            let mut request = world.request(&recipients, 2);
            request.limits.allow_high = true;
            let found = propose(&world.vault, &request);
            assert_eq!(found.is_ok(), taken, "{address} {amount}");
            if let Err(error) = found {
                assert!(matches!(error, SpendError::Dust { .. }), "{error}");
            }
        }
    }
}
