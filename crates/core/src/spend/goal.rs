//! Choosing coins for something else than the least fee: few of them, old ones, or ones that belong
//! together already.

use super::request::{Available, Goal};
use super::select::{Choice, Costs, select, settle};
use bitcoin::Amount;
use std::collections::BTreeMap;

/// Coins added at most to make the change larger.
const EXTRA: usize = 10;

/// Why no choice serves the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unserved {
    /// All coins together aren't enough.
    Short,
    /// Together they would be, but no group alone; the largest has this much.
    NoGroup(Amount),
}

/// Chooses among `coins` to pay `wanted`. Which goal is served how:
///
/// - `Fewest`: the largest first, until it is enough; no smaller number of coins could do.
/// - `Oldest`: the lowest block first, the mempool last.
/// - `Privacy`: the smallest group that has enough, so that large ones stay whole.
pub(super) fn choose(
    goal: Goal,
    coins: &[Available],
    wanted: Amount,
    costs: &Costs,
) -> Result<Choice, Unserved> {
    let values: Vec<Amount> = coins.iter().map(|coin| coin.value).collect();
    let mut order: Vec<usize> = (0..coins.len()).collect();
    match goal {
        Goal::Cheapest => select(&values, wanted, costs).map_err(|_| Unserved::Short),
        Goal::Fewest => {
            order.sort_by_key(|&at| std::cmp::Reverse(values[at]));
            until_enough(&values, &order, wanted, costs).ok_or(Unserved::Short)
        }
        Goal::Oldest => {
            order.sort_by_key(|&at| coins[at].height.unwrap_or(u32::MAX));
            until_enough(&values, &order, wanted, costs).ok_or(Unserved::Short)
        }
        Goal::Privacy => of_one_group(coins, &values, wanted, costs),
    }
}

/// The first ones of `order` that are enough together.
fn until_enough(
    values: &[Amount],
    order: &[usize],
    wanted: Amount,
    costs: &Costs,
) -> Option<Choice> {
    let mut spent = Amount::ZERO;
    for (count, &at) in (1..).zip(order) {
        spent = spent.checked_add(values[at]).unwrap_or(Amount::MAX_MONEY);
        if spent >= costs.needed(wanted, count) {
            return settle(values, order[..count].to_vec(), wanted, costs);
        }
    }
    None
}

fn of_one_group(
    coins: &[Available],
    values: &[Amount],
    wanted: Amount,
    costs: &Costs,
) -> Result<Choice, Unserved> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, coin) in coins.iter().enumerate() {
        groups.entry(coin.group).or_default().push(at);
    }
    let sum = |members: &[usize]| members.iter().map(|&at| values[at]).sum::<Amount>();
    let largest = groups.values().map(|members| sum(members)).max();
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by_key(|members| sum(members));
    for members in groups {
        let own: Vec<Amount> = members.iter().map(|&at| values[at]).collect();
        let Ok(cheapest) = select(&own, wanted, costs) else {
            continue;
        };
        // Coins are only ever added, so it matters where to begin: with what is cheapest, or with the
        // smallest coin that is enough alone.
        let alone = (0..own.len()).filter(|&at| own[at] >= costs.needed(wanted, 1));
        let alone = alone.min_by_key(|&at| own[at]);
        let alone = alone.and_then(|at| settle(&own, vec![at], wanted, costs));
        let starts = [Some(cheapest), alone].into_iter().flatten();
        let choices = starts.map(|start| alike(&own, start, wanted, costs));
        let Some(choice) = choices.min_by_key(|choice| unlikeness(choice, wanted)) else {
            continue;
        };
        return Ok(Choice {
            coins: choice.coins.iter().map(|&at| members[at]).collect(),
            ..choice
        });
    }
    let together: Vec<usize> = (0..values.len()).collect();
    if until_enough(values, &together, wanted, costs).is_some() {
        return Err(Unserved::NoGroup(largest.unwrap_or_default()));
    }
    Err(Unserved::Short)
}

/// How many times the change fits into the payment, or the payment into the change, in thousandths;
/// nothing is told where no change is made.
fn unlikeness(choice: &Choice, wanted: Amount) -> u128 {
    let Some(change) = choice.change else {
        return 0;
    };
    let (change, wanted) = (change.to_sat().max(1), wanted.to_sat().max(1));
    u128::from(change.max(wanted)) * 1000 / u128::from(change.min(wanted))
}

/// Adds coins of the group as long as that brings the change nearer to the payment: of two outputs
/// of like size nobody can tell which one came back.
fn alike(values: &[Amount], choice: Choice, wanted: Amount, costs: &Costs) -> Choice {
    let distance = |choice: &Choice| unlikeness(choice, wanted);
    let mut best = choice;
    if best.change.is_none() {
        return best;
    }
    for _ in 0..EXTRA {
        let rest = (0..values.len()).filter(|at| !best.coins.contains(at));
        let tried = rest.filter_map(|at| {
            let mut coins = best.coins.clone();
            coins.push(at);
            settle(values, coins, wanted, costs)
        });
        let nearest = tried.min_by_key(&distance);
        match nearest {
            Some(next) if distance(&next) < distance(&best) => best = next,
            _ => break,
        }
    }
    best
}
