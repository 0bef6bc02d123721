//! Sources that can't be followed: each refused in a sentence that says what to do, with nothing
//! changed.

use crate::home::{Home, first_vault, receive, second_vault};
use crate::world::{Lie, World, nobody};
use bitcoin::{Block, BlockHash, Network, OutPoint, Transaction, Txid};
use quorate_chain::{Broadcast, ChainError, ChainSource, ChainStatus};
use quorate_coordinator::sync::{SyncError, sync_at};
use quorate_core::ledger::Birth;
use std::cell::Cell;

fn refused(home: &mut Home, world: &World) -> (SyncError, String) {
    let before = home.store.read(|tx| tx.ledger_revision()).unwrap();
    let error = home.sync(world).unwrap_err();
    let after = home.store.read(|tx| tx.ledger_revision()).unwrap();
    assert_eq!(before, after);
    let text = error.to_string();
    (error, text)
}

#[test]
fn t05_a_source_on_another_network() {
    let (world, mut home) = (World::new(), Home::new());
    world.network.set(Network::Signet);
    let (error, text) = refused(&mut home, &world);
    assert!(matches!(error, SyncError::WrongNetwork { .. }));
    assert!(
        text.contains("signet") && text.contains("regtest"),
        "{text}"
    );
}

#[test]
fn a_source_that_is_still_syncing() {
    let (world, mut home) = (World::new(), Home::new());
    world.syncing.set(Some(0.4567));
    let (error, text) = refused(&mut home, &world);
    assert!(matches!(error, SyncError::StillSyncing { .. }));
    assert!(text.contains("45.6 %"), "{text}");
}

#[test]
fn a_source_that_is_pruned_too_far() {
    let (world, mut home) = (World::new(), Home::new());
    world.mine_empty(20);
    world.pruned_below.set(Some(10));
    let (error, text) = refused(&mut home, &world);
    assert!(matches!(error, SyncError::Pruned { .. }));
    assert!(
        text.contains("block 0") && text.contains("from 10"),
        "{text}"
    );

    // A vault born later is followed all the same, and the other one is named.
    home.add(&second_vault().0, Birth::Height(10));
    let report = home.sync(&world).unwrap();
    assert_eq!(report.blocks, 11);
    assert_eq!(report.left_out[0].vault, first_vault().0.id());
    assert_eq!(report.left_out[0].available, 10);
}

#[test]
fn t29_a_source_that_lies() {
    let world = World::new();
    let mut home = Home::new();
    world.pay(receive(0), 5);
    world.mine();
    for lie in [
        Lie::Tip,
        Lie::OtherBlocks,
        Lie::FewerBlocks,
        Lie::MoreMoney,
        Lie::OtherTransactions,
    ] {
        world.pay(receive(1), 6);
        let before = home.balance(&first_vault().0);
        world.lie.set(Some(lie));
        let error = home.sync(&world).unwrap_err();
        world.lie.set(None);
        let expected = match lie {
            Lie::Tip => matches!(error, SyncError::Moving { .. }),
            _ => matches!(error, SyncError::Chain(ChainError::BadAnswer { .. })),
        };
        assert!(expected, "{lie:?}: {error:?}");
        let after = home.balance(&first_vault().0);
        match lie {
            Lie::Tip => {}
            // The blocks before the mempool were true.
            Lie::OtherTransactions => assert_eq!(after.pending.to_sat(), 0),
            _ => assert_eq!(after, before, "{lie:?}"),
        }
        home.sync_and_check(&world);
        world.mine();
    }
}

/// A height that can't be is an answer that can't be used, not the end of the program.
#[test]
fn t29_a_source_that_lies_about_its_height() {
    let (world, mut home) = (World::new(), Home::new());
    world.lie.set(Some(Lie::Height));
    let error = home.sync(&world).unwrap_err();
    assert!(matches!(error, SyncError::Moving { .. }), "{error:?}");
    world.lie.set(None);
    home.sync_and_check(&world);
}

/// Two nodes behind one address, on different branches, and the worst order of answers: every round
/// takes back what the last one matched. Still the sync must end.
#[test]
fn t28_a_source_that_flaps_between_two_branches() {
    let source = Flapping {
        nodes: [World::new(), World::new()],
        asked: Cell::new(0),
    };
    source.nodes[1].foreign();
    for node in &source.nodes {
        node.mine_empty(3);
    }
    assert_ne!(source.nodes[0].tip(), source.nodes[1].tip());
    let mut home = Home::new();
    let error = sync_at(&mut home.store, &source, &mut |_| {}, 1_700_000_000).unwrap_err();
    assert!(matches!(error, SyncError::Moving { .. }), "{error:?}");
    home.sync_and_check(&source.nodes[0]);
}

#[derive(Debug)]
struct Flapping {
    nodes: [World; 2],
    asked: Cell<usize>,
}

impl Flapping {
    fn node(&self) -> &World {
        &self.nodes[usize::from(self.asked.get() % 3 != 1)]
    }
}

impl ChainSource for Flapping {
    fn name(&self) -> &str {
        "two nodes"
    }
    fn status(&self) -> Result<ChainStatus, ChainError> {
        self.asked.set(self.asked.get() + 1);
        assert!(self.asked.get() < 10_000, "the sync doesn't end");
        self.node().status()
    }
    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.node().block_hash(height)
    }
    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.node().block_time(height)
    }
    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        self.node().blocks(hashes)
    }
    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.node().block_hashes(from, count)
    }
    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.node().mempool_txids()
    }
    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        self.node().mempool_transactions(txids)
    }
    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.node().test_accept(tx)
    }
    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.node().broadcast(tx)
    }
}

/// It can't be true, but it is no reason to stop, and not counted twice.
#[test]
fn a_transaction_shown_in_two_blocks_is_in_the_later_one() {
    let world = World::new();
    let paid = world.tx(&[world.foreign()], &[(receive(0), 1_000)]);
    world.mine_these(vec![paid.clone()], nobody());
    world.mine_empty(30);
    world.mine_these(vec![paid], nobody());
    let mut home = Home::new();
    let report = home.sync(&world).unwrap();
    assert_eq!(report.new_transactions, 1);
    let balance = home.balance(&first_vault().0);
    assert_eq!((balance.confirmed.to_sat(), balance.coins), (1_000, 1));
    home.store.read(|tx| tx.ledger_audit()).unwrap();
}

/// What a sync says of a source that shows `coin` spent twice; what is kept goes together.
fn disbelieved(home: &mut Home, world: &World, coin: OutPoint) -> String {
    let error = home.sync(world).unwrap_err();
    assert!(
        matches!(error, SyncError::Chain(ChainError::BadAnswer { .. })),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains(&coin.to_string()), "{text}");
    home.store.read(|tx| tx.ledger_audit()).unwrap();
    text
}

/// No chain spends a coin twice; a source that shows one that does is not believed, and what it said before is
/// kept only as far as it goes together.
#[test]
fn t29_a_chain_that_spends_a_coin_twice() {
    for world in [World::new, World::by_script] {
        for (blocks_apart, known_before) in [(0, false), (1, false), (1, true), (30, true)] {
            let (world, mut home) = (world(), Home::new());
            let coin = OutPoint::new(world.pay(receive(0), 1_000), 0);
            world.mine();
            home.sync_and_check(&world);
            let spends = [900, 800].map(|sat| world.tx(&[coin], &[(nobody(), sat)]));
            let txids = spends.clone().map(|tx| tx.compute_txid());
            let [first, second] = spends;
            if blocks_apart == 0 {
                world.mine_these(vec![first, second], nobody());
            } else {
                world.mine_these(vec![first], nobody());
                if known_before {
                    home.sync_and_check(&world);
                }
                world.mine_empty(blocks_apart - 1);
                world.mine_these(vec![second], nobody());
            }
            let text = disbelieved(&mut home, &world, coin);
            assert!(txids.iter().all(|id| text.contains(&id.to_string())));
            // Once the chain is one again, so is the ledger.
            world.disconnect(1);
            world.mine_empty(2);
            home.sync_and_check(&world);
        }
    }
}

/// Also in blocks of long ago, which nobody remembers: a vault that is looked at for the first time.
#[test]
fn t29_a_chain_that_spent_a_coin_twice_long_ago() {
    for world in [World::new, World::by_script] {
        let (world, mut home) = (world(), Home::new());
        let coin = OutPoint::new(world.pay(receive(0), 1_000), 0);
        world.mine();
        for sat in [900, 800] {
            world.mine_these(vec![world.tx(&[coin], &[(nobody(), sat)])], nobody());
            world.mine_empty(3);
        }
        world.mine_empty(2_100);
        disbelieved(&mut home, &world, coin);
    }
}

#[test]
fn t29_a_transaction_that_names_a_coin_twice() {
    for world in [World::new, World::by_script] {
        for known_before in [false, true] {
            let (world, mut home) = (world(), Home::new());
            let coin = OutPoint::new(world.pay(receive(0), 1_000), 0);
            world.mine();
            if known_before {
                home.sync_and_check(&world);
            }
            let inputs = [coin, world.foreign(), coin];
            world.mine_these(vec![world.tx(&inputs, &[(nobody(), 900)])], nobody());
            disbelieved(&mut home, &world, coin);
            world.disconnect(1);
            world.mine_empty(2);
            home.sync_and_check(&world);
        }
    }
}
