//! Emptying the log while somebody else writes.

use crate::tx::LONG_LOG;
use crate::{StorageError, Store};
use rusqlite::{Connection, OpenFlags};

/// Moves what is committed from the log into the file, on a connection of its own.
#[derive(Debug)]
pub struct Checkpointer {
    conn: Connection,
    /// In pages.
    long: u32,
}

impl Store {
    /// For emptying the log while this connection writes.
    pub fn checkpointer(&self) -> Result<Checkpointer, StorageError> {
        let failed = |error| StorageError::opening(&self.path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        conn.pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
        let long = LONG_LOG;
        Ok(Checkpointer { conn, long })
    }
}

impl Checkpointer {
    /// Moves what nobody reads any more. Whatever keeps it from that, nothing is lost: who commits later, or
    /// closes the database last, tries again.
    ///
    /// Says whether the log has become long. It begins anew only once all of it is moved, which never happens as
    /// long as somebody always writes meanwhile: then it is to be run again while nobody does.
    pub fn run(&mut self) -> bool {
        let log = "PRAGMA wal_checkpoint(PASSIVE)";
        let pages = self.conn.query_row(log, [], |row| row.get::<_, i64>(1));
        pages.is_ok_and(|pages| pages > i64::from(self.long))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::{Safe, StorageError, Store};

    const PAGE: u64 = 4_096;

    /// Writes batches of some 60 pages, each while the one before is moved; the most pages the log had.
    fn longest_log(batches: usize, heed: bool) -> u64 {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("q.db");
        let mut store = Store::open(&path).unwrap();
        let mut checkpointer = store.checkpointer().unwrap();
        checkpointer.long = 300;
        let log = home.path().join("q.db-wal");
        let mut longest = 0;
        for _ in 0..batches {
            let mut long = false;
            store
                .write_in_small_steps(Safe::WithTheNext, |tx| {
                    for _ in 0..5 {
                        let sql =
                            "INSERT INTO mempool_seen VALUES (randomblob(32), zeroblob(50000))";
                        tx.conn().execute(sql, [])?;
                    }
                    long = checkpointer.run();
                    Ok::<_, StorageError>(())
                })
                .unwrap();
            if long && heed {
                checkpointer.run();
            }
            longest = longest.max(std::fs::metadata(&log).unwrap().len() / PAGE);
        }
        longest
    }

    #[test]
    fn the_log_begins_anew_though_somebody_always_writes() {
        let longest = longest_log(40, true);
        assert!((300..600).contains(&longest), "{longest}");
        // That is what it is for.
        assert!(longest_log(40, false) > 1_200);
    }
}
