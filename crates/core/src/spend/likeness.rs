//! T30: addresses that a person would take for each other. People compare the first and the last
//! characters; an attacker computes an address that has the same, sends a little money to or from
//! it, and waits for somebody to copy the wrong one.

use crate::keychain::Keychain;
use bitcoin::{Address, Network, Script};
use std::collections::BTreeMap;

/// Characters compared at either end, as many as a person compares at most.
const ENDS: usize = 6;

/// The two ends of an address, by which those that look alike are found: the first and last 6 of its
/// data part. What all addresses of a kind begin with (`bc1`) isn't counted.
pub type Likeness = [u8; 2 * ENDS];

/// The ends of `script`'s address; `None` for scripts without one.
#[must_use]
pub fn likeness(script: &Script, network: Network) -> Option<Likeness> {
    let address = Address::from_script(script, network).ok()?.to_string();
    ends(&address)
}

fn ends(address: &str) -> Option<Likeness> {
    // The part before the last `1` of a segwit address is the network's; a base58 address may have
    // a `1` anywhere and has no such part.
    let human = ["bc1", "tb1", "bcrt1"];
    let data = human
        .iter()
        .find_map(|part| address.strip_prefix(part))
        .unwrap_or(address)
        .as_bytes();
    let mut ends = Likeness::default();
    let (first, last) = ends.split_at_mut(ENDS);
    first.copy_from_slice(data.first_chunk::<ENDS>()?);
    last.copy_from_slice(data.last_chunk::<ENDS>()?);
    Some(ends)
}

/// What a home knows about a transaction beyond what the transaction says, looked up by the caller.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// The highest index in use on each keychain, in [`Keychain::index`]'s order.
    pub used: [Option<u32>; 2],
    /// About some outputs, by their place.
    pub outputs: BTreeMap<usize, KnownOutput>,
}

/// What a home knows about an output's script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownOutput {
    /// Where this vault derives it, as found among the scripts derived ahead: a file needn't say it.
    pub ours: Option<(Keychain, u32)>,
    /// The name of another vault of this home whose script it is.
    pub vault: Option<String>,
    /// Whether one of the home's vaults has paid it before.
    pub paid_before: bool,
    /// Another address that is known and has the same ends.
    pub like: Option<(Address, Acquaintance)>,
}

/// Why an address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquaintance {
    /// It was paid before.
    Paid,
    /// It is the vault's own, or another vault's of this home.
    Ours,
    /// Another proposal pays it.
    Proposed,
    /// Another output of the same transaction pays it.
    Beside,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn t30_the_ends_of_the_data_part_are_compared() {
        let ends = |address: &str| String::from_utf8(ends(address).unwrap().to_vec()).unwrap();
        assert_eq!(
            ends("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
            "qcr8te306fyu"
        );
        assert_eq!(
            ends("bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
            "qcr8te306fyu"
        );
        assert_eq!(ends("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"), "1BvBMSJaNVN2");
        assert_eq!(ends("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"), "3J98t1RhWNLy");
        assert_eq!(super::ends("bc1q"), None);
    }

    #[test]
    fn t30_what_has_no_address_looks_like_nothing() {
        let burn = bitcoin::ScriptBuf::new_op_return([1, 2, 3]);
        assert_eq!(likeness(&burn, Network::Bitcoin), None);
    }
}
