//! Why a PSBT was refused. Inputs and outputs are counted from 0, as in an outpoint.

use bitcoin::{Amount, OutPoint};
use quorate_core::vault::{VaultError, VaultId};

/// Why this signer won't look further at a PSBT.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The lists of the PSBT and its transaction differ in length, or there is nothing in them.
    #[error("the PSBT's inputs and outputs do not fit its transaction: export it again")]
    Malformed,
    /// Signed by enough cosigners and closed.
    #[error(
        "input {input} is final already, there is nothing left to sign: import the PSBT as it is"
    )]
    AlreadyFinal {
        /// The input.
        input: usize,
    },
    /// One coin spent twice in one transaction, which would also count its value twice.
    #[error("input {input} spends {outpoint} a second time: build the transaction anew")]
    DuplicateInput {
        /// The later of the two.
        input: usize,
        /// The coin.
        outpoint: OutPoint,
    },
    /// T10: without the previous transaction the amount is only claimed.
    #[error(
        "input {input} comes without its previous transaction, so its amount cannot be proven: export the PSBT with non-witness UTXOs"
    )]
    NoPreviousTransaction {
        /// The input.
        input: usize,
    },
    /// T10: another transaction was attached.
    #[error(
        "input {input} spends {outpoint}, but the previous transaction attached to it has another id: do not sign, ask who made this PSBT"
    )]
    WrongPreviousTransaction {
        /// The input.
        input: usize,
        /// What it spends.
        outpoint: OutPoint,
    },
    /// The previous transaction has fewer outputs.
    #[error(
        "input {input} spends {outpoint}, which its previous transaction does not have: export the PSBT again"
    )]
    NoSuchCoin {
        /// The input.
        input: usize,
        /// What it spends.
        outpoint: OutPoint,
    },
    /// T10: the two UTXO fields contradict each other.
    #[error(
        "input {input} claims to be worth {claimed}, but its previous transaction proves {proven} or another script: do not sign, ask who made this PSBT"
    )]
    UtxoContradiction {
        /// The input.
        input: usize,
        /// What `witness_utxo` says.
        claimed: Amount,
        /// What `non_witness_utxo` says.
        proven: Amount,
    },
    /// More than 21 million bitcoin in one value or in a sum.
    #[error("the amounts of the {side} exceed 21 million bitcoin: the PSBT is forged or broken")]
    ImpossibleAmount {
        /// "inputs" or "outputs".
        side: &'static str,
    },
    /// T11: any sighash type but ALL lets others change what was signed.
    #[error(
        "input {input} asks for a signature of type {found}, this signer gives ALL only: have the PSBT made anew without it"
    )]
    SighashType {
        /// The input.
        input: usize,
        /// The type, in BIP174's words.
        found: String,
    },
    /// Nothing says where in the vault the coin lies.
    #[error(
        "input {input} names no derivation, so the coin cannot be found in the vault: export the PSBT for a signer, with derivations"
    )]
    NoDerivation {
        /// The input.
        input: usize,
    },
    /// Not a coin of the vault, at any place the PSBT names.
    #[error(
        "input {input} does not spend a coin of the vault {vault}: sign with the vault it belongs to, or do not sign"
    )]
    ForeignInput {
        /// The input.
        input: usize,
        /// The vault.
        vault: VaultId,
    },
    /// A script field that isn't the vault's own.
    #[error(
        "input {input} carries a {field} that is not the vault's: do not sign, ask who made this PSBT"
    )]
    ForeignScript {
        /// The input.
        input: usize,
        /// The field.
        field: &'static str,
    },
    /// A script type without a witness script.
    #[error(
        "input {input} is not a P2WSH coin, the only kind this signer signs: use another signer"
    )]
    Unsupported {
        /// The input.
        input: usize,
    },
    /// T08: claims to be ours and isn't.
    #[error(
        "output {output} ({amount}) claims to return to the vault, but is not one of its addresses: somebody may be redirecting the change, do not sign"
    )]
    FakeChange {
        /// The output.
        output: usize,
        /// What it would take.
        amount: Amount,
    },
    /// T36: money that nobody could spend again.
    #[error(
        "output {output} would burn {amount} in an OP_RETURN: build the transaction anew with 0 there"
    )]
    Burn {
        /// The output.
        output: usize,
        /// The value lost.
        amount: Amount,
    },
    /// More goes out than comes in.
    #[error(
        "the outputs ({spent}) exceed the inputs ({available}): no node accepts this, build the transaction anew"
    )]
    Overspent {
        /// Sum of the outputs.
        spent: Amount,
        /// Sum of the inputs.
        available: Amount,
    },
    /// The vault couldn't derive.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
