//! Policy to descriptor, by three small rules of our own. Miniscript's policy compiler searches
//! for the cheapest script and may find another one in its next version; a vault's script must
//! be the same whoever compiles it and whenever.
//!
//! 1. One path: `sortedmulti`, which every signer and coordinator knows.
//! 2. Paths over the same cosigners, each asking for one signature less: a `thresh` in which each
//!    passed lock counts as a signature.
//! 3. Otherwise `or_d(first path, later paths)`. A cosigner who occurs again signs there with a
//!    key from the next pair of branches (`<2;3>`, …), because one script mustn't repeat a key.
//!
//! Taproot needs neither 2 nor 3: each path is a leaf of its own (`multi_a`), the first one nearest
//! to the root, where spending is cheapest. The internal key is the single key of the first path if
//! that is what it asks for, and otherwise BIP341's point that nobody can sign for.

use super::{MAX_LEGACY, Policy, PolicyError, SpendingPath};
use crate::key::{CosignerKey, NUMS};
use crate::script_type::ScriptType;
use std::collections::{BTreeMap, BTreeSet};

/// Writes the policy as a descriptor over these keys, without a checksum; `keys[i]` is cosigner i.
pub fn compile(
    policy: &Policy,
    script: ScriptType,
    keys: &[CosignerKey],
) -> Result<String, PolicyError> {
    policy.check(keys.len())?;
    if script == ScriptType::Sh {
        check_legacy(policy)?;
    }
    Ok(compile_with(policy, script, |cosigner, pair| {
        let (receive, change) = branch_pair(pair);
        format!("{}/<{receive};{change}>/*", keys[cosigner])
    }))
}

/// P2SH scripts have at most 520 bytes, which is 15 keys, and signers know quorums there only.
fn check_legacy(policy: &Policy) -> Result<(), PolicyError> {
    match &policy.paths[..] {
        [only] if only.cosigners.len() <= MAX_LEGACY => Ok(()),
        [only] => Err(PolicyError::TooManyLegacy {
            found: only.cosigners.len(),
        }),
        _ => Err(PolicyError::LegacyPaths),
    }
}

/// The branches that a cosigner's `pair`-th key in the script is derived on.
pub(crate) const fn branch_pair(pair: u32) -> (u32, u32) {
    (2 * pair, 2 * pair + 1)
}

/// As [`compile`], for a checked policy, with `key` writing a cosigner's n-th key.
pub(crate) fn compile_with(
    policy: &Policy,
    script: ScriptType,
    key: impl Fn(usize, u32) -> String,
) -> String {
    let mut keys = Keys {
        write: key,
        used: BTreeMap::new(),
    };
    match script {
        ScriptType::Wsh => format!("wsh({})", one_script(policy, &mut keys)),
        ScriptType::ShWsh => format!("sh(wsh({}))", one_script(policy, &mut keys)),
        ScriptType::Sh => format!("sh({})", one_script(policy, &mut keys)),
        ScriptType::Tr => taproot(policy, &mut keys),
    }
}

/// All paths in one script.
fn one_script(policy: &Policy, keys: &mut Keys<impl Fn(usize, u32) -> String>) -> String {
    match &policy.paths[..] {
        [] => String::new(),
        [only] => format!(
            "sortedmulti({},{})",
            only.threshold,
            keys.list(&only.cosigners)
        ),
        [first, ..] if is_countdown(&policy.paths) => {
            let mut parts = keys.each(&first.cosigners);
            for part in parts.iter_mut().skip(1) {
                *part = format!("s:pk({part})");
            }
            parts[0] = format!("pk({})", parts[0]);
            let locks = policy.paths.iter().filter_map(|path| path.lock);
            parts.extend(locks.map(|lock| format!("sln:{lock}")));
            format!("thresh({},{})", first.threshold, parts.join(","))
        }
        [first, later @ ..] => {
            let first = keys.quorum(first, "", "multi");
            let later: Vec<String> = later.iter().map(|path| keys.path(path, "multi")).collect();
            format!("or_d({first},{})", nest(&later))
        }
    }
}

/// Every path a leaf.
fn taproot(policy: &Policy, keys: &mut Keys<impl Fn(usize, u32) -> String>) -> String {
    let (internal, leaves) = match &policy.paths[..] {
        [first, later @ ..] if first.cosigners.len() == 1 => (keys.list(&first.cosigners), later),
        all => (NUMS.to_owned(), all),
    };
    let leaves: Vec<String> = leaves
        .iter()
        .map(|path| keys.path(path, "multi_a"))
        .collect();
    match tree(&leaves) {
        Some(tree) => format!("tr({internal},{tree})"),
        None => format!("tr({internal})"),
    }
}

/// `{a,{b,c}}`: what comes earlier stands higher.
fn tree(leaves: &[String]) -> Option<String> {
    let (first, rest) = leaves.split_first()?;
    Some(match tree(rest) {
        Some(rest) => format!("{{{first},{rest}}}"),
        None => first.clone(),
    })
}

/// Rule 2: the same cosigners everywhere and one signature less each time.
fn is_countdown(paths: &[SpendingPath]) -> bool {
    paths.windows(2).all(|pair| {
        pair[0].cosigners == pair[1].cosigners && pair[0].threshold == pair[1].threshold + 1
    })
}

/// `or_i(a,or_i(b,c))`.
fn nest(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("or_i({first},{})", nest(rest)),
    }
}

/// Hands out each cosigner's keys, a fresh pair of branches each time.
struct Keys<F> {
    write: F,
    used: BTreeMap<usize, u32>,
}

impl<F: Fn(usize, u32) -> String> Keys<F> {
    fn each(&mut self, cosigners: &BTreeSet<usize>) -> Vec<String> {
        cosigners
            .iter()
            .map(|&cosigner| {
                let pair = self.used.entry(cosigner).or_insert(0);
                let key = (self.write)(cosigner, *pair);
                *pair += 1;
                key
            })
            .collect()
    }

    fn list(&mut self, cosigners: &BTreeSet<usize>) -> String {
        self.each(cosigners).join(",")
    }

    fn quorum(&mut self, path: &SpendingPath, wrapper: &str, multi: &str) -> String {
        let keys = self.list(&path.cosigners);
        if path.cosigners.len() == 1 {
            format!("{wrapper}pk({keys})")
        } else {
            format!("{wrapper}{multi}({},{keys})", path.threshold)
        }
    }

    /// A quorum with its lock.
    fn path(&mut self, path: &SpendingPath, multi: &str) -> String {
        match path.lock {
            Some(lock) => format!("and_v({},{lock})", self.quorum(path, "v:", multi)),
            None => self.quorum(path, "", multi),
        }
    }
}
