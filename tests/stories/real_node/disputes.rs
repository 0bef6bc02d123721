//! What goes wrong between people and programs, through the binary on a real node: a signer whose
//! randomness is broken, everybody proposing at once, a coordinator that lies about a file, and
//! journals that arrive in any order.

use super::family::{Family, path, text};
use bitcoin::{Network, Psbt, ScriptBuf};
use quorate_core::psbt::read;
use quorate_testkit::fixtures::{self, TestKey};
use quorate_testkit::lies::lies;
use quorate_testkit::rogue::sign_psbt_with;
use quorate_testkit::{Home, Node, Output};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

/// One home that watches a vault of the test keys, with coins of these sums in BTC.
struct Office {
    node: Node,
    home: Home,
    keys: Vec<TestKey>,
}

fn office(coins: &[f64]) -> Office {
    let node = Node::start();
    node.mine(110);
    let home = Home::new().with_node(&node.url_cookie());
    home.json(&["init", "--network", "regtest"]);
    let keys = fixtures::cosigners(3);
    let mut args = vec!["vault", "create", "family", "--policy", "2-of-3"];
    let named: Vec<String> = keys.iter().map(TestKey::argument).collect();
    for key in &named {
        args.extend(["--key", key]);
    }
    home.json(&args);
    for coin in coins {
        let address = home.json(&["address", "new", "family"]);
        let amount = bitcoin::Amount::from_btc(*coin).unwrap();
        node.fund(text(&address["address"]), amount);
    }
    node.mine(1);
    home.json(&["sync"]);
    Office { node, home, keys }
}

fn stranger(last: u8) -> String {
    let script = ScriptBuf::from_bytes(vec![0x51, 0x75, last]);
    bitcoin::Address::p2wsh(&script, Network::Regtest).to_string()
}

impl Office {
    fn pay(&self, last: u8, amount: &str) -> String {
        let to = format!("{}={amount}", stranger(last));
        let view = self.home.json(&[
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            "2",
        ]);
        text(&view["id"]).to_owned()
    }

    fn request(&self, id: &str) -> Psbt {
        let file = self.home.file("request.psbt");
        self.home
            .json(&["proposal", "export", id, "-o", path(&file), "--force"]);
        read(&fs::read(&file).unwrap()).unwrap().psbt
    }

    fn file(&self, name: &str, psbt: &Psbt) -> String {
        let file = self.home.file(name);
        fs::write(&file, psbt.serialize()).unwrap();
        path(&file).to_owned()
    }

    /// Imports what a signer made who uses `number` for each of its signatures.
    fn sign_with(&self, id: &str, who: usize, number: u8) -> Value {
        let number = bitcoin::secp256k1::SecretKey::from_slice(&[number; 32]).unwrap();
        let mut psbt = self.request(id);
        sign_psbt_with(&mut psbt, &self.keys[who], &[number]);
        let file = self.file("rogue.psbt", &psbt);
        self.home.json(&["proposal", "import", &file])
    }
}

fn alarms(list: &Value) -> usize {
    let list = list.as_array().unwrap().iter();
    list.filter(|one| text(one).contains("ALARM")).count()
}

#[test]
fn t32_a_signer_that_repeats_its_one_time_number_raises_the_alarm_and_the_money_still_moves() {
    let office = office(&[0.4, 0.5]);
    let (first, second) = (office.pay(0x51, "0.35btc"), office.pay(0x52, "0.35btc"));
    let view = office.sign_with(&first, 0, 7);
    assert_eq!(
        (&view["accepted"], alarms(&view["findings"])),
        (&json!(1), 0),
        "{view}"
    );
    let view = office.sign_with(&second, 0, 7);
    assert_eq!(
        (&view["accepted"], alarms(&view["findings"])),
        (&json!(1), 1),
        "{view}"
    );
    let told = view["findings"].to_string();
    assert!(told.contains("`alice` is compromised"), "{told}");
    let vault = office.home.json(&["vault", "show", "family"]);
    assert_eq!(alarms(&vault["warnings"]), 1, "{vault}");

    // The signature is valid: the vault can be emptied to safety with it.
    office.sign_with(&second, 1, 9);
    assert_eq!(
        office.home.json(&["proposal", "broadcast", &second])["status"],
        "broadcast"
    );
    office.node.mine(1);
    office.home.json(&["sync"]);
    let view = office.home.json(&["proposal", "show", &second]);
    assert_eq!(view["status"], "confirmed", "{view}");
    let shown = office.home.run(&["proposal", "review", &second]);
    assert!(shown.stdout.contains("ALARM"), "{shown:?}");
}

#[test]
fn t25_of_64_who_propose_one_coin_at_once_one_wins() {
    let office = office(&[0.4]);
    let running: Vec<_> = (0..64u8)
        .map(|number| {
            let to = format!("{}=0.3btc", stranger(number));
            let mut command = office
                .home
                .command(&["proposal", "create", "family", "--to", &to, "--json"]);
            command
                .args(["--feerate", "2"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> = running
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    let (won, lost): (Vec<_>, Vec<_>) = ended.iter().partition(|output| output.status.success());
    assert_eq!(won.len(), 1);
    let won: Value = serde_json::from_slice(&won[0].stdout).unwrap();
    for output in lost {
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        let told = text(&error["error"]["hint"]);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("reserved"), "{told}");
    }
    let list = office.home.json(&["proposal", "list", "family", "--all"]);
    assert_eq!(list["proposals"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["proposals"][0]["id"], won["id"]);
    let coins = office.home.json(&["coin", "list", "family"]);
    assert_eq!(coins["coins"][0]["reserved_by"], won["id"]);
}

/// A cosigner looks at files with nothing but the vault's descriptor; who passes them on may lie.
#[test]
fn t33_of_20_ways_to_alter_a_request_20_are_caught() {
    let office = office(&[0.4, 0.4]);
    let id = office.pay(0x51, "0.6btc");
    let request = office.request(&id);
    let descriptor = office.home.file("family.txt");
    office.home.json(&[
        "vault",
        "export",
        "family",
        "--format",
        "descriptor",
        "-o",
        path(&descriptor),
    ]);
    let cosigner = Home::new();
    let review = |psbt: &Psbt| -> Output {
        let file = office.file("passed-on.psbt", psbt);
        cosigner.run(&[
            "psbt",
            "review",
            &file,
            "--vault",
            path(&descriptor),
            "--network",
            "regtest",
            "--json",
        ])
    };
    let words = |output: &Output| -> Value {
        let view: Value = serde_json::from_str(&output.stdout).unwrap();
        view["words"].clone()
    };
    let honest = review(&request);
    assert!(honest.status.success(), "{honest:?}");
    let known = office.home.json(&["proposal", "review", &id]);
    assert_eq!(words(&honest), known["words"]);

    let change = (0..2)
        .find(|&at| !request.outputs[at].bip32_derivation.is_empty())
        .unwrap();
    let thief = ScriptBuf::new_p2wsh(&ScriptBuf::from_bytes(vec![0x52]).wscript_hash());
    let (mut refused, mut different) = (0, 0);
    let before = office.home.json(&["proposal", "show", &id]);
    for (what, alter) in lies(change, &thief) {
        let mut altered = request.clone();
        alter(&mut altered);
        let shown = review(&altered);
        if shown.status.success() {
            assert_ne!(words(&shown), words(&honest), "{what}");
            different += 1;
        } else {
            let error: Value = serde_json::from_str(&shown.stderr).unwrap();
            assert!(matches!(shown.code(), Some(1 | 2)), "{what}: {error}");
            refused += 1;
        }
        // Signed by cosigners who fell for it, the file brings the vault nothing; but one that is merely
        // trimmed holds signatures of the very transaction.
        if what == "no previous transaction" {
            continue;
        }
        for who in [&office.keys[0], &office.keys[1]] {
            let numbers: Vec<_> = (0..altered.inputs.len())
                .map(|at| bitcoin::secp256k1::SecretKey::from_slice(&[at as u8 + 11; 32]).unwrap())
                .collect();
            sign_psbt_with(&mut altered, who, &numbers);
        }
        let file = office.file("altered.psbt", &altered);
        let output = office.home.run(&["proposal", "import", &file, "--json"]);
        if output.status.success() {
            let view: Value = serde_json::from_str(&output.stdout).unwrap();
            assert_eq!(view["accepted"], 0, "{what}: {view}");
        }
        assert_eq!(
            office.home.json(&["proposal", "show", &id]),
            before,
            "{what}"
        );
    }
    assert_eq!(
        (refused + different, refused > 5, different > 5),
        (20, true, true)
    );
}

fn state(home: &Home) -> String {
    let view = home.json(&["journal", "verify", "family"]);
    assert_eq!(view["faults"], json!([]), "{view}");
    text(&view["states"][0]["state"]).to_owned()
}

/// Three homes, each with entries the others lack, exchanged as single files in several orders, some
/// of them twice and some lost at first.
#[test]
fn journals_that_arrive_in_any_order_end_in_one_state() {
    let family = Family::with_vault("2-of-3");
    let homes = [&family.office, &family.alice, &family.bob];
    let member = |home: &Home| text(&home.json(&["member", "show"])["member"]).to_owned();
    let owner = member(&family.office);
    for (name, home) in [("alice", &family.alice), ("bob", &family.bob)] {
        let id = member(home);
        family
            .office
            .json(&["member", "add", "family", name, &id, "--cosigner", name]);
        home.json(&["member", "trust", "family", &owner]);
    }
    family.deposit("100000000");
    family.deposit("100000000");
    for home in homes {
        home.json(&["sync"]);
    }
    let share = |at: usize| {
        let folder = family.office.file(&format!("share-{at}"));
        fs::create_dir(&folder).unwrap();
        folder
    };
    let meet = |home: &Home, folder: &std::path::Path| {
        home.json(&[
            "sync",
            "family",
            "--folder",
            path(folder),
            "--node",
            "http://user:password@127.0.0.1:1",
        ])
    };
    let first = share(0);
    for home in [homes[0], homes[1], homes[2]] {
        meet(home, &first);
    }
    // Each does something of its own while the others don't listen.
    // Different payments: two homes that pay the same from the same coin propose one transaction.
    let propose = |home: &Home, amount: &str| {
        let to = format!("{}={amount}", family.stranger());
        let view = home.json(&[
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            "2",
        ]);
        text(&view["id"]).to_owned()
    };
    let ids = [
        propose(&family.office, "0.3btc"),
        propose(&family.alice, "0.2btc"),
    ];
    family
        .alice
        .json(&["proposal", "approve", &ids[1], "--as", "alice"]);
    family
        .bob
        .json(&["address", "new", "family", "--label", "rent"]);
    let shares: Vec<_> = (1..=3).map(share).collect();
    for (home, folder) in homes.into_iter().zip(&shares) {
        meet(home, folder);
    }
    let before: BTreeSet<_> = homes.into_iter().map(state).collect();
    assert_eq!(before.len(), 3);
    let mut files = BTreeSet::new();
    for folder in &shares {
        for author in fs::read_dir(folder).unwrap() {
            for file in fs::read_dir(author.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                files.insert((file.file_name().unwrap().to_owned(), file));
            }
        }
    }
    let mut files: Vec<_> = files.into_iter().map(|(_, file)| file).collect();
    assert!(files.len() > 10, "{}", files.len());
    for (turn, home) in homes.into_iter().enumerate() {
        files.rotate_left(5 * turn + 1);
        if turn == 1 {
            files.reverse();
        }
        // One in three is lost at first, and everything is sent again afterwards.
        let kept = files.iter().enumerate().filter(|(at, _)| at % 3 != turn);
        let arriving = kept.map(|(_, file)| file).chain(&files);
        for (at, file) in arriving.enumerate() {
            // A file at a time, each in a folder like the one it came out of.
            let folder = family.office.file(&format!("carried-{turn}-{at}"));
            let vault = folder.join(file.parent().unwrap().file_name().unwrap());
            fs::create_dir_all(&vault).unwrap();
            fs::copy(file, vault.join(file.file_name().unwrap())).unwrap();
            meet(home, &folder);
        }
    }
    let states: BTreeSet<_> = homes.into_iter().map(state).collect();
    assert_eq!(states.len(), 1, "{states:?}");
    for home in homes {
        for (id, approvals) in ids.iter().zip([0, 1]) {
            let view = home.json(&["proposal", "show", id]);
            assert_eq!(view["status"], "collecting", "{view}");
            assert_eq!(
                view["answers"].as_array().map(Vec::len),
                Some(approvals),
                "{view}"
            );
        }
        let list = home.json(&["address", "list", "family"])["addresses"].to_string();
        assert!(list.contains("rent"), "{list}");
    }
}
