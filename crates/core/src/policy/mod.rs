//! Policies: who together may spend, and from when on. A policy is a list of spending paths over
//! numbered cosigners; it is compiled to a descriptor, and any descriptor we take in is analysed
//! back to a policy, so that what people approve is what the script does.

mod analyze;
mod compile;
mod explain;
mod mishap;
mod template;

pub use analyze::{AnalyzeError, Holder, analyze};
pub use compile::compile;
pub use explain::explain;
pub use mishap::{Mishap, mishaps};
pub use template::{Template, TemplateError};

pub(crate) use analyze::{AnalyzedPath, analyze_paths};

use bitcoin::absolute::{self, LOCK_TIME_THRESHOLD};
use bitcoin::{Sequence, relative};
use std::collections::BTreeSet;
use std::fmt;

/// The most keys that a script of this kind can count (BIP383).
pub const MAX_COSIGNERS: usize = 20;

/// The most keys that fit a script of P2SH, which has at most 520 bytes (BIP383).
pub const MAX_LEGACY: usize = 15;

/// Who may spend: the first path needs no lock, each later one opens later and asks for less or
/// for others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Policy {
    /// In the order in which they open.
    pub paths: Vec<SpendingPath>,
}

/// A quorum of cosigners, optionally after a timelock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpendingPath {
    /// How many of `cosigners` must sign.
    pub threshold: usize,
    /// Whose signatures count, as indexes into the vault's cosigners.
    pub cosigners: BTreeSet<usize>,
    /// What must have passed before; nothing for the first path.
    pub lock: Option<Timelock>,
}

/// What must have passed before a path opens. Counted in blocks only: clocks of miners may lie by
/// hours, and the two units can't be mixed in one script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timelock {
    /// So many blocks since the coin was confirmed (`older`, BIP68 and BIP112).
    Older(u16),
    /// This block height (`after`, BIP65).
    After(u32),
}

impl Timelock {
    /// The number of blocks or the height.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::Older(blocks) => blocks as u32,
            Self::After(height) => height,
        }
    }

    /// The sequence that each input must carry to spend under this lock, if it asks for one.
    #[must_use]
    pub fn sequence(self) -> Option<Sequence> {
        match self {
            Self::Older(blocks) => Some(relative::LockTime::from_height(blocks).to_sequence()),
            Self::After(_) => None,
        }
    }

    /// The lock time that the transaction must carry, if it asks for one.
    #[must_use]
    pub fn lock_time(self) -> Option<absolute::LockTime> {
        match self {
            Self::Older(_) => None,
            Self::After(height) => absolute::LockTime::from_height(height).ok(),
        }
    }
}

impl SpendingPath {
    /// Whether these cosigners' signatures suffice, once the lock has passed.
    #[must_use]
    pub fn is_satisfied_by(&self, signers: &BTreeSet<usize>) -> bool {
        self.cosigners.intersection(signers).count() >= self.threshold
    }

    /// Whether every quorum of this path is also one of `other`.
    fn implies(&self, other: &Self) -> bool {
        let outside = self.cosigners.difference(&other.cosigners).count();
        self.threshold.saturating_sub(outside) >= other.threshold
    }
}

/// Why a policy can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No path at all.
    #[error("the policy has no spending path: add one")]
    NoPath,
    /// The first path has a lock.
    #[error("every spending path has a timelock: the first one must be without, for everyday use")]
    NoOpenPath,
    /// More than one path without a lock.
    #[error("spending path {path} has no timelock either: only the first one may be without")]
    SecondOpenPath {
        /// Its number, from 1.
        path: usize,
    },
    /// Nobody in it.
    #[error("spending path {path} has no cosigners: name at least one")]
    NoCosigners {
        /// Its number, from 1.
        path: usize,
    },
    /// An index beyond the cosigners.
    #[error("spending path {path} names cosigner number {cosigner}, but there are {cosigners}")]
    UnknownCosigner {
        /// Its number, from 1.
        path: usize,
        /// The cosigner's number, from 1.
        cosigner: usize,
        /// How many there are.
        cosigners: usize,
    },
    /// 0, or more than there are.
    #[error(
        "spending path {path} asks for {threshold} signatures of {cosigners} cosigners: the \
         threshold must be from 1 to {cosigners}"
    )]
    Threshold {
        /// Its number, from 1.
        path: usize,
        /// The threshold.
        threshold: usize,
        /// Its cosigners.
        cosigners: usize,
    },
    /// More than a script can count.
    #[error("the policy has {found} cosigners: a script can count at most {MAX_COSIGNERS}")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// More keys than P2SH has room for.
    #[error(
        "the policy has {found} cosigners: a script of the old kind (sh) has room for {MAX_LEGACY}; \
         choose wsh or tr"
    )]
    TooManyLegacy {
        /// How many.
        found: usize,
    },
    /// Several paths in P2SH.
    #[error(
        "a vault of the old kind (sh) has one spending path without a timelock: choose wsh or tr \
         for a policy with recovery paths"
    )]
    LegacyPaths,
    /// A cosigner in no path.
    #[error("cosigner number {cosigner} is in no spending path: add it to one or leave it out")]
    Unused {
        /// The cosigner's number, from 1.
        cosigner: usize,
    },
    /// Relative and absolute locks together.
    #[error(
        "the policy mixes locks by coin age (after_blocks) with locks by height (at_height): \
         use one kind for all of its paths"
    )]
    MixedLocks,
    /// Not later than the path before.
    #[error(
        "spending path {path} opens no later than the one before it: order the paths by their \
         locks, each later than the last"
    )]
    LockOrder {
        /// Its number, from 1.
        path: usize,
    },
    /// A lock of zero.
    #[error("spending path {path} has a lock of 0, which waits for nothing: give at least 1")]
    ZeroLock {
        /// Its number, from 1.
        path: usize,
    },
    /// A height that would be read as a time.
    #[error(
        "spending path {path} opens at height {height}, but from {LOCK_TIME_THRESHOLD} on the \
         number is read as a time: give a block height"
    )]
    HeightTooLarge {
        /// Its number, from 1.
        path: usize,
        /// The height.
        height: u32,
    },
    /// Adds nothing to an earlier path.
    #[error(
        "spending path {path} lets nobody spend who couldn't already by path {earlier}: a later \
         path must need fewer signatures or other cosigners"
    )]
    Redundant {
        /// Its number, from 1.
        path: usize,
        /// The earlier path's number, from 1.
        earlier: usize,
    },
}

impl Policy {
    /// Makes a policy over `cosigners` cosigners, refusing what makes no sense.
    pub fn new(paths: Vec<SpendingPath>, cosigners: usize) -> Result<Self, PolicyError> {
        let policy = Self { paths };
        policy.check(cosigners)?;
        Ok(policy)
    }

    /// Checks a policy over `cosigners` cosigners: one path without a lock, then locks of one kind
    /// that grow, thresholds that can be met, every cosigner used, every path of some use.
    pub fn check(&self, cosigners: usize) -> Result<(), PolicyError> {
        if cosigners > MAX_COSIGNERS {
            return Err(PolicyError::TooMany { found: cosigners });
        }
        let first = self.paths.first().ok_or(PolicyError::NoPath)?;
        if first.lock.is_some() {
            return Err(PolicyError::NoOpenPath);
        }
        for (at, path) in self.paths.iter().enumerate() {
            check_quorum(at + 1, path, cosigners)?;
            check_lock(at + 1, path, at.checked_sub(1).map(|i| &self.paths[i]))?;
            if let Some(earlier) = self.paths[..at].iter().position(|e| path.implies(e)) {
                return Err(PolicyError::Redundant {
                    path: at + 1,
                    earlier: earlier + 1,
                });
            }
        }
        let unused = (0..cosigners).find(|i| self.paths.iter().all(|p| !p.cosigners.contains(i)));
        match unused {
            None => Ok(()),
            Some(at) => Err(PolicyError::Unused { cosigner: at + 1 }),
        }
    }

    /// How many signatures the path without a lock needs.
    #[must_use]
    pub fn threshold(&self) -> usize {
        let open = self.paths.iter().find(|path| path.lock.is_none());
        open.map_or(0, |path| path.threshold)
    }
}

fn check_quorum(number: usize, path: &SpendingPath, cosigners: usize) -> Result<(), PolicyError> {
    let count = path.cosigners.len();
    if count == 0 {
        return Err(PolicyError::NoCosigners { path: number });
    }
    if let Some(&last) = path.cosigners.last()
        && last >= cosigners
    {
        return Err(PolicyError::UnknownCosigner {
            path: number,
            cosigner: last + 1,
            cosigners,
        });
    }
    if path.threshold == 0 || path.threshold > count {
        return Err(PolicyError::Threshold {
            path: number,
            threshold: path.threshold,
            cosigners: count,
        });
    }
    Ok(())
}

fn check_lock(
    number: usize,
    path: &SpendingPath,
    before: Option<&SpendingPath>,
) -> Result<(), PolicyError> {
    let Some(before) = before else { return Ok(()) };
    let Some(lock) = path.lock else {
        return Err(PolicyError::SecondOpenPath { path: number });
    };
    if lock.value() == 0 {
        return Err(PolicyError::ZeroLock { path: number });
    }
    if let Timelock::After(height) = lock
        && height >= LOCK_TIME_THRESHOLD
    {
        return Err(PolicyError::HeightTooLarge {
            path: number,
            height,
        });
    }
    match (before.lock, lock) {
        (Some(Timelock::Older(_)), Timelock::After(_))
        | (Some(Timelock::After(_)), Timelock::Older(_)) => Err(PolicyError::MixedLocks),
        (Some(earlier), _) if earlier >= lock => Err(PolicyError::LockOrder { path: number }),
        _ => Ok(()),
    }
}

impl fmt::Display for Timelock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older(blocks) => write!(f, "older({blocks})"),
            Self::After(height) => write!(f, "after({height})"),
        }
    }
}
