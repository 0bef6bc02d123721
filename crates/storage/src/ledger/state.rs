//! One number that changes with every write to the ledger. Who planned a write while talking to the
//! chain source looks at it again inside the lock, and plans anew if somebody else was here.

use crate::{ReadTx, StorageError, WriteTx};

impl ReadTx<'_> {
    /// The ledger's revision: equal means that nothing in the ledger has changed.
    pub fn ledger_revision(&self) -> Result<i64, StorageError> {
        let mut statement = self.prepare("SELECT revision FROM ledger_state WHERE id = 1")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

impl WriteTx<'_> {
    /// Says that the ledger has changed.
    pub fn ledger_touch(&self) -> Result<(), StorageError> {
        self.prepare("UPDATE ledger_state SET revision = revision + 1 WHERE id = 1")?
            .execute([])?;
        Ok(())
    }
}
