//! Looking at a vault's blocks again: nothing known is lost on the way, and what is found in the end
//! is what the chain says.

use crate::home::{Home, first_vault, receive, second_vault};
use crate::world::{Lie, World};
use bitcoin::{Network, OutPoint};
use quorate_coordinator::{Coordinator, Moment, NewVault};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{Birth, VaultRow};
use quorate_core::policy::Template;
use quorate_testkit::fixtures;

fn block(world: &World, height: u32) -> BlockId {
    let hash = world.chain.borrow()[height as usize].block_hash();
    BlockId { height, hash }
}

fn begin(home: &mut Home, world: &World, height: u32, birth: Option<Birth>) -> VaultRow {
    let row = home.row(&first_vault().0).unwrap();
    let before = block(world, height - 1);
    let begun = home
        .store
        .write(|tx| tx.ledger_rescan(row, before, birth))
        .unwrap();
    assert!(begun);
    row
}

fn origin(home: &mut Home, row: VaultRow) -> quorate_storage::Origin {
    let origin = home.store.read(|tx| tx.ledger_origin(row)).unwrap();
    origin.unwrap()
}

/// Payments in blocks 1, 31, 61 and so on, the first spent in block 60.
fn world() -> World {
    let world = World::new();
    let first = world.pay(receive(0), 1_000);
    world.mine();
    for round in 1..8_u32 {
        world.mine_empty(28);
        if round == 2 {
            world.announce(world.tx(&[OutPoint::new(first, 0)], &[(receive(9), 400)]));
        }
        world.mine();
        world.pay(receive(round), 1_000);
        world.mine();
    }
    world
}

#[test]
fn t27_a_rescan_killed_anywhere_goes_on_and_shows_what_was_known() {
    for by_script in [false, true] {
        let world = world();
        world.by_script.set(by_script);
        killed_anywhere(&world);
    }
}

fn killed_anywhere(world: &World) {
    let tip = world.tip();
    for answers in 1..60 {
        let mut home = Home::new();
        home.sync_and_check(world);
        // Each coin is told of from now on.
        home.store.write(|tx| tx.tell_scanned(tip.height)).unwrap();
        let told = home.store.read(|tx| tx.last_event()).unwrap();
        let known = home.balance(&first_vault().0);
        let row = begin(&mut home, world, 40, None);
        assert_eq!(origin(&mut home, row).rescan_to, Some(tip.height));
        world.breaks_after.set(Some(answers));
        let stopped = home.sync(world).is_err();
        world.breaks_after.set(None);
        let now = home.balance(&first_vault().0);
        assert_eq!((now.confirmed, now.coins), (known.confirmed, known.coins));
        home.store.read(|tx| tx.ledger_audit()).unwrap();
        home.sync_and_check(world);
        assert_eq!(origin(&mut home, row).rescan_to, None);
        // Nothing has changed, so nothing is told.
        assert_eq!(home.store.read(|tx| tx.last_event()).unwrap(), told);
        if !stopped {
            return;
        }
    }
    panic!("the sync never came to its end");
}

/// Before the rescan has looked at a single block: a coin that its block lost is lost.
#[test]
fn t28_a_reorg_before_a_rescan_leaves_nothing_behind() {
    for by_script in [false, true] {
        for (depth, anew) in [(1, 2), (40, 41), (120, 130)] {
            let world = world();
            world.by_script.set(by_script);
            let mut home = Home::new();
            home.sync_and_check(&world);
            let row = begin(&mut home, &world, 70, None);
            world.disconnect(depth);
            world.mempool.borrow_mut().clear();
            world.mine_empty(anew);
            home.sync_and_check(&world);
            assert_eq!(origin(&mut home, row).rescan_to, None);
        }
    }
}

/// A source that calls every address unused is asked again about those that the ledger knows better, also
/// where no status was noted: after blocks, and below where a rescan begins.
#[test]
fn t29_an_address_with_coins_cant_be_called_unused() {
    for rescan in [false, true] {
        let world = world();
        world.by_script.set(rescan);
        let mut home = Home::new();
        home.sync_and_check(&world);
        if rescan {
            begin(&mut home, &world, 70, None);
        }
        world.by_script.set(true);
        world.lie.set(Some(Lie::Unused));
        let known = home.balance(&first_vault().0);
        let error = home.sync(&world).unwrap_err().to_string();
        assert!(error.contains("leaves out transaction"), "{error}");
        assert_eq!(home.balance(&first_vault().0).coins, known.coins);
        world.lie.set(None);
        home.sync_and_check(&world);
    }
}

#[test]
fn below_its_birth_a_vault_finds_what_it_never_saw() {
    let world = world();
    let mut home = Home::empty();
    home.add(&first_vault().0, Birth::Height(100));
    home.add(&second_vault().0, Birth::Height(0));
    home.sync(&world).unwrap();
    let before = home.balance(&first_vault().0).coins;
    begin(&mut home, &world, 1, Some(Birth::Height(1)));
    let report = home.sync_and_check(&world);
    assert_eq!(report.blocks, u64::from(world.tip().height));
    assert!(home.balance(&first_vault().0).coins > before);
}

/// Above what it finds lie more lines than one statement reckons anew, and not a whole number of such.
#[test]
fn what_is_found_below_thousands_changes_each_figure_above() {
    let world = World::new();
    for _ in 0..3 {
        world.pay(receive(0), 700);
        world.mine();
    }
    for _ in 0..7 {
        for _ in 0..333 {
            world.pay(receive(1), 1_000);
        }
        world.mine();
    }
    let mut home = Home::empty();
    home.add(&first_vault().0, Birth::Height(4));
    home.sync(&world).unwrap();
    assert_eq!(home.balance(&first_vault().0).coins, 2_331);
    begin(&mut home, &world, 1, Some(Birth::Height(1)));
    home.sync_and_check(&world);
    assert_eq!(home.balance(&first_vault().0).coins, 2_334);
}

/// While the rescan stands still, the chain goes another way: nothing of the branch it left stays.
#[test]
fn t28_a_reorg_in_the_middle_of_a_rescan_leaves_nothing_behind() {
    for (depth, anew) in [
        (1, 0),
        (1, 2),
        (40, 0),
        (40, 3),
        (40, 60),
        (120, 0),
        (150, 200),
    ] {
        // Nothing matched yet, or the first batch of blocks.
        for (answers, alone) in [(2, true), (5, true), (2, false), (5, false)] {
            let world = world();
            let mut home = Home::new();
            if !alone {
                home.add(&second_vault().0, Birth::Height(0));
            }
            home.sync_and_check(&world);
            let row = begin(&mut home, &world, 70, None);
            world.breaks_after.set(Some(answers));
            assert!(home.sync(&world).is_err());
            world.breaks_after.set(None);
            assert!(origin(&mut home, row).height < 100);
            world.disconnect(depth);
            world.mempool.borrow_mut().clear();
            world.mine_empty(anew);
            home.sync_and_check(&world);
        }
    }
}

#[test]
fn a_rescan_of_blocks_still_to_come_skips_none() {
    let world = world();
    let mut home = Home::new();
    let row = home.row(&first_vault().0).unwrap();
    let before = block(&world, 99);
    // Never synced: it goes on from its birth.
    assert!(
        home.store
            .write(|tx| tx.ledger_rescan(row, before, None))
            .unwrap()
    );
    home.sync_and_check(&world);
    // Begun from 10, stopped, then begun from 100 as well: 10 to 99 are still looked at.
    begin(&mut home, &world, 10, None);
    begin(&mut home, &world, 100, None);
    let report = home.sync_and_check(&world);
    assert_eq!(report.blocks, u64::from(world.tip().height) - 9);
}

fn coordinator(birth: Option<Birth>) -> (tempfile::TempDir, Coordinator) {
    let moment = Moment {
        now: 1_700_000_000,
        entropy: [7; 32],
    };
    let folder = tempfile::tempdir().unwrap();
    Coordinator::init(folder.path(), Network::Regtest, moment).unwrap();
    let mut home = Coordinator::open(folder.path()).unwrap().at(moment.now);
    let keys: Vec<_> = fixtures::cosigners(3)
        .iter()
        .map(|key| (key.name().to_owned(), key.text()))
        .collect();
    let new = NewVault {
        name: "family",
        template: &Template::builtin("2-of-3").unwrap(),
        keys: &keys,
        birth,
        carriers: &[],
    };
    home.create_vault(&new, moment).unwrap();
    (folder, home)
}

const LATER: Moment = Moment {
    now: 1_700_000_600,
    entropy: [8; 32],
};

#[test]
fn a_node_pruned_too_far_is_named_and_nothing_is_changed() {
    let world = world();
    let (_folder, mut home) = coordinator(Some(Birth::Height(150)));
    home.sync(&world, LATER, &mut |_| ()).unwrap();
    world.pruned_below.set(Some(90));
    let before = home.balance("family").unwrap();
    let error = home
        .rescan("family", Birth::Height(30), &world)
        .unwrap_err();
    assert_eq!(error.code, "pruned");
    let text = error.to_string();
    assert!(
        text.contains("the first block it has is 90") && text.contains("from block 30 on"),
        "{text}"
    );
    let hint = error.hint.unwrap();
    assert!(
        hint.contains("isn't pruned") && hint.contains("block 90"),
        "{hint}"
    );
    let after = home.balance("family").unwrap();
    assert_eq!(before.as_of, after.as_of);
    // From there on it works.
    let begun = home.rescan("family", Birth::Height(90), &world).unwrap();
    assert_eq!((begun.from, begun.to), (90, Some(world.tip().height)));
    let as_of = home.balance("family").unwrap().as_of.unwrap();
    assert_eq!((as_of.height, as_of.rescanning_to), (89, begun.to));
    let synced = home.sync(&world, LATER, &mut |_| ()).unwrap();
    assert_eq!(synced.blocks, u64::from(world.tip().height) - 89);
    let as_of = home.balance("family").unwrap().as_of.unwrap();
    assert_eq!(as_of.source.as_deref(), Some("the world"));
    assert_eq!(as_of.height, world.tip().height);
    assert_eq!(as_of.time, Some(1_600_000_000 + world.tip().height * 600));
    assert_eq!(as_of.synced_at, Some(LATER.now));
    assert_eq!(as_of.rescanning_to, None);
}

#[test]
fn a_rescan_from_a_day_or_from_beyond_the_tip() {
    let world = world();
    let (_folder, mut home) = coordinator(Some(Birth::Height(200)));
    home.sync(&world, LATER, &mut |_| ()).unwrap();
    // Two hours before block 100: twelve blocks.
    let day = Birth::Time(1_600_000_000 + 100 * 600);
    assert_eq!(home.rescan("family", day, &world).unwrap().from, 88);
    let error = home.rescan("family", Birth::Height(9_999), &world);
    assert_eq!(error.unwrap_err().code, "above_tip");
    // Back to the very beginning, where nobody can be paid.
    assert_eq!(
        home.rescan("family", Birth::Height(0), &world)
            .unwrap()
            .from,
        1
    );
}

/// The block before the first isn't the one we followed any more: caught up first, then begun.
#[test]
fn a_rescan_after_a_reorg_begins_on_the_chain_as_it_is() {
    let world = world();
    let (_folder, mut home) = coordinator(Some(Birth::Height(0)));
    home.sync(&world, LATER, &mut |_| ()).unwrap();
    world.disconnect(20);
    world.mine_empty(30);
    let from = world.tip().height - 15;
    home.rescan("family", Birth::Height(from), &world).unwrap();
    let synced = home.sync(&world, LATER, &mut |_| ()).unwrap();
    assert_eq!(synced.blocks, 16);
}
