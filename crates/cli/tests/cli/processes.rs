//! Several processes on one data folder.

use crate::people::{fund, outside, text, watcher};
use std::collections::BTreeSet;

#[test]
fn twenty_at_once_get_twenty_addresses() {
    let home = watcher();
    let running: Vec<_> = (0..20)
        .map(|_| home.spawn(&["address", "new", "family", "--json"]))
        .collect();
    let mut indexes = BTreeSet::new();
    for process in running {
        let output = process.wait();
        assert_eq!(output.code(), Some(0), "{output:?}");
        let view: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        indexes.insert(view["index"].as_u64().unwrap());
    }
    assert_eq!(indexes, (0..20).collect());
    assert_eq!(
        home.json(&["address", "list", "family"])["addresses"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    assert_eq!(
        home.json(&["journal", "verify"])["faults"],
        serde_json::json!([])
    );
}

#[test]
fn t25_of_many_who_want_one_coin_one_gets_it() {
    let home = watcher();
    fund(&home, "1btc");
    let to = format!("{}=0.6btc", outside());
    let args = [
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--json",
    ];
    let running: Vec<_> = (0..8).map(|_| home.spawn(&args)).collect();
    let outputs: Vec<_> = running.into_iter().map(|process| process.wait()).collect();
    assert_eq!(
        outputs
            .iter()
            .filter(|output| output.code() == Some(0))
            .count(),
        1,
        "{outputs:?}"
    );
    for output in outputs.iter().filter(|output| output.code() != Some(0)) {
        let error: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
        assert_eq!(text(&error["error"]["code"]), "not_enough", "{output:?}");
    }
}
