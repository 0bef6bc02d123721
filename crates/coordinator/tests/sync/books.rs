//! What histories and statements are read from, against the reference: every page, every period.

use crate::home::Expected;
use crate::world::World;
use bitcoin::Txid;
use quorate_core::ledger::{Coin, TxStatus, VaultRow};
use quorate_storage::{Booked, Order, ReadTx, Spot, StorageError};
use std::collections::BTreeMap;

const DAY: u32 = 86_400;

/// What each confirmed transaction changed, by header time and place, as the world has it.
fn changes(world: &World, expected: &Expected) -> BTreeMap<(u32, u32, usize), (Txid, i64)> {
    let chain = world.chain.borrow();
    let mut all = BTreeMap::new();
    for (height, block) in (0u32..).zip(chain.iter()) {
        for (position, tx) in block.txdata.iter().enumerate() {
            let txid = tx.compute_txid();
            let value = |coin: &Coin| i64::try_from(coin.value.to_sat()).unwrap();
            let made = expected.coins.values();
            let made: i64 = made
                .filter(|coin| coin.outpoint.txid == txid)
                .map(value)
                .sum();
            let inputs = tx.input.iter();
            let spent = inputs.filter_map(|input| expected.coins.get(&input.previous_output));
            let spent: i64 = spent.map(value).sum();
            let place = expected.transactions.get(&txid);
            if matches!(place, Some(TxStatus::Confirmed(_))) {
                all.insert((block.header.time, height, position), (txid, made - spent));
            }
        }
    }
    all
}

fn sum(coins: &[Coin]) -> i64 {
    coins.iter().map(|coin| coin.value.to_sat() as i64).sum()
}

pub(crate) fn check(
    tx: &ReadTx<'_>,
    row: VaultRow,
    world: &World,
    expected: &Expected,
) -> Result<(), StorageError> {
    let changes = changes(world, expected);
    let total: i64 = changes.values().map(|(_, net)| net).sum();
    assert_eq!(tx.ledger_held(row)?, total);

    // In the order of the chain, both ways, in pages of three.
    let mut by_place: Vec<_> = changes.iter().collect();
    by_place.sort_by_key(|((_, height, position), _)| (*height, *position));
    let (mut held, mut spot) = (0, Spot::START);
    let mut forth: Vec<Txid> = Vec::new();
    loop {
        let page = tx.ledger_history(row, Order::Newer(spot), 3)?;
        let Some(last) = page.last() else { break };
        spot = last.spot().unwrap();
        for one in &page {
            held += sum(&one.made) - sum(&one.spent);
            assert_eq!(one.balance, Some(held), "after {}", one.txid);
            assert_eq!(tx.ledger_spot(row, &one.txid)?, Some(one.spot()));
        }
        forth.extend(page.iter().map(|one| one.txid));
    }
    let wanted: Vec<Txid> = by_place.iter().map(|(_, (txid, _))| *txid).collect();
    assert_eq!(forth, wanted);
    let (mut back, mut spot) = (Vec::new(), Spot::END);
    loop {
        let page = tx.ledger_history(row, Order::Older(spot), 3)?;
        let Some(last) = page.last() else { break };
        spot = last.spot().unwrap();
        back.extend(page.iter().map(|one| one.txid));
    }
    back.reverse();
    assert_eq!(back, wanted);

    // By day: what was held before, the lines, what is held after.
    let days: Vec<u32> = changes.keys().map(|(time, _, _)| time / DAY).collect();
    let mut edges: Vec<u32> = days.iter().flat_map(|day| [*day, day + 1]).collect();
    edges.sort_unstable();
    edges.dedup();
    let periods = edges.windows(2).map(|pair| (pair[0], pair[1]));
    let whole = edges.first().copied().zip(edges.last().copied());
    for (from, until) in periods.chain(whole) {
        let mut held = tx.ledger_held_before_day(row, from)?;
        let before = changes.range(..(from * DAY, 0, 0));
        assert_eq!(held, before.map(|(_, (_, net))| net).sum::<i64>());
        let mut lines: Vec<Booked> = Vec::new();
        loop {
            let period = (from * DAY, until * DAY);
            let page = tx.ledger_of_days(row, period, lines.last(), 3)?;
            if page.is_empty() {
                break;
            }
            lines.extend(page);
        }
        let listed: Vec<Txid> = lines.iter().map(|one| one.txid).collect();
        let wanted = changes.range((from * DAY, 0, 0)..(until * DAY, 0, 0));
        let wanted: Vec<Txid> = wanted.map(|(_, (txid, _))| *txid).collect();
        assert_eq!(listed, wanted);
        held += lines
            .iter()
            .map(|one| sum(&one.made) - sum(&one.spent))
            .sum::<i64>();
        assert_eq!(held, tx.ledger_held_before_day(row, until)?);
    }
    Ok(())
}
