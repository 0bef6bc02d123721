//! A vault: network, policy, descriptor and cosigners, checked. Everything that is ours starts
//! here: its scripts say which coins are ours, its keys say whose signatures count.
//!
//! A vault is made from a template and keys, or from a descriptor; both ways end in the same
//! checks, so that a vault somebody else wrote is held to the same rules as one of our own.

mod derive;
mod distinct;
mod error;
mod id;
mod import;
mod shape;
mod tap;
mod warning;
mod weight;

pub use derive::{Derived, DerivedKey};
pub use error::VaultError;
pub use id::{ParseVaultIdError, VaultId};
pub use tap::Taproot;
pub use warning::VaultWarning;

use crate::key::CosignerKey;
use crate::policy::{self, AnalyzedPath, Policy, SpendingPath, Template};
use crate::script_type::ScriptType;
use crate::text;
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::{Network, Sequence, Weight, absolute};
use miniscript::descriptor::checksum;
use shape::{Shape, SlotKey};

pub(crate) use shape::even;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A party to the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigner {
    /// What people call it. Local: names aren't part of the vault's id.
    pub name: String,
    /// Its key.
    pub key: CosignerKey,
}

/// A watch-only multi-signature wallet. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    id: VaultId,
    network: Network,
    descriptor: String,
    /// The descriptor with a number in each key's place.
    shape: Shape,
    slots: Vec<SlotKey>,
    /// For each slot, the keys that indexes are counted from: receive and change.
    chains: Vec<[Xpub; 2]>,
    cosigners: Vec<Cosigner>,
    policy: Policy,
    weights: Vec<Weight>,
    warnings: Vec<VaultWarning>,
}

impl Vault {
    /// Makes a vault from a template; keys are given in the order of the template's roles.
    pub fn create(
        network: Network,
        template: &Template,
        keys: Vec<(String, CosignerKey)>,
    ) -> Result<Self, VaultError> {
        if keys.len() != template.roles.len() {
            return Err(VaultError::KeyCount {
                policy: template.name.clone(),
                expected: template.roles.len(),
                given: keys.len(),
                roles: template.roles.clone(),
            });
        }
        let (names, keys): (Vec<String>, Vec<CosignerKey>) = keys.into_iter().unzip();
        check_names(&names)?;
        check_network(network, &names, &keys)?;
        distinct::check_keys(&names, &keys)?;
        let text = policy::compile(&template.policy, template.script, &keys)?;
        let parts = import::read(network, &text)?;
        // The descriptor decides on the order, so that an import of it gives the same one.
        let names = parts.cosigners.iter().map(|key| {
            let at = keys.iter().position(|given| given == key);
            at.and_then(|at| names.get(at)).cloned().unwrap_or_default()
        });
        let names = names.collect();
        let vault = Self::build(network, parts, names)?.unrelated()?;
        if vault.policy_over(&keys) != template.policy {
            return Err(VaultError::Compile);
        }
        Ok(vault)
    }

    /// Takes in a descriptor: one with multipaths (`<0;1>`), or two lines, receive and change. A
    /// checksum is verified if there is one. `names` are the cosigners' in the order in which
    /// their keys first occur; without them they are called `cosigner-1` and so on.
    pub fn from_descriptor(
        network: Network,
        text: &str,
        names: Option<&[String]>,
    ) -> Result<Self, VaultError> {
        Self::read(network, text, names)?.unrelated()
    }

    /// Takes in again the descriptor of the vault `id`, as it was taken in before; `None` if it is another
    /// one's. Since the id is made of the keys, what was found out about them then still holds, and
    /// related keys aren't searched for: that is most of what taking in costs.
    pub fn reopen(
        network: Network,
        text: &str,
        names: Option<&[String]>,
        id: VaultId,
    ) -> Result<Option<Self>, VaultError> {
        let vault = Self::read(network, text, names)?;
        Ok((vault.id() == id).then_some(vault))
    }

    /// All of a descriptor's checks but those for related keys.
    fn read(network: Network, text: &str, names: Option<&[String]>) -> Result<Self, VaultError> {
        let parts = import::read(network, text)?;
        let count = parts.cosigners.len();
        let names = match names {
            None => (1..=count).map(|i| format!("cosigner-{i}")).collect(),
            Some(names) if names.len() == count => names.to_vec(),
            Some(names) => {
                return Err(VaultError::NameCount {
                    expected: count,
                    given: names.len(),
                });
            }
        };
        check_names(&names)?;
        Self::build(network, parts, names)
    }

    /// Refuses a vault two of whose keys lie on one way down.
    fn unrelated(self) -> Result<Self, VaultError> {
        let cosigners = self.inner.cosigners.iter();
        let names: Vec<String> = cosigners.map(|cosigner| cosigner.name.clone()).collect();
        distinct::check_derived(&names, &self.inner.slots)?;
        Ok(self)
    }

    /// Everything but [`Self::unrelated`].
    fn build(
        network: Network,
        parts: import::Parts,
        names: Vec<String>,
    ) -> Result<Self, VaultError> {
        let import::Parts {
            shape,
            slots,
            cosigners,
        } = parts;
        distinct::check_keys(&names, &cosigners)?;
        let paths = policy::analyze_paths(&shape.descriptor, |slot| slot.holder(&slots))
            .map_err(|error| VaultError::from_analysis(error, &names))?;
        let policy = Policy::new(
            paths.iter().map(AnalyzedPath::spending_path).collect(),
            cosigners.len(),
        )?;
        shape
            .descriptor
            .sanity_check()
            .map_err(|e| VaultError::Miniscript(e.to_string()))?;
        let chains = slots
            .iter()
            .map(SlotKey::chains)
            .collect::<Result<Vec<_>, _>>()?;
        let weights = weight::of_paths(&shape, &chains, &paths)?;
        let warnings = warning::of(network, shape.script_type(), &policy, &names, &cosigners);
        let cosigners: Vec<Cosigner> = names
            .into_iter()
            .zip(cosigners)
            .map(|(name, key)| Cosigner { name, key })
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                id: id::of(network, &shape, &slots),
                network,
                descriptor: with_checksum(
                    &shape.write(|slot| slots.get(slot).map(ToString::to_string)),
                )?,
                shape,
                slots,
                chains,
                cosigners,
                policy,
                weights,
                warnings,
            }),
        })
    }

    /// What the vault is: the same for everybody who holds the same keys and rules.
    #[must_use]
    pub fn id(&self) -> VaultId {
        self.inner.id
    }

    /// The network it lives on.
    #[must_use]
    pub fn network(&self) -> Network {
        self.inner.network
    }

    /// The kind of output its addresses stand for.
    #[must_use]
    pub fn script_type(&self) -> ScriptType {
        self.inner.shape.script_type()
    }

    /// Its descriptor with multipaths and checksum, hardened steps written `h`.
    #[must_use]
    pub fn descriptor(&self) -> &str {
        &self.inner.descriptor
    }

    /// Its cosigners, in the order in which their keys first occur in the descriptor. Another
    /// copy of the vault may have them in another order: across homes, go by the keys.
    #[must_use]
    pub fn cosigners(&self) -> &[Cosigner] {
        &self.inner.cosigners
    }

    /// Who may spend, as analysed from the script.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The policy in plain words.
    #[must_use]
    pub fn explain(&self) -> Vec<String> {
        let names: Vec<String> = self.cosigners().iter().map(|c| c.name.clone()).collect();
        policy::explain(self.policy(), &names)
    }

    /// How many signatures the path without a lock needs.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.policy().threshold()
    }

    /// What isn't wrong, but should be known before money is sent here.
    #[must_use]
    pub fn warnings(&self) -> &[VaultWarning] {
        &self.inner.warnings
    }

    /// The weight that one input adds at most when it is spent by this path: the witness field
    /// (number of items, and each item with its length, the scripts among them), which vaults of
    /// the time before segwit don't have, and four times what the scriptSig has beyond its empty
    /// length byte, which is nothing for wsh and tr. ECDSA signatures count 72 bytes, the most
    /// that low S allows, Schnorr signatures 65. Not counted: outpoint, sequence, the empty
    /// scriptSig's length byte, and the transaction's segwit marker.
    ///
    /// For a path that doesn't exist it is that of the heaviest.
    #[must_use]
    pub fn satisfaction_weight(&self, path: usize) -> Weight {
        let weights = &self.inner.weights;
        let heaviest = || weights.iter().max().copied().unwrap_or(Weight::ZERO);
        weights.get(path).copied().unwrap_or_else(heaviest)
    }

    /// The sequence that inputs must carry to be spent by this path, if it asks for one.
    #[must_use]
    pub fn required_sequence(&self, path: usize) -> Option<Sequence> {
        self.path(path)?.lock?.sequence()
    }

    /// The lock time that a transaction must carry to spend by this path, if it asks for one.
    #[must_use]
    pub fn required_lock_time(&self, path: usize) -> Option<absolute::LockTime> {
        self.path(path)?.lock?.lock_time()
    }

    /// The paths, by index, for which these cosigners suffice once the locks have passed.
    #[must_use]
    pub fn paths_satisfiable_by(&self, signers: &BTreeSet<usize>) -> Vec<usize> {
        let paths = self.policy().paths.iter().enumerate();
        paths
            .filter(|(_, path)| path.is_satisfied_by(signers))
            .map(|(at, _)| at)
            .collect()
    }

    fn path(&self, path: usize) -> Option<&SpendingPath> {
        self.policy().paths.get(path)
    }

    /// The policy with cosigners numbered as in `keys`.
    fn policy_over(&self, keys: &[CosignerKey]) -> Policy {
        let number: BTreeMap<usize, usize> = self
            .cosigners()
            .iter()
            .enumerate()
            .filter_map(|(at, c)| Some((at, keys.iter().position(|key| *key == c.key)?)))
            .collect();
        let mut policy = self.policy().clone();
        for path in &mut policy.paths {
            let renumbered = path.cosigners.iter().filter_map(|at| number.get(at));
            path.cosigners = renumbered.copied().collect();
        }
        policy
    }
}

/// The id and the descriptor say all; the rest is computed from them.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("id", &self.inner.id)
            .field("network", &self.inner.network)
            .field("descriptor", &self.inner.descriptor)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Vault {
    fn eq(&self, other: &Self) -> bool {
        self.inner.id == other.inner.id
            && self.inner.descriptor == other.inner.descriptor
            && self.inner.cosigners == other.inner.cosigners
    }
}

impl Eq for Vault {}

fn check_names(names: &[String]) -> Result<(), VaultError> {
    let mut seen = BTreeSet::new();
    for name in names {
        text::check_name("a cosigner's name", name)?;
        // Names that differ in case only are mistaken for each other.
        if !seen.insert(name.to_lowercase()) {
            return Err(VaultError::SameName(name.clone()));
        }
    }
    Ok(())
}

fn check_network(
    network: Network,
    names: &[String],
    keys: &[CosignerKey],
) -> Result<(), VaultError> {
    for (name, key) in names.iter().zip(keys) {
        if key.xpub().network != network.into() {
            return Err(VaultError::KeyNetwork {
                cosigner: name.clone(),
                network,
            });
        }
    }
    Ok(())
}

/// BIP380's checksum after the text.
pub(crate) fn with_checksum(text: &str) -> Result<String, VaultError> {
    let mut engine = checksum::Engine::new();
    engine
        .input(text)
        .map_err(|e| VaultError::Miniscript(e.to_string()))?;
    Ok(format!("{text}#{}", engine.checksum()))
}

/// Index steps after an extended key, none of them hardened.
fn normal_steps(path: &[u32]) -> Vec<ChildNumber> {
    path.iter()
        .map(|&index| ChildNumber::Normal { index })
        .collect()
}
