//! Where in the vault a script lies: derivations in a PSBT are hints, the vault's own derivation
//! is the proof.

use super::PinError;
use crate::keychain::Keychain;
use crate::vault::{Derived, Vault};
use bitcoin::bip32::{ChildNumber, KeySource};
use bitcoin::{OutPoint, Script, TxOut, psbt};
use std::collections::BTreeMap;

/// Distinct places tried for one script, each on both keychains; honest PSBTs name one (T18).
const MAX_HINTS: usize = 8;

/// Derives what the hints point at, each place once.
pub(crate) struct Places<'a> {
    vault: &'a Vault,
    derived: BTreeMap<(Keychain, u32), Derived>,
    /// The paths above an index that our own derivations have shown to be a keychain's.
    branches: BTreeMap<Vec<ChildNumber>, Keychain>,
    /// The most places derived in all.
    most: usize,
}

impl<'a> Places<'a> {
    /// For this many scripts. Each is where it is said to be, on one of two keychains; what names many
    /// places for every script is meant to keep us busy (T18).
    pub(crate) const fn new(vault: &'a Vault, scripts: usize) -> Self {
        Self {
            most: 2 * (scripts + MAX_HINTS),
            vault,
            derived: BTreeMap::new(),
            branches: BTreeMap::new(),
        }
    }

    /// Our derivation of the coin that an input spends.
    pub(super) fn of_input(
        &mut self,
        input: usize,
        outpoint: OutPoint,
        prevout: &TxOut,
        fields: &psbt::Input,
    ) -> Result<&Derived, PinError> {
        let taproot = fields.tap_key_origins.values().map(|(_, source)| source);
        let hints = self.hints(fields.bip32_derivation.values().chain(taproot));
        if hints.is_empty() {
            return Err(PinError::NoDerivation { input, outpoint });
        }
        let vault = self.vault.id();
        let found = self.find(&prevout.script_pubkey, &hints);
        let derived = found.ok_or(PinError::NotOurCoin {
            input,
            outpoint,
            vault,
        })?;
        let taproot = derived.taproot.as_ref();
        let mut leaves = fields.tap_scripts.iter();
        let known_leaves = leaves.all(|(proof, script)| {
            taproot.is_some_and(|taproot| taproot.leaves.get(proof) == Some(script))
        });
        let checks = [
            (
                "witness script",
                agrees(&fields.witness_script, derived.witness_script.as_ref()),
            ),
            (
                "redeem script",
                agrees(&fields.redeem_script, derived.redeem_script.as_ref()),
            ),
            (
                "taproot internal key",
                agrees(&fields.tap_internal_key, taproot.map(|t| &t.internal_key)),
            ),
            (
                "taproot root",
                agrees(
                    &fields.tap_merkle_root,
                    taproot.and_then(|t| t.merkle_root.as_ref()),
                ),
            ),
            ("taproot leaf", known_leaves),
        ];
        match checks.iter().find(|(_, agrees)| !agrees) {
            Some(&(field, _)) => Err(PinError::ForeignScript { input, field }),
            None => Ok(derived),
        }
    }

    /// Where in the vault an output returns to, if it does. One that claims to and doesn't is
    /// refused, not shown as a payment: it was made to deceive (T08).
    pub(crate) fn of_output(
        &mut self,
        output: usize,
        txout: &TxOut,
        fields: &psbt::Output,
    ) -> Result<Option<(Keychain, u32)>, PinError> {
        let claims = !fields.bip32_derivation.is_empty()
            || !fields.tap_key_origins.is_empty()
            || fields.tap_internal_key.is_some()
            || fields.tap_tree.is_some()
            || fields.witness_script.is_some()
            || fields.redeem_script.is_some();
        if !claims {
            return Ok(None);
        }
        let taproot = fields.tap_key_origins.values().map(|(_, source)| source);
        let hints = self.hints(fields.bip32_derivation.values().chain(taproot));
        self.find(&txout.script_pubkey, &hints)
            .filter(|derived| {
                let taproot = derived.taproot.as_ref();
                let tree = taproot.and_then(|taproot| taproot.tree.as_ref());
                agrees(&fields.witness_script, derived.witness_script.as_ref())
                    && agrees(&fields.redeem_script, derived.redeem_script.as_ref())
                    && agrees(&fields.tap_internal_key, taproot.map(|t| &t.internal_key))
                    && agrees(&fields.tap_tree, tree)
            })
            .map(|derived| Some((derived.keychain, derived.index)))
            .ok_or(PinError::FakeChange {
                output,
                amount: txout.value,
            })
    }

    /// The place among the hints whose script is exactly `script`.
    fn find(&mut self, script: &Script, hints: &[(Keychain, u32)]) -> Option<&Derived> {
        let place = *hints.iter().find(|&&(keychain, index)| {
            self.derive(keychain, index)
                .is_some_and(|derived| derived.script_pubkey.as_script() == script)
        })?;
        self.derived.get(&place)
    }

    fn derive(&mut self, keychain: Keychain, index: u32) -> Option<&Derived> {
        let place = (keychain, index);
        if !self.derived.contains_key(&place) {
            if self.derived.len() >= self.most {
                return None;
            }
            let derived = self.vault.derive(keychain, index).ok()?;
            for key in &derived.keys {
                if let Some((_, branch)) = key.path.as_ref().split_last()
                    && !self.branches.contains_key(branch)
                {
                    self.branches.insert(branch.to_vec(), keychain);
                }
            }
            self.derived.insert(place, derived);
        }
        self.derived.get(&place)
    }

    /// The places that derivations may mean, likeliest first. Which numbers a vault gives its
    /// chains differs (`<0;1>`, `<1;0>`, `<7;4>`, a pair for each path that a key is in), so both
    /// keychains are tried: first the one known for the path, else even as receive, odd as change.
    fn hints<'d>(&self, derivations: impl Iterator<Item = &'d KeySource>) -> Vec<(Keychain, u32)> {
        let mut likely: Vec<(Keychain, u32)> = Vec::with_capacity(2);
        for (_, path) in derivations {
            let path: &[ChildNumber] = path.as_ref();
            let Some((&ChildNumber::Normal { index }, branch)) = path.split_last() else {
                continue;
            };
            let Some(&ChildNumber::Normal { index: number }) = branch.last() else {
                continue;
            };
            let keychain = self.branches.get(branch).copied().unwrap_or({
                if number % 2 == 0 {
                    Keychain::Receive
                } else {
                    Keychain::Change
                }
            });
            if !likely.contains(&(keychain, index)) {
                likely.push((keychain, index));
            }
            if likely.len() == MAX_HINTS {
                break;
            }
        }
        let other = likely.clone().into_iter().map(|(keychain, index)| {
            let other = match keychain {
                Keychain::Receive => Keychain::Change,
                Keychain::Change => Keychain::Receive,
            };
            (other, index)
        });
        likely.extend(other);
        likely
    }
}

/// A field that is absent agrees with anything: trimmed PSBTs are welcome.
fn agrees<T: PartialEq>(field: &Option<T>, ours: Option<&T>) -> bool {
    field.as_ref().is_none_or(|field| ours == Some(field))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::key::CosignerKey;
    use crate::policy::Template;
    use bitcoin::Network;
    use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
    use bitcoin::secp256k1::Secp256k1;

    fn vault(branches: &str) -> Vault {
        let secp = Secp256k1::new();
        let path: DerivationPath = "48h/1h/0h/2h".parse().unwrap();
        let key = |seed: u8| {
            let master = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
            let xpub = Xpub::from_priv(&secp, &master.derive_priv(&secp, &path).unwrap());
            let text = format!("[{}/48h/1h/0h/2h]{xpub}", master.fingerprint(&secp));
            let key = CosignerKey::parse(&text, Network::Regtest).unwrap();
            (format!("cosigner-{seed}"), key)
        };
        let template = Template::builtin("2-of-3").unwrap();
        let vault = Vault::create(Network::Regtest, &template, (1..=3).map(key).collect()).unwrap();
        let text = vault.descriptor().split('#').next().unwrap();
        Vault::from_descriptor(Network::Regtest, &text.replace("<0;1>", branches), None).unwrap()
    }

    fn derivations(derived: &Derived) -> Vec<KeySource> {
        let keys = derived.keys.iter();
        keys.map(|key| (key.fingerprint, key.path.clone()))
            .collect()
    }

    /// Each script costs one derivation: at most the first of each chain is looked for twice.
    #[test]
    fn scripts_are_found_with_one_derivation_each_at_any_numbering() {
        for branches in ["<0;1>", "<1;0>", "<2;3>", "<7;4>", "<2;4>", "<5;3>"] {
            let vault = vault(branches);
            let mut places = Places::new(&vault, 40);
            for index in 0..20 {
                for keychain in Keychain::ALL {
                    // Different indexes, or the other chain's place would be known already.
                    let place = index * 2 + u32::from(keychain == Keychain::Change);
                    let derived = vault.derive(keychain, place).unwrap();
                    let hints = places.hints(derivations(&derived).iter());
                    let found = places.find(&derived.script_pubkey, &hints);
                    assert_eq!(found, Some(&derived), "{branches}");
                }
            }
            let tried = places.derived.len();
            assert!((40..=42).contains(&tried), "{branches}: {tried}");
        }
    }

    /// Eight places for each script, none of them right.
    #[test]
    fn t18_wrong_hints_cost_two_derivations_for_each_script() {
        let vault = vault("<0;1>");
        let honest = vault.derive(Keychain::Receive, 0).unwrap();
        let mut places = Places::new(&vault, 20);
        for number in 0..20 {
            let hints = (1..=8).map(|hint| {
                let path = format!("48h/1h/0h/2h/0/{}", 8 * number + hint);
                (honest.keys[0].fingerprint, path.parse().unwrap())
            });
            let hints: Vec<KeySource> = hints.collect();
            let hints = places.hints(hints.iter());
            assert_eq!(hints.len(), 16);
            assert_eq!(places.find(&honest.script_pubkey, &hints), None);
        }
        assert_eq!(places.derived.len(), 2 * (20 + MAX_HINTS));
    }

    #[test]
    fn a_path_without_its_origin_is_a_hint_too() {
        let vault = vault("<7;4>");
        let derived = vault.derive(Keychain::Change, 6).unwrap();
        let mut short = derivations(&derived);
        for (_, path) in &mut short {
            *path = "4/6".parse().unwrap();
        }
        let mut places = Places::new(&vault, 1);
        let hints = places.hints(short.iter());
        assert_eq!(places.find(&derived.script_pubkey, &hints), Some(&derived));
    }
}
