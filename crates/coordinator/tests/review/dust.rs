//! T30: dust sent to an address that was in use shows its sender which coins belong together, if it is
//! spent with them.

use crate::world::{World, stranger, with};
use bitcoin::Amount;
use quorate_core::spend::Send;

#[test]
fn t30_dust_on_a_used_address_is_not_spent_unless_it_is_named() {
    let mut world = World::new();
    let address = world.address("family");
    let coin = world.fund(&address, 100_000);
    let dust = world.fund(&address, 999);
    assert!(world.coin(coin).frozen.is_none());
    let frozen = world.coin(dust).frozen.unwrap();
    assert!(frozen.contains("dust"), "{frozen}");
    let all = [(stranger(1), Send::All)];
    let view = world.propose(&all, &[]).unwrap();
    let spent: Vec<&str> = view
        .review
        .inputs
        .iter()
        .map(|input| input.outpoint.as_str())
        .collect();
    assert_eq!(spent, [coin.to_string()]);
    let told = with(&view.review.findings, "left out");
    assert_eq!(told.len(), 1, "{:?}", view.review.findings);
    assert!(told[0].contains("a coin of 999 sat") && told[0].contains("--coin"));
    world
        .office
        .abandon(&view.id, None, crate::world::moment(80))
        .unwrap();
    let view = world.propose(&all, &[coin, dust]).unwrap();
    assert_eq!(view.review.inputs.len(), 2);
}

#[test]
fn t30_only_dust_and_only_on_used_addresses_is_frozen() {
    let mut world = World::new();
    let (first, second) = (world.address("family"), world.address("family"));
    let fresh = world.fund(&first, 999);
    assert!(world.coin(fresh).frozen.is_none(), "a fresh address");
    let later = world.fund(&first, 50_000);
    assert!(world.coin(fresh).frozen.is_none(), "it came first");
    assert!(world.coin(later).frozen.is_none());
    world.fund(&second, 50_000);
    let limit = world.fund(&second, 1_000);
    assert!(world.coin(limit).frozen.is_none(), "1,000 sat are money");
    // In the mempool too: it comes after every block.
    let script = second.script_pubkey();
    let waiting = world.chain.pay(&script, Amount::from_sat(500)).unwrap();
    world.sync();
    assert!(world.coin(waiting).frozen.is_some());
}

#[test]
fn t30_an_address_stays_used_when_its_coin_is_spent() {
    let mut world = World::new();
    let address = world.address("family");
    let coin = world.fund(&address, 100_000);
    let send = Send::Exactly(Amount::from_sat(50_000));
    let view = world.propose(&[(stranger(1), send)], &[coin]).unwrap();
    world.finish(&view.id, [11, 21]);
    let dust = world.fund(&address, 700);
    assert!(world.coin(dust).frozen.is_some());
    // The rest isn't enough, and the answer says where more is.
    let send = Send::Exactly(Amount::from_sat(50_000));
    let error = world.propose(&[(stranger(1), send)], &[]).unwrap_err();
    assert_eq!(error.code, "not_enough");
    let hint = error.hint.unwrap();
    assert!(
        hint.contains("700 sat") && hint.contains("--coin"),
        "{hint}"
    );
}
