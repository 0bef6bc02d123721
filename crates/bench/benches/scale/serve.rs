//! A generated chain behind the RPC interface of a node, as far as a sync asks.

use crate::generated::Generated;
use bitcoin::BlockHash;
use bitcoin::consensus::encode::serialize_hex;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Serves until the bench ends; the address to give to `--node`.
pub(crate) fn start(chain: &Arc<Generated>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let chain = Arc::clone(chain);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let chain = Arc::clone(&chain);
            thread::spawn(move || {
                // The client goes when it has enough.
                let _ = answer_all(&chain, stream);
            });
        }
    });
    format!("http://bench:bench@127.0.0.1:{port}")
}

fn answer_all(chain: &Generated, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if lines.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            lines.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(count) = line.strip_prefix("content-length:") {
                length = count.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body)?;
        let (status, text) = if first.starts_with("POST") {
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            let answers = match &asked {
                Value::Array(calls) => calls.iter().map(|call| answer(chain, call)).collect(),
                call => answer(chain, call),
            };
            ("200 OK", answers.to_string())
        } else {
            ("404 Not Found", String::new())
        };
        write!(
            out,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        )?;
    }
}

fn answer(chain: &Generated, call: &Value) -> Value {
    let first = &call["params"][0];
    let height = first.as_u64().and_then(|height| u32::try_from(height).ok());
    let hash: Option<BlockHash> = first.as_str().and_then(|text| text.parse().ok());
    let block = || chain.block(hash.and_then(|hash| chain.height(hash)).unwrap_or(0));
    let result = match call["method"].as_str().unwrap_or_default() {
        "getblockchaininfo" => json!({
            "chain": "regtest", "blocks": chain.tip(), "headers": chain.tip(), "bestblockhash": chain.hash(chain.tip()),
            "initialblockdownload": false, "verificationprogress": 1.0, "pruned": false,
        }),
        "getblockhash" => match height.and_then(|height| chain.hash(height)) {
            Some(hash) => json!(hash),
            None => {
                return json!({"jsonrpc": "2.0", "id": call["id"],
                    "error": {"code": -8, "message": "Block height out of range"}});
            }
        },
        "getblock" => json!(serialize_hex(&block())),
        "getblockheader" => json!(serialize_hex(&block().header)),
        "getrawmempool" => json!([]),
        other => {
            return json!({"jsonrpc": "2.0", "id": call["id"],
                "error": {"code": -32601, "message": format!("no method {other}")}});
        }
    };
    json!({"jsonrpc": "2.0", "id": call["id"], "result": result})
}
