//! Several chain sources, some of them down: what a person sees, and what the next command knows.

use crate::people::{create_family, fund, nobody, number, person, text};
use quorate_testkit::{Home, Output};
use serde_json::Value;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Somebody who takes connections on loopback and never says a word, or hangs up.
struct Mute {
    address: String,
    connections: Arc<AtomicU32>,
}

impl Mute {
    fn new(hang_up: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicU32::new(0));
        let counter = connections.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                counter.fetch_add(1, Ordering::Relaxed);
                if !hang_up {
                    held.push(stream);
                }
            }
        });
        Self {
            address,
            connections,
        }
    }

    fn source(&self) -> String {
        format!("http://user:hunter2@{}", self.address)
    }

    fn connections(&self) -> u32 {
        self.connections.swap(0, Ordering::Relaxed)
    }
}

/// A person with a vault, whose preferred source doesn't answer and whose second one does.
fn with_a_broken_source(broken: &Mute) -> Home {
    let mut home = person();
    create_family(&home);
    home.set("QUORATE_NODE", &format!("{} simulated", broken.source()));
    home
}

fn sources(home: &Home) -> (Output, Value) {
    let output = home.run(&["source", "list", "--json"]);
    let view = serde_json::from_str(&output.stdout).unwrap();
    (output, view)
}

#[test]
fn a_source_that_is_down_is_passed_over_and_left_alone_by_the_next_command() {
    let broken = Mute::new(true);
    let home = with_a_broken_source(&broken);
    let first = home.json(&["sync", "family"]);
    assert!(broken.connections() > 0);
    let problems = first["problems"].to_string();
    assert!(problems.contains("was asked instead"), "{problems}");
    assert!(text(&first["as_of"]["source"]).contains("simulated"));

    let second = home.json(&["sync", "family"]);
    assert_eq!(broken.connections(), 0, "its breaker is open");
    assert_eq!(second["problems"], serde_json::json!([]));

    // A look at all of them is made because a person wants to know.
    let (output, view) = sources(&home);
    assert_eq!(output.code(), Some(0), "{output:?}");
    assert!(broken.connections() > 0);
    let down = &view["sources"][0];
    assert_eq!(down["reachable"], false);
    assert_eq!(down["breaker"], "open");
    assert!(number(&down["open_until"]) > number(&down["since"]));
    assert_eq!(number(&down["failures"]), 1);
    assert!(text(&down["last_failure"]).contains("connection broke"));
    let up = &view["sources"][1];
    assert_eq!(
        (&up["reachable"], &up["usable"]),
        (&true.into(), &true.into())
    );
    assert_eq!(
        (&up["network"], &up["height"]),
        (&"regtest".into(), &0.into())
    );
    assert_eq!(up["breaker"], "closed");
    assert_eq!(view["notes"], serde_json::json!([]));

    let list = home.run(&["source", "list"]);
    assert!(
        list.stdout
            .contains(&format!("Bitcoin Core at {}\n", broken.address))
    );
    assert!(
        list.stdout
            .contains("  answers       no: the connection broke\n"),
        "{list:?}"
    );
    assert!(list.stdout.contains("open since"), "{list:?}");
    assert!(list.stdout.contains("regtest, block 0"), "{list:?}");
    // A remark for a person who does something else.
    let output = home.run(&["sync"]);
    assert!(output.stdout.contains("as of block 0 ("), "{output:?}");
    for shown in [&list.stdout, &list.stderr, &output.stdout, &output.stderr] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// Who watches for days learns it first.
#[test]
fn what_watching_sees_of_a_source_is_kept_for_other_commands() {
    let broken = Mute::new(true);
    let home = with_a_broken_source(&broken);
    let seen = home.json(&["watch"]);
    assert!(broken.connections() > 0);
    assert_eq!(seen["source"]["height"], 0);
    home.json(&["sync", "family"]);
    assert_eq!(broken.connections(), 0, "its breaker is open");
}

#[test]
fn t29_a_source_that_stalls_costs_seconds_once() {
    let mute = Mute::new(false);
    let home = with_a_broken_source(&mute);
    let start = Instant::now();
    let view = home.json(&["sync", "--node-timeout", "2"]);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert!(
        view["problems"]
            .to_string()
            .contains("didn't finish its answer"),
        "{view}"
    );
    mute.connections();
    home.json(&["sync"]);
    assert_eq!(mute.connections(), 0);
    // Alone, it is tried for as long as was said, and no longer.
    let start = Instant::now();
    let mut alone = person();
    alone.set("QUORATE_NODE", &mute.source());
    alone.set("QUORATE_NODE_TIMEOUT", "2");
    let (code, error) = alone.fail(&["sync"]);
    assert_eq!((code, &error["code"]), (3, &"unreachable".into()));
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    alone.set("QUORATE_NODE_TIMEOUT", "soon");
    let (code, error) = alone.fail(&["sync"]);
    assert_eq!(code, 2);
    assert!(text(&error["message"]).contains("QUORATE_NODE_TIMEOUT"));
}

/// Bytes without end, from somebody who was to say in a line how he is.
#[test]
fn t29_a_huge_reply_is_cut_off_and_the_next_source_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("http://user:hunter2@{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[";
            let mut sent = stream.write_all(head);
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 65_536]);
            }
        }
    });
    let mut home = person();
    create_family(&home);
    home.set("QUORATE_NODE", &format!("{source} simulated"));
    let problems = home.json(&["sync"])["problems"].to_string();
    assert!(problems.contains("longer than 1048576 bytes"), "{problems}");
    assert!(problems.contains("was asked instead"), "{problems}");
}

#[test]
fn if_none_answers_each_is_named_and_the_code_is_three() {
    let (one, two) = (Mute::new(true), Mute::new(true));
    let mut home = person();
    home.set(
        "QUORATE_NODE",
        &format!("{} {}", one.source(), two.source()),
    );
    create_family(&home);
    for _ in 0..2 {
        // The second time both breakers are open, and still nobody is locked out.
        let (code, error) = home.fail(&["sync"]);
        assert_eq!((code, &error["code"]), (3, &"unreachable".into()));
        let message = text(&error["message"]);
        assert!(
            message.contains(&one.address) && message.contains(&two.address),
            "{message}"
        );
        assert!(text(&error["hint"]).contains("quorate source list"));
        assert!(one.connections() > 0);
    }
    let (output, view) = sources(&home);
    assert_eq!(output.code(), Some(3));
    assert_eq!(view["sources"].as_array().unwrap().len(), 2);
    let error: Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "unreachable");
    assert!(!output.stdout.contains("hunter2") && !output.stderr.contains("hunter2"));
}

#[test]
fn sources_are_named_once_each_and_in_order() {
    let home = person();
    let (code, error) = home.fail(&["sync", "--node", "simulated", "--node", "simulated"]);
    assert_eq!(code, 2);
    assert!(text(&error["message"]).contains("twice"), "{error}");
    let (a, b) = (home.file("a.jsonl"), home.file("with space.jsonl"));
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let mut home = home;
    home.set("QUORATE_NODE", &format!("simulated:{a} simulated:{b}"));
    let (_, view) = sources(&home);
    let names: Vec<&str> = (0..2).map(|i| text(&view["sources"][i]["name"])).collect();
    assert!(
        names[0].contains("a.jsonl") && names[1].contains("with space.jsonl"),
        "{names:?}"
    );
    // Without a data folder too.
    let nobody = nobody().with_node(&format!("simulated:{a}"));
    assert_eq!(sources(&nobody).0.code(), Some(0));
}

#[test]
fn t29_sources_that_contradict_each_other_are_told() {
    let mut home = person();
    create_family(&home);
    let files = [home.file("a.jsonl"), home.file("b.jsonl")];
    let [a, b] = files.map(|file| format!("simulated:{}", file.display()));
    for (node, blocks) in [(&a, "20"), (&b, "20")] {
        home.json(&["simulated", "mine", blocks, "--node", node]);
    }
    home.json(&["simulated", "reorg", "12", "--node", &b]);
    home.set("QUORATE_NODE", &format!("{a} {b}"));
    let (output, view) = sources(&home);
    assert_eq!(output.code(), Some(0));
    let note = text(&view["notes"][0]);
    assert!(note.contains("different chains from block 9 on"), "{note}");
    assert!(home.run(&["source", "list"]).stdout.contains("note: "));
    let problems = home.json(&["sync"])["problems"].to_string();
    assert!(
        problems.contains("different chains from block 9 on"),
        "{problems}"
    );
    assert!(home.run(&["sync"]).stdout.contains("one of them is wrong"));
}

#[test]
fn t05_a_source_of_another_network_is_left_out_and_said_so() {
    let home = nobody().with_node("simulated");
    home.json(&["init", "--network", "signet"]);
    let (output, view) = sources(&home);
    assert_eq!(output.code(), Some(0));
    let source = &view["sources"][0];
    assert_eq!(
        (&source["reachable"], &source["usable"]),
        (&true.into(), &false.into())
    );
    assert!(text(&source["problem"]).contains("it is on regtest, not on signet"));
    let other = format!("simulated:{}", home.file("b.jsonl").display());
    let (code, error) = home.fail(&["sync", "--node", "simulated", "--node", &other]);
    assert_eq!(
        (code, &error["code"]),
        (1, &"wrong_network".into()),
        "{error}"
    );
}

#[test]
fn every_figure_says_its_source_its_height_and_its_age() {
    let home = person().with_node("simulated");
    create_family(&home);
    for args in [
        &["balance", "family"][..],
        &["coin", "list", "family"],
        &["address", "list", "family"],
        &["proposal", "list", "family"],
        &["proposal", "list"],
        &["vault", "show", "family"],
    ] {
        assert_eq!(home.json(args)["as_of"], Value::Null, "{args:?}");
    }
    fund(&home, "1btc");
    let to = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080=0.1btc";
    let proposal = home.json(&["proposal", "create", "family", "--to", to, "--feerate", "2"]);
    let id = text(&proposal["id"]).to_owned();
    let height = number(&home.json(&["balance", "family"])["height"]);
    for args in [
        &["balance", "family"][..],
        &["coin", "list", "family"],
        &["address", "list", "family"],
        &["proposal", "list", "family"],
        &["proposal", "list"],
        &["proposal", "show", &id],
        &["vault", "show", "family"],
        &["sync"],
    ] {
        let as_of = &home.json(args)["as_of"];
        assert!(
            text(&as_of["source"]).contains("simulated-chain.jsonl"),
            "{args:?}"
        );
        assert_eq!(number(&as_of["height"]), height, "{args:?}");
        // The simulated chain's blocks are ten minutes apart from 2025 on.
        assert_eq!(
            number(&as_of["time"]),
            1_735_689_600 + (height - 1) * 600,
            "{args:?}"
        );
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let age = now.unwrap().as_secs() - number(&as_of["synced_at"]);
        assert!(age < 120, "{args:?}: {age} s");
        let shown = home.run(args).stdout;
        let line = shown.lines().find(|line| line.starts_with("as of"));
        let line = line.unwrap_or_else(|| panic!("{args:?}: {shown}"));
        assert!(
            line.contains(&format!("block {height} (")) && line.contains("ago) from"),
            "{line}"
        );
    }
}

#[test]
fn a_rescan_is_begun_by_height_or_day_and_keeps_what_is_known() {
    let home = person().with_node("simulated");
    create_family(&home);
    fund(&home, "1btc");
    home.json(&["simulated", "mine", "30"]);
    home.json(&["sync"]);
    let before = home.json(&["balance", "family"]);
    let height = number(&before["height"]);
    let view = home.json(&["vault", "rescan", "family", "--from", "5"]);
    assert_eq!(number(&view["blocks"]), height - 4);
    assert_eq!(
        home.json(&["balance", "family"])["confirmed_sat"],
        before["confirmed_sat"]
    );
    let output = home.run(&["vault", "rescan", "family", "--from", "2025-01-01"]);
    assert_eq!(output.code(), Some(0), "{output:?}");
    assert!(output.stderr.contains("from block 1 on"), "{output:?}");
    assert!(
        output.stdout.contains(&format!("{height} blocks")),
        "{output:?}"
    );
    // The other name that it had before.
    let view = home.json(&["sync", "family", "--rescan-from", "100"]);
    assert_eq!(number(&view["blocks"]), height - 99);
    for (from, code) in [("99999", "above_tip"), ("soon", "bad_date")] {
        let (exit, error) = home.fail(&["vault", "rescan", "family", "--from", from]);
        assert_eq!((exit, &error["code"]), (2, &code.into()), "{error}");
    }
    let (exit, error) = home.fail(&["vault", "rescan", "famly", "--from", "1"]);
    assert_eq!((exit, &error["code"]), (2, &"unknown_vault".into()));
}

/// Killed in the middle, a rescan says that it isn't finished, and the next sync finishes it.
#[test]
fn t27_a_rescan_that_is_killed_is_told_of_and_goes_on() {
    let home = person().with_node("simulated");
    create_family(&home);
    fund(&home, "1btc");
    for _ in 0..3 {
        home.json(&["simulated", "mine", "1000"]);
    }
    home.json(&["sync"]);
    let before = home.json(&["balance", "family"]);
    let height = number(&before["height"]);
    let mut seen = false;
    for attempt in 0..60_u64 {
        let running = home.spawn(&["vault", "rescan", "family", "--from", "1"]);
        std::thread::sleep(Duration::from_millis(20 + attempt * 10));
        let _ = running.kill();
        let now = home.json(&["balance", "family"]);
        assert_eq!(now["confirmed_sat"], before["confirmed_sat"]);
        if let Some(to) = now["as_of"]["rescanning_to"].as_u64() {
            assert_eq!(to, height);
            assert!(number(&now["as_of"]["height"]) < height);
            let shown = home.run(&["balance", "family"]).stdout;
            assert!(shown.contains("being looked up anew"), "{shown}");
            seen = true;
            break;
        }
    }
    assert!(seen, "no kill came in the middle");
    home.json(&["sync"]);
    let after = home.json(&["balance", "family"]);
    assert_eq!(after["confirmed_sat"], before["confirmed_sat"]);
    assert_eq!(number(&after["as_of"]["height"]), height);
    assert_eq!(after["as_of"].get("rescanning_to"), None);
}
