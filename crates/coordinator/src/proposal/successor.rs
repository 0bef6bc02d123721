//! A proposal that takes another's place: which coins it spends, and whether it pays enough.
//!
//! Both must never happen, so the new one spends a coin of the old one. Only a draft, which nobody
//! was asked to sign, leaves the choice free.

use super::coins::{CANDIDATES, Offer, age, candidate, is_young_coinbase};
use super::pool::Pool;
use super::{Spend, load};
use crate::facts::{Known, may_be_out, replaced_line};
use crate::{Coordinator, Error};
use bitcoin::{Amount, Weight, consensus};
use quorate_core::ledger::{Coin, VaultRow};
use quorate_core::proposal::{
    Place, Price, Proposal, ProposalId, Purpose, Stage, Status, Succession, outbid, supersede,
};
use quorate_core::spend::review;
use quorate_core::vault::Vault;
use quorate_storage::{CoinOrder, ReadTx, StoredVault};

/// How many coins the first offer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// One that both spend.
    One,
    /// All of the old one's.
    Shared,
    /// All there are.
    Everything,
}

/// What is replaced.
pub(super) struct Old {
    pub(super) known: Known,
    pub(super) succession: Succession,
    /// Its transaction and those that it was to replace itself: a coin that one of them spends
    /// unconfirmed is as good as unspent.
    line: Vec<ProposalId>,
    purpose: Purpose,
}

impl Old {
    /// Asks the rules.
    pub(super) fn new(tx: &ReadTx<'_>, known: Known, purpose: Purpose) -> Result<Self, Error> {
        let id = known.row.id;
        let succession = supersede(id, &known.facts, purpose)?;
        let mut line = vec![id];
        line.extend(replaced_line(tx, id)?);
        Ok(Self {
            known,
            succession,
            line,
            purpose,
        })
    }

    /// Whose reservations don't count.
    pub(super) fn ids(&self) -> &[ProposalId] {
        &self.line
    }

    /// Whether the new one has to share a coin with it.
    pub(super) fn must_share(&self) -> bool {
        self.known.facts.stage != Stage::Draft || self.purpose == Purpose::Cancel
    }

    /// The offers to try one after the other: one shared coin, then more of the old one's, then
    /// others. A transaction that may be out is replaced with confirmed coins only (BIP-0125 rule 2).
    pub(super) fn offers(
        &self,
        tx: &ReadTx<'_>,
        vault: &Vault,
        row: &StoredVault,
        spend: &Spend<'_>,
        (tip, now): (u32, u64),
        take: Take,
    ) -> Result<Vec<Offer>, Error> {
        let ledger = crate::ledger_row(tx, row.id)?;
        let (mut coins, holder) = self.shared(tx, row, ledger, now)?;
        if coins.is_empty() {
            let id = &self.known.row.id.to_string()[..12];
            if let Some(holder) = holder {
                let holder = &holder.to_string()[..12];
                return Err(Error::refused(
                    "reserved",
                    format!("the coins of proposal {id} are reserved by proposal {holder}"),
                )
                .hint(format!(
                    "revise that one: `quorate proposal revise {holder}`"
                )));
            }
            return Err(Error::refused(
                "no_shared_coin",
                format!(
                    "no coin of proposal {id} can be spent any more, so nothing has to take its place: create a new proposal"
                ),
            ));
        }
        let shared = coins.len();
        if self.purpose == Purpose::Cancel {
            coins.truncate(1);
        } else {
            let age = age(vault, spend.path);
            let usable = |coin: &Coin| {
                coin.spent.is_none()
                    && !is_young_coinbase(coin, tip)
                    && (coin.height.is_some() || !(self.succession.outbids || age.is_some()))
                    && coins.iter().all(|one| one.outpoint != coin.outpoint)
            };
            let pool = Pool {
                tx,
                row,
                vault,
                ledger,
                choices: &spend.choices,
                now,
                replaced: self.ids(),
            };
            let others = pool.gather(CoinOrder::LargestFirst, CANDIDATES, usable)?;
            coins.extend(others.coins);
        }
        let first = match take {
            Take::One => 1,
            Take::Shared => shared,
            Take::Everything => coins.len(),
        };
        let offer = |count: usize| Offer {
            coins: coins[..count].iter().map(candidate).collect(),
            exactly: true,
            left_out: Vec::new(),
        };
        // A spend of more coins than this is refused anyway.
        let last = coins.len().min(first.max(MAX_COINS));
        Ok((first..=last).map(offer).collect())
    }

    /// Its coins that can still be spent, the largest first; and who holds one that would be free.
    fn shared(
        &self,
        tx: &ReadTx<'_>,
        row: &StoredVault,
        ledger: VaultRow,
        now: u64,
    ) -> Result<(Vec<Coin>, Option<ProposalId>), Error> {
        let mut coins = Vec::new();
        let mut holder = None;
        for input in self.known.proposal.inputs() {
            let Some(coin) = tx.ledger_coin(ledger, &input.outpoint)? else {
                continue;
            };
            let free = match &coin.spent {
                None => true,
                Some(spent) if spent.height.is_none() => {
                    let spender = tx.proposal_by_txid(spent.by)?;
                    spender.is_some_and(|spender| self.line.contains(&spender))
                }
                Some(_) => false,
            };
            if !free {
                continue;
            }
            match tx.reserved_by(row.id, coin.outpoint, now, self.ids())? {
                None => coins.push(coin),
                held => holder = held,
            }
        }
        coins.sort_by_key(|coin| std::cmp::Reverse(coin.value));
        Ok((coins, holder))
    }

    /// T27: whether nodes would take the new transaction for what may be out there.
    pub(super) fn check_price(
        &self,
        tx: &ReadTx<'_>,
        vault: &Vault,
        proposal: &Proposal,
        now: u64,
    ) -> Result<(), Error> {
        let own = review(vault, proposal, None);
        let new = Price {
            fee: own.fee,
            weight: own.weight,
        };
        if self.succession.outbids {
            outbid(self.known.row.id, price(tx, vault, &self.known)?, new)?;
        }
        for id in self.line.iter().skip(1) {
            // Most of a long line never left the house.
            if !may_be_out(tx, *id)? {
                continue;
            }
            let (_, _, known) = load(tx, *id, now)?;
            if known.status() == Status::Broadcast {
                outbid(*id, price(tx, vault, &known)?, new)?;
            }
        }
        Ok(())
    }
}

/// More coins than this in one spend are refused.
const MAX_COINS: usize = 500;

/// What a proposal that may be out pays. Its true size, where the final transaction is known.
fn price(tx: &ReadTx<'_>, vault: &Vault, known: &Known) -> Result<Price, Error> {
    let released = known.row.released.as_deref();
    let released = released.and_then(|raw| consensus::deserialize(raw).ok());
    let seen = match (released, known.facts.place) {
        (None, Place::Mempool) => tx.ledger_transaction(&known.txid)?,
        (released, _) => released,
    };
    let weight: Option<Weight> = seen.map(|transaction: bitcoin::Transaction| transaction.weight());
    let fee: Amount = known.proposal.fee();
    let worst = || review(vault, &known.proposal, None).weight;
    Ok(Price {
        fee,
        weight: weight.unwrap_or_else(worst),
    })
}

impl Coordinator {
    /// The proposal to replace. `vault` names its vault, when the person did.
    pub(super) fn old(
        tx: &ReadTx<'_>,
        id: &str,
        vault: Option<&StoredVault>,
        purpose: Purpose,
        now: u64,
    ) -> Result<(StoredVault, Vault, Old), Error> {
        let id = crate::find::proposal(tx, id)?;
        let (row, of, known) = load(tx, id, now)?;
        if let Some(named) = vault.filter(|named| named.id != row.id) {
            return Err(Error::input(
                "other_vault",
                format!(
                    "proposal {} is one of vault `{}`, not of `{}`",
                    &id.to_string()[..12],
                    row.name,
                    named.name
                ),
            ));
        }
        let old = Old::new(tx, known, purpose)?;
        Ok((row, of, old))
    }
}
