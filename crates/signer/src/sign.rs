//! Signing what the core's check proved: ECDSA (segwit v0, BIP143), SIGHASH_ALL, low R as Bitcoin
//! Core's. What is signed is the [`Proposal`]; the PSBT only receives our partial signatures, and
//! every other byte of it stays.

use crate::account::Guarded;
use crate::unlocked::Unlocked;
use bitcoin::bip32::ChildNumber;
use bitcoin::psbt::{self, Psbt};
use bitcoin::secp256k1::Message;
use bitcoin::sighash::SighashCache;
use bitcoin::{EcdsaSighashType, Network, NetworkKind, PublicKey, ecdsa};
use quorate_core::proposal::Proposal;
use quorate_core::spend::{BurnRefusal, FeeLimits, FeeRefusal, review};
use quorate_core::vault::{DerivedKey, Vault, VaultId};
use std::collections::BTreeMap;

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
    /// A script type without a witness script.
    #[error(
        "input {input} is not a P2WSH coin, the only kind this signer signs: use another signer"
    )]
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
        // One cache for all inputs: hashing the whole transaction for each would be quadratic.
        let mut sighashes = SighashCache::new(proposal.transaction());
        let mut keys = Chains::new(self, us.origin_len);
        let inputs = proposal.inputs().iter().zip(&mut signed.psbt.inputs);
        for (input, (coin, fields)) in inputs.enumerate() {
            // Script and amount are those the check proved; the PSBT's are not looked at.
            let hash = coin.derived.witness_script.as_ref().and_then(|script| {
                let all = EcdsaSighashType::All;
                sighashes
                    .p2wsh_signature_hash(input, script, coin.prevout.value, all)
                    .ok()
            });
            let message = Message::from(hash.ok_or(SignError::Unsupported { input })?);
            let mut added = false;
            for key in coin.derived.keys.iter().filter(|k| k.cosigner == us.index) {
                if self.has_signed(fields, &key.public_key, &message) {
                    continue;
                }
                let signature = keys.sign(key, &message).ok_or(SignError::Fault { input })?;
                fields.partial_sigs.insert(key.public_key, signature);
                added = true;
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

    /// Whether a valid signature of ours is there already; it is never replaced. One that doesn't
    /// verify is not ours and is.
    fn has_signed(&self, fields: &psbt::Input, key: &PublicKey, message: &Message) -> bool {
        fields.partial_sigs.get(key).is_some_and(|there| {
            there.sighash_type == EcdsaSighashType::All
                && self
                    .secp
                    .verify_ecdsa(message, &there.signature, &key.inner)
                    .is_ok()
        })
    }
}

struct Us {
    index: usize,
    origin_len: usize,
}

/// The private keys of our address chains, each derived once: a coin then costs one more step.
struct Chains<'a> {
    unlocked: &'a Unlocked,
    origin_len: usize,
    chains: BTreeMap<Vec<ChildNumber>, Guarded>,
}

impl<'a> Chains<'a> {
    const fn new(unlocked: &'a Unlocked, origin_len: usize) -> Self {
        Self {
            unlocked,
            origin_len,
            chains: BTreeMap::new(),
        }
    }

    /// A signature that was verified against the public key the vault derived: that proves the
    /// key right, and a fault while signing, which could give the key away, is caught.
    fn sign(&mut self, key: &DerivedKey, message: &Message) -> Option<ecdsa::Signature> {
        let secp = &self.unlocked.secp;
        let below = key.path.as_ref().get(self.origin_len..)?;
        let (index, branch) = below.split_last()?;
        if !self.chains.contains_key(branch) {
            let chain = self.unlocked.key.key.descend(secp, branch).ok()?;
            self.chains.insert(branch.to_vec(), chain);
        }
        let child = self.chains.get(branch)?.descend(secp, &[*index]).ok()?;
        let signature = secp.sign_ecdsa_low_r(message, &child.get().private_key);
        secp.verify_ecdsa(message, &signature, &key.public_key.inner)
            .ok()?;
        Some(ecdsa::Signature {
            signature,
            sighash_type: EcdsaSighashType::All,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::account::{Account, AccountKey};
    use crate::keystore::KeyInfo;
    use crate::words;
    use bitcoin::bip32::{DerivationPath, Xpub};
    use bitcoin::secp256k1::Secp256k1;
    use quorate_core::key::CosignerKey;

    fn unlocked() -> Unlocked {
        let secp = Secp256k1::new();
        let mnemonic = words::from_entropy(&[9; 32]).unwrap();
        let account = Account::first(Network::Regtest);
        let key = AccountKey::derive(&secp, &mnemonic, account).unwrap();
        let info = KeyInfo {
            name: "alice".to_owned(),
            network: account.network(),
            key: CosignerKey::parse(&key.public_text(&secp), account.network()).unwrap(),
        };
        Unlocked::new(secp, key, info)
    }

    /// The key at `path` below the account, as a vault would derive it.
    fn derived(unlocked: &Unlocked, path: &str) -> DerivedKey {
        let below: DerivationPath = path.parse().unwrap();
        let xpub: Xpub = unlocked
            .info()
            .key
            .xpub()
            .derive_pub(&unlocked.secp, &below)
            .unwrap();
        DerivedKey {
            cosigner: 0,
            public_key: PublicKey::new(xpub.public_key),
            fingerprint: unlocked.info().key.fingerprint(),
            path: unlocked.info().key.origin_path().extend(&below),
        }
    }

    #[test]
    fn a_signature_that_does_not_verify_never_leaves() {
        let unlocked = unlocked();
        let message = Message::from_digest([3; 32]);
        let mut chains = Chains::new(&unlocked, 4);
        let right = derived(&unlocked, "1/7");
        assert!(chains.sign(&right, &message).is_some());
        let wrong = DerivedKey {
            public_key: derived(&unlocked, "1/8").public_key,
            ..right.clone()
        };
        assert!(chains.sign(&wrong, &message).is_none());
        let short = DerivedKey {
            path: unlocked.info().key.origin_path().clone(),
            ..right
        };
        assert!(chains.sign(&short, &message).is_none());
    }

    #[test]
    fn keys_deeper_than_the_usual_are_found() {
        let unlocked = unlocked();
        let message = Message::from_digest([4; 32]);
        let mut chains = Chains::new(&unlocked, 4);
        for path in ["0/3", "2/3", "5/0/3", "3"] {
            let key = derived(&unlocked, path);
            assert!(chains.sign(&key, &message).is_some(), "{path}");
        }
        assert_eq!(chains.chains.len(), 4);
    }
}
