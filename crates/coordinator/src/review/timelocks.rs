//! What a transaction waits for, out of its lock time and its sequences (BIP-0065, BIP-0068).

use super::knowledge::{Age, Situation};
use crate::view::TimelockView;
use bitcoin::{Sequence, absolute, relative};
use quorate_core::proposal::{Proposal, relative_lock};
use std::collections::BTreeMap;

/// The lock time first, then the ages asked of coins.
pub(super) fn timelocks(proposal: &Proposal, situation: &Situation) -> Vec<TimelockView> {
    let mut locks: Vec<TimelockView> = lock_time(proposal, situation.tip).into_iter().collect();
    let tx = proposal.transaction();
    let mut inputs_by_age: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (input, txin) in tx.input.iter().enumerate() {
        if let Some(lock) = relative_lock(tx, txin) {
            let inputs = inputs_by_age.entry(Sequence::from(lock).to_consensus_u32());
            inputs.or_default().push(input);
        }
    }
    for (sequence, inputs) in inputs_by_age {
        let lock = Sequence::from_consensus(sequence).to_relative_lock_time();
        locks.extend(lock.and_then(|lock| age(lock, inputs, situation)));
    }
    locks
}

fn lock_time(proposal: &Proposal, tip: Option<u32>) -> Option<TimelockView> {
    let tx = proposal.transaction();
    let enabled = tx
        .input
        .iter()
        .any(|input| input.sequence.enables_absolute_lock_time());
    if !enabled {
        return None;
    }
    match tx.lock_time {
        absolute::LockTime::Blocks(last) if last.to_consensus_u32() > 0 => {
            // The lock time is the last block that can't hold it.
            let first = last.to_consensus_u32().saturating_add(1);
            Some(TimelockView {
                kind: "height".to_owned(),
                inputs: Vec::new(),
                blocks: None,
                seconds: None,
                height: Some(first),
                time: None,
                blocks_left: tip.map(|tip| first.saturating_sub(tip.saturating_add(1))),
            })
        }
        absolute::LockTime::Blocks(_) => None,
        absolute::LockTime::Seconds(time) => Some(TimelockView {
            kind: "time".to_owned(),
            inputs: Vec::new(),
            blocks: None,
            seconds: None,
            height: None,
            time: Some(u64::from(time.to_consensus_u32())),
            blocks_left: None,
        }),
    }
}

fn age(
    lock: relative::LockTime,
    inputs: Vec<usize>,
    situation: &Situation,
) -> Option<TimelockView> {
    let (blocks, seconds) = match lock {
        relative::LockTime::Blocks(blocks) => (Some(u32::from(blocks.value())), None),
        relative::LockTime::Time(time) => (None, Some(u64::from(time.value()) * 512)),
    };
    if blocks == Some(0) || seconds == Some(0) {
        return None;
    }
    let heights = inputs.iter().map(|&input| match situation.ages.get(input) {
        Some(Age::Block(height)) => Some(*height),
        Some(Age::Mempool | Age::Unknown) | None => None,
    });
    let youngest = heights.collect::<Option<Vec<u32>>>();
    let youngest = youngest.and_then(|heights| heights.into_iter().max());
    let height = youngest
        .zip(blocks)
        .map(|(height, blocks)| height.saturating_add(blocks));
    Some(TimelockView {
        kind: "age".to_owned(),
        inputs,
        blocks,
        seconds,
        height,
        time: None,
        blocks_left: height
            .zip(situation.tip)
            .map(|(height, tip)| height.saturating_sub(tip.saturating_add(1))),
    })
}
