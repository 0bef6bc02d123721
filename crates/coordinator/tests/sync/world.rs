//! A chain of our own: blocks without work, transactions without signatures, a mempool. Small enough
//! to be obviously right, and it does on command what real ones do at night.

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version as BlockVersion};
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Sequence, Transaction,
    TxIn, TxMerkleNode, TxOut, Txid, Witness,
};
use quorate_chain::{Broadcast, ChainError, ChainSource, ChainStatus, ScriptSource};
use quorate_core::chain::BlockId;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

type Hook = Box<dyn FnOnce(&World) + Send>;

/// What a source may say that isn't so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    Tip,
    Height,
    OtherBlocks,
    FewerBlocks,
    MoreMoney,
    OtherTransactions,
    Omits,
    Unused,
    AboveTip,
    OtherBlock,
    Proof,
    OtherHeaders,
    NoHeaders,
    EverMore,
}

pub(crate) struct World {
    pub(crate) chain: RefCell<Vec<Block>>,
    hashes: RefCell<Vec<BlockHash>>,
    pub(crate) mempool: RefCell<BTreeMap<Txid, Transaction>>,
    /// Every transaction there ever was.
    pub(crate) made: RefCell<BTreeMap<Txid, Transaction>>,
    unique: Cell<u32>,
    /// Miners' clocks differ, so that header times aren't in the order of the heights.
    pub(crate) odd_clocks: Cell<bool>,
    pub(crate) network: Cell<Network>,
    pub(crate) pruned_below: Cell<Option<u32>>,
    pub(crate) syncing: Cell<Option<f64>>,
    pub(crate) lie: Cell<Option<Lie>>,
    /// Answers left before the source breaks down.
    pub(crate) breaks_after: Cell<Option<u32>>,
    pub(crate) blocks_served: Cell<usize>,
    pub(crate) transactions_served: Cell<usize>,
    pub(crate) histories_served: Cell<usize>,
    /// Whether it serves histories instead of blocks.
    pub(crate) by_script: Cell<bool>,
    /// What happens, once each, just before the named call is answered.
    hooks: RefCell<Vec<(&'static str, Hook)>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World at height {}", self.tip().height)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let genesis = bitcoin::constants::genesis_block(Network::Regtest);
        Self {
            hashes: RefCell::new(vec![genesis.block_hash()]),
            chain: RefCell::new(vec![genesis]),
            mempool: RefCell::default(),
            made: RefCell::default(),
            unique: Cell::new(1),
            odd_clocks: Cell::new(false),
            network: Cell::new(Network::Regtest),
            pruned_below: Cell::new(None),
            syncing: Cell::new(None),
            lie: Cell::new(None),
            breaks_after: Cell::new(None),
            blocks_served: Cell::new(0),
            transactions_served: Cell::new(0),
            histories_served: Cell::new(0),
            by_script: Cell::new(false),
            hooks: RefCell::default(),
        }
    }

    /// Another node with the same chain up to `height`; the rest waits in its mempool. What it mines
    /// will differ.
    pub(crate) fn branch(&self, height: u32) -> Self {
        let other = Self::new();
        *other.chain.borrow_mut() = self.chain.borrow().clone();
        *other.hashes.borrow_mut() = self.hashes.borrow().clone();
        *other.mempool.borrow_mut() = self.mempool.borrow().clone();
        *other.made.borrow_mut() = self.made.borrow().clone();
        other.unique.set(self.unique.get() + 1_000_000);
        other.disconnect(self.tip().height - height);
        other
    }

    pub(crate) fn by_script() -> Self {
        let world = Self::new();
        world.by_script.set(true);
        world
    }

    pub(crate) fn before(&self, call: &'static str, hook: impl FnOnce(&Self) + Send + 'static) {
        self.hooks.borrow_mut().push((call, Box::new(hook)));
    }

    pub(crate) fn forget_hooks(&self) {
        self.hooks.borrow_mut().clear();
    }

    pub(crate) fn tip(&self) -> BlockId {
        let hashes = self.hashes.borrow();
        BlockId {
            height: (hashes.len() - 1) as u32,
            hash: hashes[hashes.len() - 1],
        }
    }

    fn unique(&self) -> u32 {
        self.unique.set(self.unique.get() + 1);
        self.unique.get()
    }

    fn header_time(&self, height: u32) -> u32 {
        1_600_000_000
            + match self.odd_clocks.get() {
                true => height * 6_000 + (height * 2_477 + 977) % 6_900,
                false => height * 600,
            }
    }

    /// An output of somebody we know nothing of.
    pub(crate) fn foreign(&self) -> OutPoint {
        let mut id = [0xfe; 32];
        id[..4].copy_from_slice(&self.unique().to_le_bytes());
        OutPoint::new(Txid::from_byte_array(id), 0)
    }

    /// A new transaction, nowhere yet.
    pub(crate) fn tx(&self, inputs: &[OutPoint], outputs: &[(ScriptBuf, u64)]) -> Transaction {
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(self.unique()),
            input: Vec::new(),
            output: Vec::new(),
        };
        tx.input.extend(inputs.iter().map(|&previous_output| TxIn {
            previous_output,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        }));
        let outputs = outputs.iter().map(|(script_pubkey, sat)| TxOut {
            value: Amount::from_sat(*sat),
            script_pubkey: script_pubkey.clone(),
        });
        tx.output.extend(outputs);
        self.made.borrow_mut().insert(tx.compute_txid(), tx.clone());
        tx
    }

    /// Into the mempool; what conflicts with it leaves, with its descendants.
    pub(crate) fn announce(&self, tx: Transaction) -> Txid {
        let spent: BTreeSet<OutPoint> = tx.input.iter().map(|i| i.previous_output).collect();
        let conflicts = |other: &Transaction| {
            let mut inputs = other.input.iter();
            inputs.any(|input| spent.contains(&input.previous_output))
        };
        self.mempool.borrow_mut().retain(|_, tx| !conflicts(tx));
        let txid = tx.compute_txid();
        self.mempool.borrow_mut().insert(txid, tx);
        self.purge();
        txid
    }

    pub(crate) fn pay(&self, script: ScriptBuf, sat: u64) -> Txid {
        let tx = self.tx(&[self.foreign()], &[(script, sat)]);
        self.announce(tx)
    }

    /// Drops a transaction and, with it, its descendants.
    pub(crate) fn evict(&self, txid: &Txid) {
        self.mempool.borrow_mut().remove(txid);
        self.purge();
    }

    /// Removes from the mempool what can't be mined: children of nothing, double spends.
    fn purge(&self) {
        if self.mempool.borrow().is_empty() {
            return;
        }
        let chain = self.chain.borrow();
        let mined: Vec<&Transaction> = chain.iter().flat_map(|b| &b.txdata).collect();
        let mined_ids: BTreeSet<Txid> = mined.iter().map(|tx| tx.compute_txid()).collect();
        let spent: BTreeSet<OutPoint> = mined
            .iter()
            .flat_map(|tx| &tx.input)
            .map(|input| input.previous_output)
            .collect();
        let made = self.made.borrow();
        let mut mempool = self.mempool.borrow_mut();
        loop {
            let possible = |tx: &Transaction| {
                tx.input.iter().all(|input| {
                    let from = input.previous_output;
                    let exists = !made.contains_key(&from.txid)
                        || mined_ids.contains(&from.txid)
                        || mempool.contains_key(&from.txid);
                    exists && !spent.contains(&from)
                })
            };
            let bad: Vec<Txid> = mempool
                .iter()
                .filter(|(txid, tx)| mined_ids.contains(*txid) || !possible(tx))
                .map(|(txid, _)| *txid)
                .collect();
            if bad.is_empty() {
                return;
            }
            for txid in bad {
                mempool.remove(&txid);
            }
        }
    }

    /// Mines these transactions, parents first, after a coinbase that pays `miner`.
    pub(crate) fn mine_these(&self, mut txdata: Vec<Transaction>, miner: ScriptBuf) {
        let height = self.tip().height + 1;
        let mut coinbase = self.tx(&[OutPoint::null()], &[(miner, 5_000)]);
        coinbase.input[0].script_sig = ScriptBuf::from_bytes(height.to_le_bytes().to_vec());
        let txid = coinbase.compute_txid();
        self.made.borrow_mut().insert(txid, coinbase.clone());
        txdata.insert(0, coinbase);
        let mut block = Block {
            header: Header {
                version: BlockVersion::TWO,
                prev_blockhash: self.tip().hash,
                merkle_root: TxMerkleNode::all_zeros(),
                time: self.header_time(height),
                bits: CompactTarget::from_consensus(0x207f_ffff),
                nonce: self.unique(),
            },
            txdata,
        };
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        self.hashes.borrow_mut().push(block.block_hash());
        self.chain.borrow_mut().push(block);
        self.purge();
    }

    /// Mines the whole mempool.
    pub(crate) fn mine(&self) {
        let waiting: Vec<Txid> = self.mempool.borrow().keys().copied().collect();
        self.mine_some(&waiting.into_iter().collect(), nobody());
    }

    pub(crate) fn mine_empty(&self, count: u32) {
        for _ in 0..count {
            self.mine_these(Vec::new(), nobody());
        }
    }

    /// Mines those of the mempool whose parents come along or are mined.
    pub(crate) fn mine_some(&self, wanted: &BTreeSet<Txid>, miner: ScriptBuf) {
        let mempool = self.mempool.borrow().clone();
        let mut block: Vec<Transaction> = Vec::new();
        let mut taken: BTreeSet<Txid> = BTreeSet::new();
        loop {
            let next = mempool.iter().find(|(txid, tx)| {
                let ready = tx.input.iter().all(|input| {
                    let parent = input.previous_output.txid;
                    !mempool.contains_key(&parent) || taken.contains(&parent)
                });
                wanted.contains(*txid) && !taken.contains(*txid) && ready
            });
            let Some((txid, tx)) = next else { break };
            taken.insert(*txid);
            block.push(tx.clone());
        }
        self.mine_these(block, miner);
    }

    /// Takes back the last blocks; their transactions wait again where they can.
    pub(crate) fn disconnect(&self, depth: u32) {
        for _ in 0..depth.min(self.tip().height) {
            self.hashes.borrow_mut().pop();
            let block = self.chain.borrow_mut().pop().unwrap();
            for tx in block.txdata.into_iter().skip(1) {
                let mut mempool = self.mempool.borrow_mut();
                let spent: BTreeSet<OutPoint> =
                    tx.input.iter().map(|i| i.previous_output).collect();
                let free = !mempool
                    .values()
                    .flat_map(|other| &other.input)
                    .any(|input| spent.contains(&input.previous_output));
                if free {
                    mempool.insert(tx.compute_txid(), tx);
                }
            }
            self.purge();
        }
    }

    pub(crate) fn answer(&self, call: &'static str) -> Result<(), ChainError> {
        let due = {
            let mut hooks = self.hooks.borrow_mut();
            let at = hooks.iter().position(|(name, _)| *name == call);
            at.map(|at| hooks.remove(at).1)
        };
        if let Some(hook) = due {
            hook(self);
        }
        match self.breaks_after.get() {
            Some(0) => Err(ChainError::Unreachable {
                source_name: self.name().to_owned(),
                reason: "it broke down".to_owned(),
            }),
            Some(left) => {
                self.breaks_after.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// A script that is nobody's.
pub(crate) fn nobody() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x51])
}

impl ChainSource for World {
    fn name(&self) -> &str {
        "the world"
    }

    fn status(&self) -> Result<ChainStatus, ChainError> {
        self.answer("status")?;
        let mut tip = self.tip();
        if self.lie.get() == Some(Lie::Tip) {
            tip.hash = BlockHash::all_zeros();
        }
        if self.lie.get() == Some(Lie::Height) {
            tip.height = u32::MAX;
        }
        Ok(ChainStatus {
            network: self.network.get(),
            tip,
            pruned_below: self.pruned_below.get(),
            syncing: self.syncing.get(),
        })
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.answer("block_hash")?;
        Ok(self.hashes.borrow().get(height as usize).copied())
    }

    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.answer("block_time")?;
        let chain = self.chain.borrow();
        Ok(chain.get(height as usize).map(|block| block.header.time))
    }

    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        self.answer("blocks")?;
        self.blocks_served
            .set(self.blocks_served.get() + hashes.len());
        let chain = self.chain.borrow();
        let known = self.hashes.borrow();
        let mut blocks = Vec::new();
        for hash in hashes {
            let at = known.iter().position(|known| known == hash);
            let block = at.map(|at| chain[at].clone());
            blocks.push(block.ok_or_else(|| ChainError::BadAnswer {
                source_name: "the world".to_owned(),
                reason: "no such block".to_owned(),
            })?);
        }
        match (self.lie.get(), blocks.last_mut()) {
            (Some(Lie::OtherBlocks), Some(last)) => last.header.nonce += 1,
            (Some(Lie::FewerBlocks), Some(_)) => drop(blocks.pop()),
            (Some(Lie::MoreMoney), Some(last)) => last.txdata[0].output[0].value = Amount::MAX,
            _ => {}
        }
        Ok(blocks)
    }

    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.answer("block_hashes")?;
        let hashes = self.hashes.borrow();
        let wanted = hashes.iter().skip(from as usize).take(count as usize);
        Ok(wanted.copied().collect())
    }

    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.answer("mempool_txids")?;
        Ok(self.mempool.borrow().keys().copied().collect())
    }

    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        self.answer("mempool_transactions")?;
        let mempool = self.mempool.borrow();
        let mut found: Vec<_> = txids
            .iter()
            .filter_map(|t| mempool.get(t).cloned())
            .collect();
        if self.lie.get() == Some(Lie::OtherTransactions) {
            found[0].output[0].value += Amount::ONE_SAT;
        }
        self.transactions_served
            .set(self.transactions_served.get() + found.len());
        Ok(found)
    }

    fn test_accept(&self, _: &Transaction) -> Result<Broadcast, ChainError> {
        unreachable!("a sync never asks")
    }

    fn broadcast(&self, _: &Transaction) -> Result<Broadcast, ChainError> {
        unreachable!("a sync never sends")
    }

    fn by_script(&self) -> Option<&dyn ScriptSource> {
        self.by_script.get().then_some(self as &dyn ScriptSource)
    }
}
