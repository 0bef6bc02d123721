//! A node, a home with a vault, and a wallet of another make that watches the same vault.

use crate::real_node::family::text;
use bdk_wallet::{KeychainKind, Wallet};
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::{Address, Amount, Block, BlockHash, Network, OutPoint, Transaction, Txid};
use quorate_testkit::{Home, Node, fixtures};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// A coin's worth, and its block if it is in one.
pub(super) type Coins = BTreeMap<OutPoint, (u64, Option<u32>)>;

/// Indexes that the oracle and the judge look at.
const RANGE: u32 = 400;

pub(super) struct World {
    pub(super) node: Node,
    pub(super) home: Home,
    pub(super) oracle: Wallet,
    descriptor: String,
    /// Two of the three, with private keys.
    private: Vec<Value>,
    clock: u64,
    pub(super) checks: usize,
}

impl World {
    pub(super) fn new() -> Self {
        let node = Node::start();
        let mut home = Home::new();
        home.set("QUORATE_NODE", &node.url_cookie());
        home.json(&["init", "--network", "regtest"]);
        let keys = fixtures::cosigners(3);
        let arguments: Vec<String> = keys.iter().map(fixtures::TestKey::argument).collect();
        let mut create = vec!["vault", "create", "family", "--policy", "2-of-3"];
        arguments
            .iter()
            .for_each(|key| create.extend(["--key", key]));
        let vault = home.json(&create);
        let descriptor = text(&vault["descriptor"]).to_owned();
        let private = keys[..2]
            .iter()
            .map(|key| json!({"desc": key.private_descriptor(&descriptor), "range": RANGE}))
            .collect();
        let oracle = Wallet::create_from_two_path_descriptor(descriptor.clone())
            .network(bdk_wallet::bitcoin::Network::Regtest)
            .lookahead(RANGE)
            .create_wallet_no_persist()
            .unwrap();
        Self {
            node,
            home,
            oracle,
            descriptor,
            private,
            clock: 0,
            checks: 0,
        }
    }

    /// The oracle's derivation, not ours.
    pub(super) fn address(&self, keychain: KeychainKind, index: u32) -> String {
        self.oracle
            .peek_address(keychain, index)
            .address
            .to_string()
    }

    pub(super) fn receive(&self, index: u32) -> String {
        self.address(KeychainKind::External, index)
    }

    pub(super) fn stranger(number: u8) -> String {
        let script = bitcoin::ScriptBuf::from_bytes(vec![0x51, 0x75, 0x01, number]);
        Address::p2wsh(&script, Network::Regtest).to_string()
    }

    /// Pays an address in the mempool.
    pub(super) fn pay(&self, address: &str, sat: u64) -> OutPoint {
        self.node.fund(address, Amount::from_sat(sat))
    }

    /// Pays several in one transaction.
    pub(super) fn pay_all(&self, payments: &[(String, u64)]) -> Transaction {
        let outputs = payments.iter().map(|(address, sat)| bitcoin::TxOut {
            value: Amount::from_sat(*sat),
            script_pubkey: script(address),
        });
        self.node.pay(outputs.collect())
    }

    /// A transaction that spends coins of the vault to one address, signed by two cosigners in the node. Not
    /// sent yet.
    pub(super) fn spend(&self, coins: &[OutPoint], to: &str, fee: u64) -> Transaction {
        let mut sum = 0;
        let inputs: Vec<Value> = coins
            .iter()
            .map(|coin| {
                sum += self.value(coin);
                json!({"txid": coin.txid, "vout": coin.vout, "sequence": 0xffff_fffd_u32})
            })
            .collect();
        let amount = Amount::from_sat(sum - fee).to_btc();
        let outputs = json!([{ to: amount }]);
        let psbt = self
            .node
            .rpc("createpsbt", json!([inputs, outputs, 0, true, 2, 0]));
        // With private keys of two it is complete.
        let done = self.node.rpc(
            "descriptorprocesspsbt",
            json!([psbt, self.private, null, true, true]),
        );
        assert_eq!(done["complete"], true, "{done}");
        deserialize_hex(text(&done["hex"])).unwrap()
    }

    fn value(&self, coin: &OutPoint) -> u64 {
        let asked = json!([coin.txid, coin.vout, false]);
        let found = self.node.rpc("gettxout", asked);
        if let Some(btc) = found["value"].as_f64() {
            return Amount::from_btc(btc).unwrap().to_sat();
        }
        let hex = self.node.rpc("getrawtransaction", json!([coin.txid]));
        let made: Transaction = deserialize_hex(text(&hex)).unwrap();
        made.output[coin.vout as usize].value.to_sat()
    }

    pub(super) fn send(&self, transaction: &Transaction) -> Txid {
        self.node.broadcast(transaction)
    }

    /// Whether the node takes it; random histories try things that can't be.
    pub(super) fn try_send(&self, transaction: &Transaction) -> bool {
        let hex = bitcoin::consensus::encode::serialize_hex(transaction);
        self.node
            .try_rpc("sendrawtransaction", json!([hex]))
            .is_ok()
    }

    pub(super) fn sync(&self) -> Value {
        self.home.json(&["sync"])
    }

    /// What our program lists.
    pub(super) fn ours(&self) -> Coins {
        let view = self.home.json(&["coin", "list", "family"]);
        let coins = view["coins"].as_array().unwrap().iter();
        coins
            .map(|coin| {
                let height = coin["height"].as_u64().map(|height| height as u32);
                let outpoint = OutPoint::from_str(text(&coin["outpoint"])).unwrap();
                (outpoint, (coin["value_sat"].as_u64().unwrap(), height))
            })
            .collect()
    }

    /// Brings the oracle to where the node is.
    fn follow(&mut self) {
        let tip = self.node.chain_tip();
        let hash_at = |height: u32| -> BlockHash {
            serde_json::from_value(self.node.rpc("getblockhash", json!([height]))).unwrap()
        };
        let known: Vec<_> = self
            .oracle
            .checkpoints()
            .map(|one| one.block_id())
            .collect();
        let fork = known
            .iter()
            .find(|block| {
                block.height <= tip.height
                    && hash_at(block.height).to_byte_array() == block.hash.to_byte_array()
            })
            .unwrap()
            .height;
        for height in fork + 1..=tip.height {
            let hex = self.node.rpc("getblock", json!([hash_at(height), 0]));
            let block: Block = deserialize_hex(text(&hex)).unwrap();
            self.oracle.apply_block(&block, height).unwrap();
        }
        // Each look at the mempool is later than the one before, as bdk wants to be told.
        self.clock += 10;
        let listed: BTreeSet<Txid> = self.node.mempool().into_iter().collect();
        let gone: Vec<_> = self
            .oracle
            .transactions()
            .filter(|tx| tx.chain_position.is_unconfirmed())
            .map(|tx| tx.tx_node.txid)
            .filter(|txid| !listed.contains(txid))
            .map(|txid| (txid, self.clock))
            .collect();
        self.oracle.apply_evicted_txs(gone);
        let waiting: Vec<(Transaction, u64)> = listed
            .iter()
            .map(|txid| {
                let hex = self.node.rpc("getrawtransaction", json!([txid]));
                (deserialize_hex(text(&hex)).unwrap(), self.clock + 1)
            })
            .collect();
        self.oracle.apply_unconfirmed_txs(waiting);
    }

    /// What the other wallet lists.
    fn theirs(&self) -> Coins {
        let coins = self.oracle.list_unspent();
        coins
            .map(|coin| {
                let height = coin.chain_position.confirmation_height_upper_bound();
                let outpoint = OutPoint::new(coin.outpoint.txid, coin.outpoint.vout);
                (outpoint, (coin.txout.value.to_sat(), height))
            })
            .collect()
    }

    /// What the node's set of coins has for the vault's scripts.
    fn judged(&self) -> Coins {
        let body = self.descriptor.split('#').next().unwrap();
        let branches = ["/0/*", "/1/*"]
            .map(|branch| json!({"desc": body.replace("/<0;1>/*", branch), "range": RANGE}));
        let found = self.node.rpc("scantxoutset", json!(["start", branches]));
        let coins = found["unspents"].as_array().unwrap().iter();
        coins
            .map(|coin| {
                let txid: Txid = text(&coin["txid"]).parse().unwrap();
                let vout = coin["vout"].as_u64().unwrap() as u32;
                let sat = Amount::from_btc(coin["amount"].as_f64().unwrap()).unwrap();
                let height = coin["height"].as_u64().unwrap() as u32;
                (OutPoint::new(txid, vout), (sat.to_sat(), Some(height)))
            })
            .collect()
    }

    /// A sync; then all three must agree, and so must the sums. Returns what there is.
    pub(super) fn check(&mut self) -> Coins {
        self.sync();
        self.follow();
        let ours = self.agree();
        assert_eq!(ours, self.theirs(), "bdk_wallet");
        ours
    }

    /// The same without bdk, which can't be told that blocks were taken back and none came.
    pub(super) fn check_by_the_node(&mut self) -> Coins {
        self.sync();
        self.agree()
    }

    fn agree(&mut self) -> Coins {
        self.checks += 1;
        let ours = self.ours();
        // What the mempool spends is spent here, and not yet in the node's set.
        let mut judged = self.judged();
        judged.retain(|coin, _| {
            let there = self
                .node
                .rpc("gettxout", json!([coin.txid, coin.vout, true]));
            !there.is_null()
        });
        let confirmed: Coins = ours
            .iter()
            .filter(|(_, (_, height))| height.is_some())
            .map(|(coin, worth)| (*coin, *worth))
            .collect();
        assert_eq!(confirmed, judged, "scantxoutset");
        for (coin, (sat, height)) in &ours {
            if height.is_none() {
                let there = self
                    .node
                    .rpc("gettxout", json!([coin.txid, coin.vout, true]));
                let value = Amount::from_btc(there["value"].as_f64().unwrap()).unwrap();
                assert_eq!(
                    (value.to_sat(), there["confirmations"].as_u64()),
                    (*sat, Some(0))
                );
            }
        }
        let balance = self.home.json(&["balance", "family"]);
        let sum = |in_block: bool| -> u64 {
            let coins = ours
                .values()
                .filter(|(_, height)| height.is_some() == in_block);
            coins.map(|(sat, _)| sat).sum()
        };
        assert_eq!(balance["confirmed_sat"], sum(true));
        assert_eq!(balance["pending_sat"], sum(false));
        assert_eq!(balance["height"], self.node.chain_tip().height);
        ours
    }

    /// A check, and the amounts that the program shows: in blocks, and waiting.
    pub(super) fn shows(&mut self, confirmed: &[u64], waiting: &[u64]) {
        let coins = self.check();
        self.compare(&coins, confirmed, waiting);
    }

    pub(super) fn compare(&self, coins: &Coins, confirmed: &[u64], waiting: &[u64]) {
        let amounts = |in_block: bool| {
            let coins = coins
                .values()
                .filter(|(_, height)| height.is_some() == in_block);
            let mut amounts: Vec<u64> = coins.map(|(sat, _)| *sat).collect();
            amounts.sort_unstable();
            amounts
        };
        assert_eq!(
            (amounts(true), amounts(false)),
            (confirmed.to_vec(), waiting.to_vec())
        );
    }
}

pub(super) fn script(address: &str) -> bitcoin::ScriptBuf {
    let address = Address::from_str(address).unwrap().assume_checked();
    address.script_pubkey()
}
