//! The coordinator is killed (SIGKILL) before, during and after every step, and started again:
//! nothing that was acknowledged is lost, nothing is half done, and the story goes on.

use super::family::{Family, path, text};
use quorate_testkit::Home;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// Kills before a command may end by itself.
const ATTEMPTS: u64 = 60;

/// Runs a command over and over, killed each time a little later, until its effect is there. When
/// it said that it succeeded, the effect must be there; after each kill the journal must hold.
fn through_kills(home: &Home, args: &[&str], done: impl Fn(&Home) -> bool) {
    let mut args = args.to_vec();
    args.push("--json");
    let mut kills = 0;
    for attempt in 0..=ATTEMPTS {
        let mut running = home.spawn(&args);
        thread::sleep(Duration::from_millis(attempt * attempt / 4));
        let acknowledged = running.ended();
        // On a busy machine all of these may have come too early; then it may end by itself.
        let output = if attempt == ATTEMPTS {
            running.wait()
        } else {
            running.kill()
        };
        if !acknowledged {
            kills += 1;
        }
        if home.path().join("quorate.db").exists() && is_home(home) {
            let verified = home.json(&["journal", "verify"]);
            assert_eq!(verified["faults"], json!([]), "after {args:?}");
            assert_eq!(verified["projection_matches"], true);
        }
        if output.status.success() {
            assert!(
                done(home),
                "{args:?} was acknowledged and is lost: {output:?}"
            );
        }
        if done(home) {
            assert!(kills > 0, "{args:?} was never killed");
            return;
        }
    }
    panic!("{args:?} never got through");
}

fn is_home(home: &Home) -> bool {
    home.run(&["vault", "list", "--json"]).status.success()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap()
}

#[test]
fn the_story_goes_on_after_a_kill_at_every_step() {
    let family = Family::with_vault("2-of-3");
    let office = Home::new().with_node(&family.node.url_cookie());
    through_kills(&office, &["init", "--network", "regtest"], is_home);
    let file = family.office.file("family.txt");
    through_kills(
        &office,
        &[
            "vault",
            "import",
            "family",
            path(&file),
            "--cosigners",
            "alice,bob,carol",
        ],
        |home| list(&home.json(&["vault", "list"]), "vaults").len() == 1,
    );
    let vault = office.json(&["vault", "show", "family"]);
    assert_eq!(
        vault["id"],
        family.office.json(&["vault", "show", "family"])["id"]
    );

    through_kills(&office, &["address", "new", "family"], |home| {
        !list(&home.json(&["address", "list", "family"]), "addresses").is_empty()
    });
    let addresses = office.json(&["address", "list", "family"]);
    family.node.fund(
        text(&addresses["addresses"][0]["address"]),
        bitcoin::Amount::from_sat(80_000_000),
    );
    family.node.mine(3);
    let tip = family.node.chain_tip().height;
    through_kills(&office, &["sync"], |home| {
        home.json(&["balance", "family"])["height"] == tip
    });
    assert_eq!(
        office.json(&["balance", "family"])["confirmed_sat"],
        80_000_000
    );

    let to = format!("{}=0.5btc", family.stranger());
    through_kills(
        &office,
        &[
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            "2",
        ],
        |home| !list(&home.json(&["proposal", "list", "family"]), "proposals").is_empty(),
    );
    let proposals = office.json(&["proposal", "list", "family"]);
    assert_eq!(
        list(&proposals, "proposals").len(),
        1,
        "the coin can be in one proposal only"
    );
    let id = text(&proposals["proposals"][0]["id"]).to_owned();

    let request = office.file("request.psbt");
    through_kills(
        &office,
        &["proposal", "export", &id, "-o", path(&request), "--force"],
        |_| request.exists(),
    );
    let alice = family.sign("alice", &request);
    let bob = family.sign("bob", &request);
    let signed = |home: &Home, who: &str| {
        home.json(&["proposal", "show", &id])["inputs"][0]["signatures"][who] == "signed"
    };
    through_kills(&office, &["proposal", "import", path(&alice)], |home| {
        signed(home, "alice")
    });
    through_kills(&office, &["proposal", "import", path(&bob)], |home| {
        signed(home, "bob")
    });

    let status = |home: &Home| text(&home.json(&["proposal", "show", &id])["status"]).to_owned();
    through_kills(&office, &["proposal", "broadcast", &id], |home| {
        status(home) == "broadcast"
    });
    // Killed between commit and sending, the transaction goes out with the next sync.
    through_kills(&office, &["sync"], |home| {
        home.json(&["proposal", "show", &id])["seen"] == "mempool"
    });
    assert_eq!(family.node.mempool().len(), 1);
    family.node.mine(1);
    through_kills(&office, &["sync"], |home| status(home) == "confirmed");
}

#[test]
fn a_transaction_released_but_never_sent_goes_out_with_the_next_sync() {
    let mut family = Family::with_vault("2-of-3");
    family.deposit("60000000");
    let to = format!("{}=0.1btc", family.stranger());
    let created = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let id = text(&created["id"]).to_owned();
    let files = ["alice", "carol"].map(|who| family.sign(who, &family.export(&id, who)));
    family
        .office
        .json(&["proposal", "import", path(&files[0]), path(&files[1])]);
    family.office.json(&["proposal", "broadcast", &id]);
    // The node forgets its mempool, as if the bytes had never reached it.
    family.node.stop();
    let _ = std::fs::remove_file(family.node.folder().join("regtest/mempool.dat"));
    family.node.start_again();
    assert!(family.node.mempool().is_empty());
    let mut office = std::mem::take(&mut family.office);
    office.set("QUORATE_NODE", &family.node.url_cookie());
    let synced = office.json(&["sync"]);
    assert_eq!(synced["rebroadcast"], json!([created["txid"]]));
    assert_eq!(family.node.mempool().len(), 1);
}

#[test]
fn t31_two_processes_on_one_home_lose_nothing_and_never_show_a_locked_database() {
    let family = Family::with_vault("2-of-3");
    let running: Vec<_> = (0..24)
        .map(|_| family.office.spawn(&["address", "new", "family", "--json"]))
        .collect();
    let mut indexes: Vec<u64> = running
        .into_iter()
        .map(|running| {
            let output = running.wait();
            assert!(output.status.success(), "{output:?}");
            let view: Value = serde_json::from_str(&output.stdout).unwrap();
            view["index"].as_u64().unwrap()
        })
        .collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..24).collect::<Vec<_>>());
    let log = family.office.json(&["journal", "log", "family"]);
    let shown = list(&log, "entries")
        .iter()
        .filter(|entry| entry["kind"] == "address_revealed");
    assert_eq!(shown.count(), 24);
    assert_eq!(
        family.office.json(&["journal", "verify"])["faults"],
        json!([])
    );
}
