//! Fills tables that a migration added with what the home knew before. Once for each home, in the
//! migration's own transaction.

use crate::journal::projection::{note_nonce, note_recipients};
use crate::{StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{Network, Script, Transaction, Txid, consensus};
use quorate_core::ledger::VaultRow;
use quorate_core::proposal::ProposalId;
use quorate_core::spend::likeness;

/// Migration 3: the ends of addresses, payees, recipients and nonces.
pub(crate) fn review(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    scripts(tx)?;
    payees(tx)?;
    recipients(tx)?;
    nonces(tx)
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

fn recipients(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    let mut statement = tx.conn().prepare("SELECT id, psbt FROM proposals")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = ProposalId::from_bytes(row.get(0)?);
        let psbt: Vec<u8> = row.get(1)?;
        if let Ok(foreign) = quorate_core::psbt::read(&psbt) {
            note_recipients(tx, id, &foreign.psbt.unsigned_tx)?;
        }
    }
    Ok(())
}

fn nonces(tx: &WriteTx<'_>) -> Result<(), StorageError> {
    let mut statement = tx
        .conn()
        .prepare("SELECT proposal, input, public_key, signature FROM signatures")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, signature): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let proposal = ProposalId::from_bytes(row.get(0)?);
        note_nonce(tx, proposal, row.get(1)?, &key, &signature)?;
    }
    Ok(())
}
