//! Sources that serve histories of scripts, one thing at a time.

use crate::home::{Home, first_vault, receive, script_of, second_vault};
use crate::world::{Lie, World, nobody};
use bitcoin::OutPoint;
use quorate_coordinator::sync::{Asked, SyncError, SyncProgress};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Birth, TxStatus};

/// A vault with three payments in blocks, one of them spent, and one that waits.
fn lived_in(world: &World) {
    let deposit = world.pay(receive(0), 50_000);
    world.pay(receive(3), 20_000);
    world.mine();
    let change = script_of(first_vault(), Keychain::Change, 0);
    let inputs = [OutPoint::new(deposit, 0)];
    world.announce(world.tx(&inputs, &[(nobody(), 20_000), (change, 29_000)]));
    world.mine();
    world.mine_empty(3);
    world.pay(receive(4), 7_000);
}

#[test]
fn a_ledger_by_scripts_is_the_ledger_by_blocks() {
    let world = World::by_script();
    lived_in(&world);
    let mut home = Home::new();
    let report = home.sync_and_check(&world);
    // Two blocks with something of ours, four transactions.
    assert_eq!((report.blocks, report.new_transactions), (2, 4));
    // The other way goes on from there, and back.
    for by_script in [false, true, false] {
        world.by_script.set(by_script);
        world.pay(receive(9), 1_000);
        world.mine();
        world.pay(receive(8), 2_000);
        home.sync_and_check(&world);
    }
}

#[test]
fn nothing_new_fetches_nothing() {
    let world = World::by_script();
    lived_in(&world);
    world.mine();
    let mut home = Home::new();
    home.sync_and_check(&world);
    let (histories, transactions) = (&world.histories_served, &world.transactions_served);
    let served = (histories.get(), transactions.get());
    world.mine_empty(5);
    home.sync_and_check(&world);
    assert_eq!((histories.get(), transactions.get()), served);
    // One more payment: one more history, one more transaction.
    world.pay(receive(11), 500);
    world.mine();
    home.sync_and_check(&world);
    assert_eq!(
        (histories.get(), transactions.get()),
        (served.0 + 1, served.1 + 1)
    );
}

#[test]
fn addresses_used_in_any_order_are_found() {
    // Each index is within reach only of a later payment's.
    for order in [[599, 400, 201], [201, 400, 599], [400, 599, 201]] {
        let world = World::by_script();
        for (n, index) in order.into_iter().enumerate() {
            world.pay(receive(index), 1_000 + n as u64);
            world.mine();
        }
        let mut home = Home::new();
        home.sync(&world).unwrap();
        assert_eq!(
            home.balance(&first_vault().0).coins,
            0,
            "beyond every look-ahead"
        );
        world.pay(receive(150), 9_000);
        home.sync_and_check(&world);
        assert_eq!(home.balance(&first_vault().0).coins, 4);
    }
}

#[test]
fn coins_that_blocks_missed_are_found_with_what_spends_them() {
    let world = World::new();
    let (mut home, far) = (Home::new(), 399);
    let missed = world.pay(receive(far), 30_000);
    world.mine();
    // Spends the missed coin, and pays an address that is known.
    let inputs = [OutPoint::new(missed, 0)];
    let spend = world.tx(&inputs, &[(receive(0), 10_000), (receive(far), 15_000)]);
    let spend = world.announce(spend);
    world.mine();
    home.sync(&world).unwrap();
    assert_eq!(home.status(&missed), TxStatus::NotSeen);
    world.pay(receive(199), 1_000);
    world.mine();
    home.sync(&world).unwrap();
    world.by_script.set(true);
    home.sync_and_check(&world);
    let coin = home.coin(inputs[0]).unwrap();
    assert_eq!(coin.spent.unwrap().by, spend);
}

#[test]
fn a_vault_imported_later_catches_up_by_scripts() {
    let world = World::by_script();
    lived_in(&world);
    let mut home = Home::new();
    home.sync_and_check(&world);
    world.pay(script_of(second_vault(), Keychain::Receive, 1), 4_000);
    world.mine();
    home.add(&second_vault().0, Birth::Height(0));
    home.sync_and_check(&world);
    assert_eq!(home.balance(&second_vault().0).confirmed.to_sat(), 4_000);
}

#[test]
fn t28_mined_again_at_the_same_height_is_noticed() {
    let world = World::by_script();
    let deposit = world.pay(receive(0), 10_000);
    world.mine();
    let mut home = Home::new();
    home.sync_and_check(&world);
    let before = home.status(&deposit);
    // The history of the script is the same to the letter.
    world.disconnect(1);
    world.mine();
    home.sync_and_check(&world);
    assert_ne!(home.status(&deposit), before);
}

#[test]
fn t28_a_deposit_lost_by_a_reorg_is_lost() {
    let world = World::by_script();
    let deposit = world.pay(receive(0), 10_000);
    world.mine();
    let mut home = Home::new();
    home.sync_and_check(&world);
    world.disconnect(1);
    home.sync_and_check(&world);
    assert_eq!(home.status(&deposit), TxStatus::Mempool);
    world.evict(&deposit);
    world.mine_empty(2);
    home.sync_and_check(&world);
    assert_eq!(home.status(&deposit), TxStatus::NotSeen);
}

#[test]
fn t29_lies_are_refused_and_change_nothing() {
    for (lie, words) in [
        (Lie::AboveTip, "but its best block is"),
        (Lie::OtherBlock, "can't prove"),
        (Lie::Proof, "is wrong"),
        (Lie::OtherTransactions, "it sent"),
        (Lie::OtherHeaders, "don't lead to its best block"),
        (Lie::Omits, "leaves out transaction"),
    ] {
        let world = World::by_script();
        world.pay(receive(0), 50_000);
        world.mine();
        world.mine_empty(1);
        let mut home = Home::new();
        if lie == Lie::Omits {
            // What is known can't be left out; of what isn't, nobody can tell.
            home.sync_and_check(&world);
            world.pay(receive(0), 1_000);
        }
        world.lie.set(Some(lie));
        let tip = world.tip();
        let error = home.sync(&world).unwrap_err();
        assert!(matches!(error, SyncError::Chain(_)), "{lie:?}: {error}");
        assert!(error.to_string().contains(words), "{lie:?}: {error}");
        assert_eq!(world.tip(), tip);
        world.lie.set(None);
        home.sync_and_check(&world);
    }
}

#[test]
fn many_blocks_are_written_in_parts_that_can_be_interrupted() {
    let world = World::by_script();
    for n in 0..60u32 {
        for _ in 0..50 {
            world.pay(receive(n), u64::from(n) + 1);
        }
        world.mine();
    }
    let mut home = Home::new();
    let mut heights = Vec::new();
    let mut asked = Vec::new();
    let mut progress = |step| match step {
        SyncProgress::Blocks { height, .. } => heights.push(height),
        SyncProgress::Asked { what, done, all } => asked.push((what, done, all)),
    };
    let now = 1_700_000_000;
    quorate_coordinator::sync::sync_at(&mut home.store, &world, &mut progress, now).unwrap();
    assert_eq!(heights, [40, 60]);
    // All questions are told of before the first block is written, in parts.
    assert!(asked.iter().all(|(_, done, all)| done <= all), "{asked:?}");
    let last = |what| {
        let of_it = asked.iter().rev().find(|(asked, ..)| *asked == what);
        of_it.map(|(_, done, all)| (*done, *all))
    };
    assert_eq!(last(Asked::Proofs), Some((3_000, 3_000)));
    let parts = asked.iter().filter(|(what, ..)| *what == Asked::Proofs);
    assert_eq!(parts.count(), 15);
    let first = asked.first();
    assert_eq!(first, Some(&(Asked::Addresses, 200, 400)));
    home.check(&world);
}

#[test]
fn t29_old_blocks_are_linked_to_the_tip() {
    let world = World::by_script();
    let deposit = world.pay(receive(0), 50_000);
    world.mine();
    world.mine_empty(2_100);
    let mut home = Home::new();
    world.lie.set(Some(Lie::OtherHeaders));
    let error = home.sync(&world).unwrap_err().to_string();
    assert!(
        error.contains("its headers from 1 on don't lead"),
        "{error}"
    );
    world.lie.set(None);
    home.sync_and_check(&world);
    assert!(matches!(home.status(&deposit), TxStatus::Confirmed(block) if block.height == 1));
    // What is remembered is as much as after a sync by blocks.
    let remembered = |home: &mut Home| {
        let all = home
            .store
            .read(|tx| tx.ledger_blocks_below(u32::MAX, 5_000));
        let all: Result<Vec<_>, quorate_storage::StorageError> = all;
        all.unwrap()
    };
    let mut other = Home::new();
    world.by_script.set(false);
    other.sync_and_check(&world);
    let (ours, theirs) = (remembered(&mut home), remembered(&mut other));
    assert_eq!(ours[..2_016], theirs[..2_016]);
}

#[test]
fn t29_fewer_headers_than_there_are_is_no_tip() {
    let world = World::by_script();
    world.mine_empty(3);
    let mut home = Home::new();
    world.lie.set(Some(Lie::NoHeaders));
    let error = home.sync(&world).unwrap_err().to_string();
    assert!(error.contains("don't lead to its best block"), "{error}");
}

#[test]
fn t29_payments_made_up_to_ever_more_addresses_come_to_an_end() {
    let world = World::by_script();
    let mut home = Home::new();
    world.lie.set(Some(Lie::EverMore));
    let error = home.sync(&world).unwrap_err().to_string();
    assert!(error.contains("ever more addresses"), "{error}");
    let (watched, _) = home
        .store
        .read(|tx| tx.ledger_watched(0))
        .unwrap_or_else(|error: quorate_storage::StorageError| panic!("{error}"));
    assert!(watched.len() <= 2 * 200 + 100 * 200, "{}", watched.len());
}
