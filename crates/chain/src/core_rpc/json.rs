//! JSON-RPC: calls, batches of calls, and the errors a node answers with.

use super::http::{Failure, Http};
use crate::{ChainError, foreign};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One call: a method and its parameters by position.
#[derive(Debug, Serialize)]
pub(super) struct Call {
    jsonrpc: &'static str,
    id: usize,
    method: &'static str,
    params: Vec<Value>,
}

impl Call {
    pub(super) fn new(method: &'static str, params: Vec<Value>) -> Self {
        Self {
            jsonrpc: "2.0",
            id: 0,
            method,
            params,
        }
    }
}

/// What the node says when it can't or won't.
#[derive(Debug, Deserialize)]
pub(super) struct RpcError {
    pub(super) code: i64,
    #[serde(default)]
    pub(super) message: String,
}

/// The codes of Bitcoin Core's `rpc/protocol.h` that mean something to us.
pub(super) mod code {
    /// The node is loading its data.
    pub(crate) const IN_WARMUP: i64 = -28;
    /// No such block, or no such transaction in the mempool.
    pub(crate) const INVALID_ADDRESS_OR_KEY: i64 = -5;
    /// A height above the tip.
    pub(crate) const INVALID_PARAMETER: i64 = -8;
    /// The bytes are not a transaction.
    pub(crate) const DESERIALIZATION_ERROR: i64 = -22;
    /// Inputs are missing or spent.
    pub(crate) const VERIFY_ERROR: i64 = -25;
    /// Consensus or the mempool's rules say no.
    pub(crate) const VERIFY_REJECTED: i64 = -26;
    /// The transaction is in a block already.
    pub(crate) const VERIFY_ALREADY_IN_UTXO_SET: i64 = -27;
}

/// Old nodes send `result` and `error` always, one of them null; new ones only the one that holds.
#[derive(Deserialize)]
struct Reply<T> {
    id: Option<usize>,
    #[serde(default = "Option::default")]
    result: Option<T>,
    #[serde(default)]
    error: Option<RpcError>,
}

/// The answers of a batch in the order of its calls, and how long the answer was.
pub(super) struct Answers<T> {
    pub(super) results: Vec<Result<T, RpcError>>,
    pub(super) bytes: usize,
}

impl Http {
    /// Sends the calls in one batch. The outer error is about the node, the inner ones about calls.
    pub(super) fn batch<T: DeserializeOwned>(
        &self,
        mut calls: Vec<Call>,
        max: u64,
    ) -> Result<Answers<T>, Failure> {
        for (i, call) in calls.iter_mut().enumerate() {
            call.id = i;
        }
        let body = serde_json::to_vec(&calls)
            .map_err(|e| self.bad(format!("the request can't be written: {e}")))?;
        let answer = self.post(&body, max)?;
        match answer.status {
            200 => {}
            403 => {
                return Err(Failure::Chain(ChainError::Unreachable {
                    source_name: self.name().to_owned(),
                    reason: "it forbids the call; see rpcallowip and rpcwhitelist in its \
                             configuration"
                        .into(),
                }));
            }
            503 => {
                return Err(Failure::Chain(ChainError::Unreachable {
                    source_name: self.name().to_owned(),
                    reason: "it has too much work at hand".into(),
                }));
            }
            status => {
                // A refusal of the whole batch comes as one reply with an HTTP error.
                if let Ok(Reply::<Value> {
                    error: Some(error), ..
                }) = serde_json::from_slice(&answer.body)
                {
                    return Err(self.node_error(&error));
                }
                return Err(self.bad(format!("HTTP status {status}; is it Bitcoin Core?")));
            }
        }
        let replies: Vec<Reply<T>> = match serde_json::from_slice(&answer.body) {
            Ok(replies) => replies,
            Err(e) => {
                // One reply instead of a list is how a node refuses the batch as a whole.
                if let Ok(Reply::<Value> {
                    error: Some(error), ..
                }) = serde_json::from_slice(&answer.body)
                {
                    return Err(self.node_error(&error));
                }
                return Err(self.bad(format!("not the JSON we expect: {e}")));
            }
        };
        Ok(Answers {
            results: self.in_order(&calls, replies)?,
            bytes: answer.body.len(),
        })
    }

    /// A single call.
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        call: Call,
        max: u64,
    ) -> Result<Result<T, RpcError>, ChainError> {
        let answers = self
            .batch(vec![call], max)
            .map_err(|failure| self.final_error(failure, max))?;
        let mut results = answers.results;
        results.pop().ok_or_else(|| self.bad_answer("no answer"))
    }

    /// Puts replies in the order of the calls: exactly one for each, with a result or an error.
    fn in_order<T>(
        &self,
        calls: &[Call],
        replies: Vec<Reply<T>>,
    ) -> Result<Vec<Result<T, RpcError>>, Failure> {
        let mut slots: Vec<Option<Result<T, RpcError>>> = calls.iter().map(|_| None).collect();
        for reply in replies {
            let slot = reply.id.and_then(|id| slots.get_mut(id));
            let (Some(slot @ None), result) = (slot, (reply.result, reply.error)) else {
                return Err(self.bad("it answers what was not asked"));
            };
            *slot = Some(match result {
                (_, Some(error)) if error.code == code::IN_WARMUP => {
                    return Err(self.node_error(&error));
                }
                (_, Some(error)) => Err(error),
                (Some(result), None) => Ok(result),
                (None, None) => return Err(self.bad("a reply without result and error")),
            });
        }
        let whole: Option<Vec<_>> = slots.into_iter().collect();
        whole.ok_or_else(|| self.bad("a call was left without an answer"))
    }

    /// An error of the node that stands for the whole question.
    pub(super) fn node_error(&self, error: &RpcError) -> Failure {
        let said = foreign(&error.message);
        Failure::Chain(if error.code == code::IN_WARMUP {
            ChainError::Unreachable {
                source_name: self.name().to_owned(),
                reason: format!("it is still starting ({said})"),
            }
        } else {
            self.bad_answer(format!("it says: {said} (code {})", error.code))
        })
    }

    /// What remains of a failure once asking for less is no way out.
    pub(super) fn final_error(&self, failure: Failure, max: u64) -> ChainError {
        match failure {
            Failure::Chain(error) => error,
            Failure::TooLarge => self.bad_answer(format!("it is longer than {max} bytes")),
        }
    }

    pub(super) fn bad_answer(&self, reason: impl AsRef<str>) -> ChainError {
        ChainError::BadAnswer {
            source_name: self.name().to_owned(),
            reason: foreign(reason.as_ref()),
        }
    }

    fn bad(&self, reason: impl AsRef<str>) -> Failure {
        Failure::Chain(self.bad_answer(reason))
    }
}
