#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::Simulated;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, ScriptBuf};
use fake::{Fake, Reply, reply_to};
use std::time::Duration;

mod fake;
mod fees;
mod rest;

/// Long enough for a busy machine.
fn limits() -> Limits {
    Limits {
        silence: Duration::from_secs(20),
        whole: Duration::from_secs(40),
        ..Limits::default()
    }
}

/// Short enough to wait for.
fn impatient() -> Limits {
    Limits {
        silence: Duration::from_secs(1),
        whole: Duration::from_secs(2),
        ..Limits::default()
    }
}

fn client(fake: &Fake) -> CoreRpc {
    client_with(fake, limits())
}

fn client_with(fake: &Fake, limits: Limits) -> CoreRpc {
    let endpoint = Endpoint {
        host_port: format!("127.0.0.1:{}", fake.port),
        login: Login::password("user", "hunter2"),
    };
    CoreRpc::with_limits(endpoint, limits)
}

/// What a node on regtest with nothing special says.
fn regtest_info() -> Value {
    json!({
        "chain": "regtest", "blocks": 7, "headers": 7, "initialblockdownload": true,
        "bestblockhash": BlockHash::all_zeros(), "verificationprogress": 1, "pruned": false,
        "warnings": [],
    })
}

/// A node with this `getblockchaininfo` and the genesis block of `genesis`.
fn node_with(info: Value, genesis: Network) -> Fake {
    let hash = genesis_block(genesis).block_hash();
    Fake::answering(move |method, _| match method {
        "getblockchaininfo" => Ok(info.clone()),
        "getblockhash" => Ok(json!(hash)),
        other => panic!("{other}"),
    })
}

/// A chain with a few blocks and transactions to serve.
fn sample() -> Simulated {
    let chain = Simulated::new();
    let script = ScriptBuf::from_bytes(vec![0x51]);
    for sat in 1..=3 {
        chain.fund(&script, Amount::from_sat(sat * 1_000)).unwrap();
    }
    chain.pay(&script, Amount::from_sat(5_000)).unwrap();
    chain.pay(&script, Amount::from_sat(6_000)).unwrap();
    chain
}

/// A well-behaved node on top of a simulated chain.
fn honest(chain: &Simulated) -> Fake {
    let chain = chain.clone();
    let genesis = genesis_block(Network::Regtest).block_hash();
    Fake::answering(move |method, params| {
        let status = chain.status().unwrap();
        match method {
            "getblockchaininfo" => {
                let mut info = regtest_info();
                info["blocks"] = json!(status.tip.height);
                info["bestblockhash"] = json!(status.tip.hash);
                Ok(info)
            }
            "getblockhash" if params[0] == json!(0) => Ok(json!(genesis)),
            "getblockhash" => {
                let height = u32::try_from(params[0].as_u64().unwrap()).unwrap();
                let hash = chain.block_hash(height).unwrap();
                hash.map(|hash| json!(hash))
                    .ok_or((-8, "Block height out of range".into()))
            }
            "getblock" | "getblockheader" => {
                let hash = serde_json::from_value(params[0].clone()).unwrap();
                let block = chain.blocks(&[hash]).unwrap().pop().unwrap();
                Ok(json!(if method == "getblock" {
                    serialize_hex(&block)
                } else {
                    serialize_hex(&block.header)
                }))
            }
            "getrawmempool" => Ok(json!(chain.mempool_txids().unwrap())),
            "getrawtransaction" => {
                let txid = serde_json::from_value(params[0].clone()).unwrap();
                let tx = chain.mempool_transactions(&[txid]).unwrap().pop();
                tx.map(|tx| json!(serialize_hex(&tx)))
                    .ok_or((-5, "No such mempool transaction".into()))
            }
            other => panic!("{other}"),
        }
    })
}

fn bad_answer(result: Result<impl std::fmt::Debug, ChainError>) -> String {
    match result {
        Err(ChainError::BadAnswer { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

fn unreachable(result: Result<impl std::fmt::Debug, ChainError>) -> String {
    match result {
        Err(ChainError::Unreachable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_honest_node_is_read_over_one_connection() {
    let chain = sample();
    let fake = honest(&chain);
    let node = client(&fake);
    let expected = chain.status().unwrap();
    assert_eq!(node.status().unwrap(), expected);
    let top = expected.tip.height;
    let hashes = node.block_hashes(0, u32::MAX).unwrap();
    assert_eq!(hashes, chain.block_hashes(0, u32::MAX).unwrap());
    assert_eq!(node.block_hashes(top - 1, 1).unwrap().len(), 1);
    assert_eq!(node.block_hash(top).unwrap(), Some(expected.tip.hash));
    assert_eq!(node.block_hash(top + 1).unwrap(), None);
    assert_eq!(node.block_time(3).unwrap(), chain.block_time(3).unwrap());
    assert_eq!(node.block_time(top + 1).unwrap(), None);
    assert_eq!(
        node.blocks(&hashes).unwrap(),
        chain.blocks(&hashes).unwrap()
    );
    assert_eq!(node.blocks(&[]).unwrap(), []);
    assert_eq!(node.waiting().unwrap(), chain.waiting().unwrap());
    let txids = node.mempool_txids().unwrap();
    let mut asked = txids.clone();
    asked.insert(1, Txid::all_zeros());
    assert_eq!(
        node.mempool_transactions(&asked).unwrap(),
        chain.mempool_transactions(&txids).unwrap()
    );
    assert_eq!(fake.connections(), 1);
    // 104 blocks in batches of 8, 32, 50 and the rest.
    let batches = fake.requests();
    let blocks = batches.iter().filter(|r| r.method() == "getblock");
    let sizes: Vec<usize> = blocks.map(|r| r.calls()).collect();
    assert_eq!(sizes, [8, 32, 50, hashes.len() - 90]);
}

#[test]
fn every_network_is_known_by_its_name_and_genesis() {
    for (chain, network) in [
        ("main", Network::Bitcoin),
        ("test", Network::Testnet),
        ("testnet4", Network::Testnet4),
        ("signet", Network::Signet),
        ("regtest", Network::Regtest),
    ] {
        let mut info = regtest_info();
        info["chain"] = json!(chain);
        info["verificationprogress"] = json!(0.25);
        let fake = node_with(info, network);
        let status = client(&fake).status().unwrap();
        assert_eq!(status.network, network);
        assert_eq!(status.tip.height, 7);
        let syncing = (network != Network::Regtest).then_some(0.25);
        assert_eq!(status.syncing, syncing, "{chain}");
    }
    let mut info = regtest_info();
    info["chain"] = json!("liquid\x1b[2J");
    let reason = bad_answer(client(&node_with(info, Network::Regtest)).status());
    assert!(reason.contains("`liquid\\u{1b}[2J`"), "{reason}");
}

#[test]
fn t29_a_genesis_block_of_another_network_is_refused() {
    let fake = node_with(regtest_info(), Network::Bitcoin);
    let reason = bad_answer(client(&fake).status());
    assert!(reason.contains("genesis"), "{reason}");
}

#[test]
fn a_pruned_or_caught_up_node_says_so() {
    let mut info = regtest_info();
    info["chain"] = json!("signet");
    info["pruned"] = json!(true);
    info["pruneheight"] = json!(1234);
    info["initialblockdownload"] = json!(false);
    let status = client(&node_with(info, Network::Signet)).status().unwrap();
    assert_eq!((status.pruned_below, status.syncing), (Some(1234), None));
}

#[test]
fn t29_blocks_that_are_not_what_was_asked_for_are_refused() {
    let chain = sample();
    let top = chain.status().unwrap().tip;
    let block = chain.blocks(&[top.hash]).unwrap().pop().unwrap();
    let genesis = genesis_block(Network::Regtest);
    let mut other_transactions = block.clone();
    other_transactions.txdata[1].output[0].value += Amount::ONE_SAT;
    let mut repeated = block.clone();
    repeated.txdata.extend_from_within(..);
    let mut empty = block.clone();
    empty.txdata.clear();
    let hex = serialize_hex(&block);
    for (answer, words) in [
        (json!(serialize_hex(&genesis)), "it sent block"),
        (json!(serialize_hex(&other_transactions)), "header commits"),
        (json!(serialize_hex(&repeated)), "commits"),
        (json!(serialize_hex(&empty)), "header commits"),
        (json!(format!("{hex}00")), "can't be parsed"),
        (json!(hex[..hex.len() - 2]), "can't be parsed"),
        (json!("zz"), "can't be parsed"),
        (json!(""), "can't be parsed"),
        (json!({"hash": "00"}), "JSON"),
        (json!(null), "without result"),
    ] {
        let fake = Fake::answering(move |_, _| Ok(answer.clone()));
        let reason = bad_answer(client(&fake).blocks(&[top.hash]));
        assert!(reason.contains(words), "{words}: {reason}");
    }
}

#[test]
fn t29_a_repeated_tail_of_transactions_is_refused() {
    // Three transactions and the last one twice have the same merkle root (CVE-2012-2459).
    let chain = Simulated::new();
    let script = ScriptBuf::from_bytes(vec![0x51]);
    for _ in 0..3 {
        chain.fund(&script, Amount::from_sat(9_000)).unwrap();
    }
    chain.pay(&script, Amount::from_sat(1_000)).unwrap();
    chain.pay(&script, Amount::from_sat(2_000)).unwrap();
    let hash = chain.mine(1).unwrap()[0];
    let mut block = chain.blocks(&[hash]).unwrap().pop().unwrap();
    assert_eq!(block.txdata.len(), 3);
    block.txdata.push(block.txdata[2].clone());
    assert!(block.check_merkle_root());
    let hex = serialize_hex(&block);
    let fake = Fake::answering(move |_, _| Ok(json!(hex)));
    let reason = bad_answer(client(&fake).blocks(&[hash]));
    assert!(reason.contains("twice"), "{reason}");
}

#[test]
fn a_block_the_node_has_no_more_is_named() {
    let fake = Fake::answering(|_, _| Err((-1, "Block not available (pruned data)".into())));
    let reason = bad_answer(client(&fake).blocks(&[BlockHash::all_zeros()]));
    assert!(reason.contains("pruned data"), "{reason}");
}

#[test]
fn t29_headers_and_transactions_that_are_not_what_was_asked_for_are_refused() {
    let chain = sample();
    let hash = chain.block_hash(5).unwrap().unwrap();
    let header = serialize_hex(&genesis_block(Network::Regtest).header);
    let fake = Fake::answering(move |method, _| {
        Ok(match method {
            "getblockhash" => json!(hash),
            _ => json!(header),
        })
    });
    let reason = bad_answer(client(&fake).block_time(5));
    assert!(reason.contains("it sent header"), "{reason}");

    let txids = chain.mempool_txids().unwrap();
    let other = serialize_hex(&chain.mempool_transactions(&txids[1..]).unwrap()[0]);
    for (hex, words) in [
        (other.clone(), "it sent"),
        (other + "00", "can't be parsed"),
    ] {
        let fake = Fake::answering(move |_, _| Ok(json!(hex)));
        let reason = bad_answer(client(&fake).mempool_transactions(&txids[..1]));
        assert!(reason.contains(words), "{reason}");
    }
}

/// The list and the tip that it belongs to come in one answer.
#[test]
fn a_mempool_without_its_tip_is_refused() {
    let info = regtest_info();
    for (txids, info, words) in [
        (json!([]), json!([]), "each other's"),
        (info.clone(), json!([]), "each other's"),
        (json!(["00"]), info.clone(), "not the JSON we expect"),
        (json!(7), info.clone(), "a list of transaction ids"),
        (json!([]), json!({ "chain": "regtest" }), "missing field"),
    ] {
        let fake = Fake::answering(move |method, _| match method {
            "getrawmempool" => Ok(txids.clone()),
            "getblockchaininfo" => Ok(info.clone()),
            other => panic!("{other}"),
        });
        let reason = bad_answer(client(&fake).waiting());
        assert!(reason.contains(words), "{reason}");
    }
    let fake = Fake::answering(|method, _| match method {
        "getrawmempool" => Ok(json!([])),
        _ => Err((-1, "no \u{1b}[2J".into())),
    });
    let reason = bad_answer(client(&fake).waiting());
    assert!(reason.contains("it says: no \\u{1b}[2J"), "{reason}");
}

#[test]
fn t18_an_answer_of_ten_megabytes_is_cut_off() {
    let fake = Fake::start(|_| Reply::Json(200, format!("[\"{}\"]", "x".repeat(10 << 20))));
    let reason = bad_answer(client(&fake).status());
    assert!(reason.contains("longer than 1048576 bytes"), "{reason}");
    // One that doesn't tell its length beforehand, and has none.
    let fake = Fake::start(|_| Reply::Endless);
    let reason = bad_answer(client(&fake).status());
    assert!(reason.contains("longer than 1048576 bytes"), "{reason}");
}

#[test]
fn batches_adapt_to_the_size_of_blocks() {
    let chain = sample();
    let hashes = chain.block_hashes(1, 40).unwrap();
    let fake = honest(&chain);
    // A block here is about 600 bytes of JSON: three of them fit.
    let node = client_with(
        &fake,
        Limits {
            bulk: 2_000,
            target: 1_300,
            ..limits()
        },
    );
    assert_eq!(
        node.blocks(&hashes).unwrap(),
        chain.blocks(&hashes).unwrap()
    );
    let sizes: Vec<usize> = fake.requests().iter().map(|r| r.calls()).collect();
    assert_eq!(sizes[..3], [8, 4, 2]);
    assert!(sizes[3..].iter().all(|&n| n == 2), "{sizes:?}");
    // One block beyond the limit is no block.
    let node = client_with(
        &fake,
        Limits {
            bulk: 300,
            ..limits()
        },
    );
    let reason = bad_answer(node.blocks(&hashes));
    assert!(reason.contains("longer than 300 bytes"), "{reason}");
}

#[test]
fn t29_a_stalled_answer_ends() {
    let fake = Fake::start(|_| Reply::Stall);
    let reason = unreachable(client_with(&fake, impatient()).status());
    assert!(reason.contains("stopped answering"), "{reason}");
    // One byte after the other, for ever.
    let fake = Fake::start(|_| Reply::Trickle);
    let reason = unreachable(client_with(&fake, impatient()).status());
    assert!(reason.contains("didn't finish"), "{reason}");
}

#[test]
fn nobody_there_is_unreachable() {
    let fake = Fake::start(|_| Reply::Stall);
    let port = fake.free_port();
    let endpoint = Endpoint {
        host_port: format!("127.0.0.1:{port}"),
        login: Login::password("user", "hunter2"),
    };
    let node = CoreRpc::with_limits(endpoint, limits());
    let message = node.status().unwrap_err().to_string();
    assert!(message.contains("nobody listens there"), "{message}");
    assert!(message.contains(&port.to_string()), "{message}");
}

#[test]
fn a_connection_that_broke_is_opened_again_once() {
    let chain = sample();
    let answers = honest(&chain);
    let port = answers.port;
    // Closes after each answer, without saying so beforehand.
    let fake = Fake::start(move |request| Reply::ThenClose(fake::forward(port, request)));
    let node = client(&fake);
    for _ in 0..6 {
        node.status().unwrap();
    }
    assert!(fake.connections() > 3);

    let fake = Fake::start(|_| Reply::Close);
    let reason = unreachable(client(&fake).status());
    assert!(reason.contains("connection broke"), "{reason}");
    assert_eq!(fake.connections(), 2);
}

#[test]
fn a_restarted_node_writes_another_cookie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".cookie");
    let node = |fake: &Fake| {
        let address = format!("cookie:{}@127.0.0.1:{}", path.display(), fake.port);
        CoreRpc::open(&address).unwrap()
    };
    let current = std::sync::Arc::new(std::sync::Mutex::new("__cookie__:one".to_owned()));
    let accepted = current.clone();
    let fake = Fake::start(move |request| {
        if request.login() == *accepted.lock().unwrap() {
            Reply::Json(200, reply_to(&request.body, |_, _| Ok(json!([]))))
        } else {
            Reply::Json(401, String::new())
        }
    });
    let client = node(&fake);
    let reason = unreachable(client.mempool_txids());
    assert!(reason.contains("is not there"), "{reason}");

    std::fs::write(&path, "__cookie__:one\n").unwrap();
    assert_eq!(client.mempool_txids().unwrap(), []);
    // The node restarts.
    *current.lock().unwrap() = "__cookie__:two".to_owned();
    std::fs::write(&path, "__cookie__:two").unwrap();
    assert_eq!(client.mempool_txids().unwrap(), []);
    // The file is of another node: one more try, no more.
    *current.lock().unwrap() = "__cookie__:three".to_owned();
    let before = fake.requests().len();
    let error = client.mempool_txids().unwrap_err();
    assert!(matches!(error, ChainError::Unauthorized { .. }), "{error}");
    assert_eq!(fake.requests().len(), before + 1);
    // The node is stopped and its file gone, then it is there again.
    std::fs::remove_file(&path).unwrap();
    let error = client.mempool_txids().unwrap_err();
    assert!(matches!(error, ChainError::Unauthorized { .. }), "{error}");
    let reason = unreachable(client.mempool_txids());
    assert!(reason.contains("is not there"), "{reason}");
    std::fs::write(&path, "__cookie__:three").unwrap();
    assert_eq!(client.mempool_txids().unwrap(), []);

    for junk in [&b"no colon"[..], b"a:b\nc", b"\xff:\xfe", b""] {
        std::fs::write(&path, junk).unwrap();
        let reason = unreachable(node(&fake).mempool_txids());
        assert!(reason.contains("not a cookie file"), "{reason}");
        assert!(!reason.contains("colon"), "{reason}");
    }
}

#[test]
fn a_wrong_password_is_told_apart_from_a_node_that_is_down() {
    let fake = Fake::start(|_| Reply::Json(401, String::new()));
    let error = client(&fake).status().unwrap_err();
    assert!(matches!(error, ChainError::Unauthorized { .. }), "{error}");
    assert_eq!(fake.requests().len(), 1);
}

#[test]
fn a_node_that_is_starting_or_busy_is_unreachable_for_now() {
    let loading = || Err((-28, "Loading block index…".to_owned()));
    let warming = Fake::answering(move |_, _| loading());
    let reason = unreachable(client(&warming).status());
    assert!(
        reason.contains("still starting (Loading block index…)"),
        "{reason}"
    );
    // Not as if it had no such block.
    let reason = unreachable(client(&warming).blocks(&[BlockHash::all_zeros()]));
    assert!(reason.contains("still starting"), "{reason}");
    let single = r#"{"result":null,"error":{"code":-28,"message":"Verifying"},"id":0}"#;
    for (status, body, words) in [
        (500, single, "still starting (Verifying)"),
        (200, single, "still starting (Verifying)"),
        (503, "Work queue depth exceeded", "too much work"),
        (403, "", "rpcallowip"),
    ] {
        let fake = Fake::start(move |_| Reply::Json(status, body.to_owned()));
        let reason = unreachable(client(&fake).status());
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn what_is_not_a_node_is_not_believed() {
    for (status, body, words) in [
        (200, "", "JSON"),
        (200, "<html>hello</html>", "JSON"),
        (200, "[", "JSON"),
        (200, "{}", "JSON"),
        (200, "null", "JSON"),
        (200, "[]", "without an answer"),
        (200, r#"[{"id":0}]"#, "without result"),
        (200, r#"[{"id":1,"result":[]}]"#, "not asked"),
        (200, r#"[{"result":[]}]"#, "not asked"),
        (
            200,
            r#"[{"id":0,"result":[]},{"id":0,"result":[]}]"#,
            "not asked",
        ),
        (200, r#"[{"id":-1,"result":[]}]"#, "JSON"),
        (200, r#"[{"id":0,"result":["zz"]}]"#, "JSON"),
        (404, "not found", "HTTP status 404"),
        (500, "oops", "HTTP status 500"),
        (302, "", "HTTP status 302"),
        (
            500,
            r#"{"error":{"code":-32700,"message":"Parse \u001b[2J"},"id":null}"#,
            "Parse \\u{1b}[2J (code -32700)",
        ),
    ] {
        let fake = Fake::start(move |_| Reply::Json(status, body.to_owned()));
        let reason = bad_answer(client(&fake).mempool_txids());
        assert!(reason.contains(words), "{body}: {reason}");
    }
    let deep = "[".repeat(100_000);
    let fake = Fake::start(move |_| Reply::Json(200, deep.clone()));
    bad_answer(client(&fake).mempool_txids());
    let fake = Fake::start(|_| Reply::Raw(b"220 mail.example ESMTP\r\n".to_vec()));
    let reason = bad_answer(client(&fake).mempool_txids());
    assert!(reason.contains("not HTTP"), "{reason}");
}

#[test]
fn t21_a_redirect_carries_the_password_nowhere() {
    let thief = Fake::start(|_| Reply::Json(200, String::new()));
    let port = thief.port;
    let fake = Fake::start(move |_| {
        let head = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{port}/\r\n\
             Content-Length: 0\r\n\r\n"
        );
        Reply::Raw(head.into_bytes())
    });
    let reason = bad_answer(client(&fake).status());
    assert!(reason.contains("307"), "{reason}");
    assert_eq!(thief.connections(), 0);
}

#[test]
fn t21_no_message_and_no_debug_output_shows_the_password() {
    for make in [
        || Reply::Json(401, String::new()),
        || Reply::Json(500, "user:hunter2".to_owned()),
        || Reply::Stall,
        || Reply::Close,
        || Reply::Raw(b"nonsense\r\n\r\n".to_vec()),
    ] {
        let fake = Fake::start(move |_| make());
        let node = client_with(&fake, impatient());
        let error = node.status().unwrap_err();
        let shown = format!("{error} {error:?} {node:?} {}", node.name());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains("dXNlcjpodW50ZXIy"), "{shown}");
        assert_eq!(fake.requests()[0].login(), "user:hunter2");
    }
}

#[test]
fn the_end_of_a_broadcast_is_told_in_the_nodes_words() {
    let chain = sample();
    let txids = chain.mempool_txids().unwrap();
    let tx = chain.mempool_transactions(&txids[..1]).unwrap().remove(0);
    let refused = |text: &str| Broadcast::Refused(text.to_owned());
    for (answer, expected) in [
        (Ok(json!(txids[0])), Broadcast::Accepted),
        (
            Err((-27, "Transaction outputs already in utxo set")),
            Broadcast::AlreadyKnown,
        ),
        (Err((-26, "txn-already-known")), Broadcast::AlreadyKnown),
        (
            Err((-26, "txn-mempool-conflict")),
            refused("txn-mempool-conflict"),
        ),
        (
            Err((-26, "min relay fee not met, 0 < 141")),
            refused("min relay fee not met, 0 < 141"),
        ),
        (
            Err((-25, "bad-txns-inputs-missingorspent")),
            refused("bad-txns-inputs-missingorspent"),
        ),
        (
            Err((-22, "TX decode failed\u{7}")),
            refused("TX decode failed\\u{7}"),
        ),
    ] {
        let hex = serialize_hex(&tx);
        let fake = Fake::answering(move |method, params| {
            assert_eq!(method, "sendrawtransaction");
            assert_eq!(params, &json!([hex, 0, 21_000_000]));
            answer.clone().map_err(|(code, text)| (code, text.into()))
        });
        assert_eq!(client(&fake).broadcast(&tx).unwrap(), expected);
    }
    let other = json!(txids[1]);
    let fake = Fake::answering(move |_, _| Ok(other.clone()));
    assert!(bad_answer(client(&fake).broadcast(&tx)).contains("it took"));
    let fake = Fake::answering(|_, _| Err((-32601, "Method not found".into())));
    assert!(bad_answer(client(&fake).broadcast(&tx)).contains("Method not found"));
}

#[test]
fn a_test_of_acceptance_is_told_in_the_nodes_words() {
    let chain = sample();
    let txids = chain.mempool_txids().unwrap();
    let tx = chain.mempool_transactions(&txids[..1]).unwrap().remove(0);
    for (verdict, expected) in [
        (json!({"allowed": true}), Broadcast::Accepted),
        (
            json!({"allowed": false, "reject-reason": "txn-already-in-mempool"}),
            Broadcast::AlreadyKnown,
        ),
        (
            json!({"allowed": false, "reject-reason": "non-BIP68-final"}),
            Broadcast::Refused("non-BIP68-final".into()),
        ),
        (
            json!({"allowed": false, "reject-reason": "a", "reject-details": "a, because of b"}),
            Broadcast::Refused("a, because of b".into()),
        ),
        (
            json!({"package-error": "package-not-sorted"}),
            Broadcast::Refused("package-not-sorted".into()),
        ),
    ] {
        let fake = Fake::answering(move |_, _| Ok(json!([verdict])));
        assert_eq!(client(&fake).test_accept(&tx).unwrap(), expected);
    }
    for answer in [json!([]), json!([{}, {}])] {
        let fake = Fake::answering(move |_, _| Ok(answer.clone()));
        assert!(bad_answer(client(&fake).test_accept(&tx)).contains("one verdict"));
    }
}
