//! Spends at the edge of what nodes relay and devices handle, and rates nobody meant.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::{Amount, FeeRate, Network, ScriptBuf, Weight};
use common::world::{World, foreign, pay, stranger};
use quorate_core::psbt::MAX_BYTES;
use quorate_core::spend::{FeeLimits, Recipient, Request, Send, SpendError, propose};
use quorate_core::vault::Vault;

/// The limit is a rate that may be paid, and nodes count whole virtual bytes.
#[test]
fn t22_the_highest_rate_allowed_is_allowed_for_every_weight() {
    let limits = FeeLimits::default();
    for weight in 400..404 {
        let weight = Weight::from_wu(weight);
        let fee = Amount::from_sat(1_000 * weight.to_vbytes_ceil());
        assert_eq!(
            limits.check(fee, weight, Amount::ONE_BTC),
            Ok(()),
            "{weight}"
        );
    }
    let world = World::new("2-of-3", &[1_000_000_000]);
    let recipients = [pay(500_000_000)];
    let request = Request {
        fee_rate: FeeRate::from_sat_per_vb(1_000).unwrap(),
        ..world.request(&recipients, 1)
    };
    propose(&world.vault, &request).unwrap();
}

/// Nodes relay up to 400,000 weight units; a heavier one would be found out when everybody has
/// signed, and its coins would be held by a transaction that can't go out.
#[test]
fn a_transaction_too_heavy_for_nodes_is_refused_before_anybody_signs() {
    let world = wide_world(&[100_000; 450]);
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let refused = propose(&world.vault, &world.request(&recipients, 2)).unwrap_err();
    assert!(matches!(refused, SpendError::TooHeavy { .. }), "{refused}");
}

/// A vault of 8 of 15 with these coins.
fn wide_world(values: &[u64]) -> World {
    let keys: Vec<String> = (1..=15)
        .map(|seed| common::key_text(Network::Regtest, seed, "48h/1h/0h/2h") + "/<0;1>/*")
        .collect();
    let text = format!("wsh(sortedmulti(8,{}))", keys.join(","));
    let vault = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
    World::of(vault, values)
}

/// What is proposed can be read again.
#[test]
fn more_recipients_than_files_may_have_outputs_are_refused() {
    let world = World::new("2-of-3", &[10_000_000_000]);
    let recipients = vec![pay(100_000); 600];
    let refused = propose(&world.vault, &world.request(&recipients, 1)).unwrap_err();
    assert_eq!(refused, SpendError::TooManyRecipients { recipients: 600 });
    let most = propose(&world.vault, &world.request(&recipients[..500], 1)).unwrap();
    foreign(most.psbt());
}

/// Coins out of an exchange's payouts carry hundreds of kilobytes each.
#[test]
fn t18_coins_from_very_large_transactions_are_refused_with_the_reason() {
    let mut world = World::new("2-of-3", &[100_000; 30]);
    for coin in &mut world.coins {
        let mut funding = world.previous.0.remove(&coin.outpoint.txid).unwrap();
        let other = funding.output[0].clone();
        funding.output.extend(vec![other; 10_000]);
        coin.outpoint.txid = funding.compute_txid();
        world.previous.0.insert(coin.outpoint.txid, funding);
    }
    let refused = world.spend(2_900_000).unwrap_err();
    assert!(matches!(refused, SpendError::TooLarge { .. }), "{refused}");
    foreign(world.spend(1_000_000).unwrap().psbt());
}

/// Whatever is typed, an answer.
#[test]
fn no_rate_and_no_amount_panics() {
    let world = World::new("2-of-3", &[100_000, 5_000, 2_100_000_000_000_000 - 105_000]);
    for rate in [0, 1, 249, 250, 1 << 20, 1 << 40, u64::MAX / 4, u64::MAX] {
        for value in [1_000, 50_000, 2_000_000_000_000_000, 2_100_000_000_000_000] {
            for limits in [
                FeeLimits::default(),
                FeeLimits {
                    allow_high: true,
                    ..FeeLimits::default()
                },
            ] {
                for all_coins in [false, true] {
                    let recipients = [pay(value)];
                    let request = Request {
                        fee_rate: FeeRate::from_sat_per_kwu(rate),
                        limits,
                        all_coins,
                        ..world.request(&recipients, 1)
                    };
                    let _ = propose(&world.vault, &request);
                }
            }
        }
    }
}

/// A vault of `k` of 15 keys on each of `paths` paths in leaves.
fn tall_world(paths: u32, values: &[u64]) -> World {
    let leaf = |path: u32| {
        let keys = (1..=15).map(|seed| {
            let (receive, change) = (2 * path, 2 * path + 1);
            common::key_text(Network::Regtest, seed, "48h/1h/0h/2h")
                + &format!("/<{receive};{change}>/*")
        });
        let keys: Vec<String> = keys.collect();
        let quorum = format!("multi_a({},{})", paths - path, keys.join(","));
        match path {
            0 => quorum,
            _ => format!("and_v(v:{quorum},older({path}))"),
        }
    };
    let tree = (0..paths)
        .map(leaf)
        .reduce(|tree, leaf| format!("{{{tree},{leaf}}}"));
    let nobody = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";
    let text = format!("tr({nobody},{})", tree.unwrap());
    let vault = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
    World::of(vault, values)
}

/// More keys, or more of anything costly, than readers take is told before anybody is asked to sign.
#[test]
fn t18_a_file_that_nobody_could_read_again_is_refused_with_the_reason() {
    let world = tall_world(3, &[100_000; 300]);
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let spend = |count: usize| {
        let request = Request {
            coins: &world.coins[..count],
            ..world.request(&recipients, 2)
        };
        propose(&world.vault, &request)
    };
    let refused = spend(275).unwrap_err();
    assert!(matches!(refused, SpendError::Unreadable(_)), "{refused}");
    foreign(spend(200).unwrap().psbt());
}

/// A file that is full before anybody signed can't be brought back.
#[test]
fn t18_there_is_room_for_the_signatures_in_every_file() {
    let mut world = World::new("2-of-3", &[100_000]);
    let bytes = world.spend(50_000).unwrap().psbt().serialize().len();
    let outpoint = world.coins[0].outpoint;
    let funding = world.previous.0.remove(&outpoint.txid).unwrap();
    let mut spend = |left: usize| {
        // Lengths of the script and of the transaction take 4 bytes more each than before.
        let mut padded = funding.clone();
        let padding = MAX_BYTES - bytes - 8 - left;
        padded.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51; padding]);
        world.coins[0].outpoint.txid = padded.compute_txid();
        world.previous.0.insert(padded.compute_txid(), padded);
        world.spend(50_000)
    };
    let refused = spend(2 * 108 - 10).unwrap_err();
    assert!(matches!(refused, SpendError::TooLarge { .. }), "{refused}");
    let proposal = spend(2 * 108 + 10).unwrap();
    let mut psbt = world.sign(&proposal, 0);
    world.sign_into(&mut psbt, &proposal, 2);
    assert!(psbt.serialize().len() > MAX_BYTES - 30);
    assert_eq!(world.admit(&proposal, &psbt).new.len(), 2);
}
