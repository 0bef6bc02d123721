//! `CoreRpc` against a real Bitcoin Core, and the simulated chain measured by the same node: it
//! must take the simulated blocks, and judge transactions as the simulated mempool does.
//!
//! The tests are in a module that `cargo xtask test --no-node` leaves out.

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::{OP_CHECKSIG, OP_CSV, OP_DROP};
use bitcoin::script::Builder;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, BlockHash, Network, OutPoint, PublicKey, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Witness, ecdsa,
};
use quorate_chain::{Broadcast, ChainError, ChainSource, CoreRpc, Simulated};
use quorate_testkit::Node;
use serde_json::json;

/// A node that relays what the simulated mempool does.
fn start() -> Node {
    Node::start_with(&["-minrelaytxfee=0.00001", "-incrementalrelayfee=0.00001"])
}

fn client(node: &Node) -> CoreRpc {
    CoreRpc::open(&node.url_cookie()).unwrap()
}

fn mine(node: &Node, count: u32, descriptor: &str) {
    node.rpc("generatetodescriptor", json!([count, descriptor]));
}

#[test]
fn a_real_node_is_read_through_reorg_and_restart() {
    let mut node = start();
    let client = client(&node);
    node.stop();
    let error = client.status().unwrap_err();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");

    node.start_again();
    let status = client.status().unwrap();
    assert_eq!((status.network, status.tip.height), (Network::Regtest, 0));
    assert_eq!((status.pruned_below, status.syncing), (None, None));
    let address = format!("http://somebody:wrong@{}", node.rpc_address());
    let error = CoreRpc::open(&address).unwrap().status().unwrap_err();
    assert!(matches!(error, ChainError::Unauthorized { .. }), "{error}");

    let anybody = ScriptBuf::from_bytes(vec![0x51]);
    let descriptor = format!("raw({:x})", anybody.to_p2wsh());
    mine(&node, 120, &descriptor);
    let status = client.status().unwrap();
    assert_eq!(status.tip.height, 120);
    let hashes = client.block_hashes(0, u32::MAX).unwrap();
    assert_eq!(hashes.len(), 121);
    assert_eq!(hashes[120], status.tip.hash);
    assert_eq!(client.block_hash(121).unwrap(), None);
    let blocks = client.blocks(&hashes).unwrap();
    for pair in blocks.windows(2) {
        assert_eq!(pair[1].header.prev_blockhash, pair[0].block_hash());
    }
    let time = client.block_time(120).unwrap();
    assert_eq!(time, Some(blocks[120].header.time));

    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(blocks[1].txdata[0].compute_txid(), 0),
            witness: Witness::from_slice(&[anybody.as_bytes()]),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_btc(49.0).unwrap(),
            script_pubkey: anybody.to_p2wsh(),
        }],
    };
    let txid = tx.compute_txid();
    assert_eq!(client.test_accept(&tx).unwrap(), Broadcast::Accepted);
    assert_eq!(client.mempool_txids().unwrap(), []);
    assert_eq!(client.broadcast(&tx).unwrap(), Broadcast::Accepted);
    assert_eq!(client.test_accept(&tx).unwrap(), Broadcast::AlreadyKnown);
    assert_eq!(client.mempool_txids().unwrap(), [txid]);
    let waiting = client.waiting().unwrap();
    assert_eq!(waiting.txids, [txid]);
    assert_eq!(waiting.tip, client.status().unwrap().tip);
    let stranger = bitcoin::Txid::all_zeros();
    let found = client.mempool_transactions(&[stranger, txid]).unwrap();
    assert_eq!(found, std::slice::from_ref(&tx));
    mine(&node, 1, &descriptor);
    assert_eq!(client.mempool_txids().unwrap(), []);
    assert_eq!(client.broadcast(&tx).unwrap(), Broadcast::AlreadyKnown);
    let mut other = tx.clone();
    other.output[0].value = Amount::from_btc(48.0).unwrap();
    assert_eq!(
        client.broadcast(&other).unwrap(),
        Broadcast::Refused("bad-txns-inputs-missingorspent".into())
    );

    // A pure disconnect.
    let tip = client.status().unwrap().tip;
    node.rpc("invalidateblock", json!([tip.hash]));
    assert_eq!(client.status().unwrap().tip, status.tip);
    assert_eq!(client.block_hash(tip.height).unwrap(), None);
    assert_eq!(client.mempool_txids().unwrap(), [txid]);
    assert_eq!(client.blocks(&[tip.hash]).unwrap()[0].txdata[1], tx);
    mine(&node, 1, "raw(52)");
    assert_ne!(client.status().unwrap().tip, tip);

    // The same client, after the node restarted with another cookie.
    let before = client.status().unwrap();
    node.stop();
    let error = client.status().unwrap_err();
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error}");
    node.start_again();
    assert_eq!(client.status().unwrap(), before);
}

/// `[<n> CSV DROP] <key> CHECKSIG`
fn script(secret: &SecretKey, older: Option<i64>) -> ScriptBuf {
    let key = PublicKey::new(secret.public_key(&Secp256k1::new()));
    let mut script = Builder::new();
    if let Some(blocks) = older {
        script = script
            .push_int(blocks)
            .push_opcode(OP_CSV)
            .push_opcode(OP_DROP);
    }
    script.push_key(&key).push_opcode(OP_CHECKSIG).into_script()
}

/// Spends `coin`, worth `value`, paying `fee` and the rest back to the same script.
fn spend(
    secret: &SecretKey,
    script: &ScriptBuf,
    coin: OutPoint,
    value: u64,
    fee: u64,
    sequence: Sequence,
    lock_time: LockTime,
) -> Transaction {
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time,
        input: vec![TxIn {
            previous_output: coin,
            sequence,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(value - fee),
            script_pubkey: script.to_p2wsh(),
        }],
    };
    let kind = EcdsaSighashType::All;
    let hash = SighashCache::new(&tx)
        .p2wsh_signature_hash(0, script, Amount::from_sat(value), kind)
        .unwrap();
    let message = Message::from_digest(hash.to_byte_array());
    let signature = ecdsa::Signature {
        signature: Secp256k1::new().sign_ecdsa(&message, secret),
        sighash_type: kind,
    };
    tx.input[0].witness = Witness::from_slice(&[signature.to_vec().as_slice(), script.as_bytes()]);
    tx
}

/// The first word of a refusal: what follows it in brackets or after a comma is detail.
fn kind(outcome: &Broadcast) -> String {
    match outcome {
        Broadcast::Refused(reason) => {
            let end = reason.find([',', '(', ';']).unwrap_or(reason.len());
            // A node says it in two ways: the one when tested, the other when sent.
            let first = reason[..end].trim();
            first.replace("missing-inputs", "bad-txns-inputs-missingorspent")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn the_simulated_chain_is_judged_as_a_real_one() {
    let node = start();
    let client = client(&node);
    let chain = Simulated::new();
    let secret = SecretKey::from_slice(&[7; 32]).unwrap();
    let (plain, locked) = (script(&secret, None), script(&secret, Some(12)));
    let value = 1_000_000;
    let fund = |script: &ScriptBuf| {
        let amount = Amount::from_sat(value);
        chain.fund(&script.to_p2wsh(), amount).unwrap()
    };
    let (coin, old) = (fund(&plain), fund(&locked));
    let rbf = Sequence::ENABLE_RBF_NO_LOCKTIME;
    let pay = |coin, fee| spend(&secret, &plain, coin, value, fee, rbf, LockTime::ZERO);
    let recover = |blocks| {
        let sequence = Sequence::from_height(blocks);
        let lock_time = LockTime::ZERO;
        spend(&secret, &locked, old, value, 1_000, sequence, lock_time)
    };
    let submit = |from| {
        for hash in chain.block_hashes(from, u32::MAX).unwrap() {
            let block = chain.blocks(&[hash]).unwrap().pop().unwrap();
            let answer = node.rpc("submitblock", json!([serialize_hex(&block)]));
            assert!(
                answer.is_null() || answer == "inconclusive",
                "block {hash}: {answer}"
            );
        }
        assert_eq!(client.status().unwrap(), chain.status().unwrap());
    };
    let agree = |tx: &Transaction| {
        let (real, simulated) = (client.test_accept(tx), chain.test_accept(tx));
        let (real, simulated) = (real.unwrap(), simulated.unwrap());
        assert_eq!(kind(&simulated), kind(&real), "{simulated:?}, {real:?}");
        simulated
    };
    let send = |tx: &Transaction| {
        assert_eq!(client.broadcast(tx).unwrap(), Broadcast::Accepted);
        assert_eq!(chain.broadcast(tx).unwrap(), Broadcast::Accepted);
    };
    submit(1);

    // What depends on nothing but the transaction.
    let good = pay(coin, 1_000);
    assert_eq!(agree(&good), Broadcast::Accepted);
    assert_ne!(agree(&pay(coin, 20)), Broadcast::Accepted);
    let missing = OutPoint::new(coin.txid, 9);
    assert_ne!(agree(&pay(missing, 1_000)), Broadcast::Accepted);
    let tip = chain.status().unwrap().tip.height;
    let until = |height, fee| {
        let lock_time = LockTime::from_height(height).unwrap();
        let sequence = Sequence::ENABLE_LOCKTIME_NO_RBF;
        spend(&secret, &plain, coin, value, fee, sequence, lock_time)
    };
    assert_eq!(agree(&until(tip, 1_000)), Broadcast::Accepted);
    assert_ne!(agree(&until(tip + 1, 1_000)), Broadcast::Accepted);
    let mut forged = good.clone();
    forged.output[0].value -= Amount::ONE_SAT;
    for source in [&client as &dyn ChainSource, &chain] {
        let Broadcast::Refused(reason) = source.test_accept(&forged).unwrap() else {
            panic!("forged")
        };
        assert!(reason.contains("script-verify-flag-failed"), "{reason}");
    }

    // The relative lock, to the block.
    assert_ne!(agree(&recover(12)), Broadcast::Accepted);
    chain.mine(10).unwrap();
    submit(tip + 1);
    assert_ne!(agree(&recover(12)), Broadcast::Accepted);
    chain.mine(1).unwrap();
    submit(tip + 11);
    assert_eq!(agree(&recover(12)), Broadcast::Accepted);

    // A replacement: too cheap, then dear enough; and what spends the replaced one.
    let first = pay(coin, 1_000);
    let child_of = |tx: &Transaction| {
        let coin = OutPoint::new(tx.compute_txid(), 0);
        spend(
            &secret,
            &plain,
            coin,
            value - 1_000,
            2_000,
            rbf,
            LockTime::ZERO,
        )
    };
    let child = child_of(&first);
    send(&first);
    send(&child);
    assert_eq!(agree(&first), Broadcast::AlreadyKnown);
    for fee in [900, 3_000, 3_050] {
        assert_ne!(agree(&until(tip, fee)), Broadcast::Accepted);
    }
    let better = until(tip, 3_500);
    send(&better);
    assert_ne!(agree(&child), Broadcast::Accepted);
    assert_ne!(agree(&first), Broadcast::Accepted);
    let recovery = recover(12);
    send(&recovery);
    let sorted = |source: &dyn ChainSource| {
        let mut txids = source.mempool_txids().unwrap();
        txids.sort();
        txids
    };
    assert_eq!(sorted(&client), sorted(&chain));

    // Confirmed, taken back, and confirmed in other blocks.
    let old_tip = chain.status().unwrap().tip.height;
    let mined = chain.mine(2).unwrap();
    submit(old_tip + 1);
    assert!(sorted(&client).is_empty() && sorted(&chain).is_empty());
    node.rpc("invalidateblock", json!([mined[0]]));
    chain.invalidate(2).unwrap();
    assert_eq!(client.status().unwrap(), chain.status().unwrap());
    assert_eq!(sorted(&client), sorted(&chain));
    assert_eq!(sorted(&chain).len(), 2);
    chain.mine(3).unwrap();
    submit(old_tip + 1);
    assert!(sorted(&client).is_empty() && sorted(&chain).is_empty());
}

/// A real node's REST interface gives the very same blocks.
#[test]
fn blocks_over_rest_are_those_of_json_rpc() {
    let (with, without) = (Node::start_with(&["-rest=1"]), start());
    let hashes = with.mine(30);
    let client = CoreRpc::open(&with.url_userpass()).unwrap();
    let over_rest = client.blocks(&hashes).unwrap();
    let one_by_one = CoreRpc::open(&with.url_userpass()).unwrap();
    let over_rpc: Vec<Block> = hashes
        .iter()
        .map(|&hash| one_by_one.blocks(&[hash]).unwrap().remove(0))
        .collect();
    assert_eq!(over_rest, over_rpc);
    // One that doesn't offer it says 404, and nobody notices.
    let hashes = without.mine(30);
    let client = CoreRpc::open(&without.url_userpass()).unwrap();
    let blocks = client.blocks(&hashes).unwrap();
    let got: Vec<BlockHash> = blocks.iter().map(Block::block_hash).collect();
    assert_eq!(got, hashes);
}
