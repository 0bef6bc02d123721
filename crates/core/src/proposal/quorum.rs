//! Who has signed which input, and whether that is enough. Signatures in the set have been
//! verified; here they are only looked up.

use super::locks::{meets_after, meets_older};
use super::pinned::Proposal;
use super::signature::Signature;
use bitcoin::{PublicKey, Transaction, TxIn};
use miniscript::policy::Liftable;
use miniscript::policy::semantic::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// The place of one signature: an input and a key in that input's script. No key is in two places of
/// a script, so a taproot key's leaf follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Index of the input.
    pub input: u32,
    /// The key.
    pub public_key: PublicKey,
}

/// Verified signatures of one proposal: the first valid one for a slot stays.
pub type SignatureSet = BTreeMap<Slot, Signature>;

/// What a set of signatures amounts to for a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedInputs {
    /// For each input, the cosigners (by index) of whom a signature is there that counts for a
    /// spending path that this transaction's locks allow.
    pub signed: Vec<BTreeSet<usize>>,
    /// Those whose signatures can count.
    pub able: BTreeSet<usize>,
    /// For each input, whether the signatures satisfy a spending path that this transaction's
    /// locks allow.
    pub satisfied: Vec<bool>,
}

impl SignedInputs {
    /// Reads the set off against the proposal's scripts.
    #[must_use]
    pub fn of(proposal: &Proposal, signatures: &SignatureSet) -> Self {
        let transaction = proposal.transaction();
        let mut signed = Vec::with_capacity(proposal.inputs().len());
        let mut satisfied = Vec::with_capacity(proposal.inputs().len());
        let mut able = BTreeSet::new();
        for ((input, coin), number) in transaction.input.iter().zip(proposal.inputs()).zip(0u32..) {
            let has = |public_key: PublicKey| {
                signatures.contains_key(&Slot {
                    input: number,
                    public_key,
                })
            };
            let policy = coin.derived.descriptor.lift();
            let policy = policy.unwrap_or(Policy::Unsatisfiable);
            let counts = counting(&policy, transaction, input);
            let keys = coin.derived.keys.iter();
            let keys = keys.filter(|key| counts.contains(&key.public_key));
            able.extend(keys.clone().map(|key| key.cosigner));
            let keys = keys.filter(|key| has(key.public_key));
            signed.push(keys.map(|key| key.cosigner).collect());
            satisfied.push(holds(&policy, &|key| has(*key), transaction, input));
        }
        Self {
            signed,
            able,
            satisfied,
        }
    }

    /// Whether every input is satisfied.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.satisfied.is_empty() && self.satisfied.iter().all(|&satisfied| satisfied)
    }

    /// The cosigners whose signature would help: those who could sign and haven't signed some input
    /// that isn't satisfied yet. What lacks on a satisfied input is nobody's business any more.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<usize> {
        let inputs = self.signed.iter().zip(&self.satisfied);
        let open: Vec<_> = inputs.filter(|(_, satisfied)| !**satisfied).collect();
        let helps = |cosigner: &usize| open.iter().any(|(signed, _)| !signed.contains(cosigner));
        self.able.iter().copied().filter(helps).collect()
    }
}

/// The keys whose signatures can help to meet `policy` with the locks the transaction carries.
fn counting(
    policy: &Policy<PublicKey>,
    transaction: &Transaction,
    input: &TxIn,
) -> BTreeSet<PublicKey> {
    match policy {
        Policy::Key(key) => BTreeSet::from([*key]),
        Policy::Thresh(parts) if holds(policy, &|_| true, transaction, input) => {
            let parts = parts.iter();
            let possible = parts.filter(|part| holds(part, &|_| true, transaction, input));
            possible
                .flat_map(|part| counting(part, transaction, input))
                .collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Whether `policy` is met by the keys that signed and by the locks the transaction carries.
fn holds(
    policy: &Policy<PublicKey>,
    has: &dyn Fn(&PublicKey) -> bool,
    transaction: &Transaction,
    input: &TxIn,
) -> bool {
    match policy {
        Policy::Trivial => true,
        Policy::Key(key) => has(key),
        Policy::Older(lock) => meets_older(transaction, input, (*lock).into()),
        Policy::After(lock) => meets_after(transaction, input, (*lock).into()),
        Policy::Thresh(threshold) => {
            let met = threshold
                .iter()
                .filter(|part| holds(part, has, transaction, input))
                .count();
            met >= threshold.k()
        }
        Policy::Unsatisfiable
        | Policy::Sha256(_)
        | Policy::Hash256(_)
        | Policy::Ripemd160(_)
        | Policy::Hash160(_) => false,
    }
}
