//! What happened, numbered: read in order, and dealt with up to a number by each consumer. Most are
//! written by triggers, together with what they tell (migration `events`); here are those that take
//! more than SQL to find out.

use crate::{ReadTx, StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Txid};
use quorate_core::journal::EntryId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::VaultRow;
use quorate_core::proposal::ProposalId;
use quorate_core::vault::VaultId;
use rusqlite::{OptionalExtension, Row, params};

/// Something that happened. Which fields are there depends on the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Higher than those of all events before it.
    pub number: u64,
    /// A word for what it is.
    pub kind: String,
    /// The vault.
    pub vault: Option<VaultId>,
    /// The journal's entry that came in, or that was refused.
    pub entry: Option<EntryId>,
    /// The proposal.
    pub proposal: Option<ProposalId>,
    /// The coin.
    pub coin: Option<OutPoint>,
    /// What the coin is worth, or what the vault holds.
    pub value: Option<i64>,
    /// The coin's place in the vault's address chains.
    pub place: Option<(Keychain, u32)>,
    /// The block.
    pub height: Option<u32>,
    /// The transaction that spends the coin.
    pub spender: Option<Txid>,
    /// What was before.
    pub old: Option<String>,
    /// What is now.
    pub new: Option<String>,
}

/// Somebody who reads events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConsumer {
    /// Its name.
    pub name: String,
    /// The number up to which it has dealt with them.
    pub acknowledged: u64,
}

fn event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    let txid: Option<[u8; 32]> = row.get(5)?;
    let vout: Option<u32> = row.get(6)?;
    let keychain: Option<usize> = row.get(8)?;
    let index: Option<u32> = row.get(9)?;
    let spender: Option<[u8; 32]> = row.get(11)?;
    Ok(StoredEvent {
        number: row.get(0)?,
        kind: row.get(1)?,
        vault: row.get::<_, Option<_>>(2)?.map(VaultId::from_bytes),
        entry: row.get::<_, Option<_>>(3)?.map(EntryId::from_bytes),
        proposal: row.get::<_, Option<_>>(4)?.map(ProposalId::from_bytes),
        coin: txid
            .zip(vout)
            .map(|(txid, vout)| OutPoint::new(Txid::from_byte_array(txid), vout)),
        value: row.get(7)?,
        place: keychain.and_then(Keychain::from_index).zip(index),
        height: row.get(10)?,
        spender: spender.map(Txid::from_byte_array),
        old: row.get(12)?,
        new: row.get(13)?,
    })
}

impl ReadTx<'_> {
    /// The events behind a number, in order, `limit` at most.
    pub fn events_after(
        &self,
        number: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StorageError> {
        let mut statement = self.prepare(
            "SELECT number, kind, vault, entry, proposal, txid, vout, value, keychain, idx, height,
                    spender, old, new
             FROM events WHERE number > ?1 ORDER BY number LIMIT ?2",
        )?;
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((number, limit), event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest event's number; 0 before the first.
    pub fn last_event(&self) -> Result<u64, StorageError> {
        let mut statement = self.prepare("SELECT ifnull(max(number), 0) FROM events")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// The number up to which a consumer has dealt with events; `None` of one that never has.
    pub fn acknowledged(&self, consumer: &str) -> Result<Option<u64>, StorageError> {
        let mut statement =
            self.prepare("SELECT acknowledged FROM event_consumers WHERE name = ?1")?;
        let number = statement.query_row([consumer], |row| row.get(0));
        Ok(number.optional()?)
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> Result<Vec<StoredConsumer>, StorageError> {
        let mut statement =
            self.prepare("SELECT name, acknowledged FROM event_consumers ORDER BY name")?;
        let rows = statement.query_map([], |row| {
            Ok(StoredConsumer {
                name: row.get(0)?,
                acknowledged: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Proposals whose status may have changed since it was last told: something happened to them, or
    /// their deadline has passed.
    pub fn doubted_proposals(&self, now: u64) -> Result<Vec<ProposalId>, StorageError> {
        let mut statement = self.prepare(
            "SELECT proposal FROM event_doubts UNION ALL
             SELECT proposal FROM event_statuses WHERE until <= ?1",
        )?;
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let rows = statement.query_map([now], |row| Ok(ProposalId::from_bytes(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl WriteTx<'_> {
    /// Tells a proposal's status, if it is another one than was told last. `until` is the moment from
    /// which it has to be looked at again though nothing happened.
    pub fn tell_status(
        &self,
        vault: VaultId,
        proposal: ProposalId,
        status: &str,
        until: Option<u64>,
    ) -> Result<(), StorageError> {
        let id = proposal.to_bytes();
        let told: Option<String> = self
            .prepare("SELECT status FROM event_statuses WHERE proposal = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        if told.as_deref() != Some(status) {
            self.prepare(
                "INSERT INTO events (kind, vault, proposal, old, new)
                 VALUES ('proposal_status', ?1, ?2, ?3, ?4)",
            )?
            .execute(params![vault.as_bytes(), id, told, status])?;
        }
        self.prepare(
            "INSERT INTO event_statuses VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET status = excluded.status, until = excluded.until",
        )?
        .execute(params![id, status, until])?;
        self.undoubt(proposal)
    }

    /// Takes a doubt away: of a proposal that isn't here.
    pub fn undoubt(&self, proposal: ProposalId) -> Result<(), StorageError> {
        self.prepare("DELETE FROM event_doubts WHERE proposal = ?1")?
            .execute([proposal.to_bytes()])?;
        Ok(())
    }

    /// Tells of the vaults whose first look at the chain, up to `height`, is done. From now on each
    /// of their coins is told of.
    pub fn tell_scanned(&self, height: u32) -> Result<(), StorageError> {
        let mut statement = self.prepare(
            "SELECT id, vault_id FROM ledger_vault WHERE caught_up = 0 AND cursor_height >= ?1",
        )?;
        let rows = statement.query_map([height], |row| {
            Ok((VaultRow(row.get(0)?), row.get::<_, [u8; 32]>(1)?))
        })?;
        let done: Vec<_> = rows.collect::<Result<_, _>>()?;
        for (row, vault) in done {
            let held = self.ledger_balance(row)?;
            let sat = (held.confirmed + held.pending).to_sat();
            let count: i64 = self
                .prepare("SELECT count(*) FROM transactions WHERE vault = ?1")?
                .query_row([row.0], |row| row.get(0))?;
            self.prepare(
                "INSERT INTO events (kind, vault, value, height, new)
                 VALUES ('scanned', ?1, ?2, ?3, ?4)",
            )?
            .execute(params![vault, sat, height, count.to_string()])?;
            // Silent until now, it may have decided the fate of any of them.
            self.prepare(
                "INSERT OR IGNORE INTO event_doubts SELECT id FROM proposals WHERE vault = ?1",
            )?
            .execute([vault])?;
            self.prepare("UPDATE ledger_vault SET caught_up = 1 WHERE id = ?1")?
                .execute([row.0])?;
        }
        Ok(())
    }

    /// Tells that a vault is looked up anew, and is silent about its coins until that is done.
    pub(crate) fn tell_rescan(&self, vault: VaultRow) -> Result<(), StorageError> {
        self.prepare(
            "INSERT INTO events (kind, vault)
             SELECT 'rescan', vault_id FROM ledger_vault WHERE id = ?1 AND caught_up = 1",
        )?
        .execute([vault.0])?;
        self.prepare("UPDATE ledger_vault SET caught_up = 0 WHERE id = ?1")?
            .execute([vault.0])?;
        Ok(())
    }

    /// Notes that a consumer has dealt with everything up to a number. It never goes back.
    pub fn acknowledge(&self, consumer: &str, number: u64) -> Result<(), StorageError> {
        self.prepare(
            "INSERT INTO event_consumers VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET acknowledged = max(acknowledged, excluded.acknowledged)",
        )?
        .execute(params![consumer, number])?;
        Ok(())
    }
}
