//! Vaults that are opened when one is asked for: of thousands in a home, those that the question at hand
//! concerns.

use crate::{Coordinator, Error};
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{ReadTx, StoredVault};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Opened in one transaction, each once.
pub(crate) struct Opened<'t, 'c> {
    tx: &'t ReadTx<'c>,
    known: BTreeMap<VaultId, Option<(StoredVault, Vault)>>,
}

impl<'t, 'c> Opened<'t, 'c> {
    pub(crate) const fn new(tx: &'t ReadTx<'c>) -> Self {
        Self {
            tx,
            known: BTreeMap::new(),
        }
    }

    /// The vault with this id, if this home has it.
    ///
    /// # Errors
    /// When its descriptor can't be read.
    pub(crate) fn find(&mut self, id: VaultId) -> Result<Option<&(StoredVault, Vault)>, Error> {
        let known = match self.known.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let row = self.tx.vault(id)?;
                let opened = row.map(|row| Ok::<_, Error>((Coordinator::open_vault(&row)?, row)));
                let opened = opened.transpose()?;
                new.insert(opened.map(|(vault, row)| (row, vault)))
            }
        };
        Ok(known.as_ref())
    }

    /// The vault of something that can't be without one.
    pub(crate) fn get(&mut self, id: VaultId) -> Result<(&StoredVault, &Vault), Error> {
        let found = self.find(id)?.map(|(row, vault)| (row, vault));
        found.ok_or_else(|| Error::storage("damaged", format!("vault {id} is missing")))
    }
}
