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
    let mut makers = Makers::new(tx);
    let mut seen = Vec::new();
    for r in tx.repeated_nonces()? {
        for found in tx.nonce_uses(&r)? {
            seen.extend(makers.of(&found)?);
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
    let mut numbers: BTreeMap<[u8; 32], Vec<Nonce>> = BTreeMap::new();
    for one in admitted {
        let Some(nonce) = nonce(one) else { continue };
        let Some(cosigner) = vault.cosigners().get(one.cosigner) else {
            continue;
        };
        numbers.entry(nonce.r).or_default().push(nonce);
        seen.push(Seen {
            nonce,
            proposal: proposal.id(),
            cosigner: cosigner.name.clone(),
            identity: cosigner.key.identity(),
        });
    }
    if let Some(tx) = tx {
        let mut makers = Makers::new(tx);
        for (r, nonces) in numbers {
            for found in tx.nonce_uses(&r)? {
                if nonces.iter().any(|nonce| found.nonce.repeats(nonce)) {
                    seen.extend(makers.of(&found)?);
                }
            }
        }
    }
    Ok(judge(vault, &seen))
}

fn nonce(one: &Admitted) -> Option<Nonce> {
    let key = one.signature.key_bytes(&one.slot.public_key);
    Nonce::of(&key, &one.signature.to_vec())
}

/// Finds out who made stored signatures. Each proposal is read once: one number may be on all of its
/// inputs.
struct Makers<'a, 't> {
    tx: &'a ReadTx<'t>,
    known: BTreeMap<ProposalId, Option<Holders>>,
}

/// Whose the keys of a proposal are. Of the proposal itself nothing is kept.
struct Holders {
    vault: Vault,
    /// By input and key without its sign.
    cosigners: BTreeMap<(u32, [u8; 32]), usize>,
}

impl<'a, 't> Makers<'a, 't> {
    const fn new(tx: &'a ReadTx<'t>) -> Self {
        Self {
            tx,
            known: BTreeMap::new(),
        }
    }

    /// `None` while its proposal isn't here yet.
    fn of(&mut self, found: &NonceUse) -> Result<Option<Seen>, Error> {
        if !self.known.contains_key(&found.proposal) {
            let holders = Holders::of(self.tx, found.proposal)?;
            self.known.insert(found.proposal, holders);
        }
        let holders = self.known.get(&found.proposal).and_then(Option::as_ref);
        let cosigner = holders.and_then(|holders| {
            let at = holders.cosigners.get(&(found.input, found.nonce.key))?;
            holders.vault.cosigners().get(*at)
        });
        Ok(cosigner.map(|cosigner| Seen {
            nonce: found.nonce,
            proposal: found.proposal,
            cosigner: cosigner.name.clone(),
            identity: cosigner.key.identity(),
        }))
    }
}

impl Holders {
    fn of(tx: &ReadTx<'_>, id: ProposalId) -> Result<Option<Self>, Error> {
        let Some(stored) = tx.proposal(id)? else {
            return Ok(None);
        };
        let Some(row) = tx.vault(stored.vault)? else {
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
        let inputs = (0u32..).zip(proposal.inputs());
        let cosigners = inputs.flat_map(|(input, coin)| {
            let keys = coin.derived.keys.iter();
            keys.map(move |key| ((input, x_only(&key.public_key)), key.cosigner))
        });
        let cosigners = cosigners.collect();
        Ok(Some(Self { vault, cosigners }))
    }
}

/// What one key signed with one number.
#[derive(Debug)]
struct Uses<'a> {
    cosigner: &'a str,
    /// Which signatures, told apart as [`Nonce::repeats`] does.
    signatures: BTreeSet<([u8; 32], [u8; 32])>,
    proposals: BTreeSet<ProposalId>,
}

/// Of signatures with one number each: what it means for the vault's cosigners.
fn judge(vault: &Vault, seen: &[Seen]) -> Vec<String> {
    let mut by_number: BTreeMap<[u8; 32], BTreeMap<KeyIdentity, Uses<'_>>> = BTreeMap::new();
    for one in seen {
        let by_key = by_number.entry(one.nonce.r).or_default();
        let uses = by_key.entry(one.identity).or_insert_with(|| Uses {
            cosigner: &one.cosigner,
            signatures: BTreeSet::new(),
            proposals: BTreeSet::new(),
        });
        uses.signatures.insert((one.nonce.key, one.nonce.s));
        uses.proposals.insert(one.proposal);
    }
    let ours = |identity: &KeyIdentity| {
        let mut cosigners = vault.cosigners().iter();
        let ours = cosigners.find(|c| c.key.identity() == *identity);
        ours.map(|cosigner| cosigner.name.clone())
    };
    // By cosigner, so that ten repeated numbers of one device are one sentence.
    let mut broken: BTreeMap<String, BTreeSet<ProposalId>> = BTreeMap::new();
    let mut shared: BTreeMap<(String, String), BTreeSet<ProposalId>> = BTreeMap::new();
    for by_key in by_number.values() {
        for (at, (identity, one)) in by_key.iter().enumerate() {
            let name = ours(identity);
            if one.signatures.len() > 1
                && let Some(name) = &name
            {
                broken
                    .entry(name.clone())
                    .or_default()
                    .extend(&one.proposals);
            }
            for (other, uses) in by_key.iter().take(at) {
                let others = ours(other);
                let differ = one.signatures.union(&uses.signatures).nth(1).is_some();
                if differ && (name.is_some() || others.is_some()) {
                    let mut names = [(&name, one), (&others, uses)].map(|(name, uses)| {
                        name.clone().unwrap_or_else(|| uses.cosigner.to_owned())
                    });
                    names.sort();
                    let [first, second] = names;
                    let proposals = one.proposals.union(&uses.proposals);
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
