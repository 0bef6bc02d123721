//! The active chain: its blocks, the coins they leave, and what it takes to spend one.

use super::block::{self, Faucet, SPACING};
use bitcoin::blockdata::constants::{COINBASE_MATURITY, genesis_block};
use bitcoin::relative;
use bitcoin::{
    Amount, Block, BlockHash, Network, OutPoint, Sequence, Transaction, TxOut, Txid, absolute,
};
use quorate_core::consensus::{ConsensusError, verify_transaction};
use std::collections::{BTreeMap, BTreeSet};

/// An unspent output.
#[derive(Debug, Clone)]
pub(super) struct Coin {
    pub(super) output: TxOut,
    /// Its block, or the next one for an output in the mempool.
    pub(super) height: u32,
    pub(super) coinbase: bool,
}

/// Whether scripts are still to be run, or were run when the transaction first came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scripts {
    Run,
    Known,
}

/// What a list of transactions does to the coins.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) fees: Amount,
    spent: Vec<(OutPoint, Coin)>,
    created: BTreeMap<OutPoint, Coin>,
}

#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// Time of the first block after genesis.
    pub(super) start: u32,
    /// The active chain; the index is the height.
    blocks: Vec<Block>,
    /// For each block, the older coins it spent.
    undo: Vec<Vec<(OutPoint, Coin)>>,
    heights: BTreeMap<BlockHash, u32>,
    /// Blocks taken back; a node keeps them too.
    stale: BTreeMap<BlockHash, Block>,
    coins: BTreeMap<OutPoint, Coin>,
    confirmed: BTreeSet<Txid>,
    /// Those of `coins` that anybody may spend, kept for the faucet.
    faucet: BTreeSet<OutPoint>,
}

impl Chain {
    pub(super) fn new(start: u32) -> Self {
        let genesis = genesis_block(Network::Regtest);
        Self {
            start,
            heights: BTreeMap::from([(genesis.block_hash(), 0)]),
            // The output of the genesis block can't be spent, so it is no coin.
            blocks: vec![genesis],
            undo: vec![Vec::new()],
            stale: BTreeMap::new(),
            coins: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            faucet: BTreeSet::new(),
        }
    }

    pub(super) fn height(&self) -> u32 {
        // The genesis block is always there.
        u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn last(&self) -> &Block {
        &self.blocks[self.blocks.len() - 1]
    }

    pub(super) fn tip(&self) -> BlockHash {
        self.last().block_hash()
    }

    pub(super) fn block_at(&self, height: u32) -> Option<&Block> {
        self.blocks.get(height as usize)
    }

    /// A block by its hash, also one taken back.
    pub(super) fn block(&self, hash: &BlockHash) -> Option<&Block> {
        let active = self.heights.get(hash).and_then(|&h| self.block_at(h));
        active.or_else(|| self.stale.get(hash))
    }

    /// The blocks above genesis, lowest first.
    pub(super) fn mined_blocks(&self) -> &[Block] {
        &self.blocks[1..]
    }

    pub(super) fn stale_blocks(&self) -> impl Iterator<Item = &Block> {
        self.stale.values()
    }

    pub(super) fn keep_stale(&mut self, block: Block) {
        self.stale.insert(block.block_hash(), block);
    }

    pub(super) fn coin(&self, outpoint: &OutPoint) -> Option<&Coin> {
        self.coins.get(outpoint)
    }

    pub(super) fn is_confirmed(&self, txid: &Txid) -> bool {
        self.confirmed.contains(txid)
    }

    /// The faucet's coins that the next block may spend.
    pub(super) fn faucet_coins(&self) -> impl Iterator<Item = (&OutPoint, &Coin)> {
        let next = self.height() + 1;
        let coins = self
            .faucet
            .iter()
            .filter_map(|o| self.coins.get_key_value(o));
        coins.filter(move |(_, coin)| is_mature(coin, next))
    }

    /// When the next block is mined.
    pub(super) fn next_time(&self) -> u32 {
        let last = self.last().header.time;
        if self.height() == 0 {
            self.start.max(last.saturating_add(1))
        } else {
            last.saturating_add(SPACING)
        }
    }

    /// BIP113: the median time of the block at `height` and the ten before it.
    pub(super) fn median_time_past(&self, height: u32) -> u32 {
        let end = (height as usize + 1).min(self.blocks.len());
        let window = &self.blocks[end.saturating_sub(11)..end];
        let mut times: Vec<u32> = window.iter().map(|block| block.header.time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// Whether the next block may contain `tx` as far as its lock time goes.
    pub(super) fn is_final(&self, tx: &Transaction) -> bool {
        if tx.input.iter().all(|input| input.sequence == Sequence::MAX) {
            return true;
        }
        match tx.lock_time {
            absolute::LockTime::Blocks(height) => height.to_consensus_u32() <= self.height(),
            absolute::LockTime::Seconds(time) => {
                time.to_consensus_u32() < self.median_time_past(self.height())
            }
        }
    }

    /// Whether the next block may contain `tx`, which spends `coins`. Returns the fee, or the
    /// reason in Bitcoin Core's words.
    pub(super) fn check_spend(
        &self,
        tx: &Transaction,
        coins: &[Coin],
        scripts: Scripts,
    ) -> Result<Amount, String> {
        let next = self.height() + 1;
        if !self.is_final(tx) {
            return Err("non-final".to_owned());
        }
        if coins.iter().any(|coin| !is_mature(coin, next)) {
            return Err("bad-txns-premature-spend-of-coinbase".to_owned());
        }
        let old_enough = |(input, coin): (&bitcoin::TxIn, &Coin)| {
            tx.version.0 < 2 || self.is_old_enough(coin, input.sequence)
        };
        if !tx.input.iter().zip(coins).all(old_enough) {
            return Err("non-BIP68-final".to_owned());
        }
        let prevouts: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
        if scripts == Scripts::Run {
            verify_transaction(tx, &prevouts).map_err(|error| in_core_words(&error))?;
        }
        let (spent, paid) = (sum(&prevouts)?, sum(&tx.output)?);
        spent
            .checked_sub(paid)
            .ok_or_else(|| "bad-txns-in-belowout".to_owned())
    }

    /// BIP68: whether the next block may spend `coin` with this sequence number.
    fn is_old_enough(&self, coin: &Coin, sequence: Sequence) -> bool {
        match sequence.to_relative_lock_time() {
            None => true,
            Some(relative::LockTime::Blocks(blocks)) => {
                coin.height + u32::from(blocks.value()) <= self.height() + 1
            }
            Some(relative::LockTime::Time(time)) => {
                let since = self.median_time_past(coin.height.saturating_sub(1));
                let until = u64::from(since) + u64::from(time.value()) * 512;
                until <= u64::from(self.median_time_past(self.height()))
            }
        }
    }

    /// What these transactions, in this order in the next block, do to the coins.
    pub(super) fn check_transactions(
        &self,
        transactions: &[Transaction],
        scripts: Scripts,
    ) -> Result<Changes, (Txid, String)> {
        let height = self.height() + 1;
        let mut changes = Changes::default();
        let mut gone = BTreeSet::new();
        for tx in transactions {
            let txid = tx.compute_txid();
            let refuse = |reason: &str| (txid, reason.to_owned());
            let mut coins = Vec::with_capacity(tx.input.len());
            for input in tx.input.iter().filter(|_| !tx.is_coinbase()) {
                let outpoint = input.previous_output;
                let coin = match changes.created.remove(&outpoint) {
                    Some(coin) => coin,
                    None => {
                        let coin = self.coin(&outpoint).filter(|_| gone.insert(outpoint));
                        let coin = coin
                            .ok_or_else(|| refuse("bad-txns-inputs-missingorspent"))?
                            .clone();
                        changes.spent.push((outpoint, coin.clone()));
                        coin
                    }
                };
                coins.push(coin);
            }
            if !tx.is_coinbase() {
                let fee = self.check_spend(tx, &coins, scripts);
                let fee = fee.map_err(|reason| (txid, reason))?;
                let fees = changes.fees.checked_add(fee).filter(in_money_range);
                changes.fees = fees.ok_or_else(|| refuse("bad-txns-accumulated-fee-outofrange"))?;
            }
            for (output, vout) in tx.output.iter().zip(0..) {
                if !output.script_pubkey.is_op_return() {
                    let coin = Coin {
                        output: output.clone(),
                        height,
                        coinbase: tx.is_coinbase(),
                    };
                    changes.created.insert(OutPoint { txid, vout }, coin);
                }
            }
        }
        Ok(changes)
    }

    /// Puts `block` on the tip, or says why not and changes nothing.
    pub(super) fn connect(&mut self, block: Block, scripts: Scripts) -> Result<(), String> {
        block::check(self, &block)?;
        let changes = self
            .check_transactions(&block.txdata, scripts)
            .map_err(|(txid, reason)| format!("transaction {txid}: {reason}"))?;
        let height = self.height() + 1;
        if sum(&block.txdata[0].output)? > block::subsidy(height) + changes.fees {
            return Err("bad-cb-amount".to_owned());
        }
        for (outpoint, _) in &changes.spent {
            self.remove_coin(outpoint);
        }
        for (outpoint, coin) in changes.created {
            self.add_coin(outpoint, coin);
        }
        self.confirmed
            .extend(block.txdata.iter().map(Transaction::compute_txid));
        self.heights.insert(block.block_hash(), height);
        self.undo.push(changes.spent);
        self.blocks.push(block);
        Ok(())
    }

    /// Takes the last block back; `None` at genesis.
    pub(super) fn disconnect(&mut self) -> Option<Block> {
        if self.height() == 0 {
            return None;
        }
        let block = self.blocks.pop()?;
        for tx in &block.txdata {
            let txid = tx.compute_txid();
            self.confirmed.remove(&txid);
            for (_, vout) in tx.output.iter().zip(0..) {
                self.remove_coin(&OutPoint { txid, vout });
            }
        }
        for (outpoint, coin) in self.undo.pop().unwrap_or_default() {
            self.add_coin(outpoint, coin);
        }
        self.heights.remove(&block.block_hash());
        self.keep_stale(block.clone());
        Some(block)
    }

    fn add_coin(&mut self, outpoint: OutPoint, coin: Coin) {
        if coin.output.script_pubkey == Faucet::script_pubkey() {
            self.faucet.insert(outpoint);
        }
        self.coins.insert(outpoint, coin);
    }

    fn remove_coin(&mut self, outpoint: &OutPoint) {
        self.faucet.remove(outpoint);
        self.coins.remove(outpoint);
    }
}

/// The outputs' value, which can't be more than there is.
fn sum(outputs: &[TxOut]) -> Result<Amount, String> {
    outputs
        .iter()
        .try_fold(Amount::ZERO, |sum, o| sum.checked_add(o.value))
        .filter(in_money_range)
        .ok_or_else(|| "bad-txns-txouttotal-toolarge".to_owned())
}

fn in_money_range(amount: &Amount) -> bool {
    *amount <= Amount::MAX_MONEY
}

fn is_mature(coin: &Coin, spent_at: u32) -> bool {
    !coin.coinbase || spent_at - coin.height >= COINBASE_MATURITY
}

fn in_core_words(error: &ConsensusError) -> String {
    match error.input() {
        Some(_) => format!("mandatory-script-verify-flag-failed ({error})"),
        None => format!("bad-txns ({error})"),
    }
}
