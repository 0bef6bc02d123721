//! Backups that aren't what they say: each refused with a sentence of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{key_text, vault};
use quorate_core::backup::{Backup, BackupError, BackupParts};
use quorate_core::journal::{Birth, MemberKey};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn backup() -> Backup {
    let member = MemberKey::from_bytes(&[3; 32]).unwrap().id();
    Backup::of(
        &vault("2-of-3"),
        BackupParts {
            created_at: 1_750_000_000,
            name: "family".to_owned(),
            proven: vec![Some("record".to_owned())],
            birthday: Birth::Height(7),
            home: member,
            owner: None,
            session: false,
            next_index: [3, 1],
            labels: vec![json!({"type": "addr", "ref": "x", "label": "rent"})],
            state: "00".to_owned(),
            journal_head: Vec::new(),
            journal: String::new(),
        },
    )
}

#[test]
fn what_is_written_is_read_and_what_is_unknown_passed_over() {
    let ours = backup();
    let (read, its) = Backup::read(&ours.write()).unwrap();
    assert_eq!((read, its.id()), (ours.clone(), vault("2-of-3").id()));
    let mut later: Value = serde_json::from_str(&ours.write()).unwrap();
    later["registrations"] = json!([{"device": "ledger"}]);
    later["cosigners"][0]["vendor"] = json!("x");
    assert_eq!(Backup::read(&later.to_string()).unwrap().0, ours);
    let mut lean = later;
    for optional in ["labels", "session", "owner"] {
        lean.as_object_mut().unwrap().remove(optional);
    }
    assert!(Backup::read(&lean.to_string()).unwrap().0.labels.is_empty());
}

#[test]
fn a_bad_backup_is_refused_with_its_own_sentence() {
    let text = backup().write();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        value.to_string()
    };
    let other = key_text(bitcoin::Network::Regtest, 77, "48h/1h/0h/2h");
    let words = format!("{}about", "abandon ".repeat(11));
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "isn't a backup"),
        ("holiday".to_owned(), "isn't a backup"),
        (text[..text.len() / 2].to_owned(), "isn't a backup"),
        (
            "{\"format\":\"other\",\"version\":1}".to_owned(),
            "its format is `other`",
        ),
        (changed(&|one| one["version"] = json!(2)), "version 2"),
        (
            changed(&|one| {
                one.as_object_mut().unwrap().remove("descriptor");
            }),
            "descriptor",
        ),
        (
            changed(&|one| one["id"] = json!("00".repeat(32))),
            "isn't the one of the vault",
        ),
        (
            changed(&|one| one["id"] = json!("short")),
            "isn't the one of the vault",
        ),
        (
            changed(&|one| one["cosigners"][0]["key"] = json!(other)),
            "cosigners aren't those",
        ),
        (
            changed(&|one| {
                one["cosigners"].as_array_mut().unwrap().pop();
            }),
            "2 names",
        ),
        (
            changed(&|one| one["network"] = json!("bitcoin")),
            "its descriptor",
        ),
        (
            changed(&|one| one["network"] = json!("mars")),
            "isn't a backup",
        ),
        (
            changed(&|one| {
                one["descriptor"] = json!(one["descriptor"].as_str().unwrap().replace("(2,", "(3,"))
            }),
            "checksum",
        ),
        (
            changed(&|one| one["labels"][0]["label"] = json!(words)),
            "seed words",
        ),
        (
            changed(&|one| {
                one["descriptor"] = json!(
                    one["descriptor"]
                        .as_str()
                        .unwrap()
                        .replacen("tpub", "tprv", 1)
                )
            }),
            "private key",
        ),
        (
            changed(&|one| {
                one["name"] = json!("L3q1sg7iso1L3QfzB1riC9bQpqMynWyBeuLLSKwCDGkHkahB7MgU")
            }),
            "a private key",
        ),
    ];
    let mut sentences = BTreeSet::new();
    for (text, expected) in &cases {
        let error = Backup::read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(
            !error.contains("abandon") && !error.contains("L3q1"),
            "{error}"
        );
        sentences.insert(error);
    }
    assert!(sentences.len() >= 12, "{sentences:#?}");
    assert_eq!(
        Backup::read("{\"format\":\"quorate-backup\",\"version\":9}"),
        Err(BackupError::Newer(9))
    );
}
