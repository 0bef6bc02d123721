//! Scripts derived ahead, so that a block is matched by looking them up.

use super::ahead::Ahead;
use super::bulk::Bulk;
use super::codec;
use super::recall::Recall;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::{Network, Script, ScriptBuf};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Owner, VaultRow, scripts_needed};
use quorate_core::spend::likeness;
use quorate_core::vault::{Vault, VaultError, VaultId};
use quorate_core::workers::{Alone, Workers};
use rusqlite::{CachedStatement, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

const OWNERS: &str = "SELECT vault, keychain, idx FROM scripts WHERE script = ?1 ORDER BY vault";

/// From so many scripts at once on more are derived than asked for.
const MANY: usize = 32;

/// Vaults kept at hand, of 6 kB each: where there are more, the others are opened each time.
const VAULTS: usize = 2_000;

const NEW_SCRIPTS: &str = "INSERT OR FAIL INTO scripts (vault, keychain, idx, script, likeness)";

/// What a sync keeps at hand between its batches: the vaults needed for deriving more scripts, read from the
/// database when one is needed (most syncs need none), and what it has looked up.
pub struct Deriver {
    vaults: BTreeMap<VaultRow, Vault>,
    /// Address chains whose scripts are derived ahead.
    ahead: BTreeMap<(VaultRow, Keychain), Ahead>,
    workers: &'static (dyn Workers + Sync),
    pub(super) recall: Recall,
    /// Whether a first look was mistaken once: everything goes the usual way from then on.
    pub(super) usual: bool,
}

impl fmt::Debug for Deriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vaults = self.vaults.keys();
        f.debug_tuple("Deriver").field(&vaults).finish()
    }
}

impl Deriver {
    /// Derives with the help of `workers`.
    #[must_use]
    pub fn new(workers: &'static (dyn Workers + Sync)) -> Self {
        Self {
            vaults: BTreeMap::new(),
            ahead: BTreeMap::new(),
            workers,
            recall: Recall::default(),
            usual: false,
        }
    }

    /// After [`StorageError::NotNew`]: what was undone is forgotten, and taken for new no more.
    pub fn take_the_usual_way(&mut self) {
        self.recall = Recall::default();
        self.usual = true;
    }

    /// The scripts at these indexes. Many at a time are a busy vault's, which will ask for more: those are
    /// derived while what was found is written.
    fn scripts(
        &mut self,
        vault: &Vault,
        row: VaultRow,
        keychain: Keychain,
        indexes: Range<u32>,
    ) -> Result<Vec<ScriptBuf>, StorageError> {
        let workers = self.workers;
        let failed = |error| underivable(vault, &error);
        let chain = (row, keychain);
        // What was undone may be asked for again.
        let fits = |ahead: &Ahead| ahead.asked() == indexes.start;
        if !self.ahead.get(&chain).is_some_and(fits) {
            self.ahead.remove(&chain);
            if indexes.len() < MANY {
                return vault.scripts(keychain, indexes, workers).map_err(failed);
            }
        }
        let ahead = self.ahead.entry(chain);
        let ahead = ahead.or_insert_with(|| Ahead::new(vault, keychain, indexes.start));
        let count = indexes.end.saturating_sub(indexes.start);
        ahead.take(count, workers).map_err(failed)
    }

    fn vault(&mut self, tx: &ReadTx<'_>, row: VaultRow) -> Result<Vault, StorageError> {
        if let Some(known) = self.vaults.get(&row) {
            return Ok(known.clone());
        }
        let vault = tx.ledger_stored_vault(row)?;
        if self.vaults.len() < VAULTS {
            self.vaults.insert(row, vault.clone());
        }
        Ok(vault)
    }
}

fn underivable(vault: &Vault, error: &VaultError) -> StorageError {
    StorageError::Underivable {
        vault: vault.id().to_string(),
        reason: error.to_string(),
    }
}

/// What scripts of the vaults look like, to pass over the others without a look-up: all scripts of
/// one vault have one length and one beginning.
#[derive(Debug, Default)]
pub(super) struct Shapes(BTreeSet<(usize, [u8; 2])>);

impl Shapes {
    pub(super) fn may_be_ours(&self, script: &Script) -> bool {
        shape(script).is_some_and(|shape| self.0.contains(&shape))
    }
}

fn shape(script: &Script) -> Option<(usize, [u8; 2])> {
    let start = script.as_bytes().first_chunk::<2>()?;
    Some((script.len(), *start))
}

/// Looks up whose scripts are.
pub(super) struct Owners<'a>(CachedStatement<'a>);

impl Owners<'_> {
    pub(super) fn of(&mut self, script: &Script) -> Result<Vec<Owner>, StorageError> {
        let rows = self.0.query_map([script.as_bytes()], |row| {
            Ok(Owner {
                vault: VaultRow(row.get(0)?),
                keychain: codec::keychain(row, 1)?,
                index: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl ReadTx<'_> {
    /// Whose a script is, as far as derived: several when vaults share a script.
    pub fn ledger_owners(&self, script: &Script) -> Result<Vec<Owner>, StorageError> {
        self.owners()?.of(script)
    }

    /// The same for many scripts.
    pub(super) fn owners(&self) -> Result<Owners<'_>, StorageError> {
        Ok(Owners(self.prepare(OWNERS)?))
    }

    /// The script at this place of the vault's address chains, if it has been derived.
    pub fn ledger_script(
        &self,
        vault: VaultRow,
        keychain: Keychain,
        index: u32,
    ) -> Result<Option<ScriptBuf>, StorageError> {
        let mut statement = self.prepare(
            "SELECT script FROM scripts WHERE vault = ?1 AND keychain = ?2 AND idx = ?3",
        )?;
        let script = statement
            .query_row((vault.0, codec::number(keychain), index), |row| {
                row.get::<_, Vec<u8>>(0)
            })
            .optional()?;
        Ok(script.map(ScriptBuf::from_bytes))
    }

    pub(super) fn ledger_shapes(&self) -> Result<Shapes, StorageError> {
        // Index 0 of each chain stands for all. CROSS JOIN keeps the vaults in the outer loop.
        let mut statement = self.prepare(
            "SELECT s.script FROM ledger_vault v CROSS JOIN scripts s
             ON s.vault = v.id AND s.keychain IN (0, 1) AND s.idx = 0",
        )?;
        let scripts = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let mut shapes = Shapes::default();
        for script in scripts {
            shapes.0.extend(shape(Script::from_bytes(&script?)));
        }
        Ok(shapes)
    }

    fn ledger_stored_vault(&self, row: VaultRow) -> Result<Vault, StorageError> {
        let mut statement =
            self.prepare("SELECT network, descriptor, vault_id FROM ledger_vault WHERE id = ?1")?;
        let (network, descriptor, id): (String, String, [u8; 32]) =
            statement.query_row([row.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let network: Network = network
            .parse()
            .map_err(|_| StorageError::damaged(format!("`{network}` is no network")))?;
        Vault::reopen(network, &descriptor, None, VaultId::from_bytes(id))
            .map_err(|error| StorageError::damaged(format!("a vault can't be read: {error}")))?
            .ok_or_else(|| {
                StorageError::damaged("a vault's descriptor isn't the one its id was made of")
            })
    }
}

impl WriteTx<'_> {
    /// Says that an address was handed out, so that the lookahead counts from it.
    pub fn ledger_reveal(
        &self,
        vault: &Vault,
        keychain: Keychain,
        index: u32,
    ) -> Result<(), StorageError> {
        let row = self.ledger_require(vault.id())?;
        let raised = self
            .prepare(
                "UPDATE ledger_keychain SET revealed = ?3
                 WHERE vault = ?1 AND keychain = ?2 AND ifnull(revealed, -1) < ?3",
            )?
            .execute((row.0, codec::number(keychain), index))?;
        if raised > 0 {
            self.derive_ahead(row, keychain, vault)?;
            self.ledger_touch()?;
        }
        Ok(())
    }

    /// Notes the highest indexes seen in use and derives on from there. Returns the scripts that
    /// became known.
    pub(super) fn follow(
        &self,
        highest: &BTreeMap<(VaultRow, Keychain), u32>,
        deriver: &mut Deriver,
    ) -> Result<BTreeSet<ScriptBuf>, StorageError> {
        let mut added = BTreeSet::new();
        for (&(row, keychain), &index) in highest {
            let raised = self
                .prepare(
                    "UPDATE ledger_keychain SET used = ?3
                     WHERE vault = ?1 AND keychain = ?2 AND ifnull(used, -1) < ?3",
                )?
                .execute((row.0, codec::number(keychain), index))?;
            if raised > 0
                && let Some((derived, needed)) = self.missing(row, keychain)?
            {
                let vault = deriver.vault(self, row)?;
                let scripts = deriver.scripts(&vault, row, keychain, derived..needed)?;
                self.put_scripts(row, keychain, derived, &scripts, vault.network())?;
                added.extend(scripts);
            }
        }
        Ok(added)
    }

    /// Derives what is missing of one address chain.
    pub(super) fn derive_ahead(
        &self,
        row: VaultRow,
        keychain: Keychain,
        vault: &Vault,
    ) -> Result<(), StorageError> {
        let Some((derived, needed)) = self.missing(row, keychain)? else {
            return Ok(());
        };
        let scripts = vault.scripts(keychain, derived..needed, &Alone);
        let scripts = scripts.map_err(|error| underivable(vault, &error))?;
        self.put_scripts(row, keychain, derived, &scripts, vault.network())
    }

    fn put_scripts(
        &self,
        row: VaultRow,
        keychain: Keychain,
        from: u32,
        scripts: &[ScriptBuf],
        network: Network,
    ) -> Result<(), StorageError> {
        let rows: Vec<(u32, &ScriptBuf)> = (from..).zip(scripts).collect();
        let until = rows
            .last()
            .map_or(from, |(index, _)| index.saturating_add(1));
        Bulk::prepare(self, NEW_SCRIPTS, 5)?.write(&rows, |(index, script), values| {
            values.give(row.0)?;
            values.give(codec::number(keychain))?;
            values.give(index)?;
            values.give(script.as_bytes())?;
            values.give(likeness(script, network))
        })?;
        self.prepare("UPDATE ledger_keychain SET derived = ?3 WHERE vault = ?1 AND keychain = ?2")?
            .execute((row.0, codec::number(keychain), until))?;
        Ok(())
    }

    /// From where to where an address chain must be derived, if it must.
    fn missing(
        &self,
        row: VaultRow,
        keychain: Keychain,
    ) -> Result<Option<(u32, u32)>, StorageError> {
        let mut statement = self.prepare(
            "SELECT derived, used, revealed FROM ledger_keychain
             WHERE vault = ?1 AND keychain = ?2",
        )?;
        let (derived, used, revealed) = statement
            .query_row((row.0, codec::number(keychain)), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?
            .ok_or_else(|| StorageError::damaged("an address chain is missing from the ledger"))?;
        let needed = scripts_needed(used, revealed);
        Ok((derived < needed).then_some((derived, needed)))
    }
}
