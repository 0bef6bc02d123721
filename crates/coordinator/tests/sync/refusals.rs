//! Sources that can't be followed: each refused in a sentence that says what to do, with nothing
//! changed.

use crate::home::{Home, first_vault, receive, second_vault};
use crate::world::{Lie, World};
use bitcoin::Network;
use quorate_chain::ChainError;
use quorate_coordinator::sync::SyncError;
use quorate_core::ledger::Birth;

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
