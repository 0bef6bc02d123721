//! A chain in a box: blocks, a mempool, reorgs and replacements without a node, for tests and for
//! the demo. It follows regtest (real genesis block, subsidy, proof of work, BIP34, BIP141) and
//! runs every accepted transaction through the consensus check, so what it accepts, a node
//! accepts; its refusals are worded as Bitcoin Core's are.
//!
//! What it leaves out: standardness rules other than size and fee, limits on chains of unconfirmed
//! transactions, and any limit on the mempool's size.
//!
//! It reads no clock: the first block's time is given, each next one is 600 seconds later. The
//! same calls give the same chain, except that no two blocks are ever equal: a counter over all
//! blocks ever mined goes into each coinbase.

mod block;
mod chain;
mod file;
mod mempool;
mod state;

use crate::address::Address;
use crate::{Broadcast, ChainError, ChainSource, ChainStatus};
use bitcoin::{
    Amount, Block, BlockHash, FeeRate, Network, OutPoint, Script, ScriptBuf, Transaction, TxOut,
    Txid,
};
use file::Shared;
use mempool::MIN_FEERATE;
use quorate_core::chain::BlockId;
use quorate_core::spend::Package;
use state::State;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// When the first block after genesis was mined, unless told otherwise: 1 January 2025.
pub const DEFAULT_START: u32 = 1_735_689_600;

/// Why the simulated chain can't do what a test or the demo asks of it.
#[derive(Debug, thiserror::Error)]
pub enum SimulatedError {
    /// The chain's own rules, or the mempool's, say no.
    #[error("the simulated chain refuses transaction {txid}: {reason}")]
    Refused {
        /// Which transaction.
        txid: Txid,
        /// In Bitcoin Core's words.
        reason: String,
    },
    /// A block that breaks a rule by itself.
    #[error("the simulated chain refuses a block: {0}")]
    Block(String),
    /// More blocks are to be taken back than there are.
    #[error("the simulated chain has {height} blocks, so {depth} can't be taken back")]
    TooDeep {
        /// Blocks above genesis.
        height: u32,
        /// Blocks to be taken back.
        depth: u32,
    },
    /// The subsidies mined so far don't cover what is to be paid.
    #[error(
        "the simulated chain's faucet has too few coins to pay {wanted}; regtest's subsidy halves \
         every 150 blocks, so ask for less, or earlier"
    )]
    FaucetDry {
        /// What was to be paid.
        wanted: Amount,
    },
    /// Its file can't be read or written.
    #[error(transparent)]
    Source(#[from] ChainError),
}

/// A simulated chain. A clone is another handle on the same chain.
#[derive(Clone)]
pub struct Simulated {
    name: String,
    chain: Arc<Mutex<Keeper>>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulated").field(&self.name).finish()
    }
}

/// Where the chain lives.
enum Keeper {
    Memory(State),
    File(Shared),
}

impl Simulated {
    /// A new chain in memory, with nothing but the genesis block.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(DEFAULT_START)
    }

    /// The same, with the time of the first block after genesis in seconds since 1970.
    #[must_use]
    pub fn starting_at(time: u32) -> Self {
        Self {
            name: "the simulated chain".to_owned(),
            chain: Arc::new(Mutex::new(Keeper::Memory(State::new(time)))),
        }
    }

    /// The chain kept in the file at `path`, which any number of processes may use at once. Where
    /// there is no file, the chain is new, and the file is written with the first change.
    pub fn open(path: &Path) -> Result<Self, ChainError> {
        Self::open_starting_at(path, DEFAULT_START)
    }

    /// The chain that a source's address names, as [`crate::open`] understands it; `None` where that
    /// is another kind of source.
    pub fn at_address(address: &str, home: &Path) -> Result<Option<Self>, ChainError> {
        match Address::parse(address, home)? {
            Address::Simulated(path) => Self::open(&path).map(Some),
            Address::Core(_) | Address::Electrum(_) => Ok(None),
        }
    }

    /// The same, with the time of the first block, if the chain is new.
    pub fn open_starting_at(path: &Path, time: u32) -> Result<Self, ChainError> {
        let shared = Shared::open(path, time)?;
        Ok(Self {
            name: shared.name().to_owned(),
            chain: Arc::new(Mutex::new(Keeper::File(shared))),
        })
    }

    /// Pays `amount` to `script_pubkey` in a block of its own: a coin with one confirmation. The
    /// first call mines the hundred blocks that the faucet's first subsidy needs to mature.
    pub fn fund(&self, script_pubkey: &Script, amount: Amount) -> Result<OutPoint, SimulatedError> {
        let txid = self.fund_all(&[output(script_pubkey, amount)])?;
        Ok(OutPoint::new(txid, 0))
    }

    /// The same for several coins in one transaction, its outputs in this order.
    pub fn fund_all(&self, outputs: &[TxOut]) -> Result<Txid, SimulatedError> {
        self.write(|state| {
            let tx = state.faucet_payment(outputs)?;
            let txid = tx.compute_txid();
            state.mine_with(vec![tx])?;
            Ok(txid)
        })
    }

    /// Pays `amount` to `script_pubkey` and leaves it in the mempool.
    pub fn pay(&self, script_pubkey: &Script, amount: Amount) -> Result<OutPoint, SimulatedError> {
        self.write(|state| {
            let tx = state.faucet_payment(&[output(script_pubkey, amount)])?;
            let txid = tx.compute_txid();
            state.submit(tx).map_err(|refusal| refusal.of(txid))?;
            Ok(OutPoint::new(txid, 0))
        })
    }

    /// Mines `count` blocks; the first takes what it can of the mempool, as a miner would.
    pub fn mine(&self, count: u32) -> Result<Vec<BlockHash>, SimulatedError> {
        self.write(|state| (0..count).map(|_| state.mine()).collect())
    }

    /// Mines `count` blocks that leave the mempool alone.
    pub fn mine_empty(&self, count: u32) -> Result<Vec<BlockHash>, SimulatedError> {
        self.write(|state| (0..count).map(|_| state.mine_with(Vec::new())).collect())
    }

    /// Mines one block with exactly these transactions, whatever the mempool holds: so a test
    /// spends twice. What conflicts with them leaves the mempool.
    pub fn mine_with(&self, transactions: Vec<Transaction>) -> Result<BlockHash, SimulatedError> {
        self.write(|state| state.mine_with(transactions))
    }

    /// Takes back the last `depth` blocks, and nothing comes in their place yet. Their
    /// transactions return to the mempool where they are still valid, as with Core's
    /// `invalidateblock`. Returns the hashes of the blocks taken back, the highest first.
    pub fn invalidate(&self, depth: u32) -> Result<Vec<BlockHash>, SimulatedError> {
        self.write(|state| state.invalidate(depth))
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Keeper> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, ChainError> {
        match &mut *self.keeper() {
            Keeper::Memory(state) => Ok(read(state)),
            Keeper::File(shared) => Ok(read(shared.current()?)),
        }
    }

    /// Changes the chain. A change that fails half way leaves its first half: blocks mined for the
    /// faucet stay mined.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, SimulatedError>,
    ) -> Result<T, SimulatedError> {
        match &mut *self.keeper() {
            Keeper::Memory(state) => change(state),
            Keeper::File(shared) => shared.change(change),
        }
    }
}

impl Default for Simulated {
    fn default() -> Self {
        Self::new()
    }
}

fn output(script_pubkey: &Script, value: Amount) -> TxOut {
    TxOut {
        value,
        script_pubkey: ScriptBuf::from(script_pubkey),
    }
}

impl ChainSource for Simulated {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> Result<ChainStatus, ChainError> {
        self.read(|state| ChainStatus {
            network: Network::Regtest,
            tip: BlockId {
                height: state.chain().height(),
                hash: state.chain().tip(),
            },
            pruned_below: None,
            syncing: None,
        })
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.read(|state| state.chain().block_at(height).map(Block::block_hash))
    }

    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.read(|state| {
            state
                .chain()
                .block_at(height)
                .map(|block| block.header.time)
        })
    }

    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        let find = |state: &State| {
            let one = |hash| state.chain().block(hash).cloned().ok_or(*hash);
            hashes.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        self.read(find)?.map_err(|hash| ChainError::BadAnswer {
            source_name: self.name.clone(),
            reason: format!("it has no block {hash}"),
        })
    }

    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.read(|state| {
            let end = from.saturating_add(count).min(state.chain().height() + 1);
            let block = |height| state.chain().block_at(height).map(Block::block_hash);
            (from..end).filter_map(block).collect()
        })
    }

    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.read(|state| state.mempool().txids().collect())
    }

    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        self.read(|state| {
            let find = |txid| state.mempool().transaction(txid).cloned();
            txids.iter().filter_map(find).collect()
        })
    }

    fn relay_floor(&self) -> Result<Option<FeeRate>, ChainError> {
        Ok(Some(MIN_FEERATE))
    }

    fn package(&self, txid: &Txid) -> Result<Option<Package>, ChainError> {
        self.read(|state| state.mempool().with_ancestors(txid))
    }

    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.read(|state| match state.check_acceptance(tx) {
            Ok(_) => Broadcast::Accepted,
            Err(refusal) => refusal.into(),
        })
    }

    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        // A refusal changes nothing, so it must not write the file either.
        let verdict = self.test_accept(tx)?;
        if verdict != Broadcast::Accepted {
            return Ok(verdict);
        }
        let outcome = self.write(|state| {
            Ok(match state.submit(tx.clone()) {
                Ok(()) => Broadcast::Accepted,
                Err(refusal) => refusal.into(),
            })
        });
        outcome.map_err(|error| match error {
            SimulatedError::Source(error) => error,
            other => ChainError::BadAnswer {
                source_name: self.name.clone(),
                reason: other.to_string(),
            },
        })
    }
}

#[cfg(test)]
mod tests;
