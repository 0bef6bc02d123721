//! Makes the projection anew out of the entries, and says where the old one differed.

use super::projection::{TABLES, fold};
use crate::{StorageError, WriteTx};
use quorate_core::journal::Entry;
use rusqlite::types::ValueRef;
use std::collections::BTreeSet;

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Entries replayed.
    pub entries: usize,
    /// Tables that had other rows before; empty when all was well.
    pub differences: Vec<TableDifference>,
}

/// A table that was not what the entries say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDifference {
    /// The table.
    pub table: &'static str,
    /// Rows that the entries say and the table lacked.
    pub missing: usize,
    /// Rows that the table had and no entry says.
    pub extra: usize,
}

impl WriteTx<'_> {
    /// Empties the projection, replays `entries` (all of the home's, checked, in order) and
    /// compares. The caller commits to repair, or rolls back to have only looked.
    pub fn rebuild(&self, entries: &[Entry]) -> Result<Rebuilt, StorageError> {
        let before = self.dump()?;
        fold(
            self,
            entries.iter().map(|entry| (entry.id(), entry.content())),
        )?;
        let differences = TABLES
            .iter()
            .zip(before.iter().zip(self.dump()?))
            .filter(|(_, (before, after))| *before != after)
            .map(|(table, (before, after))| TableDifference {
                table,
                missing: after.difference(before).count(),
                extra: before.difference(&after).count(),
            })
            .collect();
        Ok(Rebuilt {
            entries: entries.len(),
            differences,
        })
    }

    /// Makes the projection anew out of the entries that are here. Damaged ones are left out, as
    /// they are for `journal verify`, which names them.
    pub(crate) fn replay(&self) -> Result<(), StorageError> {
        let entries = self.journal(None)?.into_iter();
        self.rebuild(&entries.filter_map(Result::ok).collect::<Vec<_>>())?;
        Ok(())
    }

    /// Every row of every projected table, each as one text.
    fn dump(&self) -> Result<Vec<BTreeSet<String>>, StorageError> {
        TABLES
            .iter()
            .map(|table| {
                let mut statement = self.conn().prepare(&format!("SELECT * FROM {table}"))?;
                let columns = statement.column_count();
                let rows = statement.query_map([], |row| {
                    let values = (0..columns).map(|column| row.get_ref(column).map(shown));
                    Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .collect()
    }
}

fn shown(value: ValueRef<'_>) -> String {
    format!("{value:?}")
}
