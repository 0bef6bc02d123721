//! One lie, or one fault, in each test.

use super::fake::{Chain, Fake, Reply, honest, pay, work};
use super::{bad, chain, client, endpoint, limits, script, unreachable};
use crate::electrum::Electrum;
use crate::{Broadcast, ChainSource, ScriptSource};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{CompactTarget, Network};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A server that is honest but for one method.
fn but(method: &'static str, reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Fake {
    let (chain, _) = chain();
    Fake::start(move |asked, params| match asked == method {
        true => reply(params),
        false => honest(&chain, asked, params),
    })
}

#[test]
fn t29_another_network_is_seen_by_its_genesis_block() {
    for network in [
        Network::Bitcoin,
        Network::Testnet,
        Network::Testnet4,
        Network::Signet,
    ] {
        let genesis = Chain::new(network);
        let client = client(&Fake::honest(genesis));
        assert_eq!(client.status().unwrap().network, network);
    }
    let mut unknown = Chain::new(Network::Regtest);
    unknown.blocks[0].header.time += 1;
    let error = bad(&client(&Fake::honest(unknown)).status().unwrap_err());
    assert!(error.contains("no network's that we know"), "{error}");
}

#[test]
fn t29_a_transaction_under_another_id_is_refused() {
    let fake = but("blockchain.transaction.get", |_| {
        Reply::Result(json!(serialize_hex(&pay(9, &script(1), 1_000_000))))
    });
    let (_, made) = chain();
    let txid = made[0].compute_txid();
    let error = bad(&client(&fake).transactions(&[txid]).unwrap_err());
    assert!(
        error.contains(&format!("asked for transaction {txid} it sent ")),
        "{error}"
    );
}

#[test]
fn t29_a_header_without_its_work_is_refused() {
    let (chain, _) = chain();
    let mut idle = chain.blocks[2].header;
    while idle.validate_pow(idle.target()).is_ok() {
        idle.nonce += 1;
    }
    // As on regtest, but this one is of the main network: there it is too little.
    let mut easy = Chain::new(Network::Bitcoin);
    easy.blocks[0].header.bits = CompactTarget::from_consensus(0x207f_ffff);
    easy.blocks[0].header.nonce = 0;
    work(&mut easy.blocks[0].header);
    let genesis = Chain::new(Network::Bitcoin);
    for (header, of) in [(idle, chain), (easy.blocks[0].header, genesis)] {
        let hex = serialize_hex(&header);
        let fake = Fake::start(move |method, params| match (method, params[0].as_u64()) {
            ("blockchain.headers.subscribe", _) => Reply::Result(json!({"height": 2, "hex": hex})),
            ("blockchain.block.header", Some(1..)) => Reply::Result(json!(hex)),
            ("blockchain.block.headers", _) => Reply::Result(json!({"hex": hex})),
            _ => honest(&of, method, params),
        });
        let client = client(&fake);
        for error in [
            client.status().unwrap_err(),
            client.block_hash(1).unwrap_err(),
            client.headers_from(1, 1).unwrap_err(),
        ] {
            let error = bad(&error);
            assert!(
                error.contains("doesn't have the work that a block at height"),
                "{error}"
            );
        }
    }
}

#[test]
fn t29_a_chain_of_the_main_network_without_its_work_is_refused() {
    // The genesis block has all the work that was asked of it, which is nothing today.
    let genesis = Chain::new(Network::Bitcoin);
    let hex = serialize_hex(&genesis.blocks[0].header);
    let fake = Fake::start(move |method, params| match method {
        "blockchain.headers.subscribe" => Reply::Result(json!({"height": 910_000, "hex": hex})),
        "blockchain.block.headers" => Reply::Result(json!({"hex": hex})),
        _ => honest(&genesis, method, params),
    });
    let client = client(&fake);
    let error = bad(&client.status().unwrap_err());
    assert!(error.contains("at height 910000"), "{error}");
    bad(&client.headers_from(700_000, 1).unwrap_err());
    // One that doesn't have the chain is not believed to have all of it.
    let behind = super::client(&Fake::honest(Chain::new(Network::Bitcoin)));
    assert_eq!(behind.status().unwrap().syncing, Some(0.0));
}

#[test]
fn t29_more_headers_than_asked_for_are_refused() {
    let (chain, _) = chain();
    let all: String = chain
        .blocks
        .iter()
        .map(|b| serialize_hex(&b.header))
        .collect();
    for hex in [all.clone(), all[..170].to_owned()] {
        let fake = but("blockchain.block.headers", move |_| {
            Reply::Result(json!({"count": 1, "hex": hex, "max": 2016}))
        });
        bad(&client(&fake).headers_from(0, 1).unwrap_err());
    }
}

#[test]
fn t29_impossible_heights_are_refused() {
    let entry = json!({"tx_hash": "11".repeat(32), "height": -2});
    let fake = but("blockchain.scripthash.get_history", move |_| {
        Reply::Result(json!([entry]))
    });
    let error = bad(&client(&fake).histories(&[script(1)]).unwrap_err());
    assert!(error.contains("at height -2"), "{error}");
}

#[test]
fn t18_a_stalled_answer_ends() {
    let start = Instant::now();
    let fake = but("blockchain.headers.subscribe", |_| Reply::Stall);
    let error = unreachable(&client(&fake).status().unwrap_err());
    assert!(error.contains("stopped answering"), "{error}");
    let fake = but("blockchain.headers.subscribe", |_| Reply::Trickle);
    let error = unreachable(&client(&fake).status().unwrap_err());
    assert!(error.contains("didn't finish"), "{error}");
    let silent = Fake::start(|_, _| Reply::Stall);
    unreachable(&client(&silent).status().unwrap_err());
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn t18_a_huge_answer_is_not_kept() {
    let fake = but("blockchain.headers.subscribe", |_| Reply::Endless);
    let error = bad(&client(&fake).status().unwrap_err());
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
}

#[test]
fn t18_what_is_too_long_together_comes_in_parts() {
    let chain = {
        let mut chain = Chain::new(Network::Regtest);
        for n in 0..8 {
            let mut tx = pay(n, &script(n), 1);
            tx.output[0].script_pubkey = vec![0x51; 100_000].into();
            chain.mempool.push(tx);
        }
        chain
    };
    let ids: Vec<_> = chain.mempool.iter().map(|tx| tx.compute_txid()).collect();
    let fake = Fake::honest(chain.clone());
    let got = client(&fake).transactions(&ids).unwrap();
    let expected: Vec<_> = chain.mempool.into_iter().map(Some).collect();
    assert_eq!(got, expected);
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let client = Electrum::with_limits(endpoint(address), limits());
    let error = unreachable(&client.status().unwrap_err());
    assert!(error.contains("nobody listens there"), "{error}");
    let hangs_up = Fake::start(|_, _| Reply::Close);
    let error = unreachable(&super::client(&hangs_up).status().unwrap_err());
    assert!(error.contains("the connection broke"), "{error}");
}

#[test]
fn a_kept_connection_that_broke_is_made_anew_once() {
    let (chain, _) = chain();
    let count = AtomicUsize::new(0);
    let tip = chain.blocks[2].block_hash();
    let fake = Fake::start(move |method, params| {
        if method == "blockchain.headers.subscribe" && count.fetch_add(1, Ordering::SeqCst) == 1 {
            return Reply::Close;
        }
        honest(&chain, method, params)
    });
    let client = client(&fake);
    for _ in 0..3 {
        assert_eq!(client.status().unwrap().tip.hash, tip);
    }
    let hellos = fake
        .calls()
        .iter()
        .filter(|c| *c == "server.version")
        .count();
    assert_eq!(hellos, 2);
    let subscribed = [script(1), script(2)];
    assert_eq!(client.statuses(&subscribed).unwrap().len(), 2);
}

#[test]
fn what_is_not_the_protocol_is_said() {
    for raw in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "{\"jsonrpc\": \"2.0\", \"id\": 0, \"result\": 7}\n",
        "{\"jsonrpc\": \"2.0\", \"id\": 0, \"error\": \"too \u{1b}old\"}\n",
        "\u{0}\u{0}\n",
    ] {
        let fake = Fake::start(|_, _| Reply::Raw(raw.as_bytes().to_vec()));
        let error = bad(&client(&fake).status().unwrap_err());
        assert!(!error.contains('\u{1b}'), "{error}");
    }
    let fake = Fake::start(|_, _| Reply::Raw(vec![0xff, 0xfe, b'\n']));
    bad(&client(&fake).status().unwrap_err());
    for answer in [
        json!(null),
        json!(7),
        json!({"height": -1, "hex": ""}),
        json!({"height": 1}),
    ] {
        let fake = but("blockchain.headers.subscribe", move |_| {
            Reply::Result(answer.clone())
        });
        bad(&client(&fake).status().unwrap_err());
    }
}

#[test]
fn news_between_answers_disturb_nothing() {
    let (chain, _) = chain();
    let status = "22".repeat(32);
    let hash = super::fake::script_hash(&script(1));
    let fake = Fake::start(move |method, params| match honest(&chain, method, params) {
        Reply::Result(answer) if method == "blockchain.headers.subscribe" => {
            let params = json!([{"height": 7, "hex": "00"}]);
            let note = json!({"jsonrpc": "2.0", "method": method, "params": params});
            Reply::After(note, answer)
        }
        Reply::Result(answer) if method == "blockchain.scripthash.get_history" => {
            let method = "blockchain.scripthash.subscribe";
            let params = json!([hash, status]);
            let note = json!({"jsonrpc": "2.0", "method": method, "params": params});
            Reply::After(note, answer)
        }
        other => other,
    });
    let client = client(&fake);
    client.status().unwrap();
    client.statuses(&[script(1)]).unwrap();
    assert_eq!(client.histories(&[script(1)]).unwrap()[0].len(), 3);
    assert_eq!(client.status().unwrap().tip.height, 2);
}

#[test]
fn a_refused_broadcast_has_the_nodes_words() {
    let refuse = |_: &Value| {
        let words = "the transaction was rejected by network rules.\n\nmin relay fee not met, 0 < 110\n[0200aa]";
        Reply::Error(json!({"code": 1, "message": words}))
    };
    let fake = but("blockchain.transaction.broadcast", refuse);
    let (_, made) = chain();
    let client = client(&fake);
    let stranger = pay(77, &script(7), 5);
    let words = "min relay fee not met, 0 < 110".to_owned();
    assert_eq!(
        client.broadcast(&stranger).unwrap(),
        Broadcast::Refused(words)
    );
    // Whatever it says of one that it has.
    for known in &made {
        assert_eq!(client.broadcast(known).unwrap(), Broadcast::AlreadyKnown);
    }
    let other = made[1].compute_txid();
    let fake = but("blockchain.transaction.broadcast", move |_| {
        Reply::Result(json!(other))
    });
    bad(&super::client(&fake).broadcast(&made[0]).unwrap_err());
}

#[test]
fn a_history_that_is_refused_is_said() {
    let fake = but("blockchain.scripthash.get_history", |_| {
        Reply::Error(json!({"code": 1, "message": "history too large"}))
    });
    let error = bad(&client(&fake)
        .histories(&[script(1), script(2)])
        .unwrap_err());
    assert!(error.contains("ask another"), "{error}");
}
