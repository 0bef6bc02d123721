//! What reading blocks from Bitcoin Core costs, and what each way of asking costs beside it: JSON-RPC
//! batches of several sizes, the REST interface, and after that parsing, checking and matching.
//! `docs/adr/0015-reading-blocks.md` has the figures and what was decided.
//!
//! `cargo run --release -p quorate-bench --example blocks`
#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

use bitcoin::absolute::LockTime;
use bitcoin::consensus::{deserialize, encode::deserialize_hex};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Witness,
};
use quorate_bench::{Work, measure, table};
use quorate_chain::{ChainSource, CoreRpc};
use quorate_coordinator::{Coordinator, Moment, NewVault};
use quorate_core::chain::BlockId;
use quorate_core::ledger::{Birth, CheckedBlock};
use quorate_core::policy::Template;
use quorate_testkit::{Node, fixtures};
use serde_json::{Value, json};
use std::hint::black_box;

const ROUNDS: usize = 5;
/// Blocks, and transactions in each: many small ones as on test chains, and few as on the real one.
const CHAINS: [(u32, u32); 2] = [(1_000, 100), (40, 5_000)];

fn main() {
    for (blocks, transactions) in CHAINS {
        let node = Node::start_with(&["-rest=1"]);
        let hashes = fill(&node, blocks, transactions);
        // The same chain without REST.
        let plain = Node::start_listening(&[]);
        node.connect_to(&plain);
        measure_all(&node, &plain, &hashes, transactions);
    }
}

fn measure_all(node: &Node, plain: &Node, hashes: &[BlockHash], transactions: u32) {
    let rest = Http::new(node);
    let open = |node: &Node| CoreRpc::open(&node.url_userpass()).expect("an address");
    let (client, without) = (open(node), open(plain));
    let raw = rest.blocks(hashes);
    let bytes: usize = raw.iter().map(Vec::len).sum();
    let parsed: Vec<Block> = raw.iter().map(|block| parse(block)).collect();
    let title = format!(
        "{} blocks with {transactions} transactions each, {:.1} MB",
        hashes.len(),
        bytes as f64 / 1e6
    );
    let hex: Vec<String> = rest.batches(hashes, 50);
    assert_eq!(hex.len(), raw.len());
    let way = |size: usize| {
        let rest = &rest;
        move || {
            black_box(rest.batches(hashes, size));
        }
    };
    let (mut home, mut other) = (Home::new(), Home::new());
    let lines = measure(
        ROUNDS,
        vec![
            Work::new("fetch: JSON-RPC, 50 in a batch", way(50)),
            Work::new("fetch: JSON-RPC, one by one", way(1)),
            Work::new("fetch: JSON-RPC, 8 in a batch", way(8)),
            Work::new("fetch: JSON-RPC, 200 in a batch", way(200)),
            Work::new("fetch: JSON-RPC, 500 in a batch", way(500)),
            Work::new("fetch: REST, one by one", || {
                black_box(rest.blocks(hashes));
            }),
            Work::new("parse: from hex", || {
                for block in &hex {
                    black_box(deserialize_hex::<Block>(block).expect("a block"));
                }
            }),
            Work::new("parse: from bytes", || {
                for block in &raw {
                    black_box(parse(block));
                }
            }),
            Work::new("check and hash every transaction", || {
                for (height, block) in (1..).zip(&parsed) {
                    let hash = block.block_hash();
                    let id = BlockId { height, hash };
                    black_box(CheckedBlock::check(id, block.clone()).expect("sound"));
                }
            }),
            Work::new("our client, without REST", || {
                black_box(without.blocks(hashes).expect("blocks"));
            }),
            Work::new("our client, with REST", || {
                black_box(client.blocks(hashes).expect("blocks"));
            }),
            Work::new("a vault's rescan, without REST", || home.rescan(&without)),
            Work::new("a vault's rescan, with REST", || other.rescan(&client)),
        ],
    );
    println!("{}", table(&title, &lines));
}

fn parse(bytes: &[u8]) -> Block {
    deserialize(bytes).expect("a block")
}

/// Mines the blocks; returns the hashes of those that are full.
fn fill(node: &Node, blocks: u32, transactions: u32) -> Vec<BlockHash> {
    let anyone = ScriptBuf::from_bytes(vec![0x51]);
    let address = Address::p2wsh(&anyone, Network::Regtest);
    let first = node.mine_to(&address, 1).remove(0);
    node.mine(100);
    let block = node.rpc("getblock", json!([first, 0]));
    let block: Block = deserialize_hex(block.as_str().expect("hex")).expect("a block");
    let coinbase = &block.txdata[0];
    let (mut coin, mut value) = (
        OutPoint::new(coinbase.compute_txid(), 0),
        coinbase.output[0].value,
    );
    let mut hashes = Vec::new();
    for _ in 0..blocks {
        let mut made = Vec::new();
        for _ in 0..transactions {
            value -= Amount::from_sat(1_000);
            let tx = spend(coin, value, &anyone, &address.script_pubkey());
            coin = OutPoint::new(tx.compute_txid(), 0);
            made.push(tx);
        }
        hashes.push(node.mine_block(&made));
    }
    hashes
}

/// A chain of these fills any block: nobody needs to sign, and a thousand satoshi go to a stranger.
fn spend(coin: OutPoint, value: Amount, anyone: &ScriptBuf, ours: &ScriptBuf) -> Transaction {
    let output = |value, script_pubkey: &ScriptBuf| TxOut {
        value,
        script_pubkey: script_pubkey.clone(),
    };
    let stranger = ScriptBuf::from_bytes([&[0x00, 0x14][..], &[7; 20]].concat());
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[anyone.as_bytes()]),
        }],
        output: vec![
            output(value, ours),
            output(Amount::from_sat(1_000), &stranger),
        ],
    }
}

/// One kept-alive connection, as bare as it gets.
struct Http {
    agent: ureq::Agent,
    address: String,
    login: String,
}

impl Http {
    fn new(node: &Node) -> Self {
        use bitcoin::base64::Engine as _;
        let login = node.url_userpass();
        let login = login.trim_start_matches("http://").split('@').next();
        let login = bitcoin::base64::engine::general_purpose::STANDARD
            .encode(login.expect("a user and a password"));
        Self {
            agent: ureq::Agent::config_builder()
                .proxy(None)
                .build()
                .new_agent(),
            address: format!("http://{}", node.rpc_address()),
            login: format!("Basic {login}"),
        }
    }

    fn blocks(&self, hashes: &[BlockHash]) -> Vec<Vec<u8>> {
        let get = |hash: &BlockHash| {
            let url = format!("{}/rest/block/{hash}.bin", self.address);
            let mut answer = self.agent.get(url).call().expect("the node offers REST");
            let body = answer.body_mut().with_config().limit(1 << 30);
            body.read_to_vec().expect("a block")
        };
        hashes.iter().map(get).collect()
    }

    fn batches(&self, hashes: &[BlockHash], size: usize) -> Vec<String> {
        let ask = |hashes: &[BlockHash]| {
            let calls: Vec<Value> = hashes
                .iter()
                .map(|hash| {
                    json!({"jsonrpc": "2.0", "id": 0, "method": "getblock", "params": [hash, 0]})
                })
                .collect();
            let body = serde_json::to_vec(&calls).expect("JSON");
            let post = self.agent.post(format!("{}/", self.address));
            let post = post.header("Authorization", &self.login);
            let mut answer = post.send(&body[..]).expect("an answer");
            let body = answer.body_mut().with_config().limit(1 << 30);
            let body = body.read_to_vec().expect("an answer");
            let replies: Vec<Reply> = serde_json::from_slice(&body).expect("JSON");
            replies.into_iter().map(|reply| reply.result)
        };
        hashes.chunks(size).flat_map(ask).collect()
    }
}

#[derive(serde::Deserialize)]
struct Reply {
    result: String,
}

/// A home with a vault that was never paid, in a folder of its own.
struct Home {
    coordinator: Coordinator,
    _folder: tempfile::TempDir,
}

const MOMENT: Moment = Moment {
    now: 1_700_000_000,
    entropy: [7; 32],
};

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Coordinator::init(folder.path(), Network::Regtest, MOMENT).expect("a home");
        let mut coordinator = Coordinator::open(folder.path()).expect("a home");
        let keys: Vec<_> = fixtures::cosigners(3)
            .iter()
            .map(|key| (key.name().to_owned(), key.text()))
            .collect();
        let new = NewVault {
            name: "family",
            template: &Template::builtin("2-of-3").expect("built in"),
            keys: &keys,
            birth: Some(Birth::Height(0)),
            carriers: &[],
        };
        coordinator.create_vault(&new, MOMENT).expect("a vault");
        Self {
            coordinator,
            _folder: folder,
        }
    }

    /// From the first full block on.
    fn rescan(&mut self, source: &CoreRpc) {
        self.coordinator
            .rescan("family", Birth::Height(102), source)
            .expect("a rescan");
        self.coordinator
            .sync(source, MOMENT, &mut |_| ())
            .expect("a sync");
    }
}
