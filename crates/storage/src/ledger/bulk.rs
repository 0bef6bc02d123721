//! Many rows in one statement. It begins and ends once for all of them, and in between SQLite keeps its place
//! in every index: rows that come in an index's order are appended to it without being looked up.

use crate::{ReadTx, StorageError};
use rusqlite::{CachedStatement, ErrorCode, ToSql};

/// Rows in one statement.
pub(super) const ROWS: usize = 32;
/// Rows in one of those for what is left.
const FEW: usize = 4;

/// Writes rows into one table.
pub(super) struct Bulk<'a> {
    many: CachedStatement<'a>,
    few: CachedStatement<'a>,
    one: CachedStatement<'a>,
}

impl<'a> Bulk<'a> {
    /// `insert` names the table and its `columns`; their values are given with each row, in that order.
    pub(super) fn prepare(
        tx: &ReadTx<'a>,
        insert: &str,
        columns: usize,
    ) -> Result<Self, StorageError> {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let prepare = |rows: usize| {
            let rows = vec![row.as_str(); rows].join(", ");
            tx.prepare(&format!("{insert} VALUES {rows}"))
        };
        Ok(Self {
            many: prepare(ROWS)?,
            few: prepare(FEW)?,
            one: prepare(1)?,
        })
    }

    /// Writes all rows; `bind` gives the values of one.
    ///
    /// # Errors
    /// [`StorageError::NotNew`] if one of them breaks a rule of the table. Some may have been written.
    pub(super) fn write<R>(
        &mut self,
        rows: &[R],
        bind: impl Fn(&R, &mut Values<'_, 'a>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut rest = rows;
        for (statement, count) in [
            (&mut self.many, ROWS),
            (&mut self.few, FEW),
            (&mut self.one, 1),
        ] {
            let whole = rest.chunks_exact(count);
            rest = whole.remainder();
            for rows in whole {
                execute(statement, rows, &bind)?;
            }
        }
        Ok(())
    }
}

/// Takes the values of rows, one after the other.
pub(super) struct Values<'s, 'a> {
    statement: &'s mut CachedStatement<'a>,
    given: usize,
}

impl Values<'_, '_> {
    pub(super) fn give(&mut self, value: impl ToSql) -> Result<(), StorageError> {
        self.given += 1;
        Ok(self.statement.raw_bind_parameter(self.given, value)?)
    }
}

fn execute<'a, R>(
    statement: &mut CachedStatement<'a>,
    rows: &[R],
    bind: &impl Fn(&R, &mut Values<'_, 'a>) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut values = Values {
        statement,
        given: 0,
    };
    for row in rows {
        bind(row, &mut values)?;
    }
    match statement.raw_execute() {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StorageError::NotNew)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn every_row_is_written_once_with_its_own_values() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        for count in [0, 1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS, 3 * ROWS + 5] {
            let written: Result<Vec<(u32, Vec<u8>)>, StorageError> = store.write(|tx| {
                tx.conn().execute("DELETE FROM blocks", [])?;
                let rows: Vec<u32> = (0..u32::try_from(count).unwrap()).collect();
                let insert = "INSERT INTO blocks (height, hash)";
                Bulk::prepare(tx, insert, 2)?.write(&rows, |row, values| {
                    values.give(row)?;
                    values.give([u8::try_from(*row).unwrap(); 32])
                })?;
                let sql = "SELECT height, hash FROM blocks ORDER BY height";
                let mut all = tx.prepare(sql)?;
                let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(all.collect::<Result<_, _>>()?)
            });
            let written = written.unwrap();
            assert_eq!(written.len(), count);
            for (number, (height, hash)) in (0..).zip(written) {
                assert_eq!(height, number);
                assert_eq!(hash, [u8::try_from(number).unwrap(); 32]);
            }
        }
    }

    #[test]
    fn a_row_that_is_there_is_told_from_other_trouble() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(&home.path().join("q.db")).unwrap();
        for rows in [vec![7, 7], (0..ROWS).chain([3]).collect(), vec![1; ROWS]] {
            let done = store.write(|tx| {
                let insert = "INSERT INTO blocks (height, hash)";
                Bulk::prepare(tx, insert, 2)?.write(&rows, |row, values| {
                    values.give(u32::try_from(*row).unwrap())?;
                    values.give([0; 32])
                })
            });
            assert!(matches!(done, Err(StorageError::NotNew)), "{done:?}");
        }
    }
}
