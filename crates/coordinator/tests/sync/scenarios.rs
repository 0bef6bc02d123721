//! One thing at a time.

use crate::home::{Home, first_vault, receive, script_of, second_vault, with_scripts};
use crate::world::{World, nobody};
use bitcoin::{Network, OutPoint, ScriptBuf, Txid};
use quorate_coordinator::sync::{SyncError, SyncProgress, sync_at};
use quorate_core::chain::BlockId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Birth, TxStatus};
use quorate_core::vault::Vault;
use quorate_storage::Store;
use std::collections::BTreeSet;

fn outpoint(txid: Txid) -> OutPoint {
    OutPoint::new(txid, 0)
}

#[test]
fn a_deposit_waits_confirms_and_is_spent() {
    let (world, mut home) = (World::new(), Home::new());
    let vault = &first_vault().0;
    let deposit = world.pay(receive(0), 50_000);
    assert_eq!(home.sync_and_check(&world).new_transactions, 1);
    assert_eq!(home.status(&deposit), TxStatus::Mempool);
    assert_eq!(home.balance(vault).pending.to_sat(), 50_000);
    assert_eq!(home.next_index(vault, Keychain::Receive), 1);

    world.mine();
    assert_eq!(home.sync_and_check(&world).new_transactions, 0);
    assert_eq!(home.status(&deposit), TxStatus::Confirmed(world.tip()));
    assert_eq!(home.balance(vault).confirmed.to_sat(), 50_000);

    let change = script_of(first_vault(), Keychain::Change, 0);
    let spend = world.tx(
        &[outpoint(deposit)],
        &[(nobody(), 20_000), (change, 29_000)],
    );
    let spend = world.announce(spend);
    home.sync_and_check(&world);
    let balance = home.balance(vault);
    assert_eq!(
        (balance.confirmed.to_sat(), balance.pending.to_sat()),
        (0, 29_000)
    );
    let spent = home.coin(outpoint(deposit)).unwrap().spent.unwrap();
    assert_eq!((spent.by, spent.height), (spend, None));

    world.mine();
    home.sync_and_check(&world);
    let used = home.store.read(|tx| {
        let row = tx.ledger_row(vault.id())?.unwrap();
        tx.ledger_used(row, Keychain::Receive, 0, 10)
    });
    let used: Result<BTreeSet<u32>, quorate_storage::StorageError> = used;
    assert_eq!(used.unwrap(), BTreeSet::from([0]));
}

#[test]
fn t28_reorgs_of_every_depth() {
    for depth in [1, 6, 20, 101] {
        let (world, mut home) = (World::new(), Home::new());
        world.mine_empty(3);
        let deposit = world.pay(receive(5), 10_000);
        world.mine();
        world.mine_empty(depth - 1);
        home.sync_and_check(&world);
        assert!(matches!(home.status(&deposit), TxStatus::Confirmed(_)));

        world.disconnect(depth);
        world.mine_these(Vec::new(), nobody());
        let report = home.sync_and_check(&world);
        assert_eq!(report.reorg_depth, Some(depth));
        assert_eq!(home.status(&deposit), TxStatus::Mempool);
        world.mine();
        home.sync_and_check(&world);
        assert_eq!(home.status(&deposit), TxStatus::Confirmed(world.tip()));
    }
}

#[test]
fn t28_a_block_taken_back_with_none_in_its_place_is_noticed() {
    let (world, mut home) = (World::new(), Home::new());
    let deposit = world.pay(receive(0), 10_000);
    world.mine();
    home.sync_and_check(&world);
    world.disconnect(1);
    let report = home.sync_and_check(&world);
    assert_eq!(report.reorg_depth, Some(1));
    assert_eq!(home.status(&deposit), TxStatus::Mempool);
    world.disconnect(1);
    assert_eq!(home.sync_and_check(&world).reorg_depth, None);
}

#[test]
fn t28_a_transaction_lost_in_a_reorg_is_lost_here_too() {
    let (world, mut home) = (World::new(), Home::new());
    let coinbase_to_us = receive(1);
    world.mine_these(Vec::new(), coinbase_to_us);
    let deposit = world.pay(receive(0), 10_000);
    world.mine();
    home.sync_and_check(&world);
    world.disconnect(2);
    let input = world.mempool.borrow()[&deposit].input[0].previous_output;
    world.mine_these(vec![world.tx(&[input], &[(nobody(), 9_000)])], nobody());
    world.mine_empty(2);
    home.sync_and_check(&world);
    assert_eq!(home.status(&deposit), TxStatus::NotSeen);
    assert_eq!(home.balance(&first_vault().0).coins, 0);
}

#[test]
fn a_spend_displaced_by_a_block_can_come_back() {
    let (world, mut home) = (World::new(), Home::new());
    let deposit = world.pay(receive(0), 10_000);
    world.mine();
    let spend = world.tx(&[outpoint(deposit)], &[(nobody(), 9_000)]);
    let spent_by = |home: &mut Home| home.coin(outpoint(deposit)).unwrap().spent.unwrap().by;
    let first = world.announce(spend.clone());
    home.sync_and_check(&world);
    let other = world.tx(&[outpoint(deposit)], &[(nobody(), 8_000)]);
    let second = other.compute_txid();
    world.mine_these(vec![other], nobody());
    // The source breaks down after the block, before the mempool.
    world.before("mempool_txids", |world| world.breaks_after.set(Some(0)));
    assert!(matches!(home.sync(&world), Err(SyncError::Chain(_))));
    world.breaks_after.set(None);
    assert_eq!(spent_by(&mut home), second);
    // A reorg brings the displaced one back before we look again.
    world.disconnect(1);
    world.announce(spend);
    world.mine_empty(1);
    home.sync_and_check(&world);
    assert_eq!(spent_by(&mut home), first);
    assert_eq!(home.status(&second), TxStatus::NotSeen);
}

#[test]
fn a_replaced_transaction_makes_room() {
    let (world, mut home) = (World::new(), Home::new());
    let input = world.foreign();
    let first = world.announce(world.tx(&[input], &[(receive(0), 10_000)]));
    let child = world.announce(world.tx(&[outpoint(first)], &[(receive(1), 9_000)]));
    home.sync_and_check(&world);
    let second = world.announce(world.tx(&[input], &[(receive(0), 8_000)]));
    home.sync_and_check(&world);
    for (txid, status) in [
        (first, TxStatus::NotSeen),
        (child, TxStatus::NotSeen),
        (second, TxStatus::Mempool),
    ] {
        assert_eq!(home.status(&txid), status);
    }
    assert_eq!(home.balance(&first_vault().0).pending.to_sat(), 8_000);
}

#[test]
fn a_long_chain_in_the_mempool_is_fetched_once() {
    let (world, mut home) = (World::new(), Home::new());
    let mut last = world.pay(receive(0), 10_000);
    for _ in 0..20 {
        last = world.announce(world.tx(&[outpoint(last)], &[(receive(1), 9_000)]));
    }
    home.sync_and_check(&world);
    assert_eq!(world.transactions_served.get(), 21);
    assert_eq!(home.balance(&first_vault().0).coins, 1);
    let late = world.announce(world.tx(&[outpoint(last)], &[(receive(2), 8_000)]));
    home.sync_and_check(&world);
    assert_eq!(world.transactions_served.get(), 22);
    assert_eq!(home.status(&late), TxStatus::Mempool);
}

#[test]
fn the_lookahead_moves_inside_one_block() {
    let (world, mut home) = (World::new(), Home::new());
    // In this order only the last is known at first; it reveals the one before it, and so on.
    let far = world.tx(&[world.foreign()], &[(receive(590), 1), (receive(597), 2)]);
    let spends_far = world.tx(&[OutPoint::new(far.compute_txid(), 1)], &[(nobody(), 1)]);
    let middle = world.tx(&[world.foreign()], &[(receive(398), 3)]);
    let near = world.tx(&[world.foreign()], &[(receive(199), 4)]);
    world.mine_these(vec![far, spends_far, middle, near], nobody());
    home.sync_and_check(&world);
    assert_eq!(home.next_index(&first_vault().0, Keychain::Receive), 598);
    assert_eq!(home.balance(&first_vault().0).coins, 3);
}

#[test]
fn the_lookahead_moves_inside_the_mempool() {
    let (world, mut home) = (World::new(), Home::new());
    let far = world.pay(receive(398), 1);
    home.sync(&world).unwrap();
    assert_eq!(home.status(&far), TxStatus::NotSeen);
    world.pay(receive(198), 1);
    home.sync_and_check(&world);
    assert_eq!(home.status(&far), TxStatus::Mempool);
}

#[test]
fn an_address_handed_out_counts_for_the_lookahead() {
    let (world, mut home) = (World::new(), Home::new());
    let vault = &first_vault().0;
    home.store
        .write(|tx| tx.ledger_reveal(vault, Keychain::Receive, 300))
        .unwrap();
    assert_eq!(home.next_index(vault, Keychain::Receive), 301);
    world.pay(receive(500), 7);
    home.sync_and_check(&world);
    assert_eq!(home.next_index(vault, Keychain::Receive), 501);
}

#[test]
fn a_vault_imported_later_catches_up_alone() {
    let (world, mut home) = (World::new(), Home::new());
    let to_second = |index| script_of(second_vault(), Keychain::Receive, index);
    world.pay(to_second(3), 500);
    world.mine();
    world.pay(receive(0), 700);
    world.mine_empty(30);
    let waiting = world.pay(to_second(4), 600);
    home.sync_and_check(&world);
    let served = world.blocks_served.get();

    home.add(&second_vault().0, Birth::Height(0));
    let report = home.sync_and_check(&world);
    assert_eq!(report.blocks as usize, world.blocks_served.get() - served);
    assert_eq!(report.blocks, 32);
    let balance = home.balance(&second_vault().0);
    assert_eq!(balance.confirmed.to_sat(), 500);
    assert_eq!(balance.pending.to_sat(), 600);
    // Of the mempool, only what concerns the new vault was fetched again.
    assert_eq!(world.transactions_served.get(), 2 + 1);
    assert!(world.mempool.borrow().contains_key(&waiting));
}

#[test]
fn a_birth_height_spares_the_blocks_before_it() {
    let (world, mut home) = (World::new(), Home::empty());
    world.pay(receive(0), 1);
    world.mine_empty(50);
    world.mine();
    let before_birth = world.tip().height;
    world.pay(receive(1), 2);
    world.mine();
    home.add(&first_vault().0, Birth::Height(before_birth + 1));
    let report = home.sync(&world).unwrap();
    assert_eq!(report.blocks, 1);
    assert_eq!(home.balance(&first_vault().0).confirmed.to_sat(), 2);
    // Another vault reads the older blocks; they stay unread for the first.
    home.add(&second_vault().0, Birth::Height(0));
    home.sync(&world).unwrap();
    assert_eq!(home.balance(&first_vault().0).confirmed.to_sat(), 2);
    // Until it is told better.
    let row = home.row(&first_vault().0).unwrap();
    let genesis = BlockId {
        height: 0,
        hash: world.chain.borrow()[0].block_hash(),
    };
    let from_the_start = Some(Birth::Height(1));
    let begun = home
        .store
        .write(|tx| tx.ledger_rescan(row, genesis, from_the_start));
    assert!(begun.unwrap());
    home.sync_and_check(&world);
    assert_eq!(home.balance(&first_vault().0).confirmed.to_sat(), 3);
}

#[test]
fn a_birth_height_beyond_the_tip_waits_for_it() {
    let (world, mut home) = (World::new(), Home::empty());
    home.add(&first_vault().0, Birth::Height(1_000));
    world.mine_empty(3);
    assert_eq!(home.sync(&world).unwrap().blocks, 0);
    world.pay(receive(0), 5);
    world.mine();
    home.sync_and_check(&world);
}

#[test]
fn a_birth_time_finds_its_block() {
    let (world, mut home) = (World::new(), Home::empty());
    world.mine_empty(400);
    // Blocks are ten minutes apart: two hours of slack are twelve blocks.
    let time = world.chain.borrow()[300].header.time;
    home.add(&first_vault().0, Birth::Time(time));
    assert_eq!(home.sync(&world).unwrap().blocks, 400 - 288 + 1);
    // Newer than every block: a day's worth is read.
    home.add(&second_vault().0, Birth::Time(u32::MAX));
    assert_eq!(home.sync(&world).unwrap().blocks, 145);
}

#[test]
fn a_reorg_below_the_birth_starts_over() {
    let (world, mut home) = (World::new(), Home::empty());
    world.mine_empty(12);
    home.add(&first_vault().0, Birth::Height(11));
    let deposit = world.pay(receive(0), 5);
    world.mine();
    home.sync(&world).unwrap();
    assert!(matches!(home.status(&deposit), TxStatus::Confirmed(_)));
    world.disconnect(6);
    world.mine_empty(2);
    let report = home.sync_and_check(&world);
    assert_eq!(report.started_over, [first_vault().0.id()]);
    assert_eq!(home.status(&deposit), TxStatus::Mempool);
    world.mine_empty(8);
    world.mine();
    home.sync_and_check(&world);
}

#[test]
fn two_weeks_of_blocks_are_remembered() {
    let (world, mut home) = (World::new(), Home::new());
    world.mine_empty(2_100);
    let deposit = world.pay(receive(0), 5);
    world.mine();
    home.sync(&world).unwrap();
    world.disconnect(2_016);
    world.mine_empty(1);
    let report = home.sync(&world).unwrap();
    assert_eq!(report.reorg_depth, Some(2_016));
    assert_eq!(home.status(&deposit), TxStatus::Mempool);
    let mut remembered = home
        .store
        .read(|tx| tx.ledger_blocks_below(u32::MAX, u32::MAX))
        .unwrap();
    assert_eq!(remembered.pop().unwrap().height, 2_101 - 2_016);

    world.mine_empty(2_100);
    home.sync(&world).unwrap();
    world.disconnect(2_050);
    world.mine_empty(3);
    let report = home.sync_and_check(&world);
    assert_eq!(report.started_over, [first_vault().0.id()]);
}

#[test]
fn a_block_that_comes_while_the_mempool_is_read_costs_nothing() {
    let (world, mut home) = (World::new(), Home::new());
    let deposit = world.pay(receive(0), 5);
    home.sync_and_check(&world);
    world.before("mempool_txids", World::mine);
    home.sync_and_check(&world);
    assert_eq!(home.status(&deposit), TxStatus::Confirmed(world.tip()));
}

#[test]
fn a_reorg_while_blocks_are_read_is_noticed() {
    for call in ["status", "block_hash", "block_hashes"] {
        let (world, mut home) = (World::new(), Home::new());
        let deposit = world.pay(receive(0), 5);
        world.mine();
        home.sync_and_check(&world);
        world.mine_empty(1);
        world.before(call, move |world| {
            world.disconnect(2);
            world.evict(&deposit);
            world.mine_empty(3);
        });
        home.sync_and_check(&world);
        assert_eq!(home.status(&deposit), TxStatus::NotSeen, "{call}");
    }
}

/// Has a second program sync the same home in the middle of the first one's sync.
fn meanwhile(
    home: &Home,
    world: &World,
    call: &'static str,
    change: impl FnOnce(&World) + Send + 'static,
) {
    let path = home.path.clone();
    world.before(call, move |world| {
        change(world);
        let mut other = Store::open(&path).unwrap();
        sync_at(&mut other, world, &mut |_| {}, 0).unwrap();
    });
}

#[test]
fn an_old_list_of_the_mempool_is_not_applied() {
    let (world, mut home) = (World::new(), Home::new());
    home.sync_and_check(&world);
    // The first status is asked before the list, the second after it.
    let path = home.path.clone();
    world.before("mempool_txids", move |world| {
        world.before("status", move |world| {
            world.pay(receive(0), 5);
            let mut other = Store::open(&path).unwrap();
            sync_at(&mut other, world, &mut |_| {}, 0).unwrap();
        });
    });
    home.sync_and_check(&world);
    assert_eq!(home.balance(&first_vault().0).pending.to_sat(), 5);
}

#[test]
fn a_batch_planned_before_somebody_else_was_here_is_dropped() {
    let (world, mut home) = (World::new(), Home::new());
    world.pay(receive(0), 5);
    world.mine();
    meanwhile(&home, &world, "blocks", |world| world.mine_empty(1));
    let report = home.sync_and_check(&world);
    assert_eq!(report.blocks, 0);
    assert_eq!(report.tip.height, 2);
}

#[test]
fn two_programs_at_once_both_end_right() {
    let home = Home::new();
    let build = || {
        let world = World::new();
        for i in 0..300 {
            let paid = world.pay(receive(i % 150), 100 + u64::from(i));
            world.mine();
            if i % 3 == 0 {
                world.announce(world.tx(&[outpoint(paid)], &[(nobody(), 1)]));
            }
        }
        world
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let world = build();
                let mut store = Store::open(&home.path).unwrap();
                sync_at(&mut store, &world, &mut |_| {}, 0).unwrap();
            });
        }
    });
    let mut home = home;
    home.sync_and_check(&build());
}

#[test]
fn a_transaction_that_slipped_away_while_examined_is_found_when_it_returns() {
    let (world, mut home) = (World::new(), Home::new());
    let script = script_of(second_vault(), Keychain::Receive, 0);
    let tx = world.tx(&[world.foreign()], &[(script, 5)]);
    let txid = world.announce(tx.clone());
    home.sync_and_check(&world);
    home.add(&second_vault().0, Birth::Height(0));
    world.before("mempool_transactions", move |world| world.evict(&txid));
    home.sync_and_check(&world);
    world.announce(tx);
    home.sync_and_check(&world);
    assert_eq!(home.balance(&second_vault().0).pending.to_sat(), 5);
}

#[test]
fn two_vaults_may_share_scripts() {
    // With `multi` the order of keys is that of the text, which at some indexes is the sorted one.
    let sorted = &first_vault().0;
    let text = sorted.descriptor().split('#').next().unwrap();
    let text = text.replace("sortedmulti", "multi");
    let unsorted = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
    assert_ne!(unsorted.id(), sorted.id());
    let (unsorted, scripts) = with_scripts(unsorted, 60);
    let shared = scripts
        .iter()
        .find(|(s, _)| first_vault().1.contains_key(*s));
    let shared: ScriptBuf = shared.expect("one in six is sorted").0.clone();

    let (world, mut home) = (World::new(), Home::new());
    let row = home.add(&unsorted, Birth::Height(0));
    let paid = world.pay(shared, 9);
    home.sync_and_check(&world);
    home.check_vault(&world, row, &scripts);
    world.mine();
    let spend = world.tx(&[outpoint(paid)], &[(nobody(), 1)]);
    world.mine_these(vec![spend], nobody());
    home.sync_and_check(&world);
    home.check_vault(&world, row, &scripts);
    assert_eq!(home.balance(&unsorted).coins, 0);
}

#[test]
fn progress_is_told_and_ends_at_the_tip() {
    let (world, mut home) = (World::new(), Home::new());
    world.mine_empty(150);
    let mut told = Vec::new();
    let mut progress = |step| match step {
        SyncProgress::Blocks { height, .. } => told.push(height),
        SyncProgress::Asked { .. } => panic!("{step:?}"),
    };
    sync_at(&mut home.store, &world, &mut progress, 0).unwrap();
    assert!(told.len() > 2, "{told:?}");
    assert!(told.is_sorted());
    assert_eq!(told.last(), Some(&150));
}
