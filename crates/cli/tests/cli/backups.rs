//! Sealed backups that were damaged or are somebody else's: told, and nothing is restored.

use crate::people::{PASSPHRASE, person, text};
use quorate_testkit::{Home, fixtures};
use serde_json::json;
use std::fs;

fn vault(home: &Home) {
    let keys: Vec<String> = fixtures::cosigners(3)
        .iter()
        .map(|key| key.argument())
        .collect();
    let mut create = vec!["vault", "create", "family", "--policy", "2-of-3"];
    keys.iter().for_each(|key| create.extend(["--key", key]));
    home.json(&create);
}

#[test]
fn a_damaged_or_foreign_backup_restores_nothing() {
    let office = person().with_passphrase(PASSPHRASE);
    vault(&office);
    office.json(&["vault", "backup", "family", "-o", "ok.backup"]);
    office.json(&["vault", "backup", "family", "-o", "ok.age", "--seal", "age"]);
    office.json(&[
        "vault", "backup", "family", "-o", "ok.json", "--seal", "none",
    ]);
    let key = fixtures::alice().text();
    let read = |name: &str| fs::read(office.file(name)).unwrap();
    let home = person().with_passphrase(PASSPHRASE);
    let write = |name: &str, bytes: &[u8]| fs::write(home.file(name), bytes).unwrap();
    let flipped = |name: &str, at: usize| {
        let mut bytes = read(name);
        let at = at % bytes.len();
        bytes[at] ^= 1;
        bytes
    };
    let sealed = read("ok.backup");
    write("flipped", &flipped("ok.backup", sealed.len() - 10));
    write("head", &flipped("ok.backup", 6));
    write("cut", &sealed[..sealed.len() / 2]);
    write("magic", b"BIP138");
    write("age", &flipped("ok.age", read("ok.age").len() - 5));
    write("age-cut", &read("ok.age")[..60]);
    write("empty", b"");
    write("noise", &[0xff; 300]);
    write("other.json", br#"{"format":"somebody's","version":1}"#);
    write(
        "newer.json",
        &String::from_utf8(read("ok.json"))
            .unwrap()
            .replace("\"version\": 1", "\"version\": 7")
            .into_bytes(),
    );
    write(
        "mainnet.json",
        &String::from_utf8(read("ok.json"))
            .unwrap()
            .replace("\"regtest\"", "\"signet\"")
            .into_bytes(),
    );
    let names = [
        "flipped",
        "head",
        "cut",
        "magic",
        "age",
        "age-cut",
        "empty",
        "noise",
        "other.json",
        "newer.json",
        "mainnet.json",
    ];
    for name in names {
        let (code, error) = home.fail(&["vault", "restore", name, "--key", &key]);
        assert!(matches!(code, 1 | 2), "{name}: {error}");
        let told = text(&error["message"]);
        assert!(
            told.contains(name) || name == "mainnet.json",
            "{name}: {told}"
        );
        assert_eq!(home.json(&["vault", "list"])["vaults"], json!([]), "{name}");
    }
    fs::copy(office.file("ok.backup"), home.file("ok.backup")).unwrap();
    let (code, error) = home.fail(&["vault", "restore", "ok.backup"]);
    assert_eq!(code, 2);
    assert!(text(&error["hint"]).contains("--key"), "{error}");
    home.json(&["vault", "restore", "ok.backup", "--key", &key]);
    // Somebody else's vault in the name's place.
    let (code, error) = office.fail(&["vault", "backup", "family", "-o", "ok.backup"]);
    assert_eq!((code, text(&error["code"])), (1, "file_exists"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(office.file("ok.backup"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
