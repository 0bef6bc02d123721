//! Where in the vault a script lies: derivations in a PSBT are hints, the vault's own derivation
//! is the proof.

use super::ReviewError;
use bitcoin::bip32;
use bitcoin::psbt;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Script, ScriptBuf, TxOut};
use quorate_core::keychain::Keychain;
use quorate_core::vault::{Derived, Vault};
use std::collections::BTreeMap;

/// Distinct places tried for one script; honest PSBTs name one.
const MAX_HINTS: usize = 8;

/// Derives what the hints point at, each place once.
pub(super) struct Places<'a> {
    vault: &'a Vault,
    pub(super) derived: Vec<Derived>,
    known: BTreeMap<(Keychain, u32), usize>,
}

type Derivations = BTreeMap<PublicKey, bip32::KeySource>;

impl<'a> Places<'a> {
    pub(super) const fn new(vault: &'a Vault) -> Self {
        Self {
            vault,
            derived: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    pub(super) fn of_input(
        &mut self,
        input: usize,
        utxo: &TxOut,
        fields: &psbt::Input,
    ) -> Result<usize, ReviewError> {
        let Some(place) = self.find(&utxo.script_pubkey, &fields.bip32_derivation)? else {
            return Err(if fields.bip32_derivation.is_empty() {
                ReviewError::NoDerivation { input }
            } else {
                let vault = self.vault.id();
                ReviewError::ForeignInput { input, vault }
            });
        };
        let derived = &self.derived[place];
        if derived.witness_script.is_none() {
            return Err(ReviewError::Unsupported { input });
        }
        let foreign = |field| ReviewError::ForeignScript { input, field };
        if !agrees(&fields.witness_script, &derived.witness_script) {
            return Err(foreign("witness script"));
        }
        if !agrees(&fields.redeem_script, &derived.redeem_script) {
            return Err(foreign("redeem script"));
        }
        Ok(place)
    }

    /// Where in the vault an output returns to, if it does. One that claims to and doesn't is
    /// refused, not shown as a payment: it was made to deceive (T08).
    pub(super) fn of_output(
        &mut self,
        output: usize,
        txout: &TxOut,
        fields: &psbt::Output,
    ) -> Result<Option<(Keychain, u32)>, ReviewError> {
        let claims = !fields.bip32_derivation.is_empty()
            || !fields.tap_key_origins.is_empty()
            || fields.tap_internal_key.is_some()
            || fields.tap_tree.is_some()
            || fields.witness_script.is_some()
            || fields.redeem_script.is_some();
        if !claims {
            return Ok(None);
        }
        let found = self.find(&txout.script_pubkey, &fields.bip32_derivation)?;
        match found.map(|place| &self.derived[place]) {
            Some(derived)
                if agrees(&fields.witness_script, &derived.witness_script)
                    && agrees(&fields.redeem_script, &derived.redeem_script) =>
            {
                Ok(Some((derived.keychain, derived.index)))
            }
            _ => Err(ReviewError::FakeChange {
                output,
                amount: txout.value,
            }),
        }
    }

    /// The place among the hints whose script is exactly `script`.
    fn find(
        &mut self,
        script: &Script,
        derivations: &Derivations,
    ) -> Result<Option<usize>, ReviewError> {
        for (keychain, index) in hints(derivations) {
            let place = self.place(keychain, index)?;
            if self.derived[place].script_pubkey.as_script() == script {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn place(&mut self, keychain: Keychain, index: u32) -> Result<usize, ReviewError> {
        if let Some(place) = self.known.get(&(keychain, index)) {
            return Ok(*place);
        }
        let place = self.derived.len();
        self.derived.push(self.vault.derive(keychain, index)?);
        self.known.insert((keychain, index), place);
        Ok(place)
    }
}

/// The places that derivations may mean, likeliest first. Which number a vault gives its change
/// chain differs (`<0;1>`, `<2;3>`), so an even one is tried as receive first, then as change.
fn hints(derivations: &Derivations) -> impl Iterator<Item = (Keychain, u32)> {
    let mut likely: Vec<(Keychain, u32)> = Vec::with_capacity(1);
    for (_, path) in derivations.values() {
        let [.., branch, index] = path.as_ref() else {
            continue;
        };
        let (bip32::ChildNumber::Normal { index: branch }, bip32::ChildNumber::Normal { index }) =
            (*branch, *index)
        else {
            continue;
        };
        let hint = if branch % 2 == 0 {
            (Keychain::Receive, index)
        } else {
            (Keychain::Change, index)
        };
        if !likely.contains(&hint) && likely.len() < MAX_HINTS {
            likely.push(hint);
        }
    }
    let other = likely.clone().into_iter().map(|(keychain, index)| {
        let other = match keychain {
            Keychain::Receive => Keychain::Change,
            Keychain::Change => Keychain::Receive,
        };
        (other, index)
    });
    likely.into_iter().chain(other)
}

/// A field that is absent agrees with anything: trimmed PSBTs are welcome.
fn agrees(field: &Option<ScriptBuf>, ours: &Option<ScriptBuf>) -> bool {
    field.is_none() || field == ours
}
