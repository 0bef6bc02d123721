//! Schema versions. Each migration is one file that is never edited after a release, applied in one
//! transaction together with the version it leads to, which SQLite keeps in `user_version`.

use crate::{StorageError, WriteTx};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// "QRT1": marks the file as ours, so that a foreign database is never touched.
pub(crate) const APPLICATION_ID: i32 = 0x5152_5431;

type Fill = fn(&WriteTx<'_>) -> Result<(), StorageError>;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
    /// What SQL can't do.
    fill: Option<Fill>,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "ledger",
        sql: include_str!("../migrations/0001_ledger.sql"),
        fill: None,
    },
    Migration {
        version: 2,
        name: "journal",
        sql: include_str!("../migrations/0002_journal.sql"),
        fill: None,
    },
    Migration {
        version: 3,
        name: "script types",
        sql: include_str!("../migrations/0003_script_types.sql"),
        fill: None,
    },
    Migration {
        version: 4,
        name: "members",
        sql: include_str!("../migrations/0004_members.sql"),
        fill: None,
    },
    Migration {
        version: 5,
        name: "life",
        sql: include_str!("../migrations/0005_life.sql"),
        fill: None,
    },
    Migration {
        version: 6,
        name: "review",
        sql: include_str!("../migrations/0006_review.sql"),
        fill: Some(crate::fill::review),
    },
    Migration {
        version: 7,
        name: "setup",
        sql: include_str!("../migrations/0007_setup.sql"),
        fill: None,
    },
    Migration {
        version: 8,
        name: "labels",
        sql: include_str!("../migrations/0008_labels.sql"),
        fill: None,
    },
    Migration {
        version: 9,
        name: "spendable",
        sql: include_str!("../migrations/0009_spendable.sql"),
        fill: None,
    },
    Migration {
        version: 10,
        name: "sources",
        sql: include_str!("../migrations/0010_sources.sql"),
        fill: None,
    },
    Migration {
        version: 11,
        name: "electrum",
        sql: include_str!("../migrations/0011_electrum.sql"),
        fill: None,
    },
    Migration {
        version: 12,
        name: "events",
        sql: include_str!("../migrations/0012_events.sql"),
        fill: None,
    },
    Migration {
        version: 13,
        name: "one_index_less",
        sql: include_str!("../migrations/0013_one_index_less.sql"),
        fill: None,
    },
    Migration {
        version: 14,
        name: "many_vaults",
        sql: include_str!("../migrations/0014_many_vaults.sql"),
        fill: None,
    },
];

/// The schema version this program writes.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What a file is, before anything in it is changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Empty: ours to fill.
    New,
    /// Ours, at this version.
    Ours(i64),
}

/// Looks at a database without changing it; refuses foreign and newer ones.
pub(crate) fn inspect(conn: &Connection, path: &Path) -> Result<Found, StorageError> {
    // One statement, so that the three belong together while another process is migrating.
    let (application, version, objects): (i32, i64, i64) = conn
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id),
                    (SELECT user_version FROM pragma_user_version),
                    (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(|error| StorageError::opening(path, error))?;
    if application == APPLICATION_ID {
        if version > SCHEMA_VERSION {
            return Err(StorageError::Newer {
                path: path.to_owned(),
                found: version,
                known: SCHEMA_VERSION,
            });
        }
        return Ok(Found::Ours(version));
    }
    if application == 0 && version == 0 && objects == 0 {
        return Ok(Found::New);
    }
    Err(StorageError::Foreign {
        path: path.to_owned(),
    })
}

/// Brings the schema to [`SCHEMA_VERSION`]. What is there is looked at again inside the write lock,
/// so two processes that create the database at once don't collide. What the entries amount to is
/// projected anew, because projected tables may have changed: in the transaction of the last step,
/// so that no crash leaves it out.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StorageError> {
    run(conn, path, MIGRATIONS, |tx| WriteTx::over(tx).replay())
}

fn run(
    conn: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    last: impl Fn(&Connection) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let newest = migrations.last().map(|migration| migration.version);
    for migration in migrations {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = match inspect(&tx, path)? {
            Found::New => 0,
            Found::Ours(version) => version,
        };
        if version < migration.version {
            tx.execute_batch(migration.sql).map_err(|error| {
                match StorageError::opening(path, error) {
                    StorageError::Sqlite(error) => StorageError::Damaged {
                        what: format!("migration `{}` doesn't fit it ({error})", migration.name),
                    },
                    other => other,
                }
            })?;
            if let Some(fill) = migration.fill {
                fill(&WriteTx::over(&tx))?;
            }
            if Some(migration.version) == newest {
                last(&tx)?;
            }
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", migration.version)?;
        }
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_from_one() {
        for (i, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, i as i64 + 1, "{}", migration.name);
        }
    }

    #[test]
    fn a_failing_migration_leaves_nothing_behind() {
        let mut conn = Connection::open_in_memory().unwrap();
        let broken = [
            Migration {
                version: 1,
                name: "good",
                sql: "CREATE TABLE a (x INTEGER);",
                fill: None,
            },
            Migration {
                version: 2,
                name: "broken",
                sql: "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);",
                fill: None,
            },
        ];
        let error = run(&mut conn, Path::new("x"), &broken, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("`broken`"), "{error}");
        let tables: String = conn
            .query_row("SELECT group_concat(name) FROM sqlite_schema", [], |r| {
                r.get(0)
            })
            .unwrap();
        assert_eq!(tables, "a");
        let version: i64 = conn
            .pragma_query_value(None, "user_version", |r| r.get(0))
            .unwrap();
        assert_eq!(version, 1);
    }
}
