//! A chain made of numbers: every block and transaction follows from its height and place, so that a million
//! of them take no room. Blocks are linked, worked for as regtest asks, and commit to their transactions; what the
//! transactions spend doesn't exist, which a watcher of scripts can't tell.

use bdk_wallet::{KeychainKind, Wallet};
use bitcoin::absolute::LockTime;
use bitcoin::blockdata::constants::genesis_block;
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Sequence, Transaction,
    TxIn, TxMerkleNode, TxOut, Txid, Witness, block, transaction,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Generated {
    scripts: Vec<ScriptBuf>,
    per_block: u32,
    /// From height 0 on, each with the nonce that it took.
    blocks: Vec<(BlockHash, u32)>,
    heights: HashMap<BlockHash, u32>,
    /// The highest block that is there already.
    tip: AtomicU32,
}

/// The first `count` receive scripts of a vault: the oracle's derivation, not ours.
pub(crate) fn scripts(descriptor: &str, count: u32) -> Vec<ScriptBuf> {
    let wallet = Wallet::create_from_two_path_descriptor(descriptor.to_owned())
        .network(Network::Regtest)
        .lookahead(1)
        .create_wallet_no_persist()
        .expect("the vault's descriptor");
    let address = |index| wallet.peek_address(KeychainKind::External, index);
    (0..count)
        .map(|index| address(index).script_pubkey())
        .collect()
}

const TIME: u32 = 1_700_000_000;

impl Generated {
    /// A chain of `blocks` blocks above genesis with `per_block` payments each to these scripts, in turns.
    pub(crate) fn new(scripts: Vec<ScriptBuf>, blocks: u32, per_block: u32) -> Self {
        let mut chain = Self {
            scripts,
            per_block,
            blocks: vec![(genesis_block(Network::Regtest).block_hash(), 0)],
            heights: HashMap::new(),
            tip: AtomicU32::new(blocks),
        };
        for height in 1..=blocks {
            let mut block = chain.unworked(height);
            while !block.header.target().is_met_by(block.block_hash()) {
                block.header.nonce += 1;
            }
            chain.blocks.push((block.block_hash(), block.header.nonce));
        }
        let numbered = (0..).zip(&chain.blocks);
        chain.heights = numbered.map(|(height, block)| (block.0, height)).collect();
        chain
    }

    pub(crate) fn tip(&self) -> u32 {
        self.tip.load(Ordering::Relaxed)
    }

    /// Lets only the blocks up to this one be there.
    pub(crate) fn show_until(&self, tip: u32) {
        self.tip.store(tip, Ordering::Relaxed);
    }

    pub(crate) fn hash(&self, height: u32) -> Option<BlockHash> {
        let block = self.blocks.get(height as usize);
        block
            .filter(|_| height <= self.tip())
            .map(|(hash, _)| *hash)
    }

    pub(crate) fn height(&self, hash: BlockHash) -> Option<u32> {
        self.heights.get(&hash).copied()
    }

    pub(crate) fn block(&self, height: u32) -> Block {
        if height == 0 {
            return genesis_block(Network::Regtest);
        }
        let mut block = self.unworked(height);
        block.header.nonce = self.blocks[height as usize].1;
        block
    }

    fn unworked(&self, height: u32) -> Block {
        let mut transactions = vec![coinbase(height)];
        let first = (height - 1) * self.per_block;
        transactions.extend((first..first + self.per_block).map(|number| self.payment(number)));
        let header = block::Header {
            version: block::Version::TWO,
            prev_blockhash: self.blocks[height as usize - 1].0,
            merkle_root: TxMerkleNode::all_zeros(),
            time: TIME + height * 600,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        };
        let mut block = Block {
            header,
            txdata: transactions,
        };
        block.header.merkle_root = block.compute_merkle_root().expect("transactions");
        block
    }

    pub(crate) fn payment(&self, number: u32) -> Transaction {
        let spent = sha256d::Hash::hash(&number.to_le_bytes());
        Transaction {
            version: transaction::Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(Txid::from_raw_hash(spent), 0),
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: Amount::from_sat(20_000 + u64::from(number) * 7_919 % 1_000_000),
                script_pubkey: self.scripts[number as usize % self.scripts.len()].clone(),
            }],
        }
    }
}

fn coinbase(height: u32) -> Transaction {
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: bitcoin::script::Builder::new()
                .push_int(i64::from(height))
                .push_int(0)
                .into_script(),
            sequence: Sequence::MAX,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51]),
        }],
    }
}
