//! What a spend is asked for.

use crate::keychain::Keychain;
use bitcoin::{Address, Amount, FeeRate, OutPoint, Transaction};

/// How much a recipient gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Send {
    /// Exactly this.
    Exactly(Amount),
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
    /// The previous transaction of each coin.
    pub previous: &'a dyn Previous,
}

/// Looks up whole previous transactions.
pub trait Previous: std::fmt::Debug {
    /// The transaction that made this coin.
    fn transaction(&self, outpoint: OutPoint) -> Option<Transaction>;
}
