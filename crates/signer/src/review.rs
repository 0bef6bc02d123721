//! What a PSBT would do to a vault, proven rather than read.
//!
//! Of the PSBT only the unsigned transaction is believed, and the previous transactions whose id
//! is the one it spends. Derivations are hints where to look: the vault derives the script itself
//! and compares. Other fields are either not used or have to agree.

mod error;
mod places;

pub use error::ReviewError;

use bitcoin::psbt::{self, Psbt};
use bitcoin::{Amount, EcdsaSighashType, FeeRate, OutPoint, ScriptBuf, TxOut, Weight};
use places::Places;
use quorate_core::keychain::Keychain;
use quorate_core::spend::{FeeLimits, FeeRefusal};
use quorate_core::vault::{Derived, Vault};
use std::collections::BTreeSet;

/// An output that leaves the vault, or can't be shown not to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its place among the outputs.
    pub output: usize,
    /// Whom it pays.
    pub script_pubkey: ScriptBuf,
    /// How much.
    pub amount: Amount,
}

/// An output that the vault's own derivation proves to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place among the outputs.
    pub output: usize,
    /// The chain it was derived on.
    pub keychain: Keychain,
    /// Its index there. Whether that is absurdly far ahead (T09) only the ledger can say.
    pub index: u32,
    /// Its script.
    pub script_pubkey: ScriptBuf,
    /// How much.
    pub amount: Amount,
}

/// What a person must see before signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The coins spent, in the transaction's order, with their proven amounts.
    pub inputs: Vec<(OutPoint, Amount)>,
    /// Everything that isn't proven ours.
    pub recipients: Vec<Payment>,
    /// Everything that is.
    pub change: Vec<Change>,
    /// Inputs minus outputs.
    pub fee: Amount,
    /// The finished transaction at its largest, spent by the path without a lock.
    pub weight: Weight,
}

impl Summary {
    /// The fee per size.
    #[must_use]
    pub fn feerate(&self) -> FeeRate {
        self.fee / self.weight
    }

    /// What leaves the vault, the fee not counted.
    #[must_use]
    pub fn sent(&self) -> Amount {
        self.recipients.iter().map(|p| p.amount).sum()
    }

    /// T22: judges the fee by what leaves the vault, or by all outputs when nothing does.
    pub fn check_fee(&self, limits: &FeeLimits) -> Result<(), FeeRefusal> {
        let spent = match self.sent() {
            Amount::ZERO => self.change.iter().map(|c| c.amount).sum(),
            sent => sent,
        };
        limits.check(self.fee, self.weight, spent)
    }
}

/// A PSBT that passed: what [`crate::Unlocked::sign`] signs. It borrows what was looked at, so
/// nothing can change between looking and signing (T17), and nothing is derived twice.
#[derive(Debug)]
pub struct Review<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) psbt: &'a Psbt,
    /// One for each input, in order.
    pub(crate) coins: Vec<Coin>,
    derived: Vec<Derived>,
    summary: Summary,
}

/// A proven input.
#[derive(Debug)]
pub(crate) struct Coin {
    place: usize,
    pub(crate) amount: Amount,
}

impl Review<'_> {
    /// What to show.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    pub(crate) fn derived(&self, coin: &Coin) -> &Derived {
        &self.derived[coin.place]
    }
}

/// Examines `psbt` as a spend of `vault`. An input or output at fault refuses the whole: a
/// signer doesn't pick the good parts of a bad request.
pub fn review<'a>(vault: &'a Vault, psbt: &'a Psbt) -> Result<Review<'a>, ReviewError> {
    let tx = &psbt.unsigned_tx;
    if tx.input.is_empty()
        || tx.output.is_empty()
        || tx.input.len() != psbt.inputs.len()
        || tx.output.len() != psbt.outputs.len()
    {
        return Err(ReviewError::Malformed);
    }
    let mut places = Places::new(vault);
    let mut seen = BTreeSet::new();
    let mut coins = Vec::with_capacity(tx.input.len());
    let mut inputs = Vec::with_capacity(tx.input.len());
    for (input, (txin, fields)) in tx.input.iter().zip(&psbt.inputs).enumerate() {
        let outpoint = txin.previous_output;
        if fields.final_script_witness.is_some() || fields.final_script_sig.is_some() {
            return Err(ReviewError::AlreadyFinal { input });
        }
        if !seen.insert(outpoint) {
            return Err(ReviewError::DuplicateInput { input, outpoint });
        }
        let utxo = proven_utxo(input, outpoint, fields)?;
        check_sighash_type(input, fields)?;
        let place = places.of_input(input, utxo, fields)?;
        let amount = utxo.value;
        coins.push(Coin { place, amount });
        inputs.push((outpoint, amount));
    }
    let available = sum("inputs", inputs.iter().map(|(_, amount)| *amount))?;
    let spent = sum("outputs", tx.output.iter().map(|o| o.value))?;
    let Some(fee) = available.checked_sub(spent) else {
        return Err(ReviewError::Overspent { spent, available });
    };
    let mut recipients = Vec::new();
    let mut change = Vec::new();
    for (output, (txout, fields)) in tx.output.iter().zip(&psbt.outputs).enumerate() {
        let (script_pubkey, amount) = (txout.script_pubkey.clone(), txout.value);
        if script_pubkey.is_op_return() && amount > Amount::ZERO {
            return Err(ReviewError::Burn { output, amount });
        }
        match places.of_output(output, txout, fields)? {
            Some((keychain, index)) => change.push(Change {
                output,
                keychain,
                index,
                script_pubkey,
                amount,
            }),
            None => recipients.push(Payment {
                output,
                script_pubkey,
                amount,
            }),
        }
    }
    let summary = Summary {
        weight: final_weight(vault, psbt),
        inputs,
        recipients,
        change,
        fee,
    };
    Ok(Review {
        vault,
        psbt,
        coins,
        derived: places.derived,
        summary,
    })
}

/// The output an input spends, out of the transaction whose id the input commits to. A v0
/// signature commits to its own amount only, so a `witness_utxo` alone lets two signing rounds
/// be played against each other (T10).
fn proven_utxo(
    input: usize,
    outpoint: OutPoint,
    fields: &psbt::Input,
) -> Result<&TxOut, ReviewError> {
    let Some(previous) = &fields.non_witness_utxo else {
        return Err(ReviewError::NoPreviousTransaction { input });
    };
    if previous.compute_txid() != outpoint.txid {
        return Err(ReviewError::WrongPreviousTransaction { input, outpoint });
    }
    let utxo = usize::try_from(outpoint.vout)
        .ok()
        .and_then(|vout| previous.output.get(vout))
        .ok_or(ReviewError::NoSuchCoin { input, outpoint })?;
    match &fields.witness_utxo {
        Some(claimed) if claimed != utxo => Err(ReviewError::UtxoContradiction {
            input,
            claimed: claimed.value,
            proven: utxo.value,
        }),
        _ => Ok(utxo),
    }
}

fn check_sighash_type(input: usize, fields: &psbt::Input) -> Result<(), ReviewError> {
    match fields.sighash_type {
        None => Ok(()),
        Some(found) if found == EcdsaSighashType::All.into() => Ok(()),
        Some(found) => Err(ReviewError::SighashType {
            input,
            found: found.to_string(),
        }),
    }
}

fn sum(
    side: &'static str,
    mut values: impl Iterator<Item = Amount>,
) -> Result<Amount, ReviewError> {
    values
        .try_fold(Amount::ZERO, |sum, value| sum.checked_add(value))
        .filter(|sum| *sum <= Amount::MAX_MONEY)
        .ok_or(ReviewError::ImpossibleAmount { side })
}

/// The weight once signed. The path without a lock is the usual one; another's differs by a few
/// units for each input, which no limit here depends on.
fn final_weight(vault: &Vault, psbt: &Psbt) -> Weight {
    let paths = &vault.policy().paths;
    let usual = paths.iter().position(|p| p.lock.is_none()).unwrap_or(0);
    let inputs = psbt.inputs.len() as u64;
    let segwit_marker = Weight::from_wu(2);
    psbt.unsigned_tx.weight() + segwit_marker + vault.satisfaction_weight(usual) * inputs
}
