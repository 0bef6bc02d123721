//! Our private keys at the places of a proposal, and signing with them. A signature leaves only after
//! it was verified against the public key that the vault derived: that proves the key right, and a
//! fault while signing, which could give the key away, is caught.

use crate::account::Guarded;
use crate::unlocked::Unlocked;
use bitcoin::bip32::ChildNumber;
use bitcoin::key::TapTweak;
use bitcoin::psbt::{self, PsbtSighashType};
use bitcoin::secp256k1::{Keypair, Message};
use bitcoin::taproot::{self, TapNodeHash};
use bitcoin::{EcdsaSighashType, TapSighashType, XOnlyPublicKey, ecdsa};
use quorate_core::proposal::Sighashes;
use quorate_core::vault::DerivedKey;
use std::collections::BTreeMap;

/// What one Schnorr signature of an input is made of.
pub(crate) struct Schnorr {
    message: Message,
    kind: TapSighashType,
    /// The key that verifies it.
    verifier: XOnlyPublicKey,
    /// For the internal key, the tree it is tweaked by.
    tweak: Option<Option<TapNodeHash>>,
}

impl Schnorr {
    /// With the sighash type that the request asks for, which the check held to DEFAULT or ALL.
    pub(crate) fn of(
        sighashes: &mut Sighashes<'_>,
        input: usize,
        key: &DerivedKey,
        asked: Option<PsbtSighashType>,
    ) -> Option<Self> {
        let kind = match asked {
            None => TapSighashType::Default,
            Some(asked) => asked.taproot_hash_ty().ok()?,
        };
        Some(Self {
            message: sighashes.schnorr(input, key.leaf, kind)?,
            kind,
            verifier: sighashes.schnorr_key(input, key)?,
            tweak: match key.leaf {
                Some(_) => None,
                None => Some(sighashes.merkle_root(input)),
            },
        })
    }
}

/// The private keys of our address chains, each derived once: a coin then costs one more step.
pub(crate) struct Chains<'a> {
    unlocked: &'a Unlocked,
    origin_len: usize,
    chains: BTreeMap<Vec<ChildNumber>, Guarded>,
}

impl<'a> Chains<'a> {
    pub(crate) const fn new(unlocked: &'a Unlocked, origin_len: usize) -> Self {
        Self {
            unlocked,
            origin_len,
            chains: BTreeMap::new(),
        }
    }

    /// Adds our partial signature unless a valid one is there, which is never replaced; one that
    /// doesn't verify isn't ours and is. Says whether one was added; `None` is a fault.
    pub(crate) fn add_ecdsa(
        &mut self,
        fields: &mut psbt::Input,
        key: &DerivedKey,
        message: &Message,
    ) -> Option<bool> {
        let there = fields.partial_sigs.get(&key.public_key);
        if there.is_some_and(|there| self.is_valid_ecdsa(there, key, message)) {
            return Some(false);
        }
        let signature = self.ecdsa(key, message)?;
        fields.partial_sigs.insert(key.public_key, signature);
        Some(true)
    }

    /// The same in taproot.
    pub(crate) fn add_schnorr(
        &mut self,
        fields: &mut psbt::Input,
        key: &DerivedKey,
        task: &Schnorr,
    ) -> Option<bool> {
        let place = key
            .leaf
            .map(|leaf| (key.public_key.inner.x_only_public_key().0, leaf));
        let there = match place {
            Some(place) => fields.tap_script_sigs.get(&place).copied(),
            None => fields.tap_key_sig,
        };
        let valid = |there: &taproot::Signature| {
            there.sighash_type == task.kind && self.verifies_schnorr(there, task)
        };
        if there.as_ref().is_some_and(valid) {
            return Some(false);
        }
        let signature = self.schnorr(key, task)?;
        match place {
            Some(place) => {
                fields.tap_script_sigs.insert(place, signature);
            }
            None => fields.tap_key_sig = Some(signature),
        }
        Some(true)
    }

    fn is_valid_ecdsa(
        &self,
        there: &ecdsa::Signature,
        key: &DerivedKey,
        message: &Message,
    ) -> bool {
        let secp = &self.unlocked.secp;
        there.sighash_type == EcdsaSighashType::All
            && secp
                .verify_ecdsa(message, &there.signature, &key.public_key.inner)
                .is_ok()
    }

    fn verifies_schnorr(&self, signature: &taproot::Signature, task: &Schnorr) -> bool {
        let secp = &self.unlocked.secp;
        secp.verify_schnorr(&signature.signature, &task.message, &task.verifier)
            .is_ok()
    }

    fn ecdsa(&mut self, key: &DerivedKey, message: &Message) -> Option<ecdsa::Signature> {
        let child = self.child(key)?;
        let secp = &self.unlocked.secp;
        let signature = ecdsa::Signature {
            signature: secp.sign_ecdsa_low_r(message, &child.get().private_key),
            sighash_type: EcdsaSighashType::All,
        };
        self.is_valid_ecdsa(&signature, key, message)
            .then_some(signature)
    }

    fn schnorr(&mut self, key: &DerivedKey, task: &Schnorr) -> Option<taproot::Signature> {
        let child = self.child(key)?;
        let secp = &self.unlocked.secp;
        let mut pair = Keypair::from_secret_key(secp, &child.get().private_key);
        if let Some(root) = task.tweak {
            pair = pair.tap_tweak(secp, root).to_keypair();
        }
        let signature = taproot::Signature {
            signature: secp.sign_schnorr_no_aux_rand(&task.message, &pair),
            sighash_type: task.kind,
        };
        pair.non_secure_erase();
        self.verifies_schnorr(&signature, task).then_some(signature)
    }

    /// The private key at the end of a derivation.
    fn child(&mut self, key: &DerivedKey) -> Option<Guarded> {
        let secp = &self.unlocked.secp;
        let below = key.path.as_ref().get(self.origin_len..)?;
        let (index, branch) = below.split_last()?;
        if !self.chains.contains_key(branch) {
            let chain = self.unlocked.key.key.descend(secp, branch).ok()?;
            self.chains.insert(branch.to_vec(), chain);
        }
        self.chains.get(branch)?.descend(secp, &[*index]).ok()
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
    use bitcoin::{Network, PublicKey};
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
            leaf: None,
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
        assert!(chains.ecdsa(&right, &message).is_some());
        let wrong = DerivedKey {
            public_key: derived(&unlocked, "1/8").public_key,
            ..right.clone()
        };
        assert!(chains.ecdsa(&wrong, &message).is_none());
        let short = DerivedKey {
            path: unlocked.info().key.origin_path().clone(),
            ..right
        };
        assert!(chains.ecdsa(&short, &message).is_none());
    }

    #[test]
    fn keys_deeper_than_the_usual_are_found() {
        let unlocked = unlocked();
        let message = Message::from_digest([4; 32]);
        let mut chains = Chains::new(&unlocked, 4);
        for path in ["0/3", "2/3", "5/0/3", "3"] {
            let key = derived(&unlocked, path);
            assert!(chains.ecdsa(&key, &message).is_some(), "{path}");
        }
        assert_eq!(chains.chains.len(), 4);
    }
}
