//! Blocks, matched and written in one transaction together with the cursors.

use super::apply::Place;
use super::books::Books;
use super::first_look::{FirstLook, Placed};
use super::recall::Recall;
use super::scripts::Deriver;
use crate::{StorageError, WriteTx};
use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Script, Transaction, Txid};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{
    CheckedBlock, Match, Owner, VaultRow, highest_used, match_transactions,
};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

const HOLDERS: &str = "SELECT vault FROM coins WHERE txid = ?1 AND vout = ?2 ORDER BY vault";

/// What a batch brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched {
    /// Transactions that were new to a vault.
    pub new_transactions: u64,
}

impl WriteTx<'_> {
    /// Matches `blocks`, which follow each other, for the vaults whose cursor is at `cursor` (`None`:
    /// before the first block), and moves their cursors. `None`, and nothing is written, if a cursor
    /// isn't there any more or the blocks don't continue the chain that is remembered.
    pub fn ledger_match_blocks(
        &self,
        vaults: &BTreeSet<VaultRow>,
        cursor: Option<BlockId>,
        blocks: &[CheckedBlock],
        deriver: &mut Deriver,
    ) -> Result<Option<Matched>, StorageError> {
        for &vault in vaults {
            if self.ledger_cursor(vault)? != cursor {
                return Ok(None);
            }
        }
        if !continues(cursor, blocks) {
            return Ok(None);
        }
        let Some(last) = blocks.last() else {
            return Ok(Some(Matched::default()));
        };
        for block in blocks {
            if !self.remember_block(block.id())? {
                return Ok(None);
            }
        }
        self.make_room(vaults, blocks, last.id().height)?;
        let matched = self.match_blocks(blocks, vaults, deriver)?;
        let id = last.id();
        let mut advance = self.prepare(
            "UPDATE ledger_vault SET cursor_height = ?2, cursor_hash = ?3, cursor_time = ?4 WHERE id = ?1",
        )?;
        for vault in vaults {
            advance.execute((vault.0, id.height, id.hash.as_byte_array(), last.time()))?;
        }
        self.prune_blocks()?;
        self.ledger_touch()?;
        Ok(Some(matched))
    }

    /// Matches what is known of `blocks`, in order, and writes it; cursors stay.
    pub(super) fn match_blocks(
        &self,
        blocks: &[CheckedBlock],
        vaults: &BTreeSet<VaultRow>,
        deriver: &mut Deriver,
    ) -> Result<Matched, StorageError> {
        let mut matched = Matched::default();
        let inputs = blocks.iter().map(|block| inputs(block.transactions()));
        deriver.recall.check(self, inputs.sum())?;
        let mut books = Books::default();
        let mut first_look = match deriver.usual {
            true => None,
            false => FirstLook::begin(self, vaults)?,
        };
        for block in blocks {
            let transactions = block.transactions();
            for found in self.find(transactions, Some(vaults), deriver)? {
                let Some((_, transaction)) = transactions.get(found.position) else {
                    continue;
                };
                let position = block.position(found.position);
                refuse_twice(&found, transaction, block.id().height)?;
                let placed = Placed {
                    found: Match { position, ..found },
                    transaction,
                    block,
                };
                let refused = match &mut first_look {
                    Some(look) => look.take(self, placed, &mut books)?,
                    None => Some(placed),
                };
                let Some(refused) = refused else { continue };
                if first_look.take().is_some() {
                    books.write_sums(self)?;
                }
                let (found, place) = (&refused.found, Place::Block(block.id()));
                let new = self.apply(found, transaction, place, block.time(), &mut books)?;
                matched.new_transactions += u64::from(new);
            }
            // The next block may spend what this one made: it must be there.
            if let Some(look) = &mut first_look {
                look.flush(self, &mut books)?;
            }
        }
        drop(first_look);
        matched.new_transactions += books.summed_up();
        books.settle(self)?;
        Ok(matched)
    }

    /// Matches a list of transactions against what is known, deriving on when a match moves the
    /// lookahead, and then again if the list pays one of the new scripts. `vaults`: `None` for all. What the
    /// deriver recalls must have been checked in this transaction.
    pub(super) fn find(
        &self,
        transactions: &[(Txid, Transaction)],
        vaults: Option<&BTreeSet<VaultRow>>,
        deriver: &mut Deriver,
    ) -> Result<Vec<Match>, StorageError> {
        loop {
            let matches = self.look_up(transactions, vaults, &mut deriver.recall)?;
            deriver.recall.found(&matches);
            let added = self.follow(&highest_used(&matches), deriver)?;
            deriver.recall.derived(&added);
            let pays_new = |(_, tx): &(Txid, Transaction)| {
                let mut outputs = tx.output.iter();
                outputs.any(|output| added.contains(&output.script_pubkey))
            };
            if added.is_empty() || !transactions.iter().any(pays_new) {
                return Ok(matches);
            }
        }
    }

    fn look_up(
        &self,
        transactions: &[(Txid, Transaction)],
        vaults: Option<&BTreeSet<VaultRow>>,
        recall: &mut Recall,
    ) -> Result<Vec<Match>, StorageError> {
        let recall = RefCell::new(recall);
        let concerned = |vault: &VaultRow| vaults.is_none_or(|vaults| vaults.contains(vault));
        let mut known = self.owners()?;
        let owners = |script: &Script| -> Result<Vec<Owner>, StorageError> {
            if !recall.borrow().may_be_ours(script) {
                return Ok(Vec::new());
            }
            let mut owners = recall.borrow_mut().owners(script, || known.of(script))?;
            owners.retain(|owner| concerned(&owner.vault));
            Ok(owners)
        };
        let mut statement = self.prepare(HOLDERS)?;
        let holders = |outpoint: &OutPoint| -> Result<Vec<VaultRow>, StorageError> {
            if !recall.borrow().may_be_held(outpoint) {
                return Ok(Vec::new());
            }
            let key = (outpoint.txid.as_byte_array(), outpoint.vout);
            let rows = statement.query_map(key, |row| Ok(VaultRow(row.get(0)?)))?;
            let mut holders: Vec<VaultRow> = rows.collect::<Result<_, _>>()?;
            holders.retain(concerned);
            Ok(holders)
        };
        match_transactions(transactions, owners, holders)
    }
}

/// No transaction names a coin twice among its inputs. Of one that spends nothing of ours it isn't asked.
fn refuse_twice(found: &Match, transaction: &Transaction, height: u32) -> Result<(), StorageError> {
    if found.spends.is_empty() {
        return Ok(());
    }
    let mut seen = HashSet::new();
    let mut coins = transaction.input.iter().map(|input| input.previous_output);
    match coins.find(|coin| !seen.insert(*coin)) {
        None => Ok(()),
        Some(coin) => Err(StorageError::SpentTwice {
            coin,
            spenders: [(found.txid, height); 2],
        }),
    }
}

/// How many outpoints the transactions spend.
pub(super) fn inputs(transactions: &[(Txid, Transaction)]) -> usize {
    transactions.iter().map(|(_, tx)| tx.input.len()).sum()
}

/// Whether the blocks follow `cursor` and each other.
fn continues(cursor: Option<BlockId>, blocks: &[CheckedBlock]) -> bool {
    let mut before = cursor;
    blocks.iter().all(|block| {
        let id = block.id();
        let follows = match before {
            None => id.height == 0,
            Some(parent) => parent.hash == block.parent() && parent.height + 1 == id.height,
        };
        before = Some(id);
        follows
    })
}
