//! Events: everything that happens is told, at least once, whatever dies in between.

use crate::history::{pay, payers};
use crate::people::{fund, number, outside, person_with_chain, text, watcher};
use quorate_testkit::{Home, fixtures};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

fn lines(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn stream(home: &Home, args: &[&str]) -> Vec<Value> {
    let mut all = vec!["event", "stream", "--json"];
    all.extend(args);
    let output = home.run(&all);
    assert_eq!(output.code(), Some(0), "{output:?}");
    lines(&output.stdout)
}

/// Events since a number, as short words.
fn since(home: &Home, after: u64) -> Vec<String> {
    let word = |event: &Value| match text(&event["kind"]) {
        "entry" => format!("entry {}", text(&event["entry_kind"])),
        "proposal_status" => format!("status {}", text(&event["to"])),
        kind => kind.to_owned(),
    };
    let after = after.to_string();
    stream(home, &["--after", &after])
        .iter()
        .map(word)
        .collect()
}

fn last(home: &Home) -> u64 {
    number(&home.json(&["event", "consumers"])["last"])
}

/// A program for `--exec`.
fn script(home: &Home, body: &str) -> String {
    let path = home.file("hook.sh");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn got(home: &Home, name: &str) -> Vec<u64> {
    let text = fs::read_to_string(home.file(name)).unwrap_or_default();
    lines(&text)
        .iter()
        .map(|event| number(&event["number"]))
        .collect()
}

#[test]
fn what_happens_to_money_and_proposals_is_told_in_order() {
    let home = payers();
    home.json(&["sync"]);
    let mut mark = last(&home);
    let mut news = |home: &Home| {
        let words = since(home, mark);
        mark = last(home);
        words
    };
    fund(&home, "1btc");
    assert_eq!(news(&home), ["entry address_revealed", "coin_confirmed"]);
    let address = home.json(&["address", "new", "family"]);
    home.json(&[
        "simulated",
        "fund",
        text(&address["address"]),
        "0.5btc",
        "--unconfirmed",
    ]);
    home.json(&["sync"]);
    assert_eq!(news(&home), ["entry address_revealed", "coin_seen"]);
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync"]);
    assert_eq!(news(&home), ["coin_confirmed"]);
    let paid = pay(&home, "1.2btc", "invoice 17");
    assert_eq!(
        news(&home),
        [
            "entry address_revealed", // for the change
            "entry proposal_opened",
            "status collecting",
            "entry contribution_added",
            "entry contribution_added",
            "status ready",
            "entry proposal_released",
            "status broadcast",
        ]
    );
    home.json(&["sync"]);
    assert_eq!(news(&home), ["coin_spent", "coin_spent", "coin_seen"]);
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync"]);
    assert_eq!(
        news(&home),
        [
            "spend_confirmed",
            "spend_confirmed",
            "coin_confirmed",
            "status confirmed"
        ]
    );
    // Blocks without it come instead.
    home.json(&["simulated", "reorg", "1"]);
    home.json(&["sync"]);
    let back = news(&home);
    assert_eq!(
        back.iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([
            &"coin_unconfirmed".to_owned(),
            &"spend_unconfirmed".to_owned(),
            &"status broadcast".to_owned()
        ]),
        "{back:?}"
    );
    home.json(&["sync"]);
    assert_eq!(news(&home), [""; 0]);
    // A look from the beginning tells of what has changed and of nothing else.
    home.json(&["simulated", "mine", "1"]);
    home.json(&["sync", "family", "--rescan-from", "0"]);
    assert_eq!(
        news(&home),
        [
            "spend_confirmed",
            "spend_confirmed",
            "coin_confirmed",
            "status confirmed"
        ]
    );
    // Everything about one of them.
    let all = stream(&home, &[]);
    let status = all.iter().find(|event| event["to"] == "ready").unwrap();
    assert_eq!(status["proposal"], paid["id"]);
    assert_eq!(status["from"], "collecting");
    assert_eq!(status["memo"], "invoice 17");
    let coin = all
        .iter()
        .find(|event| event["kind"] == "coin_seen")
        .unwrap();
    assert_eq!(coin["value_sat"], 50_000_000);
    assert_eq!(coin["address"], address["address"]);
    let numbers: Vec<u64> = all.iter().map(|event| number(&event["number"])).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] < pair[1]),
        "{numbers:?}"
    );
    let shown = home.run(&["event", "stream"]).stdout;
    assert!(shown.contains("50000000 sat "), "{shown}");
}

#[test]
fn a_first_look_at_an_old_chain_is_one_event() {
    let home = watcher();
    for _ in 0..12 {
        fund(&home, "0.01btc");
    }
    // The same vault in a data folder of its own, on the same chain.
    let chain = format!(
        "simulated:{}",
        home.path().join("simulated-chain.jsonl").display()
    );
    let other = person_with_chain().with_node(&chain);
    let keys = [fixtures::alice(), fixtures::bob(), fixtures::carol()].map(|key| key.argument());
    other.json(&[
        "vault", "create", "family", "--policy", "2-of-3", "--key", &keys[0], "--key", &keys[1],
        "--key", &keys[2],
    ]);
    other.json(&["sync", "family", "--rescan-from", "0"]);
    let all = stream(&other, &[]);
    let scanned: Vec<&Value> = all.iter().filter(|one| one["kind"] == "scanned").collect();
    assert_eq!(scanned.len(), 1, "{all:?}");
    assert_eq!(scanned[0]["value_sat"], 12_000_000);
    assert!(text(&scanned[0]["text"]).contains("12 transactions"));
    assert!(
        !all.iter().any(|one| text(&one["kind"]).starts_with("coin")),
        "{all:?}"
    );
    // From then on each coin is told of; a further look from the beginning finds nothing new.
    fund(&home, "0.02btc");
    other.json(&["sync"]);
    assert_eq!(since(&other, last(&other) - 1), ["coin_confirmed"]);
    let mark = last(&other);
    other.json(&["sync", "family", "--rescan-from", "0"]);
    assert_eq!(since(&other, mark), [""; 0]);
}

#[test]
fn a_consumer_gets_again_what_it_did_not_acknowledge() {
    let home = watcher();
    fund(&home, "1btc");
    let all = stream(&home, &["--consumer", "books"]);
    assert_eq!(all, stream(&home, &["--consumer", "books"]));
    assert_eq!(all, stream(&home, &[]));
    let middle = number(&all[1]["number"]);
    let view = home.json(&["event", "ack", "books", &middle.to_string()]);
    assert_eq!(number(&view["waiting"]), all.len() as u64 - 2);
    assert_eq!(stream(&home, &["--consumer", "books"]), all[2..]);
    // Others have their own; nobody goes back, or ahead of what there is.
    assert_eq!(stream(&home, &["--consumer", "mail"]), all);
    let back = home.json(&["event", "ack", "books", "1"]);
    assert_eq!(number(&back["acknowledged"]), middle);
    let (code, error) = home.fail(&["event", "ack", "books", "9999"]);
    assert_eq!((code, text(&error["code"])), (2, "unknown_event"));
    let (code, _) = home.fail(&["event", "ack", "no such/name", "1"]);
    assert_eq!(code, 2);
}

#[test]
fn a_hook_gets_the_event_as_json_and_is_tried_until_it_ends_well() {
    let home = payers();
    fund(&home, "1btc");
    let to = format!("{}=0.3btc", outside());
    let memo = "$(touch pwned) `touch pwned`; touch pwned";
    home.json(&[
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
    // Fails once for every event, then takes it.
    let hook = script(
        &home,
        "[ \"$1\" = quiet ] || exit 9
         read -r line
         if [ ! -e failed ]; then touch failed; exit 1; fi
         rm failed; printf '%s\\n' \"$line\" >> got",
    );
    let mut args = vec!["event", "stream", "--consumer", "mail", "--exec", &hook];
    let first = number(&stream(&home, &[])[0]["number"]);
    home.json(&["event", "ack", "mail", &(last(&home) - 3).to_string()]);
    args.extend(["--", "quiet"]);
    let output = home.run(&args);
    assert_eq!(output.code(), Some(0), "{output:?}");
    assert!(output.stderr.contains("tried again in 1 s"), "{output:?}");
    assert_eq!(first, 1);
    assert_eq!(
        got(&home, "got"),
        (last(&home) - 2..=last(&home)).collect::<Vec<_>>()
    );
    assert!(
        fs::read_to_string(home.file("got"))
            .unwrap()
            .contains("touch pwned")
    );
    assert!(!home.file("pwned").exists());
    // Nothing is left to do, so the program isn't even started.
    let output = home.run(&args);
    assert_eq!((output.code(), got(&home, "got").len()), (Some(0), 3));
    // One that never ends well, and one that hangs.
    for (body, what) in [("exit 3", "failed"), ("sleep 60", "took longer")] {
        let hook = script(&home, body);
        let args = [
            "event",
            "stream",
            "--consumer",
            "other",
            "--exec",
            &hook,
            "--tries",
            "1",
            "--timeout",
            "1",
        ];
        let (code, error) = home.fail(&args);
        assert_eq!((code, text(&error["code"])), (1, "hook_failed"));
        assert!(text(&error["message"]).contains(what), "{error}");
    }
    let consumers = home.json(&["event", "consumers"]);
    assert_eq!(consumers["consumers"][0]["name"], "mail");
    assert_eq!(consumers["consumers"].as_array().unwrap().len(), 1);
}

#[test]
fn killed_at_any_moment_nothing_is_lost() {
    let home = watcher();
    let hook = script(&home, "cat >> got");
    let args = [
        "event",
        "stream",
        "--consumer",
        "mail",
        "--follow",
        "--every",
        "1",
        "--exec",
        &hook,
    ];
    for round in 0..8u64 {
        let address = home.json(&["address", "new", "family"]);
        home.json(&["simulated", "fund", text(&address["address"]), "0.01btc"]);
        if round == 5 {
            home.json(&["simulated", "reorg", "2"]);
        }
        // It looks at the chain by itself, and dies at another moment each time.
        let running = home.spawn(&args);
        sleep(Duration::from_millis(40 + round * 35));
        let _ = running.kill();
    }
    // A last one comes to the end.
    home.json(&["sync"]);
    let mut all: Vec<&str> = args.to_vec();
    all.retain(|arg| !["--follow", "--every", "1"].contains(arg));
    assert_eq!(home.run(&all).code(), Some(0));
    let got = got(&home, "got");
    let distinct: BTreeSet<u64> = got.iter().copied().collect();
    assert_eq!(distinct, (1..=last(&home)).collect(), "some were lost");
    // Told twice only where it died between the program's end and the acknowledgement.
    assert!(got.len() <= distinct.len() + 8, "{got:?}");
    let events = stream(&home, &[]);
    let named = |kinds: &[&str]| -> BTreeSet<&str> {
        let of_kinds = events
            .iter()
            .filter(|one| kinds.contains(&text(&one["kind"])));
        of_kinds.map(|one| text(&one["outpoint"])).collect()
    };
    let coins = home.json(&["coin", "list", "family"]);
    let held: BTreeSet<&str> = coins["coins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|coin| text(&coin["outpoint"]))
        .collect();
    let scanned = events.iter().filter(|one| one["kind"] == "scanned").count();
    assert_eq!(scanned, 1);
    let told = named(&["coin_confirmed", "coin_seen"]);
    let gone = named(&["coin_gone"]);
    assert!(
        told.difference(&gone).all(|coin| held.contains(coin)),
        "{told:?}"
    );
    assert!(gone.is_disjoint(&held), "{gone:?}");
}

/// Somebody's entries come to count when the owner enrols him; the status that follows is told.
#[test]
fn what_counts_later_is_told_later() {
    let home = payers();
    fund(&home, "1btc");
    let other = person_with_chain();
    home.json(&[
        "vault",
        "export",
        "family",
        "--format",
        "descriptor",
        "-o",
        "family.txt",
    ]);
    let carry = |from: &Home, to: &Home, name: &str| {
        fs::copy(from.file(name), to.file(name)).unwrap();
    };
    carry(&home, &other, "family.txt");
    other.json(&[
        "vault",
        "import",
        "family",
        "family.txt",
        "--cosigners",
        "alice,bob,carol",
    ]);
    let owner = home.json(&["member", "show"]);
    let to = format!("{}=0.3btc", outside());
    let proposal = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let id = text(&proposal["id"]);
    home.json(&["journal", "export", "family", "-o", "office.journal"]);
    carry(&home, &other, "office.journal");
    other.json(&[
        "journal",
        "import",
        "office.journal",
        "--owner",
        text(&owner["member"]),
    ]);
    assert!(since(&other, 0).contains(&"status collecting".to_owned()));
    for who in ["alice", "bob"] {
        other.json(&["proposal", "reject", id, "--as", who, "--reason", "no"]);
    }
    assert_eq!(since(&other, last(&other) - 1), ["status rejected"]);
    other.json(&["journal", "export", "family", "-o", "other.journal"]);
    carry(&other, &home, "other.journal");
    let mark = last(&home);
    home.json(&["journal", "import", "other.journal"]);
    let news = since(&home, mark);
    assert!(
        !news.iter().any(|word| word.starts_with("status")),
        "{news:?}"
    );
    let all = stream(&home, &["--after", &mark.to_string()]);
    assert!(all.iter().all(|event| event["parked"] == true), "{all:?}");
    // For alice he may speak, not for bob; so one no counts, and then the signature of bob decides.
    let member = other.json(&["member", "show"]);
    home.json(&["proposal", "reject", id, "--as", "carol", "--reason", "no"]);
    let mark = last(&home);
    home.json(&[
        "member",
        "add",
        "family",
        "others",
        text(&member["member"]),
        "--cosigner",
        "alice",
    ]);
    assert_eq!(
        since(&home, mark),
        ["entry member_added", "status rejected"]
    );
    let mark = last(&home);
    home.json(&["member", "remove", "family", "others", "--last", "0"]);
    assert_eq!(
        since(&home, mark),
        ["entry member_removed", "status collecting"]
    );
}
