//! What is refused when a database is opened, and who may read what is created.
#![allow(clippy::unwrap_used, reason = "tests")]

use quorate_storage::{SCHEMA_VERSION, StorageError, Store};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_owner_can_read_what_is_created() {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path().join("deep/home");
    let path = home.join("quorate.db");
    let mut store = Store::open(&path).unwrap();
    store.write(|_| Ok::<_, StorageError>(())).unwrap();
    assert_eq!(mode(&home), 0o700);
    for name in ["quorate.db", "quorate.db-wal", "quorate.db-shm"] {
        assert_eq!(mode(&home.join(name)), 0o600, "{name}");
    }
}

#[test]
fn an_existing_home_is_opened_again() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("quorate.db");
    let missing = Store::open_existing(&path).unwrap_err();
    assert!(matches!(missing, StorageError::Missing { .. }));
    assert!(missing.to_string().contains("quorate init"), "{missing}");
    assert!(!path.exists());
    drop(Store::open(&path).unwrap());
    drop(Store::open(&path).unwrap());
    assert_eq!(Store::open_existing(&path).unwrap().path(), path);
}

#[test]
fn a_foreign_database_is_left_as_it_was() {
    let temp = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("tables", "CREATE TABLE notes (x);"),
        (
            "marked",
            "PRAGMA application_id = 7; CREATE TABLE notes (x);",
        ),
        ("versioned", "PRAGMA user_version = 3;"),
    ] {
        let path = temp.path().join(name);
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch(sql).unwrap();
        drop(conn);
        let before = fs::read(&path).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StorageError::Foreign { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
    }
}

#[test]
fn a_newer_schema_is_refused_in_a_sentence() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("quorate.db");
    drop(Store::open(&path).unwrap());
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    drop(conn);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StorageError::Newer { .. }), "{error:?}");
    assert!(error.to_string().contains("upgrade quorate"), "{error}");
}

#[test]
fn what_is_not_a_database_is_refused_and_kept() {
    let temp = tempfile::tempdir().unwrap();
    let junk = temp.path().join("junk.db");
    fs::write(&junk, vec![0x51; 9000]).unwrap();
    let short = temp.path().join("short.db");
    fs::write(&short, "hello").unwrap();
    for path in [&junk, &short, &temp.path().to_owned()] {
        let before = fs::read(path).ok();
        let error = Store::open(path).unwrap_err();
        assert!(
            matches!(error, StorageError::NotADatabase { .. }),
            "{error:?}"
        );
        assert_eq!(fs::read(path).ok(), before);
    }
}

#[test]
fn a_home_that_cannot_be_written_is_refused_with_the_remedy() {
    // Not even root can create files in /sys, whichever way a system says so.
    for path in ["/sys/quorate.db", "/sys/home/quorate.db"] {
        let error = Store::open(Path::new(path)).unwrap_err();
        assert!(
            matches!(
                error,
                StorageError::ReadOnly { .. } | StorageError::Unreadable { .. }
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains("/sys/"), "{error}");
    }
    // A file in the place of the folder.
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let error = Store::open(&temp.path().join("file/quorate.db")).unwrap_err();
    assert!(
        matches!(error, StorageError::Unreadable { .. }),
        "{error:?}"
    );
}

#[test]
fn damage_inside_the_file_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("quorate.db");
    drop(Store::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    for byte in &mut bytes[100..4096] {
        *byte = 0xff;
    }
    fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error:?}");
}
