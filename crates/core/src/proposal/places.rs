//! Where in the vault a script lies: derivations in a PSBT are hints, the vault's own derivation
//! is the proof.

use super::PinError;
use crate::keychain::Keychain;
use crate::vault::{Derived, Vault};
use bitcoin::bip32::{ChildNumber, KeySource};
use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Script, ScriptBuf, TxOut, psbt};
use std::collections::BTreeMap;

/// Distinct places tried for one script, each on both keychains; honest PSBTs name one (T18).
const MAX_HINTS: usize = 8;

type Derivations = BTreeMap<PublicKey, KeySource>;

/// Derives what the hints point at, each place once.
pub(super) struct Places<'a> {
    vault: &'a Vault,
    derived: BTreeMap<(Keychain, u32), Derived>,
    /// The paths above an index that our own derivations have shown to be a keychain's.
    branches: BTreeMap<Vec<ChildNumber>, Keychain>,
}

impl<'a> Places<'a> {
    pub(super) const fn new(vault: &'a Vault) -> Self {
        Self {
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
        let hints = self.hints(&fields.bip32_derivation);
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
        let foreign = |field| PinError::ForeignScript { input, field };
        if !agrees(&fields.witness_script, &derived.witness_script) {
            return Err(foreign("witness script"));
        }
        if !agrees(&fields.redeem_script, &derived.redeem_script) {
            return Err(foreign("redeem script"));
        }
        Ok(derived)
    }

    /// Where in the vault an output returns to, if it does. One that claims to and doesn't is
    /// refused, not shown as a payment: it was made to deceive (T08).
    pub(super) fn of_output(
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
        let hints = self.hints(&fields.bip32_derivation);
        self.find(&txout.script_pubkey, &hints)
            .filter(|derived| {
                agrees(&fields.witness_script, &derived.witness_script)
                    && agrees(&fields.redeem_script, &derived.redeem_script)
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
    fn hints(&self, derivations: &Derivations) -> Vec<(Keychain, u32)> {
        let mut likely: Vec<(Keychain, u32)> = Vec::with_capacity(2);
        for (_, path) in derivations.values() {
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
fn agrees(field: &Option<ScriptBuf>, ours: &Option<ScriptBuf>) -> bool {
    field.is_none() || field == ours
}
