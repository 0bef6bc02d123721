//! The final transaction: picks a satisfiable set of the verified signatures for every input,
//! writes the witnesses and runs the consensus check over the result.

use crate::consensus::{ConsensusError, verify_transaction_with};
use crate::proposal::{Proposal, Signature, SignatureSet, Slot, meets_after, meets_older};
use crate::workers::{Alone, Workers, in_pieces};
use bitcoin::taproot::{self, TapLeafHash};
use bitcoin::{PublicKey, ScriptBuf, Transaction, TxIn, Witness, absolute, ecdsa, relative};
use miniscript::Satisfier;

/// Why no final transaction came out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FinalizeError {
    /// An input's signatures don't satisfy any path.
    #[error("input {input} hasn't got the signatures for any spending path yet")]
    Incomplete {
        /// Index of the input.
        input: usize,
    },
    /// The finished transaction would be refused by every node. Signatures were verified one by
    /// one, so this means that something is wrong here.
    #[error("the finished transaction doesn't pass the consensus check: {0}; nothing was sent")]
    Consensus(#[from] ConsensusError),
}

/// Builds the final transaction. The same signatures always give the same transaction.
pub fn finalize(
    proposal: &Proposal,
    signatures: &SignatureSet,
) -> Result<Transaction, FinalizeError> {
    finalize_with(proposal, signatures, &Alone)
}

/// [`finalize`] with the inputs spread over `workers`.
pub fn finalize_with(
    proposal: &Proposal,
    signatures: &SignatureSet,
    workers: &dyn Workers,
) -> Result<Transaction, FinalizeError> {
    let mut transaction = proposal.transaction().clone();
    let count = proposal.inputs().len();
    let pieces = in_pieces(workers, count, &|mut inputs| {
        inputs.try_fold(Vec::new(), |mut done, input| {
            done.push(satisfy(proposal, signatures, input)?);
            Ok(done)
        })
    });
    let satisfied = pieces
        .into_iter()
        .collect::<Result<Vec<_>, FinalizeError>>()?;
    for (txin, (witness, script_sig)) in transaction
        .input
        .iter_mut()
        .zip(satisfied.into_iter().flatten())
    {
        txin.witness = witness;
        txin.script_sig = script_sig;
    }
    verify_transaction_with(&transaction, &proposal.prevouts(), workers)?;
    Ok(transaction)
}

fn satisfy(
    proposal: &Proposal,
    signatures: &SignatureSet,
    input: usize,
) -> Result<(Witness, ScriptBuf), FinalizeError> {
    let satisfier = Signed {
        signatures,
        input: u32::try_from(input).map_err(|_| FinalizeError::Incomplete { input })?,
        unsigned: proposal.transaction(),
        txin: &proposal.transaction().input[input],
    };
    let (witness, script_sig) = proposal.inputs()[input]
        .derived
        .descriptor
        .get_satisfaction(&satisfier)
        .map_err(|_| FinalizeError::Incomplete { input })?;
    Ok((Witness::from_slice(&witness), script_sig))
}

/// The verified signatures of one input, and what its locks allow.
#[derive(Debug)]
struct Signed<'a> {
    signatures: &'a SignatureSet,
    input: u32,
    unsigned: &'a Transaction,
    txin: &'a TxIn,
}

impl Signed<'_> {
    fn signature(&self, public_key: &PublicKey) -> Option<Signature> {
        let slot = Slot {
            input: self.input,
            public_key: *public_key,
        };
        self.signatures.get(&slot).copied()
    }

    /// No key is in two leaves, nor in a leaf and the internal key, so the leaf needn't be looked at.
    fn schnorr(&self, public_key: &PublicKey) -> Option<taproot::Signature> {
        match self.signature(public_key)? {
            Signature::Schnorr(signature) => Some(signature),
            Signature::Ecdsa(_) => None,
        }
    }
}

impl Satisfier<PublicKey> for Signed<'_> {
    fn lookup_ecdsa_sig(&self, public_key: &PublicKey) -> Option<ecdsa::Signature> {
        match self.signature(public_key)? {
            Signature::Ecdsa(signature) => Some(signature),
            Signature::Schnorr(_) => None,
        }
    }
    fn lookup_tap_key_spend_sig(&self, internal_key: &PublicKey) -> Option<taproot::Signature> {
        self.schnorr(internal_key)
    }
    fn lookup_tap_leaf_script_sig(
        &self,
        public_key: &PublicKey,
        _: &TapLeafHash,
    ) -> Option<taproot::Signature> {
        self.schnorr(public_key)
    }
    fn check_older(&self, lock: relative::LockTime) -> bool {
        meets_older(self.unsigned, self.txin, lock)
    }
    fn check_after(&self, lock: absolute::LockTime) -> bool {
        meets_after(self.unsigned, self.txin, lock)
    }
}
