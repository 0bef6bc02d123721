//! A real Bitcoin Core node in regtest: started on free ports in a folder of its own, ended with
//! the value. `chain` mines and takes blocks back, `coins` pays.

mod chain;
mod coins;

use crate::folder::Folder;
use crate::locate;
use crate::rpc::{Rpc, RpcError};
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256};
use coins::Coins;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a node may take to start, to stop, or to reach a state that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const USER: &str = "quorate";
const PASSWORD: &str = "regtest-only";

/// A running node. Dropping it ends the process and removes the folder, except when the thread
/// is panicking: then the folder stays and its path is printed. Don't put it into a `static`,
/// which is never dropped.
#[derive(Debug)]
pub struct Node {
    process: Option<Child>,
    exe: PathBuf,
    args: Vec<OsString>,
    rpc: Rpc,
    rpc_port: u16,
    p2p_port: Option<u16>,
    coins: Mutex<Coins>,
    folder: Folder,
}

impl Node {
    /// Starts a node that talks to nobody.
    ///
    /// # Panics
    /// When there is no `bitcoind` (`cargo xtask node` makes one) or it doesn't come up.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a node with further arguments, for example `-txindex`.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_with(args: &[&str]) -> Self {
        Self::launch(args, false)
    }

    /// Starts a node that other nodes on this machine can connect to, see [`Self::connect_to`].
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_listening(args: &[&str]) -> Self {
        Self::launch(args, true)
    }

    fn launch(args: &[&str], listen: bool) -> Self {
        let exe = exe();
        // A free port may be taken before the node binds it: then try others.
        let mut last = String::new();
        for _ in 0..5 {
            let mut node = Self::prepare(exe.clone(), args, listen);
            match node.spawn() {
                Ok(()) => return node,
                Err(reason) if reason.contains("bind") => last = reason,
                Err(reason) => panic!("bitcoind doesn't start: {reason}"),
            }
        }
        panic!("bitcoind finds no free port: {last}");
    }

    fn prepare(exe: PathBuf, args: &[&str], listen: bool) -> Self {
        let folder = Folder::new("node");
        let rpc_port = free_port();
        let p2p_port = listen.then(free_port);
        let mut all: Vec<OsString> = vec!["-regtest".into(), "-server".into()];
        let mut datadir = OsString::from("-datadir=");
        datadir.push(folder.path());
        all.push(datadir);
        all.extend(
            [
                format!("-rpcport={rpc_port}"),
                format!("-rpcauth={}", rpc_auth()),
                "-rpcbind=127.0.0.1".into(),
                "-rpcallowip=127.0.0.1".into(),
                "-printtoconsole=0".into(),
                "-dnsseed=0".into(),
                "-discover=0".into(),
                "-natpmp=0".into(),
                "-listenonion=0".into(),
            ]
            .map(OsString::from),
        );
        all.push(match p2p_port {
            Some(port) => format!("-bind=127.0.0.1:{port}").into(),
            None => "-listen=0".into(),
        });
        all.extend(args.iter().map(OsString::from));
        Self {
            process: None,
            exe,
            args: all,
            rpc: Rpc::new(rpc_port, USER, PASSWORD),
            rpc_port,
            p2p_port,
            coins: Mutex::default(),
            folder,
        }
    }

    /// Starts the process and waits until it answers; on an error it has ended.
    fn spawn(&mut self) -> Result<(), String> {
        let log = self.folder.path().join("stderr.log");
        let stderr = File::create(&log).map_err(|e| e.to_string())?;
        let child = Command::new(&self.exe)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|e| format!("{}: {e}", self.exe.display()))?;
        let child = self.process.insert(child);
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
                self.process = None;
                let words = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("it ended with {status}: {}", words.trim()));
            }
            // It refuses connections first, then answers every call that it is warming up.
            if let Ok(Ok(_)) = self.rpc.call("getblockcount", &json!([])) {
                return Ok(());
            }
            assert!(
                Instant::now() < end,
                "bitcoind doesn't answer after {PATIENCE:?}; see {}",
                self.folder.path().display()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the process as an operator would, and keeps its folder: [`Self::start_again`] goes on.
    pub fn stop(&mut self) {
        let Some(mut child) = self.process.take() else {
            return;
        };
        let asked = self.rpc.call("stop", &json!([])).is_ok();
        let end = Instant::now() + PATIENCE;
        while asked && Instant::now() < end {
            match child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => break,
            }
        }
        // Both do nothing to a process that has ended.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts the node again after [`Self::stop`], on the same ports and data.
    ///
    /// # Panics
    /// When it runs, or doesn't come up.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the node is running");
        if let Err(reason) = self.spawn() {
            panic!("bitcoind doesn't start again: {reason}");
        }
    }

    /// Calls the node and returns its result.
    ///
    /// # Panics
    /// With the node's words, when it refuses.
    #[track_caller]
    pub fn rpc(&self, method: &str, params: Value) -> Value {
        match self.try_rpc(method, params) {
            Ok(result) => result,
            Err(error) => panic!("bitcoind refuses {method}: {error}"),
        }
    }

    /// Calls the node and returns its result or its refusal.
    ///
    /// # Errors
    /// What the node says.
    ///
    /// # Panics
    /// When the node doesn't answer.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "called with json!([…])")]
    pub fn try_rpc(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        match self.rpc.call(method, &params) {
            Ok(answer) => answer,
            Err(reason) => panic!("bitcoind doesn't answer {method}: {reason}"),
        }
    }

    /// Calls the node once for each of `params`, in one request.
    ///
    /// # Panics
    /// When the node doesn't answer.
    #[track_caller]
    pub fn rpc_batch(&self, method: &str, params: &[Value]) -> Vec<Result<Value, RpcError>> {
        match self.rpc.batch(method, params) {
            Ok(answers) => answers,
            Err(reason) => panic!("bitcoind doesn't answer {method}: {reason}"),
        }
    }

    /// The chain source with user name and password, as `QUORATE_NODE` takes it.
    #[must_use]
    pub fn url_userpass(&self) -> String {
        format!("http://{USER}:{PASSWORD}@{}", self.rpc_address())
    }

    /// The chain source with the cookie file, as `QUORATE_NODE` takes it.
    #[must_use]
    pub fn url_cookie(&self) -> String {
        format!("cookie:{}@{}", self.cookie().display(), self.rpc_address())
    }

    /// The file with the name and password that the node made up when it started.
    #[must_use]
    pub fn cookie(&self) -> PathBuf {
        self.folder.path().join("regtest").join(".cookie")
    }

    /// Where it takes JSON-RPC calls.
    #[must_use]
    pub fn rpc_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.rpc_port).into()
    }

    /// Where other nodes can connect to it, when it was started with [`Self::start_listening`].
    #[must_use]
    pub fn p2p_address(&self) -> Option<SocketAddr> {
        Some(([127, 0, 0, 1], self.p2p_port?).into())
    }

    /// Its process id; `None` while it is stopped.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Its data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Connects to `other`, which listens, and waits until both have the same tip.
    ///
    /// # Panics
    /// When that doesn't happen.
    #[track_caller]
    pub fn connect_to(&self, other: &Self) {
        let address = other.p2p_address().expect("the other node listens");
        self.rpc("addnode", json!([address.to_string(), "onetry"]));
        let end = Instant::now() + PATIENCE;
        while self.chain_tip() != other.chain_tip() {
            assert!(Instant::now() < end, "the nodes don't agree on a tip");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The program that nodes here run.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn program() -> PathBuf {
        exe()
    }

    /// Stops the node's clock at `time` (seconds since 1970); 0 lets it run again.
    pub fn set_time(&self, time: u64) {
        self.rpc("setmocktime", json!([time]));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

fn exe() -> PathBuf {
    match locate::find() {
        Ok(Some(exe)) => exe,
        Ok(None) => panic!(
            "this test needs a Bitcoin Core node and none is found: run `cargo xtask node` once, or set BITCOIND_EXE"
        ),
        Err(reason) => panic!("this test needs a Bitcoin Core node: {reason}"),
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
    listener.local_addr().expect("a bound socket").port()
}

/// User name, salt and HMAC-SHA256 of the password, as `-rpcauth` takes them.
fn rpc_auth() -> String {
    let salt = "5e";
    let mut engine = HmacEngine::<sha256::Hash>::new(salt.as_bytes());
    engine.input(PASSWORD.as_bytes());
    format!("{USER}:{salt}${:x}", Hmac::from_engine(engine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_for_a_node_where_asked_then_on_the_path_then_in_the_cache() {
        let folder = Folder::new("locate");
        let place = |name: &str| {
            let exe = folder.path().join(name).join("bitcoind");
            fs::create_dir_all(exe.parent().expect("a parent")).expect("a folder");
            fs::write(&exe, "").expect("a file");
            exe
        };
        let find = |variables: &[(&str, &Path)]| {
            locate::find_in(|name| {
                let found = variables.iter().find(|variable| variable.0 == name);
                found.map(|variable| variable.1.into())
            })
        };
        let (path, home, cache) = (
            folder.path().join("bin"),
            folder.path().join("home"),
            folder.path().join("cache"),
        );
        let nowhere = [("PATH", &*path), ("HOME", &*home)];
        assert_eq!(find(&nowhere), Ok(None));
        assert_eq!(find(&[]), Ok(None));

        let version = locate::VERSION;
        let in_home = place(&format!("home/.cache/quorate/node/{version}"));
        assert_eq!(find(&nowhere), Ok(Some(in_home.clone())));
        let in_cache = place(&format!("cache/quorate/node/{version}"));
        let xdg = [nowhere[0], nowhere[1], ("XDG_CACHE_HOME", &*cache)];
        assert_eq!(find(&xdg), Ok(Some(in_cache)));
        let relative = [nowhere[0], nowhere[1], ("XDG_CACHE_HOME", Path::new("x"))];
        assert_eq!(find(&relative), Ok(Some(in_home)));
        let on_path = place("bin");
        assert_eq!(find(&xdg), Ok(Some(on_path)));
        let asked = place("asked");
        let named = [nowhere[0], ("BITCOIND_EXE", &*asked)];
        assert_eq!(find(&named), Ok(Some(asked.clone())));
        fs::remove_file(&asked).expect("the file");
        let refusal = find(&named).expect_err("no file");
        assert!(
            refusal.contains("asked/bitcoind`, which is not a file"),
            "{refusal}"
        );
    }
}
