//! T32: keys that gave themselves away. A one-time number used for two signatures is found by one
//! look-up when the second signature comes (the journal's projection does it); here it becomes
//! sentences about cosigners. The signatures stay counted: they are valid.

use crate::{Coordinator, Error};
use bitcoin::PublicKey;
use quorate_core::key::KeyIdentity;
use quorate_core::proposal::{Nonce, Proposal, ProposalId};
use quorate_core::psbt::Admitted;
use quorate_core::vault::Vault;
use quorate_storage::{NonceUse, ReadTx};
use std::collections::{BTreeMap, BTreeSet};

/// A signature, and who made it.
#[derive(Debug, Clone)]
struct Seen {
    nonce: Nonce,
    proposal: ProposalId,
    cosigner: String,
    /// By key material: one key may be in several vaults, under several names.
    identity: KeyIdentity,
}

/// The alarms about cosigners of this vault. Without any repeated number, which is the rule, it
/// costs one look into an empty table.
pub(crate) fn of_vault(tx: &ReadTx<'_>, vault: &Vault) -> Result<Vec<String>, Error> {
    let mut seen = Vec::new();
    for r in tx.repeated_nonces()? {
        for found in tx.nonce_uses(&r)? {
            seen.extend(resolve(tx, &found)?);
        }
    }
    Ok(judge(vault, &seen))
}

/// The alarms that signatures in a file raise: among each other, and with those that this home, if
/// there is one, has seen before.
pub(crate) fn of_file(
    tx: Option<&ReadTx<'_>>,
    vault: &Vault,
    proposal: &Proposal,
    admitted: &[Admitted],
) -> Result<Vec<String>, Error> {
    let mut seen = Vec::new();
    for one in admitted {
        let Some(nonce) = nonce(one) else { continue };
        let Some(cosigner) = vault.cosigners().get(one.cosigner) else {
            continue;
        };
        seen.push(Seen {
            nonce,
            proposal: proposal.id(),
            cosigner: cosigner.name.clone(),
            identity: cosigner.key.identity(),
        });
        for found in tx.map_or(Ok(Vec::new()), |tx| tx.nonce_uses(&nonce.r))? {
            if found.nonce.repeats(&nonce) {
                seen.extend(tx.map_or(Ok(None), |tx| resolve(tx, &found))?);
            }
        }
    }
    Ok(judge(vault, &seen))
}

fn nonce(one: &Admitted) -> Option<Nonce> {
    let key = one.signature.key_bytes(&one.slot.public_key);
    Nonce::of(&key, &one.signature.to_vec())
}

/// Who made a stored signature; `None` while its proposal isn't here yet.
fn resolve(tx: &ReadTx<'_>, found: &NonceUse) -> Result<Option<Seen>, Error> {
    let Some(stored) = tx.proposal(found.proposal)? else {
        return Ok(None);
    };
    let Some(row) = tx.vaults()?.into_iter().find(|row| row.id == stored.vault) else {
        return Ok(None);
    };
    let vault = Coordinator::open_vault(&row)?;
    let proposal = quorate_core::psbt::read(&stored.psbt)
        .ok()
        .and_then(|foreign| Proposal::check(&vault, foreign.psbt).ok());
    let Some(proposal) = proposal else {
        return Ok(None);
    };
    let x_only = |key: &PublicKey| key.inner.x_only_public_key().0.serialize();
    let input = proposal.inputs().get(found.input as usize);
    let key = input.and_then(|input| {
        let keys = input.derived.keys.iter();
        keys.clone()
            .find(|key| x_only(&key.public_key) == found.nonce.key)
    });
    let cosigner = key.and_then(|key| vault.cosigners().get(key.cosigner));
    Ok(cosigner.map(|cosigner| Seen {
        nonce: found.nonce,
        proposal: found.proposal,
        cosigner: cosigner.name.clone(),
        identity: cosigner.key.identity(),
    }))
}

/// Of signatures with one number each: what it means for the vault's cosigners.
fn judge(vault: &Vault, seen: &[Seen]) -> Vec<String> {
    let mut by_number: BTreeMap<[u8; 32], Vec<&Seen>> = BTreeMap::new();
    for one in seen {
        by_number.entry(one.nonce.r).or_default().push(one);
    }
    let ours = |one: &Seen| {
        let cosigners = vault.cosigners().iter();
        let ours = cosigners.clone().find(|c| c.key.identity() == one.identity);
        ours.map(|cosigner| cosigner.name.clone())
    };
    // By cosigner, so that ten repeated numbers of one device are one sentence.
    let mut broken: BTreeMap<String, BTreeSet<ProposalId>> = BTreeMap::new();
    let mut shared: BTreeMap<(String, String), BTreeSet<ProposalId>> = BTreeMap::new();
    for group in by_number.values() {
        for (at, one) in group.iter().enumerate() {
            for other in &group[..at] {
                if !one.nonce.repeats(&other.nonce) {
                    continue;
                }
                let proposals = [one.proposal, other.proposal];
                if one.identity == other.identity {
                    if let Some(name) = ours(one) {
                        broken.entry(name).or_default().extend(proposals);
                    }
                } else if ours(one).is_some() || ours(other).is_some() {
                    let mut names =
                        [one, other].map(|one| ours(one).unwrap_or_else(|| one.cosigner.clone()));
                    names.sort();
                    let [first, second] = names;
                    shared.entry((first, second)).or_default().extend(proposals);
                }
            }
        }
    }
    let broken = broken.iter().map(|(name, proposals)| {
        format!(
            "ALARM: the key of cosigner `{name}` is compromised: two of its signatures ({}) were made with the same one-time number, so whoever sees both can compute the private key: move the money to a vault without this key, and don't use the device again",
            listed(proposals)
        )
    });
    let shared = shared.iter().map(|((first, second), proposals)| {
        format!(
            "ALARM: signatures of `{first}` and `{second}` ({}) were made with the same one-time number: a source of randomness is broken, and each of the two can compute the other's private key: move the money to a vault with new keys made by other devices",
            listed(proposals)
        )
    });
    broken.chain(shared).collect()
}

fn listed(proposals: &BTreeSet<ProposalId>) -> String {
    let short = proposals.iter().map(|id| id.to_string()[..12].to_owned());
    let word = if proposals.len() == 1 {
        "proposal"
    } else {
        "proposals"
    };
    format!("{word} {}", short.collect::<Vec<_>>().join(", "))
}
