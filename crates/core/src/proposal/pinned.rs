//! The pinned transaction. A proposal is only what the vault's own derivation confirms: every
//! input is a coin of the vault, every amount comes from the previous transaction itself (in taproot,
//! the signatures vouch for it), and an output is change only if we derive its very script.
//!
//! This is the one check of a request: the coordinator, the command line and the software signer
//! all work on what passed here.

use super::PinError;
use super::error::UtxoFault;
use super::id::ProposalId;
use super::places::Places;
use crate::keychain::Keychain;
use crate::script_type::ScriptType;
use crate::vault::{Derived, Vault, VaultId};
use bitcoin::psbt::PsbtSighashType;
use bitcoin::{
    Amount, EcdsaSighashType, OutPoint, Psbt, TapSighashType, Transaction, TxOut, Txid, psbt,
};
use std::collections::BTreeSet;

/// One coin the proposal spends.
#[derive(Debug, Clone)]
pub struct ProposalInput {
    /// The coin.
    pub outpoint: OutPoint,
    /// Its amount and script, out of the previous transaction.
    pub prevout: TxOut,
    /// Our own derivation of that script.
    pub derived: Derived,
}

/// One output, judged by our own derivation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalOutput {
    /// Amount and script.
    pub txout: TxOut,
    /// Where we derive this script, when it is the vault's own.
    pub ours: Option<(Keychain, u32)>,
}

/// A proposal whose transaction has been checked against its vault.
#[derive(Debug, Clone)]
pub struct Proposal {
    id: ProposalId,
    vault: Vault,
    psbt: Psbt,
    inputs: Vec<ProposalInput>,
    outputs: Vec<ProposalOutput>,
    fee: Amount,
}

impl Proposal {
    /// Checks `psbt` against `vault`, trusting nothing in it but the unsigned transaction and
    /// previous transactions that hash to the ids it spends. Signatures are left out; what a file
    /// says about keys is used as a hint where to derive, and only our derivation counts.
    ///
    /// One input or output at fault refuses the whole: nobody picks the good parts of a bad
    /// request.
    pub fn check(vault: &Vault, psbt: Psbt) -> Result<Self, PinError> {
        let tx = &psbt.unsigned_tx;
        check_shape(&psbt)?;
        let mut places = Places::new(vault, tx.input.len() + tx.output.len());
        let mut seen = BTreeSet::new();
        let mut inputs = Vec::with_capacity(tx.input.len());
        for (input, (txin, fields)) in tx.input.iter().zip(&psbt.inputs).enumerate() {
            let outpoint = txin.previous_output;
            if !seen.insert(outpoint) {
                return Err(PinError::DuplicateInput { input });
            }
            let prevout = previous_output(input, outpoint, fields, vault.script_type())?;
            let derived = places.of_input(input, outpoint, prevout, fields)?.clone();
            check_sighash_type(input, derived.script_type, fields)?;
            inputs.push(ProposalInput {
                outpoint,
                prevout: prevout.clone(),
                derived,
            });
        }
        let available = sum("inputs", inputs.iter().map(|input| input.prevout.value))?;
        let paid = sum("outputs", tx.output.iter().map(|output| output.value))?;
        let fee = available.checked_sub(paid).ok_or(PinError::Overspent)?;
        let mut outputs = Vec::with_capacity(tx.output.len());
        for (output, (txout, fields)) in tx.output.iter().zip(&psbt.outputs).enumerate() {
            outputs.push(ProposalOutput {
                txout: txout.clone(),
                ours: places.of_output(output, txout, fields)?,
            });
        }
        Ok(Self {
            id: ProposalId::of(vault.id(), tx),
            vault: vault.clone(),
            psbt: without_signatures(psbt),
            inputs,
            outputs,
            fee,
        })
    }

    /// Whether this is the proposal that [`Self::check`] makes of `psbt`: they differ in
    /// signatures only.
    #[must_use]
    pub fn is_of(&self, psbt: &Psbt) -> bool {
        // The cheap comparison first: it tells most strangers.
        self.psbt.unsigned_tx == psbt.unsigned_tx && self.psbt == without_signatures(psbt.clone())
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ProposalId {
        self.id
    }
    /// The vault it spends from.
    #[must_use]
    pub fn vault(&self) -> VaultId {
        self.vault.id()
    }
    /// The vault itself, by whose derivation it was checked.
    pub(crate) const fn owner(&self) -> &Vault {
        &self.vault
    }
    /// The id the final transaction will have: a segwit transaction's id doesn't cover signatures. In
    /// P2SH it does; there it is `None`.
    #[must_use]
    pub fn final_txid(&self) -> Option<Txid> {
        let nested = self.inputs.iter().map(|coin| &coin.derived.redeem_script);
        crate::psbt::final_txid_of(&self.psbt.unsigned_tx, nested)
    }
    /// [`Self::final_txid`], or the id of the unsigned transaction where that isn't known.
    #[must_use]
    pub fn txid(&self) -> Txid {
        self.final_txid()
            .unwrap_or_else(|| self.psbt.unsigned_tx.compute_txid())
    }
    /// The request, without signatures.
    #[must_use]
    pub const fn psbt(&self) -> &Psbt {
        &self.psbt
    }
    /// The pinned transaction.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.psbt.unsigned_tx
    }
    /// The coins it spends, in the transaction's order.
    #[must_use]
    pub fn inputs(&self) -> &[ProposalInput] {
        &self.inputs
    }
    /// Its outputs, in the transaction's order.
    #[must_use]
    pub fn outputs(&self) -> &[ProposalOutput] {
        &self.outputs
    }
    /// Inputs less outputs.
    #[must_use]
    pub const fn fee(&self) -> Amount {
        self.fee
    }
    /// The spent outputs, in the transaction's order.
    #[must_use]
    pub fn prevouts(&self) -> Vec<TxOut> {
        self.inputs
            .iter()
            .map(|input| input.prevout.clone())
            .collect()
    }
}

fn check_shape(psbt: &Psbt) -> Result<(), PinError> {
    let tx = &psbt.unsigned_tx;
    if tx.input.is_empty() {
        return Err(PinError::Empty("inputs"));
    }
    if tx.output.is_empty() {
        return Err(PinError::Empty("outputs"));
    }
    // A parser makes the lists fit; a `Psbt` put together in memory needn't have gone through one.
    if tx.input.len() != psbt.inputs.len() || tx.output.len() != psbt.outputs.len() {
        return Err(PinError::Malformed);
    }
    if !(1..=3).contains(&tx.version.0) {
        return Err(PinError::NotRelayed(tx.version.0));
    }
    let signed = |txin: &bitcoin::TxIn| !txin.script_sig.is_empty() || !txin.witness.is_empty();
    match tx.input.iter().position(signed) {
        Some(input) => Err(PinError::NotUnsigned { input }),
        None => Ok(()),
    }
}

/// The output that an input spends, out of the previous transaction whose id the input commits
/// to. A v0 signature commits to its own input's amount only, so a `witness_utxo` alone lets two
/// signing rounds be played against each other (T10). A taproot signature commits to the amounts
/// and scripts of all inputs (BIP341): after a lie it is worth nothing. Bitcoin Core therefore drops
/// the previous transactions when all inputs are taproot, as they are in a taproot vault.
fn previous_output(
    input: usize,
    outpoint: OutPoint,
    fields: &psbt::Input,
    script_type: ScriptType,
) -> Result<&TxOut, PinError> {
    let missing = PinError::NoPreviousTransaction { input };
    let Some(previous) = &fields.non_witness_utxo else {
        let claimed = fields.witness_utxo.as_ref();
        let enough = script_type == ScriptType::Tr;
        return claimed.filter(|_| enough).ok_or(missing);
    };
    let fault = |fault| PinError::PreviousTransaction { input, fault };
    if previous.compute_txid() != outpoint.txid {
        return Err(fault(UtxoFault::OtherTransaction { outpoint }));
    }
    let prevout = usize::try_from(outpoint.vout)
        .ok()
        .and_then(|vout| previous.output.get(vout))
        .ok_or_else(|| fault(UtxoFault::NoSuchOutput { outpoint }))?;
    match &fields.witness_utxo {
        Some(claimed) if claimed != prevout => Err(fault(UtxoFault::Contradiction {
            claimed: claimed.value,
            proven: prevout.value,
        })),
        _ => Ok(prevout),
    }
}

/// T11: ALL; in taproot also DEFAULT, which covers the same and takes a byte less (BIP341).
fn check_sighash_type(
    input: usize,
    script_type: ScriptType,
    fields: &psbt::Input,
) -> Result<(), PinError> {
    let default = |found: PsbtSighashType| {
        script_type == ScriptType::Tr && found == TapSighashType::Default.into()
    };
    match fields.sighash_type {
        None => Ok(()),
        Some(found) if found == EcdsaSighashType::All.into() || default(found) => Ok(()),
        Some(found) => Err(PinError::Sighash {
            input,
            found: found.to_string(),
        }),
    }
}

fn sum(side: &'static str, mut amounts: impl Iterator<Item = Amount>) -> Result<Amount, PinError> {
    amounts
        .try_fold(Amount::ZERO, |sum, amount| sum.checked_add(amount))
        .filter(|sum| *sum <= Amount::MAX_MONEY)
        .ok_or(PinError::ImpossibleAmount { side })
}

fn without_signatures(mut psbt: Psbt) -> Psbt {
    for input in &mut psbt.inputs {
        input.partial_sigs.clear();
        input.final_script_sig = None;
        input.final_script_witness = None;
        input.tap_key_sig = None;
        input.tap_script_sigs.clear();
    }
    psbt
}
