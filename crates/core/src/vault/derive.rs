//! Deriving scripts at an index. A vault derives tens of thousands of them when it syncs, so the
//! keys that indexes are counted from are computed once, and each index costs one public
//! derivation per key (BIP32) and the script.

use super::slot::Slot;
use super::{Vault, VaultError, normal_steps};
use crate::key::SECP;
use crate::keychain::Keychain;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint};
use bitcoin::{Address, Network, PublicKey, ScriptBuf, WitnessProgram};
use miniscript::{Descriptor, Translator, translate_hash_clone};

/// One script of the vault and what is needed to spend from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Which chain of addresses it is on.
    pub keychain: Keychain,
    /// Its place there.
    pub index: u32,
    /// What an output carries.
    pub script_pubkey: ScriptBuf,
    /// The script that the output commits to.
    pub witness_script: Option<ScriptBuf>,
    /// For nested outputs only; `None` for wsh.
    pub redeem_script: Option<ScriptBuf>,
    /// Every key in the script, in the descriptor's order. A cosigner who is in several paths may
    /// have several.
    pub keys: Vec<DerivedKey>,
    /// The descriptor with these keys, for assembling witnesses.
    pub descriptor: Descriptor<PublicKey>,
    program: WitnessProgram,
}

/// A key in a derived script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedKey {
    /// Whose it is, as an index into the vault's cosigners.
    pub cosigner: usize,
    /// The key.
    pub public_key: PublicKey,
    /// The fingerprint of its master.
    pub fingerprint: Fingerprint,
    /// The whole path from the master.
    pub path: DerivationPath,
}

impl Derived {
    /// The address for people.
    #[must_use]
    pub fn address(&self, network: Network) -> Address {
        Address::from_witness_program(self.program, network)
    }
}

impl Vault {
    /// The script at an index, which must be below 2^31.
    pub fn derive(&self, keychain: Keychain, index: u32) -> Result<Derived, VaultError> {
        let number =
            ChildNumber::from_normal_idx(index).map_err(|_| VaultError::IndexTooLarge { index })?;
        let chain = keychain.index();
        let keys = self
            .inner
            .slots
            .iter()
            .zip(&self.inner.chains)
            .map(|(slot, chains)| {
                let child = chains[chain]
                    .ckd_pub(&*SECP, number)
                    .map_err(|_| VaultError::Derivation)?;
                let mut path = normal_steps(&slot.branches[chain]);
                path.push(number);
                Ok(DerivedKey {
                    cosigner: slot.cosigner,
                    public_key: PublicKey::new(child.public_key),
                    fingerprint: slot.key.fingerprint(),
                    path: slot.key.origin_path().extend(&path),
                })
            })
            .collect::<Result<Vec<_>, VaultError>>()?;
        let publics: Vec<PublicKey> = keys.iter().map(|key| key.public_key).collect();
        let descriptor = fill(&self.inner.shape, &publics)?;
        let witness_script = descriptor
            .explicit_script()
            .map_err(|_| VaultError::Derivation)?;
        let program = WitnessProgram::p2wsh(&witness_script);
        Ok(Derived {
            keychain,
            index,
            script_pubkey: ScriptBuf::new_witness_program(&program),
            witness_script: Some(witness_script),
            redeem_script: None,
            keys,
            descriptor,
            program,
        })
    }
}

/// The shape with a public key in each slot.
pub(super) fn fill(
    shape: &Descriptor<Slot>,
    keys: &[PublicKey],
) -> Result<Descriptor<PublicKey>, VaultError> {
    let filled = shape.translate_pk(&mut Fill { keys });
    filled.map_err(|_| VaultError::Derivation)
}

struct Fill<'a> {
    keys: &'a [PublicKey],
}

impl Translator<Slot> for Fill<'_> {
    type TargetPk = PublicKey;
    type Error = VaultError;

    fn pk(&mut self, slot: &Slot) -> Result<PublicKey, VaultError> {
        self.keys.get(slot.0).copied().ok_or(VaultError::Derivation)
    }

    translate_hash_clone!(Slot);
}
