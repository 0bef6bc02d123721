//! A small JSON-RPC client of the testkit's own: tests must not look at the node through the
//! very code they test.

use bitcoin::base64::Engine as _;
use bitcoin::base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that one call may take; `invalidateblock` over many blocks is the slowest.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The largest answer that is read.
const LIMIT: u64 = 512 << 20;

/// What the node answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcError {
    /// Bitcoin Core's error number, negative.
    pub code: i64,
    /// Bitcoin Core's words.
    pub message: String,
}

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl std::error::Error for RpcError {}

/// Calls one node; keeps its connection.
#[derive(Debug)]
pub(crate) struct Rpc {
    agent: ureq::Agent,
    url: String,
    authorization: String,
}

impl Rpc {
    pub(crate) fn new(port: u16, user: &str, password: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // Bitcoin Core answers errors with status 500, and says in the body what is wrong.
            .http_status_as_error(false)
            // A proxy in the environment must not come between us and the loopback.
            .proxy(None)
            .build();
        Self {
            agent: config.into(),
            url: format!("http://127.0.0.1:{port}/"),
            authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        }
    }

    /// The node's answer. The outer error says that there was none.
    pub(crate) fn call(
        &self,
        method: &str,
        params: &Value,
    ) -> Result<Result<Value, RpcError>, String> {
        let request = json!({"jsonrpc": "1.0", "id": 1, "method": method, "params": params});
        Ok(outcome(self.post(&request)?))
    }

    /// The node's answers to one call for each of `params`, in one request.
    pub(crate) fn batch(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<Vec<Result<Value, RpcError>>, String> {
        let calls = params.iter().enumerate().map(
            |(id, params)| json!({"jsonrpc": "1.0", "id": id, "method": method, "params": params}),
        );
        let Value::Array(answers) = self.post(&calls.collect())? else {
            return Err("one answer to a batch".to_owned());
        };
        let in_order = answers.iter().zip(0u64..).all(|(one, id)| one["id"] == id);
        if answers.len() != params.len() || !in_order {
            return Err("other answers than calls".to_owned());
        }
        Ok(answers.into_iter().map(outcome).collect())
    }

    fn post(&self, request: &Value) -> Result<Value, String> {
        let mut response = self
            .agent
            .post(&self.url)
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/json")
            .send(request.to_string())
            .map_err(|e| e.to_string())?;
        let status = response.status();
        let body = response
            .body_mut()
            .with_config()
            .limit(LIMIT)
            .read_to_string()
            .map_err(|e| e.to_string())?;
        serde_json::from_str(&body)
            .map_err(|e| format!("status {status}, and no JSON ({e}): {body}"))
    }
}

fn outcome(mut answer: Value) -> Result<Value, RpcError> {
    match &answer["error"] {
        Value::Null => Ok(answer["result"].take()),
        error => Err(RpcError {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
        }),
    }
}
