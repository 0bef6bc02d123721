//! What makes an Electrum server one: scripts, their transactions, the proofs, the headers.

use super::line::Call;
use super::{Electrum, header_at, only};
use crate::{Branch, ChainError, ScriptSource};
use bitcoin::block::Header;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{ScriptBuf, Transaction, Txid};
use electrum_client::{GetHistoryRes, GetMerkleRes, Param, ToElectrumScriptHash};
use quorate_core::ledger::{Listed, ListedAt, ScriptStatus};
use serde::Deserialize;

/// Scripts, proofs and headers asked for at once. Servers bound what they read ahead, and neither
/// side must wait for the other to read while it writes.
const MANY: usize = 200;
/// Histories asked for at once. Servers hold the last answer back for a second so that its length tells nothing:
/// the fewer at once, the more seconds.
const HISTORIES: usize = 100;
/// Transactions asked for at once; few are larger than 100 kB.
const TRANSACTIONS: usize = 200;
/// Headers that servers send at once.
const HEADERS: u32 = 2016;

/// What `blockchain.block.headers` answers: one text until protocol 1.4, a list since 1.6.
#[derive(Deserialize)]
struct HeadersAnswer {
    hex: Option<String>,
    headers: Option<Vec<String>>,
}

fn by_hash(method: &'static str, script: &ScriptBuf) -> Call {
    let hash = script.to_electrum_scripthash();
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    (method, vec![Param::String(hex)])
}

fn get(txid: &Txid) -> Call {
    let params = vec![Param::String(txid.to_string())];
    ("blockchain.transaction.get", params)
}

impl ScriptSource for Electrum {
    fn statuses(&self, scripts: &[ScriptBuf]) -> Result<Vec<Option<ScriptStatus>>, ChainError> {
        let mut statuses = Vec::with_capacity(scripts.len());
        for some in scripts.chunks(MANY) {
            let answer = self.line.statuses(some);
            let answer = answer.map_err(|failure| self.line.last(failure, "scripts' statuses"))?;
            statuses.extend(answer);
        }
        if statuses.len() != scripts.len() {
            return Err(self.bad("it answers scripts' statuses only in part"));
        }
        Ok(statuses)
    }

    fn histories(&self, scripts: &[ScriptBuf]) -> Result<Vec<Vec<Listed>>, ChainError> {
        let call = |script: &ScriptBuf| by_hash("blockchain.scripthash.get_history", script);
        let asked = "a script's history";
        let answers = self.each(HISTORIES, scripts, call, asked)?;
        let mut histories = Vec::with_capacity(scripts.len());
        for answer in answers {
            let answer = answer.ok_or_else(|| {
                self.bad(
                    "it refuses a script's history; it may be too long for this server: ask another",
                )
            })?;
            let list: Vec<GetHistoryRes> = self.read(answer, asked)?;
            let listed = list.into_iter().map(|entry| {
                let at = match entry.height {
                    0 => ListedAt::Mempool,
                    -1 => ListedAt::MempoolChild,
                    height => ListedAt::Block(u32::try_from(height).map_err(|_| {
                        self.bad(format!("it lists a transaction at height {height}"))
                    })?),
                };
                Ok(Listed {
                    txid: entry.tx_hash,
                    at,
                })
            });
            histories.push(listed.collect::<Result<_, ChainError>>()?);
        }
        Ok(histories)
    }

    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Option<Transaction>>, ChainError> {
        let asked = "a transaction";
        let answers = self.each(TRANSACTIONS, txids, get, asked)?;
        let checked = answers.into_iter().zip(txids).map(|(answer, txid)| {
            let Some(answer) = answer else {
                return Ok(None);
            };
            let hex: String = self.read(answer, asked)?;
            let tx: Transaction = deserialize_hex(&hex)
                .map_err(|e| self.bad(format!("transaction {txid} can't be parsed: {e}")))?;
            let got = tx.compute_txid();
            if got != *txid {
                return Err(self.bad(format!("asked for transaction {txid} it sent {got}")));
            }
            Ok(Some(tx))
        });
        checked.collect()
    }

    fn branches(&self, places: &[(Txid, u32)]) -> Result<Vec<Option<Branch>>, ChainError> {
        let call = |(txid, height): &(Txid, u32)| -> Call {
            let params = vec![Param::String(txid.to_string()), Param::U32(*height)];
            ("blockchain.transaction.get_merkle", params)
        };
        let asked = "a proof that a transaction is in a block";
        let answers = self.each(MANY, places, call, asked)?;
        let read = answers.into_iter().map(|answer| {
            let Some(answer) = answer else {
                return Ok(None);
            };
            let proof: GetMerkleRes = self.read(answer, asked)?;
            let position = u32::try_from(proof.pos)
                .map_err(|_| self.bad(format!("it names place {} in a block", proof.pos)))?;
            let mut hashes = proof.merkle;
            hashes.iter_mut().for_each(|hash| hash.reverse()); // as displayed
            Ok(Some(Branch { position, hashes }))
        });
        read.collect()
    }

    fn headers(&self, heights: &[u32]) -> Result<Vec<Option<Header>>, ChainError> {
        let asked = "a header";
        let answers = self.each(MANY, heights, |height| header_at(*height), asked)?;
        let checked = answers.into_iter().zip(heights).map(|(answer, height)| {
            let hex: Option<String> = answer.map(|hex| self.read(hex, asked)).transpose()?;
            hex.map(|hex| self.checked(&hex, *height)).transpose()
        });
        checked.collect()
    }

    fn headers_from(&self, from: u32, count: u32) -> Result<Vec<Header>, ChainError> {
        let asked = "headers";
        let mut headers = Vec::new();
        let mut next = from;
        let end = from.saturating_add(count);
        while next < end {
            let wanted = (end - next).min(HEADERS);
            let params = vec![Param::U32(next), Param::U32(wanted)];
            let answers = self.line.batch(&[("blockchain.block.headers", params)]);
            let answer = answers.map_err(|failure| self.line.last(failure, asked))?;
            let answer: HeadersAnswer = self.read(only(answer), asked)?;
            let hex = match (answer.headers, answer.hex) {
                (Some(list), _) => list.concat(),
                (None, Some(hex)) => hex,
                (None, None) => return Err(self.bad("it sends no headers when asked for some")),
            };
            let (whole, rest) = hex.as_bytes().as_chunks::<{ 2 * Header::SIZE }>();
            let got = u32::try_from(whole.len()).unwrap_or(u32::MAX);
            if !rest.is_empty() || got > wanted {
                return Err(self.bad(format!("asked for {wanted} headers it sent {got}")));
            }
            for (height, header) in (next..).zip(whole) {
                headers.push(self.checked(&String::from_utf8_lossy(header), height)?);
            }
            if got == 0 {
                break;
            }
            next += got;
        }
        Ok(headers)
    }
}
