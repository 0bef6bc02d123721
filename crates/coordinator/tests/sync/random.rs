//! Whatever happens on a chain, in whatever order, with syncs that break off in the middle: after a
//! sync that ends well, the ledger says what the reference says.

use crate::home::{Home, SCRIPTS, first_vault, script_of, second_vault};
use crate::world::{World, nobody};
use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};
use proptest::prelude::*;
use proptest::sample::Index;
use quorate_coordinator::sync::sync_at;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::Birth;
use quorate_storage::Store;
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Happening {
    /// Somebody pays one of the vaults, perhaps far ahead of what was used before.
    Pay {
        change: bool,
        ahead: u32,
        second: bool,
        twice: bool,
    },
    /// A vault's coins are spent, perhaps back to itself, perhaps displacing another spend.
    Spend { coins: Vec<Index>, back: bool },
    /// Noise that concerns nobody.
    Stranger,
    /// A waiting transaction is replaced by one that may pay somebody else.
    Replace { which: Index, ours: bool },
    /// A waiting transaction is dropped.
    Evict { which: Index },
    /// A block, with some of what waits and perhaps a transaction nobody saw coming.
    Mine {
        chance: u8,
        ours: bool,
        double_spend: Option<Index>,
    },
    /// Blocks are taken back, and others may come instead.
    Reorg {
        depth: u32,
        grow: u32,
        chance: u8,
        ours: bool,
    },
    /// The second vault is imported.
    Import,
    /// A sync during which the source breaks down.
    Break { after: u32 },
    /// A sync during which something else happens.
    Race { call: &'static str },
    /// A sync during which another program syncs.
    Twice { call: &'static str },
    /// From now on another kind of source.
    Turn,
    /// The program is started again.
    Restart,
    /// A sync, and the comparison.
    Sync,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let ahead = prop_oneof![4 => 0..3u32, 1 => 0..200u32, 1 => Just(199u32)];
    let call = prop::sample::select(vec![
        "status",
        "block_hash",
        "block_hashes",
        "blocks",
        "mempool_txids",
        "mempool_transactions",
        "statuses",
        "histories",
        "transactions",
        "headers_from",
        "branches",
    ]);
    prop_oneof![
        5 => (any::<bool>(), ahead, prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(change, ahead, second, twice)| Pay { change, ahead, second, twice }),
        4 => (prop::collection::vec(any::<Index>(), 1..3), any::<bool>())
            .prop_map(|(coins, back)| Spend { coins, back }),
        1 => Just(Stranger),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(which, ours)| Replace { which, ours }),
        1 => any::<Index>().prop_map(|which| Evict { which }),
        4 => (any::<u8>(), prop::bool::weighted(0.3), prop::option::weighted(0.3, any::<Index>()))
            .prop_map(|(chance, ours, double_spend)| Mine { chance, ours, double_spend }),
        2 => (1..4u32, 0..5u32, any::<u8>(), any::<bool>())
            .prop_map(|(depth, grow, chance, ours)| Reorg { depth, grow, chance, ours }),
        1 => Just(Import),
        1 => (0..14u32).prop_map(|after| Break { after }),
        2 => call.clone().prop_map(|call| Race { call }),
        1 => call.prop_map(|call| Twice { call }),
        1 => Just(Turn),
        1 => Just(Restart),
        4 => Just(Sync),
    ]
}

struct Run {
    world: World,
    home: Home,
}

impl Run {
    /// Outputs of vaults in chain and mempool that no block spends.
    fn spendable(&self) -> Vec<OutPoint> {
        let chain = self.world.chain.borrow();
        let mempool = self.world.mempool.borrow();
        let mined = chain.iter().flat_map(|block| &block.txdata);
        let spent: BTreeSet<OutPoint> = mined
            .clone()
            .flat_map(|tx| &tx.input)
            .map(|input| input.previous_output)
            .collect();
        let mut coins = Vec::new();
        for tx in mined.chain(mempool.values()) {
            for (vout, output) in (0..).zip(&tx.output) {
                let outpoint = OutPoint::new(tx.compute_txid(), vout);
                let script = &output.script_pubkey;
                let ours =
                    first_vault().1.contains_key(script) || second_vault().1.contains_key(script);
                if ours && !spent.contains(&outpoint) {
                    coins.push(outpoint);
                }
            }
        }
        coins
    }

    fn waiting(&self, which: &Index) -> Option<(Txid, Transaction)> {
        let mempool = self.world.mempool.borrow();
        let all: Vec<_> = mempool.iter().collect();
        let (txid, tx) = all.get(which.index(all.len().max(1)))?;
        Some((**txid, (*tx).clone()))
    }

    /// Some of the mempool, by a coin toss that depends on the transaction only.
    fn some(&self, chance: u8) -> BTreeSet<Txid> {
        let mempool = self.world.mempool.borrow();
        let lucky = |txid: &&Txid| txid.as_ref() as &[u8; 32] < &[chance; 32];
        mempool.keys().filter(lucky).copied().collect()
    }

    fn target(&mut self, change: bool, ahead: u32) -> ScriptBuf {
        let keychain = if change {
            Keychain::Change
        } else {
            Keychain::Receive
        };
        let known = self.home.next_index(&first_vault().0, keychain);
        script_of(first_vault(), keychain, (known + ahead).min(SCRIPTS - 1))
    }

    fn miner(&mut self, ours: bool) -> ScriptBuf {
        if ours {
            self.target(false, 1)
        } else {
            nobody()
        }
    }

    fn step(&mut self, happening: &Happening) {
        let world = &self.world;
        match happening {
            Happening::Pay {
                change,
                ahead,
                second,
                twice,
            } => {
                let script = if *second {
                    script_of(second_vault(), Keychain::Receive, ahead % 50)
                } else {
                    self.target(*change, *ahead)
                };
                let mut outputs = vec![(nobody(), 1_000), (script, 10_000 + u64::from(*ahead))];
                if *twice {
                    outputs.push((self.target(!change, 0), 70_000));
                    outputs.push(outputs[1].clone());
                }
                let world = &self.world;
                world.announce(world.tx(&[world.foreign()], &outputs));
            }
            Happening::Spend { coins, back } => {
                let all = self.spendable();
                if all.is_empty() {
                    return;
                }
                let mut inputs: Vec<OutPoint> = coins.iter().map(|c| *c.get(&all)).collect();
                inputs.sort_unstable();
                inputs.dedup();
                let mut outputs = vec![(nobody(), 2_000)];
                if *back {
                    outputs.push((self.target(true, 0), 3_000));
                }
                let tx = self.world.tx(&inputs, &outputs);
                // Not a descendant of what it displaces: nobody could make that.
                let mut displaced = self.world.mempool.borrow().clone();
                displaced.retain(|_, other| {
                    let mut spends = other.input.iter();
                    spends.any(|input| inputs.contains(&input.previous_output))
                });
                if inputs
                    .iter()
                    .all(|input| !displaced.contains_key(&input.txid))
                {
                    self.world.announce(tx);
                }
            }
            Happening::Stranger => {
                world.pay(nobody(), 1);
            }
            Happening::Replace { which, ours } => {
                if let Some((_, tx)) = self.waiting(which) {
                    let script = self.miner(*ours);
                    let input = tx.input[0].previous_output;
                    let world = &self.world;
                    world.announce(world.tx(&[input], &[(script, 4_000)]));
                }
            }
            Happening::Evict { which } => {
                if let Some((txid, _)) = self.waiting(which) {
                    world.evict(&txid);
                }
            }
            Happening::Mine {
                chance,
                ours,
                double_spend,
            } => {
                let miner = self.miner(*ours);
                let spend = double_spend.as_ref().and_then(|which| self.waiting(which));
                let world = &self.world;
                match spend {
                    // Parents must be there, so only first generations are double spent.
                    Some((_, tx)) if self.first_generation(&tx) => {
                        let input = tx.input[0].previous_output;
                        let other = world.tx(&[input], &[(miner.clone(), 6_000)]);
                        world.mine_these(vec![other], miner);
                    }
                    _ => world.mine_some(&self.some(*chance), miner),
                }
            }
            Happening::Reorg {
                depth,
                grow,
                chance,
                ours,
            } => {
                world.disconnect(*depth);
                for _ in 0..*grow {
                    let some = self.some(*chance);
                    let miner = self.miner(*ours);
                    self.world.mine_some(&some, miner);
                }
            }
            Happening::Import => {
                self.home.add(&second_vault().0, Birth::Height(0));
            }
            Happening::Break { after } => {
                world.breaks_after.set(Some(*after));
                let _ = self.home.sync(world);
                world.breaks_after.set(None);
            }
            Happening::Race { call } => {
                let paid = script_of(first_vault(), Keychain::Receive, 3);
                world.before(call, move |world| {
                    world.pay(paid, 900);
                    world.mine();
                    world.disconnect(1);
                    world.mine_empty(1);
                });
                self.home.sync(world).unwrap();
                world.forget_hooks();
            }
            Happening::Twice { call } => {
                let path = self.home.path.clone();
                world.before(call, move |world| {
                    world.mine();
                    let mut other = Store::open(&path).unwrap();
                    sync_at(&mut other, world, &mut |_| {}, 0).unwrap();
                });
                self.home.sync(world).unwrap();
                world.forget_hooks();
            }
            Happening::Turn => world.by_script.set(!world.by_script.get()),
            Happening::Restart => {
                self.home.store = Store::open(&self.home.path).unwrap();
            }
            Happening::Sync => {
                self.home.sync_and_check(world);
                let blocks = world.blocks_served.get();
                let transactions = world.transactions_served.get();
                let histories = world.histories_served.get();
                let report = self.home.sync_and_check(world);
                assert_eq!((report.blocks, report.new_transactions), (0, 0));
                assert_eq!(world.blocks_served.get(), blocks);
                assert_eq!(world.transactions_served.get(), transactions);
                // Only of what waits to be mined.
                if world.mempool.borrow().is_empty() {
                    assert_eq!(world.histories_served.get(), histories);
                }
            }
        }
    }

    fn first_generation(&self, tx: &Transaction) -> bool {
        let mempool = self.world.mempool.borrow();
        let mut inputs = tx.input.iter();
        inputs.all(|input| !mempool.contains_key(&input.previous_output.txid))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_says_what_the_chain_says(
        by_script in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..40),
    ) {
        let mut run = Run { world: World::new(), home: Home::new() };
        run.world.by_script.set(by_script);
        run.world.odd_clocks.set(true);
        for happening in happenings.iter().chain([&Happening::Sync]) {
            run.step(happening);
        }
    }
}
