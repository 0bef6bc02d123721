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
