//! Signing what the core's check proved: ECDSA with SIGHASH_ALL and low R as Bitcoin Core's, in taproot
//! Schnorr with SIGHASH_DEFAULT (BIP340, BIP341). What is signed is the [`Proposal`]; the PSBT only receives our partial signatures, and
//! every other byte of it stays.

use crate::chains::{Chains, Schnorr};
use crate::unlocked::Unlocked;
use bitcoin::psbt::{self, Psbt};
use bitcoin::{Network, NetworkKind};
use quorate_core::proposal::{Proposal, Sighashes};
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{BurnRefusal, FeeLimits, FeeRefusal, review};
use quorate_core::vault::{Vault, VaultId};

/// The PSBT with our signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What was given, and our partial signatures.
    pub psbt: Psbt,
    /// Inputs that got a signature now.
    pub inputs_signed: usize,
    /// Inputs that had a valid one of ours already.
    pub inputs_untouched: usize,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// T22: the fee is out of proportion, and nobody said that this is meant.
    #[error("{0}: lower the fee, or allow a high one explicitly")]
    HighFee(#[from] FeeRefusal),
    /// T36: money would be lost.
    #[error(transparent)]
    Burn(#[from] BurnRefusal),
    /// The proposal was checked against another vault.
    #[error(
        "the request was checked as a spend of the vault {checked}, not of {vault}: check it with the vault it is signed for"
    )]
    OtherVault {
        /// The vault it was checked against.
        checked: VaultId,
        /// The vault it was to be signed for.
        vault: VaultId,
    },
    /// T17: what was looked at isn't what was handed over.
    #[error(
        "the PSBT differs from the request that was checked in more than signatures: check it again, and look at it again, before signing"
    )]
    OtherRequest,
    /// Signed by enough cosigners and closed.
    #[error(
        "input {input} is final already, there is nothing left to sign: import the PSBT as it is"
    )]
    AlreadyFinal {
        /// The input.
        input: usize,
    },
    /// A script that can't be hashed for a signature.
    #[error("input {input} has a script this signer can't sign for: use another signer")]
    Unsupported {
        /// The input.
        input: usize,
    },
    /// Our key has no part in the vault.
    #[error(
        "the key `{key}` is not a cosigner of the vault {vault}: choose the key that `vault show` lists"
    )]
    NotACosigner {
        /// The key's name.
        key: String,
        /// The vault.
        vault: VaultId,
    },
    /// A test key for a mainnet vault, or the other way round.
    #[error(
        "the key `{key}` was made for {made_for}, the vault is on {vault}: use a key made for that network"
    )]
    WrongNetwork {
        /// The key's name.
        key: String,
        /// The key's network.
        made_for: Network,
        /// The vault's.
        vault: Network,
    },
    /// The vault derives from our key in a way we can't follow, or a signature came out wrong:
    /// a fault in the program or in the machine.
    #[error(
        "the signature for input {input} does not verify, so it was thrown away: do not use this machine for signing before its memory was tested"
    )]
    Fault {
        /// The input.
        input: usize,
    },
}

/// Everything that [`Unlocked::sign`] refuses whatever the key is, so that a person hears of it
/// before being asked for a passphrase.
pub fn examine(
    vault: &Vault,
    proposal: &Proposal,
    psbt: &Psbt,
    fees: &FeeLimits,
) -> Result<(), SignError> {
    if proposal.vault() != vault.id() {
        return Err(SignError::OtherVault {
            checked: proposal.vault(),
            vault: vault.id(),
        });
    }
    let is_final = |fields: &psbt::Input| {
        fields.final_script_witness.is_some() || fields.final_script_sig.is_some()
    };
    if let Some(input) = psbt.inputs.iter().position(is_final) {
        return Err(SignError::AlreadyFinal { input });
    }
    if !proposal.is_of(psbt) {
        return Err(SignError::OtherRequest);
    }
    let review = review(vault, proposal, None);
    review.check_burn()?;
    review.check_fee(fees)?;
    Ok(())
}

impl Unlocked {
    /// Signs every input of a proposal with every key of ours in its script, if nothing about it
    /// is to be refused and the fee is within `fees`. `psbt` is the file the proposal was checked
    /// from, or that file with more signatures: it comes back with ours added.
    pub fn sign(
        &self,
        vault: &Vault,
        proposal: &Proposal,
        psbt: &Psbt,
        fees: &FeeLimits,
    ) -> Result<Signed, SignError> {
        let us = self.cosigner_of(vault)?;
        examine(vault, proposal, psbt, fees)?;
        let mut signed = Signed {
            psbt: psbt.clone(),
            inputs_signed: 0,
            inputs_untouched: 0,
        };
        // One for all inputs: hashing the whole transaction for each would be quadratic.
        let mut sighashes = Sighashes::new(proposal);
        let mut keys = Chains::new(self, us.origin_len);
        let inputs = proposal.inputs().iter().zip(&mut signed.psbt.inputs);
        for (input, (coin, fields)) in inputs.enumerate() {
            let mut added = false;
            for key in coin.derived.keys.iter().filter(|k| k.cosigner == us.index) {
                // Script and amount are those the check proved; the PSBT's are not looked at.
                added |= match coin.derived.script_type {
                    ScriptType::Wsh | ScriptType::ShWsh | ScriptType::Sh => {
                        let message = sighashes.ecdsa(input);
                        let message = message.ok_or(SignError::Unsupported { input })?;
                        keys.add_ecdsa(fields, key, &message)
                    }
                    ScriptType::Tr => {
                        let task = Schnorr::of(&mut sighashes, input, key, fields.sighash_type);
                        let task = task.ok_or(SignError::Unsupported { input })?;
                        keys.add_schnorr(fields, key, &task)
                    }
                }
                .ok_or(SignError::Fault { input })?;
            }
            if added {
                signed.inputs_signed += 1;
            } else {
                signed.inputs_untouched += 1;
            }
        }
        Ok(signed)
    }

    /// Our place in the vault, by key material and not by what fingerprints or names say.
    fn cosigner_of(&self, vault: &Vault) -> Result<Us, SignError> {
        let info = self.info();
        if NetworkKind::from(info.network) != NetworkKind::from(vault.network()) {
            return Err(SignError::WrongNetwork {
                key: info.name.clone(),
                made_for: info.network,
                vault: vault.network(),
            });
        }
        let identity = info.key.identity();
        vault
            .cosigners()
            .iter()
            .position(|c| c.key.identity() == identity)
            .map(|index| Us {
                index,
                origin_len: vault.cosigners()[index].key.origin_path().len(),
            })
            .ok_or_else(|| SignError::NotACosigner {
                key: info.name.clone(),
                vault: vault.id(),
            })
    }
}

struct Us {
    index: usize,
    origin_len: usize,
}
