//! Ways to spend, on a real chain: what we build, a node takes, and what we say of fees is what it counts.

use super::family::{Family, path, text};
use bitcoin::Amount;
use serde_json::{Value, json};
use std::path::PathBuf;

fn id(view: &Value) -> String {
    text(&view["id"]).to_owned()
}

fn signed(family: &Family, id: &str) {
    let files: Vec<PathBuf> = ["alice", "bob"]
        .iter()
        .map(|who| family.sign(who, &family.export(id, who)))
        .collect();
    let mut args = vec!["proposal", "import"];
    args.extend(files.iter().map(|file| path(file)));
    family.office.json(&args);
}

/// Signed by two, sent; what the node says of it in its mempool.
fn sent(family: &Family, id: &str) -> Value {
    signed(family, id);
    let view = family.office.json(&["proposal", "broadcast", id]);
    family.node.rpc("getmempoolentry", json!([view["txid"]]))
}

fn create(family: &Family, more: &[&str]) -> Value {
    let mut args = vec!["proposal", "create", "family"];
    args.extend(more);
    family.office.json(&args)
}

fn sat(entry: &Value, fee: &str) -> u64 {
    let btc = entry["fees"][fee].as_f64().unwrap();
    Amount::from_btc(btc).unwrap().to_sat()
}

/// The outputs that the node reads out of a proposal's transaction, in satoshi.
fn outputs(family: &Family, view: &Value) -> Vec<(String, u64)> {
    let raw = family
        .node
        .rpc("getrawtransaction", json!([view["txid"], true]));
    let outputs = raw["vout"].as_array().unwrap().iter();
    outputs
        .map(|output| {
            let address = output["scriptPubKey"]["address"].as_str();
            let value = Amount::from_btc(output["value"].as_f64().unwrap()).unwrap();
            (address.unwrap_or("data").to_owned(), value.to_sat())
        })
        .collect()
}

#[test]
fn a_higher_fee_replaces_what_waits_and_a_child_hurries_what_others_sent() {
    let family = Family::with_vault("2-of-3");
    family.deposit("60000000");
    let office = &family.office;
    let to = format!("{}=0.1btc", family.stranger());
    let slow = create(&family, &["--to", &to, "--feerate", "1"]);
    let entry = sent(&family, &id(&slow));
    office.json(&["sync"]);
    // Too little more is refused before anybody signs; enough is what the node takes.
    let (_, error) = office.fail(&["proposal", "bump", &id(&slow), "--feerate", "1.5"]);
    assert_eq!(error["code"], "underbid", "{error}");
    let faster = office.json(&["proposal", "bump", &id(&slow), "--feerate", "5"]);
    for part in ["address", "amount_sat"] {
        assert_eq!(faster["recipients"][0][part], slow["recipients"][0][part]);
    }
    let coins = |view: &Value| -> Vec<String> {
        let inputs = view["inputs"].as_array().unwrap().iter();
        inputs
            .map(|input| text(&input["outpoint"]).to_owned())
            .collect()
    };
    assert_eq!(coins(&faster), coins(&slow));
    let bumped = sent(&family, &id(&faster));
    assert!(sat(&bumped, "base") > sat(&entry, "base"));
    assert_eq!(sat(&bumped, "base"), faster["fee_sat"].as_u64().unwrap());
    office.json(&["sync"]);
    assert_eq!(family.status(&id(&slow)), "replaced");
    assert_eq!(family.node.mempool().len(), 1);
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&id(&faster)), "confirmed");

    // Somebody's payment to us pays little; our child makes the package worth 20 sat/vB.
    let address = office.json(&["address", "new", "family"]);
    let coin = family
        .node
        .fund(text(&address["address"]), Amount::from_sat(5_000_000));
    office.json(&["sync"]);
    let coin = coin.to_string();
    let (_, error) = office.fail(&["proposal", "hurry", "family", &coin, "--feerate", "2"]);
    assert_eq!(error["code"], "pays_enough", "{error}");
    let child = office.json(&["proposal", "hurry", "family", &coin, "--feerate", "20"]);
    assert_eq!(child["recipients"], json!([]));
    let entry = sent(&family, &id(&child));
    let rate = sat(&entry, "ancestor") as f64 / entry["ancestorsize"].as_f64().unwrap();
    assert!((20.0..21.0).contains(&rate), "{rate}");
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(family.status(&id(&child)), "confirmed");
    let (_, error) = office.fail(&["proposal", "hurry", "family", &coin, "--feerate", "20"]);
    assert_eq!(error["code"], "not_waiting", "{error}");
}

#[test]
fn payments_out_of_a_file_less_their_fee_with_data_in_version_3() {
    let family = Family::with_vault("2-of-3");
    family.deposit("60000000");
    let (a, b) = (
        family.stranger(),
        family.office.json(&["address", "new", "family"]),
    );
    let file = family.office.file("batch.csv");
    let list = format!(
        "address,amount,label\n{a},0.1btc,Bakery\n{},0.05btc,\n",
        text(&b["address"])
    );
    std::fs::write(&file, list).unwrap();
    let view = create(
        &family,
        &[
            "--batch",
            path(&file),
            "--feerate",
            "2",
            "--subtract-fee-from",
            &a,
            "--data",
            "May 2026",
            "--truc",
        ],
    );
    let entry = sent(&family, &id(&view));
    let fee = sat(&entry, "base");
    assert_eq!(view["fee_sat"].as_u64().unwrap(), fee);
    let outputs = outputs(&family, &view);
    let of = |whom: &str| {
        outputs
            .iter()
            .find(|(address, _)| address == whom)
            .unwrap()
            .1
    };
    assert_eq!(of(&a), 10_000_000 - fee);
    assert_eq!(of(text(&b["address"])), 5_000_000);
    assert_eq!(of("data"), 0);
    let raw = family
        .node
        .rpc("getrawtransaction", json!([view["txid"], true]));
    assert_eq!(raw["version"], 3);
    assert!(outputs.len() == 4 && fee >= 2 * entry["vsize"].as_u64().unwrap());
    // What version 3 made can't be spent by another version before it is confirmed: not offered.
    family.office.json(&["sync"]);
    let to = format!("{a}=0.3btc");
    let (_, error) = family.office.fail(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "1",
    ]);
    assert_eq!(error["code"], "not_enough", "{error}");
    family.node.mine(1);
    family.office.json(&["sync"]);
    create(&family, &["--to", &to, "--feerate", "1"]);
}

#[test]
fn rates_below_a_satoshi_are_taken_by_the_node_and_estimates_are_its_own() {
    let family = Family::with_vault("2-of-3");
    family.deposit("60000000");
    let to = format!("{}=0.1btc", family.stranger());
    let cheap = create(&family, &["--to", &to, "--feerate", "0.1"]);
    let entry = sent(&family, &id(&cheap));
    let vsize = entry["vsize"].as_u64().unwrap();
    assert!((vsize.div_ceil(10)..=vsize.div_ceil(10) + 3).contains(&sat(&entry, "base")));
    family.node.mine(1);
    family.office.json(&["sync"]);
    let (code, error) = family.office.fail(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "0.09",
    ]);
    assert_eq!(code, 1);
    assert!(
        text(&error["message"]).contains("0.092 sat/vB is below the 0.1 sat/vB"),
        "{error}"
    );
    // A young regtest chain has seen too little; the node says so, and so do we.
    assert!(
        family
            .node
            .rpc("estimatesmartfee", json!([6]))
            .get("feerate")
            .is_none()
    );
    let (code, error) = family.office.fail(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--fee-target",
        "6",
    ]);
    assert_eq!((code, text(&error["code"])), (1, "no_estimate"), "{error}");
    assert!(text(&error["hint"]).contains("--feerate"));
}

#[test]
fn small_coins_are_joined_and_a_vault_is_emptied() {
    let family = Family::with_vault("2-of-3");
    for _ in 0..7 {
        let address = family.office.json(&["address", "new", "family"]);
        family
            .node
            .fund(text(&address["address"]), Amount::from_sat(200_000));
    }
    family.deposit("9000000");
    let office = &family.office;
    let joined = office.json(&["proposal", "consolidate", "family", "--feerate", "1"]);
    let joined = &joined["proposals"][0];
    assert_eq!(joined["inputs"].as_array().unwrap().len(), 7);
    sent(&family, &id(joined));
    family.node.mine(1);
    office.json(&["sync"]);
    let balance = office.json(&["balance", "family"]);
    let left = 7 * 200_000 + 9_000_000 - joined["fee_sat"].as_u64().unwrap();
    assert_eq!(balance["confirmed_sat"].as_u64().unwrap(), left);
    assert_eq!(
        office.json(&["coin", "list", "family"])["coins"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let to = family.stranger();
    let swept = office.json(&[
        "proposal",
        "sweep",
        "family",
        "--to",
        &to,
        "--feerate",
        "3",
        "--most",
        "1",
    ]);
    let swept = swept["proposals"].as_array().unwrap();
    assert_eq!(swept.len(), 2);
    let mut fees = 0;
    for one in swept {
        fees += sat(&sent(&family, &id(one)), "base");
    }
    family.node.mine(1);
    office.json(&["sync"]);
    assert_eq!(office.json(&["balance", "family"])["confirmed_sat"], 0);
    // What arrived is what left, less the fees that the node counted.
    let script = format!("addr({to})");
    let found = family.node.rpc("scantxoutset", json!(["start", [script]]));
    let arrived = Amount::from_btc(found["total_amount"].as_f64().unwrap()).unwrap();
    assert_eq!(arrived.to_sat(), left - fees);
}
