//! Transactions as types: a function that only reads takes a [`ReadTx`], one that writes takes a
//! [`WriteTx`], and the compiler sees to it that nothing is written outside the lock.

use crate::{Look, StorageError, Store};
use rusqlite::{CachedStatement, Connection, ErrorCode, TransactionBehavior};
use std::cell::OnceCell;
use std::ops::Deref;
use std::path::Path;

/// In pages of 4 KiB; SQLite's own figure.
const SHORT_LOG: u32 = 1_000;
/// 128 MiB: from there on a [`Checkpointer`](crate::Checkpointer) wants the writer to wait for it.
pub(crate) const LONG_LOG: u32 = 32_768;

/// A consistent view of the database: everything read through it is of one moment.
#[derive(Debug)]
pub struct ReadTx<'a> {
    conn: &'a Connection,
    /// The database's file, where it is a [`Store`]'s.
    path: Option<&'a Path>,
    look: OnceCell<Option<Look>>,
}

impl<'a> ReadTx<'a> {
    const fn over(conn: &'a Connection, path: Option<&'a Path>) -> Self {
        Self {
            conn,
            path,
            look: OnceCell::new(),
        }
    }

    /// The last look at the chain that found nothing new, read once.
    pub(crate) fn last_look(&self) -> Option<&Look> {
        let read = || self.path.and_then(Look::read);
        self.look.get_or_init(read).as_ref()
    }

    /// For the modules that own tables.
    pub(crate) fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// A statement, compiled once per connection.
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>, StorageError> {
        Ok(self.conn.prepare_cached(sql)?)
    }
}

/// When what was committed outlives a power cut. In the meantime other processes see it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// As soon as the commit returns.
    OnDisk,
    /// Once something is committed [`Safe::OnDisk`] after it. Before that a power cut takes back this and
    /// what was committed after it, and nothing else: for what can be had again and nobody relies on.
    WithTheNext,
}

/// The one writer. Reads through it (it is a [`ReadTx`] too) see its own changes.
#[derive(Debug)]
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &Self::Target {
        &self.read
    }
}

impl<'a> WriteTx<'a> {
    /// Over a transaction that the caller holds and commits.
    pub(crate) const fn over(conn: &'a Connection) -> Self {
        Self {
            read: ReadTx::over(conn, None),
        }
    }
}

impl Store {
    /// Runs `f` on one consistent view.
    pub fn read<T, E: From<StorageError>>(
        &mut self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(StorageError::from)?;
        f(&ReadTx::over(&tx, Some(&self.path)))
    }

    /// Runs `f` as the only writer and commits what it did; an `Err` (or a panic) undoes it all. `f`
    /// must be quick: others wait.
    ///
    /// After [`StorageError::CommitUnknown`] the caller has to look at what is there.
    pub fn write<T, E: From<StorageError>>(
        &mut self,
        f: impl FnOnce(&WriteTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_and(f, |conn| conn.execute_batch("COMMIT"))
    }

    /// The same for thousands of statements that change a few rows each, one batch after the other. What
    /// SQLite needs to undo the one at hand is kept in memory, not in a file that each of them writes to: no
    /// statement may change much. Meanwhile a [`Checkpointer`](crate::Checkpointer) should empty the log.
    pub fn write_in_small_steps<T, E: From<StorageError>>(
        &mut self,
        safe: Safe,
        f: impl FnOnce(&WriteTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // A log twice as long as a checkpointer lets it become has none: then this connection empties it.
        self.tune(safe, "MEMORY", 2 * LONG_LOG)?;
        let result = self.write(f);
        // A fresh connection has them all; with none, no write comes after this one.
        if self.tune(Safe::OnDisk, "DEFAULT", SHORT_LOG).is_err() {
            self.reopen()?;
        }
        result
    }

    /// When a commit is safe, where SQLite keeps what undoes a statement, and how many pages the log may have
    /// before the one who commits has to empty it.
    fn tune(&self, safe: Safe, undo: &str, log: u32) -> Result<(), StorageError> {
        let level = match safe {
            Safe::OnDisk => "FULL",
            Safe::WithTheNext => "NORMAL",
        };
        self.conn.pragma_update(None, "temp_store", undo)?;
        self.conn.pragma_update(None, "wal_autocheckpoint", log)?;
        // Last: where one of them fails, commits stay as safe as they were.
        self.conn.pragma_update(None, "synchronous", level)?;
        Ok(())
    }

    fn write_and<T, E: From<StorageError>>(
        &mut self,
        f: impl FnOnce(&WriteTx<'_>) -> Result<T, E>,
        commit: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<T, E> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StorageError::from)?;
        let value = f(&WriteTx {
            read: ReadTx::over(&tx, Some(&self.path)),
        })?;
        let Err(error) = commit(&tx) else {
            return Ok(value);
        };
        drop(tx); // rolls back what is still open
        match error.sqlite_error_code() {
            // Certainly not committed. Full: the frame that makes a commit valid is the last one
            // written to the log, so it isn't there when the disk had no room for all of them.
            Some(
                ErrorCode::ConstraintViolation | ErrorCode::DatabaseBusy | ErrorCode::DiskFull,
            ) => Err(StorageError::from(error).into()),
            _ => {
                let unknown = StorageError::CommitUnknown {
                    reason: error.to_string(),
                };
                self.reopen()?;
                Err(unknown.into())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn io_error() -> rusqlite::Error {
        let fsync_failed = rusqlite::ffi::SQLITE_IOERR_FSYNC;
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(fsync_failed), None)
    }

    fn set(tx: &WriteTx<'_>, revision: i64) -> Result<(), StorageError> {
        tx.conn()
            .execute("UPDATE ledger_state SET revision = ?1", [revision])?;
        Ok(())
    }

    fn get(store: &mut Store) -> i64 {
        store
            .read(|tx| -> Result<i64, StorageError> {
                Ok(tx
                    .conn()
                    .query_row("SELECT revision FROM ledger_state", [], |r| r.get(0))?)
            })
            .unwrap()
    }

    #[test]
    fn a_failed_commit_is_called_unknown_and_the_store_reads_the_truth() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        let lost = store.write_and(|tx| set(tx, 1), |_| Err(io_error()));
        assert!(matches!(lost, Err(StorageError::CommitUnknown { .. })));
        assert_eq!(get(&mut store), 0);
        let kept = store.write_and(
            |tx| set(tx, 2),
            |conn| {
                conn.execute_batch("COMMIT").unwrap();
                Err(io_error())
            },
        );
        assert!(matches!(kept, Err(StorageError::CommitUnknown { .. })));
        assert_eq!(get(&mut store), 2);
        store.write(|tx| set(tx, 3)).unwrap();
        assert_eq!(get(&mut store), 3);
    }

    #[test]
    fn an_error_or_a_panic_undoes_the_whole_write() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        let refused: Result<(), StorageError> = store.write(|tx| {
            set(tx, 1)?;
            Err(StorageError::Busy)
        });
        assert!(refused.is_err());
        assert_eq!(get(&mut store), 0);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.write(|tx| -> Result<(), StorageError> {
                set(tx, 1)?;
                panic!("on purpose")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(get(&mut store), 0);
    }

    #[test]
    fn a_full_disk_is_its_own_error_and_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        let pages: i64 = store
            .conn
            .pragma_query_value(None, "page_count", |r| r.get(0))
            .unwrap();
        store
            .conn
            .pragma_update(None, "max_page_count", pages + 2)
            .unwrap();
        let result = store.write(|tx| -> Result<(), StorageError> {
            set(tx, 1)?;
            tx.conn().execute(
                "INSERT INTO mempool_seen VALUES (zeroblob(32), zeroblob(50000))",
                [],
            )?;
            Ok(())
        });
        assert!(matches!(result, Err(StorageError::Full)), "{result:?}");
        assert_eq!(get(&mut store), 0);
    }

    /// Only while such a batch is being written does a commit not wait for the disk.
    #[test]
    fn what_is_written_after_small_steps_is_safe_at_once() {
        fn level(conn: &Connection) -> i64 {
            let level = conn.pragma_query_value(None, "synchronous", |row| row.get(0));
            level.unwrap()
        }
        const FULL: i64 = 2;
        const NORMAL: i64 = 1;
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        for (safe, during) in [(Safe::WithTheNext, NORMAL), (Safe::OnDisk, FULL)] {
            for fails in [false, true] {
                let done = store.write_in_small_steps(safe, |tx| {
                    assert_eq!(level(tx.conn()), during);
                    set(tx, i64::from(fails))?;
                    match fails {
                        true => Err(StorageError::damaged("on purpose")),
                        false => Ok(()),
                    }
                });
                assert_eq!(done.is_err(), fails);
                assert_eq!(level(&store.conn), FULL);
                assert_eq!(get(&mut store), 0);
            }
        }
    }
}
