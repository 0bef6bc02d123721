//! What a sync remembers between its batches, so that the database isn't asked the same again: whose scripts
//! are, and which outpoints can't be anybody's coin. Most inputs of a block are strangers'.
//!
//! It is right as long as nobody else writes. SQLite says whether another connection did; then it starts
//! anew.

use super::codec;
use super::scripts::Shapes;
use crate::{ReadTx, StorageError};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Script, ScriptBuf};
use quorate_core::ledger::{Match, Owner};
use std::collections::HashMap;

/// A hundred bytes each.
const SCRIPTS: usize = 1 << 15;
/// Bits that a coin may set: a MiB of them. With a million coins one stranger in twenty is looked up.
const BITS: usize = 1 << 23;
/// Coins are read once they are no more than so many times the inputs asked about.
const WORTH_READING: u64 = 2;

const HIGHEST: &str = "SELECT ifnull(max(id), 0) FROM coins";
const COINS: &str = "SELECT txid, vout FROM coins";

/// What was seen of the database at `version`.
#[derive(Debug, Default)]
pub(super) struct Recall {
    version: Option<i64>,
    /// Inputs asked about so far.
    asked: u64,
    owners: HashMap<ScriptBuf, Vec<Owner>>,
    shapes: Shapes,
    /// Empty until the coins were worth reading.
    coins: Vec<u64>,
}

impl Recall {
    /// At the beginning of each transaction, in which nobody else can write: starts anew if another connection
    /// has written. `inputs` is how many outpoints are asked about in it.
    pub(super) fn check(&mut self, tx: &ReadTx<'_>, inputs: usize) -> Result<(), StorageError> {
        let version = tx
            .conn()
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version != Some(version) {
            *self = Self {
                version: Some(version),
                ..Self::default()
            };
        }
        self.shapes = tx.ledger_shapes()?;
        if self.coins.is_empty() {
            self.asked += inputs as u64;
            let count: u64 = tx.prepare(HIGHEST)?.query_row([], |row| row.get(0))?;
            if count <= WORTH_READING * self.asked {
                self.read_coins(tx)?;
            }
        }
        Ok(())
    }

    fn read_coins(&mut self, tx: &ReadTx<'_>) -> Result<(), StorageError> {
        self.coins = vec![0; BITS / 64];
        let mut statement = tx.prepare(COINS)?;
        let coins = statement.query_map([], |row| {
            Ok(OutPoint::new(codec::txid(row, 0)?, row.get(1)?))
        })?;
        for coin in coins {
            self.set(&coin?);
        }
        Ok(())
    }

    /// Whether an outpoint may be somebody's coin.
    pub(super) fn may_be_held(&self, outpoint: &OutPoint) -> bool {
        let set = |bit: usize| {
            let word = self.coins.get(bit / 64);
            word.is_none_or(|word| word >> (bit % 64) & 1 == 1)
        };
        bits(outpoint).into_iter().all(set)
    }

    /// Whether a script looks like one of a vault's.
    pub(super) fn may_be_ours(&self, script: &Script) -> bool {
        self.shapes.may_be_ours(script)
    }

    /// Whose a script is, asked of `look_up` if it isn't known.
    pub(super) fn owners(
        &mut self,
        script: &Script,
        look_up: impl FnOnce() -> Result<Vec<Owner>, StorageError>,
    ) -> Result<Vec<Owner>, StorageError> {
        if let Some(owners) = self.owners.get(script) {
            return Ok(owners.clone());
        }
        let owners = look_up()?;
        // Strangers' scripts seldom come twice, and may be derived later.
        if !owners.is_empty() {
            if self.owners.len() >= SCRIPTS {
                self.owners.clear();
            }
            self.owners.insert(script.to_owned(), owners.clone());
        }
        Ok(owners)
    }

    /// Takes note of scripts that were derived: one may have had an owner already.
    pub(super) fn derived<'a>(&mut self, scripts: impl IntoIterator<Item = &'a ScriptBuf>) {
        for script in scripts {
            self.owners.remove(script);
        }
    }

    /// Takes note of the coins that matches make, which are about to be written.
    pub(super) fn found(&mut self, matches: &[Match]) {
        for found in matches {
            for funded in &found.funds {
                self.set(&OutPoint::new(found.txid, funded.vout));
            }
        }
    }

    fn set(&mut self, outpoint: &OutPoint) {
        for bit in bits(outpoint) {
            if let Some(word) = self.coins.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }
}

/// Two of the bits. Transaction ids are spread evenly as they are; who grinds one only has it looked up.
fn bits(outpoint: &OutPoint) -> [usize; 2] {
    let txid = outpoint.txid.as_byte_array();
    let number = |from: usize| {
        let bytes = txid.iter().skip(from).take(4);
        let number = bytes.fold(outpoint.vout.rotate_left(13), |number, &byte| {
            number.rotate_left(8) ^ u32::from(byte)
        });
        number as usize % BITS
    };
    [number(0), number(4)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::Txid;

    fn outpoint(number: u32) -> OutPoint {
        OutPoint::new(Txid::hash(&number.to_le_bytes()), number % 3)
    }

    #[test]
    fn a_coin_is_never_taken_for_a_strangers_and_strangers_seldom_for_a_coin() {
        let mut recall = Recall {
            coins: vec![0; BITS / 64],
            ..Recall::default()
        };
        (0..100_000).for_each(|number| recall.set(&outpoint(number)));
        assert!((0..100_000).all(|number| recall.may_be_held(&outpoint(number))));
        let strangers = (100_000..200_000).map(outpoint);
        let taken = strangers.filter(|outpoint| recall.may_be_held(outpoint));
        assert!(taken.count() < 200);
    }

    #[test]
    fn without_having_read_the_coins_every_outpoint_may_be_one() {
        assert!(Recall::default().may_be_held(&outpoint(1)));
    }
}
