//! Spends of many coins that aren't payments: joining small coins, moving coins before a recovery path
//! opens for them, emptying a vault. What doesn't fit into one transaction becomes several proposals,
//! all of them in one commit.

use super::coins::{self, age, is_young_coinbase};
use super::make::{check, ourselves};
use super::order::{Order, make};
use super::pool::Pool;
use super::{Choices, Spend};
use crate::view::ProposalsMadeView;
use crate::{Coordinator, Error, Moment, vault_row};
use bitcoin::{Address, Amount, FeeRate, OutPoint};
use quorate_core::ledger::Coin;
use quorate_core::policy::Timelock;
use quorate_core::spend::{Recipient, Send};
use quorate_core::vault::Vault;
use quorate_storage::{CoinOrder, StoredVault, WriteTx};

/// Coins of one proposal at the most. Devices and nodes take a few more; the size of the request,
/// which depends on where the coins come from, often doesn't allow it.
pub(super) const MOST: usize = 400;
/// Proposals made at once.
const PROPOSALS: usize = 100;

/// Which coins are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Those worth less than this; the smallest first.
    Below(Amount),
    /// Those for which a recovery path opens within so many blocks; the oldest first.
    OpensWithin(u32),
    /// All.
    All,
}

impl Pick {
    /// Coins below which there is nothing to do: one alone needn't be joined.
    const fn least(self) -> usize {
        match self {
            Self::Below(_) => 2,
            Self::OpensWithin(_) | Self::All => 1,
        }
    }
}

/// A spend of many coins.
#[derive(Debug)]
pub struct Renewal<'a> {
    /// The vault's name.
    pub vault: &'a str,
    /// Which coins.
    pub pick: Pick,
    /// To whom; `None`: to the vault's own change addresses.
    pub to: Option<&'a Address>,
    /// At least this rate is paid.
    pub fee_rate: FeeRate,
    /// What it is for.
    pub memo: Option<&'a str>,
    /// Number of the spending path, from 0.
    pub path: usize,
    /// Coins of one proposal at the most.
    pub most: usize,
    /// Proposals at the most.
    pub proposals: usize,
    /// Says that a high fee is meant.
    pub allow_high_fee: bool,
    /// Coins with such labels aren't taken, and the like.
    pub choices: Choices<'a>,
}

impl Coordinator {
    /// Proposes to spend many coins: as many proposals as it takes, in one commit. Where there are more coins
    /// than that takes, it says so, and the next call goes on with those.
    ///
    /// # Errors
    /// When there is no such coin, or one that isn't worth its fee.
    pub fn renew(
        &mut self,
        renewal: &Renewal<'_>,
        moment: Moment,
    ) -> Result<ProposalsMadeView, Error> {
        check(renewal.memo, None, self.tick(moment))?;
        let device = self.device.clone();
        self.store.write(|tx| {
            let row = vault_row(tx, renewal.vault)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let most = renewal.most.min(MOST);
            let together = most * renewal.proposals.min(PROPOSALS);
            // More is what the next call would begin with.
            let enough = together + renewal.pick.least();
            let mut chosen = chosen(tx, &row, &vault, renewal, enough, moment.now)?;
            let more = chosen.len() >= enough;
            chosen.truncate(together);
            let mut proposals = Vec::new();
            for (place, coins) in (0u8..).zip(chosen.chunks(most)) {
                let recipients = [match renewal.to {
                    Some(to) => Recipient {
                        address: to.clone(),
                        send: Send::All,
                    },
                    None => ourselves(tx, &vault, ledger)?,
                }];
                let spend = Spend {
                    vault: renewal.vault,
                    recipients: &recipients,
                    fee_rate: renewal.fee_rate,
                    memo: renewal.memo,
                    path: renewal.path,
                    coins,
                    allow_high_fee: renewal.allow_high_fee,
                    choices: renewal.choices,
                };
                let order = Order {
                    spend: &spend,
                    keep: false,
                    draft: false,
                    expires: None,
                    old: None,
                    back: renewal.to.is_none(),
                };
                // Each of them its own order of inputs and lock time.
                let mut moment = moment;
                moment.entropy[0] ^= place;
                proposals.push(make(&device, tx, &row, &vault, &order, moment)?);
            }
            Ok(ProposalsMadeView { proposals, more })
        })
    }
}

fn chosen(
    tx: &WriteTx<'_>,
    row: &StoredVault,
    vault: &Vault,
    renewal: &Renewal<'_>,
    most: usize,
    now: u64,
) -> Result<Vec<OutPoint>, Error> {
    let ledger = crate::ledger_row(tx, row.id)?;
    let Some(tip) = tx.ledger_balance(ledger)?.height else {
        return Err(coins::never_synced(&row.name));
    };
    let pool = Pool {
        tx,
        row,
        vault,
        ledger,
        choices: &renewal.choices,
        now,
        replaced: &[],
    };
    let opens = first_opening(vault);
    let locked = age(vault, renewal.path);
    let input = vault.satisfaction_weight(renewal.path).to_wu() + 164;
    let cost = renewal.fee_rate.fee_wu(bitcoin::Weight::from_wu(input));
    let cost = cost.unwrap_or(Amount::MAX_MONEY);
    let usable = |coin: &Coin| {
        coin.spent.is_none()
            && coin.height.is_some_and(|height| {
                locked.is_none_or(|age| height.saturating_add(age) <= tip.saturating_add(1))
            })
            && !is_young_coinbase(coin, tip)
            // A coin that costs more than it brings makes everybody poorer.
            && coin.value > cost
            && match renewal.pick {
                Pick::All => true,
                Pick::Below(amount) => coin.value < amount,
                Pick::OpensWithin(blocks) => coin.height.zip(opens).is_some_and(|(height, age)| {
                    height.saturating_add(age) <= tip.saturating_add(1).saturating_add(blocks)
                }),
            }
    };
    let order = match renewal.pick {
        Pick::Below(_) => CoinOrder::SmallestFirst,
        Pick::OpensWithin(_) => CoinOrder::OldestFirst,
        Pick::All => CoinOrder::LargestFirst,
    };
    if matches!(renewal.pick, Pick::OpensWithin(_)) && opens.is_none() {
        return Err(Error::refused(
            "no_recovery",
            format!(
                "vault `{}` has no recovery path that opens by the age of its coins",
                row.name
            ),
        ));
    }
    let found = pool.gather(order, most, usable)?;
    if found.coins.len() < renewal.pick.least() {
        let what = match renewal.pick {
            Pick::Below(amount) => format!(
                "fewer than two free, confirmed coins below {} sat are worth more than the {} sat that spending one costs",
                amount.to_sat(),
                cost.to_sat()
            ),
            Pick::OpensWithin(blocks) => {
                format!("for no free coin a recovery path opens within {blocks} blocks")
            }
            Pick::All => format!(
                "no free, confirmed coin is worth more than the {} sat that spending it costs",
                cost.to_sat()
            ),
        };
        return Err(Error::refused("nothing_to_do", what)
            .hint(format!("`quorate coin list {}` shows the coins", row.name)));
    }
    Ok(found.coins.iter().map(|coin| coin.outpoint).collect())
}

/// The age in blocks at which the first recovery path opens for a coin.
pub(crate) fn first_opening(vault: &Vault) -> Option<u32> {
    let locks = vault.policy().paths.iter().filter_map(|path| path.lock);
    locks
        .filter_map(|lock| match lock {
            Timelock::Older(blocks) => Some(u32::from(blocks)),
            Timelock::After(_) => None,
        })
        .min()
}
