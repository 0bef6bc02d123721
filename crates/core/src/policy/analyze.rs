//! Descriptor to policy. The script is lifted to its meaning (keys, locks and thresholds), the
//! meaning is split at its outermost "or", and each part is looked at with no lock passed, then
//! with the first lock passed, and so on: what becomes possible at a lock is a spending path.
//! Whatever isn't a plain quorum at every such moment is refused rather than approximated.

use super::{Policy, PolicyError, SpendingPath, Timelock};
use bitcoin::Sequence;
use miniscript::descriptor::ShInner;
use miniscript::policy::Liftable;
use miniscript::policy::semantic::Policy as Meaning;
use miniscript::{Descriptor, MiniscriptKey, Terminal};
use std::collections::{BTreeMap, BTreeSet};

/// Why a descriptor has no policy of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnalyzeError {
    /// Another kind of output.
    #[error(
        "the descriptor is {found}(…), which isn't for several cosigners: Quorate handles wsh(…), \
         sh(wsh(…)), sh(multi(…)), sh(sortedmulti(…)) and tr(…)"
    )]
    NotAVault {
        /// The outermost function.
        found: &'static str,
    },
    /// Miniscript in P2SH.
    #[error(
        "the descriptor is sh(…) with something else than multi(…) or sortedmulti(…) in it: other \
         programs, Bitcoin Core among them, couldn't spend from it"
    )]
    NotLegacyMulti,
    /// A hash lock.
    #[error("the descriptor has a hash lock: Quorate handles signatures and timelocks only")]
    HashLock,
    /// A lock by clock time.
    #[error("the descriptor has a timelock by clock time: Quorate handles locks by blocks only")]
    TimeLock,
    /// A relative lock over 65535 blocks.
    #[error(
        "the descriptor has the lock older({value}), of which Bitcoin compares the lowest 16 \
         bits only: write at most older(65535)"
    )]
    OlderTooLarge {
        /// What it says.
        value: u32,
    },
    /// Relative and absolute locks together.
    #[error(
        "the descriptor mixes locks by coin age (older) with locks by height (after): Quorate \
         handles one kind per vault"
    )]
    MixedLocks,
    /// Spendable without a signature, or unspendable.
    #[error("a branch of the descriptor needs no signature or can never be spent: don't use it")]
    NoSignature,
    /// One cosigner counted twice in one quorum.
    #[error(
        "cosigner number {} is counted twice in one quorum, so its signature would count as two: \
         give every place a key of its own", .cosigner + 1
    )]
    CountedTwice {
        /// Whose key, as an index.
        cosigner: usize,
    },
    /// A key that belongs to no cosigner.
    #[error("the descriptor has a key that belongs to no cosigner")]
    UnknownKey,
    /// Conditions that aren't one quorum.
    #[error(
        "the descriptor has a condition that isn't a quorum (some number of a group of keys): \
         Quorate can't show who may spend, so it doesn't take it"
    )]
    NotAQuorum,
    /// Two quorums that open at once.
    #[error(
        "the descriptor has two different quorums that open at the same time: Quorate handles \
         one for each lock"
    )]
    TwoAtOnce,
    /// A policy that makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Miniscript's own refusal.
    #[error("the descriptor isn't sane miniscript: {0}; don't use it")]
    Miniscript(String),
}

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A cosigner's, as an index.
    Cosigner(usize),
    /// Nobody's: a point without a known private key. It never signs.
    Nobody,
}

/// Reads the policy out of a descriptor. `holder_of` says whose a key is.
pub fn analyze<Pk: MiniscriptKey>(
    descriptor: &Descriptor<Pk>,
    cosigners: usize,
    holder_of: impl Fn(&Pk) -> Option<Holder>,
) -> Result<Policy, AnalyzeError> {
    let paths = analyze_paths(descriptor, holder_of)?;
    let paths = paths.into_iter().map(|path| path.spending_path()).collect();
    Ok(Policy::new(paths, cosigners)?)
}

/// A spending path and which key of the script each of its cosigners signs with there.
#[derive(Debug, Clone)]
pub(crate) struct AnalyzedPath<Pk> {
    pub(crate) lock: Option<Timelock>,
    pub(crate) quorum: Quorum<Pk>,
}

/// Any `threshold` of these keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quorum<Pk> {
    pub(crate) threshold: usize,
    pub(crate) keys: BTreeMap<usize, Pk>,
}

impl<Pk> AnalyzedPath<Pk> {
    pub(crate) fn spending_path(&self) -> SpendingPath {
        SpendingPath {
            threshold: self.quorum.threshold,
            cosigners: self.quorum.keys.keys().copied().collect(),
            lock: self.lock,
        }
    }
}

/// As [`analyze`], without the checks of [`Policy::check`] and with the keys of each path.
pub(crate) fn analyze_paths<Pk: MiniscriptKey>(
    descriptor: &Descriptor<Pk>,
    holder_of: impl Fn(&Pk) -> Option<Holder>,
) -> Result<Vec<AnalyzedPath<Pk>>, AnalyzeError> {
    check_kind(descriptor)?;
    let meaning = descriptor
        .lift()
        .map_err(|e| AnalyzeError::Miniscript(e.to_string()))?
        .normalized();
    check_units(&locks_of(&meaning)?)?;

    let mut paths: Vec<AnalyzedPath<Pk>> = Vec::new();
    // An internal key that is nobody's only closes the key path.
    let nobody = |part: &&Meaning<Pk>| matches!(part, Meaning::Key(key) if holder_of(key) == Some(Holder::Nobody));
    for part in alternatives(&meaning)
        .into_iter()
        .filter(|part| !nobody(part))
    {
        for path in paths_of(part, &holder_of)? {
            add(&mut paths, path)?;
        }
    }
    paths.sort_by_key(|path| path.lock);
    Ok(paths)
}

/// The parts of the outermost "or", or the whole.
fn alternatives<Pk: MiniscriptKey>(meaning: &Meaning<Pk>) -> Vec<&Meaning<Pk>> {
    match meaning {
        Meaning::Thresh(thresh) if thresh.is_or() => thresh.iter().map(AsRef::as_ref).collect(),
        whole => vec![whole],
    }
}

/// Lifting flattens "or", so a quorum of "any 1 of" arrives in pieces: put it together again.
fn add<Pk: MiniscriptKey>(
    paths: &mut Vec<AnalyzedPath<Pk>>,
    new: AnalyzedPath<Pk>,
) -> Result<(), AnalyzeError> {
    let Some(same) = paths.iter_mut().find(|path| path.lock == new.lock) else {
        paths.push(new);
        return Ok(());
    };
    if same.quorum.threshold != 1 || new.quorum.threshold != 1 {
        return Err(AnalyzeError::TwoAtOnce);
    }
    merge(&mut same.quorum.keys, new.quorum.keys)
}

fn merge<Pk>(
    into: &mut BTreeMap<usize, Pk>,
    from: BTreeMap<usize, Pk>,
) -> Result<(), AnalyzeError> {
    for (cosigner, key) in from {
        if into.insert(cosigner, key).is_some() {
            return Err(AnalyzeError::CountedTwice { cosigner });
        }
    }
    Ok(())
}

/// What one alternative allows before and after each of its locks.
fn paths_of<Pk: MiniscriptKey>(
    part: &Meaning<Pk>,
    holder_of: &impl Fn(&Pk) -> Option<Holder>,
) -> Result<Vec<AnalyzedPath<Pk>>, AnalyzeError> {
    let mut paths: Vec<AnalyzedPath<Pk>> = Vec::new();
    let moments = std::iter::once(None).chain(locks_of(part)?.into_iter().map(Some));
    for lock in moments {
        let quorum = match at(part, lock, holder_of)? {
            Truth::Never => continue,
            Truth::Always => return Err(AnalyzeError::NoSignature),
            Truth::Quorum(quorum) => quorum,
        };
        if paths.last().is_none_or(|before| before.quorum != quorum) {
            paths.push(AnalyzedPath { lock, quorum });
        }
    }
    match paths.is_empty() {
        true => Err(AnalyzeError::NoSignature),
        false => Ok(paths),
    }
}

/// What a condition comes to at one moment.
enum Truth<Pk> {
    Never,
    Always,
    Quorum(Quorum<Pk>),
}

/// Evaluates a condition with all locks up to `now` passed. Linear in its size: quorums are kept
/// as threshold and group, never written out as combinations.
fn at<Pk: MiniscriptKey>(
    meaning: &Meaning<Pk>,
    now: Option<Timelock>,
    holder_of: &impl Fn(&Pk) -> Option<Holder>,
) -> Result<Truth<Pk>, AnalyzeError> {
    Ok(match meaning {
        Meaning::Unsatisfiable => Truth::Never,
        Meaning::Trivial => Truth::Always,
        Meaning::Key(key) => match holder_of(key).ok_or(AnalyzeError::UnknownKey)? {
            Holder::Nobody => Truth::Never,
            Holder::Cosigner(cosigner) => Truth::Quorum(Quorum {
                threshold: 1,
                keys: BTreeMap::from([(cosigner, key.clone())]),
            }),
        },
        Meaning::After(_) | Meaning::Older(_) => match lock_of(meaning)? {
            Some(lock) if now.is_some_and(|now| lock <= now) => Truth::Always,
            _ => Truth::Never,
        },
        Meaning::Sha256(_) | Meaning::Hash256(_) | Meaning::Ripemd160(_) | Meaning::Hash160(_) => {
            return Err(AnalyzeError::HashLock);
        }
        Meaning::Thresh(thresh) => {
            let (mut needed, mut quorums) = (thresh.k(), Vec::new());
            for part in thresh.iter() {
                match at(part, now, holder_of)? {
                    Truth::Never => {}
                    Truth::Always => needed = needed.saturating_sub(1),
                    Truth::Quorum(quorum) => quorums.push(quorum),
                }
            }
            combine(needed, quorums)?
        }
    })
}

/// `needed` of these quorums, if that is a quorum again.
fn combine<Pk>(needed: usize, quorums: Vec<Quorum<Pk>>) -> Result<Truth<Pk>, AnalyzeError> {
    if needed == 0 {
        return Ok(Truth::Always);
    }
    if needed > quorums.len() {
        return Ok(Truth::Never);
    }
    let single = quorums.len() == 1;
    let all = needed == quorums.len();
    let threshold = match (all, needed) {
        (true, _) => quorums.iter().map(|quorum| quorum.threshold).sum(),
        (false, needed) => needed,
    };
    let fits = |quorum: &Quorum<Pk>| match (single, all, needed) {
        (true, ..) => true,
        // "and": everybody of everything.
        (_, true, _) => quorum.threshold == quorum.keys.len(),
        // "or": anybody of anything.
        (_, _, 1) => quorum.threshold == 1,
        // In between only single keys can be counted.
        _ => quorum.keys.len() == 1,
    };
    if !quorums.iter().all(fits) {
        return Err(AnalyzeError::NotAQuorum);
    }
    let mut keys = BTreeMap::new();
    for quorum in quorums {
        merge(&mut keys, quorum.keys)?;
    }
    Ok(Truth::Quorum(Quorum { threshold, keys }))
}

/// All locks in a condition, ascending.
fn locks_of<Pk: MiniscriptKey>(meaning: &Meaning<Pk>) -> Result<BTreeSet<Timelock>, AnalyzeError> {
    let mut locks = BTreeSet::new();
    let mut stack = vec![meaning];
    while let Some(node) = stack.pop() {
        locks.extend(lock_of(node)?);
        if let Meaning::Thresh(thresh) = node {
            stack.extend(thresh.iter().map(AsRef::as_ref));
        }
    }
    Ok(locks)
}

fn lock_of<Pk: MiniscriptKey>(meaning: &Meaning<Pk>) -> Result<Option<Timelock>, AnalyzeError> {
    match meaning {
        Meaning::Older(lock) => {
            let value = lock.to_consensus_u32();
            if Sequence::from_consensus(value).is_time_locked() {
                return Err(AnalyzeError::TimeLock);
            }
            let blocks = u16::try_from(value).map_err(|_| AnalyzeError::OlderTooLarge { value })?;
            Ok(Some(Timelock::Older(blocks)))
        }
        Meaning::After(lock) if lock.is_block_time() => Err(AnalyzeError::TimeLock),
        Meaning::After(lock) => Ok(Some(Timelock::After(lock.to_consensus_u32()))),
        _ => Ok(None),
    }
}

fn check_units(locks: &BTreeSet<Timelock>) -> Result<(), AnalyzeError> {
    let relative = locks
        .iter()
        .filter(|lock| matches!(lock, Timelock::Older(_)));
    match relative.count() {
        0 => Ok(()),
        all if all == locks.len() => Ok(()),
        _ => Err(AnalyzeError::MixedLocks),
    }
}

/// Whether it is a kind of output that several cosigners guard.
fn check_kind<Pk: MiniscriptKey>(descriptor: &Descriptor<Pk>) -> Result<(), AnalyzeError> {
    match descriptor {
        Descriptor::Wsh(_) | Descriptor::Tr(_) => Ok(()),
        Descriptor::Sh(sh) => match sh.as_inner() {
            ShInner::Wsh(_) | ShInner::SortedMulti(_) => Ok(()),
            ShInner::Ms(script) if matches!(script.node, Terminal::Multi(_)) => Ok(()),
            ShInner::Ms(_) | ShInner::Wpkh(_) => Err(AnalyzeError::NotLegacyMulti),
        },
        Descriptor::Bare(_) | Descriptor::Pkh(_) | Descriptor::Wpkh(_) => {
            Err(AnalyzeError::NotAVault {
                found: function_name(descriptor),
            })
        }
    }
}

const fn function_name<Pk: MiniscriptKey>(descriptor: &Descriptor<Pk>) -> &'static str {
    match descriptor {
        Descriptor::Bare(_) => "a bare script",
        Descriptor::Pkh(_) => "pkh",
        Descriptor::Wpkh(_) => "wpkh",
        Descriptor::Wsh(_) => "wsh",
        Descriptor::Sh(_) => "sh",
        Descriptor::Tr(_) => "tr",
    }
}
