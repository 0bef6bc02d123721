//! Two nodes of one network: the preferred one is stopped while people work, and comes back. Nobody
//! has to change anything, and what is shown is what Bitcoin Core counts.

use super::family::{Family, path, text};
use bitcoin::Amount;
use quorate_testkit::Node;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// A family whose node has a neighbour, which the office asks when its own node is down.
fn neighbours() -> (Family, Node) {
    let mut family = Family::with_vault("2-of-3");
    let second = Node::start_listening(&[]);
    family.node.connect_to(&second);
    let both = format!("{} {}", family.node.url_cookie(), second.url_userpass());
    family.office.set("QUORATE_NODE", &both);
    (family, second)
}

fn name(node: &Node) -> String {
    format!("Bitcoin Core at {}", node.rpc_address())
}

/// What Bitcoin Core counts for the vault's descriptor, in satoshi.
fn counted(family: &Family, node: &Node) -> u64 {
    let vault = family.office.json(&["vault", "show", "family"]);
    let whole = text(&vault["descriptor"]).split('#').next().unwrap();
    let halves = ["0", "1"].map(|keychain| {
        let descriptor = whole.replace("<0;1>", keychain);
        json!({ "desc": descriptor, "range": 50 })
    });
    let found = node.rpc("scantxoutset", json!(["start", halves]));
    let total = Amount::from_btc(found["total_amount"].as_f64().unwrap());
    total.unwrap().to_sat()
}

fn source<'a>(list: &'a Value, node: &Node) -> &'a Value {
    let sources = list["sources"].as_array().unwrap();
    let found = sources.iter().find(|source| source["name"] == name(node));
    found.unwrap_or_else(|| panic!("{} is not in {list}", name(node)))
}

#[test]
fn the_first_node_is_stopped_and_the_second_carries_on() {
    let (mut family, second) = neighbours();
    family.deposit("50000000");
    let synced = family.office.json(&["sync", "family"]);
    assert_eq!(synced["as_of"]["source"], name(&family.node));
    assert_eq!(synced["problems"], json!([]));
    let list = family.office.json(&["source", "list"]);
    assert_eq!(list["notes"], json!([]));
    for node in [&family.node, &second] {
        let source = source(&list, node);
        assert_eq!(source["usable"], true, "{source}");
        assert_eq!(source["breaker"], "closed");
        assert_eq!(source["height"], node.chain_tip().height);
        assert_eq!(source["hash"], node.chain_tip().hash.to_string());
    }

    let to = format!("{}=0.2btc", family.stranger());
    let args = [
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ];
    let id = text(&family.office.json(&args)["id"]).to_owned();
    let files = ["alice", "bob"].map(|who| family.sign(who, &family.export(&id, who)));
    let [alice, bob] = &files;
    family
        .office
        .json(&["proposal", "import", path(alice), path(bob)]);

    // The power goes while a transaction is to be sent.
    family.node.stop();
    let output = family.office.run(&["proposal", "broadcast", &id]);
    assert_eq!(output.code(), Some(0), "{output:?}");
    assert!(output.stdout.contains(&name(&second)), "{output:?}");
    assert!(output.stderr.contains("was asked instead"), "{output:?}");
    let txid = family.office.json(&["proposal", "show", &id])["txid"].clone();
    assert_eq!(second.mempool()[0].to_string(), text(&txid));
    second.mine(1);
    let synced = family.office.json(&["sync", "family"]);
    assert_eq!(synced["as_of"]["source"], name(&second));
    assert_eq!(synced["height"], second.chain_tip().height);
    assert_eq!(family.status(&id), "confirmed");
    let balance = family.office.json(&["balance", "family"]);
    assert_eq!(balance["confirmed_sat"], counted(&family, &second));

    let list = family.office.json(&["source", "list"]);
    let down = source(&list, &family.node);
    assert_eq!(
        (&down["reachable"], &down["breaker"]),
        (&json!(false), &json!("open"))
    );
    assert_eq!(source(&list, &second)["usable"], true);
    let shown = family.office.run(&["source", "list"]).stdout;
    assert!(shown.contains("left alone for"), "{shown}");
    assert!(!shown.contains("cookie:"), "{shown}");

    // It comes back, a block behind at first.
    family.node.start_again();
    family.node.connect_to(&second);
    let list = family.office.json(&["source", "list"]);
    let back = source(&list, &family.node);
    assert_eq!(
        (&back["usable"], &back["breaker"]),
        (&json!(true), &json!("closed"))
    );
    assert!(back["last_failure"].is_string(), "{back}");
    let synced = family.office.json(&["sync", "family"]);
    assert_eq!(synced["as_of"]["source"], name(&family.node));
    let balance = family.office.json(&["balance", "family"]);
    assert_eq!(balance["confirmed_sat"], counted(&family, &family.node));
}

/// The first node dies while blocks are read from it, again and again; the second one, which is some
/// blocks behind, goes on, and nothing is lost or counted twice.
#[test]
fn t28_a_node_that_dies_in_the_middle_of_a_rescan_is_followed_by_the_next() {
    let (mut family, second) = neighbours();
    for amount in ["50000000", "30000000", "7000000"] {
        family.deposit(amount);
        family.node.mine(5);
    }
    family.node.mine(1_500);
    family.node.connect_to(&second);
    // Alone, the first node gets ahead.
    second.rpc("setnetworkactive", json!([false]));
    family.deposit("1000000");
    let ahead = family.office.json(&["balance", "family"]);
    assert_eq!(ahead["confirmed_sat"], 88_000_000);
    assert_eq!(
        family.node.chain_tip().height,
        second.chain_tip().height + 1
    );

    let mut carried_on = 0;
    for attempt in 0..6_u64 {
        let rescan = ["vault", "rescan", "family", "--from", "1", "--json"];
        let running = family.office.spawn(&rescan);
        thread::sleep(Duration::from_millis(60 + attempt * 40));
        family.node.stop();
        let output = running.wait();
        assert_eq!(output.code(), Some(0), "{output:?}");
        let view: Value = serde_json::from_str(&output.stdout).unwrap();
        if view["as_of"]["source"] == name(&second) {
            carried_on += 1;
            assert_eq!(view["height"], second.chain_tip().height);
            let balance = family.office.json(&["balance", "family"]);
            assert_eq!(balance["confirmed_sat"], counted(&family, &second));
            assert_eq!(balance["confirmed_sat"], 87_000_000);
        }
        family.node.start_again();
        family.office.json(&["source", "list"]);
        family.office.json(&["sync"]);
        let balance = family.office.json(&["balance", "family"]);
        assert_eq!(balance["as_of"]["source"], name(&family.node));
        assert_eq!(balance["confirmed_sat"], counted(&family, &family.node));
        assert_eq!(balance["confirmed_sat"], 88_000_000);
    }
    assert!(carried_on > 0, "the node never died in the middle");
    let verified = family.office.json(&["journal", "verify", "family"]);
    assert_eq!(verified["faults"], json!([]));
}

/// A node that threw its old blocks away is named, with the first block it has, and what was known
/// stays as it was.
#[test]
fn a_pruned_node_refuses_a_rescan_below_its_first_block() {
    let mut family = Family::with_vault("2-of-3");
    let pruned = Node::start_listening(&["-prune=1", "-fastprune"]);
    family.deposit("50000000");
    family.node.mine(1_000);
    family.node.connect_to(&pruned);
    let first = pruned.rpc("pruneblockchain", json!([600]));
    let first = first.as_u64().unwrap() + 1;
    family.office.json(&["sync", "family"]);
    let before = family.office.json(&["balance", "family"]);
    family.office.set("QUORATE_NODE", &pruned.url_userpass());
    let rescan = ["vault", "rescan", "family", "--from", "20"];
    let (code, error) = family.office.fail(&rescan);
    assert_eq!((code, &error["code"]), (1, &json!("pruned")));
    let info = pruned.rpc("getblockchaininfo", json!([]));
    assert_eq!(info["pruneheight"].as_u64(), Some(first));
    assert!(
        text(&error["message"]).contains(&format!("the first block it has is {first}")),
        "{error}"
    );
    assert_eq!(family.office.json(&["balance", "family"]), before);
    let list = family.office.json(&["source", "list"]);
    assert_eq!(list["sources"][0]["pruned_below"], first);
    // From its first block on it can.
    let from = first.to_string();
    let view = family
        .office
        .json(&["vault", "rescan", "family", "--from", &from]);
    assert_eq!(view["as_of"]["source"], name(&pruned));
    let after = family.office.json(&["balance", "family"]);
    assert_eq!(after["confirmed_sat"], before["confirmed_sat"]);
}
