//! An Electrum server: histories of scripts instead of whole blocks. The protocol is spoken by
//! `electrum-client`, over a stream of ours that bounds every wait and every answer.
//!
//! Nothing is believed that can be computed: headers must have the work they claim, transactions the
//! ids they were asked by, and the network is the one whose genesis block the server has. What it
//! leaves out can't be noticed: docs/threat-model.md says what that means.

mod fees;
mod line;
mod pipe;
mod proxy;
mod scripts;
mod tls;
mod work;

pub(crate) use tls::Trust;

use crate::{Broadcast, ChainError, ChainSource, ChainStatus, ScriptSource, foreign};
use bitcoin::block::Header;
use bitcoin::blockdata::constants::genesis_block;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Block, BlockHash, FeeRate, Network, Transaction, Txid};
use electrum_client::Param;
use line::{Call, Failure, Line};
use quorate_core::chain::BlockId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// Where a server listens, how to get there, and whom to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name, or an address; IPv6 in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For TLS.
    pub(crate) trust: Option<Trust>,
    /// A SOCKS5 proxy.
    pub(crate) proxy: Option<(String, u16)>,
}

/// Bounds on what a server can cost us.
#[derive(Debug, Clone)]
struct Limits {
    /// Until the connection stands.
    connect: Duration,
    /// Without a byte. Some servers hold small answers back for a second; Tor is slow.
    silence: Duration,
    /// Of one batch of questions, from the first byte sent to the last one received.
    whole: Duration,
    /// Bytes of the answers to one batch.
    answer: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            whole: Duration::from_secs(300),
            answer: 32 << 20,
        }
    }
}

const NETWORKS: [Network; 5] = [
    Network::Bitcoin,
    Network::Testnet,
    Network::Testnet4,
    Network::Signet,
    Network::Regtest,
];

/// An Electrum server.
pub struct Electrum {
    line: Line,
    network: OnceLock<Network>,
}

impl fmt::Debug for Electrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Electrum").field(&self.line.name()).finish()
    }
}

/// What `blockchain.headers.subscribe` answers.
#[derive(Deserialize)]
struct Tip {
    height: u32,
    hex: String,
}

impl Electrum {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self::with_limits(endpoint, Limits::default())
    }

    fn with_limits(endpoint: Endpoint, limits: Limits) -> Self {
        Self {
            line: Line::new(endpoint, limits),
            network: OnceLock::new(),
        }
    }

    fn bad(&self, reason: impl AsRef<str>) -> ChainError {
        self.line.bad(reason)
    }

    fn read<T: DeserializeOwned>(&self, answer: Value, asked: &str) -> Result<T, ChainError> {
        serde_json::from_value(answer)
            .map_err(|error| self.bad(format!("the answer to {asked} can't be read: {error}")))
    }

    /// Answers to one call for each item. A batch whose answer is too long is asked again in
    /// halves; one that holds a refused call one by one, where `None` stands for what is refused.
    fn each<T>(
        &self,
        most: usize,
        items: &[T],
        call: impl Fn(&T) -> Call,
        asked: &str,
    ) -> Result<Vec<Option<Value>>, ChainError> {
        let mut out = Vec::with_capacity(items.len());
        let mut most = most;
        let mut rest = items;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(most.min(rest.len()));
            let calls: Vec<Call> = now.iter().map(&call).collect();
            match self.line.batch(&calls) {
                Ok(answers) if answers.len() == now.len() => {
                    out.extend(answers.into_iter().map(Some));
                }
                Ok(_) => return Err(self.bad(format!("it answers {asked} only in part"))),
                Err(Failure::Refused(_)) => {
                    for call in &calls {
                        out.push(self.one(call, asked)?);
                    }
                }
                Err(Failure::TooLarge) if now.len() > 1 => {
                    most = now.len() / 2;
                    continue;
                }
                Err(failure) => return Err(self.line.last(failure, asked)),
            }
            rest = later;
        }
        Ok(out)
    }

    /// The answer to one call; `None` when it is refused.
    fn one(&self, call: &Call, asked: &str) -> Result<Option<Value>, ChainError> {
        match self.line.batch(std::slice::from_ref(call)) {
            Ok(answers) => Ok(answers.into_iter().next()),
            Err(Failure::Refused(_)) => Ok(None),
            Err(failure) => Err(self.line.last(failure, asked)),
        }
    }

    /// The network, by the genesis block.
    fn network(&self) -> Result<Network, ChainError> {
        if let Some(network) = self.network.get() {
            return Ok(*network);
        }
        let answers = self.line.batch(&[header_at(0)]);
        let answer = answers.map_err(|failure| self.line.last(failure, "the genesis block"))?;
        let hex: String = self.read(only(answer), "the genesis block")?;
        let header = self.parsed(&hex)?;
        let hash = header.block_hash();
        let known = NETWORKS
            .iter()
            .find(|n| genesis_block(**n).block_hash() == hash);
        let network = known.ok_or_else(|| {
            self.bad(format!(
                "its genesis block is {hash}, which is no network's that we know"
            ))
        })?;
        Ok(*self.network.get_or_init(|| *network))
    }

    fn parsed(&self, hex: &str) -> Result<Header, ChainError> {
        deserialize_hex(hex).map_err(|e| self.bad(format!("a header can't be parsed: {e}")))
    }

    /// A header that has the work it claims, and claims as much as it must at this height.
    fn checked(&self, hex: &str, height: u32) -> Result<Header, ChainError> {
        let header = self.parsed(hex)?;
        if !work::enough(&header, height, self.network()?) {
            return Err(self.bad(format!(
                "header {} doesn't have the work that a block at height {height} has",
                header.block_hash()
            )));
        }
        Ok(header)
    }

    fn unsupported(&self, what: &'static str) -> ChainError {
        ChainError::CannotBeAsked {
            source_name: self.line.name().to_owned(),
            what,
        }
    }
}

/// The answer to the only call of a batch; null, which nothing reads, if there is none.
fn only(answers: Vec<Value>) -> Value {
    answers.into_iter().next().unwrap_or_default()
}

fn header_at(height: u32) -> Call {
    ("blockchain.block.header", vec![Param::U32(height)])
}

impl ChainSource for Electrum {
    fn name(&self) -> &str {
        self.line.name()
    }

    fn status(&self) -> Result<ChainStatus, ChainError> {
        let network = self.network()?;
        let asked = "its best block";
        let answers = self.line.batch(&[("blockchain.headers.subscribe", vec![])]);
        let answer = answers.map_err(|failure| self.line.last(failure, asked))?;
        let tip: Tip = self.read(only(answer), asked)?;
        let header = self.checked(&tip.hex, tip.height)?;
        Ok(ChainStatus {
            network,
            tip: BlockId {
                height: tip.height,
                hash: header.block_hash(),
            },
            pruned_below: None,
            syncing: work::share(tip.height, network),
        })
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        let header = self.headers(&[height])?.pop().flatten();
        Ok(header.map(|header| header.block_hash()))
    }

    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        let header = self.headers(&[height])?.pop().flatten();
        Ok(header.map(|header| header.time))
    }

    fn blocks(&self, _: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        Err(self.unsupported("for whole blocks"))
    }

    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        let headers = self.headers_from(from, count)?;
        Ok(headers.iter().map(Header::block_hash).collect())
    }

    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        Err(self.unsupported("for the whole mempool"))
    }

    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        let transactions = self.transactions(txids)?;
        Ok(transactions.into_iter().flatten().collect())
    }

    fn test_accept(&self, _: &Transaction) -> Result<Broadcast, ChainError> {
        Err(self.unsupported("what it would say of a transaction without sending it"))
    }

    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        let txid = tx.compute_txid();
        let params = vec![Param::String(serialize_hex(tx))];
        let asked = "sending a transaction";
        match self
            .line
            .batch(&[("blockchain.transaction.broadcast", params)])
        {
            Ok(answer) => {
                let took: Txid = self.read(only(answer), asked)?;
                if took == txid {
                    return Ok(Broadcast::Accepted);
                }
                Err(self.bad(format!("given transaction {txid} it took {took}")))
            }
            // Servers have no common words for a transaction that is there already: ask for it.
            Err(Failure::Refused(words)) => match self.transactions(&[txid])?.pop().flatten() {
                Some(_) => Ok(Broadcast::AlreadyKnown),
                None => Ok(Broadcast::Refused(node_words(&words))),
            },
            Err(failure) => Err(self.line.last(failure, asked)),
        }
    }

    fn fee_rate(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        self.estimate(blocks)
    }

    fn relay_floor(&self) -> Result<Option<FeeRate>, ChainError> {
        self.least_relayed()
    }

    fn by_script(&self) -> Option<&dyn ScriptSource> {
        Some(self)
    }
}

/// The node's own words in the sentence that a server puts around them: it repeats the whole
/// transaction after them.
fn node_words(words: &str) -> String {
    let inner = words
        .split_once("network rules.")
        .map_or(words, |(_, rest)| rest);
    let inner = inner.split('[').next().unwrap_or(inner);
    let inner = inner.trim();
    foreign(if inner.is_empty() { words } else { inner })
}

#[cfg(test)]
mod tests;
