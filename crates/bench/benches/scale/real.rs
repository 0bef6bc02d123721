//! Following a real node: a chain with a hundred payments to the vault in each block.

use crate::ADDRESSES;
use crate::figures::Figures;
use crate::generated;
use crate::process::{Program, timed};
use bdk_bitcoind_rpc::Emitter;
use bdk_bitcoind_rpc::bitcoincore_rpc::{Auth, Client, RpcApi};
use bdk_wallet::file_store::Store;
use bdk_wallet::{ChangeSet, Wallet};
use bitcoin::absolute::LockTime;
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::opcodes::OP_TRUE;
use bitcoin::script::Builder;
use bitcoin::{
    Address, Amount, BlockHash, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
    Witness, transaction,
};
use quorate_testkit::Node;
use quorate_testkit::fixtures::{self, TestKey};
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::num::NonZero;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Enough for the payment and its fee.
const PREPARED: u64 = 12_000;
const PAID: u64 = 10_000;

/// Coins that anybody may spend.
fn open_script() -> ScriptBuf {
    Builder::new().push_opcode(OP_TRUE).into_script()
}

/// Fills a node's chain: `blocks` blocks with `per_block` payments each.
fn fill(node: &Node, descriptor: &str, blocks: u32, per_block: u32) -> u32 {
    let scripts = generated::scripts(descriptor, ADDRESSES);
    let open = Address::p2wsh(&open_script(), Network::Regtest).script_pubkey();
    let mut prepared = Vec::new();
    while prepared.len() < (blocks * per_block) as usize {
        let outputs = vec![
            TxOut {
                value: Amount::from_sat(PREPARED),
                script_pubkey: open.clone(),
            };
            2_000
        ];
        let made = node.pay(outputs);
        let txid = made.compute_txid();
        prepared.extend((0..2_000).map(|vout| OutPoint::new(txid, vout)));
        node.mine(1);
    }
    let first = node.chain_tip().height;
    for (block, coins) in prepared
        .chunks(per_block as usize)
        .take(blocks as usize)
        .enumerate()
    {
        let payments: Vec<Transaction> = coins
            .iter()
            .enumerate()
            .map(|(place, coin)| Transaction {
                version: transaction::Version::TWO,
                lock_time: LockTime::ZERO,
                input: vec![TxIn {
                    previous_output: *coin,
                    script_sig: ScriptBuf::new(),
                    sequence: Sequence::MAX,
                    witness: Witness::from_slice(&[open_script().to_bytes()]),
                }],
                output: vec![TxOut {
                    value: Amount::from_sat(PAID),
                    script_pubkey: scripts[(block * per_block as usize + place) % scripts.len()]
                        .clone(),
                }],
            })
            .collect();
        node.mine_block(&payments);
    }
    first
}

/// A client that asks for the same blocks in batches and throws the answers away.
struct Bare {
    stream: BufReader<TcpStream>,
    login: String,
}

impl Bare {
    fn new(node: &Node) -> Self {
        let stream = TcpStream::connect(node.rpc_address()).expect("the node");
        stream.set_nodelay(true).expect("a socket");
        let cookie = std::fs::read_to_string(node.cookie()).expect("a cookie");
        Self {
            stream: BufReader::with_capacity(1 << 20, stream),
            login: base64(cookie.trim().as_bytes()),
        }
    }

    fn ask(&mut self, calls: &[(&str, Value)]) -> Vec<u8> {
        let body: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(id, (method, params))| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .collect();
        let body = Value::from(body).to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: node\r\nAuthorization: Basic {}\r\nContent-Length: {}\r\n\r\n",
            self.login,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).expect("the node listens");
        stream.write_all(body.as_bytes()).expect("the node listens");
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(count) = line.strip_prefix("content-length:") {
                length = count.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        self.stream
            .read_exact(&mut answer)
            .expect("the whole answer");
        answer
    }

    fn read_blocks(&mut self, hashes: &[BlockHash]) {
        for chunk in hashes.chunks(100) {
            let calls: Vec<(&str, Value)> = chunk
                .iter()
                .map(|hash| ("getblock", json!([hash, 0])))
                .collect();
            assert!(self.ask(&calls).len() > chunk.len() * 80);
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use bitcoin::base64::Engine;
    bitcoin::base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn sync(program: &Program, blocks: u32, per_block: u32, rounds: usize) -> Figures {
    let node = Node::start();
    let home = tempfile::tempdir().expect("a temporary folder");
    let descriptor = program.vault(home.path(), 0);
    let first = fill(&node, &descriptor, blocks, per_block);
    let tip = node.chain_tip().height;
    let url = node.url_cookie();
    let mut figures = Figures::new(&format!(
        "Following Bitcoin Core: {blocks} blocks with {} own transactions",
        blocks * per_block
    ));
    let hashes: Vec<BlockHash> = (first + 1..=tip)
        .map(|height| {
            serde_json::from_value(node.rpc("getblockhash", json!([height]))).expect("a hash")
        })
        .collect();
    let (mut served, mut ours, mut theirs) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut floor = Duration::MAX;
    let url = url.as_str();
    let arguments = ["sync", "family", "--node", url];
    for _ in 0..rounds {
        // The node hangs up on who is silent for half a minute.
        let mut bare = Bare::new(&node);
        let started = Instant::now();
        bare.read_blocks(&hashes);
        served = served.min(started.elapsed());
        floor = floor.min(child_keys());
        let fresh = fresh(program, first);
        ours = ours.min(timed(&mut program.command(fresh.path(), &arguments)));
        theirs = theirs.min(bdk(&node, &descriptor, first));
    }
    // Once more, to look at its memory.
    let fresh = fresh(program, first);
    let watched = program.run(fresh.path(), &arguments);
    figures.line("the node serves these blocks to a bare client", served);
    figures.line("quorate sync, whole process, new home", ours);
    figures.memory("quorate sync", watched.memory, None);
    figures.at_most("to the bare client", "sync", ours, served, 2.0);
    // What no program that finds these coins can do without: the addresses aren't known before.
    let what = format!("three child keys of {ADDRESSES} addresses, bare, on all cores");
    figures.line(&what, floor);
    figures.compare("these keys alone: to the bare client", floor, served);
    figures.line(
        "bdk_bitcoind_rpc and bdk_wallet, kept every 100 blocks",
        theirs,
    );
    figures.at_least("faster than bdk", "sync", theirs, ours, 5.0);
    nothing_new(program, &node, fresh.path(), url, rounds, &mut figures);
    figures
}

/// Deriving the keys of all addresses and nothing else, with the library that everybody uses.
fn child_keys() -> Duration {
    let keys: Vec<Xpub> = fixtures::cosigners(3).iter().map(TestKey::xpub).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let started = Instant::now();
    thread::scope(|scope| {
        for first in 0..threads {
            let keys = &keys;
            scope.spawn(move || {
                for index in (first as u32..ADDRESSES).step_by(threads) {
                    let number = ChildNumber::from_normal_idx(index).expect("small");
                    for key in keys {
                        black_box(key.ckd_pub(fixtures::secp(), number).expect("derives"));
                    }
                }
            });
        }
    });
    started.elapsed()
}

/// A new home. The blocks before the payments have nothing for the vault: nobody reads them.
fn fresh(program: &Program, first: u32) -> tempfile::TempDir {
    let fresh = tempfile::tempdir().expect("a temporary folder");
    program.vault(fresh.path(), first + 1);
    fresh
}

/// A sync when nothing has happened beside the node's own client asking one question.
fn nothing_new(
    program: &Program,
    node: &Node,
    home: &std::path::Path,
    url: &str,
    rounds: usize,
    figures: &mut Figures,
) {
    let client = Node::program().with_file_name("bitcoin-cli");
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds * 4 {
        ours = ours.min(timed(&mut program.command(home, &["sync", "--node", url])));
        let address = node.rpc_address();
        let mut command = Command::new(&client);
        command
            .arg("-regtest")
            .arg(format!("-rpcconnect={}", address.ip()))
            .arg(format!("-rpcport={}", address.port()))
            .arg(format!("-rpccookiefile={}", node.cookie().display()))
            .arg("getblockchaininfo");
        theirs = theirs.min(timed(&mut command));
    }
    figures.line("quorate sync with nothing new, cold", ours);
    figures.line("bitcoin-cli getblockchaininfo", theirs);
    figures.at_most("to bitcoin-cli", "sync with nothing new", ours, theirs, 2.0);
}

fn bdk(node: &Node, descriptor: &str, first: u32) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let started = Instant::now();
    let mut store =
        Store::<ChangeSet>::create(b"quorate bench", folder.path().join("wallet")).expect("a file");
    let mut wallet = Wallet::create_from_two_path_descriptor(descriptor.to_owned())
        .network(Network::Regtest)
        .lookahead(200)
        .create_wallet(&mut store)
        .expect("the vault's descriptor");
    let client = Client::new(
        &format!("http://{}", node.rpc_address()),
        Auth::CookieFile(node.cookie()),
    )
    .expect("a client");
    assert!(client.get_block_count().expect("the node") > u64::from(first));
    let mut emitter = Emitter::new(
        &client,
        wallet.latest_checkpoint(),
        first + 1,
        std::iter::empty::<Arc<Transaction>>(),
    );
    let mut count = 0;
    while let Some(event) = emitter.next_block().expect("the node") {
        wallet
            .apply_block_connected_to(&event.block, event.block_height(), event.connected_to())
            .expect("it follows");
        count += 1;
        if count % 100 == 0 {
            wallet.persist(&mut store).expect("room");
        }
    }
    wallet.persist(&mut store).expect("room");
    assert!(wallet.balance().confirmed > Amount::ZERO);
    started.elapsed()
}
