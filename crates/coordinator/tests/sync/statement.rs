//! Statements over random histories: each line's parts, and sums that add up to the satoshi, against
//! nothing but the chain itself.

use crate::home::{first_vault, receive, script_of};
use crate::world::{World, nobody};
use bitcoin::{Network, OutPoint, ScriptBuf, Transaction};
use proptest::prelude::*;
use quorate_coordinator::{Coordinator, Moment, Page, VaultImport};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::Birth;
use std::collections::{BTreeMap, BTreeSet};

const DAY: u32 = 86_400;

#[derive(Debug, Clone)]
enum Step {
    /// Somebody pays the vault.
    Receive(u64),
    /// The vault spends coins: so much of it to somebody, the rest less a fee back.
    Pay {
        which: usize,
        permille: u64,
        fee: u64,
    },
    /// With somebody else, whose input isn't the vault's.
    Join {
        which: usize,
        back: u64,
    },
    Mine,
    Reorg(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_000..5_000_000u64).prop_map(Step::Receive),
        3 => (any::<usize>(), prop_oneof![Just(0), 1..1_000u64], 0..900u64)
            .prop_map(|(which, permille, fee)| Step::Pay { which, permille, fee }),
        1 => (any::<usize>(), 0..6_000_000u64).prop_map(|(which, back)| Step::Join { which, back }),
        5 => Just(Step::Mine),
        1 => (1..3u32).prop_map(Step::Reorg),
    ]
}

fn is_ours(script: &ScriptBuf) -> bool {
    first_vault().1.contains_key(script)
}

/// The vault's coins that nothing spends, with their values.
fn spendable(world: &World) -> Vec<(OutPoint, u64)> {
    let chain = world.chain.borrow();
    let mempool = world.mempool.borrow();
    let all: Vec<&Transaction> = chain
        .iter()
        .flat_map(|block| &block.txdata)
        .chain(mempool.values())
        .collect();
    let inputs = all.iter().flat_map(|tx| &tx.input);
    let spent: BTreeSet<OutPoint> = inputs.map(|input| input.previous_output).collect();
    let mut coins = Vec::new();
    for tx in all {
        for (vout, output) in (0..).zip(&tx.output) {
            let outpoint = OutPoint::new(tx.compute_txid(), vout);
            if is_ours(&output.script_pubkey) && !spent.contains(&outpoint) {
                coins.push((outpoint, output.value.to_sat()));
            }
        }
    }
    coins
}

fn play(world: &World, step: &Step, number: u32) {
    let change = script_of(first_vault(), Keychain::Change, number % 20);
    match *step {
        Step::Receive(sat) => drop(world.pay(receive(number % 20), sat)),
        Step::Pay {
            which,
            permille,
            fee,
        } => {
            let coins = spendable(world);
            let Some((coin, value)) = coins.get(which % coins.len().max(1)) else {
                return;
            };
            let value = value.saturating_sub(fee.min(*value));
            let paid = value * permille / 1_000;
            let mut outputs = vec![(change, value - paid)];
            if paid > 0 {
                outputs.push((nobody(), paid));
            }
            world.announce(world.tx(&[*coin], &outputs));
        }
        Step::Join { which, back } => {
            let coins = spendable(world);
            if let Some((coin, _)) = coins.get(which % coins.len().max(1)) {
                let outputs = [(nobody(), 7_000), (change, back)];
                world.announce(world.tx(&[*coin, world.foreign()], &outputs));
            }
        }
        Step::Mine => world.mine(),
        Step::Reorg(depth) => {
            world.disconnect(depth.min(world.tip().height.saturating_sub(1)));
            world.mine();
        }
    }
}

/// In, out, fee and net of a line.
type Parts = (i64, i64, Option<i64>, i64);

/// What a statement must say of each confirmed transaction, with its header time.
fn expected(world: &World) -> BTreeMap<String, (u32, Parts)> {
    let made = world.made.borrow();
    let value = |outpoint: &OutPoint| -> Option<i64> {
        let output = &made.get(&outpoint.txid)?.output[outpoint.vout as usize];
        is_ours(&output.script_pubkey).then(|| output.value.to_sat() as i64)
    };
    let mut all = BTreeMap::new();
    for block in world.chain.borrow().iter() {
        for tx in &block.txdata {
            let ours = tx.output.iter().filter(|out| is_ours(&out.script_pubkey));
            let received: i64 = ours.map(|out| out.value.to_sat() as i64).sum();
            let coins: Vec<i64> = tx
                .input
                .iter()
                .filter_map(|input| value(&input.previous_output))
                .collect();
            let (sent, outputs): (i64, i64) = (
                coins.iter().sum(),
                tx.output.iter().map(|out| out.value.to_sat() as i64).sum(),
            );
            let net = received - sent;
            let parts = if coins.len() == tx.input.len() {
                (0, outputs - received, Some(sent - outputs), net)
            } else {
                (net.max(0), (-net).max(0), None, net)
            };
            let concerns =
                !coins.is_empty() || tx.output.iter().any(|out| is_ours(&out.script_pubkey));
            if concerns {
                all.insert(tx.compute_txid().to_string(), (block.header.time, parts));
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sums_add_up_whatever_happened(steps in prop::collection::vec(step(), 1..60)) {
        let world = World::new();
        world.odd_clocks.set(true);
        world.mine_empty(3);
        let home = tempfile::tempdir().unwrap();
        let moment = Moment { now: 1_700_000_000, entropy: [7; 32] };
        Coordinator::init(home.path(), Network::Regtest, moment).unwrap();
        let mut office = Coordinator::open(home.path()).unwrap();
        let import = VaultImport {
            name: "family",
            text: first_vault().0.descriptor(),
            cosigners: None,
            birth: Birth::Height(0),
        };
        office.import_vault(&import, moment).unwrap();
        for (number, step) in (0u32..).zip(&steps) {
            play(&world, step, number);
            if number % 7 == 0 {
                office.sync(&world, moment, &mut |_| ()).unwrap();
            }
        }
        office.sync(&world, moment, &mut |_| ()).unwrap();
        let wanted = expected(&world);
        let first = wanted.values().map(|(time, _)| time / DAY).min().unwrap_or(18_000);
        let last = wanted.values().map(|(time, _)| time / DAY).max().unwrap_or(18_000);
        let days = (first..=last).map(|day| (day, day + 1));
        for (from, until) in days.chain([(first, last + 1)]) {
            let view = office.account_statement("family", from * DAY, until * DAY).unwrap();
            let before: i64 = wanted
                .values()
                .filter(|(time, _)| time / DAY < from)
                .map(|(_, parts)| parts.3)
                .sum();
            prop_assert_eq!(view.opening_sat, before);
            let count = wanted.values().filter(|(time, _)| (from..until).contains(&(time / DAY)));
            prop_assert_eq!(view.lines.len(), count.count());
            let (mut gained, mut paid, mut fees) = (0, 0, 0);
            for line in &view.lines {
                let (time, parts) = wanted[&line.txid];
                prop_assert_eq!(line.time, u64::from(time));
                let said: Parts = (
                    line.net_sat.max(0),
                    line.paid_sat as i64,
                    line.fee_sat.map(|fee| fee as i64),
                    line.net_sat,
                );
                prop_assert_eq!(said, parts, "{}", line.txid);
                gained += said.0;
                paid += said.1;
                fees += said.2.unwrap_or(0);
            }
            let sums = (view.in_sat as i64, view.out_sat as i64, view.fees_sat as i64);
            prop_assert_eq!(sums, (gained, paid, fees));
            prop_assert_eq!(view.closing_sat, view.opening_sat + gained - paid - fees);
        }
        // With what waits, it is the balance.
        let balance = office.balance("family").unwrap();
        let page = Page { limit: 1_000, ..Page::default() };
        let history = office.history("family", &page).unwrap();
        let held = balance.confirmed_sat + balance.pending_sat;
        prop_assert_eq!(history.balance_sat, held as i64);
    }
}
