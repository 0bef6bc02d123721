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
    known: BTreeMap<VaultId, Option<(StoredVault, Option<Vault>)>>,
}

impl<'t, 'c> Opened<'t, 'c> {
    pub(crate) const fn new(tx: &'t ReadTx<'c>) -> Self {
        Self {
            tx,
            known: BTreeMap::new(),
        }
    }

    /// The vault with this id, if this home has it; not opened if its descriptor can't be read.
    pub(crate) fn find(
        &mut self,
        id: VaultId,
    ) -> Result<Option<(&StoredVault, Option<&Vault>)>, Error> {
        let known = match self.known.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.tx.vault(id)?.map(|row| {
                let opened = Coordinator::open_vault(&row).ok();
                (row, opened)
            })),
        };
        Ok(known.as_ref().map(|(row, vault)| (row, vault.as_ref())))
    }

    /// The vault of something that can't be without one.
    ///
    /// # Errors
    /// Also when its descriptor can't be read.
    pub(crate) fn get(&mut self, id: VaultId) -> Result<(&StoredVault, &Vault), Error> {
        match self.find(id)? {
            Some((row, Some(vault))) => Ok((row, vault)),
            Some((row, None)) => Err(match Coordinator::open_vault(row) {
                Err(error) => error,
                Ok(_) => Error::storage("damaged", format!("vault {id} can't be opened")),
            }),
            None => Err(Error::storage("damaged", format!("vault {id} is missing"))),
        }
    }
}
