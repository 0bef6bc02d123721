//! Fills tables of the ledger that a migration added with what the home knew before. Once for each
//! home, in the migration's own transaction; the journal's tables are made anew anyway.

use crate::{StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{Network, Script, Transaction, Txid, consensus};
use quorate_core::ledger::VaultRow;
use quorate_core::spend::likeness;

/// Migration 6: the ends of addresses, and payees.
pub(crate) fn review(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    scripts(tx)?;
    payees(tx)
}

fn scripts(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    let conn = tx.conn();
    let mut statement = conn.prepare(
        "SELECT scripts.id, script, network FROM scripts JOIN ledger_vault ON ledger_vault.id = vault",
    )?;
    let mut rows = statement.query([])?;
    let mut ends = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, script, network): (i64, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let network: Option<Network> = network.parse().ok();
        let likeness = network.and_then(|network| likeness(Script::from_bytes(&script), network));
        ends.extend(likeness.map(|likeness| (id, likeness)));
    }
    let mut set = conn.prepare("UPDATE scripts SET likeness = ?2 WHERE id = ?1")?;
    for (id, likeness) in ends {
        set.execute((id, likeness))?;
    }
    Ok(())
}

fn payees(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    let mut statement = tx.conn().prepare(
        "SELECT vault, txid, raw FROM transactions WHERE EXISTS
         (SELECT 1 FROM coins WHERE coins.spent_by = transactions.txid AND coins.vault = transactions.vault)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let vault = VaultRow(row.get(0)?);
        let txid = Txid::from_byte_array(row.get(1)?);
        let raw: Vec<u8> = row.get(2)?;
        // A damaged row is told of where it is used; it must not make the home unusable.
        if let Ok(transaction) = consensus::deserialize::<Transaction>(&raw) {
            tx.note_payees(vault, &txid, &transaction)?;
        }
    }
    Ok(())
}
