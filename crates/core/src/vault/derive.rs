//! Deriving scripts at an index. A vault derives tens of thousands of them when it syncs, so the
//! keys that indexes are counted from are computed once, and each index costs one public
//! derivation per key (BIP32) and the script.

use super::shape::even;
use super::tap::Taproot;
use super::{Vault, VaultError, normal_steps};
use crate::key::SECP;
use crate::keychain::Keychain;
use crate::script_type::ScriptType;
use crate::workers::{Workers, in_pieces};
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpub};
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Address, Network, PublicKey, ScriptBuf, ScriptHash, WitnessProgram};
use miniscript::Descriptor;
use std::ops::Range;

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

impl Output {
    fn script_pubkey(&self) -> ScriptBuf {
        match self {
            Self::Witness(program) => ScriptBuf::new_witness_program(program),
            Self::Script(hash) => ScriptBuf::new_p2sh(hash),
        }
    }
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
        let number = number(index)?;
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
            script_pubkey: scripts.output.script_pubkey(),
            witness_script: scripts.witness,
            redeem_script: scripts.redeem,
            taproot: scripts.taproot,
            keys,
            descriptor,
            output: scripts.output,
        })
    }
}

impl Vault {
    /// What outputs at these indexes carry, in order: all that matching blocks needs of them.
    pub fn scripts(
        &self,
        keychain: Keychain,
        indexes: Range<u32>,
        workers: &dyn Workers,
    ) -> Result<Vec<ScriptBuf>, VaultError> {
        let count = indexes.len();
        let pieces = in_pieces(workers, count, &|piece| {
            let indexes = indexes.clone().skip(piece.start).take(piece.len());
            let scripts = indexes.map(|index| self.script_pubkey(keychain, index));
            scripts.collect::<Result<Vec<_>, _>>()
        });
        let mut scripts = Vec::with_capacity(count);
        for piece in pieces {
            scripts.extend(piece?);
        }
        Ok(scripts)
    }

    fn script_pubkey(&self, keychain: Keychain, index: u32) -> Result<ScriptBuf, VaultError> {
        let number = number(index)?;
        let script_type = self.script_type();
        let keys = self.inner.chains.iter();
        let keys = keys
            .map(|chains| child(script_type, &chains[keychain.index()], number))
            .collect::<Result<Vec<_>, _>>()?;
        let descriptor = self.inner.shape.fill(&keys)?;
        Ok(Scripts::of(script_type, &descriptor)?
            .output
            .script_pubkey())
    }
}

fn number(index: u32) -> Result<ChildNumber, VaultError> {
    ChildNumber::from_normal_idx(index).map_err(|_| VaultError::IndexTooLarge { index })
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
