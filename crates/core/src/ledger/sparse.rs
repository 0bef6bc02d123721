//! A block of which only some transactions are there, each with the proof that it is in it.

use super::block::{BlockError, CheckedBlock, check_values};
use crate::chain::BlockId;
use bitcoin::block::Header;
use bitcoin::hashes::{Hash, HashEngine, sha256d};
use bitcoin::{Transaction, Txid};
use std::collections::BTreeSet;

/// Levels that the tree of a block can have: its transactions fit into 4 million weight units.
const DEEPEST: usize = 16;

/// An inner node of the tree is the hash of 64 bytes. A transaction of that size could be one, and
/// prove children that were never transactions; consensus lets them be, nobody makes any.
const NODE_SIZE: usize = 64;

/// A transaction and the way from it up to the root in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The transaction.
    pub transaction: Transaction,
    /// Its place in the block.
    pub position: u32,
    /// The hashes beside the way, the lowest first, in the order of bytes that is hashed.
    pub branch: Vec<[u8; 32]>,
}

impl CheckedBlock {
    /// Checks that each of `proven` is in the block with this header. That the block is in the
    /// active chain at `height`, and what else is in it, is the source's word.
    pub fn sparse(
        height: u32,
        header: &Header,
        mut proven: Vec<Proven>,
    ) -> Result<Self, BlockError> {
        proven.sort_by_key(|one| one.position);
        let hash = header.block_hash();
        let id = BlockId { height, hash };
        let depth = proven.first().map_or(0, |one| one.branch.len());
        let mut distinct = BTreeSet::new();
        let mut positions = Vec::with_capacity(proven.len());
        let mut transactions = Vec::with_capacity(proven.len());
        for one in proven {
            let txid = one.transaction.compute_txid();
            // All leaves are at one depth, and only the first of them mines.
            let fits = one.branch.len() == depth
                && depth <= DEEPEST
                && one.position >> depth == 0
                && one.transaction.base_size() != NODE_SIZE
                && one.transaction.is_coinbase() == (one.position == 0)
                && distinct.insert(txid)
                && root(txid, one.position, &one.branch) == header.merkle_root.to_byte_array();
            if !fits {
                return Err(BlockError::NotProven { txid, block: hash });
            }
            check_values(&txid, &one.transaction)?;
            positions.push(usize::try_from(one.position).unwrap_or(usize::MAX));
            transactions.push((txid, one.transaction));
        }
        Ok(Self::with_some(id, header, transactions, positions))
    }
}

fn root(txid: Txid, position: u32, branch: &[[u8; 32]]) -> [u8; 32] {
    let mut way = position;
    let mut hash = txid.to_byte_array();
    for beside in branch {
        let (left, right) = if way & 1 == 0 {
            (&hash, beside)
        } else {
            (beside, &hash)
        };
        let mut engine = sha256d::Hash::engine();
        engine.input(left);
        engine.input(right);
        hash = sha256d::Hash::from_engine(engine).to_byte_array();
        way >>= 1;
    }
    hash
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, Block, MerkleBlock, Network, OutPoint, ScriptBuf, TxIn, TxOut};

    /// A block with a coinbase and `others` more.
    fn block(others: u32) -> Block {
        let mut block = bitcoin::constants::genesis_block(Network::Regtest);
        block.txdata.extend((0..others).map(|n| Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(n),
            input: vec![TxIn {
                previous_output: OutPoint::new(Txid::from_byte_array([7; 32]), n),
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: Amount::from_sat(u64::from(n)),
                script_pubkey: ScriptBuf::from_bytes(vec![0x51; 9]),
            }],
        }));
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        block
    }

    /// The branch as a server makes it, level by level.
    fn branch(block: &Block, position: usize) -> Vec<[u8; 32]> {
        let ids = block.txdata.iter().map(|tx| tx.compute_txid());
        let mut level: Vec<[u8; 32]> = ids.map(|id| id.to_byte_array()).collect();
        let mut at = position;
        let mut branch = Vec::new();
        while level.len() > 1 {
            if level.len() % 2 == 1 {
                level.push(level[level.len() - 1]);
            }
            branch.push(level[at ^ 1]);
            let pairs = level.chunks(2);
            level = pairs
                .map(|pair| sha256d::Hash::hash(&pair.concat()).to_byte_array())
                .collect();
            at /= 2;
        }
        branch
    }

    fn proven(block: &Block, position: usize) -> Proven {
        Proven {
            transaction: block.txdata[position].clone(),
            position: u32::try_from(position).unwrap(),
            branch: branch(block, position),
        }
    }

    #[test]
    fn t29_every_transaction_of_every_tree_is_proven_and_nothing_else() {
        for others in 0..20 {
            let block = block(others);
            let all: Vec<Proven> = (0..block.txdata.len()).map(|n| proven(&block, n)).collect();
            let backwards = all.iter().rev().cloned().collect();
            let checked = CheckedBlock::sparse(9, &block.header, backwards).unwrap();
            let whole = CheckedBlock::check(
                BlockId {
                    height: 9,
                    hash: block.block_hash(),
                },
                block.clone(),
            )
            .unwrap();
            assert_eq!(checked.transactions(), whole.transactions());
            for n in 0..block.txdata.len() {
                assert_eq!((checked.position(n), whole.position(n)), (n, n));
            }
            // rust-bitcoin's own proof agrees about which transaction is where.
            for one in &all {
                let txid = one.transaction.compute_txid();
                let theirs = MerkleBlock::from_block_with_predicate(&block, |id| *id == txid);
                let mut found = (Vec::new(), Vec::new());
                theirs.extract_matches(&mut found.0, &mut found.1).unwrap();
                assert_eq!((found.0, found.1), (vec![txid], vec![one.position]));
            }
        }
    }

    #[test]
    fn t29_a_wrong_proof_is_refused() {
        let block = block(6);
        let refused = |proven: Vec<Proven>| {
            let answer = CheckedBlock::sparse(9, &block.header, proven);
            matches!(answer, Err(BlockError::NotProven { .. }))
        };
        let good = proven(&block, 3);
        assert!(!refused(vec![good.clone()]));
        let mut other = good.clone();
        other.transaction.output[0].value += Amount::ONE_SAT;
        assert!(refused(vec![other]));
        for change in [
            (|one| one.position = 2) as fn(&mut Proven),
            |one| one.position += 8,
            |one| one.branch[1][0] ^= 1,
            |one| one.branch.truncate(2),
            |one| one.branch.push([0; 32]),
        ] {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(refused(vec![bad]));
        }
        assert!(refused(vec![good.clone(), good]), "one twice");
        // The last of seven stands for the eighth too.
        let mut mirrored = proven(&block, 6);
        mirrored.position = 7;
        assert!(refused(vec![proven(&block, 6), mirrored]));
    }

    #[test]
    fn t29_an_inner_node_is_no_transaction() {
        // A tree one level higher than it is: the 64 bytes of the lowest inner node as a
        // transaction, whose child would be whatever those bytes say.
        let mut block = block(1);
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: OutPoint::new(Txid::from_byte_array([7; 32]), 0),
                ..TxIn::default()
            }],
            output: vec![TxOut {
                value: Amount::ONE_SAT,
                script_pubkey: ScriptBuf::from_bytes(vec![0x51; 4]),
            }],
        };
        assert_eq!(tx.base_size(), 64);
        block.txdata[1] = tx;
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        let answer = CheckedBlock::sparse(9, &block.header, vec![proven(&block, 1)]);
        assert!(matches!(answer, Err(BlockError::NotProven { .. })));
    }

    #[test]
    fn t29_impossible_amounts_are_refused_in_proven_transactions() {
        let mut block = block(2);
        block.txdata[1].output[0].value = Amount::MAX;
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        let answer = CheckedBlock::sparse(9, &block.header, vec![proven(&block, 1)]);
        assert!(matches!(answer, Err(BlockError::ImpossibleAmount(_))));
    }
}
