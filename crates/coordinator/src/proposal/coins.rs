//! Which coins a spend may take, in order of preference.

use super::Spend;
use super::pool::{Found, Pool};
use crate::Error;
use crate::freeze::{Frozen, frozen};
use bitcoin::{Amount, OutPoint};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Coin, VaultRow};
use quorate_core::policy::Timelock;
use quorate_core::proposal::ProposalId;
use quorate_core::spend::{Available, Goal, Send};
use quorate_core::vault::Vault;
use quorate_storage::{CoinOrder, ReadTx, StoredVault};

/// Blocks before a mined coin can be spent.
const COINBASE_MATURITY: u32 = 100;
/// Coins offered to the selection, the largest: proposing doesn't get slower with their number.
pub(super) const CANDIDATES: usize = 800;

/// Coins to choose from, and what is told about those that were left out.
pub(super) struct Offer {
    pub(super) coins: Vec<Available>,
    /// All of them, rather than a choice.
    pub(super) exactly: bool,
    pub(super) left_out: Vec<String>,
}

/// What can be tried, and what was never on offer.
pub(super) struct Offers {
    pub(super) tries: Vec<Offer>,
    /// Frozen by hand, or T30: dust on addresses that were in use.
    pub(super) frozen: Amount,
    /// With a label that is to be avoided.
    pub(super) avoided: Amount,
    /// Whether the vault has more coins than are on offer.
    pub(super) more: bool,
}

impl Offers {
    /// These, and nothing was left aside.
    pub(super) const fn of(tries: Vec<Offer>) -> Self {
        Self {
            tries,
            frozen: Amount::ZERO,
            avoided: Amount::ZERO,
            more: false,
        }
    }
}

/// The offers to try one after the other until there is enough. Coins that somebody else has just
/// paid may still vanish, so confirmed ones and our own change come first. By a path whose timelock
/// runs from confirmation, coins that aren't ripe are left out as long as any is: a stranger's
/// small payment must not hold up a recovery.
pub(super) fn offers(
    tx: &ReadTx<'_>,
    vault: &Vault,
    row: &StoredVault,
    spend: &Spend<'_>,
    (tip, now): (u32, u64),
    replaced: &[ProposalId],
) -> Result<Offers, Error> {
    let ledger = crate::ledger_row(tx, row.id)?;
    let age = age(vault, spend.path);
    // BIP-0431: of version 3 only one unconfirmed parent may be spent, by a small child.
    let waits = age.is_some() || spend.choices.wishes.truc;
    let usable = |coin: &Coin| {
        coin.spent.is_none() && !is_young_coinbase(coin, tip) && !(waits && coin.height.is_none())
    };
    if !spend.coins.is_empty() {
        return Ok(Offers::of(vec![Offer {
            coins: named(tx, row, ledger, spend.coins, now, usable)?,
            exactly: true,
            left_out: Vec::new(),
        }]));
    }
    let pool = Pool {
        tx,
        row,
        vault,
        ledger,
        choices: &spend.choices,
        now,
        replaced,
    };
    let order = match spend.choices.wishes.goal {
        Goal::Oldest => CoinOrder::OldestFirst,
        Goal::Cheapest | Goal::Fewest | Goal::Privacy => CoinOrder::LargestFirst,
    };
    let Found {
        coins,
        frozen,
        avoided,
        more,
    } = pool.gather(order, CANDIDATES, usable)?;
    let preferred = |coin: &Coin| match age {
        Some(age) => coin.height.is_some_and(|height| height + age <= tip + 1),
        None => coin.height.is_some() || coin.keychain == Keychain::Change,
    };
    let (first, rest): (Vec<Coin>, Vec<Coin>) = coins.iter().cloned().partition(preferred);
    let all_that_is_there = spend
        .recipients
        .iter()
        .any(|recipient| recipient.send == Send::All);
    let dust = (all_that_is_there && !frozen.is_empty()).then(|| told(&frozen, Left::Frozen));
    let everything = Offer {
        coins: pool.candidates(&coins)?,
        exactly: false,
        left_out: dust.iter().cloned().collect(),
    };
    let frozen = frozen.iter().map(|coin| coin.value).sum();
    if first.is_empty() || rest.is_empty() {
        let tries = vec![everything];
        return Ok(Offers {
            tries,
            frozen,
            avoided,
            more,
        });
    }
    let why = match age {
        Some(_) => Left::Unripe,
        None => Left::Unconfirmed,
    };
    let preferred = Offer {
        coins: pool.candidates(&first)?,
        exactly: false,
        left_out: all_that_is_there
            .then(|| told(&rest, why))
            .into_iter()
            .chain(dust)
            .collect(),
    };
    // A recovery out of unripe coins couldn't be sent yet; that has to be asked for by naming them.
    let only = age.is_some();
    let tries = if only {
        vec![preferred]
    } else {
        vec![preferred, everything]
    };
    Ok(Offers {
        tries,
        frozen,
        avoided,
        more,
    })
}

pub(crate) fn never_synced(vault: &str) -> Error {
    Error::refused(
        "not_synced",
        format!("vault `{vault}` has never been synced, so its coins aren't known"),
    )
    .hint(format!("run `quorate sync {vault}` first"))
}

/// The age in blocks that the path asks of its coins.
pub(super) fn age(vault: &Vault, path: usize) -> Option<u32> {
    match vault.policy().paths.get(path)?.lock? {
        Timelock::Older(blocks) => Some(u32::from(blocks)),
        Timelock::After(_) => None,
    }
}

pub(super) fn is_young_coinbase(coin: &Coin, tip: u32) -> bool {
    let young = |height: u32| height + COINBASE_MATURITY > tip + 1;
    coin.coinbase && coin.height.is_none_or(young)
}

/// Exactly these coins, or the reason why not.
fn named(
    tx: &ReadTx<'_>,
    row: &StoredVault,
    ledger: VaultRow,
    outpoints: &[OutPoint],
    now: u64,
    usable: impl Fn(&Coin) -> bool,
) -> Result<Vec<Available>, Error> {
    let mut coins = Vec::with_capacity(outpoints.len());
    for (place, outpoint) in outpoints.iter().enumerate() {
        if outpoints[..place].contains(outpoint) {
            let message = format!("coin {outpoint} is named twice");
            return Err(Error::input("coin_twice", message));
        }
        if let Some(other) = tx.reserved_by(row.id, *outpoint, now, &[])? {
            let other = &other.to_string()[..12];
            let message = format!("coin {outpoint} is reserved by proposal {other}");
            return Err(Error::refused("reserved", message).hint(
                "choose another coin, or give that proposal up with `quorate proposal abandon`",
            ));
        }
        let coin = tx.ledger_coin(ledger, outpoint)?.filter(&usable);
        if let Some(coin) = &coin
            && frozen(tx, row.id, ledger, coin)? == Some(Frozen::ByHand)
        {
            let message = format!("coin {outpoint} is frozen");
            return Err(Error::refused("frozen", message).hint(format!(
                "choose another coin, or free it with `quorate coin unfreeze {} {outpoint}`",
                row.name
            )));
        }
        let coin = coin.ok_or_else(|| {
            let message = format!("{outpoint} isn't a coin that this vault can spend this way");
            Error::refused("no_such_coin", message)
                .hint(format!("`quorate coin list {}` shows them", row.name))
        })?;
        coins.push(candidate(&coin));
    }
    Ok(coins)
}

pub(super) fn candidate(coin: &Coin) -> Available {
    Available {
        outpoint: coin.outpoint,
        value: coin.value,
        keychain: coin.keychain,
        index: coin.index,
        height: coin.height,
        group: 0,
    }
}

/// Why coins were left out.
#[derive(Clone, Copy)]
enum Left {
    Unripe,
    Unconfirmed,
    Frozen,
}

fn told(coins: &[Coin], why: Left) -> String {
    let sum: Amount = coins.iter().map(|coin| coin.value).sum();
    let sum = sum.to_sat();
    let (what, was, them) = match coins.len() {
        1 => (
            format!("a coin of {sum} sat"),
            "was",
            ["its", "it isn't", "it is"],
        ),
        count => (
            format!("{count} coins of {sum} sat together"),
            "were",
            ["their", "they aren't", "they are"],
        ),
    };
    let [own, not, is] = them;
    let why = match why {
        Left::Unripe => format!("{own} timelock hasn't run out"),
        Left::Unconfirmed => format!("{not} confirmed yet"),
        Left::Frozen => {
            format!(
                "{is} frozen, or dust sent to addresses that were in use; name dust with --coin to spend it"
            )
        }
    };
    format!("{what} {was} left out: {why}")
}
