//! Deriving scripts at an index. A vault derives tens of thousands of them when it syncs, so the
//! keys that indexes are counted from are computed once, and each index costs one public
//! derivation per key (BIP32) and the script.

use super::shape::even;
use super::tap::Taproot;
use super::{Vault, VaultError, normal_steps};
use crate::key::SECP;
use crate::keychain::Keychain;
use crate::script_type::ScriptType;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpub};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Address, Network, PublicKey, ScriptBuf, ScriptHash, WitnessProgram};
use miniscript::Descriptor;

/// One script of the vault and what is needed to spend from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The kind of output.
    pub script_type: ScriptType,
    /// Which chain of addresses it is on.
    pub keychain: Keychain,
    /// Its place there.
    pub index: u32,
    /// What an output carries.
    pub script_pubkey: ScriptBuf,
    /// The script that a segwit v0 output commits to.
    pub witness_script: Option<ScriptBuf>,
    /// The script that a P2SH output commits to.
    pub redeem_script: Option<ScriptBuf>,
    /// What a taproot output commits to.
    pub taproot: Option<Taproot>,
    /// Every key in the script, in the descriptor's order. A cosigner who is in several paths may
    /// have several; no key occurs twice.
    pub keys: Vec<DerivedKey>,
    /// The descriptor with these keys, for assembling witnesses.
    pub descriptor: Descriptor<PublicKey>,
    output: Output,
}

/// A key in a derived script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedKey {
    /// Whose it is, as an index into the vault's cosigners.
    pub cosigner: usize,
    /// The key. In taproot keys have no parity (BIP340): this is the one with an even Y.
    pub public_key: PublicKey,
    /// The taproot leaf it is in; `None` for the internal key, and outside taproot.
    pub leaf: Option<TapLeafHash>,
    /// The fingerprint of its master.
    pub fingerprint: Fingerprint,
    /// The whole path from the master.
    pub path: DerivationPath,
}

/// What an address encodes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Output {
    Witness(WitnessProgram),
    Script(ScriptHash),
}

impl Derived {
    /// The address for people.
    #[must_use]
    pub fn address(&self, network: Network) -> Address {
        match self.output {
            Output::Witness(program) => Address::from_witness_program(program, network),
            Output::Script(hash) => Address::p2sh_from_hash(hash, network),
        }
    }
}

impl Vault {
    /// The script at an index, which must be below 2^31.
    pub fn derive(&self, keychain: Keychain, index: u32) -> Result<Derived, VaultError> {
        let number =
            ChildNumber::from_normal_idx(index).map_err(|_| VaultError::IndexTooLarge { index })?;
        let script_type = self.script_type();
        let chain = keychain.index();
        let mut keys = self
            .inner
            .slots
            .iter()
            .zip(&self.inner.chains)
            .map(|(slot, chains)| {
                let mut path = normal_steps(&slot.branches[chain]);
                path.push(number);
                Ok(DerivedKey {
                    cosigner: slot.cosigner,
                    public_key: child(script_type, &chains[chain], number)?,
                    leaf: None,
                    fingerprint: slot.key.fingerprint(),
                    path: slot.key.origin_path().extend(&path),
                })
            })
            .collect::<Result<Vec<_>, VaultError>>()?;
        let publics: Vec<PublicKey> = keys.iter().map(|key| key.public_key).collect();
        let descriptor = self.inner.shape.fill(&publics)?;
        let scripts = Scripts::of(script_type, &descriptor)?;
        if let Some(taproot) = &scripts.taproot {
            for key in &mut keys {
                key.leaf = taproot.leaf_of(&key.public_key);
            }
        }
        Ok(Derived {
            script_type,
            keychain,
            index,
            script_pubkey: match &scripts.output {
                Output::Witness(program) => ScriptBuf::new_witness_program(program),
                Output::Script(hash) => ScriptBuf::new_p2sh(hash),
            },
            witness_script: scripts.witness,
            redeem_script: scripts.redeem,
            taproot: scripts.taproot,
            keys,
            descriptor,
            output: scripts.output,
        })
    }
}

/// The key at an index of a chain.
pub(super) fn child(
    script_type: ScriptType,
    chain: &Xpub,
    number: ChildNumber,
) -> Result<PublicKey, VaultError> {
    let child = chain
        .ckd_pub(&*SECP, number)
        .map_err(|_| VaultError::Derivation)?;
    Ok(match script_type {
        ScriptType::Tr => even(child.public_key.x_only_public_key().0),
        ScriptType::Wsh | ScriptType::ShWsh | ScriptType::Sh => PublicKey::new(child.public_key),
    })
}

/// The scripts behind one output.
struct Scripts {
    witness: Option<ScriptBuf>,
    redeem: Option<ScriptBuf>,
    taproot: Option<Taproot>,
    output: Output,
}

impl Scripts {
    fn of(script_type: ScriptType, descriptor: &Descriptor<PublicKey>) -> Result<Self, VaultError> {
        let script = || {
            descriptor
                .explicit_script()
                .map_err(|_| VaultError::Derivation)
        };
        let mut scripts = Self {
            witness: None,
            redeem: None,
            taproot: None,
            output: Output::Script(ScriptHash::from_raw_hash(bitcoin::hashes::Hash::all_zeros())),
        };
        scripts.output = match script_type {
            ScriptType::Wsh => {
                let witness = scripts.witness.insert(script()?);
                Output::Witness(WitnessProgram::p2wsh(witness))
            }
            ScriptType::ShWsh => {
                let witness = scripts.witness.insert(script()?);
                let redeem = scripts.redeem.insert(witness.to_p2wsh());
                Output::Script(redeem.script_hash())
            }
            ScriptType::Sh => Output::Script(scripts.redeem.insert(script()?).script_hash()),
            ScriptType::Tr => {
                let taproot = Taproot::of(descriptor).ok_or(VaultError::Derivation)?;
                let taproot = scripts.taproot.insert(taproot);
                Output::Witness(WitnessProgram::p2tr_tweaked(taproot.output_key))
            }
        };
        Ok(scripts)
    }
}
