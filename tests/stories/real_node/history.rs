//! What a vault's history, statements and evidence say, against Bitcoin Core's own data.

use super::family::{Family, path, text};
use bitcoin::{Amount, Psbt, PublicKey};
use quorate_testkit::Node;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAY: u64 = 86_400;

/// Noon of the day after the chain's newest block: nodes don't go back in time.
fn tomorrow(node: &Node) -> u64 {
    let header = node.rpc("getblockheader", json!([node.chain_tip().hash]));
    (header["time"].as_u64().unwrap() / DAY + 1) * DAY + DAY / 2
}

/// `YYYY-MM-DD`, by counting days.
fn date(time: u64) -> String {
    let (mut days, mut year) = (time / DAY, 1970);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, days + 1)
}

fn sat(value: &Value) -> i64 {
    let amount = Amount::from_btc(value.as_f64().unwrap()).unwrap();
    i64::try_from(amount.to_sat()).unwrap()
}

fn whole(value: &Value) -> i64 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// One transaction, as Bitcoin Core sees it: what it paid the vault, what it took from it, its fee when
/// it is the vault's alone.
#[derive(Debug, PartialEq, Eq)]
struct Moved {
    time: u64,
    height: u64,
    received: i64,
    sent: i64,
    fee: Option<i64>,
}

/// The vault's scripts, derived by Bitcoin Core.
fn scripts(node: &Node, descriptor: &str) -> BTreeSet<String> {
    let body = descriptor.split('#').next().unwrap();
    let mut all = BTreeSet::new();
    for chain in ["0", "1"] {
        let single = body.replace("<0;1>", chain);
        let info = node.rpc("getdescriptorinfo", json!([single]));
        let derived = node.rpc("deriveaddresses", json!([info["descriptor"], [0, 40]]));
        all.extend(
            derived
                .as_array()
                .unwrap()
                .iter()
                .map(|one| text(one).to_owned()),
        );
    }
    all
}

/// Every transaction of the chain that concerns these addresses, out of `getblock` with prevouts.
fn by_core(node: &Node, ours: &BTreeSet<String>) -> BTreeMap<String, Moved> {
    let tip = node.chain_tip().height;
    let mut all = BTreeMap::new();
    for height in 0..=tip {
        let hash = node.rpc("getblockhash", json!([height]));
        let block = node.rpc("getblock", json!([hash, 3]));
        for tx in block["tx"].as_array().unwrap() {
            let is_ours = |output: &Value| {
                let address = output["scriptPubKey"]["address"].as_str();
                address.is_some_and(|address| ours.contains(address))
            };
            let outputs = tx["vout"].as_array().unwrap().iter();
            let received: i64 = outputs
                .filter(|one| is_ours(one))
                .map(|one| sat(&one["value"]))
                .sum();
            let inputs = tx["vin"].as_array().unwrap();
            let spent: Vec<&Value> = inputs
                .iter()
                .map(|input| &input["prevout"])
                .filter(|prevout| prevout.is_object() && is_ours(prevout))
                .collect();
            let sent = spent.iter().map(|prevout| sat(&prevout["value"])).sum();
            if received != 0 || sent != 0 {
                let moved = Moved {
                    time: block["time"].as_u64().unwrap(),
                    height: u64::from(height),
                    received,
                    sent,
                    fee: (spent.len() == inputs.len()).then(|| sat(&tx["fee"])),
                };
                all.insert(text(&tx["txid"]).to_owned(), moved);
            }
        }
    }
    all
}

/// What the vault holds, out of the node's set of unspent outputs.
fn unspent(node: &Node, descriptor: &str) -> i64 {
    let found = node.rpc(
        "scantxoutset",
        json!(["start", [{"desc": descriptor, "range": 40}]]),
    );
    sat(&found["total_amount"])
}

/// A payment of the vault, signed by alice and bob.
fn pay(family: &Family, amount: &str, memo: &str) -> Value {
    let to = format!("{}={amount}", family.stranger());
    let proposal = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "3",
        "--memo",
        memo,
    ]);
    let id = text(&proposal["id"]);
    let files = ["alice", "bob"].map(|who| family.sign(who, &family.export(id, who)));
    let files = files.each_ref().map(|file| path(file));
    family
        .office
        .json(&["proposal", "import", files[0], files[1]]);
    proposal
}

fn check(family: &Family, descriptor: &str, start: u64) {
    let (office, node) = (&family.office, &family.node);
    office.json(&["sync"]);
    let expected = by_core(node, &scripts(node, descriptor));
    // The whole, by its days.
    let all = office.json(&[
        "statement",
        "family",
        "--from",
        "2009-01-03",
        "--to",
        "2099-12-31",
    ]);
    let lines = all["lines"].as_array().unwrap();
    assert_eq!(lines.len(), expected.len());
    let mut held = 0;
    for line in lines {
        let moved = &expected[text(&line["txid"])];
        assert_eq!(
            *moved,
            Moved {
                time: line["time"].as_u64().unwrap(),
                height: line["height"].as_u64().unwrap(),
                received: whole(&line["received_sat"]),
                sent: whole(&line["sent_sat"]),
                fee: line["fee_sat"].as_i64(),
            },
            "{line}"
        );
        held += moved.received - moved.sent;
        assert_eq!(whole(&line["balance_sat"]), held);
    }
    assert_eq!(whole(&all["closing_sat"]), unspent(node, descriptor));
    let balance = office.json(&["balance", "family"]);
    assert_eq!(whole(&balance["confirmed_sat"]), unspent(node, descriptor));
    // Each day for itself.
    for day in 0..6 {
        let from = start - DAY / 2 + day * DAY;
        let date = date(from);
        let view = office.json(&["statement", "family", "--from", &date, "--to", &date]);
        let sum = |until: u64| -> i64 {
            let before = expected.values().filter(|moved| moved.time < until);
            before.map(|moved| moved.received - moved.sent).sum()
        };
        assert_eq!(whole(&view["opening_sat"]), sum(from), "{date}");
        assert_eq!(whole(&view["closing_sat"]), sum(from + DAY), "{date}");
        assert_eq!(
            whole(&view["opening_sat"]) + whole(&view["in_sat"])
                - whole(&view["out_sat"])
                - whole(&view["fees_sat"]),
            whole(&view["closing_sat"]),
            "{date}"
        );
    }
    // The history is the same list in the order of the chain.
    let history = office.json(&["history", "family", "--oldest-first", "--limit", "1000"]);
    let listed: BTreeSet<&str> = history["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["state"] == "confirmed")
        .map(|one| text(&one["txid"]))
        .collect();
    assert_eq!(listed, expected.keys().map(String::as_str).collect());
}

#[test]
fn statements_agree_with_the_nodes_own_books() {
    let family = Family::with_vault("2-of-3");
    let (office, node) = (&family.office, &family.node);
    let vault = office.json(&["vault", "show", "family"]);
    let descriptor = text(&vault["descriptor"]).to_owned();
    office.json(&["sync", "family", "--rescan-from", "0"]);
    let start = tomorrow(node);
    node.set_time(start);
    family.deposit("100000000");
    family.deposit("30000000");
    node.set_time(start + DAY);
    let first = pay(&family, "0.4btc", "invoice 17");
    office.json(&["proposal", "broadcast", text(&first["id"])]);
    node.mine(1);
    office.json(&["sync"]);
    node.set_time(start + 2 * DAY);
    family.deposit("7000000");
    // Everything that is left, to itself: only the fee is lost.
    let own = office.json(&["address", "new", "family"]);
    let to = format!("{}=all", text(&own["address"]));
    let inside = office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let files = ["alice", "carol"].map(|who| {
        let id = text(&inside["id"]);
        family.sign(who, &family.export(id, who))
    });
    let files = files.each_ref().map(|file| path(file));
    office.json(&["proposal", "import", files[0], files[1]]);
    office.json(&["proposal", "broadcast", text(&inside["id"])]);
    node.set_time(start + 3 * DAY);
    node.mine(2);
    check(&family, &descriptor, start);
    let history = office.json(&["history", "family"]);
    let newest = &history["transactions"][0];
    assert_eq!(newest["kind"], "internal");
    assert_eq!(newest["fee_sat"], inside["fee_sat"]);
    let paid = history["transactions"].as_array().unwrap().iter();
    let paid = paid
        .clone()
        .find(|one| one["proposal"] == first["id"])
        .unwrap();
    assert_eq!(
        (&paid["memo"], &paid["kind"]),
        (&json!("invoice 17"), &json!("payment"))
    );
    assert_eq!(
        paid["counterparties"][0]["address"],
        json!(family.stranger())
    );

    // The chain goes another way, on another day; the books follow.
    node.set_time(start + 4 * DAY);
    node.reorg(2);
    check(&family, &descriptor, start);
    // A payment that another one overtakes on the chain is told as such, and isn't in the books.
    let lost = pay(&family, "0.1btc", "overtaken");
    office.json(&["proposal", "broadcast", text(&lost["id"])]);
    office.json(&["sync"]);
    let history = office.json(&["history", "family"]);
    assert_eq!(history["transactions"][0]["state"], "unconfirmed");
    assert_eq!(history["transactions"][0]["txid"], lost["txid"]);
    node.mine(1);
    check(&family, &descriptor, start);
}

#[test]
fn the_signatures_in_evidence_are_what_bitcoin_core_takes() {
    let family = Family::with_vault("2-of-3");
    let (office, node) = (&family.office, &family.node);
    family.deposit("50000000");
    family.deposit("60000000");
    let proposal = pay(&family, "0.9btc", "invoice 18");
    let id = text(&proposal["id"]);
    office.json(&["proposal", "evidence", id, "-o", "ready.json"]);
    let evidence: Value =
        serde_json::from_str(&std::fs::read_to_string(office.file("ready.json")).unwrap()).unwrap();
    assert_eq!(evidence["claims"]["status"], "ready");
    assert_eq!(evidence["final_transaction"], Value::Null);
    // From nothing but the document: the request and the signatures make a transaction that a node
    // takes.
    let mut psbt: Psbt = text(&evidence["proposal"]["request"]).parse().unwrap();
    for one in evidence["signatures"].as_array().unwrap() {
        let input = usize::try_from(one["input"].as_u64().unwrap()).unwrap();
        let key: PublicKey = text(&one["public_key"]).parse().unwrap();
        let signature = text(&one["signature"]).parse().unwrap();
        psbt.inputs[input].partial_sigs.insert(key, signature);
    }
    let last = node.rpc("finalizepsbt", json!([psbt.to_string()]));
    assert_eq!(last["complete"], true, "{last}");
    let accepted = node.rpc("testmempoolaccept", json!([[last["hex"]]]));
    assert_eq!(accepted[0]["allowed"], true, "{accepted}");
    let unsigned = node.rpc(
        "decoderawtransaction",
        json!([evidence["proposal"]["unsigned_transaction"]]),
    );
    assert_eq!(unsigned["txid"], evidence["proposal"]["unsigned_txid"]);
    // Without one of the signatures it isn't.
    psbt.inputs[0].partial_sigs.pop_first();
    let less = node.rpc("finalizepsbt", json!([psbt.to_string()]));
    assert_eq!(less["complete"], false);

    office.json(&["proposal", "broadcast", id]);
    let blocks = node.mine(1);
    office.json(&["sync"]);
    office.json(&["proposal", "evidence", id, "-o", "confirmed.json"]);
    let evidence: Value =
        serde_json::from_str(&std::fs::read_to_string(office.file("confirmed.json")).unwrap())
            .unwrap();
    let block = blocks[0].to_string();
    assert_eq!(evidence["claims"]["block"], json!(block));
    let on_chain = node.rpc("getrawtransaction", json!([proposal["txid"], 1, block]));
    assert_eq!(evidence["final_transaction"], on_chain["hex"]);
    assert_eq!(evidence["claims"]["block_time"], on_chain["blocktime"]);
    // Carol, who has no part of the office's database, checks it, and so does somebody with nothing.
    std::fs::copy(office.file("confirmed.json"), family.carol.file("e.json")).unwrap();
    let view = family.carol.json(&["proposal", "verify", "e.json"]);
    assert_eq!(
        (&view["holds"], &view["faults"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(view["words"].as_str().unwrap().split(' ').count(), 8);
}

/// Coins in blocks as events tell of them; `None` before the first look is done.
fn told(office: &quorate_testkit::Home) -> BTreeMap<String, Option<u64>> {
    let output = office.run(&["event", "stream", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let mut coins = BTreeMap::new();
    for line in output.stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let Some(outpoint) = event["outpoint"].as_str().map(str::to_owned) else {
            continue;
        };
        match text(&event["kind"]) {
            "coin_seen" | "coin_confirmed" | "coin_unconfirmed" => {
                coins.insert(outpoint, event["height"].as_u64());
            }
            "coin_gone" | "coin_spent" => drop(coins.remove(&outpoint)),
            other => assert!(other.starts_with("spend_"), "{event}"),
        }
    }
    coins
}

#[test]
fn events_of_a_node_add_up_though_their_reader_is_killed() {
    let family = Family::with_vault("2-of-3");
    let (office, node) = (&family.office, &family.node);
    office.json(&["sync"]);
    let args = ["event", "stream", "--follow", "--every", "1", "--json"];
    for round in 0..10u64 {
        let address = office.json(&["address", "new", "family"]);
        node.fund(text(&address["address"]), Amount::from_sat(100_000 + round));
        match round {
            3 | 6 => drop(node.reorg(1)),
            8 => drop(node.reorg_empty(2)),
            _ => drop(node.mine(1)),
        }
        let follower = office.spawn(&args);
        std::thread::sleep(std::time::Duration::from_millis(60 + round * 40));
        let seen = follower.kill();
        // Killed in the middle of a line, but not before the one that it follows.
        let whole = seen.stdout.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let _: Value = serde_json::from_str(line).unwrap();
        }
        if round % 2 == 1 {
            office.json(&["sync"]);
        }
        let coins = office.json(&["coin", "list", "family"]);
        let held: BTreeMap<String, Option<u64>> = coins["coins"]
            .as_array()
            .unwrap()
            .iter()
            .map(|coin| (text(&coin["outpoint"]).to_owned(), coin["height"].as_u64()))
            .collect();
        assert_eq!(told(office), held, "round {round}");
    }
    node.mine(1);
    office.json(&["sync"]);
    let vault = office.json(&["vault", "show", "family"]);
    let sum = unspent(node, text(&vault["descriptor"]));
    let balance = office.json(&["balance", "family"]);
    assert_eq!(whole(&balance["confirmed_sat"]), sum);
    assert_eq!(told(office).len(), 10);
}
