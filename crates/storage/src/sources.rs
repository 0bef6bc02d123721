//! What is remembered of chain sources between processes.

use crate::{ReadTx, StorageError, WriteTx};
use rusqlite::{OptionalExtension, params};

/// A source's breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSource {
    /// Its name, without credentials.
    pub name: String,
    /// Failures in a row.
    pub failures: u32,
    /// When it came into its state, seconds since 1970.
    pub since: u64,
    /// Until when it is left alone.
    pub open_until: Option<u64>,
    /// When it failed last, and how.
    pub last_failure: Option<(u64, String)>,
}

impl ReadTx<'_> {
    /// What is remembered of the source of this name.
    pub fn source(&self, name: &str) -> Result<Option<StoredSource>, StorageError> {
        let mut statement = self.prepare(
            "SELECT failures, since, open_until, failed_at, failure FROM sources WHERE name = ?1",
        )?;
        let row = statement.query_row([name], |row| {
            let failed_at: Option<u64> = row.get(3)?;
            let failure: Option<String> = row.get(4)?;
            Ok(StoredSource {
                name: name.to_owned(),
                failures: row.get(0)?,
                since: row.get(1)?,
                open_until: row.get(2)?,
                last_failure: failed_at.zip(failure),
            })
        });
        Ok(row.optional()?)
    }
}

impl WriteTx<'_> {
    /// Remembers a source as it is now.
    pub fn remember_source(&self, source: &StoredSource) -> Result<(), StorageError> {
        let (failed_at, failure) = source.last_failure.as_ref().map(|(at, w)| (at, w)).unzip();
        self.prepare(
            "INSERT INTO sources (name, failures, since, open_until, failed_at, failure)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET failures = excluded.failures,
                 since = excluded.since, open_until = excluded.open_until,
                 failed_at = excluded.failed_at, failure = excluded.failure",
        )?
        .execute(params![
            source.name,
            source.failures,
            source.since,
            source.open_until,
            failed_at,
            failure
        ])?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn what_is_remembered_of_a_source_is_its_last_state() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        let mut source = StoredSource {
            name: "Bitcoin Core at 127.0.0.1:1".into(),
            failures: 2,
            since: 7,
            open_until: Some(70),
            last_failure: Some((8, "nobody listens".into())),
        };
        let keep = |store: &mut Store, source: &StoredSource| {
            store.write(|tx| tx.remember_source(source)).unwrap();
            store.read(|tx| tx.source(&source.name)).unwrap().unwrap()
        };
        assert_eq!(keep(&mut store, &source), source);
        source.open_until = None;
        source.failures = 0;
        source.last_failure = None;
        assert_eq!(keep(&mut store, &source), source);
        assert_eq!(store.read(|tx| tx.source("another")).unwrap(), None);
    }
}
