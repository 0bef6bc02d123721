//! The client against a small server that lies in one way at a time.
#![allow(clippy::unwrap_used, reason = "tests")]

mod fake;
mod lies;
mod ways;

use super::{Electrum, Endpoint, Limits};
use crate::{Broadcast, ChainError, ChainSource, ScriptSource};
use bitcoin::{Network, ScriptBuf, Transaction};
use fake::{Chain, Fake, pay};
use quorate_core::ledger::{CheckedBlock, Listed, ListedAt, Proven, ScriptStatus};
use std::net::SocketAddr;
use std::time::Duration;

fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        silence: Duration::from_millis(300),
        whole: Duration::from_millis(900),
        answer: 1 << 20,
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        host: address.ip().to_string(),
        port: address.port(),
        trust: None,
        proxy: None,
    }
}

fn client(fake: &Fake) -> Electrum {
    Electrum::with_limits(endpoint(fake.address), limits())
}

fn script(name: u8) -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x6a, 3, name, 7, 7])
}

/// Three blocks: the second pays script 1, the third pays scripts 1 and 2; one more payment to
/// script 1 waits.
fn chain() -> (Chain, Vec<Transaction>) {
    let mut chain = Chain::new(Network::Regtest);
    let made = vec![
        pay(1, &script(1), 1_000),
        pay(2, &script(2), 2_000),
        pay(3, &script(1), 3_000),
        pay(4, &script(1), 4_000),
    ];
    chain.mine(vec![made[0].clone()]);
    chain.mine(vec![made[1].clone(), made[2].clone()]);
    chain.mempool.push(made[3].clone());
    (chain, made)
}

fn unreachable(error: &ChainError) -> String {
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error:?}");
    error.to_string()
}

fn bad(error: &ChainError) -> String {
    assert!(matches!(error, ChainError::BadAnswer { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("Electrum server at 127.0.0.1:"), "{text}");
    text
}

#[test]
fn an_honest_server_is_understood() {
    let (chain, made) = chain();
    let fake = Fake::honest(chain.clone());
    let client = client(&fake);
    let status = client.status().unwrap();
    assert_eq!(status.network, Network::Regtest);
    assert_eq!((status.tip.height, status.syncing), (2, None));
    assert_eq!(status.tip.hash, chain.blocks[2].block_hash());
    assert_eq!(
        client.block_hash(1).unwrap(),
        Some(chain.blocks[1].block_hash())
    );
    assert_eq!(client.block_hash(3).unwrap(), None);
    assert_eq!(
        client.block_time(2).unwrap(),
        Some(chain.blocks[2].header.time)
    );
    assert_eq!(client.block_time(3).unwrap(), None);
    let hashes: Vec<_> = chain.blocks.iter().map(|b| b.block_hash()).collect();
    // The server gives two at a time.
    assert_eq!(client.block_hashes(0, 9).unwrap(), hashes);
    assert_eq!(client.block_hashes(1, 1).unwrap(), hashes[1..2]);

    let scripts = [script(1), script(9), script(2)];
    let ids: Vec<_> = made.iter().map(|tx| tx.compute_txid()).collect();
    let listed = |n: usize, at| Listed { txid: ids[n], at };
    let histories = client.histories(&scripts).unwrap();
    assert_eq!(
        histories,
        [
            vec![
                listed(0, ListedAt::Block(1)),
                listed(2, ListedAt::Block(2)),
                listed(3, ListedAt::Mempool)
            ],
            vec![],
            vec![listed(1, ListedAt::Block(2))],
        ]
    );
    let statuses = client.statuses(&scripts).unwrap();
    let own: Vec<_> = histories.iter().map(|h| ScriptStatus::of(h)).collect();
    assert_eq!(statuses, own);
    // A second time, over the same connection, and each in its place.
    let more = [script(2), script(8), script(1)];
    assert_eq!(client.statuses(&more).unwrap(), [own[2], None, own[0]]);

    let nowhere = pay(99, &script(9), 1).compute_txid();
    let asked = [ids[2], nowhere, ids[3]];
    let got = client.transactions(&asked).unwrap();
    assert_eq!(got, [Some(made[2].clone()), None, Some(made[3].clone())]);
    let branches = client
        .branches(&[(ids[2], 2), (ids[0], 2), (ids[1], 2)])
        .unwrap();
    assert_eq!(branches[1], None, "it isn't in that block");
    let proven = [(2, &branches[0]), (1, &branches[2])].map(|(n, branch)| {
        let branch = branch.clone().unwrap();
        assert_eq!(branch.position, u32::try_from(n).unwrap());
        Proven {
            transaction: made[n].clone(),
            position: branch.position,
            branch: branch.hashes,
        }
    });
    let header = client.headers(&[2]).unwrap()[0].unwrap();
    let block = CheckedBlock::sparse(2, &header, proven.to_vec()).unwrap();
    assert_eq!(block.id().hash, chain.blocks[2].block_hash());
    assert_eq!(client.broadcast(&made[0]).unwrap(), Broadcast::Accepted);
}

#[test]
fn headers_of_protocol_1_6_come_as_a_list() {
    let (chain, _) = chain();
    let expected: Vec<_> = chain.blocks.iter().map(|b| b.block_hash()).collect();
    let fake = Fake::start(move |method, params| match method {
        "blockchain.block.headers" => {
            let from = usize::try_from(params[0].as_u64().unwrap()).unwrap();
            let some = chain.blocks.iter().skip(from);
            let hex: Vec<_> = some
                .map(|b| bitcoin::consensus::encode::serialize_hex(&b.header))
                .collect();
            let answer = serde_json::json!({"count": hex.len(), "headers": hex, "max": 2016});
            fake::Reply::Result(answer)
        }
        _ => fake::honest(&chain, method, params),
    });
    assert_eq!(client(&fake).block_hashes(0, 3).unwrap(), expected);
}

#[test]
fn what_it_cannot_be_asked_is_said() {
    let (chain, made) = chain();
    let client = client(&Fake::honest(chain));
    let blocks = client.blocks(&[]).unwrap_err().to_string();
    for (error, words) in [
        (blocks, "can't be asked for whole blocks"),
        (
            client.mempool_txids().unwrap_err().to_string(),
            "can't be asked for the whole mempool",
        ),
        (
            client.test_accept(&made[0]).unwrap_err().to_string(),
            "without sending it",
        ),
    ] {
        assert!(
            error.contains(words) && error.contains("Bitcoin Core"),
            "{error}"
        );
    }
}

#[test]
fn fees_are_the_servers_words_or_unknown() {
    let (chain, _) = chain();
    let server = move |answers: [Option<serde_json::Value>; 3]| {
        let chain = chain.clone();
        let methods = [
            "blockchain.estimatefee",
            "mempool.get_info",
            "blockchain.relayfee",
        ];
        Fake::start(move |method, params| {
            let asked = methods.iter().position(|known| *known == method);
            match asked.map(|n| answers[n].clone()) {
                Some(Some(answer)) => fake::Reply::Result(answer),
                Some(None) => fake::Reply::Error(serde_json::json!("unknown method")),
                None => fake::honest(&chain, method, params),
            }
        })
    };
    let json = |text: &str| Some(serde_json::from_str(text).unwrap());
    let rate = |sat| Some(bitcoin::FeeRate::from_sat_per_kwu(sat));
    let info = r#"{"mempoolminfee": 0.00002, "minrelaytxfee": 0.00001}"#;
    for (answers, estimate, floor) in [
        ([json("0.0001"), json(info), None], rate(2_500), rate(500)),
        ([json("-1"), None, json("0.00001")], None, rate(250)),
        ([None, None, None], None, None),
    ] {
        let client = client(&server(answers));
        assert_eq!(client.fee_rate(6).unwrap(), estimate);
        assert_eq!(client.relay_floor().unwrap(), floor);
    }
    let absurd = client(&server([json("21"), json("{}"), json("-0.5")]));
    bad(&absurd.fee_rate(6).unwrap_err());
    bad(&absurd.relay_floor().unwrap_err());
}
