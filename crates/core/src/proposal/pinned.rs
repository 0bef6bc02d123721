//! The pinned transaction. A proposal is only what the vault's own derivation confirms: every
//! input is a coin of the vault, every amount comes from the previous transaction itself, and an
//! output is change only if we derive its very script.

use crate::journal::tagged;
use crate::keychain::Keychain;
use crate::vault::{Derived, Vault, VaultId};
use bitcoin::bip32::{ChildNumber, KeySource};
use bitcoin::{Amount, OutPoint, Psbt, ScriptBuf, Transaction, TxOut, Txid, consensus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Name of a proposal: hash over the vault's id and the whole unsigned transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId([u8; 32]);

impl ProposalId {
    /// The id of this transaction as a proposal of that vault.
    #[must_use]
    pub fn of(vault: VaultId, unsigned: &Transaction) -> Self {
        let mut data = vault.as_bytes().to_vec();
        data.extend(consensus::serialize(unsigned));
        Self(tagged(b"Quorate/proposal", &data))
    }
    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
    /// From 32 bytes, for reading it back from the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}
impl fmt::Display for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProposalId({self})")
    }
}
impl FromStr for ProposalId {
    type Err = hex::HexToArrayError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <[u8; 32] as hex::FromHex>::from_hex(text).map(Self)
    }
}
impl Serialize for ProposalId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for ProposalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

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
    vault: VaultId,
    psbt: Psbt,
    inputs: Vec<ProposalInput>,
    outputs: Vec<ProposalOutput>,
    fee: Amount,
}

/// Why a PSBT can't be a proposal of a vault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// No inputs or no outputs.
    #[error("the transaction has no {0}")]
    Empty(&'static str),
    /// One coin twice.
    #[error("input {input} spends the same coin as an earlier input")]
    DuplicateInput {
        /// Index of the second.
        input: usize,
    },
    /// Without the previous transaction an amount can be lied about (BIP-0174).
    #[error(
        "input {input} comes without its previous transaction, so that its amount can't be checked: export the request again with full previous transactions"
    )]
    NoPreviousTransaction {
        /// Index of the input.
        input: usize,
    },
    /// The previous transaction is another one, or contradicts `witness_utxo`.
    #[error("input {input}: {fault}; the file has been tampered with or damaged")]
    PreviousTransaction {
        /// Index of the input.
        input: usize,
        /// What doesn't agree.
        fault: &'static str,
    },
    /// The coin isn't the vault's.
    #[error("input {input} spends {outpoint}, which isn't a coin of this vault")]
    NotOurCoin {
        /// Index of the input.
        input: usize,
        /// The coin.
        outpoint: OutPoint,
    },
    /// An output pretends to be change.
    #[error(
        "output {output} claims to be the vault's change but pays to another script: don't sign, and ask who made this file"
    )]
    FakeChange {
        /// Index of the output.
        output: usize,
    },
    /// Sums overflow or outputs exceed inputs.
    #[error("the outputs add up to more than the inputs")]
    Overspent,
    /// A signature hash type other than ALL is asked for.
    #[error(
        "input {input} asks for a signature that doesn't commit to the whole transaction (sighash type {found}); only SIGHASH_ALL is accepted"
    )]
    Sighash {
        /// Index of the input.
        input: usize,
        /// The type asked for.
        found: String,
    },
}

impl Proposal {
    /// Checks `psbt` against `vault`, trusting nothing in it but the unsigned transaction and
    /// previous transactions that hash to the ids it spends. Signatures are left out; what a file
    /// says about keys is used as a hint where to derive, and only our derivation counts.
    pub fn check(vault: &Vault, mut psbt: Psbt) -> Result<Self, PinError> {
        let tx = &psbt.unsigned_tx;
        if tx.input.is_empty() {
            return Err(PinError::Empty("inputs"));
        }
        if tx.output.is_empty() {
            return Err(PinError::Empty("outputs"));
        }
        let mut seen = BTreeSet::new();
        let mut inputs = Vec::with_capacity(tx.input.len());
        for (input, txin) in tx.input.iter().enumerate() {
            let outpoint = txin.previous_output;
            if !seen.insert(outpoint) {
                return Err(PinError::DuplicateInput { input });
            }
            let prevout = previous_output(&psbt, input, outpoint)?;
            let hint = hint(&psbt.inputs[input].bip32_derivation);
            let derived = hint
                .and_then(|(keychain, index)| vault.derive(keychain, index).ok())
                .filter(|derived| derived.script_pubkey == prevout.script_pubkey)
                .ok_or(PinError::NotOurCoin { input, outpoint })?;
            check_input_fields(&psbt, input, &derived)?;
            inputs.push(ProposalInput {
                outpoint,
                prevout,
                derived,
            });
        }
        let outputs = tx
            .output
            .iter()
            .enumerate()
            .map(|(output, txout)| check_output(vault, &psbt, output, txout))
            .collect::<Result<Vec<_>, _>>()?;
        let fee = fee(&inputs, tx).ok_or(PinError::Overspent)?;
        let id = ProposalId::of(vault.id(), tx);
        for input in &mut psbt.inputs {
            input.partial_sigs.clear();
            input.final_script_sig = None;
            input.final_script_witness = None;
            input.tap_key_sig = None;
            input.tap_script_sigs.clear();
        }
        Ok(Self {
            id,
            vault: vault.id(),
            psbt,
            inputs,
            outputs,
            fee,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ProposalId {
        self.id
    }
    /// The vault it spends from.
    #[must_use]
    pub const fn vault(&self) -> VaultId {
        self.vault
    }
    /// The id the final transaction will have: a segwit transaction's id doesn't cover signatures.
    #[must_use]
    pub fn txid(&self) -> Txid {
        self.psbt.unsigned_tx.compute_txid()
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

/// The output that input `input` spends, out of a previous transaction with the right id.
fn previous_output(psbt: &Psbt, input: usize, outpoint: OutPoint) -> Result<TxOut, PinError> {
    let fields = &psbt.inputs[input];
    let previous = fields
        .non_witness_utxo
        .as_ref()
        .ok_or(PinError::NoPreviousTransaction { input })?;
    let fault = |fault| PinError::PreviousTransaction { input, fault };
    if previous.compute_txid() != outpoint.txid {
        return Err(fault(
            "its previous transaction has another id than the one it spends",
        ));
    }
    let prevout = usize::try_from(outpoint.vout)
        .ok()
        .and_then(|vout| previous.output.get(vout))
        .ok_or_else(|| fault("its previous transaction has no such output"))?;
    if fields
        .witness_utxo
        .as_ref()
        .is_some_and(|utxo| utxo != prevout)
    {
        return Err(fault(
            "the amount or script it states differs from its previous transaction",
        ));
    }
    Ok(prevout.clone())
}

/// Where a file says that a script is derived: the last two steps of any key's path.
fn hint(
    derivations: &BTreeMap<bitcoin::secp256k1::PublicKey, KeySource>,
) -> Option<(Keychain, u32)> {
    let (_, path) = derivations.values().next()?;
    let steps: &[ChildNumber] = path.as_ref();
    match steps {
        [
            ..,
            ChildNumber::Normal { index: branch },
            ChildNumber::Normal { index },
        ] => {
            // A key that stands in several paths has a pair of branches for each: 0 and 1, 2 and 3.
            let keychain = Keychain::from_index((branch % 2) as usize)?;
            Some((keychain, *index))
        }
        _ => None,
    }
}

fn check_input_fields(psbt: &Psbt, input: usize, derived: &Derived) -> Result<(), PinError> {
    let fields = &psbt.inputs[input];
    let fault = |fault| PinError::PreviousTransaction { input, fault };
    if fields.witness_script.is_some() && fields.witness_script != derived.witness_script {
        return Err(fault("its witness script isn't the vault's"));
    }
    if fields.redeem_script.is_some() && fields.redeem_script != derived.redeem_script {
        return Err(fault("its redeem script isn't the vault's"));
    }
    match fields.sighash_type {
        None => Ok(()),
        Some(found) if found.to_u32() == 1 => Ok(()),
        Some(found) => Err(PinError::Sighash {
            input,
            found: found.to_string(),
        }),
    }
}

fn check_output(
    vault: &Vault,
    psbt: &Psbt,
    output: usize,
    txout: &TxOut,
) -> Result<ProposalOutput, PinError> {
    let fields = &psbt.outputs[output];
    let ours = hint(&fields.bip32_derivation).filter(|&(keychain, index)| {
        vault
            .derive(keychain, index)
            .is_ok_and(|derived| derived.script_pubkey == txout.script_pubkey)
    });
    let claims = !fields.bip32_derivation.is_empty()
        || fields.witness_script.is_some()
        || fields.redeem_script.is_some();
    if claims && ours.is_none() {
        return Err(PinError::FakeChange { output });
    }
    Ok(ProposalOutput {
        txout: txout.clone(),
        ours,
    })
}

fn fee(inputs: &[ProposalInput], tx: &Transaction) -> Option<Amount> {
    let add = |sum: Amount, amount| {
        sum.checked_add(amount)
            .filter(|&sum| sum <= Amount::MAX_MONEY)
    };
    let spent = inputs
        .iter()
        .try_fold(Amount::ZERO, |sum, input| add(sum, input.prevout.value))?;
    let paid = tx
        .output
        .iter()
        .try_fold(Amount::ZERO, |sum, output| add(sum, output.value))?;
    spent.checked_sub(paid)
}

impl ProposalOutput {
    /// Whether the script can never be spent and so burns what it carries.
    #[must_use]
    pub fn is_unspendable(&self) -> bool {
        self.script().is_op_return()
    }
    /// The script paid to.
    #[must_use]
    pub const fn script(&self) -> &ScriptBuf {
        &self.txout.script_pubkey
    }
}
