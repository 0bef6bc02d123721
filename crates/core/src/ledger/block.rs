//! Bytes of a chain source, checked to be the block that was asked for.

use crate::chain::BlockId;
use bitcoin::block::Header;
use bitcoin::{Amount, Block, BlockHash, Transaction, Txid};

/// Why a block can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Its header is another block's.
    #[error("asked for block {asked}, got block {got}")]
    OtherBlock {
        /// What was asked for.
        asked: BlockHash,
        /// What came.
        got: BlockHash,
    },
    /// The header doesn't commit to the transactions.
    #[error("the transactions of block {0} are not those its header commits to")]
    OtherTransactions(BlockHash),
    /// The way from a transaction doesn't lead to the root in the header.
    #[error("the proof that transaction {txid} is in block {block} is wrong")]
    NotProven {
        /// The transaction.
        txid: Txid,
        /// The block it is said to be in.
        block: BlockHash,
    },
    /// More money than exists.
    #[error("an output of transaction {0} has an impossible amount")]
    ImpossibleAmount(Txid),
}

/// A block whose transactions are those its hash commits to, with their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBlock {
    id: BlockId,
    parent: BlockHash,
    time: u32,
    transactions: Vec<(Txid, Transaction)>,
    /// Where in the block they are; `None` when they are all that there is.
    positions: Option<Vec<usize>>,
}

impl CheckedBlock {
    /// Of transactions that were proven to be in the block at these positions.
    pub(super) fn with_some(
        id: BlockId,
        header: &Header,
        transactions: Vec<(Txid, Transaction)>,
        positions: Vec<usize>,
    ) -> Self {
        Self {
            id,
            parent: header.prev_blockhash,
            time: header.time,
            transactions,
            positions: Some(positions),
        }
    }

    /// Checks that `block` is the one with this id. That it is in the active chain, and at this
    /// height, is the source's word.
    pub fn check(id: BlockId, block: Block) -> Result<Self, BlockError> {
        let got = block.block_hash();
        if got != id.hash {
            return Err(BlockError::OtherBlock {
                asked: id.hash,
                got,
            });
        }
        let header = block.header;
        let transactions: Vec<(Txid, Transaction)> = block
            .txdata
            .into_iter()
            .map(|tx| (tx.compute_txid(), tx))
            .collect();
        let hashes = transactions.iter().map(|(txid, _)| txid.to_raw_hash());
        let root = bitcoin::merkle_tree::calculate_root(hashes);
        if root != Some(header.merkle_root.to_raw_hash()) {
            return Err(BlockError::OtherTransactions(id.hash));
        }
        for (txid, tx) in &transactions {
            check_values(txid, tx)?;
        }
        Ok(Self {
            id,
            parent: header.prev_blockhash,
            time: header.time,
            transactions,
            positions: None,
        })
    }

    /// Its place and hash.
    #[must_use]
    pub const fn id(&self) -> BlockId {
        self.id
    }

    /// The hash of the block before it; all zeros for genesis.
    #[must_use]
    pub const fn parent(&self) -> BlockHash {
        self.parent
    }

    /// Its header's time, in seconds since 1970.
    #[must_use]
    pub const fn time(&self) -> u32 {
        self.time
    }

    /// Its transactions as far as they are known, in order.
    #[must_use]
    pub fn transactions(&self) -> &[(Txid, Transaction)] {
        &self.transactions
    }

    /// Where in the block the transaction is that stands at `index` of [`Self::transactions`]; 0 is
    /// the coinbase.
    #[must_use]
    pub fn position(&self, index: usize) -> usize {
        let known = self.positions.as_ref();
        known.map_or(index, |positions| {
            positions.get(index).copied().unwrap_or(usize::MAX)
        })
    }
}

/// Refuses a transaction that pays more than there can be. The interpreter of the real network made
/// sure of it long ago; a source that lies didn't.
pub fn check_values(txid: &Txid, tx: &Transaction) -> Result<(), BlockError> {
    let total = tx.output.iter().try_fold(Amount::ZERO, |sum, output| {
        sum.checked_add(output.value)
            .filter(|sum| *sum <= Amount::MAX_MONEY)
    });
    match total {
        Some(_) => Ok(()),
        None => Err(BlockError::ImpossibleAmount(*txid)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::Network;
    use bitcoin::constants::genesis_block;

    fn id(block: &Block) -> BlockId {
        BlockId {
            height: 0,
            hash: block.block_hash(),
        }
    }

    #[test]
    fn t29_a_block_must_be_what_its_hash_says() {
        let block = genesis_block(Network::Regtest);
        let checked = CheckedBlock::check(id(&block), block.clone()).unwrap();
        assert_eq!(checked.transactions()[0].0, block.txdata[0].compute_txid());

        let other = genesis_block(Network::Signet);
        assert!(matches!(
            CheckedBlock::check(id(&block), other),
            Err(BlockError::OtherBlock { .. })
        ));

        let mut inflated = block.clone();
        inflated.txdata[0].output[0].value = Amount::from_sat(51);
        assert!(matches!(
            CheckedBlock::check(id(&block), inflated),
            Err(BlockError::OtherTransactions(_))
        ));

        let mut empty = block.clone();
        empty.txdata.clear();
        assert!(matches!(
            CheckedBlock::check(id(&block), empty),
            Err(BlockError::OtherTransactions(_))
        ));
    }

    #[test]
    fn t29_impossible_amounts_are_refused() {
        let mut block = genesis_block(Network::Regtest);
        let mut output = block.txdata[0].output[0].clone();
        output.value = Amount::MAX;
        block.txdata[0].output.push(output);
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        assert!(matches!(
            CheckedBlock::check(id(&block), block),
            Err(BlockError::ImpossibleAmount(_))
        ));
    }
}
