//! Whom the vaults have paid, and which of the known addresses look like another (T30).

use super::codec;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{Network, Script, ScriptBuf, Transaction, Txid};
use quorate_core::ledger::{Coin, VaultRow};
use quorate_core::spend::{Likeness, likeness};

const PAID: &str = "SELECT 1 FROM payees WHERE script = ?1 AND txid <> ?2 LIMIT 1";
// The halves of what has the same ends and isn't the script itself: found at once however often the
// script was paid.
const PAYEE_LIKE: [&str; 2] = [
    "SELECT script FROM payees WHERE likeness = ?1 AND script < ?2 LIMIT 1",
    "SELECT script FROM payees WHERE likeness = ?1 AND script > ?2 LIMIT 1",
];
const OURS_LIKE: [&str; 2] = [
    "SELECT script FROM scripts WHERE likeness = ?1 AND script < ?2 LIMIT 1",
    "SELECT script FROM scripts WHERE likeness = ?1 AND script > ?2 LIMIT 1",
];
// Another output on the same address that isn't later; the mempool is later than all blocks.
const USED_BEFORE: &str = "SELECT 1 FROM coins
    WHERE vault = ?1 AND keychain = ?2 AND idx = ?3 AND NOT (txid = ?4 AND vout = ?5)
      AND ifnull(height, 4294967295) <= ifnull(?6, 4294967295) LIMIT 1";

/// Less than this, sent to an address that was in use already, is no payment (T30).
const DUST: u64 = 1_000;

impl ReadTx<'_> {
    /// Whether any vault of the home has paid `script` by another transaction than `txid`.
    pub fn paid_before(&self, script: &Script, txid: &Txid) -> Result<bool, StorageError> {
        let key = (script.as_bytes(), txid.as_byte_array());
        Ok(self.prepare(PAID)?.exists(key)?)
    }

    /// Somebody who was paid, whose address has these ends and isn't that of `script`.
    pub fn payee_like(
        &self,
        script: &Script,
        likeness: Likeness,
    ) -> Result<Option<ScriptBuf>, StorageError> {
        self.other_with(&PAYEE_LIKE, script, likeness)
    }

    /// A script of the home's vaults, as far as derived, whose address has these ends and isn't that
    /// of `script`.
    pub fn ours_like(
        &self,
        script: &Script,
        likeness: Likeness,
    ) -> Result<Option<ScriptBuf>, StorageError> {
        self.other_with(&OURS_LIKE, script, likeness)
    }

    /// T30: whether a coin is dust that somebody sent to an address that was in use before. Spending
    /// it together with others would tell them that these belong together.
    pub fn is_dusting(&self, vault: VaultRow, coin: &Coin) -> Result<bool, StorageError> {
        if coin.value.to_sat() >= DUST {
            return Ok(false);
        }
        let place = (vault.0, codec::number(coin.keychain), coin.index);
        Ok(self.prepare(USED_BEFORE)?.exists((
            place.0,
            place.1,
            place.2,
            coin.outpoint.txid.as_byte_array(),
            coin.outpoint.vout,
            coin.height,
        ))?)
    }

    fn network_of(&self, vault: VaultRow) -> Result<Network, StorageError> {
        let network: String = self
            .prepare("SELECT network FROM ledger_vault WHERE id = ?1")?
            .query_row([vault.0], |row| row.get(0))?;
        network
            .parse()
            .map_err(|_| StorageError::damaged(format!("`{network}` is no network")))
    }
}

impl WriteTx<'_> {
    /// Notes whom a transaction pays that spends coins of the vault.
    pub(crate) fn note_payees(
        &self,
        vault: VaultRow,
        txid: &Txid,
        tx: &Transaction,
    ) -> Result<(), StorageError> {
        let network = self.network_of(vault)?;
        let mut note = self.prepare(
            "INSERT INTO payees (vault, txid, vout, script, likeness)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?;
        for (vout, output) in (0u32..).zip(&tx.output) {
            let script = &output.script_pubkey;
            let owners = self.ledger_owners(script)?;
            if script.is_op_return() || owners.iter().any(|owner| owner.vault == vault) {
                continue;
            }
            let likeness = likeness(script, network);
            note.execute((
                vault.0,
                txid.as_byte_array(),
                vout,
                script.as_bytes(),
                likeness,
            ))?;
        }
        Ok(())
    }
}
