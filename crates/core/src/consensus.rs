//! The consensus check: would every full node accept what this transaction claims about the
//! outputs it spends? Bitcoin Core's own script interpreter answers, through `bitcoinconsensus`
//! (P2SH, BIP65, BIP66, BIP112, BIP141, BIP147, BIP341, BIP342).
//!
//! A finalized transaction is run through here before it leaves the house, and whatever others
//! finalized before it is believed: several libraries assemble witnesses that look complete and
//! aren't. What depends on the chain (is the coin there, is it old enough) is not asked here.
//!
//! The C library parses and hashes the transaction anew for every input, so the cost is quadratic in
//! inputs and in the bytes of each. What an input's script can see of the others is their outpoints,
//! sequences and spent outputs, never their witnesses or signature scripts; so these are left out
//! for it, which leaves a seventh of the bytes. Of what we finalized ourselves, with more than
//! [`EVERY`] inputs, it needn't see every input: [`verify_finished_with`].

mod linear;

use crate::workers::{Alone, Workers, in_pieces};
use bitcoin::consensus::Encodable;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxOut, Weight, Witness, WitnessVersion};
use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT};
use std::collections::BTreeSet;

/// Why a transaction isn't valid for the outputs it claims to spend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsensusError {
    /// The caller's list of spent outputs doesn't belong to this transaction.
    #[error("{prevouts} spent outputs were given for a transaction with {inputs} inputs")]
    PrevoutCount {
        /// Inputs of the transaction.
        inputs: usize,
        /// Spent outputs given.
        prevouts: usize,
    },
    /// Something is wrong with the transaction as a whole.
    #[error("the transaction breaks the consensus rules: {reason}")]
    Transaction {
        /// Which rule.
        reason: String,
    },
    /// An input isn't allowed to spend its output.
    #[error("input {input} breaks the consensus rules: {reason}")]
    Input {
        /// Which input, counted from 0.
        input: usize,
        /// Which rule.
        reason: String,
    },
}

impl ConsensusError {
    /// The input at fault, where it is one input's.
    #[must_use]
    pub const fn input(&self) -> Option<usize> {
        match self {
            Self::Input { input, .. } => Some(*input),
            Self::PrevoutCount { .. } | Self::Transaction { .. } => None,
        }
    }

    fn transaction(reason: impl Into<String>) -> Self {
        Self::Transaction {
            reason: reason.into(),
        }
    }

    fn input_at(input: usize, reason: impl Into<String>) -> Self {
        Self::Input {
            input,
            reason: reason.into(),
        }
    }
}

/// Verifies `tx` against the outputs it spends, `prevouts[i]` being spent by input `i`: structure,
/// amounts, and every input's script with all rules switched on, taproot included.
///
/// The caller vouches for the prevouts: they must come from our own ledger, never from a PSBT.
pub fn verify_transaction(tx: &Transaction, prevouts: &[TxOut]) -> Result<(), ConsensusError> {
    verify_transaction_with(tx, prevouts, &Alone)
}

/// [`verify_transaction`] with the inputs spread over `workers`.
pub fn verify_transaction_with(
    tx: &Transaction,
    prevouts: &[TxOut],
    workers: &dyn Workers,
) -> Result<(), ConsensusError> {
    check_whole(tx, prevouts)?;
    let inputs: Vec<usize> = (0..prevouts.len()).collect();
    check_scripts(tx, prevouts, &inputs, workers)
}

/// Up to so many inputs all go through Bitcoin Core's interpreter.
pub const EVERY: usize = 64;
/// Of more, so many do without a reason.
const SAMPLE: usize = 16;

/// [`verify_transaction_with`] for a transaction whose witnesses we assembled, at a cost that grows
/// with the inputs and not with their square.
///
/// Of more than [`EVERY`] inputs, one is believed without Bitcoin Core's interpreter if two things
/// hold: miniscript's interpreter accepts it, with every signature verified against the whole
/// transaction, and Bitcoin Core's accepts another that differs from it in keys, hashes and
/// signatures only. Some more are taken evenly from all.
pub fn verify_finished_with(
    tx: &Transaction,
    prevouts: &[TxOut],
    workers: &dyn Workers,
) -> Result<(), ConsensusError> {
    check_whole(tx, prevouts)?;
    let chosen = if prevouts.len() <= EVERY {
        (0..prevouts.len()).collect()
    } else {
        for_core(tx, prevouts, SAMPLE, workers)
    };
    check_scripts(tx, prevouts, &chosen, workers)
}

/// The inputs that Bitcoin Core's interpreter must see, in ascending order: those that the linear
/// check doesn't accept, the first of each form, and a `sample`.
fn for_core(
    tx: &Transaction,
    prevouts: &[TxOut],
    sample: usize,
    workers: &dyn Workers,
) -> Vec<usize> {
    let count = prevouts.len();
    let accepted = in_pieces(workers, count, &|inputs| {
        linear::accepts(tx, prevouts, inputs)
    })
    .concat();
    let sample: BTreeSet<usize> = (0..sample).map(|n| n * count / sample).collect();
    let mut forms = BTreeSet::new();
    let mut needed = |input: usize| {
        let is_first = forms.insert(linear::form(&tx.input[input], &prevouts[input]));
        is_first || !accepted[input] || sample.contains(&input)
    };
    (0..count).filter(|&input| needed(input)).collect()
}

fn check_whole(tx: &Transaction, prevouts: &[TxOut]) -> Result<(), ConsensusError> {
    if prevouts.len() != tx.input.len() {
        return Err(ConsensusError::PrevoutCount {
            inputs: tx.input.len(),
            prevouts: prevouts.len(),
        });
    }
    check_structure(tx)?;
    check_amounts(tx, prevouts)
}

/// What Core's `CheckTransaction` asks of any transaction, a coinbase aside.
fn check_structure(tx: &Transaction) -> Result<(), ConsensusError> {
    if tx.input.is_empty() {
        return Err(ConsensusError::transaction("it has no inputs"));
    }
    if tx.output.is_empty() {
        return Err(ConsensusError::transaction("it has no outputs"));
    }
    if tx.base_size() > Weight::MAX_BLOCK.to_vbytes_floor() as usize {
        return Err(ConsensusError::transaction("it is larger than a block"));
    }
    let mut seen = BTreeSet::new();
    for (i, input) in tx.input.iter().enumerate() {
        if input.previous_output == OutPoint::null() {
            return Err(ConsensusError::input_at(i, "it spends no output"));
        }
        if !seen.insert(input.previous_output) {
            let reason = format!("it spends {} a second time", input.previous_output);
            return Err(ConsensusError::input_at(i, reason));
        }
    }
    Ok(())
}

/// Money range of every amount, and no money out of nothing.
fn check_amounts(tx: &Transaction, prevouts: &[TxOut]) -> Result<(), ConsensusError> {
    let within = |value: Amount| value <= Amount::MAX_MONEY;
    if let Some(i) = prevouts.iter().position(|p| !within(p.value)) {
        let reason = "the output it spends holds more than 21 million bitcoin";
        return Err(ConsensusError::input_at(i, reason));
    }
    let sum = |outputs: &[TxOut]| {
        let total = outputs
            .iter()
            .try_fold(Amount::ZERO, |sum, o| sum.checked_add(o.value));
        total.filter(|&total| within(total))
    };
    let (Some(spent), Some(created)) = (sum(prevouts), sum(&tx.output)) else {
        return Err(ConsensusError::transaction(
            "its amounts add up to more than 21 million bitcoin",
        ));
    };
    if created > spent {
        let reason = format!("it pays out {created} but spends only {spent}");
        return Err(ConsensusError::transaction(reason));
    }
    Ok(())
}

/// Runs the interpreter on some of the inputs, given in ascending order.
fn check_scripts(
    tx: &Transaction,
    prevouts: &[TxOut],
    inputs: &[usize],
    workers: &dyn Workers,
) -> Result<(), ConsensusError> {
    // The first piece with a fault has the first input at fault, as without workers.
    in_pieces(workers, inputs.len(), &|piece| {
        run_interpreter(tx, prevouts, &inputs[piece])
    })
    .into_iter()
    .collect()
}

/// The pointers in `utxos` borrow from `prevouts`, which outlives the calls.
fn run_interpreter(
    tx: &Transaction,
    prevouts: &[TxOut],
    inputs: &[usize],
) -> Result<(), ConsensusError> {
    let too_large = |i| ConsensusError::input_at(i, "the output it spends is too large to be real");
    let utxos: Vec<Utxo> = prevouts
        .iter()
        .enumerate()
        .map(|(i, prevout)| {
            Ok(Utxo {
                script_pubkey: prevout.script_pubkey.as_bytes().as_ptr(),
                script_pubkey_len: u32::try_from(prevout.script_pubkey.len())
                    .map_err(|_| too_large(i))?,
                value: i64::try_from(prevout.value.to_sat()).map_err(|_| too_large(i))?,
            })
        })
        .collect::<Result<_, _>>()?;
    let mut alone = without_proofs(tx);
    let mut bytes = Vec::new();
    for &i in inputs {
        let prevout = &prevouts[i];
        let bare = std::mem::replace(&mut alone.input[i], tx.input[i].clone());
        bytes.clear();
        // Writing to memory doesn't fail; if it did, the interpreter would refuse what is there.
        let _ = alone.consensus_encode(&mut bytes);
        alone.input[i] = bare;
        // The taproot rules bind outputs of witness version 1 only (BIP341), and only they look at
        // other inputs' spent outputs; handing those over costs another round of hashing.
        let (spent, flags) = if prevout.script_pubkey.witness_version() == Some(WitnessVersion::V1)
        {
            (Some(&*utxos), VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT)
        } else {
            (None, VERIFY_ALL_PRE_TAPROOT)
        };
        bitcoinconsensus::verify_with_flags(
            prevout.script_pubkey.as_bytes(),
            prevout.value.to_sat(),
            &bytes,
            spent,
            i,
            flags,
        )
        .map_err(|error| ConsensusError::input_at(i, describe(error)))?;
    }
    Ok(())
}

/// `tx` with no input's witness or signature script. No signature commits to those of another input
/// (BIP143 and BIP341 leave them out, the original rules blank them), and nothing else in a script
/// reaches them.
fn without_proofs(tx: &Transaction) -> Transaction {
    let mut bare = tx.clone();
    for input in &mut bare.input {
        input.witness = Witness::new();
        input.script_sig = ScriptBuf::new();
    }
    bare
}

/// The library says of a failed script only that it failed.
fn describe(error: bitcoinconsensus::Error) -> String {
    match error {
        bitcoinconsensus::Error::ERR_SCRIPT => {
            "its signatures and scripts don't satisfy the output it spends".to_owned()
        }
        other => format!("the interpreter can't check it: {other}"),
    }
}

#[cfg(test)]
#[path = "consensus_tests.rs"]
mod tests;
