//! The demo's chain: a Bitcoin Core node of its own in regtest mode, or the simulated one.

use super::locate;
use super::stage::Stage;
use bitcoin::{Address, Amount, Network};
use quorate_chain::{ChainSource, CoreRpc, Simulated};
use quorate_coordinator::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A node on a fresh folder answers within a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) enum DemoChain {
    Node {
        _node: Node,
        rpc: Box<CoreRpc>,
        program: String,
    },
    Simulated(Simulated),
}

/// A node of our own: it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // Its folder is thrown away anyway, so there is nothing it would have to write first.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl DemoChain {
    pub(super) fn open(stage: &mut Stage, simulated: bool) -> Result<Self, Error> {
        let program = match simulated {
            true => None,
            false => locate::find_in(crate::config::tool)
                .map_err(|what| Error::input("bad_environment", what))?,
        };
        if let Some(program) = program {
            stage.say(&format!(
                "A Bitcoin Core node of our own starts, in regtest mode: {}",
                program.display()
            ))?;
            match Self::start(stage, &program) {
                Ok(chain) => return Ok(chain),
                Err(error) if error.code == "interrupted" => return Err(error),
                Err(error) => stage.tell(&format!(
                    "It doesn't start ({error}), so a simulated chain serves instead."
                ))?,
            }
        } else {
            let why = if simulated {
                "as asked for"
            } else {
                "no bitcoind was found (`cargo xtask node` builds one)"
            };
            stage.say(&format!(
                "A simulated chain serves, {why}. It checks every script with the consensus code."
            ))?;
        }
        let file = stage.folder().join("chain");
        let chain = Simulated::open(&file)?;
        stage.use_node(format!("simulated:{}", file.display()));
        Ok(Self::Simulated(chain))
    }

    fn start(stage: &mut Stage, program: &Path) -> Result<Self, Error> {
        let trouble = |what: String| Error::chain("demo", what);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| trouble(format!("no port is free: {error}")))?
            .port();
        let folder = stage.folder().join("node");
        std::fs::create_dir(&folder).map_err(|error| trouble(error.to_string()))?;
        let child = Command::new(program)
            .arg(format!("-datadir={}", folder.display()))
            .arg(format!("-rpcport={port}"))
            .args([
                "-regtest",
                "-server",
                "-listen=0",
                "-dnsseed=0",
                "-natpmp=0",
                "-printtoconsole=0",
                "-rpcbind=127.0.0.1",
            ])
            .args(["-rpcallowip=127.0.0.1", "-disablewallet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| trouble(format!("{} can't be run: {error}", program.display())))?;
        let mut node = Node(child);
        let source = format!(
            "cookie:{}@127.0.0.1:{port}",
            folder.join("regtest/.cookie").display()
        );
        let rpc = Box::new(CoreRpc::open(&source)?);
        let end = Instant::now() + PATIENCE;
        while rpc.status().is_err() {
            stage.pause()?;
            let gone = node.0.try_wait().is_ok_and(|status| status.is_some());
            if gone || Instant::now() > end {
                return Err(trouble("it ended or doesn't answer".to_owned()));
            }
        }
        stage.use_node(source);
        Ok(Self::Node {
            _node: node,
            rpc,
            program: program.display().to_string(),
        })
    }

    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Node { .. } => "bitcoin_core",
            Self::Simulated(_) => "simulated",
        }
    }

    pub(super) fn program(&self) -> Option<String> {
        match self {
            Self::Node { program, .. } => Some(program.clone()),
            Self::Simulated(_) => None,
        }
    }

    /// Puts money on `address` and confirms it.
    pub(super) fn pay(&self, address: &str) -> Result<(), Error> {
        let address: Address = address
            .parse::<Address<_>>()
            .ok()
            .and_then(|address| address.require_network(Network::Regtest).ok())
            .ok_or_else(|| Error::refused("demo", "the vault's address can't be read"))?;
        match self {
            // What a miner earns may be spent after 100 blocks.
            Self::Node { rpc, .. } => {
                rpc.generate(1, &address)?;
                rpc.generate(100, &burn())?;
            }
            Self::Simulated(chain) => {
                chain
                    .fund(&address.script_pubkey(), Amount::from_sat(100_000_000))
                    .map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Mines the next block.
    pub(super) fn mine(&self) -> Result<(), Error> {
        match self {
            Self::Node { rpc, .. } => rpc.generate(1, &burn()).map(|_| ())?,
            Self::Simulated(chain) => chain.mine(1).map(|_| ()).map_err(failed)?,
        }
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::refused("demo", format!("the simulated chain refuses: {error}"))
}

/// Somewhere else for a miner to be paid.
fn burn() -> Address {
    Address::p2wsh(
        &bitcoin::ScriptBuf::from_bytes(vec![0x51]),
        Network::Regtest,
    )
}
