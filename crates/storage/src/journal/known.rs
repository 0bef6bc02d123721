//! Look-ups in the projection about recipients and one-time numbers, each by an index.

use crate::{ReadTx, StorageError};
use bitcoin::{Script, ScriptBuf};
use quorate_core::proposal::{Nonce, ProposalId};
use quorate_core::spend::Likeness;
use rusqlite::{OptionalExtension, params};

/// A signature whose one-time number was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceUse {
    /// The number, the key, and the rest of the signature.
    pub nonce: Nonce,
    /// The proposal it is for.
    pub proposal: ProposalId,
    /// The input it is for.
    pub input: u32,
}

/// The two halves of what has the same ends and isn't the script itself: found at once however many
/// rows hold the script.
pub(crate) const RECIPIENT_LIKE: [&str; 2] = [
    "SELECT script FROM recipients WHERE likeness = ?1 AND script < ?2 LIMIT 1",
    "SELECT script FROM recipients WHERE likeness = ?1 AND script > ?2 LIMIT 1",
];
pub(crate) const NONCE_USES: &str =
    "SELECT r, public_key, s, proposal, input FROM nonces WHERE r = ?1";

impl ReadTx<'_> {
    /// A recipient of any proposal whose address has these ends and which isn't `script`.
    pub fn recipient_like(
        &self,
        script: &Script,
        likeness: Likeness,
    ) -> Result<Option<ScriptBuf>, StorageError> {
        self.other_with(&RECIPIENT_LIKE, script, likeness)
    }

    pub(crate) fn other_with(
        &self,
        halves: &[&str; 2],
        script: &Script,
        likeness: Likeness,
    ) -> Result<Option<ScriptBuf>, StorageError> {
        for sql in halves {
            let found: Option<Vec<u8>> = self
                .prepare(sql)?
                .query_row(params![likeness, script.as_bytes()], |row| row.get(0))
                .optional()?;
            if let Some(found) = found {
                return Ok(Some(ScriptBuf::from_bytes(found)));
            }
        }
        Ok(None)
    }

    /// The signatures that use this one-time number.
    pub fn nonce_uses(&self, r: &[u8; 32]) -> Result<Vec<NonceUse>, StorageError> {
        let mut statement = self.prepare(NONCE_USES)?;
        let rows = statement.query_map([r], |row| {
            Ok(NonceUse {
                nonce: Nonce {
                    r: row.get(0)?,
                    key: row.get(1)?,
                    s: row.get(2)?,
                },
                proposal: ProposalId::from_bytes(row.get(3)?),
                input: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The numbers that were used for different signatures, of all vaults: usually none.
    pub fn repeated_nonces(&self) -> Result<Vec<[u8; 32]>, StorageError> {
        let mut statement = self.prepare("SELECT r FROM repeated_nonces ORDER BY r")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
