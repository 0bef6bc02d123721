//! Chain sources: where blocks, the mempool and the way to broadcast come from. One small trait;
//! three sources: Bitcoin Core over RPC, Electrum servers, which serve histories of scripts instead
//! of blocks ([`ScriptSource`]), and a simulated chain for tests and the demo.
//!
//! A source is believed about what is on the chain now, and about nothing else: scripts, amounts
//! and transaction ids are always computed from the bytes it sends.
#![warn(missing_docs)]

mod address;
mod core_rpc;
mod electrum;
pub mod failover;
mod script;
pub mod simulated;

pub use core_rpc::CoreRpc;
pub use electrum::Electrum;
pub use failover::Failover;
pub use script::{Branch, ScriptSource};
pub use simulated::Simulated;

use address::Address;
use bitcoin::{Block, BlockHash, FeeRate, Network, Transaction, Txid};
use quorate_core::chain::BlockId;
use quorate_core::spend::Package;
use quorate_core::text::escape;
use std::path::Path;

/// What a source says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainStatus {
    /// The network it is on.
    pub network: Network,
    /// Its best block.
    pub tip: BlockId,
    /// The lowest block it still has, when it prunes.
    pub pruned_below: Option<u32>,
    /// How far its initial download has come, 0 to 1; `None` once it has caught up.
    pub syncing: Option<f64>,
}

/// What waits in the mempool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Ids of all its transactions.
    pub txids: Vec<Txid>,
    /// The source's best block after they were listed.
    pub tip: BlockId,
}

/// How a broadcast ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broadcast {
    /// In the source's mempool now.
    Accepted,
    /// It was there already, or in a block: not an error, broadcasts are retried.
    AlreadyKnown,
    /// The source refuses it, in its own words.
    Refused(String),
}

/// Why a source could not answer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Nobody answers, or the connection broke: trying again may help.
    #[error("{source_name} can't be reached: {reason}")]
    Unreachable {
        /// The source, without credentials.
        source_name: String,
        /// In plain words.
        reason: String,
    },
    /// It answers, but doesn't let us in.
    #[error("{source_name} refuses the user name, password or cookie")]
    Unauthorized {
        /// The source, without credentials.
        source_name: String,
    },
    /// It answers something that can't be true or can't be read.
    #[error("{source_name} sent an answer that can't be used: {reason}")]
    BadAnswer {
        /// The source, without credentials.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is on another network, or on another chain under that name: of no use here.
    #[error("{source_name} can't be used: {reason}")]
    OtherChain {
        /// The source, without credentials.
        source_name: String,
        /// In what it differs.
        reason: String,
        /// The network it is on.
        found: Network,
        /// The network it should be on.
        expected: Network,
    },
    /// Of several sources none could answer.
    #[error("no chain source answers: {}", reasons.join("; "))]
    NoneAnswers {
        /// A sentence about each.
        reasons: Vec<String>,
    },
    /// It can't show that it is the one that is meant.
    #[error("{source_name} can't be trusted: {reason}")]
    Untrusted {
        /// The source, without credentials.
        source_name: String,
        /// In plain words, with the remedy.
        reason: String,
    },
    /// Sources of its kind have no answer to this.
    #[error("{source_name} can't be asked {what}; for this, name a Bitcoin Core node")]
    CannotBeAsked {
        /// The source, without credentials.
        source_name: String,
        /// What for.
        what: &'static str,
    },
    /// The address of the source can't be understood.
    #[error("`{given}` is not a chain source: {reason}")]
    BadAddress {
        /// What was given, without credentials.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ChainError {
    /// What happened, without the name of the source where that can be left away.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unreachable { reason, .. }
            | Self::OtherChain { reason, .. }
            | Self::Untrusted { reason, .. } => reason.clone(),
            Self::BadAnswer { reason, .. } => format!("an answer that can't be used: {reason}"),
            Self::Unauthorized { .. } => "it refuses the user name, password or cookie".to_owned(),
            Self::NoneAnswers { .. } | Self::BadAddress { .. } | Self::CannotBeAsked { .. } => {
                self.to_string()
            }
        }
    }
}

/// Opens the chain source that `address` names; nothing is contacted yet. `home` is the data
/// folder, where `simulated` keeps its chain. The forms:
///
/// - `http://user:password@127.0.0.1:18443`: Bitcoin Core; signs other than letters and digits in
///   the password are percent-encoded;
/// - `cookie:PATH@127.0.0.1:18443`: Bitcoin Core, with the cookie file it writes at each start;
/// - `electrum://HOST:PORT`: an Electrum server, over plain TCP;
/// - `electrums://HOST:PORT`: the same over TLS, with a certificate that browsers would trust; with
///   `?cert=FILE` exactly the certificate in this file (PEM) is trusted, whoever signed it;
/// - both take `?proxy=HOST:PORT`, a SOCKS5 proxy such as Tor's, which also looks up the name;
/// - `simulated`, `simulated:PATH`: a simulated chain in a file.
pub fn open(address: &str, home: &Path) -> Result<Box<dyn ChainSource>, ChainError> {
    Ok(match Address::parse(address, home)? {
        Address::Core(endpoint) => Box::new(CoreRpc::new(endpoint)),
        Address::Electrum(endpoint) => Box::new(Electrum::new(endpoint)),
        Address::Simulated(path) => Box::new(Simulated::open(&path)?),
    })
}

/// A place that knows the chain. Every call blocks. Implementations keep one connection.
///
/// The answers of two calls need not belong together: a block may arrive and a reorg may happen in
/// between. Who walks the chain checks each block's link to the one before.
pub trait ChainSource: std::fmt::Debug + Send {
    /// How to name it in messages; never with credentials.
    fn name(&self) -> &str;
    /// Network, tip, and whether it can serve what is asked.
    fn status(&self) -> Result<ChainStatus, ChainError>;
    /// The active chain's block at `height`; `None` above the tip.
    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError>;
    /// Header time (seconds since 1970) of the active chain's block at `height`; `None` above the tip.
    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError>;
    /// The blocks with these hashes, in this order.
    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError>;
    /// Hashes of the active chain from `from` (inclusive), at most `count`, fewer at the tip.
    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError>;
    /// Ids of all transactions in the mempool.
    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError>;
    /// The same with the tip as it was after they were listed: where that is still the tip of before,
    /// the list is of that chain.
    fn waiting(&self) -> Result<Waiting, ChainError> {
        Ok(Waiting {
            txids: self.mempool_txids()?,
            tip: self.status()?.tip,
        })
    }
    /// These mempool transactions; those gone meanwhile are left out.
    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError>;
    /// What the source would say of `tx` without taking it: `Accepted`, or `Refused` with its words.
    /// Where that can't be asked, [`ChainError::CannotBeAsked`].
    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError>;
    /// The fee rate that gets a transaction into one of the next `blocks` blocks, by what the source has
    /// seen; `None` where it doesn't know.
    fn fee_rate(&self, _blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        Ok(None)
    }
    /// The least fee rate it relays now; `None` where it doesn't say.
    fn relay_floor(&self) -> Result<Option<FeeRate>, ChainError> {
        Ok(None)
    }
    /// A mempool transaction together with all its unconfirmed ancestors; `None` if it isn't in the
    /// mempool, or can't be asked for.
    fn package(&self, _txid: &Txid) -> Result<Option<Package>, ChainError> {
        Ok(None)
    }
    /// Hands `tx` to the network.
    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError>;
    /// Changes when somebody else answers from now on: what was said before and after needn't fit.
    fn generation(&self) -> u64 {
        0
    }
    /// Says that what it told can't be true, which only shows where answers are put together. Returns
    /// whether somebody else answers from now on.
    fn distrust(&self, reason: &str) -> bool {
        let _ = reason;
        false
    }
    /// What a person should know about the sources behind this one, in sentences; each is told once.
    /// They may be asked for it.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
    /// The same source by scripts, if it serves those instead of blocks and the whole mempool.
    fn by_script(&self) -> Option<&dyn ScriptSource> {
        None
    }
}

/// Text that a source sent, made fit for a message: harmless characters, bounded length.
fn foreign(text: &str) -> String {
    const MAX: usize = 300;
    let mut short: String = text.trim().chars().take(MAX).collect();
    if text.trim().chars().count() > MAX {
        short.push('…');
    }
    escape(&short)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn sources_are_opened_by_their_address() {
        let home = tempfile::tempdir().unwrap();
        let simulated = open("simulated", home.path()).unwrap();
        assert_eq!(simulated.status().unwrap().network, Network::Regtest);
        assert!(simulated.name().contains("simulated-chain.jsonl"));
        let other = home.path().join("other");
        let chain = Simulated::open(&other).unwrap();
        chain.mine(5).unwrap();
        let other = open(&format!("simulated:{}", other.display()), home.path()).unwrap();
        assert_eq!(other.status().unwrap().tip.height, 5);
        // Nothing is contacted before the first question.
        let node = open("http://user:hunter2@127.0.0.1:1", home.path()).unwrap();
        assert_eq!(node.name(), "Bitcoin Core at 127.0.0.1:1");
        assert_eq!(
            format!("{node:?}"),
            "CoreRpc(\"Bitcoin Core at 127.0.0.1:1\")"
        );
        let server = open("electrum://127.0.0.1:1", home.path()).unwrap();
        assert_eq!(server.name(), "Electrum server at 127.0.0.1:1");
        assert!(server.by_script().is_some());
        assert!(open("esplora:https://x.example", home.path()).is_err());
    }

    #[test]
    fn foreign_text_is_short_and_harmless() {
        assert_eq!(foreign(" a\x1bb\n"), "a\\u{1b}b");
        assert_eq!(foreign(&"x".repeat(5_000)).chars().count(), 301);
    }
}
