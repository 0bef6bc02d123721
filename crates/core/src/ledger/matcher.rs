//! Which transactions of a list concern which vault.

use super::{Owner, VaultRow};
use crate::keychain::Keychain;
use bitcoin::{Amount, OutPoint, Script, Transaction, Txid};
use std::collections::BTreeMap;

/// A transaction that pays to or from a vault, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The vault; a transaction between two vaults makes two matches.
    pub vault: VaultRow,
    /// The transaction.
    pub txid: Txid,
    /// Its place in the list that was given.
    pub position: usize,
    /// Whether it mines new money.
    pub coinbase: bool,
    /// Outputs that are the vault's.
    pub funds: Vec<Funded>,
    /// Coins of the vault that it spends.
    pub spends: Vec<OutPoint>,
}

/// One output that is the vault's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Funded {
    /// Its place in the transaction.
    pub vout: u32,
    /// How much it is.
    pub value: Amount,
    /// Address chain of its script.
    pub keychain: Keychain,
    /// Index of its script.
    pub index: u32,
}

/// Matches `transactions`, a block's or some of the mempool's with parents before children.
/// `owners` says whose a script is, `holders` whose coin an outpoint is; neither needs to know of coins that
/// the list itself makes, chains inside it are followed here.
///
/// The matches come in the order of the list. Nothing depends on earlier calls: matching the same list
/// again gives the same matches.
pub fn match_transactions<E>(
    transactions: &[(Txid, Transaction)],
    mut owners: impl FnMut(&Script) -> Result<Vec<Owner>, E>,
    mut holders: impl FnMut(&OutPoint) -> Result<Vec<VaultRow>, E>,
) -> Result<Vec<Match>, E> {
    let mut made: BTreeMap<OutPoint, Vec<VaultRow>> = BTreeMap::new();
    let mut matches = Vec::new();
    for (position, (txid, tx)) in transactions.iter().enumerate() {
        let coinbase = tx.is_coinbase();
        let mut found: BTreeMap<VaultRow, Match> = BTreeMap::new();
        let new = |vault| Match {
            vault,
            txid: *txid,
            position,
            coinbase,
            funds: Vec::new(),
            spends: Vec::new(),
        };
        for input in tx.input.iter().filter(|_| !coinbase) {
            let outpoint = input.previous_output;
            let of_the_list = made.get(&outpoint).into_iter().flatten().copied();
            for vault in of_the_list.chain(holders(&outpoint)?) {
                let spends = &mut found.entry(vault).or_insert_with(|| new(vault)).spends;
                if spends.last() != Some(&outpoint) {
                    spends.push(outpoint);
                }
            }
        }
        for (vout, output) in (0u32..).zip(&tx.output) {
            for owner in owners(&output.script_pubkey)? {
                let entry = found.entry(owner.vault);
                entry
                    .or_insert_with(|| new(owner.vault))
                    .funds
                    .push(Funded {
                        vout,
                        value: output.value,
                        keychain: owner.keychain,
                        index: owner.index,
                    });
                let outpoint = OutPoint::new(*txid, vout);
                made.entry(outpoint).or_default().push(owner.vault);
            }
        }
        matches.extend(found.into_values());
    }
    Ok(matches)
}

/// The highest index that `matches` show in use, for every address chain they touch: what the
/// lookahead follows.
#[must_use]
pub fn highest_used(matches: &[Match]) -> BTreeMap<(VaultRow, Keychain), u32> {
    let mut highest = BTreeMap::new();
    for found in matches {
        for funded in &found.funds {
            let index = highest
                .entry((found.vault, funded.keychain))
                .or_insert(funded.index);
            *index = funded.index.max(*index);
        }
    }
    highest
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{ScriptBuf, Sequence, TxIn, TxOut, Witness};
    use std::convert::Infallible;

    const ONE: VaultRow = VaultRow(1);
    const TWO: VaultRow = VaultRow(2);

    fn script(name: u8) -> ScriptBuf {
        ScriptBuf::from_bytes(vec![0x6a, 1, name])
    }

    fn tx(inputs: &[OutPoint], outputs: &[(u8, u64)]) -> (Txid, Transaction) {
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs
                .iter()
                .map(|&previous_output| TxIn {
                    previous_output,
                    script_sig: ScriptBuf::new(),
                    sequence: Sequence::MAX,
                    witness: Witness::new(),
                })
                .collect(),
            output: outputs
                .iter()
                .map(|&(name, sat)| TxOut {
                    value: Amount::from_sat(sat),
                    script_pubkey: script(name),
                })
                .collect(),
        };
        (tx.compute_txid(), tx)
    }

    /// Scripts 1 to 9 are vault ONE's receive addresses, 11 to 19 vault TWO's change; 5 is both's.
    fn owners(script: &Script) -> Result<Vec<Owner>, Infallible> {
        let name = script.as_bytes()[2];
        let mut owners = Vec::new();
        if (1..10).contains(&name) {
            owners.push(Owner {
                vault: ONE,
                keychain: Keychain::Receive,
                index: u32::from(name),
            });
        }
        if (11..20).contains(&name) || name == 5 {
            owners.push(Owner {
                vault: TWO,
                keychain: Keychain::Change,
                index: u32::from(name),
            });
        }
        Ok(owners)
    }

    fn run(list: &[(Txid, Transaction)], held: &[(OutPoint, VaultRow)]) -> Vec<Match> {
        match_transactions(list, owners, |outpoint| {
            let mine = held.iter().filter(|(o, _)| o == outpoint);
            Ok::<_, Infallible>(mine.map(|(_, vault)| *vault).collect())
        })
        .unwrap()
    }

    fn foreign(n: u32) -> OutPoint {
        OutPoint::new(tx(&[], &[(99, 1)]).0, n)
    }

    #[test]
    fn funds_spends_and_strangers() {
        let held = foreign(7);
        let list = [
            tx(&[foreign(0)], &[(99, 5)]),
            tx(&[foreign(1)], &[(99, 5), (3, 7), (12, 8)]),
            tx(&[held], &[(99, 5)]),
        ];
        let found = run(&list, &[(held, TWO)]);
        let seen: Vec<_> = found
            .iter()
            .map(|m| (m.vault, m.position, m.funds.len(), m.spends.len()))
            .collect();
        assert_eq!(seen, [(ONE, 1, 1, 0), (TWO, 1, 1, 0), (TWO, 2, 0, 1)]);
        assert_eq!(found[0].funds[0].vout, 1);
        assert_eq!(found[0].funds[0].value, Amount::from_sat(7));
        assert_eq!(found[2].spends, [held]);
    }

    #[test]
    fn chains_inside_the_list_are_followed() {
        let a = tx(&[foreign(0)], &[(1, 9)]);
        let b = tx(&[OutPoint::new(a.0, 0)], &[(2, 8)]);
        let c = tx(&[OutPoint::new(b.0, 0)], &[(99, 7)]);
        let found = run(&[a.clone(), b.clone(), c], &[]);
        assert_eq!(found.len(), 3);
        assert_eq!(found[1].spends, [OutPoint::new(a.0, 0)]);
        assert_eq!(found[2].spends, [OutPoint::new(b.0, 0)]);
    }

    #[test]
    fn matching_again_with_the_coins_known_gives_the_same() {
        let a = tx(&[foreign(0)], &[(1, 9), (5, 3)]);
        let b = tx(&[OutPoint::new(a.0, 0), OutPoint::new(a.0, 1)], &[(2, 8)]);
        let list = [a.clone(), b];
        let first = run(&list, &[]);
        let coins = [
            (OutPoint::new(a.0, 0), ONE),
            (OutPoint::new(a.0, 1), ONE),
            (OutPoint::new(a.0, 1), TWO),
        ];
        assert_eq!(run(&list, &coins), first);
    }

    #[test]
    fn a_shared_script_is_both_vaults_coin() {
        let a = tx(&[foreign(0)], &[(5, 9)]);
        let b = tx(&[OutPoint::new(a.0, 0)], &[(99, 9)]);
        let found = run(&[a, b], &[]);
        let seen: Vec<_> = found.iter().map(|m| (m.vault, m.position)).collect();
        assert_eq!(seen, [(ONE, 0), (TWO, 0), (ONE, 1), (TWO, 1)]);
    }

    #[test]
    fn the_highest_index_counts() {
        let list = [tx(&[foreign(0)], &[(3, 1), (9, 1), (4, 1), (11, 1)])];
        let highest = highest_used(&run(&list, &[]));
        assert_eq!(highest[&(ONE, Keychain::Receive)], 9);
        assert_eq!(highest[&(TWO, Keychain::Change)], 11);
        assert_eq!(highest.len(), 2);
    }
}
