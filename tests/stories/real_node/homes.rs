//! Four homes of one vault meet in a folder: one proposes, two sign, another one sends. All of them
//! come to the same state; lost files are sent again, hostile ones change nothing.

use super::family::{Family, path, text};
use quorate_testkit::Home;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Without a chain source: exchanging entries needs none.
fn meet(home: &Home, share: &Path) -> Value {
    home.json(&[
        "sync",
        "family",
        "--folder",
        path(share),
        "--node",
        "http://user:password@127.0.0.1:1",
    ])
}

fn state(home: &Home) -> String {
    let view = home.json(&["journal", "verify", "family"]);
    assert_eq!(view["faults"], serde_json::json!([]), "{view}");
    text(&view["states"][0]["state"]).to_owned()
}

fn member(home: &Home) -> String {
    text(&home.json(&["member", "show"])["member"]).to_owned()
}

fn all(family: &Family) -> [(&'static str, &Home); 4] {
    [
        ("office", &family.office),
        ("alice", &family.alice),
        ("bob", &family.bob),
        ("carol", &family.carol),
    ]
}

/// Everybody meets everybody.
fn meet_all(family: &Family, share: &Path) {
    for _ in 0..2 {
        for (_, home) in all(family) {
            meet(home, share);
        }
    }
}

fn assert_same_state(family: &Family) {
    let ours = state(&family.office);
    for (name, home) in all(family) {
        assert_eq!(state(home), ours, "{name}");
    }
}

/// The office owns the vault, the others are enrolled, everybody has seen a deposit.
fn enrolled() -> (Family, PathBuf) {
    let family = Family::with_vault("2-of-3");
    let share = family.office.file("share");
    fs::create_dir(&share).unwrap();
    let owner = member(&family.office);
    for (name, home) in all(&family).into_iter().skip(1) {
        let id = member(home);
        family
            .office
            .json(&["member", "add", "family", name, &id, "--cosigner", name]);
        home.json(&["member", "trust", "family", &owner]);
    }
    family.deposit("100000000");
    for (_, home) in all(&family) {
        home.json(&["sync"]);
    }
    (family, share)
}

fn sign_at(family: &Family, home: &Home, who: &str, id: &str) {
    let request = home.file(&format!("{who}.psbt"));
    home.json(&["proposal", "export", id, "--for", who, "-o", path(&request)]);
    let signed = family.sign(who, &request);
    let view = home.json(&["proposal", "import", path(&signed)]);
    assert_eq!(view["accepted"], 1, "{view}");
}

#[test]
fn proposed_in_one_home_signed_in_two_sent_by_a_fourth() {
    let (family, share) = enrolled();
    let to = format!("{}=0.3btc", family.stranger());
    let proposal = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
        "--memo",
        "roof",
    ]);
    let id = text(&proposal["id"]);
    meet_all(&family, &share);
    assert_same_state(&family);

    // Each signs in a home of his own, at the same time.
    sign_at(&family, &family.bob, "bob", id);
    sign_at(&family, &family.carol, "carol", id);
    assert_ne!(state(&family.bob), state(&family.carol));
    meet(&family.bob, &share);
    meet(&family.carol, &share);
    meet(&family.alice, &share);
    let view = family.alice.json(&["proposal", "show", id]);
    assert_eq!(view["status"], "ready", "{view}");
    assert_eq!(view["memo"], "roof");
    let signatures = &view["inputs"][0]["signatures"];
    assert_eq!(
        (&signatures["bob"], &signatures["carol"]),
        (&"signed".into(), &"signed".into())
    );

    family.alice.json(&["proposal", "broadcast", id]);
    meet_all(&family, &share);
    assert_same_state(&family);
    family.node.mine(1);
    for (name, home) in all(&family) {
        home.json(&["sync"]);
        let view = home.json(&["proposal", "show", id]);
        assert_eq!(view["status"], "confirmed", "{name}");
    }
    // The next address is one that nobody has handed out.
    let next = |home: &Home| home.json(&["address", "new", "family"])["index"].clone();
    assert_eq!(next(&family.bob), 1);
    meet(&family.bob, &share);
    meet(&family.carol, &share);
    assert_eq!(next(&family.carol), 2);
}

#[test]
fn lost_files_are_sent_again_and_hostile_ones_change_nothing() {
    let (family, share) = enrolled();
    meet_all(&family, &share);
    assert_same_state(&family);
    let before = state(&family.office);
    let folder = fs::read_dir(&share)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let files = || -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let whole = files();

    // Lost on the way: whoever has it puts it there again.
    fs::remove_file(&whole[0]).unwrap();
    fs::remove_file(&whole[3]).unwrap();
    assert_eq!(meet(&family.carol, &share)["written"], 2);
    assert_eq!(files(), whole);

    // What others drop into the folder.
    let drop = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let half = fs::read(&whole[1]).unwrap();
    drop(
        &format!("{}.entry", "ab".repeat(32)),
        &half[..half.len() / 2],
    );
    drop(&format!("{}.entry", "cd".repeat(32)), &half);
    drop("x.sync-conflict-20260101-120000-ABCDEFG.entry", b"conflict");
    drop("\u{1b}[2J", b"terminal");
    drop("holiday.jpg", &[0xff; 1000]);
    for (name, home) in all(&family) {
        let view = meet(home, &share);
        assert_eq!(view["taken"], Value::Null);
        assert_eq!(view["new"], 0, "{name}: {view}");
        let told =
            view["refused"].as_array().unwrap().len() + view["skipped"].as_array().unwrap().len();
        assert_eq!(told, 5, "{name}: {view}");
        assert_eq!(state(home), before, "{name}");
    }
    let output = family
        .bob
        .run(&["sync", "family", "--folder", path(&share)]);
    assert!(output.status.success());
    assert!(!output.stdout.contains('\u{1b}'), "{output:?}");
}

#[test]
fn a_journal_file_brings_a_new_home_to_where_the_others_are() {
    let (family, _) = enrolled();
    let to = format!("{}=0.3btc", family.stranger());
    let proposal = family.office.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    let id = text(&proposal["id"]);
    sign_at(&family, &family.office, "alice", id);
    let file = family.office.file("family.journal");
    family
        .office
        .json(&["journal", "export", "family", "-o", path(&file)]);

    let new = Home::new().with_node(&family.node.url_cookie());
    new.json(&["init", "--network", "regtest"]);
    let error = new.run(&["journal", "import", path(&file)]);
    assert_eq!(error.code(), Some(1), "{error:?}");
    assert!(error.stderr.contains("quorate vault import"), "{error:?}");
    let vault = family.office.file("family.txt");
    new.json(&[
        "vault",
        "import",
        "family",
        path(&vault),
        "--cosigners",
        "alice,bob,carol",
    ]);
    // Until the owner is named, nothing counts, and the owner is told of.
    let view = new.json(&["journal", "import", path(&file)]);
    assert_eq!(view["unknown"][0]["says_owner"], true, "{view}");
    assert_eq!(
        new.json(&["proposal", "list"])["proposals"],
        serde_json::json!([])
    );
    let owner = member(&family.office);
    new.json(&["journal", "import", path(&file), "--owner", &owner]);
    assert_eq!(state(&new), state(&family.office));
    let theirs = new.json(&["proposal", "show", id]);
    assert_eq!(theirs["inputs"][0]["signatures"]["alice"], "signed");
    let labels = |home: &Home| home.json(&["address", "list", "family"])["addresses"].clone();
    assert_eq!(labels(&new), labels(&family.office));

    // Cut off: told, and what is sound counts.
    let journal = fs::read_to_string(&file).unwrap();
    let cut = family.office.file("cut.journal");
    fs::write(&cut, &journal[..journal.len() - 50]).unwrap();
    let output = family.bob.run(&["journal", "import", path(&cut)]);
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("damaged") || output.stderr.contains("cut off"),
        "{output:?}"
    );
    family.bob.json(&["journal", "import", path(&file)]);
    assert_eq!(state(&family.bob), state(&family.office));
}
