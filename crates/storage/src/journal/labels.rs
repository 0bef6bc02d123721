//! Labels as the entries amount to.

use crate::{ReadTx, StorageError};
use bitcoin::{OutPoint, consensus};
use quorate_core::keychain::Keychain;
use quorate_core::label::Label;
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, params};

impl ReadTx<'_> {
    /// All labels of a vault, by type and reference; those that were taken away have no words.
    pub fn labels(&self, vault: VaultId) -> Result<Vec<Label>, StorageError> {
        let mut statement =
            self.prepare("SELECT line FROM labels WHERE vault = ?1 ORDER BY kind, reference")?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| row.get::<_, String>(0))?;
        rows.map(|line| read(&line?)).collect()
    }

    /// What was said last of whether a coin may be spent.
    pub fn spendable(&self, vault: VaultId, coin: OutPoint) -> Result<Option<bool>, StorageError> {
        let mut statement = self.prepare(
            "SELECT spendable FROM labels
             WHERE vault = ?1 AND coin = ?2 AND spendable IS NOT NULL",
        )?;
        let key = params![vault.as_bytes(), consensus::serialize(&coin)];
        Ok(statement.query_row(key, |row| row.get(0)).optional()?)
    }

    /// One label's words, if there are any; empty where they were taken away.
    pub fn label(
        &self,
        vault: VaultId,
        kind: &str,
        reference: &str,
    ) -> Result<Option<String>, StorageError> {
        let label = self.whole_label(vault, kind, reference)?;
        Ok(label.map(|label| label.label().to_owned()))
    }

    /// One label with all its fields.
    pub fn whole_label(
        &self,
        vault: VaultId,
        kind: &str,
        reference: &str,
    ) -> Result<Option<Label>, StorageError> {
        let mut statement = self
            .prepare("SELECT line FROM labels WHERE vault = ?1 AND kind = ?2 AND reference = ?3")?;
        let line: Option<String> = statement
            .query_row(params![vault.as_bytes(), kind, reference], |row| row.get(0))
            .optional()?;
        line.map(|line| read(&line)).transpose()
    }
}

impl ReadTx<'_> {
    /// The words with which an address was handed out.
    pub fn address_label(
        &self,
        vault: VaultId,
        keychain: Keychain,
        index: u32,
    ) -> Result<Option<String>, StorageError> {
        let mut statement = self.prepare(
            "SELECT label FROM addresses WHERE vault = ?1 AND keychain = ?2 AND idx = ?3
             ORDER BY revealed_at, ifnull(label, '') LIMIT 1",
        )?;
        let key = params![vault.as_bytes(), keychain.index(), index];
        let label: Option<Option<String>> =
            statement.query_row(key, |row| row.get(0)).optional()?;
        Ok(label.flatten())
    }
}

fn read(line: &str) -> Result<Label, StorageError> {
    Label::read(line).map_err(|error| StorageError::damaged(format!("a label: {error}")))
}
