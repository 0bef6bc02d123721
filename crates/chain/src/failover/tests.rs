#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::Simulated;
use crate::{Broadcast, ChainStatus};
use bitcoin::{Amount, ScriptBuf};
use bitcoin::{Block, BlockHash, Transaction, Txid};
use quorate_core::chain::BlockId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Well,
    Down,
    Lies,
    Locked,
    Refuses,
}

/// A simulated chain whose manners a test decides on.
#[derive(Debug, Clone)]
struct Fake {
    name: &'static str,
    chain: Arc<Simulated>,
    mode: Arc<Mutex<Mode>>,
    asked: Arc<AtomicU32>,
    network: Network,
    genesis: Option<BlockHash>,
    syncing: Option<f64>,
}

impl Fake {
    fn new(name: &'static str, chain: &Arc<Simulated>) -> Self {
        Self {
            name,
            chain: chain.clone(),
            mode: Arc::new(Mutex::new(Mode::Well)),
            asked: Arc::default(),
            network: Network::Regtest,
            genesis: None,
            syncing: None,
        }
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn asked(&self) -> u32 {
        self.asked.swap(0, Ordering::Relaxed)
    }

    fn behave(&self) -> Result<(), ChainError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let source_name = self.name.to_owned();
        match *self.mode.lock().unwrap() {
            Mode::Well | Mode::Refuses => Ok(()),
            Mode::Down => Err(ChainError::Unreachable {
                source_name,
                reason: "nobody listens".into(),
            }),
            Mode::Lies => Err(ChainError::BadAnswer {
                source_name,
                reason: "nonsense".into(),
            }),
            Mode::Locked => Err(ChainError::Unauthorized { source_name }),
        }
    }
}

impl ChainSource for Fake {
    fn name(&self) -> &str {
        self.name
    }
    fn status(&self) -> Result<ChainStatus, ChainError> {
        self.behave()?;
        Ok(ChainStatus {
            network: self.network,
            syncing: self.syncing,
            ..self.chain.status()?
        })
    }
    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.behave()?;
        match self.genesis.filter(|_| height == 0) {
            Some(hash) => Ok(Some(hash)),
            None => self.chain.block_hash(height),
        }
    }
    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.behave()?;
        self.chain.block_time(height)
    }
    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        self.behave()?;
        self.chain.blocks(hashes)
    }
    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.behave()?;
        self.chain.block_hashes(from, count)
    }
    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.behave()?;
        self.chain.mempool_txids()
    }
    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        self.behave()?;
        self.chain.mempool_transactions(txids)
    }
    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.behave()?;
        self.chain.test_accept(tx)
    }
    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.behave()?;
        if *self.mode.lock().unwrap() == Mode::Refuses {
            return Ok(Broadcast::Refused("min relay fee not met".into()));
        }
        self.chain.broadcast(tx)
    }
}

/// Time that passes only when somebody waits.
#[derive(Debug, Clone, Default)]
struct Hands(Arc<Mutex<(u64, Duration, Vec<Duration>)>>);

const START: u64 = 1_700_000_000;

impl Hands {
    fn forward(&self, seconds: u64) {
        self.0.lock().unwrap().0 += seconds;
    }
    fn pauses(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().unwrap().2)
    }
}

impl Clock for Hands {
    fn now(&self) -> u64 {
        START + self.0.lock().unwrap().0
    }
    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().1
    }
    fn pause(&self, time: Duration) {
        let mut hands = self.0.lock().unwrap();
        hands.1 += time;
        hands.2.push(time);
    }
    fn random(&self) -> u64 {
        0
    }
}

fn chain(blocks: u32) -> Arc<Simulated> {
    let chain = Simulated::new();
    chain.mine(blocks).unwrap();
    Arc::new(chain)
}

fn over(fakes: &[&Fake], hands: &Hands) -> Failover {
    remembering(fakes, hands, &BTreeMap::new())
}

fn remembering(fakes: &[&Fake], hands: &Hands, health: &BTreeMap<String, Health>) -> Failover {
    let sources = fakes.iter().map(|&fake| {
        let source: Box<dyn ChainSource> = Box::new(fake.clone());
        source
    });
    Failover::new(
        sources.collect(),
        |name| health.get(name).cloned(),
        Some(Network::Regtest),
        Schedule::within(Duration::from_secs(10)),
        Box::new(hands.clone()),
    )
    .unwrap()
}

#[test]
fn the_first_is_asked_and_the_others_left_in_peace() {
    let chain = chain(3);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    let all = over(&[&a, &b], &Hands::default());
    assert_eq!(all.status().unwrap(), chain.status().unwrap());
    assert_eq!(all.block_hash(2).unwrap(), chain.block_hash(2).unwrap());
    assert_eq!(all.name(), "A");
    assert_eq!((b.asked(), all.generation()), (0, 0));
    assert!(a.asked() > 0);
    assert_eq!(all.take_remarks(), [] as [String; 0]);
}

#[test]
fn whatever_goes_wrong_with_one_the_next_is_asked_at_once() {
    for mode in [Mode::Down, Mode::Lies, Mode::Locked] {
        let chain = chain(3);
        let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
        let hands = Hands::default();
        let all = over(&[&a, &b], &hands);
        all.status().unwrap();
        a.set(mode);
        assert_eq!(all.status().unwrap(), chain.status().unwrap(), "{mode:?}");
        assert_eq!((all.name(), all.generation()), ("B", 1));
        assert!(hands.pauses().is_empty());
        let remarks = all.take_remarks();
        assert!(remarks[0].contains("B was asked instead"), "{remarks:?}");
        // From then on A is left alone.
        a.asked();
        all.block_time(1).unwrap();
        assert_eq!(a.asked(), 0);
        let news: BTreeMap<String, Health> = all.take_news().into_iter().collect();
        assert!(matches!(news["A"].circuit(START), Circuit::Open(_)));
        assert_eq!(news["B"].circuit(START), Circuit::Closed);
    }
}

#[test]
fn a_refused_broadcast_is_an_answer() {
    let chain = chain(101);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    a.set(Mode::Refuses);
    let hands = Hands::default();
    let all = over(&[&a, &b], &hands);
    let script = ScriptBuf::from_bytes(vec![0x51]);
    let paid = chain.pay(&script, Amount::from_sat(5_000)).unwrap();
    let tx = chain.mempool_transactions(&[paid.txid]).unwrap().remove(0);
    assert!(matches!(all.broadcast(&tx).unwrap(), Broadcast::Refused(_)));
    assert_eq!(b.asked(), 0);
    let news: BTreeMap<String, Health> = all.take_news().into_iter().collect();
    assert_eq!(news["A"].failures, 0);
    // One that breaks down in the middle is followed by the other, which has it already.
    a.set(Mode::Down);
    assert_eq!(all.broadcast(&tx).unwrap(), Broadcast::AlreadyKnown);
}

#[test]
fn nobody_there_is_tried_again_for_a_while_and_each_is_named() {
    let chain = chain(3);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    a.set(Mode::Down);
    b.set(Mode::Locked);
    let hands = Hands::default();
    let all = over(&[&a, &b], &hands);
    let error = all.status().unwrap_err();
    assert!(matches!(error, ChainError::NoneAnswers { .. }));
    let text = error.to_string();
    assert!(
        text.contains("A can't be reached: nobody listens"),
        "{text}"
    );
    assert!(text.contains("B refuses the user name"), "{text}");
    // A password doesn't become right by waiting.
    assert_eq!((a.asked(), b.asked()), (4, 1));
    let pauses: Vec<u128> = hands.pauses().iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [100, 200, 400]);
    // One alone keeps its own words, and lies aren't asked for twice.
    a.set(Mode::Lies);
    let alone = over(&[&a], &hands);
    let error = alone.status().unwrap_err();
    assert!(matches!(error, ChainError::BadAnswer { .. }), "{error}");
    assert_eq!((a.asked(), hands.pauses().len()), (1, 0));
}

#[test]
fn one_that_comes_back_within_the_time_is_waited_for() {
    let chain = chain(3);
    let a = Fake::new("A", &chain);
    a.set(Mode::Down);
    let mode = a.mode.clone();
    /// Brings the source up while somebody waits.
    #[derive(Debug)]
    struct Repair(Hands, Arc<Mutex<Mode>>);
    impl Clock for Repair {
        fn now(&self) -> u64 {
            self.0.now()
        }
        fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }
        fn pause(&self, time: Duration) {
            self.0.pause(time);
            *self.1.lock().unwrap() = Mode::Well;
        }
        fn random(&self) -> u64 {
            u64::MAX
        }
    }
    let all = Failover::new(
        vec![Box::new(a.clone())],
        |_| None,
        None,
        Schedule::within(Duration::from_secs(10)),
        Box::new(Repair(Hands::default(), mode)),
    )
    .unwrap();
    assert_eq!(all.status().unwrap(), chain.status().unwrap());
    let (_, health) = all.take_news().remove(0);
    assert_eq!(health.circuit(START), Circuit::Closed);
    assert!(health.last_failure.is_some());
}

#[test]
fn the_next_process_skips_an_open_one_until_its_time_and_tries_it_once() {
    let chain = chain(3);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    let hands = Hands::default();
    a.set(Mode::Down);
    let first = over(&[&a, &b], &hands);
    first.status().unwrap();
    let mut kept: BTreeMap<String, Health> = first.take_news().into_iter().collect();
    a.asked();

    let second = remembering(&[&a, &b], &hands, &kept);
    second.status().unwrap();
    assert_eq!((a.asked(), second.name()), (0, "B"));
    assert_eq!(second.take_news(), [], "nothing to write down");

    hands.forward(31);
    let third = remembering(&[&a, &b], &hands, &kept);
    third.status().unwrap();
    third.status().unwrap();
    assert_eq!((a.asked(), third.name()), (1, "B"));
    kept.extend(third.take_news());
    assert_eq!(kept["A"].failures, 2);

    hands.forward(61);
    a.set(Mode::Well);
    let fourth = remembering(&[&a, &b], &hands, &kept);
    assert_eq!(fourth.name(), "A");
    fourth.status().unwrap();
    kept.extend(fourth.take_news());
    assert_eq!(kept["A"].circuit(fourth.clock.now()), Circuit::Closed);
}

#[test]
fn when_all_are_open_nobody_is_locked_out() {
    let chain = chain(3);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    let hands = Hands::default();
    let mut open = Health::default();
    open.failed(START, "down".into(), 0);
    let kept = [("A".to_owned(), open.clone()), ("B".to_owned(), open)].into();
    let all = remembering(&[&a, &b], &hands, &kept);
    all.status().unwrap();
    assert_eq!((all.name(), b.asked()), ("A", 0));
}

#[test]
fn t05_one_on_another_network_is_left_out_with_a_sentence() {
    let chain = chain(3);
    let (mut a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    a.network = Network::Signet;
    let all = over(&[&a, &b], &Hands::default());
    for _ in 0..2 {
        all.status().unwrap();
        assert_eq!(all.name(), "B");
    }
    assert_eq!(a.asked(), 1);
    assert_eq!(
        all.take_remarks(),
        ["A is left out: it is on signet, not on regtest"]
    );
    // Even when nobody else is left, it isn't used.
    b.set(Mode::Down);
    a.asked();
    let error = all.status().unwrap_err();
    assert!(error.to_string().contains("A: it is on signet"), "{error}");
    assert_eq!(a.asked(), 0);
    // And if all are, that is what has to be told.
    let all = over(
        &[
            &a,
            &Fake {
                name: "C",
                ..a.clone()
            },
        ],
        &Hands::default(),
    );
    let error = all.status().unwrap_err();
    assert!(matches!(error, ChainError::OtherChain { .. }), "{error}");
}

#[test]
fn t29_one_with_another_genesis_block_is_left_out() {
    let chain = chain(3);
    let (mut a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    a.genesis = Some(genesis_block(Network::Bitcoin).block_hash());
    let mut all = over(&[&a, &b], &Hands::default());
    assert_eq!(all.mempool_txids().unwrap(), []);
    assert_eq!(all.name(), "B");
    assert!(all.take_remarks()[0].contains("first block"));
    let (probes, _) = all.probe();
    assert!(probes[0].left_out.as_ref().unwrap().contains("first block"));
    assert_eq!(probes[1].left_out, None);
}

#[test]
fn one_that_is_still_downloading_waits_its_turn() {
    let chain = chain(3);
    let (mut a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    a.syncing = Some(0.456);
    let all = over(&[&a, &b], &Hands::default());
    assert_eq!(all.status().unwrap().syncing, None);
    assert!(all.take_remarks()[0].contains("downloading the chain (45 % so far)"));
}

#[test]
fn t29_sources_on_different_branches_are_told_apart_from_a_reorg() {
    let ours = chain(20);
    let theirs = {
        // The same start, then twelve blocks of its own.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain");
        let made = Simulated::open(&path).unwrap();
        made.mine(20).unwrap();
        assert_eq!(made.status().unwrap(), ours.status().unwrap());
        made.invalidate(12).unwrap();
        made.mine_empty(13).unwrap();
        let copy = Arc::new(made);
        std::mem::forget(folder);
        copy
    };
    let (a, b) = (Fake::new("A", &ours), Fake::new("B", &theirs));
    let mut all = over(&[&a, &b], &Hands::default());
    all.status().unwrap();
    let remarks = all.remarks();
    assert_eq!(remarks.len(), 1);
    assert!(
        remarks[0].contains("A and B tell of different chains from block 9 on (12 blocks deep"),
        "{remarks:?}"
    );
    let (probes, notes) = all.probe();
    assert!(probes.iter().all(|probe| probe.status.is_ok()));
    assert_eq!(notes, remarks);

    // Two blocks are a reorg under way, and one block is a slower node.
    let near = chain(20);
    near.invalidate(2).unwrap();
    near.mine_empty(1).unwrap();
    let c = Fake::new("C", &near);
    let mut all = over(&[&a, &c], &Hands::default());
    all.status().unwrap();
    assert_eq!(all.remarks(), [] as [String; 0]);
    assert_eq!(all.probe().1, [] as [String; 0]);

    // One that has stopped long ago.
    let old = chain(10);
    let d = Fake::new("D", &old);
    let all = over(&[&d, &a], &Hands::default());
    all.status().unwrap();
    assert!(all.remarks()[0].contains("D is 10 blocks behind A"));
}

#[test]
fn comparing_survives_the_other_one_and_remembers_it() {
    let chain = chain(3);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    let all = over(&[&a, &b], &Hands::default());
    all.status().unwrap();
    b.set(Mode::Down);
    let remarks = all.remarks();
    assert!(
        remarks[0].contains("nothing could be compared"),
        "{remarks:?}"
    );
    b.asked();
    assert_eq!(all.remarks(), [] as [String; 0]);
    assert_eq!(b.asked(), 0);
}

#[test]
fn not_to_know_a_block_that_another_told_of_is_no_fault() {
    let (long, short) = (chain(9), chain(3));
    let (a, b) = (Fake::new("A", &long), Fake::new("B", &short));
    let all = over(&[&a, &b], &Hands::default());
    let top = all.status().unwrap().tip;
    a.set(Mode::Down);
    let error = all.blocks(&[top.hash]).unwrap_err();
    assert!(matches!(error, ChainError::NoneAnswers { .. }), "{error}");
    let news: BTreeMap<String, Health> = all.take_news().into_iter().collect();
    assert_eq!(news["A"].failures, 1);
    assert!(!news.contains_key("B"), "{news:?}");
    // The next question shows that somebody else answers.
    assert_eq!(all.status().unwrap().tip.height, 3);
    assert_eq!(all.generation(), 1);
}

#[test]
fn a_look_at_all_tries_those_left_alone_too() {
    let chain = chain(3);
    let (a, b) = (Fake::new("A", &chain), Fake::new("B", &chain));
    let mut open = Health::default();
    open.failed(START, "down".into(), 0);
    let kept = [("A".to_owned(), open)].into();
    let hands = Hands::default();
    b.set(Mode::Down);
    let mut all = remembering(&[&a, &b], &hands, &kept);
    let (probes, notes) = all.probe();
    assert_eq!(notes, [] as [String; 0]);
    let status = probes[0].status.as_ref().unwrap();
    assert_eq!(status.tip, BlockId::clone(&chain.status().unwrap().tip));
    assert_eq!(probes[0].tip_time, chain.block_time(3).unwrap());
    assert_eq!(probes[0].circuit, Circuit::Closed);
    assert!(matches!(probes[1].circuit, Circuit::Open(_)));
    assert!(probes[1].status.is_err());
    assert_eq!(all.take_news().len(), 2);
}
