//! No two cosigners may hold one key. Texts can't tell: the same key may come with another
//! fingerprint, path, depth, prefix or chain code, or as its own child. So public keys are
//! compared, those of the keys given and those derived from them.
//!
//! A check of all indexes would cost seconds and add nothing: two chains with different public
//! keys and chain codes meet at an index only if SHA-512 is broken. What can be arranged is that
//! one cosigner's key lies on another's way down, and that is looked for: at every level that the
//! vault uses, and at the children of each at small indexes and at the number the key itself says.

use super::shape::SlotKey;
use super::{VaultError, normal_steps};
use crate::key::{CosignerKey, SECP};
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::secp256k1::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// Children of each level that are compared.
const NEAR: u32 = 20;

/// A key in a message, when there is no name for it yet.
pub(super) fn label(at: usize, key: &CosignerKey) -> String {
    format!("key {} ({})", at + 1, key.origin())
}

/// Keys as given: no key twice, and no origin that two different keys claim.
pub(super) fn check_keys(names: &[String], keys: &[CosignerKey]) -> Result<(), VaultError> {
    let all: Vec<(&String, &CosignerKey)> = names.iter().zip(keys).collect();
    for (at, (second, key)) in all.iter().enumerate() {
        for (first, earlier) in &all[..at] {
            let (first, second) = ((*first).clone(), (*second).clone());
            if earlier.xpub().public_key == key.xpub().public_key {
                return Err(VaultError::SameKey { first, second });
            }
            if earlier.origin() == key.origin() {
                return Err(VaultError::SameOrigin {
                    first,
                    second,
                    origin: key.origin(),
                });
            }
        }
    }
    Ok(())
}

/// Keys as used: none on another's way down, and no branch of one key used twice.
pub(super) fn check_derived(names: &[String], slots: &[SlotKey]) -> Result<(), VaultError> {
    check_branches(names, slots)?;
    let name = |cosigner: usize| names.get(cosigner).cloned().unwrap_or_default();
    let related = |a: usize, b: usize| VaultError::RelatedKeys {
        first: name(a.min(b)),
        second: name(a.max(b)),
    };
    let mut owner: BTreeMap<PublicKey, usize> = BTreeMap::new();
    let mut levels: Vec<(usize, Xpub)> = Vec::new();
    for slot in slots {
        for level in slot_levels(slot)? {
            match owner.insert(level.public_key, slot.cosigner) {
                Some(other) if other != slot.cosigner => return Err(related(other, slot.cosigner)),
                Some(_) => {}
                None => levels.push((slot.cosigner, level)),
            }
        }
    }
    let numbers = slots.iter().map(|slot| slot.key.xpub().child_number);
    let near = (0..=NEAR).map(|index| ChildNumber::Normal { index });
    let numbers: BTreeSet<ChildNumber> =
        numbers.filter(ChildNumber::is_normal).chain(near).collect();
    let mut children: BTreeMap<PublicKey, usize> = BTreeMap::new();
    for (cosigner, level) in levels {
        for number in &numbers {
            let child = level
                .ckd_pub(&*SECP, *number)
                .map_err(|_| VaultError::Derivation)?
                .public_key;
            let other = owner.get(&child).copied();
            let sibling = children.insert(child, cosigner);
            if let Some(other) = other.or(sibling).filter(|&other| other != cosigner) {
                return Err(related(other, cosigner));
            }
        }
    }
    Ok(())
}

/// The extended key and everything between it and the indexes, on both branches.
fn slot_levels(slot: &SlotKey) -> Result<Vec<Xpub>, VaultError> {
    let mut levels = vec![*slot.key.xpub()];
    for branch in &slot.branches {
        let mut level = *slot.key.xpub();
        for step in normal_steps(branch) {
            level = level
                .ckd_pub(&*SECP, step)
                .map_err(|_| VaultError::Derivation)?;
            levels.push(level);
        }
    }
    Ok(levels)
}

/// A cosigner who occurs again must do so on branches of its own: neither the same, nor one that
/// leads into another.
fn check_branches(names: &[String], slots: &[SlotKey]) -> Result<(), VaultError> {
    let mut seen: Vec<(usize, &[u32])> = Vec::new();
    for slot in slots {
        for branch in &slot.branches {
            let clash = |(cosigner, other): &(usize, &[u32])| {
                *cosigner == slot.cosigner
                    && (other.starts_with(branch) || branch.starts_with(other))
            };
            if seen.iter().any(clash) {
                return Err(VaultError::RepeatedBranch {
                    cosigner: names.get(slot.cosigner).cloned().unwrap_or_default(),
                });
            }
            seen.push((slot.cosigner, branch));
        }
    }
    Ok(())
}
