//! The client of Electrum servers against a real one, over TCP and TLS, and what it says against the
//! node under it.
//!
//! The tests are in a module that `cargo xtask test --no-node` leaves out.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, Network, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Txid, Witness};
use quorate_chain::{Broadcast, ChainSource, CoreRpc};
use quorate_core::ledger::{CheckedBlock, ListedAt, Proven, ScriptStatus};
use quorate_testkit::{ElectrumServer, Node};
use std::path::Path;

fn anybody() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x51])
}

/// A script that anybody may spend.
fn script() -> ScriptBuf {
    anybody().to_p2wsh()
}

fn to_script(sat: u64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script(),
    }
}

fn spend(from: &Transaction, sat: u64) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(from.compute_txid(), 0),
            witness: Witness::from_slice(&[anybody().as_bytes()]),
            ..TxIn::default()
        }],
        output: vec![to_script(sat)],
    }
}

fn open(address: &str) -> Box<dyn ChainSource> {
    quorate_chain::open(address, Path::new("")).unwrap()
}

#[test]
fn a_real_server_says_what_its_node_says() {
    let node = Node::start_with(&ElectrumServer::NODE_ARGS);
    node.mine(110);
    let first = node.pay(vec![to_script(100_000)]);
    let second = node.pay(vec![to_script(200_000)]);
    node.mine(1);
    let third = spend(&first, 90_000);
    node.broadcast(&third);
    node.mine(1);
    let fourth = spend(&third, 80_000);
    let fifth = spend(&fourth, 70_000);
    let (waiting, child) = (node.broadcast(&fourth), node.broadcast(&fifth));

    let own = rcgen::generate_simple_self_signed(vec!["the.server".to_owned()]).unwrap();
    let (cert, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let mut server = ElectrumServer::start_with_tls(&node, &cert, &key);
    server.until_waiting(&script(), child);
    let core = CoreRpc::open(&node.url_cookie()).unwrap();
    for address in [server.url(), server.tls_url().unwrap()] {
        let source = open(&address);
        let status = source.status().unwrap();
        assert_eq!(status, core.status().unwrap(), "{address}");
        assert_eq!(status.network, Network::Regtest);
        let scripts = source.by_script().unwrap();
        let headers = scripts.headers_from(0, u32::MAX).unwrap();
        let hashes: Vec<_> = headers.iter().map(|h| h.block_hash()).collect();
        assert_eq!(hashes, core.block_hashes(0, u32::MAX).unwrap());
        assert_eq!(source.block_hash(9_999).unwrap(), None);

        let history = scripts.histories(&[script()]).unwrap().remove(0);
        let found = |txid: Txid| history.iter().find(|l| l.txid == txid).map(|l| l.at);
        let mined = status.tip.height;
        for (tx, at) in [
            (&first, ListedAt::Block(mined - 1)),
            (&second, ListedAt::Block(mined - 1)),
            (&third, ListedAt::Block(mined)),
            (&fourth, ListedAt::Mempool),
            (&fifth, ListedAt::MempoolChild),
        ] {
            assert_eq!(found(tx.compute_txid()), Some(at));
        }
        assert_eq!(history.len(), 5);
        // The status is the hash of exactly this list.
        let nobody = ScriptBuf::from_bytes(vec![0x52]).to_p2wsh();
        for _ in 0..2 {
            let statuses = scripts.statuses(&[script(), nobody.clone()]).unwrap();
            assert_eq!(statuses, [ScriptStatus::of(&history), None]);
        }

        let ids: Vec<Txid> = history.iter().map(|listed| listed.txid).collect();
        let transactions = scripts.transactions(&ids).unwrap();
        let mined = history.iter().filter_map(|l| Some((l.txid, l.height()?)));
        let (places, heights): (Vec<_>, Vec<u32>) = mined.map(|place| (place, place.1)).unzip();
        let branches = scripts.branches(&places).unwrap();
        let headers = scripts.headers(&heights).unwrap();
        assert_eq!(places.len(), 3);
        for (n, (txid, height)) in places.into_iter().enumerate() {
            let branch = branches[n].clone().unwrap();
            let proven = Proven {
                transaction: transactions[n].clone().unwrap(),
                position: branch.position,
                branch: branch.hashes,
            };
            let block = CheckedBlock::sparse(height, &headers[n].unwrap(), vec![proven]).unwrap();
            let whole = core.blocks(&[block.id().hash]).unwrap().remove(0);
            assert_eq!(whole.txdata[block.position(0)].compute_txid(), txid);
        }
    }

    let source = open(&server.url());
    let more = spend(&fifth, 60_000);
    assert_eq!(source.broadcast(&more).unwrap(), Broadcast::Accepted);
    assert!(node.mempool().contains(&more.compute_txid()));
    for known in [&more, &fourth, &first] {
        let answer = source.broadcast(known).unwrap();
        assert!(!matches!(answer, Broadcast::Refused(_)), "{answer:?}");
    }
    let Broadcast::Refused(words) = source.broadcast(&spend(&first, 89_000)).unwrap() else {
        panic!("a spent coin was spent again");
    };
    assert!(words.contains("bad-txns-inputs-missingorspent"), "{words}");
    assert!(!words.contains('['), "{words}");
    assert_eq!(waiting, fourth.compute_txid());
}
