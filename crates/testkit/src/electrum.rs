//! A real Electrum server on a node, of others' make: e-x, in a Python that `cargo xtask electrum`
//! makes.

use crate::folder::Folder;
use crate::node::{Node, free_port};
use bitcoin::block::Header;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::{Hash, sha256};
use bitcoin::{Script, Txid};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The variable that names the Python.
const PYTHON: &str = "ELECTRUM_SERVER_PYTHON";
/// The longest that the server may take to start or to follow its node.
const PATIENCE: Duration = Duration::from_secs(60);
const START: &str = "from electrumx.cli.electrumx_server import main; main()";

/// A running server. Dropping it ends the process and removes the folder, except when the thread is
/// panicking: then the folder stays, with the server's log.
#[derive(Debug)]
pub struct ElectrumServer {
    process: Child,
    port: u16,
    tls_port: Option<u16>,
    folder: Folder,
}

impl ElectrumServer {
    /// Arguments that the node needs: the server asks it who spends an output.
    pub const NODE_ARGS: [&str; 2] = ["-txindex", "-txospenderindex=1"];

    /// Starts a server on `node`, started with [`Self::NODE_ARGS`], and waits until it has its chain.
    ///
    /// # Panics
    /// When there is no such Python, or the server doesn't come up.
    #[must_use]
    pub fn start(node: &Node) -> Self {
        Self::launch(node, None)
    }

    /// The same, also over TLS with this certificate and its key, both in PEM form.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_with_tls(node: &Node, certificate: &str, key: &str) -> Self {
        Self::launch(node, Some([certificate, key]))
    }

    fn launch(node: &Node, tls: Option<[&str; 2]>) -> Self {
        let folder = Folder::new("electrum-server");
        let port = free_port();
        let tls_port = tls.map(|_| free_port());
        let mut services = format!("tcp://127.0.0.1:{port}");
        if let Some(port) = tls_port {
            services.push_str(&format!(",ssl://127.0.0.1:{port}"));
        }
        let [certificate, key] =
            ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        for (path, text) in [&certificate, &key]
            .into_iter()
            .zip(tls.into_iter().flatten())
        {
            fs::write(path, text).expect("a file");
        }
        let log = File::create(folder.path().join("log")).expect("a file");
        let process = Command::new(python())
            .args(["-c", START])
            .env_clear()
            .env("COIN", "Bitcoin")
            .env("NET", "regtest")
            .env("DB_ENGINE", "leveldb")
            .env("DB_DIRECTORY", folder.path())
            .env("DAEMON_URL", node.url_userpass())
            .env("SERVICES", services)
            .env("SSL_CERTFILE", certificate)
            .env("SSL_KEYFILE", key)
            .env("PEER_DISCOVERY", "off")
            .env("PEER_ANNOUNCE", "")
            .env("ALLOW_ROOT", "1")
            // Made for thousands of clients: here one asks as much as it likes.
            .env("COST_SOFT_LIMIT", "0")
            .env("COST_HARD_LIMIT", "0")
            .env("DAEMON_POLL_INTERVAL_BLOCKS", "50")
            .env("DAEMON_POLL_INTERVAL_MEMPOOL", "50")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("the server's Python starts");
        let mut server = Self {
            process,
            port,
            tls_port,
            folder,
        };
        server.until("the server doesn't come up", |server| {
            let ended = server.process.try_wait().expect("a child");
            assert!(ended.is_none(), "the server ended: {ended:?}");
            server.at(node)
        });
        server
    }

    /// The chain source, as `QUORATE_NODE` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("electrum://127.0.0.1:{}", self.port)
    }

    /// The chain source over TLS with its certificate, when the server was started so.
    #[must_use]
    pub fn tls_url(&self) -> Option<String> {
        let file = self.folder.path().join("certificate.pem");
        let port = self.tls_port?;
        Some(format!(
            "electrums://127.0.0.1:{port}?cert={}",
            file.display()
        ))
    }

    /// Waits until the server stands where its node stands.
    ///
    /// # Panics
    /// When it doesn't get there.
    #[track_caller]
    pub fn follow(&mut self, node: &Node) {
        self.until("the server doesn't follow its node", |server| {
            server.at(node)
        });
    }

    /// Waits until the server lists `txid` as waiting, for a script that it concerns.
    ///
    /// # Panics
    /// When it doesn't.
    #[track_caller]
    pub fn until_waiting(&mut self, script: &Script, txid: Txid) {
        let mut hash = sha256::Hash::hash(script.as_bytes()).to_byte_array();
        hash.reverse();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.until("the server doesn't see the transaction", |server| {
            let listed = server.ask("blockchain.scripthash.get_mempool", &json!([hash]));
            let listed = listed.as_ref().and_then(Value::as_array);
            listed.is_some_and(|list| list.iter().any(|tx| tx["tx_hash"] == txid.to_string()))
        });
    }

    #[track_caller]
    fn until(&mut self, otherwise: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            let folder = self.folder.path().display();
            assert!(Instant::now() < end, "{otherwise}; see {folder}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn at(&self, node: &Node) -> bool {
        let tip = self.ask("blockchain.headers.subscribe", &json!([]));
        let header = tip.and_then(|tip| deserialize_hex::<Header>(tip["hex"].as_str()?).ok());
        header.is_some_and(|header| header.block_hash() == node.chain_tip().hash)
    }

    /// The answer to one question, over a connection of its own: the first small answers come
    /// at once, later ones are held back.
    fn ask(&self, method: &str, params: &Value) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let hello = json!({"id": 0, "method": "server.version", "params": ["test", "1.4"]});
        let call = json!({"id": 1, "method": method, "params": params});
        stream
            .write_all(format!("{hello}\n{call}\n").as_bytes())
            .ok()?;
        let mut lines = BufReader::new(stream).lines();
        let _hello = lines.next()?.ok()?;
        let mut answer: Value = serde_json::from_str(&lines.next()?.ok()?).ok()?;
        Some(answer["result"].take())
    }
}

impl Drop for ElectrumServer {
    fn drop(&mut self) {
        // Both do nothing to a process that has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn python() -> PathBuf {
    let Some(python) = std::env::var_os(PYTHON).map(PathBuf::from) else {
        panic!(
            "this test needs an Electrum server: set {PYTHON} to what `cargo xtask electrum` prints, or run `cargo xtask test`"
        );
    };
    assert!(
        python.is_file(),
        "{PYTHON} is `{}`, which is not a file: set it to what `cargo xtask electrum` prints",
        python.display()
    );
    python
}
