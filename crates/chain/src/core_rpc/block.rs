//! Blocks: over the REST interface where the node offers it, which costs a fraction (ADR 0015), else
//! by JSON-RPC. Either way a block must be the one that was asked for.

use super::CoreRpc;
use super::json::Call;
use crate::ChainError;
use bitcoin::consensus::encode::{deserialize, deserialize_hex};
use bitcoin::{Block, BlockHash, Txid, merkle_tree};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};

/// Fewer blocks aren't worth finding out whether there is REST.
const WORTH_ASKING: usize = 8;

/// Whether the node offers REST, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Rest(AtomicU8);

impl Rest {
    const OFFERED: u8 = 1;
    const NOT_OFFERED: u8 = 2;

    fn is_worth_trying(&self, blocks: usize) -> bool {
        match self.0.load(Ordering::Relaxed) {
            Self::OFFERED => true,
            Self::NOT_OFFERED => false,
            _ => blocks >= WORTH_ASKING,
        }
    }

    fn found(&self, offered: bool) {
        let found = if offered {
            Self::OFFERED
        } else {
            Self::NOT_OFFERED
        };
        self.0.store(found, Ordering::Relaxed);
    }
}

impl CoreRpc {
    pub(super) fn read_blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        let mut blocks = self.blocks_by_rest(hashes);
        let left = hashes.get(blocks.len()..).unwrap_or_default();
        let call = |hash: &BlockHash| Call::new("getblock", vec![json!(hash), json!(0)]);
        let answers = self.fetch(&self.block_batch, left, call)?;
        for (answer, &hash) in answers.into_iter().zip(left) {
            let hex = answer.map_err(|e| {
                let (said, code) = (e.message, e.code);
                self.bad(format!("it has no block {hash}: {said} (code {code})"))
            })?;
            let block = deserialize_hex(&hex)
                .map_err(|e| self.bad(format!("block {hash} can't be parsed: {e}")))?;
            blocks.push(checked(hash, block).map_err(|reason| self.bad(reason))?);
        }
        Ok(blocks)
    }

    /// As many of the first blocks as REST gives. Whatever is wrong there, JSON-RPC has the last word:
    /// REST knows no credentials, so it may be switched off, or somebody else may answer.
    fn blocks_by_rest(&self, hashes: &[BlockHash]) -> Vec<Block> {
        let mut blocks = Vec::new();
        if !self.rest.is_worth_trying(hashes.len()) {
            return blocks;
        }
        for &hash in hashes {
            let path = format!("rest/block/{hash}.bin");
            let bytes = self.http.get(&path, self.limits.bulk);
            let block = bytes.and_then(|bytes| deserialize(&bytes).ok());
            let Some(block) = block.and_then(|block| checked(hash, block).ok()) else {
                self.rest.found(false);
                return blocks;
            };
            blocks.push(block);
        }
        self.rest.found(true);
        blocks
    }
}

/// The block, if it is the one of this hash.
fn checked(hash: BlockHash, block: Block) -> Result<Block, String> {
    let got = block.block_hash();
    if got != hash {
        return Err(format!("asked for block {hash} it sent block {got}"));
    }
    let txids: Vec<Txid> = block.txdata.iter().map(|tx| tx.compute_txid()).collect();
    let root = merkle_tree::calculate_root(txids.iter().map(|txid| txid.to_raw_hash()));
    if root != Some(block.header.merkle_root.to_raw_hash()) {
        return Err(format!(
            "the transactions of block {hash} are not those its header commits to"
        ));
    }
    // A repeated tail of transactions has the same merkle root (CVE-2012-2459).
    let distinct: BTreeSet<&Txid> = txids.iter().collect();
    if distinct.len() != txids.len() {
        return Err(format!("block {hash} lists a transaction twice"));
    }
    Ok(block)
}
