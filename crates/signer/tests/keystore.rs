//! The keystore as the command line uses it, on a real file system.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::{entropy, keystore, pass};
use quorate_signer::{Account, Keystore, KeystoreError};
use std::fs;
use std::path::{Path, PathBuf};

const SECRET: &str = "correct horse battery";

fn first() -> Account {
    Account::first(Network::Regtest)
}

fn create(store: &Keystore, name: &str) -> quorate_signer::NewKey {
    store
        .create(name, first(), &entropy(name), &pass(SECRET))
        .unwrap()
}

fn file(home: &Path, name: &str) -> PathBuf {
    home.join("signer").join(name)
}

#[test]
fn a_key_is_made_listed_and_unlocked() {
    let (_home, store) = keystore();
    assert!(store.names().unwrap().is_empty());
    let new = create(&store, "bob");
    create(&store, "alice");
    assert_eq!(new.words.split(' ').count(), 24);
    assert_eq!(new.info.network, Network::Regtest);
    let text = new.info.key.to_string();
    assert!(text.contains("/48h/1h/0h/2h]tpub"), "{text}");

    assert_eq!(store.names().unwrap(), ["alice", "bob"]);
    assert_eq!(store.info("bob").unwrap(), new.info);
    assert_eq!(store.list().unwrap()[1].1.as_ref().unwrap(), &new.info);
    let unlocked = store.unlock("bob", &pass(SECRET)).unwrap();
    assert_eq!(unlocked.info(), &new.info);
}

#[test]
fn the_words_bring_the_key_back_in_another_home() {
    let (_home, store) = keystore();
    let new = create(&store, "alice");
    let (_other_home, other) = keystore();
    let back = other
        .restore(
            "vault-key",
            first(),
            &new.words,
            &pass("another passphrase"),
        )
        .unwrap();
    assert_eq!(back.key, new.info.key);
    let account = Account::numbered(Network::Regtest, 1).unwrap();
    let second = other
        .restore("second", account, &new.words, &pass(SECRET))
        .unwrap();
    assert_ne!(second.key.identity(), new.info.key.identity());
    let unlocked = other.unlock("second", &pass(SECRET)).unwrap();
    assert_eq!(unlocked.info().key, second.key);
}

#[test]
fn a_wrong_passphrase_has_its_own_error() {
    let (_home, store) = keystore();
    create(&store, "alice");
    let error = store.unlock("alice", &pass("correct horse")).unwrap_err();
    assert!(
        matches!(&error, KeystoreError::WrongPassphrase { name } if name == "alice"),
        "{error}"
    );
}

#[test]
fn a_damaged_file_is_named() {
    let (home, store) = keystore();
    create(&store, "alice");
    let path = file(home.path(), "alice.age");
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [flipped.as_slice(), &good[..good.len() - 5], b"", b"junk"] {
        fs::write(&path, bad).unwrap();
        let error = store.unlock("alice", &pass(SECRET)).unwrap_err();
        assert!(
            matches!(&error, KeystoreError::Damaged { path: p, .. } if *p == path),
            "{error}"
        );
    }
    fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    let error = store.unlock("alice", &pass(SECRET)).unwrap_err();
    assert!(error.to_string().contains("far larger"), "{error}");
}

#[test]
fn a_replaced_public_part_is_noticed_at_unlock() {
    let (home, store) = keystore();
    create(&store, "alice");
    let (thief_home, thief) = keystore();
    create(&thief, "mallory");
    let path = file(home.path(), "alice.pub");
    let good = fs::read_to_string(&path).unwrap();
    let stolen = fs::read_to_string(file(thief_home.path(), "mallory.pub")).unwrap();
    let other_network = good.replace("regtest", "signet");
    assert_ne!(other_network, good);
    for bad in [stolen, other_network, "{}".to_owned(), String::new()] {
        fs::write(&path, bad).unwrap();
        let error = store.unlock("alice", &pass(SECRET)).unwrap_err();
        assert!(
            matches!(&error, KeystoreError::PublicPartReplaced { path: p, .. } if *p == path),
            "{error}"
        );
    }
    fs::write(&path, "{}").unwrap();
    assert!(matches!(
        store.info("alice").unwrap_err(),
        KeystoreError::Damaged { .. }
    ));
    fs::write(&path, good).unwrap();
    store.unlock("alice", &pass(SECRET)).unwrap();
}

#[test]
fn a_missing_public_part_is_written_again_at_unlock() {
    let (home, store) = keystore();
    let new = create(&store, "alice");
    let path = file(home.path(), "alice.pub");
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        store.info("alice").unwrap_err(),
        KeystoreError::PublicPartMissing { .. }
    ));
    // A wrong passphrase writes nothing.
    store.unlock("alice", &pass("wrong")).unwrap_err();
    assert!(!path.exists());
    store.unlock("alice", &pass(SECRET)).unwrap();
    assert_eq!(store.info("alice").unwrap(), new.info);
}

#[test]
fn a_key_is_never_written_over() {
    let (home, store) = keystore();
    let new = create(&store, "alice");
    let path = file(home.path(), "alice.age");
    let before = fs::read(&path).unwrap();
    let error = store
        .create("alice", first(), &entropy("other"), &pass(SECRET))
        .unwrap_err();
    assert!(matches!(error, KeystoreError::Exists { .. }), "{error}");
    let error = store
        .restore("alice", first(), &new.words, &pass(SECRET))
        .unwrap_err();
    assert!(matches!(error, KeystoreError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(store.info("alice").unwrap(), new.info);
}

#[test]
fn of_many_who_race_for_a_name_one_wins() {
    let (home, store) = keystore();
    let racers = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let won: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = racers
            .iter()
            .map(|salt| {
                let store = &store;
                scope.spawn(move || store.create("alice", first(), &entropy(salt), &pass(SECRET)))
            })
            .collect();
        runs.into_iter()
            .filter_map(|run| run.join().unwrap().ok())
            .collect()
    });
    assert_eq!(won.len(), 1);
    let unlocked = store.unlock("alice", &pass(SECRET)).unwrap();
    assert_eq!(unlocked.info(), &won[0].info);
    // Nothing half-done stays behind.
    let mut files: Vec<_> = fs::read_dir(home.path().join("signer"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["alice.age", "alice.pub"]);
}

#[cfg(unix)]
#[test]
fn files_are_private_and_an_exposed_secret_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (home, store) = keystore();
    let folder = home.path().join("signer");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    create(&store, "alice");
    let path = file(home.path(), "alice.age");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&file(home.path(), "alice.pub")), 0o600);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = store.unlock("alice", &pass(SECRET)).unwrap_err();
    assert!(
        matches!(&error, KeystoreError::Exposed { mode: 0o640, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn what_is_at_rest_holds_no_word_of_the_seed() {
    let (home, store) = keystore();
    let new = create(&store, "alice");
    for name in ["alice.age", "alice.pub"] {
        let bytes = fs::read(file(home.path(), name)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for pair in new.words.split(' ').collect::<Vec<_>>().windows(2) {
            assert!(!text.contains(&pair.join(" ")), "{name}");
        }
        assert!(!text.contains("prv"), "{name}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let (_home, store) = keystore();
    let new = create(&store, "alice");
    let unlocked = store.unlock("alice", &pass(SECRET)).unwrap();
    let shown = format!("{new:?} {unlocked:?} {:?}", pass(SECRET));
    assert!(!shown.contains(new.words.as_str()), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    for hint in ["SecretKey", "private", "prv", "words"] {
        assert!(!shown.contains(hint), "{hint} in {shown}");
    }
}

#[test]
fn bad_words_and_broken_randomness_are_refused() {
    let (home, store) = keystore();
    let words = "legal winner thank year wave sausage worth useful legal winner thank zebra";
    let error = store
        .restore("alice", first(), words, &pass(SECRET))
        .unwrap_err();
    assert!(matches!(error, KeystoreError::Words(_)), "{error}");
    for word in words.split(' ') {
        let said = format!("{error} {error:?}");
        assert!(!said.contains(word), "{word} in {said}");
    }
    let error = store
        .create("alice", first(), &[0; 32], &pass(SECRET))
        .unwrap_err();
    assert!(matches!(error, KeystoreError::Entropy), "{error}");
    assert!(!home.path().join("signer").exists());
}

#[test]
fn names_that_are_not_names_touch_nothing() {
    let (home, store) = keystore();
    for bad in ["../alice", "a/b", "", "-x", ".hidden", "a b"] {
        let error = store
            .create(bad, first(), &entropy("x"), &pass(SECRET))
            .unwrap_err();
        assert!(matches!(error, KeystoreError::Name(_)), "{bad}: {error}");
        assert!(store.info(bad).is_err());
        assert!(store.unlock(bad, &pass(SECRET)).is_err());
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let (_home, store) = keystore();
    let error = store.unlock("alice", &pass(SECRET)).unwrap_err();
    assert!(error.to_string().contains("quorate signer new"), "{error}");
    create(&store, "bob");
    create(&store, "carol.v2");
    let error = store.info("alice").unwrap_err();
    assert!(error.to_string().contains("bob, carol.v2"), "{error}");
}

#[test]
fn a_home_that_cannot_hold_keys_is_named() {
    let (home, store) = keystore();
    fs::write(home.path().join("signer"), "in the way").unwrap();
    let error = store
        .create("alice", first(), &entropy("alice"), &pass(SECRET))
        .unwrap_err();
    assert!(matches!(error, KeystoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("signer"), "{error}");
}
