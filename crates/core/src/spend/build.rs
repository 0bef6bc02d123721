//! Builds the pinned transaction of a proposal and the PSBT that asks for its signatures.

use super::limits::FeeRefusal;
use super::plan::plan;
use super::random::Random;
use super::recipients;
use super::request::{Available, Request};
use super::select::Shortage;
use crate::keychain::Keychain;
use crate::proposal::{PinError, Proposal};
use crate::psbt::{MAX_BYTES, WireError, describe_input, describe_output, keys_of, read};
use crate::script_type::ScriptType;
use crate::vault::{Derived, Vault, VaultError};
use bitcoin::policy::MAX_STANDARD_TX_WEIGHT;
use bitcoin::{
    Amount, FeeRate, OutPoint, Psbt, Sequence, Transaction, TxIn, TxOut, Weight, absolute,
    transaction,
};
use std::cmp::Reverse;

/// More inputs than this make files that signing devices refuse.
const MAX_INPUTS: usize = 500;
/// The same of outputs; one more is left for change.
pub(super) const MAX_RECIPIENTS: usize = 500;
/// The most that nodes take of version 3 (BIP-0431): 10,000 virtual bytes.
const TRUC_WEIGHT: Weight = Weight::from_wu(40_000);

/// Why a spend can't be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// No recipient.
    #[error("nobody is to be paid: name at least one recipient")]
    NoRecipients,
    /// `all` twice.
    #[error("only one recipient can get `all`")]
    AllTwice,
    /// An output that nodes wouldn't relay.
    #[error("{} sat to {address} is dust, nodes don't relay it: send at least {} sat", amount.to_sat(), minimum.to_sat())]
    Dust {
        /// To whom.
        address: String,
        /// How much.
        amount: Amount,
        /// The least for this kind of address.
        minimum: Amount,
    },
    /// Money that nobody could spend afterwards.
    #[error(
        "what is sent to {address} can't be spent by anybody who owns it ({reason}): check the address"
    )]
    Burn {
        /// To where.
        address: String,
        /// Why.
        reason: &'static str,
    },
    /// Not enough.
    #[error("there isn't enough: {} sat to send and about {} sat of fee, but {} sat available", shortage.wanted.to_sat(), shortage.fee.to_sat(), shortage.available.to_sat())]
    NotEnough {
        /// The numbers.
        shortage: Shortage,
    },
    /// Too many small coins.
    #[error(
        "this takes {inputs} coins, more than the {MAX_INPUTS} that signing devices handle: send less, or join small coins first"
    )]
    TooManyInputs {
        /// How many.
        inputs: usize,
    },
    /// Too many payments in one.
    #[error(
        "{recipients} recipients are more than the {MAX_RECIPIENTS} that signing devices handle: make several proposals"
    )]
    TooManyRecipients {
        /// How many.
        recipients: usize,
    },
    /// Nodes wouldn't relay it.
    #[error(
        "the transaction would weigh {}, nodes relay up to {MAX_STANDARD_TX_WEIGHT}: pay fewer recipients at once, send less, or join small coins first", weight.to_wu()
    )]
    TooHeavy {
        /// Its worst-case weight.
        weight: Weight,
    },
    /// The previous transactions of the coins are so large that devices refuse the file.
    #[error(
        "the file to sign would have {bytes} bytes with its signatures, more than the {MAX_BYTES} that signing devices handle, because its coins come from large transactions: send less, or name fewer coins with --coin"
    )]
    TooLarge {
        /// Bytes of the PSBT when enough have signed.
        bytes: usize,
    },
    /// It has more of something than anybody's reader takes, ours among them.
    #[error(
        "the file to sign couldn't be read by the cosigners, {0}: send less, or name fewer coins with --coin"
    )]
    Unreadable(WireError),
    /// More than version 3 allows.
    #[error("the transaction would have {} virtual bytes, version 3 allows {}: leave --truc out, or send less", weight.to_vbytes_ceil(), TRUC_WEIGHT.to_vbytes_ceil())]
    TooHeavyForTruc {
        /// Its worst-case weight.
        weight: Weight,
    },
    /// No node would relay it.
    #[error("{} sat/vB is below the {} sat/vB that nodes relay at least: name a higher fee rate", sat_vb(*rate), sat_vb(*floor))]
    BelowRelay {
        /// What was asked for.
        rate: FeeRate,
        /// The least.
        floor: FeeRate,
    },
    /// Data that isn't relayed, or none.
    #[error(
        "{bytes} bytes of data can't be carried: from 1 to {} can",
        super::data::MAX_DATA
    )]
    Data {
        /// How many.
        bytes: usize,
    },
    /// Two ways of paying the fee.
    #[error("who gets `all` pays the fee, so it can't be taken from others")]
    FeeTwice,
    /// A recipient's share of the fee leaves too little.
    #[error("after its share of the fee {address} would get {} sat, which is dust: send more, or lower the fee rate", left.to_sat())]
    FeeEatsPayment {
        /// To whom.
        address: String,
        /// What would be left.
        left: Amount,
    },
    /// No group alone has enough.
    #[error("no coins that belong together already are enough for {} sat and the fee, the most are {} sat: send less, or let `--goal cheapest` join groups", wanted.to_sat(), largest.to_sat())]
    NoGroup {
        /// What the recipients get together.
        wanted: Amount,
        /// The sum of the largest group.
        largest: Amount,
    },
    /// Absurd fee.
    #[error("{0}: lower the fee rate, or say --allow-high-fee if it is meant")]
    Fee(#[from] FeeRefusal),
    /// No such spending path.
    #[error("the vault has no spending path {path}, they are numbered from 1 to {count}")]
    NoSuchPath {
        /// As people count: from 1.
        path: usize,
        /// How many there are.
        count: usize,
    },
    /// T29: more than there can be.
    #[error(
        "the vault's coins are said to be worth more than 21 million bitcoin, which can't be: don't trust the chain source, and sync with another"
    )]
    ImpossibleCoins,
    /// The ledger doesn't have a coin's transaction.
    #[error("the transaction that made coin {0} isn't in the ledger: run `quorate sync` first")]
    NoPrevious(OutPoint),
    /// The coin's script isn't what we derive.
    #[error(
        "coin {0} doesn't pay to this vault's own script: the ledger is damaged: import the vault in a new home, which reads the chain again"
    )]
    ForeignCoin(OutPoint),
    /// Deriving failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was built doesn't pass our own check.
    #[error("the transaction that was built is wrong: {0}; nothing was stored")]
    Check(#[from] PinError),
}

/// A rate in sat/vB, exactly: thousandths at the most.
fn sat_vb(rate: FeeRate) -> String {
    let thousandths = rate.to_sat_per_kwu() * 4;
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Builds a proposal for `request`.
pub fn propose(vault: &Vault, request: &Request<'_>) -> Result<Proposal, SpendError> {
    let count = vault.policy().paths.len();
    if request.path >= count {
        return Err(SpendError::NoSuchPath {
            path: request.path + 1,
            count,
        });
    }
    let wishes = &request.wishes;
    recipients::check(request.recipients, wishes.data)?;
    if request.fee_rate < wishes.relay_floor {
        return Err(SpendError::BelowRelay {
            rate: request.fee_rate,
            floor: wishes.relay_floor,
        });
    }
    let change = vault.derive(Keychain::Change, request.change_index)?;
    let (plan, weight) = plan(vault, request, &change.script_pubkey)?;
    if plan.coins.len() > MAX_INPUTS {
        return Err(SpendError::TooManyInputs {
            inputs: plan.coins.len(),
        });
    }
    if weight.to_wu() > u64::from(MAX_STANDARD_TX_WEIGHT) {
        return Err(SpendError::TooHeavy { weight });
    }
    if wishes.truc && weight > TRUC_WEIGHT {
        return Err(SpendError::TooHeavyForTruc { weight });
    }
    let mut random = Random::new(request.entropy);
    let mut coins: Vec<&Available> = plan
        .coins
        .iter()
        .map(|&coin| &request.coins[coin])
        .collect();
    let mut outputs: Vec<(TxOut, bool)> = plan
        .payments
        .into_iter()
        // A payment to the change address is change, so that devices see that it comes back.
        .map(|payment| {
            let is_change = payment.script_pubkey == change.script_pubkey;
            (payment, is_change)
        })
        .collect();
    if let Some(value) = plan.change {
        outputs.push((
            TxOut {
                value,
                script_pubkey: change.script_pubkey.clone(),
            },
            true,
        ));
    }
    if let Some(data) = wishes.data {
        outputs.push((super::data::output(data), false));
    }
    random.shuffle(&mut coins);
    random.shuffle(&mut outputs);
    let sequence = vault
        .required_sequence(request.path)
        .unwrap_or(Sequence::ENABLE_RBF_NO_LOCKTIME);
    let transaction = Transaction {
        version: match wishes.truc {
            true => transaction::Version(3),
            false => transaction::Version::TWO,
        },
        lock_time: lock_time(vault, request, &mut random),
        input: coins
            .iter()
            .map(|coin| TxIn {
                previous_output: coin.outpoint,
                sequence,
                ..TxIn::default()
            })
            .collect(),
        output: outputs.iter().map(|(output, _)| output.clone()).collect(),
    };
    let psbt = fill(vault, request, transaction, &coins, &outputs, &change)?;
    let file = psbt.serialize();
    let bytes = file.len() + signature_bytes(vault, request.path, &change) * coins.len();
    if bytes > MAX_BYTES {
        return Err(SpendError::TooLarge { bytes });
    }
    read(&file).map_err(SpendError::Unreadable)?;
    let proposal = Proposal::check(vault, psbt)?;
    let paid: Amount = outputs
        .iter()
        .filter(|(_, change)| !change)
        .map(|(output, _)| output.value)
        .sum();
    // Of a spend to ourselves, all that it moves.
    let moved = if paid == Amount::ZERO {
        outputs.iter().map(|(output, _)| output.value).sum()
    } else {
        paid
    };
    request.limits.check(proposal.fee(), weight, moved)?;
    Ok(proposal)
}

/// Bytes that the signatures of one coin take in the file when the path's quorum has signed, those with
/// the most keys first: signers sign with every key of theirs that the script has.
fn signature_bytes(vault: &Vault, path: usize, derived: &Derived) -> usize {
    let mut keys = vec![0; vault.cosigners().len()];
    for key in &derived.keys {
        if let Some(count) = keys.get_mut(key.cosigner) {
            *count += 1;
        }
    }
    keys.sort_unstable_by_key(|&count| Reverse(count));
    let quorum = vault
        .policy()
        .paths
        .get(path)
        .map_or(0, |path| path.threshold);
    let signatures: usize = keys.into_iter().take(quorum).sum();
    // Type, key and the lengths of both sides; in taproot the leaf's hash and 65 bytes, else 72.
    signatures
        * match derived.script_type {
            ScriptType::Tr => 1 + (1 + 32 + 32) + 1 + 65,
            ScriptType::Wsh | ScriptType::ShWsh | ScriptType::Sh => 1 + (1 + 33) + 1 + 72,
        }
}

/// The tip's height, so that a miner gains nothing by mining the last block again with our fee in
/// it; one time in ten up to 100 blocks earlier, so that spends held back for some time don't stand
/// out. A spending path with an absolute lock needs at least that.
fn lock_time(vault: &Vault, request: &Request<'_>, random: &mut Random) -> absolute::LockTime {
    let mut height = request.tip;
    if random.below(10) == 0 {
        height = height.saturating_sub(u32::try_from(random.below(100)).unwrap_or(0));
    }
    if let Some(absolute::LockTime::Blocks(needed)) = vault.required_lock_time(request.path) {
        height = height.max(needed.to_consensus_u32());
    }
    absolute::LockTime::from_height(height).unwrap_or(absolute::LockTime::ZERO)
}

fn fill(
    vault: &Vault,
    request: &Request<'_>,
    transaction: Transaction,
    coins: &[&Available],
    outputs: &[(TxOut, bool)],
    change: &Derived,
) -> Result<Psbt, SpendError> {
    let mut psbt =
        Psbt::from_unsigned_tx(transaction).map_err(|_| PinError::Empty("unsigned inputs"))?;
    psbt.xpub = keys_of(vault);
    for (fields, coin) in psbt.inputs.iter_mut().zip(coins) {
        let derived = vault.derive(coin.keychain, coin.index)?;
        let previous = request
            .previous
            .transaction(coin.outpoint)
            .ok_or(SpendError::NoPrevious(coin.outpoint))?;
        let prevout = previous
            .output
            .get(coin.outpoint.vout as usize)
            .filter(|prevout| {
                prevout.script_pubkey == derived.script_pubkey && prevout.value == coin.value
            })
            .cloned()
            .ok_or(SpendError::ForeignCoin(coin.outpoint))?;
        *fields = describe_input(&derived, &prevout, previous);
    }
    for (fields, (_, is_change)) in psbt.outputs.iter_mut().zip(outputs) {
        if *is_change {
            *fields = describe_output(change);
        }
    }
    Ok(psbt)
}
