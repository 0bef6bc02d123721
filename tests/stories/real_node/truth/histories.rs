//! Random histories: whatever happens, in whatever order, all three say the same afterwards.

use super::world::World;
use bdk_wallet::KeychainKind;
use bitcoin::{OutPoint, Transaction};
use std::time::Duration;

/// Histories, and happenings in each; `QUORATE_HISTORIES` asks for more of them.
const HISTORIES: u64 = 6;
const HAPPENINGS: usize = 32;

/// SplitMix64: the same numbers from the same seed everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }
}

struct History {
    world: World,
    random: Random,
    /// Spends of ours that were sent, with their fees.
    spends: Vec<(Transaction, u64)>,
    counts: std::collections::BTreeMap<&'static str, usize>,
}

impl History {
    fn new(seed: u64) -> Self {
        Self {
            world: World::new(),
            random: Random(seed),
            spends: Vec::new(),
            counts: Default::default(),
        }
    }

    fn address(&mut self) -> String {
        let keychain = match self.random.below(3) {
            0 => KeychainKind::Internal,
            _ => KeychainKind::External,
        };
        // Mostly near, at times as far ahead as is looked.
        let far = self.random.below(8) == 0;
        let index = self.random.below(if far { 199 } else { 6 }) as u32;
        self.world.address(keychain, index)
    }

    fn anybody(&mut self) -> String {
        match self.random.below(2) {
            0 => self.address(),
            _ => World::stranger(self.random.below(4) as u8),
        }
    }

    /// Coins that can be spent now: what the program lists, less young coinbases.
    fn spendable(&mut self) -> Vec<OutPoint> {
        let tip = self.world.node.chain_tip().height;
        let coins = self.world.oracle.list_unspent();
        let mature = coins.filter(|coin| {
            let coinbase = self
                .world
                .oracle
                .get_tx(coin.outpoint.txid)
                .is_some_and(|tx| tx.tx_node.is_coinbase());
            let height = coin.chain_position.confirmation_height_upper_bound();
            !coinbase || height.is_some_and(|height| height + 100 <= tip + 1)
        });
        mature
            .map(|coin| OutPoint::new(coin.outpoint.txid, coin.outpoint.vout))
            .collect()
    }

    fn happen(&mut self) -> &'static str {
        match self.random.below(27) {
            0..=5 => {
                let count = 1 + self.random.below(3);
                let payments: Vec<(String, u64)> = (0..count)
                    .map(|_| (self.address(), 100_000 + self.random.below(900_000)))
                    .collect();
                self.world.pay_all(&payments);
                "deposit"
            }
            6..=10 => {
                let mut coins = self.spendable();
                coins.sort();
                let count = 1 + self.random.below(2);
                let mut chosen = Vec::new();
                for _ in 0..count.min(coins.len() as u64) {
                    let place = self.random.below(coins.len() as u64) as usize;
                    chosen.push(coins.swap_remove(place));
                }
                let there = |coin: &OutPoint| {
                    let asked = serde_json::json!([coin.txid, coin.vout, true]);
                    !self.world.node.rpc("gettxout", asked).is_null()
                };
                chosen.retain(there);
                if chosen.is_empty() {
                    return "nothing to spend";
                }
                let to = self.anybody();
                let fee = 1_000 + self.random.below(3_000);
                let spend = self.world.spend(&chosen, &to, fee);
                if self.world.try_send(&spend) {
                    self.spends.push((spend, fee));
                }
                "spend"
            }
            11..=12 => {
                let Some((old, fee)) = self.waiting() else {
                    return "nothing to replace";
                };
                let coins: Vec<OutPoint> = old
                    .input
                    .iter()
                    .map(|input| input.previous_output)
                    .collect();
                let to = self.anybody();
                let new = self.world.spend(&coins, &to, fee + 5_000);
                if self.world.try_send(&new) {
                    self.spends.push((new, fee + 5_000));
                }
                "replace"
            }
            13..=15 => {
                // A miner takes another spend of the same coin.
                let Some((old, fee)) = self.waiting() else {
                    return "nothing to double spend";
                };
                let coin = old.input[0].previous_output;
                let in_block = serde_json::json!([coin.txid, coin.vout, false]);
                if self.world.node.rpc("gettxout", in_block).is_null() {
                    return "nothing to double spend";
                }
                let to = self.anybody();
                let other = self.world.spend(&[coin], &to, fee + 1);
                if other.compute_txid() != old.compute_txid() {
                    self.world.node.mine_block(&[other]);
                }
                "double spend"
            }
            16..=18 => {
                let count = 1 + self.random.below(3) as u32;
                self.world.node.mine(count);
                "blocks"
            }
            19 => {
                self.world.node.mine_empty(1);
                "an empty block"
            }
            20 => {
                let address = self.address();
                self.world.node.mine_to(&address, 1);
                "a coinbase"
            }
            21..=23 => self.reorg(),
            24 => {
                let forget = self.random.below(2) == 0;
                self.world.node.stop();
                if forget {
                    let _ =
                        std::fs::remove_file(self.world.node.folder().join("regtest/mempool.dat"));
                }
                self.world.node.start_again();
                let url = self.world.node.url_cookie();
                self.world.home.set("QUORATE_NODE", &url);
                "the node starts again"
            }
            25 => {
                let after = Duration::from_millis(self.random.below(60));
                let running = self.world.home.spawn(&["sync"]);
                std::thread::sleep(after);
                let _ = running.kill();
                "a sync is killed"
            }
            _ => {
                let from = self.random.below(3) * 50;
                let from = from.to_string();
                let running = self
                    .world
                    .home
                    .spawn(&["sync", "family", "--rescan-from", &from]);
                let kill = self.random.below(2) == 0;
                if kill {
                    std::thread::sleep(Duration::from_millis(self.random.below(80)));
                    let _ = running.kill();
                } else {
                    let _ = running.wait();
                }
                // What lies below isn't known then; from the first block on everything is.
                self.world
                    .home
                    .json(&["sync", "family", "--rescan-from", "0"]);
                "a rescan"
            }
        }
    }

    fn reorg(&mut self) -> &'static str {
        let tip = self.world.node.chain_tip().height;
        let depth = [1, 1, 2, 6, 6, 20, 101][self.random.below(7) as usize];
        if depth >= tip {
            return "too short for a reorg";
        }
        if self.random.below(2) == 0 {
            self.world.node.reorg(depth);
        } else {
            self.world.node.reorg_empty(depth);
        }
        match depth {
            1 | 2 => "a small reorg",
            6 => "a reorg of 6",
            20 => "a reorg of 20",
            _ => "a reorg of 101",
        }
    }

    /// One of our spends that is in the mempool.
    fn waiting(&mut self) -> Option<(Transaction, u64)> {
        let mempool = self.world.node.mempool();
        let mut waiting: Vec<&(Transaction, u64)> = self
            .spends
            .iter()
            .filter(|(spend, _)| mempool.contains(&spend.compute_txid()))
            .collect();
        if waiting.is_empty() {
            return None;
        }
        let place = self.random.below(waiting.len() as u64) as usize;
        Some(waiting.swap_remove(place).clone())
    }
}

#[test]
fn random_histories_end_in_what_bdk_and_the_node_say() {
    let asked = std::env::var("QUORATE_HISTORIES").ok();
    let count = asked
        .and_then(|count| count.parse().ok())
        .unwrap_or(HISTORIES);
    let mut counts = std::collections::BTreeMap::new();
    let mut checks = 0;
    for seed in 1..=count {
        let mut history = History::new(seed);
        history.world.node.mine(1);
        for number in 0..HAPPENINGS {
            let what = history.happen();
            *history.counts.entry(what).or_insert(0) += 1;
            println!("seed {seed}, {number}: {what}");
            if number % 2 == 1 {
                history.world.check();
            }
        }
        history.world.node.mine(1);
        history.world.check();
        checks += history.world.checks;
        for (what, number) in history.counts {
            *counts.entry(what).or_insert(0) += number;
        }
    }
    println!("{count} histories, {checks} comparisons: {counts:?}");
    assert!(checks as u64 >= count * 14);
}
