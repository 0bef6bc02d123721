//! Mining, and taking blocks back.

use super::Node;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{BlockHash, Transaction, Txid};
use quorate_core::chain::BlockId;
use serde_json::{Value, json};
use std::fmt::Display;

impl Node {
    /// Mines `count` blocks with what is in the mempool, to a fresh address of the testkit:
    /// mining again to the same address within a second could repeat an invalidated block.
    pub fn mine(&self, count: u32) -> Vec<BlockHash> {
        let target = self.fresh_target();
        let hashes = self.mine_to(&target.address(), count);
        self.remember_mined(&hashes, target);
        hashes
    }

    /// Mines `count` blocks with what is in the mempool, to `address`.
    pub fn mine_to(&self, address: &(impl Display + ?Sized), count: u32) -> Vec<BlockHash> {
        let hashes = self.rpc("generatetoaddress", json!([count, address.to_string()]));
        hashes
            .as_array()
            .expect("a list of hashes")
            .iter()
            .map(hash)
            .collect()
    }

    /// Mines one block with exactly these transactions, in this order, whatever the mempool
    /// holds: also ones that replace those in the mempool.
    pub fn mine_block(&self, transactions: &[Transaction]) -> BlockHash {
        let transactions = transactions.iter().map(serialize_hex).collect::<Vec<_>>();
        let target = self.fresh_target();
        let block = self.rpc(
            "generateblock",
            json!([target.address().to_string(), transactions]),
        );
        let hash = hash(&block["hash"]);
        self.remember_mined(&[hash], target);
        hash
    }

    /// Mines `count` blocks with nothing in them; the mempool stays as it is.
    pub fn mine_empty(&self, count: u32) -> Vec<BlockHash> {
        (0..count).map(|_| self.mine_block(&[])).collect()
    }

    /// Takes back the topmost `depth` blocks without mining others: a pure disconnect. Their
    /// transactions return to the mempool. Returns the lowest one for [`Self::reconsider`].
    ///
    /// # Panics
    /// When the chain is not that high.
    pub fn invalidate(&self, depth: u32) -> BlockHash {
        let tip = self.chain_tip().height;
        assert!(
            0 < depth && depth <= tip,
            "can't take back {depth} of {tip} blocks"
        );
        let lowest = hash(&self.rpc("getblockhash", json!([tip - depth + 1])));
        self.rpc("invalidateblock", json!([lowest]));
        lowest
    }

    /// Lets a block taken back by [`Self::invalidate`] count again.
    pub fn reconsider(&self, block: BlockHash) {
        self.rpc("reconsiderblock", json!([block]));
    }

    /// Replaces the topmost `depth` blocks by `depth + 1` others, into which the transactions that
    /// returned to the mempool go again.
    pub fn reorg(&self, depth: u32) -> Vec<BlockHash> {
        self.invalidate(depth);
        self.mine(depth + 1)
    }

    /// Replaces the topmost `depth` blocks by `depth + 1` empty ones: what they confirmed is
    /// unconfirmed again.
    pub fn reorg_empty(&self, depth: u32) -> Vec<BlockHash> {
        self.invalidate(depth);
        self.mine_empty(depth + 1)
    }

    /// The best block.
    pub fn chain_tip(&self) -> BlockId {
        let info = self.rpc("getblockchaininfo", json!([]));
        let height = info["blocks"].as_u64().expect("a height");
        BlockId {
            height: u32::try_from(height).expect("a height of regtest"),
            hash: hash(&info["bestblockhash"]),
        }
    }

    /// The ids of all transactions in the mempool, sorted.
    pub fn mempool(&self) -> Vec<Txid> {
        let mut txids: Vec<Txid> =
            serde_json::from_value(self.rpc("getrawmempool", json!([]))).expect("a list of ids");
        txids.sort();
        txids
    }

    /// Hands a transaction to the node.
    ///
    /// # Panics
    /// With the node's words, when it refuses; [`Node::try_rpc`] tells them.
    #[track_caller]
    pub fn broadcast(&self, transaction: &Transaction) -> Txid {
        self.rpc("sendrawtransaction", json!([serialize_hex(transaction)]));
        transaction.compute_txid()
    }

    /// Signs a PSBT in base64 with the private keys in `descriptors` (each `/0/*`, `/1/*` or
    /// `/<0;1>/*`, the first 201 indexes): Bitcoin Core as an independent cosigner. What it returns
    /// is neither finalized nor stripped.
    #[track_caller]
    pub fn sign_psbt(&self, psbt: &str, descriptors: &[String]) -> String {
        let descriptors: Vec<Value> = descriptors
            .iter()
            .map(|descriptor| json!({"desc": descriptor, "range": 200}))
            .collect();
        let signed = self.rpc(
            "descriptorprocesspsbt",
            json!([psbt, descriptors, null, true, false]),
        );
        signed["psbt"].as_str().expect("a PSBT").to_owned()
    }
}

fn hash(value: &Value) -> BlockHash {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a block hash")
}
