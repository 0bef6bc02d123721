//! What a spend is asked for.

use crate::keychain::Keychain;
use bitcoin::{Address, Amount, FeeRate, OutPoint, Transaction, Weight};

/// How much a recipient gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Send {
    /// Exactly this.
    Exactly(Amount),
    /// This less its share of the fee.
    LessFee(Amount),
    /// All that is there, less the fee.
    All,
}

/// One payment. Recipients are a list: the same address may occur twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Already checked to be on the vault's network.
    pub address: Address,
    /// How much.
    pub send: Send,
}

/// A coin that may be spent.
#[derive(Debug, Clone)]
pub struct Available {
    /// Which coin.
    pub outpoint: OutPoint,
    /// What it is worth.
    pub value: Amount,
    /// Which chain of addresses it sits on.
    pub keychain: Keychain,
    /// And where there.
    pub index: u32,
    /// Height of its block; `None` in the mempool.
    pub height: Option<u32>,
    /// Coins with one number are known to belong together already: one label, or one address. Only
    /// [`Goal::Privacy`] looks at it.
    pub group: usize,
}

/// What a choice of coins is to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// The least fee, the cost of spending the change some day counted in.
    #[default]
    Cheapest,
    /// As few coins as possible: small files, quick signing.
    Fewest,
    /// Those that have been there longest: timelocks of recovery paths start anew.
    Oldest,
    /// Coins of one group alone, so that nobody learns that two groups are one owner's; and change
    /// that could be a payment as well, if the group has the coins for it.
    Privacy,
}

impl Goal {
    /// As the command line writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cheapest => "cheapest",
            Self::Fewest => "fewest",
            Self::Oldest => "oldest",
            Self::Privacy => "privacy",
        }
    }
}

/// Unconfirmed transactions that this one is to pay for as well (child pays for parent).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Their weight together.
    pub weight: Weight,
    /// What they pay themselves.
    pub fee: Amount,
}

/// What isn't asked of every spend.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// How coins are chosen.
    pub goal: Goal,
    /// Bytes for everybody to read, in an output of their own that holds no money (`OP_RETURN`).
    pub data: Option<&'a [u8]>,
    /// Version 3: nodes then keep room for a child that pays more (BIP-0431).
    pub truc: bool,
    /// Unconfirmed parents to pay for. Only with a recipient who gets [`Send::All`].
    pub package: Option<Package>,
    /// What nodes relay at least.
    pub relay_floor: FeeRate,
}

/// 0.1 sat/vB: what nodes relay at the least by default, since Bitcoin Core 29.1.
pub const RELAY_FLOOR: FeeRate = FeeRate::from_sat_per_kwu(25);

impl Default for Wishes<'_> {
    fn default() -> Self {
        Self {
            goal: Goal::default(),
            data: None,
            truc: false,
            package: None,
            relay_floor: RELAY_FLOOR,
        }
    }
}

/// All that a proposal is made of. Randomness is an argument: the same request gives the same
/// transaction.
#[derive(Debug)]
pub struct Request<'a> {
    /// Who gets what.
    pub recipients: &'a [Recipient],
    /// At least this fee rate is paid, by worst-case signature sizes.
    pub fee_rate: FeeRate,
    /// Index of the spending path in the vault's policy.
    pub path: usize,
    /// Coins to choose from.
    pub coins: &'a [Available],
    /// Spend exactly these coins, all of them, rather than choosing.
    pub all_coins: bool,
    /// The change keychain's next unused index.
    pub change_index: u32,
    /// Height of the chain's tip: the lock time that makes fee sniping pointless.
    pub tip: u32,
    /// Random bytes: order of outputs and inputs, and how far back the lock time lies.
    pub entropy: [u8; 32],
    /// Fee limits in force.
    pub limits: super::FeeLimits,
    /// What isn't asked of every spend.
    pub wishes: Wishes<'a>,
    /// The previous transaction of each coin.
    pub previous: &'a dyn Previous,
}

/// Looks up whole previous transactions.
pub trait Previous: std::fmt::Debug {
    /// The transaction that made this coin.
    fn transaction(&self, outpoint: OutPoint) -> Option<Transaction>;
}
