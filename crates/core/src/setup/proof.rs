//! Proof of possession for devices that can't sign messages: a spend of the vault's own that can never
//! happen, because the coin it spends can't exist. Each cosigner signs the same request, as it
//! would any other; a valid signature shows that the key is there and that its holder's device knows the
//! vault.

use crate::journal::{SignatureText, tagged};
use crate::keychain::Keychain;
use crate::proposal::Proposal;
use crate::psbt::{describe_input, describe_output};
use crate::spend::SpendError;
use crate::vault::Vault;
use bitcoin::hashes::Hash;
use bitcoin::{
    Amount, OutPoint, Psbt, Sequence, Transaction, TxIn, TxOut, Txid, absolute, psbt, transaction,
};
use std::collections::BTreeSet;

const AMOUNT: Amount = Amount::from_sat(100_000);
const FEE: Amount = Amount::from_sat(1_000);

/// The request of the proof. The same in every home: a function of the vault alone.
pub fn proof_of_possession(vault: &Vault) -> Result<Proposal, SpendError> {
    impossible_spend(vault, b"Quorate/possession", None)
}

/// A spend by one path for practice: its locks are met as far as the transaction says, so that the path's
/// quorum completes it, and yet no node takes it. Not the proof's: what is signed here proves nothing there.
pub fn drill_spend(vault: &Vault, path: usize) -> Result<Proposal, SpendError> {
    let count = vault.policy().paths.len();
    if path >= count {
        return Err(SpendError::NoSuchPath {
            path: path + 1,
            count,
        });
    }
    impossible_spend(vault, b"Quorate/drill", Some(path))
}

/// The coin's transaction spends an output of a transaction whose id is a tagged hash; to find one
/// that has this id is as hard as forging any payment.
fn impossible_spend(
    vault: &Vault,
    tag: &[u8],
    path: Option<usize>,
) -> Result<Proposal, SpendError> {
    let (coin, back) = (
        vault.derive(Keychain::Receive, 0)?,
        vault.derive(Keychain::Change, 0)?,
    );
    let nowhere = tagged(tag, vault.id().as_bytes());
    let previous = Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(nowhere), 0),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: AMOUNT,
            script_pubkey: coin.script_pubkey.clone(),
        }],
    };
    let sequence = path.and_then(|path| vault.required_sequence(path));
    let lock_time = path.and_then(|path| vault.required_lock_time(path));
    let unsigned_tx = Transaction {
        version: transaction::Version::TWO,
        lock_time: lock_time.unwrap_or(absolute::LockTime::ZERO),
        input: vec![TxIn {
            previous_output: OutPoint::new(previous.compute_txid(), 0),
            sequence: sequence.unwrap_or(Sequence::ENABLE_RBF_NO_LOCKTIME),
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: AMOUNT - FEE,
            script_pubkey: back.script_pubkey.clone(),
        }],
    };
    let psbt = Psbt {
        unsigned_tx,
        version: 0,
        xpub: Default::default(),
        proprietary: Default::default(),
        unknown: Default::default(),
        inputs: vec![describe_input(&coin, &previous.output[0], previous.clone())],
        outputs: vec![describe_output(&back) as psbt::Output],
    };
    Ok(Proposal::check(vault, psbt)?)
}

/// Whose keys these signatures of the proof are by, as the text says; they aren't verified here.
#[must_use]
pub fn signed_for(proof: &Proposal, signatures: &[SignatureText]) -> BTreeSet<usize> {
    let keys = proof.inputs().iter().flat_map(|input| &input.derived.keys);
    let keys: Vec<_> = keys
        .map(|key| {
            let full = key.public_key.to_string();
            (full[full.len() - 64..].to_owned(), key.cosigner)
        })
        .collect();
    let of = |text: &str| {
        let x_only = text.get(text.len().checked_sub(64)?..)?;
        keys.iter()
            .find(|(key, _)| key == x_only)
            .map(|(_, cosigner)| *cosigner)
    };
    signatures
        .iter()
        .filter_map(|signature| of(&signature.public_key))
        .collect()
}
