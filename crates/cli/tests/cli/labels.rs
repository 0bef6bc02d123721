//! Labels (BIP-0329): through files without a loss, and shown wherever the thing is listed.

use crate::people::{fund, outside, text, watcher};
use quorate_testkit::fixtures;
use serde_json::{Value, json};
use std::fs;

#[test]
fn labels_come_back_from_their_file_whatever_their_type() {
    let home = watcher();
    fund(&home, "1btc");
    let coin = home.json(&["coin", "list", "family"])["coins"][0].clone();
    let (outpoint, address) = (text(&coin["outpoint"]), text(&coin["address"]));
    let (txid, _) = outpoint.split_once(':').unwrap();
    let xpub = fixtures::bob().xpub().to_string();
    let lines = [
        json!({"type": "tx", "ref": txid, "label": "the sale", "origin": "wpkh([d34db33f/84'/0'/0'])"}),
        json!({"type": "addr", "ref": address, "label": "rent \u{1f3e0} \"No. 5\""}),
        json!({"type": "pubkey", "ref": "0283409659355b6d1cc3c32decd5d561abaac86c37a353b52895a5e6c196d6f448", "label": "a key"}),
        json!({"type": "input", "ref": format!("{txid}:0"), "label": "an input"}),
        json!({"type": "output", "ref": outpoint, "label": "savings", "spendable": false}),
        json!({"type": "xpub", "ref": xpub, "label": "the grey device"}),
        json!({"type": "xpub", "ref": "not-here", "label": ""}),
        json!({"type": "of-the-future", "ref": "x", "label": "kept", "depth": {"a": [1, 2.5, null]}}),
        json!({"type": "another", "ref": "y", "no": "label"}),
    ];
    let file: String = lines.iter().map(|line| format!("{line}\r\n\n")).collect();
    fs::write(home.file("in.jsonl"), format!("\u{feff}{file}")).unwrap();
    let view = home.json(&["label", "import", "family", "in.jsonl"]);
    assert_eq!(
        view,
        json!({"read": 9, "new": 9, "unknown": 2, "warnings": []})
    );
    let again = home.json(&["label", "import", "family", "in.jsonl"]);
    assert_eq!(again["new"], 0, "{again}");
    home.json(&["label", "export", "family", "-o", "out.jsonl"]);
    let read = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(home.file(name)).unwrap();
        let lines = text
            .trim_start_matches('\u{feff}')
            .lines()
            .filter(|line| !line.trim().is_empty());
        let mut lines: Vec<Value> = lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines.sort_by_key(ToString::to_string);
        lines
    };
    let mut expected = read("in.jsonl");
    expected.retain(|line| line["label"] != "");
    let mut found = read("out.jsonl");
    // What was handed out with words goes along.
    found.retain(|line| line["label"] != "deposit");
    assert_eq!(found, expected);

    let coin = home.json(&["coin", "list", "family"])["coins"][0].clone();
    assert_eq!(coin["label"], "savings");
    home.json(&["label", "set", "family", outpoint]);
    let label = |view: Value| view["coins"][0]["label"].clone();
    assert_eq!(
        label(home.json(&["coin", "list", "family"])),
        "rent \u{1f3e0} \"No. 5\""
    );
    home.json(&["label", "set", "family", address]);
    assert_eq!(label(home.json(&["coin", "list", "family"])), "the sale");
    let vault = home.json(&["vault", "show", "family"]);
    let labels: Vec<&Value> = vault["standing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["label"])
        .collect();
    assert!(labels.contains(&&json!("the grey device")), "{labels:?}");
    home.json(&["label", "set", "family", address, "shop"]);
    let list = home.json(&["address", "list", "family"]);
    let shown = list["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["address"] == address);
    assert_eq!(shown.unwrap()["label"], "shop");
    let to = format!("{}=0.4btc", outside());
    let proposal = home.json(&[
        "proposal",
        "create",
        "family",
        "--to",
        &to,
        "--feerate",
        "2",
    ]);
    home.json(&[
        "label",
        "set",
        "family",
        text(&proposal["txid"]),
        "the roof",
    ]);
    assert_eq!(
        home.json(&["proposal", "list"])["proposals"][0]["label"],
        "the roof"
    );
    // Another home gets them with the journal, and the backup has them.
    let state = home.json(&["journal", "verify", "family"]);
    assert_eq!(state["faults"], json!([]));
    home.json(&[
        "vault", "backup", "family", "-o", "b.json", "--seal", "none",
    ]);
    let backup = fs::read_to_string(home.file("b.json")).unwrap();
    assert!(backup.contains("of-the-future") && backup.contains("the roof"));
}

#[test]
fn a_bad_label_file_is_refused_by_line_and_nothing_of_it_is_taken() {
    let home = watcher();
    let good = r#"{"type":"addr","ref":"x","label":"good"}"#;
    let words = format!("{}about", "abandon ".repeat(11));
    let cases = [
        (String::new(), "no label in it"),
        ("hello".to_owned(), "line 1: it isn't a JSON object"),
        (format!("{good}\n[1]"), "line 2: it isn't a JSON object"),
        (format!("{good}\n{{\"type\":\"tx\""), "line 2: it isn't a JSON object"),
        (format!("{good}\n\n{{\"ref\":\"x\"}}"), "line 3: its field `type`"),
        ("{\"type\":\"tx\",\"label\":\"x\"}".to_owned(), "its field `ref`"),
        ("{\"type\":\"tx\",\"ref\":7}".to_owned(), "its field `ref`"),
        ("{\"type\":\"tx\",\"ref\":\"x\",\"label\":7}".to_owned(), "its field `label`"),
        ("{\"type\":\"output\",\"ref\":\"x\",\"spendable\":\"no\"}".to_owned(), "its field `spendable`"),
        (format!("{{\"type\":\"tx\",\"ref\":\"x\",\"label\":\"{}\"}}", "a".repeat(5_000)), "5034 bytes"),
        (format!("{good}\n{{\"type\":\"tx\",\"ref\":\"x\",\"label\":\"{words}\"}}"), "line 2: it contains a list of seed words"),
        ("{\"type\":\"xpub\",\"ref\":\"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPP\"}".to_owned(), "an extended private key"),
    ];
    for (text_of, expected) in &cases {
        fs::write(home.file("bad.jsonl"), text_of).unwrap();
        let (code, error) = home.fail(&["label", "import", "family", "bad.jsonl"]);
        let told = text(&error["message"]);
        assert_eq!(code, 2, "{told}");
        assert!(
            told.contains(expected) && told.contains("bad.jsonl"),
            "{expected}: {told}"
        );
        assert!(!told.contains("abandon"), "{told}");
    }
    fs::write(home.file("latin"), [0xe9, 0x0a]).unwrap();
    assert_eq!(home.fail(&["label", "import", "family", "latin"]).0, 2);
    assert_eq!(home.json(&["label", "list", "family"])["labels"], json!([]));
    // Control characters travel, and are never printed as they are (T35).
    fs::write(
        home.file("esc.jsonl"),
        r#"{"type":"tx","ref":"\u001b[2J","label":"\u001b[2J\u202etxt"}"#,
    )
    .unwrap();
    home.json(&["label", "import", "family", "esc.jsonl"]);
    let shown = home.run(&["label", "list", "family"]);
    assert!(!shown.stdout.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    let (code, error) = home.fail(&["label", "set", "family", "nothing", "x"]);
    assert_eq!((code, text(&error["code"])), (2, "bad_reference"));
    let long = "a".repeat(300);
    fs::write(
        home.file("long.jsonl"),
        format!("{{\"type\":\"tx\",\"ref\":\"x\",\"label\":\"{long}\"}}"),
    )
    .unwrap();
    let view = home.json(&["label", "import", "family", "long.jsonl"]);
    assert!(text(&view["warnings"][0]).contains("255"), "{view}");
}

/// Where keys come from is kept with them, and what devices answered.
#[test]
fn provenance_and_registrations_are_kept_and_travel() {
    let home = watcher();
    let key = fixtures::dave().text();
    fs::write(home.file("dave.txt"), &key).unwrap();
    let pasted: Vec<String> = fixtures::cosigners(3)
        .iter()
        .take(2)
        .map(|key| key.argument())
        .collect();
    let made = home.json(&[
        "vault",
        "create",
        "second",
        "--policy",
        "2-of-3",
        "--key",
        &pasted[0],
        "--key",
        &pasted[1],
        "--key",
        "dave=@dave.txt",
    ]);
    let of = |view: &Value, name: &str| {
        let cosigners = view["standing"].as_array().unwrap().iter();
        cosigners
            .filter(|one| one["name"] == name)
            .map(|one| one["provenance"].clone())
            .next()
            .unwrap()
    };
    assert_eq!(of(&made, "alice")["carrier"], "paste");
    assert_eq!(of(&made, "dave")["carrier"], "expression file");
    assert!(of(&made, "dave")["came_at"].as_u64().unwrap() > 1_700_000_000);
    let hmac = "ab".repeat(32);
    home.json(&[
        "vault", "key", "note", "second", "alice", "--vendor", "Ledger", "--model", "Nano X",
    ]);
    let view = home.json(&[
        "vault",
        "key",
        "note",
        "second",
        "alice",
        "--registration",
        &hmac.to_uppercase(),
        "--firmware",
        "2.4.0",
    ]);
    let facts = of(&view, "alice");
    assert_eq!(
        (
            &facts["vendor"],
            &facts["firmware"],
            &facts["registration"],
            &facts["carrier"]
        ),
        (
            &json!("Ledger"),
            &json!("2.4.0"),
            &json!(hmac),
            &json!("paste")
        )
    );
    let shown = home.run(&["vault", "show", "second"]);
    assert!(
        shown
            .stdout
            .contains("Ledger, Nano X, 2.4.0, came by paste on"),
        "{shown:?}"
    );
    for (args, expected) in [
        (vec!["--registration", "abc"], "32 bytes"),
        (
            vec![
                "--note",
                "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
            ],
            "seed words",
        ),
        (vec!["--vendor", "\u{1b}[2J"], "the vendor"),
        (vec!["--came", "yesterday"], "not a date"),
        (vec![], "it isn't said"),
    ] {
        let (code, error) =
            home.fail(&[&["vault", "key", "note", "second", "alice"][..], &args].concat());
        assert_eq!(code, 2, "{error}");
        assert!(
            text(&error["message"]).contains(expected),
            "{expected}: {error}"
        );
    }
    home.json(&[
        "vault",
        "backup",
        "second",
        "-o",
        "second.json",
        "--seal",
        "none",
    ]);
    let other = crate::people::person();
    fs::copy(home.file("second.json"), other.file("second.json")).unwrap();
    let restored = other.json(&["vault", "restore", "second.json"]);
    assert_eq!(of(&restored["vault"], "alice"), facts);
    assert_eq!(
        home.json(&["journal", "verify", "second"])["faults"],
        json!([])
    );
    // Whose device refuses what.
    let checked = home.json(&["vault", "check", "second", "--device", "all"]);
    let ledger = checked["devices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["device"] == "ledger")
        .unwrap();
    assert_eq!(
        (&ledger["cosigners"], &ledger["takes"]),
        (&json!(["alice"]), &json!(true))
    );
    assert!(text(&ledger["source"]).contains("LedgerHQ"));
    home.json(&[
        "vault", "key", "note", "second", "dave", "--vendor", "Keystone",
    ]);
    let output = home.run(&["vault", "check", "second"]);
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("keystone refuses"), "{output:?}");
    // The id that a Ledger shows, beside the policy.
    let policy = home.json(&["vault", "export", "second", "--format", "bip388"]);
    assert_eq!(text(&policy["ledger_policy_id"]).len(), 64);
}
