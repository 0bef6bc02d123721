//! Sources that can't be followed: each refused in a sentence that says what to do, with nothing
//! changed.

use crate::home::{Home, first_vault, receive, second_vault};
use crate::world::World;
use bitcoin::hashes::Hash;
use bitcoin::{Block, BlockHash, Network, Transaction, Txid};
use quorate_chain::{Broadcast, ChainError, ChainSource, ChainStatus};
use quorate_coordinator::sync::{SyncError, sync_at};
use quorate_core::ledger::Birth;

fn refused(home: &mut Home, source: &dyn ChainSource) -> (SyncError, String) {
    let before = home.store.read(|tx| tx.ledger_revision()).unwrap();
    let error = sync_at(&mut home.store, source, &mut |_| {}, 0).unwrap_err();
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
        let liar = Liar { world: &world, lie };
        let error = sync_at(&mut home.store, &liar, &mut |_| {}, 0).unwrap_err();
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    Tip,
    OtherBlocks,
    FewerBlocks,
    MoreMoney,
    OtherTransactions,
}

#[derive(Debug)]
struct Liar<'a> {
    world: &'a World,
    lie: Lie,
}

impl ChainSource for Liar<'_> {
    fn name(&self) -> &str {
        "a liar"
    }

    fn status(&self) -> Result<ChainStatus, ChainError> {
        let mut status = self.world.status()?;
        if self.lie == Lie::Tip {
            status.tip.hash = BlockHash::all_zeros();
        }
        Ok(status)
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.world.block_hash(height)
    }

    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.world.block_time(height)
    }

    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        let mut blocks = self.world.blocks(hashes)?;
        let last = blocks.last_mut().unwrap();
        match self.lie {
            Lie::OtherBlocks => last.header.nonce += 1,
            Lie::FewerBlocks => drop(blocks.pop()),
            Lie::MoreMoney => {
                let output = &mut last.txdata[0].output[0];
                output.value = bitcoin::Amount::MAX;
            }
            Lie::Tip | Lie::OtherTransactions => {}
        }
        Ok(blocks)
    }

    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.world.block_hashes(from, count)
    }

    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.world.mempool_txids()
    }

    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        let mut transactions = self.world.mempool_transactions(txids)?;
        if self.lie == Lie::OtherTransactions {
            transactions[0].output[0].value += bitcoin::Amount::ONE_SAT;
        }
        Ok(transactions)
    }

    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.world.test_accept(tx)
    }

    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.world.broadcast(tx)
    }
}
