//! Which vaults are watched, and how far each has come.

use super::codec;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::Network;
use bitcoin::hashes::Hash;
use quorate_core::chain::BlockId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Birth, VaultRow};
use quorate_core::vault::{Vault, VaultId};
use rusqlite::OptionalExtension;

/// A vault as the ledger sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerVault {
    /// Its number in the ledger.
    pub row: VaultRow,
    /// Its id.
    pub id: VaultId,
    /// The network it lives on.
    pub network: Network,
    /// From where on it can have been paid.
    pub birth: Birth,
    /// The last block matched for it; `None` before the first.
    pub cursor: Option<BlockId>,
}

pub(super) fn columns(birth: Birth) -> (Option<u32>, Option<u32>) {
    match birth {
        Birth::Height(height) => (Some(height), None),
        Birth::Time(time) => (None, Some(time)),
    }
}

impl ReadTx<'_> {
    /// The ledger's number of a vault; `None` if it isn't watched.
    pub fn ledger_row(&self, vault: VaultId) -> Result<Option<VaultRow>, StorageError> {
        let mut statement = self.prepare("SELECT id FROM ledger_vault WHERE vault_id = ?1")?;
        let row = statement.query_row([vault.as_bytes()], |row| Ok(VaultRow(row.get(0)?)));
        Ok(row.optional()?)
    }

    /// The vault with this number.
    pub fn ledger_vault_id(&self, row: VaultRow) -> Result<Option<VaultId>, StorageError> {
        let mut statement = self.prepare("SELECT vault_id FROM ledger_vault WHERE id = ?1")?;
        let id = statement.query_row([row.0], |row| Ok(VaultId::from_bytes(row.get(0)?)));
        Ok(id.optional()?)
    }

    pub(super) fn ledger_require(&self, vault: VaultId) -> Result<VaultRow, StorageError> {
        self.ledger_row(vault)?
            .ok_or_else(|| StorageError::damaged(format!("the ledger doesn't know vault {vault}")))
    }

    /// All vaults watched, in the order they were added.
    pub fn ledger_vaults(&self) -> Result<Vec<LedgerVault>, StorageError> {
        let mut statement = self.prepare(
            "SELECT id, vault_id, network, birth_height, birth_time, cursor_height, cursor_hash
             FROM ledger_vault ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let mut vaults = Vec::new();
        while let Some(row) = rows.next()? {
            let network: String = row.get(2)?;
            let network = network
                .parse()
                .map_err(|_| StorageError::damaged(format!("`{network}` is no network")))?;
            let birth = match (row.get(3)?, row.get(4)?) {
                (Some(height), None) => Birth::Height(height),
                (None, Some(time)) => Birth::Time(time),
                _ => return Err(StorageError::damaged("a vault has no birth")),
            };
            vaults.push(LedgerVault {
                row: VaultRow(row.get(0)?),
                id: VaultId::from_bytes(row.get(1)?),
                network,
                birth,
                cursor: codec::block(row, 5, 6)?,
            });
        }
        Ok(vaults)
    }

    /// The last block matched for a vault; `None` before its first.
    pub fn ledger_cursor(&self, vault: VaultRow) -> Result<Option<BlockId>, StorageError> {
        let mut statement =
            self.prepare("SELECT cursor_height, cursor_hash FROM ledger_vault WHERE id = ?1")?;
        let cursor = statement.query_row([vault.0], |row| codec::block(row, 0, 1));
        Ok(cursor.optional()?.flatten())
    }
}

impl WriteTx<'_> {
    /// Starts to watch a vault and derives its first scripts. A vault that is watched already stays
    /// as it is.
    pub fn ledger_add_vault(&self, vault: &Vault, birth: Birth) -> Result<VaultRow, StorageError> {
        if let Some(row) = self.ledger_row(vault.id())? {
            return Ok(row);
        }
        let (height, time) = columns(birth);
        self.prepare(
            "INSERT INTO ledger_vault (vault_id, network, descriptor, birth_height, birth_time)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            vault.id().as_bytes(),
            vault.network().to_string(),
            vault.descriptor(),
            height,
            time,
        ))?;
        let row = VaultRow(self.conn().last_insert_rowid());
        self.prepare("INSERT INTO balances (vault) VALUES (?1)")?
            .execute([row.0])?;
        for keychain in Keychain::ALL {
            self.prepare("INSERT INTO ledger_keychain (vault, keychain) VALUES (?1, ?2)")?
                .execute((row.0, codec::number(keychain)))?;
            self.derive_ahead(row, keychain, vault)?;
        }
        self.ledger_touch()?;
        Ok(row)
    }

    /// Places the cursor of a vault that has none yet at the last block before its birth. `false` if
    /// it has one by now, or if `block` isn't of the chain that the others followed.
    pub fn ledger_start_at(&self, vault: VaultRow, block: BlockId) -> Result<bool, StorageError> {
        if self.ledger_cursor(vault)?.is_some() || !self.remember_block(block)? {
            return Ok(false);
        }
        self.prepare(
            "UPDATE ledger_vault SET cursor_height = ?2, cursor_hash = ?3, cursor_time = NULL
             WHERE id = ?1",
        )?
        .execute((vault.0, block.height, block.hash.as_byte_array()))?;
        self.ledger_touch()?;
        Ok(true)
    }
}
