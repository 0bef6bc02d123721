//! Mempool transactions come in no order; children must be matched after their parents.

use bitcoin::{Transaction, Txid};
use std::collections::{BTreeMap, BTreeSet};

/// The same transactions, each after those of the list that it spends from; each once.
#[must_use]
pub fn parents_first(transactions: Vec<(Txid, Transaction)>) -> Vec<(Txid, Transaction)> {
    let mut waiting: BTreeMap<Txid, Transaction> = transactions.into_iter().collect();
    let mut children: BTreeMap<Txid, Vec<Txid>> = BTreeMap::new();
    let mut parents: BTreeMap<Txid, usize> = BTreeMap::new();
    for (txid, tx) in &waiting {
        let spent: BTreeSet<Txid> = tx.input.iter().map(|i| i.previous_output.txid).collect();
        let mut count = 0;
        for parent in spent.into_iter().filter(|p| waiting.contains_key(p)) {
            children.entry(parent).or_default().push(*txid);
            count += 1;
        }
        parents.insert(*txid, count);
    }
    let mut ready: Vec<Txid> = parents
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(t, _)| *t)
        .collect();
    let mut ordered = Vec::with_capacity(waiting.len());
    while let Some(txid) = ready.pop() {
        if let Some(tx) = waiting.remove(&txid) {
            ordered.push((txid, tx));
        }
        for child in children.remove(&txid).unwrap_or_default() {
            if let Some(count) = parents.get_mut(&child) {
                *count -= 1;
                if *count == 0 {
                    ready.push(child);
                }
            }
        }
    }
    // Ids are hashes of what they spend, so a circle can't exist; if the ids given are not those of
    // the transactions, nothing is lost.
    ordered.extend(waiting);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::absolute::LockTime;
    use bitcoin::hashes::Hash;
    use bitcoin::transaction::Version;
    use bitcoin::{OutPoint, TxIn};
    use proptest::prelude::*;

    fn spending(n: u32, parents: &[Txid]) -> (Txid, Transaction) {
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::from_consensus(n),
            input: parents
                .iter()
                .map(|&txid| TxIn {
                    previous_output: OutPoint::new(txid, 0),
                    ..TxIn::default()
                })
                .collect(),
            output: Vec::new(),
        };
        (tx.compute_txid(), tx)
    }

    #[test]
    fn impossible_circles_lose_nothing() {
        let ids = [
            Txid::from_byte_array([1; 32]),
            Txid::from_byte_array([2; 32]),
        ];
        let list = vec![
            (ids[0], spending(1, &[ids[1]]).1),
            (ids[1], spending(2, &[ids[0], ids[0]]).1),
        ];
        assert_eq!(parents_first(list).len(), 2);
    }

    proptest! {
        #[test]
        fn every_child_comes_after_its_parents(
            links in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..30),
            seed in any::<u64>(),
        ) {
            let mut list: Vec<(Txid, Transaction)> = Vec::new();
            for (n, link) in (0u32..).zip(&links) {
                let parents: Vec<Txid> = link.iter().filter(|_| !list.is_empty())
                    .map(|i| list[i.index(list.len())].0).collect();
                list.push(spending(n, &parents));
            }
            list.sort_by_key(|(txid, _)| txid.to_byte_array()[(seed % 32) as usize]);
            let ordered = parents_first(list.clone());
            prop_assert_eq!(ordered.len(), list.len());
            for (place, (_, tx)) in ordered.iter().enumerate() {
                for input in &tx.input {
                    let parent = ordered.iter().position(|(t, _)| *t == input.previous_output.txid);
                    prop_assert!(parent < Some(place));
                }
            }
        }
    }
}
