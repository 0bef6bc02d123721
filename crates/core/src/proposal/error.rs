//! Why a PSBT can't be a proposal. Inputs and outputs are counted from 0, as in an outpoint.

use crate::vault::VaultId;
use bitcoin::{Amount, OutPoint};

/// Why a PSBT can't be a proposal of a vault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// No inputs or no outputs.
    #[error("the transaction has no {0}: export the request again")]
    Empty(&'static str),
    /// The lists of the PSBT and its transaction differ in length.
    #[error("the PSBT's inputs and outputs don't fit its transaction: export the request again")]
    Malformed,
    /// BIP-0174: the transaction inside carries no scripts to spend by.
    #[error("input {input} of the unsigned transaction is signed already: export it as a PSBT")]
    NotUnsigned {
        /// Index of the input.
        input: usize,
    },
    /// Valid by consensus, but no node passes it on, and signed it can't be changed.
    #[error(
        "its transaction has version {0}, which nodes don't relay: have it built anew as version 2"
    )]
    NotRelayed(i32),
    /// One coin twice, which would also count its value twice.
    #[error("input {input} spends the same coin as an earlier input: build the transaction anew")]
    DuplicateInput {
        /// Index of the second.
        input: usize,
    },
    /// T10: without the previous transaction an amount can be lied about (BIP-0174).
    #[error(
        "input {input} comes without its previous transaction, so that its amount can't be checked: export the request again with full previous transactions"
    )]
    NoPreviousTransaction {
        /// Index of the input.
        input: usize,
    },
    /// T10: the previous transaction is another one, or contradicts `witness_utxo`.
    #[error("input {input}: {fault}; the file has been tampered with or damaged")]
    PreviousTransaction {
        /// Index of the input.
        input: usize,
        /// What doesn't agree.
        fault: UtxoFault,
    },
    /// Nothing usable says where in the vault the coin lies.
    #[error(
        "input {input} doesn't say how its keys are derived, so {outpoint} can't be found in the vault: export the request again with key derivations"
    )]
    NoDerivation {
        /// Index of the input.
        input: usize,
        /// The coin.
        outpoint: OutPoint,
    },
    /// Not the vault's, at any place the PSBT names.
    #[error(
        "input {input} spends {outpoint}, which isn't a coin of this vault ({vault}): use the vault it belongs to, and don't sign if there is none"
    )]
    NotOurCoin {
        /// Index of the input.
        input: usize,
        /// The coin.
        outpoint: OutPoint,
        /// The vault.
        vault: VaultId,
    },
    /// T12: a script field of an input that isn't the vault's own.
    #[error(
        "input {input} carries a {field} that isn't the vault's: don't sign, and ask who made this file"
    )]
    ForeignScript {
        /// Index of the input.
        input: usize,
        /// The field, in words.
        field: &'static str,
    },
    /// T11: a signature hash type other than ALL is asked for.
    #[error(
        "input {input} asks for a signature that doesn't commit to the whole transaction (sighash type {found}): only SIGHASH_ALL is accepted, have the request made anew"
    )]
    Sighash {
        /// Index of the input.
        input: usize,
        /// The type asked for.
        found: String,
    },
    /// T08: an output pretends to be ours.
    #[error(
        "output {output} ({amount}) claims to be the vault's change but pays to another script: don't sign, and ask who made this file"
    )]
    FakeChange {
        /// Index of the output.
        output: usize,
        /// What it would take.
        amount: Amount,
    },
    /// T19: more than 21 million bitcoin, in one amount or in the sum.
    #[error("the amounts of the {side} exceed 21 million bitcoin: the file is forged or damaged")]
    ImpossibleAmount {
        /// "inputs" or "outputs".
        side: &'static str,
    },
    /// Outputs exceed inputs.
    #[error("the outputs add up to more than the inputs: build the transaction anew")]
    Overspent,
}

/// What is wrong with the proof of an input's amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UtxoFault {
    /// The transaction attached has another id.
    #[error("it spends {outpoint}, but the previous transaction that comes with it has another id")]
    OtherTransaction {
        /// What is spent.
        outpoint: OutPoint,
    },
    /// The transaction attached has fewer outputs.
    #[error("it spends {outpoint}, but its previous transaction has no such output")]
    NoSuchOutput {
        /// What is spent.
        outpoint: OutPoint,
    },
    /// The two UTXO fields disagree.
    #[error(
        "it claims to be worth {claimed}, but its previous transaction proves {proven} or another script"
    )]
    Contradiction {
        /// What `witness_utxo` says.
        claimed: Amount,
        /// What `non_witness_utxo` says.
        proven: Amount,
    },
}
