//! Blocks over REST, where somebody offers it, and what happens when that goes wrong.

use super::fake::{Fake, Reply, reply_to};
use super::{client, sample, unreachable};
use crate::{ChainSource, Simulated};
use bitcoin::BlockHash;
use bitcoin::consensus::encode::{serialize, serialize_hex};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Serves blocks over JSON-RPC, and over REST what `rest` makes of each; counts the REST requests.
fn node(
    chain: &Simulated,
    rest: impl Fn(usize, Vec<u8>) -> Reply + Send + Sync + 'static,
) -> (Fake, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let (ours, theirs) = (chain.clone(), chain.clone());
    let answer = move |_: &str, params: &Value| {
        let hash = serde_json::from_value(params[0].clone()).unwrap();
        let block = ours.blocks(&[hash]).unwrap().remove(0);
        Ok(json!(serialize_hex(&block)))
    };
    let fake = Fake::with_rest(
        move |request| {
            assert_eq!(request.login(), "user:hunter2");
            Reply::Json(200, reply_to(&request.body, &answer))
        },
        move |path| {
            let hash = path.strip_prefix("block/").unwrap();
            let hash: BlockHash = hash.strip_suffix(".bin").unwrap().parse().unwrap();
            let block = theirs.blocks(&[hash]).unwrap().remove(0);
            rest(counter.fetch_add(1, Ordering::SeqCst), serialize(&block))
        },
    );
    (fake, asked)
}

#[test]
fn where_rest_is_offered_blocks_come_that_way() {
    let chain = sample();
    let hashes = chain.block_hashes(1, 30).unwrap();
    let (fake, asked) = node(&chain, |_, bytes| Reply::Bytes(bytes));
    let node = client(&fake);
    assert_eq!(
        node.blocks(&hashes).unwrap(),
        chain.blocks(&hashes).unwrap()
    );
    assert_eq!(
        (asked.load(Ordering::SeqCst), fake.requests().len()),
        (30, 0)
    );
    // Once it is known, for a single block too. It is all one connection.
    node.blocks(&hashes[..1]).unwrap();
    assert_eq!(
        (asked.load(Ordering::SeqCst), fake.requests().len()),
        (31, 0)
    );
    assert_eq!(fake.connections(), 1);
    // For a few blocks nobody finds out.
    let few = client(&fake);
    few.blocks(&hashes[..7]).unwrap();
    assert_eq!(
        (asked.load(Ordering::SeqCst), fake.requests().len()),
        (31, 1)
    );
}

/// Whatever is wrong with REST, at the start or later, JSON-RPC has the last word, and it isn't asked
/// again.
#[test]
fn t29_whatever_is_wrong_with_rest_the_blocks_are_right() {
    let chain = sample();
    let hashes = chain.block_hashes(1, 30).unwrap();
    type Wrong = fn(Vec<u8>) -> Reply;
    let wrongs: [Wrong; 9] = [
        |_| Reply::Json(404, String::new()),
        |_| Reply::Json(503, "Work queue depth exceeded".into()),
        |_| Reply::Json(302, String::new()),
        |_| Reply::Json(200, "<html>hello</html>".into()),
        |_| Reply::Close,
        |_| Reply::Raw(b"220 mail.example ESMTP\r\n".to_vec()),
        |mut bytes| {
            bytes.pop();
            Reply::Bytes(bytes)
        },
        |mut bytes| {
            // Another nonce is another block.
            bytes[76] ^= 1;
            Reply::Bytes(bytes)
        },
        |mut bytes| {
            // Another output is another transaction.
            let value = 5_000_000_000_u64.to_le_bytes();
            let at = bytes.windows(8).position(|eight| eight == value);
            bytes[at.unwrap()] ^= 1;
            Reply::Bytes(bytes)
        },
    ];
    for (case, wrong) in wrongs.into_iter().enumerate() {
        for good in [0, 5] {
            let (fake, asked) = node(&chain, move |number, bytes| {
                if number < good {
                    Reply::Bytes(bytes)
                } else {
                    wrong(bytes)
                }
            });
            let node = client(&fake);
            let blocks = node.blocks(&hashes).unwrap();
            let expected = chain.blocks(&hashes).unwrap();
            assert!(blocks == expected, "{case} after {good}");
            let tries = asked.load(Ordering::SeqCst);
            assert!((good + 1..=good + 2).contains(&tries), "{case}: {tries}");
            node.blocks(&hashes).unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), tries, "{case}");
        }
    }
}

#[test]
fn t29_a_node_that_is_gone_is_unreachable_over_rest_as_well() {
    let chain = sample();
    let hashes = chain.block_hashes(1, 30).unwrap();
    let fake = Fake::with_rest(|_| Reply::Close, |_| Reply::Close);
    let reason = unreachable(client(&fake).blocks(&hashes));
    assert!(reason.contains("connection broke"), "{reason}");
}
