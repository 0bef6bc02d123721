//! What can happen to blocks, and to a sync, one by one.

use super::world::World;
use bitcoin::OutPoint;
use std::time::Duration;

/// Blocks enough to take some back, and then one coin.
fn with_coin(sat: u64) -> (World, OutPoint) {
    let mut world = World::new();
    world.node.mine(3);
    let coin = world.pay(&world.receive(0), sat);
    world.node.mine(1);
    world.shows(&[sat], &[]);
    (world, coin)
}

/// Taken back, and mined again in the other branch. A node puts what it takes back into its mempool only for
/// ten blocks; what was deeper is gone until somebody sends it again.
fn back_and_again(depth: u32) {
    let mut world = World::new();
    world.node.mine(3);
    let paid = world.pay_all(&[(world.receive(0), 100_000)]);
    world.node.mine(1);
    world.shows(&[100_000], &[]);
    world.node.mine(depth - 1);
    let before = world.check();
    world.node.reorg(depth);
    if depth > 10 {
        world.shows(&[], &[]);
        world.send(&paid);
        world.shows(&[], &[100_000]);
        world.node.mine(1);
        world.shows(&[100_000], &[]);
        return;
    }
    // The first block of the other branch takes it: the same height as before.
    assert_eq!(world.check(), before);
}

#[test]
fn s24_a_reorg_of_one_block() {
    back_and_again(1);
}

#[test]
fn s25_a_reorg_of_6_blocks() {
    back_and_again(6);
}

#[test]
fn s26_a_reorg_of_20_blocks() {
    back_and_again(20);
}

#[test]
fn s27_a_reorg_of_101_blocks() {
    back_and_again(101);
}

#[test]
fn s28_a_branch_without_the_deposit_leaves_it_waiting() {
    let (mut world, _) = with_coin(100_000);
    world.node.reorg_empty(1);
    world.shows(&[], &[100_000]);
    world.node.mine(1);
    world.shows(&[100_000], &[]);
}

#[test]
fn s29_a_branch_in_which_the_coin_is_spent_otherwise() {
    let (mut world, coin) = with_coin(100_000);
    let (one, other) = (
        world.spend(&[coin], &world.receive(1), 1_000),
        world.spend(&[coin], &world.receive(2), 2_000),
    );
    world.node.mine_block(&[one]);
    world.shows(&[99_000], &[]);
    world.node.invalidate(1);
    world.node.mine_block(&[other]);
    world.node.mine_empty(1);
    world.shows(&[98_000], &[]);
}

#[test]
fn s30_blocks_are_taken_back_and_none_comes() {
    let (mut world, coin) = with_coin(100_000);
    world.send(&world.spend(&[coin], &world.receive(1), 1_000));
    world.node.mine(2);
    world.shows(&[99_000], &[]);
    world.node.invalidate(2);
    let coins = world.check_by_the_node();
    world.compare(&coins, &[], &[99_000]);
    world.node.mine(3);
    world.shows(&[99_000], &[]);
}

#[test]
fn s31_the_first_branch_wins_after_all() {
    let (mut world, _) = with_coin(100_000);
    world.node.mine(2);
    let before = world.check();
    let lowest = world.node.invalidate(3);
    world.node.mine_empty(1);
    let between = world.check();
    world.compare(&between, &[], &[100_000]);
    world.node.reconsider(lowest);
    let after = world.check();
    assert_eq!(before, after);
}

#[test]
fn s32_a_coinbase_of_ours_is_lost_in_a_reorg() {
    let (mut world, _) = with_coin(100_000);
    world.node.mine_to(&world.receive(1), 1);
    world.shows(&[100_000, 5_000_000_000], &[]);
    world.node.reorg_empty(1);
    world.shows(&[100_000], &[]);
}

#[test]
fn s33_a_reorg_while_nobody_looked_twice_over() {
    let (mut world, coin) = with_coin(100_000);
    world.send(&world.spend(&[coin], &world.receive(1), 1_000));
    world.node.mine(4);
    world.check();
    world.node.reorg(3);
    world.node.reorg(5);
    world.node.reorg_empty(2);
    world.check();
    world.node.mine(1);
    world.shows(&[99_000], &[]);
}

#[test]
fn s34_a_reorg_goes_below_the_birth_of_the_vault() {
    let mut world = World::new();
    world.node.mine(30);
    let coin = world.pay(&world.receive(0), 100_000);
    world.node.mine(1);
    world.shows(&[100_000], &[]);
    world.node.reorg(25);
    world.check();
    world.send(&world.spend(&[coin], &world.receive(1), 1_000));
    world.node.mine(1);
    world.shows(&[99_000], &[]);
}

#[test]
fn s35_a_sync_that_is_killed_at_any_moment_is_taken_up_again() {
    let (mut world, _) = with_coin(100_000);
    for round in 0..6u32 {
        world.pay(&world.receive(round + 1), 10_000);
        world.node.mine(15);
        let running = world.home.spawn(&["sync"]);
        std::thread::sleep(Duration::from_millis(u64::from(round) * 12));
        let _ = running.kill();
    }
    world.shows(
        &[10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 100_000],
        &[],
    );
}

#[test]
fn s36_a_rescan_finds_what_was_there_and_one_that_is_killed_goes_on() {
    let (mut world, coin) = with_coin(100_000);
    world.send(&world.spend(&[coin], &world.receive(1), 1_000));
    world.node.mine(40);
    let before = world.check();
    world.home.json(&["sync", "family", "--rescan-from", "0"]);
    assert_eq!(world.check(), before);
    for after in [0, 5, 15, 30, 60] {
        let running = world.home.spawn(&["sync", "family", "--rescan-from", "0"]);
        std::thread::sleep(Duration::from_millis(after));
        let _ = running.kill();
        assert_eq!(world.check(), before, "killed after {after} ms");
    }
}

#[test]
fn s37_two_syncs_at_once_are_as_good_as_one() {
    let (mut world, _) = with_coin(100_000);
    world.pay(&world.receive(1), 20_000);
    world.node.mine(60);
    let running: Vec<_> = (0..4).map(|_| world.home.spawn(&["sync"])).collect();
    for one in running {
        assert!(one.wait().status.success());
    }
    world.shows(&[20_000, 100_000], &[]);
}
