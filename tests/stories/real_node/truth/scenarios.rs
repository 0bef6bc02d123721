//! What can happen to payments, one by one: each ends in what bdk_wallet and the node say, and in what the
//! program is expected to show.

use super::world::{World, script};
use bdk_wallet::KeychainKind;
use bitcoin::{Amount, OutPoint};
use serde_json::json;

fn started() -> World {
    let world = World::new();
    world.node.mine(1);
    world
}

/// A world with one confirmed coin.
fn with_coin(sat: u64) -> (World, OutPoint) {
    let world = started();
    let coin = world.pay(&world.receive(0), sat);
    world.node.mine(1);
    (world, coin)
}

#[test]
fn s01_a_deposit_waits_and_is_confirmed() {
    let mut world = started();
    world.shows(&[], &[]);
    world.pay(&world.receive(0), 100_000);
    world.shows(&[], &[100_000]);
    world.node.mine(1);
    world.shows(&[100_000], &[]);
}

#[test]
fn s02_one_address_is_paid_twice() {
    let mut world = started();
    world.pay(&world.receive(0), 100_000);
    world.node.mine(1);
    world.pay(&world.receive(0), 200_000);
    world.shows(&[100_000], &[200_000]);
    let listed = world.home.json(&["coin", "list", "family"]);
    assert!(
        listed["coins"]
            .as_array()
            .unwrap()
            .iter()
            .all(|coin| coin["reused"] == true)
    );
}

#[test]
fn s03_one_transaction_pays_receive_and_change() {
    let mut world = started();
    let change = world.address(KeychainKind::Internal, 0);
    world.pay_all(&[
        (world.receive(0), 100_000),
        (change, 200_000),
        (World::stranger(1), 300_000),
    ]);
    world.node.mine(1);
    world.shows(&[100_000, 200_000], &[]);
}

#[test]
fn s04_an_address_far_ahead_is_paid_and_moves_the_horizon() {
    let mut world = started();
    world.pay(&world.receive(199), 100_000);
    world.node.mine(1);
    world.shows(&[100_000], &[]);
    // 199 is in use now, so 399 is looked at.
    world.pay(&world.receive(399), 200_000);
    world.shows(&[100_000], &[200_000]);
}

#[test]
fn s05_a_payment_beyond_the_horizon_is_found_once_the_horizon_has_moved() {
    let mut world = started();
    world.pay(&world.receive(250), 200_000);
    world.sync();
    assert!(world.ours().is_empty());
    // Both still wait, so the second brings the first.
    world.pay(&world.receive(100), 100_000);
    world.shows(&[], &[100_000, 200_000]);
}

#[test]
fn s06_three_hundred_coins_in_one_transaction() {
    let mut world = started();
    let payments: Vec<(String, u64)> = (0..150)
        .map(|index| (world.receive(index), 10_000))
        .collect();
    world.pay_all(&payments);
    world.node.mine(1);
    world.pay_all(&payments);
    world.node.mine(1);
    world.shows(&[10_000; 300], &[]);
}

#[test]
fn s07_a_spend_waits_and_is_confirmed() {
    let (mut world, coin) = with_coin(100_000);
    world.shows(&[100_000], &[]);
    world.send(&world.spend(&[coin], &World::stranger(1), 1_000));
    world.shows(&[], &[]);
    world.node.mine(1);
    world.shows(&[], &[]);
}

#[test]
fn s08_a_spend_comes_back_to_ourselves() {
    let (mut world, coin) = with_coin(100_000);
    let back = world.address(KeychainKind::Internal, 3);
    world.send(&world.spend(&[coin], &back, 1_000));
    world.shows(&[], &[99_000]);
    world.node.mine(1);
    world.shows(&[99_000], &[]);
}

#[test]
fn s09_a_chain_of_waiting_transactions_is_followed() {
    let mut world = started();
    let mut coin = world.pay(&world.receive(0), 100_000);
    for step in 1..=5u32 {
        world.check();
        let next = world.spend(&[coin], &world.receive(step), 1_000);
        coin = OutPoint::new(world.send(&next), 0);
    }
    world.shows(&[], &[95_000]);
    world.node.mine(1);
    world.shows(&[95_000], &[]);
}

#[test]
fn s10_a_block_brings_what_never_was_in_the_mempool() {
    let (mut world, coin) = with_coin(100_000);
    let quiet = world.spend(&[coin], &world.receive(1), 1_000);
    world.node.mine_block(&[quiet]);
    world.shows(&[99_000], &[]);
}

#[test]
fn s11_deposit_and_spend_in_one_block() {
    let mut world = started();
    let coin = world.pay(&world.receive(0), 100_000);
    world.send(&world.spend(&[coin], &world.receive(1), 1_000));
    world.node.mine(1);
    // Seen for the first time when both are in a block.
    world.shows(&[99_000], &[]);
}

#[test]
fn s12_two_coins_in_one_spend() {
    let mut world = started();
    let coins = [
        world.pay(&world.receive(0), 100_000),
        world.pay(&world.receive(1), 200_000),
    ];
    world.node.mine(1);
    world.send(&world.spend(&coins, &world.receive(2), 2_000));
    world.shows(&[], &[298_000]);
}

#[test]
fn s13_a_payer_replaces_his_payment_by_one_to_somebody_else() {
    let mut world = started();
    let paid = world.pay_all(&[(world.receive(0), 100_000)]);
    world.shows(&[], &[100_000]);
    let mut other = paid.clone();
    other.output[0].script_pubkey = script(&World::stranger(2));
    other.output[1].value -= Amount::from_sat(20_000);
    world.send(&other);
    world.shows(&[], &[]);
    world.node.mine(1);
    world.shows(&[], &[]);
}

#[test]
fn s14_a_payer_replaces_his_payment_by_a_smaller_one() {
    let mut world = started();
    let paid = world.pay_all(&[(world.receive(0), 100_000)]);
    world.check();
    let mut smaller = paid.clone();
    smaller.output[0].value = Amount::from_sat(60_000);
    smaller.output[1].value += Amount::from_sat(20_000);
    world.send(&smaller);
    world.shows(&[], &[60_000]);
}

#[test]
fn s15_our_own_spend_is_replaced() {
    let (mut world, coin) = with_coin(100_000);
    world.send(&world.spend(&[coin], &World::stranger(1), 1_000));
    world.shows(&[], &[]);
    world.send(&world.spend(&[coin], &world.receive(5), 9_000));
    world.shows(&[], &[91_000]);
    world.node.mine(1);
    world.shows(&[91_000], &[]);
}

#[test]
fn s16_a_replacement_takes_the_children_with_it() {
    let (mut world, coin) = with_coin(100_000);
    let parent = world.spend(&[coin], &world.receive(1), 1_000);
    let child = OutPoint::new(world.send(&parent), 0);
    world.send(&world.spend(&[child], &world.receive(2), 1_000));
    world.shows(&[], &[98_000]);
    world.send(&world.spend(&[coin], &world.receive(3), 20_000));
    world.shows(&[], &[80_000]);
}

#[test]
fn s17_a_block_double_spends_a_deposit_that_waited() {
    let mut world = started();
    let paid = world.pay_all(&[(world.receive(0), 100_000)]);
    world.shows(&[], &[100_000]);
    let mut other = paid.clone();
    other.output[0].script_pubkey = script(&World::stranger(2));
    world.node.mine_block(&[other]);
    world.shows(&[], &[]);
}

#[test]
fn s18_a_block_double_spends_our_spend_that_waited() {
    let (mut world, coin) = with_coin(100_000);
    world.send(&world.spend(&[coin], &World::stranger(1), 1_000));
    world.check();
    world
        .node
        .mine_block(&[world.spend(&[coin], &world.receive(7), 2_000)]);
    world.shows(&[98_000], &[]);
}

#[test]
fn s19_a_deposit_is_evicted_and_comes_back() {
    let mut world = started();
    let paid = world.pay_all(&[(world.receive(0), 100_000)]);
    world.shows(&[], &[100_000]);
    world.node.stop();
    std::fs::remove_file(world.node.folder().join("regtest/mempool.dat")).unwrap();
    world.node.start_again();
    let url = world.node.url_cookie();
    world.home.set("QUORATE_NODE", &url);
    world.shows(&[], &[]);
    world.send(&paid);
    world.shows(&[], &[100_000]);
    world.node.mine(1);
    world.shows(&[100_000], &[]);
}

#[test]
fn s20_the_node_starts_again_with_its_mempool() {
    let mut world = started();
    world.pay(&world.receive(0), 100_000);
    world.check();
    world.node.stop();
    world.node.start_again();
    let url = world.node.url_cookie();
    world.home.set("QUORATE_NODE", &url);
    world.shows(&[], &[100_000]);
}

#[test]
fn s21_a_coinbase_pays_the_vault_and_ripens() {
    let mut world = started();
    world.node.mine_to(&world.receive(0), 1);
    world.shows(&[5_000_000_000], &[]);
    // Not offered before it is a hundred blocks deep.
    let to = format!("{}=1btc", World::stranger(1));
    let create = [
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "1",
    ];
    let (_, error) = world.home.fail(&create);
    assert_eq!(error["code"], "not_enough");
    world.node.mine(99);
    world.shows(&[5_000_000_000], &[]);
    assert_eq!(
        world.home.json(&create)["inputs"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn s22_a_vault_that_is_imported_late_finds_its_history() {
    let (mut world, coin) = with_coin(100_000);
    world.send(&world.spend(&[coin], &world.receive(1), 1_000));
    world.node.mine(10);
    world.pay(&world.receive(2), 50_000);
    world.shows(&[99_000], &[50_000]);
    let file = world.home.file("family.txt");
    let file = file.to_str().unwrap();
    world.home.json(&["vault", "export", "family", "-o", file]);
    let mut other = quorate_testkit::Home::new();
    other.set("QUORATE_NODE", &world.node.url_cookie());
    other.json(&["init", "--network", "regtest"]);
    other.json(&["vault", "import", "family", file, "--birthday", "0"]);
    other.json(&["sync"]);
    let ours = world.home.json(&["coin", "list", "family"]);
    let theirs = other.json(&["coin", "list", "family"]);
    for (one, two) in ours["coins"]
        .as_array()
        .unwrap()
        .iter()
        .zip(theirs["coins"].as_array().unwrap())
    {
        assert_eq!(
            (&one["outpoint"], &one["height"]),
            (&two["outpoint"], &two["height"])
        );
    }
    assert_eq!(
        other.json(&["balance", "family"])["confirmed_sat"],
        json!(99_000)
    );
}

#[test]
fn s23_a_transaction_between_two_vaults_is_seen_by_both() {
    let (mut world, coin) = with_coin(100_000);
    let keys: Vec<String> = ["dave", "erin", "bob"]
        .map(quorate_testkit::fixtures::TestKey::named)
        .iter()
        .map(quorate_testkit::fixtures::TestKey::argument)
        .collect();
    let mut create = vec!["vault", "create", "firm", "--policy", "2-of-3"];
    keys.iter().for_each(|key| create.extend(["--key", key]));
    world.home.json(&create);
    let to = world.home.json(&["address", "new", "firm"]);
    let to = to["address"].as_str().unwrap().to_owned();
    world.send(&world.spend(&[coin], &to, 1_000));
    world.shows(&[], &[]);
    assert_eq!(world.home.json(&["balance", "firm"])["pending_sat"], 99_000);
    world.node.mine(1);
    world.shows(&[], &[]);
    assert_eq!(
        world.home.json(&["balance", "firm"])["confirmed_sat"],
        99_000
    );
}
