//! Bitcoin Core over JSON-RPC: a lean client that asks in batches over one kept-alive connection
//! and believes nothing that it can compute. A block must hash to the hash it was asked by and its
//! transactions to its merkle root; a transaction must have the id it was asked by; a node must
//! have the genesis block of the network it names.
//!
//! Witnesses inside of blocks are not compared with the witness commitment: nothing here depends
//! on the witnesses of confirmed transactions.

mod block;
mod fees;
mod http;
mod json;
mod limits;
mod mempool;
mod resolve;

pub(crate) use http::{Endpoint, Login};

use crate::address::Address;
use crate::{Broadcast, ChainError, ChainSource, ChainStatus, Waiting, foreign};
use bitcoin::block::Header;
use bitcoin::blockdata::constants::genesis_block;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Block, BlockHash, FeeRate, Network, Transaction, Txid};
use http::{Failure, Http};
use json::{Call, RpcError, code};
use limits::Limits;
use quorate_core::chain::BlockId;
use quorate_core::spend::Package;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Calls in one batch of blocks or transactions, at most.
const MAX_BATCH: usize = 50;
/// The first batch, before anything is known of the sizes: 8 of the largest blocks keep the limit.
const FIRST_BATCH: usize = 8;
/// Hashes asked for in one batch.
const HASH_BATCH: u32 = 1_000;

/// A Bitcoin Core node.
pub struct CoreRpc {
    http: Http,
    limits: Limits,
    rest: block::Rest,
    block_batch: AtomicUsize,
    transaction_batch: AtomicUsize,
}

impl fmt::Debug for CoreRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoreRpc").field(&self.http.name()).finish()
    }
}

impl CoreRpc {
    /// A node by its address, `http://…` or `cookie:…` as in [`crate::open`]; nothing is contacted
    /// yet.
    pub fn open(address: &str) -> Result<Self, ChainError> {
        match Address::parse(address, Path::new(""))? {
            Address::Core(endpoint) => Ok(Self::new(endpoint)),
            Address::Electrum(_) | Address::Simulated(_) => Err(ChainError::BadAddress {
                given: foreign(address),
                reason: "it is not a Bitcoin Core node".into(),
            }),
        }
    }

    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self::with_limits(endpoint, Limits::default())
    }

    /// The same for a person who waits: one short question may take half of `total`.
    pub(crate) fn patient(endpoint: Endpoint, total: Duration) -> Self {
        let defaults = Limits::default();
        let quick = (total / 2).max(Duration::from_millis(500));
        let limits = Limits {
            connect: defaults.connect.min(quick),
            silence: defaults.silence.min(total.max(quick)),
            quick,
            ..defaults
        };
        Self::with_limits(endpoint, limits)
    }

    fn with_limits(endpoint: Endpoint, limits: Limits) -> Self {
        Self {
            http: Http::new(endpoint, limits.clone()),
            limits,
            rest: block::Rest::default(),
            block_batch: AtomicUsize::new(FIRST_BATCH),
            transaction_batch: AtomicUsize::new(MAX_BATCH),
        }
    }

    /// Mines blocks that pay `address`, on a regtest node: for tests and the demo.
    pub fn generate(
        &self,
        count: u32,
        address: &bitcoin::Address,
    ) -> Result<Vec<BlockHash>, ChainError> {
        let params = vec![json!(count), json!(address.to_string())];
        self.ask("generatetoaddress", params, self.limits.short)
    }

    fn bad(&self, reason: impl AsRef<str>) -> ChainError {
        self.http.bad_answer(reason)
    }

    /// A call whose every error is the node's fault or trouble.
    fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        params: Vec<Value>,
        max: u64,
    ) -> Result<T, ChainError> {
        self.http
            .call(Call::new(method, params), max)?
            .map_err(|error| self.refusal(&error, max))
    }

    /// One answer of a batch in which no call may fail.
    fn expect<T: serde::de::DeserializeOwned>(
        &self,
        answer: Option<Result<Value, RpcError>>,
        max: u64,
    ) -> Result<T, ChainError> {
        let answer = answer.ok_or_else(|| self.bad("no answer"))?;
        let value = answer.map_err(|error| self.refusal(&error, max))?;
        serde_json::from_value(value)
            .map_err(|error| self.bad(format!("not the JSON we expect: {error}")))
    }

    fn refusal(&self, error: &RpcError, max: u64) -> ChainError {
        self.http.final_error(self.http.node_error(error), max)
    }

    /// Hex by the batch. Sizes vary by orders of magnitude, so each batch is measured and the next
    /// one made to fit; one that was too long is asked again in halves.
    fn fetch<I>(
        &self,
        pace: &AtomicUsize,
        items: &[I],
        call: impl Fn(&I) -> Call,
    ) -> Result<Vec<Result<String, RpcError>>, ChainError> {
        let mut out = Vec::with_capacity(items.len());
        let mut rest = items;
        while !rest.is_empty() {
            let allowed = pace.load(Ordering::Relaxed);
            let size = allowed.clamp(1, rest.len());
            let (now, later) = rest.split_at(size);
            let calls = now.iter().map(&call).collect();
            match self.http.batch(calls, self.limits.bulk) {
                Ok(answers) => {
                    let fitting = self.limits.target * size / answers.bytes.max(1);
                    let next = fitting.clamp(1, (allowed * 4).min(MAX_BATCH));
                    pace.store(next, Ordering::Relaxed);
                    out.extend(answers.results);
                    rest = later;
                }
                Err(Failure::TooLarge) if size > 1 => pace.store(size / 2, Ordering::Relaxed),
                Err(failure) => return Err(self.http.final_error(failure, self.limits.bulk)),
            }
        }
        Ok(out)
    }
}

/// What we read of `getblockchaininfo`.
#[derive(Deserialize)]
struct ChainInfo {
    chain: String,
    blocks: u32,
    bestblockhash: BlockHash,
    initialblockdownload: bool,
    verificationprogress: f64,
    #[serde(default)]
    pruned: bool,
    pruneheight: Option<u32>,
}

impl ChainInfo {
    const fn tip(&self) -> BlockId {
        BlockId {
            height: self.blocks,
            hash: self.bestblockhash,
        }
    }
}

/// What we read of `testmempoolaccept`.
#[derive(Deserialize)]
struct TestAccept {
    allowed: Option<bool>,
    #[serde(rename = "reject-reason")]
    reason: Option<String>,
    #[serde(rename = "reject-details")]
    details: Option<String>,
    #[serde(rename = "package-error")]
    package_error: Option<String>,
}

impl ChainSource for CoreRpc {
    fn name(&self) -> &str {
        self.http.name()
    }

    fn status(&self) -> Result<ChainStatus, ChainError> {
        let max = self.limits.short;
        let calls = vec![
            Call::new("getblockchaininfo", vec![]),
            Call::new("getblockhash", vec![json!(0)]),
        ];
        let answers = self.http.batch::<Value>(calls, max);
        let answers = answers.map_err(|failure| self.http.final_error(failure, max))?;
        let mut answers = answers.results.into_iter();
        let info: ChainInfo = self.expect(answers.next(), max)?;
        let network = Network::from_core_arg(&info.chain)
            .map_err(|_| self.bad(format!("it is on an unknown chain, `{}`", info.chain)))?;
        let genesis: BlockHash = self.expect(answers.next(), max)?;
        if genesis != genesis_block(network).block_hash() {
            return Err(self.bad(format!(
                "it says that it is on {network}, but its genesis block is {genesis}"
            )));
        }
        // A regtest node calls itself downloading for as long as its last block is a day old.
        let syncing = info.initialblockdownload && network != Network::Regtest;
        Ok(ChainStatus {
            network,
            tip: info.tip(),
            pruned_below: info.pruned.then(|| info.pruneheight.unwrap_or(0)),
            syncing: syncing.then(|| info.verificationprogress.clamp(0.0, 1.0)),
        })
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        Ok(self.block_hashes(height, 1)?.pop())
    }

    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        let Some(hash) = self.block_hash(height)? else {
            return Ok(None);
        };
        let params = vec![json!(hash), json!(false)];
        let hex: String = self.ask("getblockheader", params, self.limits.short)?;
        let header: Header = deserialize_hex(&hex)
            .map_err(|e| self.bad(format!("header {hash} can't be parsed: {e}")))?;
        if header.block_hash() != hash {
            let got = header.block_hash();
            return Err(self.bad(format!("asked for header {hash} it sent header {got}")));
        }
        Ok(Some(header.time))
    }

    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        self.read_blocks(hashes)
    }

    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        let mut out = Vec::new();
        let end = from.saturating_add(count);
        let mut next = from;
        while next < end {
            let until = next.saturating_add(HASH_BATCH).min(end);
            let calls = (next..until)
                .map(|height| Call::new("getblockhash", vec![json!(height)]))
                .collect();
            let answers = self
                .http
                .batch(calls, self.limits.short)
                .map_err(|failure| self.http.final_error(failure, self.limits.short))?;
            for answer in answers.results {
                match answer {
                    Ok(hash) => out.push(hash),
                    Err(e) if e.code == code::INVALID_PARAMETER => return Ok(out),
                    Err(e) => return Err(self.refusal(&e, self.limits.short)),
                }
            }
            next = until;
        }
        Ok(out)
    }

    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.ask("getrawmempool", vec![json!(false)], self.limits.bulk)
    }

    fn waiting(&self) -> Result<Waiting, ChainError> {
        self.listed()
    }

    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        let call = |txid: &Txid| Call::new("getrawtransaction", vec![json!(txid), json!(0)]);
        let mut out = Vec::with_capacity(txids.len());
        let answers = self.fetch(&self.transaction_batch, txids, call)?;
        for (answer, txid) in answers.into_iter().zip(txids) {
            let hex = match answer {
                Ok(hex) => hex,
                Err(e) if e.code == code::INVALID_ADDRESS_OR_KEY => continue,
                Err(e) => return Err(self.refusal(&e, self.limits.bulk)),
            };
            let tx: Transaction = deserialize_hex(&hex)
                .map_err(|e| self.bad(format!("transaction {txid} can't be parsed: {e}")))?;
            if tx.compute_txid() != *txid {
                let got = tx.compute_txid();
                return Err(self.bad(format!("asked for transaction {txid} it sent {got}")));
            }
            out.push(tx);
        }
        Ok(out)
    }

    fn fee_rate(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        self.estimate(blocks)
    }

    fn relay_floor(&self) -> Result<Option<FeeRate>, ChainError> {
        self.least_relayed().map(Some)
    }

    fn package(&self, txid: &Txid) -> Result<Option<Package>, ChainError> {
        self.with_ancestors(txid)
    }

    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        // 0 lifts the node's own limit on fees: ours was applied before.
        let call = Call::new(
            "testmempoolaccept",
            vec![json!([serialize_hex(tx)]), json!(0)],
        );
        let answer = self.http.call::<Vec<TestAccept>>(call, self.limits.short)?;
        let verdict = match answer {
            Err(e) if is_verdict(e.code) => return Ok(Broadcast::Refused(foreign(&e.message))),
            Err(e) => return Err(self.refusal(&e, self.limits.short)),
            Ok(mut list) if list.len() == 1 => list.pop(),
            Ok(_) => None,
        };
        let verdict = verdict.ok_or_else(|| self.bad("one transaction needs one verdict"))?;
        let reason = verdict.reason.unwrap_or_default();
        Ok(match verdict.allowed {
            Some(true) => Broadcast::Accepted,
            Some(false) if is_known(&reason) => Broadcast::AlreadyKnown,
            Some(false) => Broadcast::Refused(foreign(&verdict.details.unwrap_or(reason))),
            None => Broadcast::Refused(foreign(&verdict.package_error.unwrap_or(reason))),
        })
    }

    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        // 0 lifts the node's limit on fees, 21 million its limit on burning: ours were applied
        // before, with the user's word where they were exceeded.
        let params = vec![json!(serialize_hex(tx)), json!(0), json!(21_000_000)];
        let call = Call::new("sendrawtransaction", params);
        match self.http.call::<Txid>(call, self.limits.short)? {
            Ok(txid) if txid == tx.compute_txid() => Ok(Broadcast::Accepted),
            Ok(txid) => Err(self.bad(format!(
                "given transaction {} it took {txid}",
                tx.compute_txid()
            ))),
            Err(e) if e.code == code::VERIFY_ALREADY_IN_UTXO_SET || is_known(&e.message) => {
                Ok(Broadcast::AlreadyKnown)
            }
            Err(e) if is_verdict(e.code) => Ok(Broadcast::Refused(foreign(&e.message))),
            Err(e) => Err(self.refusal(&e, self.limits.short)),
        }
    }
}

/// Whether an error is the node's word on the transaction, not on itself.
fn is_verdict(code: i64) -> bool {
    matches!(
        code,
        code::DESERIALIZATION_ERROR | code::VERIFY_ERROR | code::VERIFY_REJECTED
    )
}

/// The mempool's words for a transaction that is there already. Not `txn-mempool-conflict`:
/// that is another one spending the same coin.
fn is_known(reason: &str) -> bool {
    matches!(
        reason,
        "txn-already-in-mempool" | "txn-already-known" | "txn-same-nonwitness-data-in-mempool"
    )
}

#[cfg(test)]
mod tests;
