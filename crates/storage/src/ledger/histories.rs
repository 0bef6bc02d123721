//! The ledger for sources that serve histories of scripts: what each script's history was when it
//! was last looked at, and blocks of which only our transactions are known.

use super::codec;
use super::scan::{Matched, inputs};
use super::scripts::Deriver;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{ScriptBuf, Transaction, Txid};
use quorate_core::chain::BlockId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{CheckedBlock, Owner, ScriptStatus, VaultRow};
use std::collections::BTreeSet;

const WATCHED: &str = "SELECT s.vault, s.keychain, s.idx, s.script, h.status,
        h.status IS NULL AND EXISTS (SELECT 1 FROM coins c
            WHERE c.vault = s.vault AND c.keychain = s.keychain AND c.idx = s.idx)
    FROM scripts s LEFT JOIN script_status h
    ON h.vault = s.vault AND h.keychain = s.keychain AND h.idx = s.idx
    WHERE s.id > ?1 ORDER BY s.id";

const TOUCHING: &str = "SELECT txid, height, spent_by, spent_height FROM coins
    WHERE vault = ?1 AND keychain = ?2 AND idx = ?3";

// CROSS JOIN keeps what waits in the outer loop.
const MADE_BY_WAITING: &str = "SELECT coins.vault, coins.keychain, coins.idx
    FROM transactions CROSS JOIN coins ON coins.txid = transactions.txid
    WHERE transactions.height IS NULL";

const SPENT_BY_WAITING: &str = "SELECT coins.vault, coins.keychain, coins.idx
    FROM transactions CROSS JOIN coins ON coins.spent_by = transactions.txid
    WHERE transactions.height IS NULL";

/// A script to ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Whose it is.
    pub owner: Owner,
    /// The script.
    pub script: ScriptBuf,
    /// The status under which the ledger knows all about it.
    pub status: Option<ScriptStatus>,
    /// Whether the ledger has coins there and no status noted: then it isn't unused.
    pub unnoted: bool,
}

fn owner(row: &rusqlite::Row<'_>) -> rusqlite::Result<Owner> {
    Ok(Owner {
        vault: VaultRow(row.get(0)?),
        keychain: codec::keychain(row, 1)?,
        index: row.get(2)?,
    })
}

const fn key(owner: &Owner) -> (i64, i64, u32) {
    (owner.vault.0, codec::number(owner.keychain), owner.index)
}

impl ReadTx<'_> {
    /// Scripts derived after row `after` (0: all), in the order of derivation, and the last row.
    pub fn ledger_watched(&self, after: i64) -> Result<(Vec<Watched>, i64), StorageError> {
        let mut statement = self.prepare(WATCHED)?;
        let rows = statement.query_map([after], |row| {
            let script: Vec<u8> = row.get(3)?;
            let status: Option<[u8; 32]> = row.get(4)?;
            Ok(Watched {
                owner: owner(row)?,
                script: ScriptBuf::from_bytes(script),
                status: status.map(ScriptStatus),
                unnoted: row.get(5)?,
            })
        })?;
        let watched = rows.collect::<Result<_, _>>()?;
        Ok((watched, self.last_script()?))
    }

    /// The row of the script derived last; 0 if there is none.
    fn last_script(&self) -> Result<i64, StorageError> {
        let mut last = self.prepare("SELECT ifnull(max(id), 0) FROM scripts")?;
        Ok(last.query_row([], |row| row.get(0))?)
    }

    /// The transactions that the ledger knows of one script, each with its height; `None` while it
    /// waits.
    pub fn ledger_touching(
        &self,
        owner: &Owner,
    ) -> Result<BTreeSet<(Txid, Option<u32>)>, StorageError> {
        let mut statement = self.prepare(TOUCHING)?;
        let mut rows = statement.query(key(owner))?;
        let mut known = BTreeSet::new();
        while let Some(row) = rows.next()? {
            known.insert((codec::txid(row, 0)?, row.get(1)?));
            if let Some(spent) = codec::spent(row, 2, 3)? {
                known.insert((spent.by, spent.height));
            }
        }
        Ok(known)
    }

    /// Scripts that transactions concern which wait to be mined: what becomes of those has to be
    /// asked, whatever is known.
    pub fn ledger_unsettled(&self) -> Result<BTreeSet<(VaultRow, Keychain, u32)>, StorageError> {
        let mut keys = BTreeSet::new();
        for sql in [MADE_BY_WAITING, SPENT_BY_WAITING] {
            let mut statement = self.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let owner = owner(row)?;
                keys.insert((owner.vault, owner.keychain, owner.index));
            }
        }
        Ok(keys)
    }
}

impl WriteTx<'_> {
    /// Derives on as far as these transactions show addresses in use, and writes nothing else of
    /// them. Returns the new revision; `None` if the ledger isn't at `revision` any more.
    pub fn ledger_look_ahead(
        &self,
        revision: i64,
        transactions: &[(Txid, Transaction)],
        deriver: &mut Deriver,
    ) -> Result<Option<i64>, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(None);
        }
        let before = self.last_script()?;
        deriver.recall.check(self, inputs(transactions))?;
        self.find(transactions, None, deriver)?;
        // Only what is new: else a round that comes to nothing would look like one that got on.
        if self.last_script()? != before {
            self.ledger_touch()?;
        }
        Ok(Some(self.ledger_revision()?))
    }

    /// Matches `blocks`, of which only our transactions are known, for all vaults, and moves the
    /// cursors that are lower on to `reached`. `remember` are blocks of the chain up to there. `None`,
    /// and nothing is written, if the ledger isn't at `revision` any more or follows another
    /// branch; else the new revision.
    pub fn ledger_match_sparse(
        &self,
        revision: i64,
        blocks: &[CheckedBlock],
        remember: &[BlockId],
        reached: BlockId,
        deriver: &mut Deriver,
    ) -> Result<Option<(i64, Matched)>, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(None);
        }
        let path = || remember.iter().chain([&reached]);
        for block in path() {
            if self
                .ledger_block_at(block.height)?
                .is_some_and(|known| known != *block)
            {
                return Ok(None);
            }
        }
        for block in path() {
            self.remember_block(*block)?;
        }
        let vaults = self.ledger_vaults()?;
        let vaults: BTreeSet<VaultRow> = vaults.iter().map(|vault| vault.row).collect();
        self.make_room(&vaults, blocks, reached.height)?;
        let matched = self.match_blocks(blocks, &vaults, deriver)?;
        self.prepare(
            "UPDATE ledger_vault SET cursor_height = ?1, cursor_hash = ?2, cursor_time = NULL
             WHERE ifnull(cursor_height, -1) < ?1",
        )?
        .execute((reached.height, reached.hash.as_byte_array()))?;
        self.prune_blocks()?;
        self.ledger_touch()?;
        Ok(Some((self.ledger_revision()?, matched)))
    }

    /// Says under which statuses the ledger knows all about these scripts. `false`, and nothing is
    /// written, if the ledger isn't at `revision` any more.
    pub fn ledger_note_statuses(
        &self,
        revision: i64,
        statuses: &[(Owner, ScriptStatus)],
    ) -> Result<bool, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(false);
        }
        let mut note = self.prepare(
            "INSERT INTO script_status (vault, keychain, idx, status) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET status = excluded.status",
        )?;
        for (owner, status) in statuses {
            let (vault, keychain, index) = key(owner);
            note.execute((vault, keychain, index, status.0))?;
        }
        // The revision stays: what the ledger says of the chain is the same.
        Ok(true)
    }
}
