//! Opening the database: who may read the file, whose it is, and how SQLite must treat it.

use crate::StorageError;
use crate::migrate::{Found, inspect, migrate};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for another writer before giving up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLite 3.7.0 to 3.51.2 can lose committed pages when a log is reset while another connection
/// reads it.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Statements kept compiled; above the number of distinct ones in this crate.
const STATEMENTS: usize = 256;

/// The home's database.
#[derive(Debug)]
pub struct Store {
    pub(crate) conn: Connection,
    pub(crate) path: PathBuf,
}

impl Store {
    /// Opens the database at `path`; creates it, and its folder, if it isn't there. Only the owner
    /// can read what is created: folder 0700, files 0600 (SQLite gives its -wal and -shm the same).
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        check_library(rusqlite::version_number())?;
        let path = absolute(path)?;
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        create_file(&path)?;
        Self::open_file(path)
    }

    /// Opens the database at `path`, which must be there.
    pub fn open_existing(path: &Path) -> Result<Self, StorageError> {
        check_library(rusqlite::version_number())?;
        let path = absolute(path)?;
        match fs::metadata(&path) {
            Ok(_) => {
                // Another thread may just be creating it.
                drop(CREATING.lock().unwrap_or_else(PoisonError::into_inner));
                Self::open_file(path)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StorageError::Missing { path })
            }
            Err(error) => Err(StorageError::file(&path, &error, false)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_file(path: PathBuf) -> Result<Self, StorageError> {
        check_readable(&path)?;
        let conn = until_not_busy(BUSY_TIMEOUT, || connect(&path))?;
        Ok(Self { conn, path })
    }

    /// A fresh connection to the same file, after one that can't be trusted any more.
    pub(crate) fn reopen(&mut self) -> Result<(), StorageError> {
        self.conn = until_not_busy(BUSY_TIMEOUT, || connect(&self.path))?;
        Ok(())
    }
}

/// Everything a connection needs, in the order that leaves a foreign file untouched.
fn connect(path: &Path) -> Result<Connection, StorageError> {
    let failed = |error| StorageError::opening(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let found = inspect(&conn, path)?;
    if conn.is_readonly("main").map_err(failed)? {
        return Err(StorageError::ReadOnly {
            path: path.to_owned(),
        });
    }
    set_up(&conn).map_err(failed)?;
    if found != Found::Ours(crate::SCHEMA_VERSION) {
        migrate(&mut conn, path)?;
    }
    Ok(conn)
}

/// Pragmas belong to the connection, so each gets all of them here. `journal_mode` alone is kept in
/// the file.
fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        // A file system without shared memory. Rare enough for a plain error.
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(format!("the file system offers no WAL, only `{mode}`")),
        ));
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Without it, INSERT OR REPLACE deletes rows past every BEFORE DELETE trigger.
    conn.pragma_update(None, "recursive_triggers", true)?;
    // In KiB. With four MiB more a first look at a million transactions took 130 MB in all; it may take 128.
    conn.pragma_update(None, "cache_size", -51_200)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    // The log shrinks back to this after a long sync.
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Plans don't depend on what is bound, so that nothing is planned anew for each row.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // No writing to the schema table, which would be the way around triggers.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // "x" is a column or an error, never a string by accident.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

fn check_library(version: i32) -> Result<(), StorageError> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    let (major, minor, patch) = (version / 1_000_000, version / 1000 % 1000, version % 1000);
    Err(StorageError::LibraryTooOld {
        found: format!("{major}.{minor}.{patch}"),
    })
}

/// Switching a new file to WAL isn't covered by the busy timeout in all its steps, and two processes
/// may well create a home at the same moment.
fn until_not_busy<T>(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(StorageError::Busy) if start.elapsed() < limit => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

/// SQLite reads `file:…` as a URI; an absolute path can't be taken for one.
fn absolute(path: &Path) -> Result<PathBuf, StorageError> {
    std::path::absolute(path).map_err(|error| StorageError::file(path, &error, false))
}

fn create_folder(folder: &Path) -> Result<(), StorageError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StorageError::file(folder, &error, true))?;
    // SQLite syncs the folder of its files; that the folder itself is there is up to us.
    if let Some(parent) = folder.parent() {
        let synced = File::open(parent).and_then(|dir| dir.sync_all());
        synced.map_err(|error| StorageError::file(parent, &error, true))?;
    }
    Ok(())
}

/// Held while this process has the database's file open outside of SQLite. POSIX takes all locks of a
/// process on a file away when any of its handles is closed, SQLite's among them; another process
/// could then take this one's write-ahead log for abandoned, and delete it.
static CREATING: Mutex<()> = Mutex::new(());

/// Creates an empty file if there is none: SQLite takes it for a new database, and no moment passes
/// in which others may read it.
fn create_file(path: &Path) -> Result<(), StorageError> {
    let _closed_before_sqlite_opens = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StorageError::file(path, &error, true)),
    }
}

/// SQLite would only say "unable to open"; the system knows why. Asked without opening the file, see
/// [`CREATING`].
fn check_readable(path: &Path) -> Result<(), StorageError> {
    let kind = fs::metadata(path).map_err(|error| StorageError::file(path, &error, false))?;
    if !kind.is_file() {
        return Err(StorageError::NotADatabase {
            path: path.to_owned(),
        });
    }
    let may = |access, writing| {
        accessat(CWD, path, access, AtFlags::EACCESS)
            .map_err(|error| StorageError::file(path, &error.into(), writing))
    };
    may(Access::READ_OK, false)?;
    // A read-only file system keeps even the reader of a write-ahead log out.
    may(Access::WRITE_OK, true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_library_with_the_wal_bug_is_refused() {
        assert!(check_library(3_051_003).is_ok());
        assert!(check_library(rusqlite::version_number()).is_ok());
        let error = check_library(3_051_002).unwrap_err();
        assert!(error.to_string().contains("3.51.2"), "{error}");
    }

    /// Opening the same database again must not take this process's locks on it away: another process
    /// would delete the write-ahead log under us.
    #[test]
    fn opening_it_twice_keeps_the_locks_of_the_first() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("q.db");
        let first = Store::open(&path).unwrap();
        let locks = || {
            let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
            let all = fs::read_to_string("/proc/locks").unwrap();
            let (pid, file) = (format!(" {} ", std::process::id()), format!(":{inode} "));
            let mut ours = all.lines().filter(|line| line.contains(&pid));
            ours.any(|line| line.contains(&file))
        };
        assert!(locks());
        let second = Store::open(&path).unwrap();
        drop(second);
        Store::open_existing(&path).unwrap();
        assert!(locks());
        drop(first);
        assert!(!locks());
    }

    #[test]
    fn every_connection_has_every_pragma() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        store.reopen().unwrap();
        for (pragma, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("recursive_triggers", "1"),
            ("cache_size", "-51200"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            ("busy_timeout", "30000"),
            ("application_id", "1364350001"),
            ("user_version", &crate::SCHEMA_VERSION.to_string()),
        ] {
            let sql = format!("SELECT CAST(\"{pragma}\" AS TEXT) FROM pragma_{pragma}");
            let sql = sql.replace("\"busy_timeout\"", "timeout");
            let found: String = store.conn.query_row(&sql, [], |r| r.get(0)).unwrap();
            assert_eq!(found, value, "{pragma}");
        }
        assert!(store.conn.execute("SELECT \"text\"", []).is_err());
    }
}
