//! What a taproot output commits to (BIP341), as PSBTs describe it (BIP371).

use bitcoin::key::TweakedPublicKey;
use bitcoin::taproot::{ControlBlock, LeafVersion, TapLeafHash, TapNodeHash, TapTree};
use bitcoin::{PublicKey, ScriptBuf, XOnlyPublicKey};
use miniscript::Descriptor;
use std::collections::BTreeMap;

/// The tree of a taproot output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taproot {
    /// The key the tree is committed to by; nobody's, when only scripts can spend.
    pub internal_key: XOnlyPublicKey,
    /// The tree's root; `None` without scripts.
    pub merkle_root: Option<TapNodeHash>,
    /// The key in the output.
    pub output_key: TweakedPublicKey,
    /// Each leaf's script, by what proves that the output commits to it.
    pub leaves: BTreeMap<ControlBlock, (ScriptBuf, LeafVersion)>,
    /// The tree in the order of its leaves; `None` without scripts.
    pub tree: Option<TapTree>,
    /// Which leaf each key is in.
    keys: BTreeMap<PublicKey, TapLeafHash>,
}

impl Taproot {
    /// Of a descriptor that is taproot; else `None`.
    pub(super) fn of(descriptor: &Descriptor<PublicKey>) -> Option<Self> {
        let Descriptor::Tr(tr) = descriptor else {
            return None;
        };
        let info = tr.spend_info();
        let mut leaves = BTreeMap::new();
        let mut keys = BTreeMap::new();
        for leaf in info.leaves() {
            let script = (leaf.script().to_owned(), leaf.leaf_version());
            leaves.insert(leaf.control_block().clone(), script);
            keys.extend(
                leaf.miniscript()
                    .iter_pk()
                    .map(|key| (key, leaf.leaf_hash())),
            );
        }
        Some(Self {
            internal_key: info.internal_key(),
            merkle_root: info.merkle_root(),
            output_key: info.output_key(),
            leaves,
            tree: info.to_tap_tree(),
            keys,
        })
    }

    /// The leaf this key is in. No key is in two: a vault whose keys repeat is refused.
    #[must_use]
    pub fn leaf_of(&self, key: &PublicKey) -> Option<TapLeafHash> {
        self.keys.get(key).copied()
    }
}
