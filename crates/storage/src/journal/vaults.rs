//! The vaults of a home. A home may have thousands: whoever needs one looks it up by its name or its id.

use crate::{ReadTx, StorageError};
use bitcoin::Network;
use quorate_core::vault::VaultId;
use rusqlite::{Row, params};

/// A vault as stored: the descriptor makes it, the rest is what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVault {
    /// Its id.
    pub id: VaultId,
    /// What this home calls it.
    pub name: String,
    /// Its network.
    pub network: Network,
    /// Multipath, with checksum.
    pub descriptor: String,
    /// In the descriptor's order of keys.
    pub cosigners: Vec<String>,
    /// How many signatures its path without a lock needs; unknown of one that can't be read.
    pub threshold: Option<usize>,
    /// When it came, seconds since 1970.
    pub added_at: u64,
    /// Whether it was set up in a session.
    pub session: bool,
}

macro_rules! vaults {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, network, descriptor, cosigners, threshold, added_at, session FROM vaults ",
            $rest
        )
    };
}

impl ReadTx<'_> {
    /// All vaults, by name.
    pub fn vaults(&self) -> Result<Vec<StoredVault>, StorageError> {
        let mut statement = self.prepare(vaults!("ORDER BY name"))?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(stored(row)?);
        }
        Ok(all)
    }

    /// The vault with this id.
    pub fn vault(&self, id: VaultId) -> Result<Option<StoredVault>, StorageError> {
        let mut statement = self.prepare(vaults!("WHERE id = ?1"))?;
        let mut rows = statement.query(params![id.as_bytes()])?;
        rows.next()?.map(stored).transpose()
    }

    /// The vault that this home calls so.
    pub fn vault_named(&self, name: &str) -> Result<Option<StoredVault>, StorageError> {
        let mut statement = self.prepare(vaults!("WHERE name = ?1"))?;
        let mut rows = statement.query(params![name])?;
        rows.next()?.map(stored).transpose()
    }
}

fn stored(row: &Row<'_>) -> Result<StoredVault, StorageError> {
    let damaged = || StorageError::damaged("a vault's row can't be read");
    let (network, cosigners): (String, String) = (row.get(2)?, row.get(4)?);
    Ok(StoredVault {
        id: VaultId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        network: network.parse().map_err(|_| damaged())?,
        descriptor: row.get(3)?,
        cosigners: serde_json::from_str(&cosigners).map_err(|_| damaged())?,
        threshold: row.get(5)?,
        added_at: row.get(6)?,
        session: row.get(7)?,
    })
}
