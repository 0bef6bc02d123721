//! What the tables of a vault amount to as one hash, and who wrote how much.

use super::trust::{content, member};
use crate::{ReadTx, StorageError};
use quorate_core::journal::{Body, EntryId, MemberId, StateHash, Value};
use quorate_core::vault::VaultId;
use rusqlite::params;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;

/// How much a member wrote in a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorCount {
    /// The author.
    pub author: MemberId,
    /// Its entries here.
    pub entries: u64,
    /// The highest of its numbers.
    pub last: u64,
    /// Numbers it used for more than one entry, the first few.
    pub said_twice: Vec<u64>,
}

/// What is hashed of each table: all that doesn't belong to this home alone (names of vaults, order
/// of arrival). What is said of a proposal counts once the proposal is here.
const STATE: [(&str, &str); 16] = [
    (
        "key_facts",
        "SELECT cosigner, facts, noted_at, seq FROM key_facts WHERE vault = ?1",
    ),
    (
        "labels",
        "SELECT kind, reference, line, set_at, seq FROM labels WHERE vault = ?1",
    ),
    (
        "attestations",
        "SELECT cosigner, author, note, attested_at FROM attestations WHERE vault = ?1",
    ),
    (
        "proofs",
        "SELECT cosigner, by_record, proven_at, speaker FROM proofs WHERE vault = ?1",
    ),
    (
        "retirements",
        "SELECT author, note, retired_at FROM retirements WHERE vault = ?1",
    ),
    ("owners", "SELECT owner FROM owners WHERE vault = ?1"),
    (
        "members",
        "SELECT member, name, cosigner, last, head FROM members WHERE vault = ?1",
    ),
    (
        "addresses",
        "SELECT keychain, idx, author, label, revealed_at FROM addresses WHERE vault = ?1",
    ),
    (
        "proposals",
        "SELECT id, psbt, memo, opened_at, draft, expires, replaces FROM proposals WHERE vault = ?1",
    ),
    (
        "openings",
        "SELECT proposal, author, entry, openings.memo FROM openings
         JOIN proposals ON proposals.id = proposal WHERE vault = ?1",
    ),
    (
        "submissions",
        "SELECT proposal, submitted_at FROM submissions
         JOIN proposals ON proposals.id = proposal WHERE vault = ?1",
    ),
    (
        "words",
        "SELECT proposal, cosigner, author, seq, word, note, said_at FROM words
         JOIN proposals ON proposals.id = proposal WHERE vault = ?1",
    ),
    (
        "closings",
        "SELECT proposal, reason, note, closed_at FROM closings
         JOIN proposals ON proposals.id = proposal WHERE vault = ?1",
    ),
    (
        "releases",
        "SELECT proposal, tx, released_at FROM releases
         JOIN proposals ON proposals.id = proposal WHERE vault = ?1",
    ),
    (
        "signatures",
        "SELECT proposal, input, public_key, signature, added_at FROM signatures
         JOIN proposals ON proposals.id = proposal WHERE vault = ?1",
    ),
    (
        "reservations",
        "SELECT proposal, txid, vout FROM reservations WHERE vault = ?1",
    ),
];

impl ReadTx<'_> {
    /// Hash over what the vault's counted entries amount to: equal in homes that know the same.
    pub fn state_hash(&self, vault: VaultId) -> Result<String, StorageError> {
        let mut hash = StateHash::default();
        for (table, sql) in STATE {
            let mut statement = self.prepare(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(params![vault.as_bytes()])?;
            while let Some(row) = rows.next()? {
                let values = (0..columns).map(|column| row.get_ref(column));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                hash.add(table, values.into_iter().map(value));
            }
        }
        Ok(hash.finish())
    }

    /// Who wrote how much in a vault.
    pub fn authors(&self, vault: VaultId) -> Result<Vec<AuthorCount>, StorageError> {
        let mut statement = self.prepare(
            "SELECT author, count(*), max(seq), count(DISTINCT seq) FROM entries
             WHERE vault = ?1 GROUP BY author ORDER BY author",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((
                row.get::<_, [u8; 32]>(0)?,
                row.get::<_, u64>(1)?,
                row.get(2)?,
                row.get::<_, u64>(3)?,
            ))
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut twice = self.prepare(
            "SELECT seq FROM entries WHERE vault = ?1 AND author = ?2
             GROUP BY seq HAVING count(*) > 1 ORDER BY seq LIMIT 20",
        )?;
        rows.into_iter()
            .map(|(author, entries, last, numbers)| {
                let said_twice = if numbers < entries {
                    let key = params![vault.as_bytes(), author];
                    let rows = twice.query_map(key, |row| row.get(0))?;
                    rows.collect::<Result<_, _>>()?
                } else {
                    Vec::new()
                };
                Ok(AuthorCount {
                    author: member(&author)?,
                    entries,
                    last,
                    said_twice,
                })
            })
            .collect()
    }

    /// Whether an author is this home, the owner, or somebody whom the owner enrolled or removed.
    pub fn is_author_known(&self, vault: VaultId, author: MemberId) -> Result<bool, StorageError> {
        if self
            .device()?
            .is_some_and(|device| device.key.id() == author)
        {
            return Ok(true);
        }
        let key = params![vault.as_bytes(), author.to_bytes()];
        Ok(self
            .prepare(
                "SELECT 1 FROM owners WHERE vault = ?1 AND owner = ?2
                 UNION ALL SELECT 1 FROM members WHERE vault = ?1 AND member = ?2",
            )?
            .exists(key)?)
    }

    /// Whether what this member says from now on counts in every home: it is the owner, or enrolled.
    pub fn may_speak(&self, vault: VaultId, author: MemberId) -> Result<bool, StorageError> {
        let key = params![vault.as_bytes(), author.to_bytes()];
        Ok(self
            .prepare(
                "SELECT 1 FROM owners WHERE vault = ?1 AND owner = ?2 UNION ALL
                 SELECT 1 FROM members WHERE vault = ?1 AND member = ?2 AND last IS NULL",
            )?
            .exists(key)?)
    }

    /// Bytes of the entries of authors who aren't known.
    pub fn parked_bytes(&self, vault: VaultId) -> Result<u64, StorageError> {
        let mut bytes = 0;
        for author in self.authors(vault)? {
            if !self.is_author_known(vault, author.author)? {
                bytes += self
                    .prepare(
                        "SELECT sum(octet_length(text)) FROM entries WHERE vault = ?1 AND author = ?2",
                    )?
                    .query_row(params![vault.as_bytes(), author.author.to_bytes()], |row| {
                        row.get::<_, u64>(0)
                    })?;
            }
        }
        Ok(bytes)
    }

    /// What each author said when the vault came into its home.
    pub fn foundings(&self, vault: VaultId) -> Result<Vec<(MemberId, Body)>, StorageError> {
        let mut statement = self.prepare(
            "SELECT text FROM entries WHERE vault = ?1 AND kind = 'vault_added' ORDER BY number",
        )?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| row.get::<_, String>(0))?;
        rows.map(|text| {
            let content = content(&text?)?;
            Ok((content.author, content.body))
        })
        .collect()
    }

    /// Ids of a vault's entries, with the length of each text in bytes.
    pub fn entry_sizes(&self, vault: VaultId) -> Result<BTreeMap<EntryId, u64>, StorageError> {
        let mut statement =
            self.prepare("SELECT id, octet_length(text) FROM entries WHERE vault = ?1")?;
        let rows = statement.query_map(params![vault.as_bytes()], |row| {
            Ok((EntryId::from_bytes(row.get(0)?), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The ids of an author's entries with this number: several when it said two things.
    pub fn entries_numbered(
        &self,
        vault: VaultId,
        author: MemberId,
        seq: u64,
    ) -> Result<Vec<EntryId>, StorageError> {
        let mut statement = self.prepare(
            "SELECT id FROM entries WHERE vault = ?1 AND author = ?2 AND seq = ?3 ORDER BY id",
        )?;
        let key = params![vault.as_bytes(), author.to_bytes(), seq];
        let rows = statement.query_map(key, |row| Ok(EntryId::from_bytes(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn value(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(text),
        ValueRef::Blob(bytes) => Value::Blob(bytes),
    }
}
