//! Who stands for a vault, and whose key is proven, judged by what we derive and verify ourselves.

use super::{Judgement, contribution};
use crate::journal::SignatureText;
use crate::key::KeyIdentity;
use crate::keychain::Keychain;
use crate::setup::{KeyRecord, proof_of_possession, signed_for};
use crate::vault::Vault;
use crate::workers::Workers;
use bitcoin::bip32::Xpub;

/// What is attested must be what we derive ourselves.
pub(super) fn attested(vault: &Vault, receive: &str, change: &str) -> Result<(), String> {
    for (keychain, said) in [(Keychain::Receive, receive), (Keychain::Change, change)] {
        let first = vault
            .derive(keychain, 0)
            .map_err(|error| error.to_string())?;
        if first.address(vault.network()).to_string() != said {
            return Err(format!(
                "it attests another first {keychain} address than this vault has: the vault differs there"
            ));
        }
    }
    Ok(())
}

/// A key record signed by the cosigner's key, or its signatures of the spend that can never happen.
pub(super) fn proven(
    vault: &Vault,
    cosigner: &Xpub,
    record: Option<&str>,
    signatures: &[SignatureText],
    workers: &dyn Workers,
) -> Result<(), String> {
    if let Some(record) = record {
        let record = KeyRecord::read(record, vault.network())
            .map_err(|error| format!("its key record: {error}"))?;
        if !record.is_signed || record.key.identity() != KeyIdentity::from(cosigner) {
            return Err("its key record isn't one that the cosigner's key signed".to_owned());
        }
        if signatures.is_empty() {
            return Ok(());
        }
    }
    let proof = proof_of_possession(vault).map_err(|error| error.to_string())?;
    match contribution(&proof, signatures, workers) {
        Judgement::Sound
            if signed_for(&proof, signatures)
                .into_iter()
                .eq(vault.cosigner_with(cosigner)) =>
        {
            Ok(())
        }
        _ => Err(
            "its signatures aren't the cosigner's, of the vault's proof of possession".to_owned(),
        ),
    }
}
