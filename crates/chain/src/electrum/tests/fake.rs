//! A small Electrum server on loopback that knows a chain of a few blocks and answers as a test
//! tells it, well or badly; and a small SOCKS5 proxy.

use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::{Hash, sha256, sha256d};
use bitcoin::hex::DisplayHex as _;
use bitcoin::{
    Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Transaction, TxIn, TxMerkleNode, TxOut,
    Txid,
};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The chain that the server knows.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) blocks: Vec<Block>,
    pub(super) mempool: Vec<Transaction>,
}

pub(super) fn pay(from: u8, script: &ScriptBuf, sat: u64) -> Transaction {
    Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array([from; 32]), 0),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(sat),
            script_pubkey: script.clone(),
        }],
    }
}

impl Chain {
    pub(super) fn new(network: Network) -> Self {
        Self {
            blocks: vec![bitcoin::constants::genesis_block(network)],
            mempool: Vec::new(),
        }
    }

    pub(super) fn mine(&mut self, transactions: Vec<Transaction>) -> Header {
        let height = self.blocks.len();
        let last = &self.blocks[height - 1];
        let mut coinbase = last.txdata[0].clone();
        coinbase.input[0].previous_output = OutPoint::null();
        coinbase.input[0].script_sig = ScriptBuf::from_bytes(vec![2, height as u8, 0]);
        let mut block = Block {
            header: Header {
                version: Version::TWO,
                prev_blockhash: last.block_hash(),
                merkle_root: TxMerkleNode::all_zeros(),
                time: last.header.time + 600,
                bits: last.header.bits,
                nonce: 0,
            },
            txdata: [vec![coinbase], transactions].concat(),
        };
        block.header.merkle_root = block.compute_merkle_root().unwrap();
        work(&mut block.header);
        self.blocks.push(block);
        self.blocks[height].header
    }

    fn places(&self) -> impl Iterator<Item = (i64, usize, &Transaction)> {
        let mined = (0..).zip(&self.blocks).flat_map(|(height, block)| {
            let numbered = block.txdata.iter().enumerate();
            numbered.map(move |(position, tx)| (height, position, tx))
        });
        mined.chain(self.mempool.iter().map(|tx| (0, 0, tx)))
    }

    /// The history of the script with this hash, as `get_history` gives it. Spends are found too.
    fn history(&self, hash: &str) -> Vec<Value> {
        let ours = |out: &TxOut| script_hash(&out.script_pubkey) == hash;
        let mut coins = Vec::new();
        let mut history = Vec::new();
        for (height, _, tx) in self.places() {
            let txid = tx.compute_txid();
            let spends = tx.input.iter().any(|i| coins.contains(&i.previous_output));
            let pays = tx.output.iter().any(ours);
            let made = (0..).zip(&tx.output).filter(|(_, out)| ours(out));
            coins.extend(made.map(|(vout, _)| OutPoint::new(txid, vout)));
            if spends || pays {
                history.push(json!({"tx_hash": txid, "height": height}));
            }
        }
        history
    }

    fn branch(&self, height: usize, position: usize) -> Vec<String> {
        let ids = self.blocks[height]
            .txdata
            .iter()
            .map(|tx| tx.compute_txid());
        let mut level: Vec<[u8; 32]> = ids.map(|id| id.to_byte_array()).collect();
        let (mut at, mut branch) = (position, Vec::new());
        while level.len() > 1 {
            if level.len() % 2 == 1 {
                level.push(level[level.len() - 1]);
            }
            branch.push(BlockHash::from_byte_array(level[at ^ 1]).to_string());
            let pairs = level.chunks(2);
            level = pairs
                .map(|pair| sha256d::Hash::hash(&pair.concat()).to_byte_array())
                .collect();
            at /= 2;
        }
        branch
    }

    /// What an honest server answers; `None`: an error.
    pub(super) fn answer(&self, method: &str, params: &Value) -> Option<Value> {
        let text = || params[0].as_str().unwrap();
        let number = |n: usize| usize::try_from(params[n].as_u64().unwrap()).unwrap();
        Some(match method {
            "server.version" => json!(["Fake 1", "1.4"]),
            "blockchain.headers.subscribe" => json!({
                "height": self.blocks.len() - 1,
                "hex": serialize_hex(&self.blocks[self.blocks.len() - 1].header),
            }),
            "blockchain.block.header" => json!(serialize_hex(&self.blocks.get(number(0))?.header)),
            "blockchain.block.headers" => {
                let some = self.blocks.iter().skip(number(0)).take(number(1).min(2));
                let hex: Vec<String> = some.map(|block| serialize_hex(&block.header)).collect();
                json!({"count": hex.len(), "hex": hex.concat(), "max": 2})
            }
            "blockchain.scripthash.subscribe" => {
                let history = self.history(text());
                let listed = history.iter().map(|entry| {
                    format!(
                        "{}:{}:",
                        entry["tx_hash"].as_str().unwrap(),
                        entry["height"]
                    )
                });
                let all: String = listed.collect();
                match all.is_empty() {
                    true => Value::Null,
                    false => json!(sha256::Hash::hash(all.as_bytes()).to_string()),
                }
            }
            "blockchain.scripthash.get_history" => json!(self.history(text())),
            "blockchain.transaction.get" => {
                let mut all = self.places();
                let found = all.find(|(_, _, tx)| tx.compute_txid().to_string() == text());
                json!(serialize_hex(found?.2))
            }
            "blockchain.transaction.get_merkle" => {
                let height = number(1);
                let mut txs = self.blocks.get(height)?.txdata.iter();
                let position = txs.position(|tx| tx.compute_txid().to_string() == text())?;
                let branch = self.branch(height, position);
                json!({"block_height": height, "pos": position, "merkle": branch})
            }
            "blockchain.transaction.broadcast" => {
                let tx: Transaction = deserialize_hex(text()).unwrap();
                json!(tx.compute_txid())
            }
            other => panic!("nobody asks {other}"),
        })
    }
}

/// Grinds until the header has the work it claims.
pub(super) fn work(header: &mut Header) {
    while header.validate_pow(header.target()).is_err() {
        header.nonce += 1;
    }
}

pub(super) fn script_hash(script: &ScriptBuf) -> String {
    let mut hash = sha256::Hash::hash(script.as_bytes()).to_byte_array();
    hash.reverse();
    hash.to_lower_hex_string()
}

/// What becomes of a call.
pub(super) enum Reply {
    Result(Value),
    Error(Value),
    /// These bytes instead.
    Raw(Vec<u8>),
    /// A notification, then the result.
    After(Value, Value),
    /// Nothing, with the connection open.
    Stall,
    /// A space now and then.
    Trickle,
    /// A text without end.
    Endless,
    /// The end.
    Close,
}

type Handler = dyn Fn(&str, &Value) -> Reply + Send + Sync;

/// A running server; its threads end with the test's process.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(super) fn start(handler: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_over(handler, Some)
    }

    /// A server over what `secure` makes of a connection.
    pub(super) fn start_over<S: Read + Write>(
        handler: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
        secure: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
        };
        let (calls, handler, secure) = (fake.calls.clone(), Arc::new(handler), Arc::new(secure));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (calls, handler, secure) = (calls.clone(), handler.clone(), secure.clone());
                thread::spawn(move || {
                    if let Some(stream) = secure(stream) {
                        serve(stream, &*handler, &calls);
                    }
                });
            }
        });
        fake
    }

    pub(super) fn honest(chain: Chain) -> Self {
        Self::start(move |method, params| honest(&chain, method, params))
    }

    /// Methods that were called, in order.
    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

pub(super) fn honest(chain: &Chain, method: &str, params: &Value) -> Reply {
    match chain.answer(method, params) {
        Some(result) => Reply::Result(result),
        None => Reply::Error(json!({"code": 1, "message": "no such thing"})),
    }
}

fn serve<S: Read + Write>(stream: S, handler: &Handler, calls: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if !matches!(reader.read_line(&mut line), Ok(1..)) {
            return;
        }
        let call: Value = serde_json::from_str(&line).unwrap();
        let method = call["method"].as_str().unwrap();
        calls.lock().unwrap().push(method.to_owned());
        let result = |result: Value| {
            format!(
                "{}\n",
                json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
            )
        };
        let bytes = match handler(method, &call["params"]) {
            Reply::Result(value) => result(value).into_bytes(),
            Reply::Error(error) => format!(
                "{}\n",
                json!({"jsonrpc": "2.0", "id": call["id"], "error": error})
            )
            .into_bytes(),
            Reply::After(note, value) => format!("{note}\n{}", result(value)).into_bytes(),
            Reply::Raw(bytes) => bytes,
            Reply::Close => return,
            Reply::Stall => {
                let _ = reader.read_line(&mut line);
                return;
            }
            Reply::Trickle => {
                while reader.get_mut().write_all(b" ").is_ok() {
                    thread::sleep(std::time::Duration::from_millis(20));
                }
                return;
            }
            Reply::Endless => {
                let mut text = b"\"".to_vec();
                text.extend([b'x'; 0x1_0000]);
                while reader.get_mut().write_all(&text).is_ok() {}
                return;
            }
        };
        let stream = reader.get_mut();
        if stream
            .write_all(&bytes)
            .and_then(|()| stream.flush())
            .is_err()
        {
            return;
        }
    }
}

/// A SOCKS5 proxy that connects everybody to `target`, and the names it was asked for. `refuses`:
/// it answers with this instead.
pub(super) fn proxy(
    target: SocketAddr,
    refuses: Option<u8>,
) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let names: Arc<Mutex<Vec<String>>> = Arc::default();
    let asked = names.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut hello = [0; 3];
            stream.read_exact(&mut hello).unwrap();
            assert_eq!(hello, [5, 1, 0]);
            stream.write_all(&[5, 0]).unwrap();
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            assert_eq!(head[..4], [5, 1, 0, 3], "the name comes as a name");
            let mut name = vec![0; usize::from(head[4]) + 2];
            stream.read_exact(&mut name).unwrap();
            let (name, port) = name.split_at(name.len() - 2);
            let port = u16::from_be_bytes([port[0], port[1]]);
            let name = String::from_utf8(name.to_vec()).unwrap();
            asked.lock().unwrap().push(format!("{name}:{port}"));
            stream
                .write_all(&[5, refuses.unwrap_or(0), 0, 1, 0, 0, 0, 0, 0, 0])
                .unwrap();
            if refuses.is_some() {
                continue;
            }
            let server = TcpStream::connect(target).unwrap();
            let pairs = [
                (stream.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, stream),
            ];
            for (mut from, mut to) in pairs {
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    (address, names)
}
