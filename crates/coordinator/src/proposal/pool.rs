//! Coins that may be chosen from: not held by other proposals, not frozen, not to be avoided.

use super::Choices;
use super::coins::candidate;
use crate::Error;
use crate::address::{coin_address, coin_label};
use crate::freeze::frozen;
use bitcoin::{Amount, transaction};
use quorate_core::ledger::{Coin, VaultRow};
use quorate_core::proposal::ProposalId;
use quorate_core::spend::{Available, Goal};
use quorate_core::vault::Vault;
use quorate_storage::{CoinFilter, CoinOrder, ReadTx, StoredVault};
use std::collections::BTreeMap;

/// Coins read beyond what is missing, so that the next ones needn't all be usable.
const MARGIN: usize = 16;

/// Where the coins of one spend come from.
pub(super) struct Pool<'a> {
    pub(super) tx: &'a ReadTx<'a>,
    pub(super) row: &'a StoredVault,
    pub(super) vault: &'a Vault,
    pub(super) ledger: VaultRow,
    pub(super) choices: &'a Choices<'a>,
    pub(super) now: u64,
    /// Proposals whose reservations don't count.
    pub(super) replaced: &'a [ProposalId],
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) coins: Vec<Coin>,
    /// Those left alone: frozen by hand, or dust.
    pub(super) frozen: Vec<Coin>,
    /// The sum of those with a label to avoid.
    pub(super) avoided: Amount,
    /// Whether the vault has more coins than were looked at.
    pub(super) more: bool,
}

impl Pool<'_> {
    /// At most `count` coins in this order. Those that can't be taken don't count, so that a thousand
    /// frozen ones don't hide the rest.
    pub(super) fn gather(
        &self,
        order: CoinOrder,
        count: usize,
        usable: impl Fn(&Coin) -> bool,
    ) -> Result<Found, Error> {
        let filter = CoinFilter {
            order,
            confirmed_only: false,
        };
        let mut limit = count;
        loop {
            let listed = self.tx.ledger_coins(self.ledger, filter, limit)?;
            let more = listed.len() == limit;
            let found = self.sort(listed, count, &usable)?;
            let missing = count.saturating_sub(found.coins.len());
            if !more || missing == 0 {
                return Ok(Found { more, ..found });
            }
            // A few that other proposals hold are no reason to read as many again.
            limit = match missing <= count / 4 {
                true => limit.saturating_add(2 * missing + MARGIN),
                false => limit.saturating_mul(2),
            };
        }
    }

    fn sort(
        &self,
        listed: Vec<Coin>,
        count: usize,
        usable: &impl Fn(&Coin) -> bool,
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        for coin in listed {
            if found.coins.len() == count {
                break;
            }
            if !usable(&coin) || self.is_held(&coin)? || self.is_unspendable_truc(&coin)? {
                continue;
            }
            // T30: who sent dust would learn from the spend which coins belong together.
            if frozen(self.tx, self.row.id, self.ledger, &coin)?.is_some() {
                found.frozen.push(coin);
            } else if self.is_avoided(&coin)? {
                found.avoided += coin.value;
            } else {
                found.coins.push(coin);
            }
        }
        Ok(found)
    }

    fn is_held(&self, coin: &Coin) -> Result<bool, Error> {
        let holder = self
            .tx
            .reserved_by(self.row.id, coin.outpoint, self.now, self.replaced)?;
        Ok(holder.is_some())
    }

    /// BIP-0431: what version 3 made is spent by version 3 alone until it is confirmed.
    fn is_unspendable_truc(&self, coin: &Coin) -> Result<bool, Error> {
        if coin.height.is_some() {
            return Ok(false);
        }
        let made = self.tx.ledger_transaction(&coin.outpoint.txid)?;
        Ok(made.is_some_and(|made| made.version == transaction::Version(3)))
    }

    fn is_avoided(&self, coin: &Coin) -> Result<bool, Error> {
        let avoid = self.choices.avoid;
        if avoid.is_empty() {
            return Ok(false);
        }
        let label = self.label(coin)?.map(|label| label.to_lowercase());
        Ok(label.is_some_and(|label| {
            avoid
                .iter()
                .any(|word| label.contains(&word.to_lowercase()))
        }))
    }

    fn label(&self, coin: &Coin) -> Result<Option<String>, Error> {
        let address = coin_address(self.tx, self.vault, self.ledger, coin)?;
        coin_label(self.tx, self.row, coin, &address)
    }

    /// As the selection takes them, with a number for each group of coins that are known to belong
    /// together: by one label, else by one address.
    pub(super) fn candidates(&self, coins: &[Coin]) -> Result<Vec<Available>, Error> {
        if self.choices.wishes.goal != Goal::Privacy {
            return Ok(coins.iter().map(candidate).collect());
        }
        let mut groups = BTreeMap::new();
        coins
            .iter()
            .map(|coin| {
                let key = match self.label(coin)? {
                    Some(label) => (Some(label), None),
                    None => (None, Some((coin.keychain, coin.index))),
                };
                let next = groups.len();
                Ok(Available {
                    group: *groups.entry(key).or_insert(next),
                    ..candidate(coin)
                })
            })
            .collect()
    }
}
