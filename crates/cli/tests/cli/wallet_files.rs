//! A vault through the files of other programs, from one data folder into another.

use crate::people::{person, text};
use quorate_core::wallet::Format;
use quorate_testkit::{Home, fixtures};
use serde_json::Value;
use std::fs;

fn vault(home: &Home, script: &str) -> Value {
    let keys: Vec<String> = fixtures::cosigners(3)
        .iter()
        .map(|key| format!("{}={}", key.name(), key.text()))
        .collect();
    let mut create = vec![
        "vault", "create", "family", "--policy", "2-of-3", "--script", script,
    ];
    keys.iter().for_each(|key| create.extend(["--key", key]));
    home.json(&create)
}

#[test]
fn a_vault_comes_back_from_every_format_with_its_id_and_addresses() {
    let office = person();
    let made = vault(&office, "wsh");
    for format in Format::ALL {
        let file = office.file(format.word());
        let file = file.to_str().unwrap();
        let export = [
            "vault",
            "export",
            "family",
            "--format",
            format.word(),
            "-o",
            file,
        ];
        if format == Format::Keystone {
            let refused = office.run(&export);
            assert_eq!(refused.code(), Some(1), "{refused:?}");
            assert!(refused.stderr.contains("main network"), "{refused:?}");
            continue;
        }
        office.json(&export);
        let other = person();
        let import = ["vault", "import", "ours", file];
        let imported = other.json(&import);
        for same in ["id", "descriptor", "first_addresses", "threshold"] {
            assert_eq!(imported[same], made[same], "{format} {same}");
        }
        let named = matches!(format, Format::Specter | Format::Caravan | Format::Electrum);
        let first = text(&imported["cosigners"][0]["name"]);
        assert_eq!(first == "alice", named, "{format}: {first}");
        let again = other.run(&["vault", "import", "again", file]);
        assert!(again.stderr.contains("here already"), "{again:?}");
    }
    let shown = person().run(&[
        "vault",
        "import",
        "x",
        office.file("coldcard").to_str().unwrap(),
    ]);
    assert!(shown.stdout.starts_with("read as: coldcard\n"), "{shown:?}");
}

#[test]
fn what_a_format_cannot_hold_is_refused_and_nothing_is_written() {
    let office = person();
    vault(&office, "tr");
    for format in [
        "coldcard",
        "specter",
        "caravan",
        "electrum",
        "bluewallet",
        "bip388",
    ] {
        let refused = office.run(&["vault", "export", "family", "--format", format, "-o", "x"]);
        assert_eq!(refused.code(), Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("can't hold this vault"),
            "{refused:?}"
        );
        assert!(!office.file("x").exists());
    }
    let misspelt = office.run(&["vault", "export", "family", "--format", "sparow"]);
    assert_eq!(misspelt.code(), Some(2));
    assert!(
        misspelt.stderr.contains("did you mean `sparrow`?"),
        "{misspelt:?}"
    );
}

#[test]
fn a_damaged_wallet_file_is_named_and_changes_nothing() {
    let office = person();
    vault(&office, "wsh");
    office.json(&[
        "vault",
        "export",
        "family",
        "--format",
        "caravan",
        "-o",
        "good.json",
    ]);
    let good = fs::read_to_string(office.file("good.json")).unwrap();
    fs::write(office.file("bad.json"), good.replace("regtest", "mainnet")).unwrap();
    let other = person();
    let refused = other.run(&[
        "vault",
        "import",
        "x",
        office.file("bad.json").to_str().unwrap(),
    ]);
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("bad.json: as a file for caravan: it is for mainnet"),
        "{refused:?}"
    );
    assert_eq!(
        other.json(&["vault", "list"])["vaults"],
        serde_json::json!([])
    );
}

/// A file as Coldcard writes it for multisig, for one of our signers.
fn ccxp(key: &fixtures::TestKey) -> String {
    let part = |path: &str| {
        let text = key.text_at(path);
        text.split_once(']').unwrap().1.to_owned()
    };
    let xfp = key.fingerprint().to_string().to_uppercase();
    serde_json::json!({
        "p2wsh_deriv": "m/48'/1'/0'/2'", "p2wsh": part("48h/1h/0h/2h"),
        "p2sh_p2wsh_deriv": "m/48'/1'/0'/1'", "p2sh_p2wsh": part("48h/1h/0h/1h"),
        "account": "0", "xfp": xfp,
    })
    .to_string()
}

#[test]
fn keys_come_out_of_signers_files_into_a_vault() {
    let office = person();
    let people = fixtures::cosigners(3);
    fs::write(office.file("alice.json"), ccxp(&people[0])).unwrap();
    let found = office.json(&["vault", "key", "import", "alice.json"]);
    assert_eq!(found["format"], "coldcard-multisig");
    assert_eq!(found["key"], people[0].text_at("48h/1h/0h/2h"));
    assert_eq!(
        (&found["script"], &found["path"]),
        (&"wsh".into(), &"m/48h/1h/0h/2h".into())
    );
    assert_eq!(found["others"][0]["script"], "sh-wsh");
    let nested = office.json(&["vault", "key", "import", "alice.json", "--script", "sh-wsh"]);
    assert_eq!(nested["key"], people[0].text_at("48h/1h/0h/1h"));
    let shown = office.run(&["vault", "key", "import", "alice.json"]).stdout;
    for part in [
        "read as: Coldcard's keys",
        "took: m/48h/1h/0h/2h for wsh",
        "left: m/48h/1h/0h/1h",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    // The vault's kind decides which of the keys is taken.
    for (script, path) in [("wsh", "48h/1h/0h/2h"), ("sh-wsh", "48h/1h/0h/1h")] {
        let others: Vec<String> = people[1..]
            .iter()
            .map(|key| format!("{}={}", key.name(), key.text_at(path)))
            .collect();
        let made = office.json(&[
            "vault",
            "create",
            script,
            "--policy",
            "2-of-3",
            "--script",
            script,
            "--key",
            "alice=@alice.json",
            "--key",
            &others[0],
            "--key",
            &others[1],
        ]);
        assert_eq!(made["cosigners"][0]["key"], people[0].text_at(path));
    }
    let taproot = office.run(&["vault", "key", "import", "alice.json", "--script", "tr"]);
    assert_eq!(taproot.code(), Some(2));
    assert!(
        taproot
            .stderr
            .contains("alice.json: it has no one key for tr"),
        "{taproot:?}"
    );
    let missing = office.run(&[
        "vault",
        "create",
        "x",
        "--policy",
        "2-of-3",
        "--key",
        "alice=@nowhere.json",
    ]);
    assert!(
        missing.stderr.contains("nowhere.json can't be read"),
        "{missing:?}"
    );
    let secret = "abandon ".repeat(11) + "about";
    fs::write(office.file("seed.txt"), &secret).unwrap();
    let refused = office.run(&["vault", "key", "import", "seed.txt"]);
    assert!(
        refused
            .stderr
            .contains("seed.txt: it contains a list of seed words"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("abandon"));
}

#[test]
fn devices_say_what_they_will_refuse() {
    let office = person();
    vault(&office, "tr");
    let all = office.json(&["vault", "check", "family"]);
    let devices = all["devices"].as_array().unwrap();
    assert!(devices.len() >= 14);
    let jade = devices.iter().find(|one| one["device"] == "jade").unwrap();
    assert_eq!(jade["takes"], false);
    assert!(text(&jade["refusals"][0]).contains("taproot"), "{jade}");
    let ledger = office.run(&["vault", "check", "family", "--device", "ledger"]);
    assert_eq!(ledger.code(), Some(0), "{ledger:?}");
    let jade = office.run(&["vault", "check", "family", "--device", "jade"]);
    assert_eq!(jade.code(), Some(1), "{jade:?}");
    assert!(jade.stdout.contains("refuses"), "{jade:?}");
    assert!(
        jade.stderr.contains("jade refuses the vault `family`"),
        "{jade:?}"
    );
    let misspelt = office.run(&["vault", "check", "family", "--device", "coldcart"]);
    assert!(
        misspelt.stderr.contains("did you mean `coldcard`?"),
        "{misspelt:?}"
    );
}

#[test]
fn words_and_vaults_are_explained() {
    let office = person();
    vault(&office, "wsh");
    let words = office.json(&["explain"]);
    let words: Vec<&str> = words["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(&one["word"]))
        .collect();
    for word in [
        "vault",
        "descriptor",
        "quorum",
        "psbt",
        "change",
        "timelock",
        "fee",
        "recovery",
        "backup",
    ] {
        assert!(words.contains(&word), "{word}");
        assert!(!text(&office.json(&["explain", word])["text"]).is_empty());
    }
    let shown = office.run(&["explain", "--vault", "family"]).stdout;
    assert!(
        shown.contains("if the key of alice is lost: bob and carol together can spend at any time"),
        "{shown}"
    );
    assert!(
        shown.contains("if it is stolen: the thief can't spend alone"),
        "{shown}"
    );
    let policy = office.json(&["explain", "--policy", "inheritance"]);
    assert!(
        text(&policy["keys"][0]["lost"]).contains("(about 365 days)"),
        "{policy}"
    );
    let unknown = office.run(&["explain", "timelok"]);
    assert_eq!(unknown.code(), Some(2));
    assert!(
        unknown.stderr.contains("did you mean `timelock`?"),
        "{unknown:?}"
    );
}
