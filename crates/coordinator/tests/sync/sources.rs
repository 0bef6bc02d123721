//! A sync whose source changes in the middle: whatever was told before by another, the ledger ends as
//! the last one tells, with nothing lost and nothing counted twice.

use crate::home::{Home, first_vault, receive};
use crate::world::{Lie, World};
use bitcoin::{Block, BlockHash, OutPoint, Transaction, Txid};
use quorate_chain::failover::{Clock, Health, Schedule};
use quorate_chain::{Broadcast, ChainError, ChainSource, ChainStatus, Failover};
use quorate_coordinator::sync::{SyncError, sync_at};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOW: u64 = 1_700_000_000;

/// A world that several hands hold.
#[derive(Debug, Clone)]
struct Node(&'static str, Arc<Mutex<World>>);

impl Node {
    fn new(name: &'static str, world: World) -> Self {
        Self(name, Arc::new(Mutex::new(world)))
    }
    fn world<T>(&self, f: impl FnOnce(&World) -> T) -> T {
        f(&self.1.lock().unwrap())
    }
}

impl ChainSource for Node {
    fn name(&self) -> &str {
        self.0
    }
    fn status(&self) -> Result<ChainStatus, ChainError> {
        self.world(World::status)
    }
    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.world(|world| world.block_hash(height))
    }
    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.world(|world| world.block_time(height))
    }
    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        self.world(|world| world.blocks(hashes))
    }
    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.world(|world| world.block_hashes(from, count))
    }
    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.world(World::mempool_txids)
    }
    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        self.world(|world| world.mempool_transactions(txids))
    }
    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.world(|world| world.test_accept(tx))
    }
    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.world(|world| world.broadcast(tx))
    }
}

/// Nobody waits in a test.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> u64 {
        NOW
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    fn pause(&self, _: Duration) {}
    fn random(&self) -> u64 {
        0
    }
}

fn over(nodes: &[&Node]) -> Failover {
    let sources = nodes.iter().map(|&node| {
        let source: Box<dyn ChainSource> = Box::new(node.clone());
        source
    });
    let schedule = Schedule::within(Duration::from_secs(1));
    let nothing = |_: &str| None::<Health>;
    Failover::new(sources.collect(), nothing, None, schedule, Box::new(Still)).unwrap()
}

/// Sixty blocks with payments in, out, and between, and two that wait.
fn busy() -> World {
    let world = World::new();
    for round in 0..20_u32 {
        let deposit = world.pay(receive(round), 1_000 + u64::from(round));
        world.mine();
        if round % 3 == 0 {
            let spend = world.tx(&[OutPoint::new(deposit, 0)], &[(receive(round + 1), 900)]);
            world.announce(spend);
        }
        world.mine();
        world.mine_empty(1);
    }
    world.pay(receive(25), 77);
    let spend = world.tx(
        &[OutPoint::new(world.pay(receive(26), 78), 0)],
        &[(receive(27), 50)],
    );
    world.announce(spend);
    world
}

/// The first source breaks down after each possible number of answers; the second is at the same
/// block, some blocks behind, or on a branch of its own.
#[test]
fn t28_a_source_that_breaks_down_anywhere_is_followed_by_the_next() {
    let world = busy();
    let top = world.tip().height;
    type Other = fn(&World, u32) -> World;
    let others: [Other; 4] = [
        |world, top| world.branch(top),
        |world, top| world.branch(top - 2),
        |world, top| {
            let branch = world.branch(top - 3);
            branch.mine();
            branch.mine_empty(4);
            branch
        },
        |world, top| {
            let branch = world.branch(top);
            branch.mine();
            branch.mine_empty(1);
            branch
        },
    ];
    for (case, other) in others.into_iter().enumerate() {
        let mut changes = 0;
        for answers in 0..200 {
            let (a, b) = (
                Node::new("A", world.branch(top)),
                Node::new("B", other(&world, top)),
            );
            a.world(|world| world.breaks_after.set(Some(answers)));
            let both = over(&[&a, &b]);
            let mut home = Home::new();
            sync_at(&mut home.store, &both, &mut |_| {}, NOW as u32)
                .unwrap_or_else(|error| panic!("{case} after {answers}: {error}"));
            changes += both.generation();
            let teller = both.name().to_owned();
            let told = |node: &Node, home: &mut Home| node.world(|world| home.check(world));
            told(if teller == "A" { &a } else { &b }, &mut home);
            let row = home.row(&first_vault().0).unwrap();
            let origin = home.store.read(|tx| tx.ledger_origin(row)).unwrap();
            assert_eq!(origin.unwrap().source.as_deref(), Some(teller.as_str()));
            // The first comes back, and it is all the same as if it had never been away.
            a.world(|world| world.breaks_after.set(None));
            sync_at(&mut home.store, &over(&[&a, &b]), &mut |_| {}, NOW as u32).unwrap();
            told(&a, &mut home);
            if teller == "A" {
                break;
            }
        }
        assert!(
            changes > 5,
            "case {case} changed its source {changes} times"
        );
    }
}

#[test]
fn both_breaking_down_loses_nothing_either() {
    let world = busy();
    let top = world.tip().height;
    let mut home = Home::new();
    let mut failed = 0;
    for answers in 1..40 {
        let (a, b) = (
            Node::new("A", world.branch(top)),
            Node::new("B", world.branch(top)),
        );
        a.world(|world| world.breaks_after.set(Some(answers)));
        b.world(|world| world.breaks_after.set(Some(answers)));
        let done = sync_at(&mut home.store, &over(&[&a, &b]), &mut |_| {}, NOW as u32);
        if let Err(error) = done {
            assert!(
                matches!(error, SyncError::Chain(ChainError::NoneAnswers { .. })),
                "{error:?}"
            );
            failed += 1;
        }
        home.store.read(|tx| tx.ledger_audit()).unwrap();
    }
    assert!(failed > 3);
    home.sync_and_check(&world);
}

/// What shows only where answers are put together also leads to the next source.
#[test]
fn t29_a_source_that_lies_is_followed_by_an_honest_one() {
    for lie in [
        Lie::Tip,
        Lie::Height,
        Lie::OtherBlocks,
        Lie::FewerBlocks,
        Lie::MoreMoney,
        Lie::OtherTransactions,
    ] {
        let world = busy();
        let top = world.tip().height;
        let (a, b) = (Node::new("A", world.branch(top)), Node::new("B", world));
        a.world(|world| world.lie.set(Some(lie)));
        let both = over(&[&a, &b]);
        let mut home = Home::new();
        sync_at(&mut home.store, &both, &mut |_| {}, NOW as u32)
            .unwrap_or_else(|error| panic!("{lie:?}: {error}"));
        b.world(|world| home.check(world));
        assert_eq!(both.name(), "B", "{lie:?}");
        let remarks = both.take_remarks();
        assert!(remarks[0].starts_with("A sent an answer"), "{remarks:?}");
        // With nobody else to ask, it is an error as ever.
        let (a, c) = (a, Node::new("C", b.world(|world| world.branch(top))));
        c.world(|world| world.lie.set(Some(lie)));
        let mut home = Home::new();
        let done = sync_at(&mut home.store, &over(&[&a, &c]), &mut |_| {}, NOW as u32);
        assert!(done.is_err(), "{lie:?}");
    }
}

/// A chain with one coin spent in two blocks, and the same up to the first of them with other blocks above.
fn spent_twice() -> (World, World) {
    let honest = World::new();
    let coin = OutPoint::new(honest.pay(receive(0), 1_000), 0);
    honest.mine();
    let spends = [900, 800].map(|sat| honest.tx(&[coin], &[(receive(1), sat)]));
    let [first, second] = spends;
    honest.mine_these(vec![first], receive(2));
    let lying = honest.branch(honest.tip().height);
    lying.mine_these(vec![second], receive(3));
    honest.mine_empty(2);
    (honest, lying)
}

#[test]
fn t29_who_shows_a_coin_spent_twice_is_followed_by_an_honest_one() {
    let (honest, lying) = spent_twice();
    let (a, b) = (Node::new("A", lying), Node::new("B", honest));
    let both = over(&[&a, &b]);
    let mut home = Home::new();
    sync_at(&mut home.store, &both, &mut |_| {}, NOW as u32).unwrap();
    assert_eq!(both.name(), "B");
    let remarks = both.take_remarks();
    assert!(
        remarks[0].contains("is spent by transaction"),
        "{remarks:?}"
    );
    b.world(|world| home.check(world));
}

/// A clock by which the next look at it is always after the time that a source is left alone.
#[derive(Debug)]
struct Hurried(AtomicU64);

impl Clock for Hurried {
    fn now(&self) -> u64 {
        NOW + self.0.fetch_add(60, Ordering::Relaxed)
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    fn pause(&self, _: Duration) {}
    fn random(&self) -> u64 {
        0
    }
}

/// However slow they are, so that the first is asked again when the second has lied.
#[test]
fn t29_two_liars_come_to_an_end() {
    let sources = ["A", "B"].map(|name| {
        let source: Box<dyn ChainSource> = Box::new(Node::new(name, spent_twice().1));
        source
    });
    let schedule = Schedule::within(Duration::from_secs(1));
    let clock = Box::new(Hurried(AtomicU64::new(0)));
    let nothing = |_: &str| None::<Health>;
    let both = Failover::new(Vec::from(sources), nothing, None, schedule, clock).unwrap();
    let mut home = Home::new();
    let error = sync_at(&mut home.store, &both, &mut |_| {}, NOW as u32).unwrap_err();
    assert!(
        error.to_string().contains("is spent by transaction"),
        "{error}"
    );
    home.store.read(|tx| tx.ledger_audit()).unwrap();
}

/// The liar breaks down while the next blocks are fetched and what it told is being written: who answers by then
/// isn't blamed.
#[test]
fn t29_who_answers_by_the_time_a_lie_is_noticed_isnt_blamed() {
    let (honest, lying) = spent_twice();
    honest.mine_empty(60);
    lying.mine_empty(60);
    let (honest_top, lying_top) = (honest.tip().height, lying.tip().height);
    for answers in 0..30 {
        let a = Node::new("A", lying.branch(lying_top));
        let b = Node::new("B", honest.branch(honest_top));
        a.world(|world| world.breaks_after.set(Some(answers)));
        let both = over(&[&a, &b]);
        let mut home = Home::new();
        sync_at(&mut home.store, &both, &mut |_| {}, NOW as u32)
            .unwrap_or_else(|error| panic!("after {answers}: {error}"));
        b.world(|world| home.check(world));
        let remarks = both.take_remarks().concat();
        assert!(!remarks.contains("B sent"), "after {answers}: {remarks}");
    }
}
