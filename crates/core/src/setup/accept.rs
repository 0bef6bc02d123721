//! Round 2, seen by a cosigner: the descriptor record is held against what was agreed on and against the
//! key that was given. Whoever carries the files may change any of it; each change has its own refusal.

use super::HEAD;
use super::error::SetupRefusal;
use crate::key::{CosignerKey, find_secret};
use crate::keychain::Keychain;
use crate::policy::{SpendingPath, Template, Timelock};
use crate::vault::{Vault, VaultError};
use bitcoin::{Network, NetworkKind};
use miniscript::descriptor::checksum;
use std::collections::BTreeSet;

const PATHS: &str = "/0/*,/1/*";

/// What a cosigner knows before the record comes.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Agreed on.
    pub network: Network,
    /// Agreed on, with the kind of script that was chosen.
    pub template: &'a Template,
    /// What the cosigners are called, in the order of the template's roles.
    pub names: &'a [String],
    /// Which of the roles is ours.
    pub you: usize,
    /// The key that was given in round 1.
    pub key: &'a CosignerKey,
}

/// The vault that a descriptor record (BIP-0129) describes, if it is the one that was agreed on. Keys are
/// compared by their material (T01). The others' keys can't be judged here: that they are the others'
/// is confirmed by comparing words.
pub fn accept(record: &str, expected: &Expected<'_>) -> Result<Vault, SetupRefusal> {
    if let Some(secret) = find_secret(record) {
        return Err(SetupRefusal::Secret(secret));
    }
    let lines: Vec<&str> = record.trim_end().lines().map(str::trim).collect();
    let [head, descriptor, paths, address] = lines[..] else {
        return Err(SetupRefusal::Lines(lines.len()));
    };
    if head != HEAD {
        return Err(SetupRefusal::Version);
    }
    if !matches!(paths, "" | PATHS | "No path restrictions") {
        return Err(SetupRefusal::Branches);
    }
    let body = checksum::verify_checksum(descriptor).map_err(|_| SetupRefusal::Checksum)?;
    let body = standard_branches(body)?;
    check_network(&body, expected.network)?;
    let names = names(&body, expected)?;
    let vault = Vault::from_descriptor(expected.network, &body, Some(&names))
        .map_err(SetupRefusal::Vault)?;
    check_own_key(&vault, expected.key)?;
    if vault.script_type() != expected.template.script {
        return Err(SetupRefusal::ScriptType {
            found: vault.script_type(),
            expected: expected.template.script,
        });
    }
    check_paths(&vault, expected)?;
    check_sorting(&vault, expected)?;
    let first = vault
        .derive(Keychain::Receive, 0)
        .map_err(SetupRefusal::Vault)?
        .address(expected.network);
    if !first.to_string().eq_ignore_ascii_case(address) {
        return Err(SetupRefusal::FirstAddress);
    }
    Ok(vault)
}

/// `/**`, `/<0;1>/*` and, by what Nunchuk writes, `/*` all mean receive and change.
fn standard_branches(body: &str) -> Result<String, SetupRefusal> {
    let body = if body.contains("/**") {
        body.replace("/**", "/<0;1>/*")
    } else if body.contains("/<") {
        body.to_owned()
    } else {
        body.replace("/*", "/<0;1>/*")
    };
    let mut branches = body.match_indices('<').map(|(at, _)| &body[at..]);
    match branches.all(|rest| rest.starts_with("<0;1>/*")) {
        true => Ok(body),
        false => Err(SetupRefusal::Branches),
    }
}

/// Each extended key in the text, without its origin.
fn keys(body: &str) -> impl Iterator<Item = &str> {
    body.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() > 100)
}

fn check_network(body: &str, expected: Network) -> Result<(), SetupRefusal> {
    // By the prefix alone: what else is wrong with a key has other sentences.
    let found = |key: &str| match key.as_bytes() {
        [b'x' | b'y' | b'z' | b'Y' | b'Z', b'p', b'u', b'b', ..] => Some(NetworkKind::Main),
        [b't' | b'u' | b'v' | b'U' | b'V', b'p', b'u', b'b', ..] => Some(NetworkKind::Test),
        _ => None,
    };
    match keys(body)
        .filter_map(found)
        .find(|kind| *kind != expected.into())
    {
        None => Ok(()),
        Some(NetworkKind::Main) => Err(SetupRefusal::Network {
            found: "bitcoin",
            expected,
        }),
        Some(NetworkKind::Test) => Err(SetupRefusal::Network {
            found: "test networks",
            expected,
        }),
    }
}

/// The cosigners' names in the order of the descriptor's keys: ours is ours, the others in their order.
/// Which of the others is which is known once they say so.
fn names(body: &str, expected: &Expected<'_>) -> Result<Vec<String>, SetupRefusal> {
    let unnamed =
        Vault::from_descriptor(expected.network, body, None).map_err(|error| match error {
            // The sentence for keys that were slipped in or left out comes before that of a policy
            // which they make impossible.
            VaultError::Policy(_) | VaultError::Miniscript(_)
                if distinct(body) != expected.names.len() =>
            {
                count(distinct(body), expected)
            }
            error => SetupRefusal::Vault(error),
        })?;
    let found = unnamed.cosigners().len();
    if found != expected.names.len() {
        return Err(count(found, expected));
    }
    let ours = expected.names[expected.you].clone();
    let mut others = (0..expected.names.len()).filter(|&at| at != expected.you);
    let own = expected.key.identity();
    Ok(unnamed
        .cosigners()
        .iter()
        .map(|cosigner| {
            match cosigner.key.identity() == own {
                true => ours.clone(),
                // Without our key one name is too few; that is refused next.
                false => others
                    .next()
                    .map_or(&ours, |at| &expected.names[at])
                    .clone(),
            }
        })
        .collect())
}

fn distinct(body: &str) -> usize {
    keys(body).collect::<BTreeSet<_>>().len()
}

fn count(found: usize, expected: &Expected<'_>) -> SetupRefusal {
    SetupRefusal::KeyCount {
        found,
        expected: expected.names.len(),
    }
}

fn check_own_key(vault: &Vault, own: &CosignerKey) -> Result<(), SetupRefusal> {
    let mut cosigners = vault.cosigners().iter();
    let found = cosigners
        .find(|cosigner| cosigner.key.identity() == own.identity())
        .ok_or(SetupRefusal::OwnKeyMissing)?;
    if found.key.origin() == own.origin() {
        return Ok(());
    }
    Err(SetupRefusal::OwnKeyOrigin {
        found: found.key.origin(),
        expected: own.origin(),
    })
}

/// What a path is without saying who its cosigners are.
type Kind = (Option<Timelock>, usize, usize);

fn kind(path: &SpendingPath) -> Kind {
    (path.lock, path.threshold, path.cosigners.len())
}

fn check_paths(vault: &Vault, expected: &Expected<'_>) -> Result<(), SetupRefusal> {
    let (found, agreed) = (&vault.policy().paths, &expected.template.policy.paths);
    if let (Some(found), Some(agreed)) = (found.first(), agreed.first())
        && found.threshold != agreed.threshold
    {
        return Err(SetupRefusal::Threshold {
            found: found.threshold,
            expected: agreed.threshold,
        });
    }
    if found.len() != agreed.len() {
        return Err(SetupRefusal::Paths {
            found: found.len(),
            expected: agreed.len(),
        });
    }
    for (path, (found, agreed)) in (1..).zip(found.iter().zip(agreed)) {
        if found.lock != agreed.lock {
            return Err(SetupRefusal::Lock {
                path,
                found: when(found.lock),
                expected: when(agreed.lock),
            });
        }
        if kind(found) != kind(agreed) {
            return Err(SetupRefusal::Members { path });
        }
    }
    // Who is in which paths: of us exactly, of the others as many of each sort.
    let us = vault
        .cosigners()
        .iter()
        .position(|one| one.key.identity() == expected.key.identity());
    let in_path = |path: &SpendingPath, who: usize| path.cosigners.contains(&who);
    for (at, (found, agreed)) in found.iter().zip(agreed).enumerate() {
        if us.is_none_or(|us| in_path(found, us) != in_path(agreed, expected.you)) {
            return Err(SetupRefusal::Members { path: at + 1 });
        }
    }
    let sorts = |paths: &[SpendingPath]| {
        let mut sorts: Vec<Vec<usize>> = (0..expected.names.len())
            .map(|who| {
                (0..paths.len())
                    .filter(|&at| in_path(&paths[at], who))
                    .collect()
            })
            .collect();
        sorts.sort();
        sorts
    };
    let (found, agreed) = (sorts(found), sorts(agreed));
    match found == agreed {
        true => Ok(()),
        false => Err(SetupRefusal::Members { path: 1 }),
    }
}

/// As words that follow "it opens".
fn when(lock: Option<Timelock>) -> String {
    match lock {
        None => "at any time".to_owned(),
        Some(Timelock::Older(blocks)) => format!("{blocks} blocks after a coin arrived"),
        Some(Timelock::After(height)) => format!("at block {height}"),
    }
}

/// The order of keys in the script isn't part of a policy, but devices differ in what they assume.
fn check_sorting(vault: &Vault, expected: &Expected<'_>) -> Result<(), SetupRefusal> {
    let keys = vault.cosigners().iter();
    let keys = keys
        .map(|one| (one.name.clone(), one.key.clone()))
        .collect();
    let ours =
        Vault::create(expected.network, expected.template, keys).map_err(SetupRefusal::Vault)?;
    let sorted = |vault: &Vault| vault.descriptor().contains("sortedmulti");
    match sorted(vault) == sorted(&ours) {
        true => Ok(()),
        false => Err(SetupRefusal::Sorting {
            sorted: sorted(vault),
        }),
    }
}
