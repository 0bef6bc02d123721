//! Four bytes for each thing a transaction touches: its output scripts and the outpoints it spends.
//!
//! The mempool is fetched once. When a script or a coin becomes known later (a vault was added, the
//! lookahead moved, a child came before its parent), the tags of the transactions seen before tell
//! which few to fetch again. A false hit costs one fetch, so four bytes are plenty; a miss can't
//! happen.

use bitcoin::hashes::Hash;
use bitcoin::{OutPoint, Script, Transaction};
use std::collections::BTreeSet;

/// FNV-1a: not for keeping enemies out, who could only make us fetch their transaction twice.
fn fnv(kind: u8, parts: [&[u8]; 2]) -> u32 {
    let bytes = parts.into_iter().flatten().copied();
    std::iter::once(kind)
        .chain(bytes)
        .fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}

/// The tag of an output script.
#[must_use]
pub fn script_tag(script: &Script) -> u32 {
    fnv(0, [script.as_bytes(), &[]])
}

/// The tag of a spent outpoint.
#[must_use]
pub fn outpoint_tag(outpoint: &OutPoint) -> u32 {
    fnv(
        1,
        [&outpoint.txid.to_byte_array(), &outpoint.vout.to_le_bytes()],
    )
}

/// All tags of a transaction, 4 bytes each, to be kept.
#[must_use]
pub fn tags_of(tx: &Transaction) -> Vec<u8> {
    let scripts = tx.output.iter().map(|o| script_tag(&o.script_pubkey));
    let spent = tx.input.iter().map(|i| outpoint_tag(&i.previous_output));
    scripts.chain(spent).flat_map(u32::to_le_bytes).collect()
}

/// Whether one of `wanted` is among the kept `tags`.
#[must_use]
pub fn any_tag_in(tags: &[u8], wanted: &BTreeSet<u32>) -> bool {
    let (tags, _) = tags.as_chunks::<4>();
    tags.iter()
        .any(|tag| wanted.contains(&u32::from_le_bytes(*tag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::Network;
    use bitcoin::constants::genesis_block;

    #[test]
    fn a_transaction_has_the_tags_of_what_it_touches() {
        let tx = &genesis_block(Network::Regtest).txdata[0];
        let tags = tags_of(tx);
        assert_eq!(tags.len(), 8);
        let script = script_tag(&tx.output[0].script_pubkey);
        let outpoint = outpoint_tag(&tx.input[0].previous_output);
        assert!(any_tag_in(&tags, &BTreeSet::from([1, script])));
        assert!(any_tag_in(&tags, &BTreeSet::from([outpoint, 2])));
        assert!(!any_tag_in(
            &tags,
            &BTreeSet::from([script ^ 1, outpoint ^ 1])
        ));
        assert!(!any_tag_in(&tags, &BTreeSet::new()));
    }
}
