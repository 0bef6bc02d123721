//! A vault's history and its statements, on the simulated chain.

use crate::people::{create_family, fund, number, outside, person_with_chain, text, watcher};
use quorate_testkit::{Home, fixtures};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

fn ids(view: &Value) -> Vec<String> {
    let all = view["transactions"].as_array().unwrap().iter();
    all.map(|one| text(&one["txid"]).to_owned()).collect()
}

fn whole(view: &Value) -> i64 {
    view.as_i64()
        .unwrap_or_else(|| panic!("{view} is no number"))
}

#[test]
fn pages_join_and_the_running_balance_is_the_sum() {
    let home = watcher();
    assert!(
        home.run(&["history", "family"])
            .stdout
            .contains("never synced")
    );
    for amount in ["1btc", "0.2btc", "0.03btc", "0.004btc", "0.0005btc"] {
        fund(&home, amount);
    }
    let address = home.json(&["address", "new", "family", "--label", "the =sale"]);
    let address = text(&address["address"]);
    home.json(&["simulated", "fund", address, "0.00006btc", "--unconfirmed"]);
    home.json(&["sync"]);
    let all = home.json(&["history", "family"]);
    let lines = all["transactions"].as_array().unwrap();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["state"], "unconfirmed");
    assert_eq!(lines[0]["confirmations"], 0);
    assert_eq!(lines[0]["counterparties"][0]["address"], address);
    assert_eq!(lines[0]["counterparties"][0]["label"], "the =sale");
    assert_eq!(lines[1]["state"], "confirmed");
    assert_eq!(lines[1]["confirmations"], 1);
    let mut held = 0;
    for one in lines.iter().rev() {
        held += whole(&one["net_sat"]);
        assert_eq!(whole(&one["balance_sat"]), held);
        assert_eq!(
            (&one["kind"], &one["fee_sat"]),
            (&json!("receipt"), &Value::Null)
        );
    }
    let balance = home.json(&["balance", "family"]);
    let sum = number(&balance["confirmed_sat"]) + number(&balance["pending_sat"]);
    assert_eq!(held.unsigned_abs(), sum);
    // Page by page, in both directions, it is the same list.
    for (first, key) in [(vec![], "--before"), (vec!["--oldest-first"], "--after")] {
        let mut found = Vec::new();
        let mut behind: Option<String> = None;
        loop {
            let mut args = vec!["history", "family", "--limit", "2"];
            args.extend(&first);
            if let Some(behind) = &behind {
                args.extend([key, behind]);
            }
            let page = home.json(&args);
            let txids = ids(&page);
            assert!(txids.len() <= 2);
            found.extend(txids);
            match page["next"].as_str() {
                Some(next) => behind = Some(next.to_owned()),
                None => break,
            }
        }
        if key == "--after" {
            found.reverse();
        }
        assert_eq!(found, ids(&all), "{key}");
    }
    let (code, error) = home.fail(&["history", "family", "--before", &"ab".repeat(32)]);
    assert_eq!((code, text(&error["code"])), (2, "unknown_transaction"));
}

/// Two software signers in one data folder.
pub(crate) fn payers() -> Home {
    payers_with("wsh")
}

/// The same with this kind of output.
pub(crate) fn payers_with(script: &str) -> Home {
    let home = person_with_chain().with_passphrase(crate::people::PASSPHRASE);
    let keys: Vec<String> = ["alice", "bob"]
        .iter()
        .map(|name| {
            home.json(&["signer", "new", name]);
            let key = home.json(&["signer", "key", name]);
            format!("{name}={}", text(&key["key"]))
        })
        .collect();
    let carol = fixtures::carol().argument();
    home.json(&[
        "vault", "create", "family", "--policy", "2-of-3", "--script", script, "--key", &keys[0],
        "--key", &keys[1], "--key", &carol,
    ]);
    home
}

/// Proposes, signs and sends; the proposal as it was made.
pub(crate) fn pay(home: &Home, amount: &str, memo: &str) -> Value {
    let to = format!("{}={amount}", outside());
    let proposal = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--memo",
        memo,
    ]);
    let id = text(&proposal["id"]);
    for name in ["alice", "bob"] {
        let (request, signed) = (format!("{id}.{name}.psbt"), format!("{id}.{name}.signed"));
        home.json(&["proposal", "export", id, "--for", name, "-o", &request]);
        home.json(&["signer", "sign", name, &request, "-o", &signed]);
        home.json(&["proposal", "import", &signed]);
    }
    home.json(&["proposal", "broadcast", id]);
    proposal
}

#[test]
fn a_payment_shows_its_fee_its_memo_and_whom_it_paid() {
    let home = payers();
    fund(&home, "1btc");
    fund(&home, "0.5btc");
    let proposal = pay(&home, "1.2btc", "invoice 17");
    let line = |home: &Home| home.json(&["history", "family"])["transactions"][0].clone();
    // Sent, but the data folder hasn't looked yet.
    assert_eq!(line(&home)["state"], "missing");
    assert_eq!(line(&home)["balance_sat"], Value::Null);
    home.json(&["sync"]);
    assert_eq!(line(&home)["state"], "unconfirmed");
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync"]);
    home.json(&[
        "label",
        "set",
        "family",
        text(&proposal["txid"]),
        "the roof",
    ]);
    let paid = line(&home);
    assert_eq!(paid["state"], "confirmed");
    assert_eq!(paid["kind"], "payment");
    assert_eq!(paid["proposal"], proposal["id"]);
    assert_eq!(paid["memo"], "invoice 17");
    assert_eq!(paid["label"], "the roof");
    assert_eq!(paid["fee_sat"], proposal["fee_sat"]);
    assert_eq!(paid["paid_sat"], 120_000_000);
    assert_eq!(
        whole(&paid["net_sat"]),
        -120_000_000 - whole(&proposal["fee_sat"])
    );
    let party = &paid["counterparties"];
    assert_eq!(
        party.as_array().unwrap().len(),
        1,
        "change is no counterparty: {party}"
    );
    assert_eq!(
        (&party[0]["address"], &party[0]["ours"]),
        (&json!(outside()), &json!(false))
    );
    let shown = home.run(&["history", "family"]).stdout;
    for part in ["the roof", "\"invoice 17\"", outside(), "-1.2000"] {
        assert!(shown.contains(part), "{part} isn't in\n{shown}");
    }
    // A reorg takes it back; the balance beside it follows.
    home.json(&["simulated", "reorg", "1"]);
    home.json(&["sync"]);
    let again = line(&home);
    assert_eq!(again["txid"], paid["txid"]);
    assert_eq!(again["balance_sat"], paid["balance_sat"]);
}

#[test]
fn a_statement_adds_up_and_its_csv_is_safe() {
    let home = payers();
    fund(&home, "1btc");
    fund(&home, "0.5btc");
    let proposal = pay(&home, "1.2btc", "=1+1");
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync"]);
    let formula = "=HYPERLINK(\"http://evil\",\"x\")";
    home.json(&["label", "set", "family", text(&proposal["txid"]), formula]);
    home.json(&[
        "label",
        "set",
        "family",
        "--type",
        "xpub",
        "another",
        "not of the period",
    ]);
    let period = ["--from", "2009-01-01", "--to", "2105-12-31"];
    let mut args = vec!["statement", "family"];
    args.extend(period);
    let view = home.json(&args);
    let n = |key: &str| whole(&view[key]);
    assert_eq!(n("opening_sat"), 0);
    assert_eq!(n("in_sat"), 150_000_000);
    assert_eq!(n("out_sat"), 120_000_000);
    assert_eq!(n("fees_sat"), whole(&proposal["fee_sat"]));
    assert_eq!(
        n("opening_sat") + n("in_sat") - n("out_sat") - n("fees_sat"),
        n("closing_sat")
    );
    let balance = home.json(&["balance", "family"]);
    assert_eq!(
        n("closing_sat").unsigned_abs(),
        number(&balance["confirmed_sat"])
    );
    assert!(text(&view["dates"]).contains("header"));

    args.extend(["--csv", "-o", "s.csv", "--labels", "s.jsonl"]);
    let written = home.json(&args);
    assert_eq!(written["lines"], 3);
    let csv = fs::read_to_string(home.file("s.csv")).unwrap();
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(
        rows.len(),
        7,
        "head, opening, 3 lines, closing, the end: {csv}"
    );
    assert!(rows[0].starts_with("time_utc,kind,txid,"), "{csv}");
    assert!(rows[1].contains(",opening,"), "{csv}");
    assert!(
        csv.contains("\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\""),
        "{csv}"
    );
    assert!(csv.contains("\"'=1+1\""), "{csv}");
    assert!(!csv.contains(",=") && !csv.contains("\"="), "{csv}");
    let labels = fs::read_to_string(home.file("s.jsonl")).unwrap();
    assert!(
        labels.contains("HYPERLINK") && !labels.contains("not of the period"),
        "{labels}"
    );
    // A period without anything has the same opening and closing.
    let none = home.json(&[
        "statement",
        "family",
        "--from",
        "2100-01-01",
        "--to",
        "2100-01-01",
    ]);
    assert_eq!(none["opening_sat"], none["closing_sat"]);
    assert_eq!(none["closing_sat"], view["closing_sat"]);
    assert_eq!(none["lines"], json!([]));
    let (code, error) = home.fail(&[
        "statement",
        "family",
        "--from",
        "2026-02-01",
        "--to",
        "2026-01-01",
    ]);
    assert_eq!((code, text(&error["code"])), (2, "bad_period"));
    // Files that are there stay.
    let (_, error) = home.fail(&args);
    assert_eq!(text(&error["code"]), "file_exists");
}

#[test]
fn a_history_is_of_its_own_vault_alone() {
    let home = person_with_chain();
    create_family(&home);
    let policy = "name = \"both\"\nscript = \"wsh\"\ncosigners = 2\n\n[[path]]\nthreshold = 2\n";
    fs::write(home.file("both.toml"), policy).unwrap();
    let keys = [fixtures::alice(), fixtures::bob()].map(|key| key.argument());
    let mut create = vec!["vault", "create", "other", "--policy", "both.toml"];
    keys.iter().for_each(|key| create.extend(["--key", key]));
    home.json(&create);
    fund(&home, "1btc");
    let address = home.json(&["address", "new", "other"]);
    home.json(&["simulated", "fund", text(&address["address"]), "0.3btc"]);
    home.json(&["sync"]);
    let of = |vault: &str| -> BTreeSet<String> {
        ids(&home.json(&["history", vault])).into_iter().collect()
    };
    assert_eq!((of("family").len(), of("other").len()), (1, 1));
    assert!(of("family").is_disjoint(&of("other")));
}
