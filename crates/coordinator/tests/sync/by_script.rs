//! The same world, seen by scripts.

use crate::world::{Lie, World};
use bitcoin::block::Header;
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, Txid};
use quorate_chain::{Branch, ChainError, ScriptSource};
use quorate_core::ledger::{Listed, ListedAt, ScriptStatus};
use std::collections::{BTreeMap, BTreeSet};

/// The histories of all scripts, from nothing but the chain and the mempool.
fn histories(world: &World) -> BTreeMap<ScriptBuf, Vec<Listed>> {
    let chain = world.chain.borrow();
    let mempool = world.mempool.borrow();
    let mined = (0..).zip(chain.iter()).flat_map(|(height, block)| {
        let all = block.txdata.iter();
        all.map(move |tx| (ListedAt::Block(height), tx))
    });
    let mut waiting: Vec<(ListedAt, &Transaction)> = Vec::new();
    for tx in mempool.values() {
        let mut inputs = tx.input.iter();
        let child = inputs.any(|input| mempool.contains_key(&input.previous_output.txid));
        let at = if child {
            ListedAt::MempoolChild
        } else {
            ListedAt::Mempool
        };
        waiting.push((at, tx));
    }
    let all: Vec<(ListedAt, &Transaction)> = mined.chain(waiting).collect();
    let mut owner: BTreeMap<OutPoint, &ScriptBuf> = BTreeMap::new();
    for (_, tx) in &all {
        let txid = tx.compute_txid();
        let outputs = (0..).zip(&tx.output);
        owner.extend(outputs.map(|(vout, out)| (OutPoint::new(txid, vout), &out.script_pubkey)));
    }
    let mut histories: BTreeMap<ScriptBuf, Vec<Listed>> = BTreeMap::new();
    for (at, tx) in &all {
        let txid = tx.compute_txid();
        let spent = tx
            .input
            .iter()
            .filter_map(|i| owner.get(&i.previous_output).copied());
        let paid = tx.output.iter().map(|out| &out.script_pubkey);
        let scripts: BTreeSet<&ScriptBuf> = spent.chain(paid).collect();
        for script in scripts {
            let history = histories.entry(script.clone()).or_default();
            history.push(Listed { txid, at: *at });
        }
    }
    histories
}

impl ScriptSource for World {
    fn statuses(&self, scripts: &[ScriptBuf]) -> Result<Vec<Option<ScriptStatus>>, ChainError> {
        self.answer("statuses")?;
        let histories = match self.lie.get() {
            Some(Lie::Unused) => BTreeMap::new(),
            _ => histories(self),
        };
        if self.lie.get() == Some(Lie::EverMore) {
            // Of the last one, so that it isn't asked about more than it needs to make up.
            let last = scripts.len() - 1;
            let made_up = |n| (n == last).then_some(ScriptStatus([7; 32]));
            return Ok((0..scripts.len()).map(made_up).collect());
        }
        let statuses = scripts.iter().map(|script| {
            let history = histories.get(script);
            history.and_then(|history| ScriptStatus::of(history))
        });
        Ok(statuses.collect())
    }

    fn histories(&self, scripts: &[ScriptBuf]) -> Result<Vec<Vec<Listed>>, ChainError> {
        self.answer("histories")?;
        self.histories_served
            .set(self.histories_served.get() + scripts.len());
        let all = histories(self);
        let some = scripts.iter().map(|script| {
            let mut history = all.get(script).cloned().unwrap_or_default();
            match self.lie.get() {
                Some(Lie::Unused) => history.clear(),
                Some(Lie::Omits) if !history.is_empty() => drop(history.remove(0)),
                Some(Lie::EverMore) => {
                    let tx = self.tx(&[self.foreign()], &[(script.clone(), 1)]);
                    self.mempool
                        .borrow_mut()
                        .insert(tx.compute_txid(), tx.clone());
                    history = vec![Listed {
                        txid: tx.compute_txid(),
                        at: ListedAt::Mempool,
                    }];
                }
                Some(Lie::AboveTip) => {
                    for listed in &mut history {
                        listed.at = ListedAt::Block(self.tip().height + 1);
                    }
                }
                Some(Lie::OtherBlock) => {
                    for listed in &mut history {
                        listed.at = ListedAt::Block(2);
                    }
                }
                _ => {}
            }
            history
        });
        Ok(some.collect())
    }

    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Option<Transaction>>, ChainError> {
        self.answer("transactions")?;
        let chain = self.chain.borrow();
        let mempool = self.mempool.borrow();
        let mined = chain.iter().flat_map(|block| &block.txdata);
        let all: BTreeMap<Txid, &Transaction> = mined
            .chain(mempool.values())
            .map(|tx| (tx.compute_txid(), tx))
            .collect();
        let mut found: Vec<Option<Transaction>> = txids
            .iter()
            .map(|txid| all.get(txid).map(|tx| (*tx).clone()))
            .collect();
        self.transactions_served
            .set(self.transactions_served.get() + found.len());
        if self.lie.get() == Some(Lie::OtherTransactions)
            && let Some(Some(tx)) = found.first_mut()
        {
            tx.output[0].value += Amount::ONE_SAT;
        }
        Ok(found)
    }

    fn branches(&self, places: &[(Txid, u32)]) -> Result<Vec<Option<Branch>>, ChainError> {
        self.answer("branches")?;
        let chain = self.chain.borrow();
        let branches = places.iter().map(|(txid, height)| {
            let block = chain.get(*height as usize)?;
            let ids: Vec<Txid> = block.txdata.iter().map(|tx| tx.compute_txid()).collect();
            let position = ids.iter().position(|id| id == txid)?;
            let mut level: Vec<[u8; 32]> = ids.iter().map(|id| id.to_byte_array()).collect();
            let (mut at, mut hashes) = (position, Vec::new());
            while level.len() > 1 {
                if level.len() % 2 == 1 {
                    level.push(level[level.len() - 1]);
                }
                hashes.push(level[at ^ 1]);
                let pairs = level.chunks(2);
                level = pairs
                    .map(|pair| sha256d::Hash::hash(&pair.concat()).to_byte_array())
                    .collect();
                at /= 2;
            }
            if self.lie.get() == Some(Lie::Proof) {
                hashes.push([0; 32]);
            }
            Some(Branch {
                position: position as u32,
                hashes,
            })
        });
        Ok(branches.collect())
    }

    fn headers(&self, heights: &[u32]) -> Result<Vec<Option<Header>>, ChainError> {
        self.answer("headers")?;
        let chain = self.chain.borrow();
        let header = |height: &u32| chain.get(*height as usize).map(|block| block.header);
        Ok(heights.iter().map(header).collect())
    }

    fn headers_from(&self, from: u32, count: u32) -> Result<Vec<Header>, ChainError> {
        self.answer("headers_from")?;
        let chain = self.chain.borrow();
        let some = chain.iter().skip(from as usize).take(count as usize);
        let mut headers: Vec<Header> = some.map(|block| block.header).collect();
        if self.lie.get() == Some(Lie::OtherHeaders)
            && let Some(first) = headers.first_mut()
        {
            first.time += 1;
        }
        if self.lie.get() == Some(Lie::NoHeaders) {
            headers.clear();
        }
        Ok(headers)
    }
}
