//! The screen, where there is none: printed once, and as JSON.

use crate::history::payers;
use crate::people::{fund, outside, text, watcher};
use serde_json::json;

#[test]
fn without_a_terminal_the_screen_is_printed_once() {
    let home = payers();
    home.json(&["sync"]);
    fund(&home, "1btc");
    let to = format!("{}=0.3btc", outside());
    let proposal = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--memo",
        "invoice 17",
        "--expires",
        "2100-01-31",
    ]);
    let output = home.run(&["watch", "family"]);
    assert_eq!(output.code(), Some(0), "{output:?}");
    let screen = output.stdout;
    for part in [
        "family",
        "1.00000000 BTC",
        &text(&proposal["id"])[..12],
        "collecting",
        "2 of alice, bob, carol",
        "2100-02-01",
        "Latest",
        "100000000 sat in block 101",
        "at block",
    ] {
        assert!(screen.contains(part), "{part} isn't in\n{screen}");
    }
    assert!(!screen.contains('\u{1b}'), "{screen}");
    assert!(
        screen.lines().all(|line| line.chars().count() <= 100),
        "{screen}"
    );
    let view = home.json(&["watch"]);
    assert_eq!(view["vaults"][0]["confirmed_sat"], 100_000_000);
    assert_eq!(
        view["proposals"][0]["missing"],
        json!(["alice", "bob", "carol"])
    );
    assert!(view["source"]["problem"].is_null());
    assert!(!view["events"].as_array().unwrap().is_empty());
}

#[test]
fn a_chain_source_that_is_down_is_shown_and_keeps_nothing_back() {
    let mut home = watcher();
    fund(&home, "1btc");
    home.set("QUORATE_NODE", "http://user:pass@127.0.0.1:1");
    let output = home.run(&["watch"]);
    assert_eq!(output.code(), Some(0), "{output:?}");
    assert!(
        output.stdout.contains("can't be reached"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("1.00000000 BTC"),
        "{}",
        output.stdout
    );
    let (code, error) = home.fail(&["watch", "famly"]);
    assert_eq!((code, text(&error["code"])), (2, "unknown_vault"));
}
