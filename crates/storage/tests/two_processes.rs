//! Several processes and threads on one home: nothing is lost and nobody sees a locked database.
#![allow(clippy::unwrap_used, reason = "tests")]

use quorate_storage::{StorageError, Store};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

const HOME: &str = "QUORATE_TEST_SHARED_HOME";
const ROUNDS: i64 = 200;

fn spawn(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", test])
        .env(HOME, path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

fn shared() -> PathBuf {
    PathBuf::from(std::env::var_os(HOME).unwrap())
}

/// Reads and writes in one transaction, as every use case does.
fn count_up(path: &Path) {
    let mut store = Store::open(path).unwrap();
    for _ in 0..ROUNDS {
        store
            .write(|tx| -> Result<(), StorageError> {
                let before = tx.ledger_revision()?;
                tx.ledger_touch()?;
                assert_eq!(tx.ledger_revision()?, before + 1);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
#[ignore = "run as a process of its own by the tests below"]
fn child_counts() {
    count_up(&shared());
}

#[test]
fn increments_of_two_processes_and_two_threads_all_count() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("home/quorate.db");
    // Nobody created it before: that is a race as well.
    let children = [spawn("child_counts", &path), spawn("child_counts", &path)];
    std::thread::scope(|scope| {
        scope.spawn(|| count_up(&path));
        scope.spawn(|| count_up(&path));
    });
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut store = Store::open_existing(&path).unwrap();
    let value = store.read(|tx| tx.ledger_revision()).unwrap();
    assert_eq!(value, 4 * ROUNDS);
}

#[test]
fn the_lock_is_held_from_the_first_read_on() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("quorate.db");
    let mut first = Store::open(&path).unwrap();
    let mut second = Store::open(&path).unwrap();
    let (sender, second_is_done) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        first
            .write(|tx| -> Result<(), StorageError> {
                tx.ledger_revision()?;
                scope.spawn(move || {
                    second.write(|tx| tx.ledger_touch()).unwrap();
                    sender.send(()).unwrap();
                });
                let early = second_is_done.recv_timeout(Duration::from_millis(200));
                assert!(early.is_err(), "a second writer got in between");
                tx.ledger_touch()
            })
            .unwrap();
        second_is_done.recv().unwrap();
    });
    assert_eq!(first.read(|tx| tx.ledger_revision()).unwrap(), 2);
}

#[test]
fn many_create_one_home_at_once() {
    for _ in 0..10 {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("home/quorate.db");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut store = Store::open(&path).unwrap();
                    store.read(|tx| tx.ledger_revision()).unwrap();
                });
            }
        });
    }
}
