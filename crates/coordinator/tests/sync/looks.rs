//! Syncs that find nothing: what they write, and what is said of them afterwards.

use crate::home::{Home, first_vault, receive};
use crate::world::World;
use quorate_coordinator::sync::sync_at;
use quorate_storage::Origin;
use std::fs;

const NOW: u32 = 1_700_000_000;

fn sync(home: &mut Home, world: &World, now: u32) -> Origin {
    sync_at(&mut home.store, world, &mut |_| {}, now).unwrap();
    origin(home)
}

fn origin(home: &mut Home) -> Origin {
    let row = home.row(&first_vault().0).unwrap();
    let origin = home.store.read(|tx| tx.ledger_origin(row)).unwrap();
    origin.unwrap()
}

/// All that is committed, in the file or in its log.
fn committed(home: &Home) -> Vec<u8> {
    let log = fs::read(home.path.with_extension("db-wal")).unwrap();
    [fs::read(&home.path).unwrap(), log].concat()
}

fn paid() -> World {
    let world = World::new();
    world.pay(receive(0), 1_000);
    world.mine_empty(3);
    world.mine();
    world
}

#[test]
fn a_look_that_finds_nothing_is_remembered_without_writing_to_the_database() {
    let (world, mut home) = (paid(), Home::new());
    let first = sync(&mut home, &world, NOW);
    assert_eq!(first.synced_at, Some(NOW.into()));
    let before = committed(&home);
    let again = sync(&mut home, &world, NOW + 60);
    assert_eq!(again.synced_at, Some(u64::from(NOW) + 60));
    assert_eq!((again.height, again.time), (first.height, first.time));
    assert!(before == committed(&home), "the database was written to");
    // Whoever opens it anew sees it too; without the file it is as old as the last change.
    let mut other = quorate_storage::Store::open_existing(&home.path).unwrap();
    let row = home.row(&first_vault().0).unwrap();
    let seen = other.read(|tx| tx.ledger_origin(row)).unwrap();
    assert_eq!(seen, Some(again));
    fs::remove_file(home.path.with_extension("look")).unwrap();
    assert_eq!(origin(&mut home).synced_at, Some(NOW.into()));
}

#[test]
fn an_old_look_says_nothing_of_a_later_block() {
    let (world, mut home) = (paid(), Home::new());
    sync(&mut home, &world, NOW);
    sync(&mut home, &world, NOW + 60);
    let look = fs::read(home.path.with_extension("look")).unwrap();
    world.mine();
    let next = sync(&mut home, &world, NOW + 90);
    assert_eq!(next.synced_at, Some(u64::from(NOW) + 90));
    // Even one that claims a later time.
    let later = String::from_utf8(look).unwrap();
    let later = later.replace(&(NOW + 60).to_string(), &(NOW + 900).to_string());
    fs::write(home.path.with_extension("look"), later).unwrap();
    assert_eq!(origin(&mut home), next);
}

#[test]
fn where_it_cannot_be_written_beside_it_is_written_into_the_database() {
    let (world, mut home) = (paid(), Home::new());
    fs::create_dir(home.path.with_extension("look")).unwrap();
    sync(&mut home, &world, NOW);
    let again = sync(&mut home, &world, NOW + 60);
    assert_eq!(again.synced_at, Some(u64::from(NOW) + 60));
}

/// A clock that was ahead doesn't make figures look young for ever.
#[test]
fn a_clock_that_was_wrong_is_forgotten() {
    let (world, mut home) = (paid(), Home::new());
    sync(&mut home, &world, NOW);
    let ahead = sync(&mut home, &world, NOW + 1_000_000);
    assert_eq!(ahead.synced_at, Some(u64::from(NOW) + 1_000_000));
    let right = sync(&mut home, &world, NOW + 60);
    assert_eq!(right.synced_at, Some(u64::from(NOW) + 60));
}
