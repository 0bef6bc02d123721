//! The mempool by difference: what the source lists now against what was seen before. Only new
//! transactions are fetched, and those seen before that may concern something learnt since.

use super::apply::Place;
use super::books::Books;
use super::codec;
use super::scan::{Matched, inputs};
use super::scripts::Deriver;
use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Script, Transaction, Txid};
use quorate_core::ledger::{any_tag_in, outpoint_tag, parents_first, script_tag, tags_of};
use std::collections::BTreeSet;

const UNCONFIRMED: &str = "SELECT txid FROM transactions WHERE height IS NULL";
const NEW_COINS: &str = "SELECT txid, vout FROM coins WHERE id > ?1 AND spent_by IS NULL";
const NEW_SCRIPTS: &str = "SELECT script FROM scripts WHERE id > ?1";

/// What to do so that the ledger agrees with a list of the mempool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Listed, and never seen: to be fetched.
    pub new: Vec<Txid>,
    /// Seen or unconfirmed, and not listed: to be dropped.
    pub gone: Vec<Txid>,
}

/// Transactions seen before that may concern scripts or coins which became known since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reexamination {
    /// To be fetched again.
    pub txids: Vec<Txid>,
    coins: i64,
    scripts: i64,
}

impl ReadTx<'_> {
    /// Compares the ledger with all transaction ids of the source's mempool.
    pub fn mempool_difference(&self, listed: &BTreeSet<Txid>) -> Result<Difference, StorageError> {
        let seen = self.txids("SELECT txid FROM mempool_seen")?;
        let ours = self.txids(UNCONFIRMED)?;
        Ok(Difference {
            new: listed.difference(&seen).copied().collect(),
            gone: seen
                .union(&ours)
                .filter(|txid| !listed.contains(*txid))
                .copied()
                .collect(),
        })
    }

    fn txids(&self, sql: &str) -> Result<BTreeSet<Txid>, StorageError> {
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map([], |row| codec::txid(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn nothing_seen(&self) -> Result<bool, StorageError> {
        let mut statement = self.prepare("SELECT 1 FROM mempool_seen LIMIT 1")?;
        Ok(!statement.exists([])?)
    }

    /// What has to be looked at again; `None` when nothing became known since the last time.
    pub fn mempool_reexamination(&self) -> Result<Option<Reexamination>, StorageError> {
        if self.nothing_seen()? {
            return Ok(None);
        }
        let (coins_done, scripts_done): (i64, i64) = self
            .prepare("SELECT coins_examined, scripts_examined FROM ledger_state WHERE id = 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (coins, scripts): (i64, i64) = self
            .prepare(
                "SELECT (SELECT ifnull(max(id), 0) FROM coins),
                        (SELECT ifnull(max(id), 0) FROM scripts)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if coins <= coins_done && scripts <= scripts_done {
            return Ok(None);
        }
        let mut wanted = BTreeSet::new();
        let mut statement = self.prepare(NEW_COINS)?;
        let mut rows = statement.query([coins_done])?;
        while let Some(row) = rows.next()? {
            let outpoint = OutPoint::new(codec::txid(row, 0)?, row.get(1)?);
            wanted.insert(outpoint_tag(&outpoint));
        }
        let mut statement = self.prepare(NEW_SCRIPTS)?;
        let mut rows = statement.query([scripts_done])?;
        while let Some(row) = rows.next()? {
            let script: Vec<u8> = row.get(0)?;
            wanted.insert(script_tag(Script::from_bytes(&script)));
        }
        let mut txids = Vec::new();
        let mut statement = self.prepare("SELECT txid, tags FROM mempool_seen ORDER BY txid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let tags = row.get_ref(1)?;
            let tags = tags
                .as_blob()
                .map_err(|_| StorageError::damaged("a mempool row has no tags"))?;
            if any_tag_in(tags, &wanted) {
                txids.push(codec::txid(row, 0)?);
            }
        }
        Ok(Some(Reexamination {
            txids,
            coins,
            scripts,
        }))
    }
}

impl WriteTx<'_> {
    /// Drops what the mempool doesn't list any more. `None` if the ledger isn't at `revision` any
    /// more, else the new revision.
    pub fn mempool_drop(&self, revision: i64, gone: &[Txid]) -> Result<Option<i64>, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(None);
        }
        for txid in gone {
            self.evict(txid)?;
        }
        self.ledger_touch()?;
        Ok(Some(self.ledger_revision()?))
    }

    /// Matches mempool transactions for all vaults and marks them as seen, at `now` in seconds since
    /// 1970. `None` if the ledger isn't at `revision` any more, else the new revision.
    pub fn mempool_match(
        &self,
        revision: i64,
        transactions: Vec<(Txid, Transaction)>,
        now: u32,
        deriver: &mut Deriver,
    ) -> Result<Option<(i64, Matched)>, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(None);
        }
        if self.nothing_seen()? {
            // Then nothing has to be examined again for what is known by now.
            self.prepare(
                "UPDATE ledger_state SET
                    coins_examined = (SELECT ifnull(max(id), 0) FROM coins),
                    scripts_examined = (SELECT ifnull(max(id), 0) FROM scripts)
                 WHERE id = 1",
            )?
            .execute([])?;
        }
        let transactions = parents_first(transactions);
        let mut matched = Matched::default();
        deriver.recall.check(self, inputs(&transactions))?;
        for found in self.find(&transactions, None, deriver)? {
            if let Some((_, tx)) = transactions.get(found.position) {
                let new = self.apply(&found, tx, Place::Mempool, now, &mut Books::default())?;
                matched.new_transactions += u64::from(new);
            }
        }
        let mut see = self.prepare(
            "INSERT INTO mempool_seen (txid, tags) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?;
        for (txid, tx) in &transactions {
            see.execute((txid.as_byte_array(), tags_of(tx)))?;
        }
        self.ledger_touch()?;
        Ok(Some((self.ledger_revision()?, matched)))
    }

    /// Says that a re-examination is done: its transactions were fetched and matched, except
    /// `missing`, which the source didn't have any more. `None` if the ledger isn't at `revision` any more, else
    /// the new revision.
    pub fn mempool_examined(
        &self,
        revision: i64,
        done: &Reexamination,
        missing: &[Txid],
    ) -> Result<Option<i64>, StorageError> {
        if self.ledger_revision()? != revision {
            return Ok(None);
        }
        for txid in missing {
            self.unsee(txid)?;
        }
        self.prepare(
            "UPDATE ledger_state SET coins_examined = ?1, scripts_examined = ?2 WHERE id = 1",
        )?
        .execute((done.coins, done.scripts))?;
        self.ledger_touch()?;
        Ok(Some(self.ledger_revision()?))
    }
}
