//! An author's entries as a hash chain: what is missing, out of place or said twice.

use super::entry::{Entry, EntryId, MemberId};
use std::collections::BTreeMap;
use std::fmt;

/// A break in an author's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainFault {
    /// Two different entries with one number: the author said two things.
    Equivocation {
        /// The author.
        author: MemberId,
        /// The number used twice.
        seq: u64,
    },
    /// Entries are not here (yet).
    Missing {
        /// The author.
        author: MemberId,
        /// The first number that is absent.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// An entry doesn't name the one before it.
    BrokenLink {
        /// The entry whose predecessor is another one.
        entry: EntryId,
        /// The author.
        author: MemberId,
        /// Its number.
        seq: u64,
    },
}

impl ChainFault {
    /// Whose chain it is.
    #[must_use]
    pub const fn author(&self) -> MemberId {
        match self {
            Self::Equivocation { author, .. }
            | Self::Missing { author, .. }
            | Self::BrokenLink { author, .. } => *author,
        }
    }
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equivocation { author, seq } => {
                write!(
                    f,
                    "member {author} wrote two different entries with number {seq}"
                )
            }
            Self::Missing { author, from, to } if from == to => {
                write!(f, "entry {from} of member {author} is missing")
            }
            Self::Missing { author, from, to } => {
                write!(f, "entries {from} to {to} of member {author} are missing")
            }
            Self::BrokenLink { entry, author, seq } => {
                write!(
                    f,
                    "entry {entry} (number {seq} of member {author}) doesn't follow the one before it"
                )
            }
        }
    }
}

/// Finds every fault in the chains of all authors. The order of `entries` doesn't matter.
#[must_use]
pub fn check_chain<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<ChainFault> {
    let mut by_author: BTreeMap<MemberId, BTreeMap<u64, Vec<&Entry>>> = BTreeMap::new();
    for entry in entries {
        let content = entry.content();
        by_author
            .entry(content.author)
            .or_default()
            .entry(content.seq)
            .or_default()
            .push(entry);
    }
    let mut faults = Vec::new();
    for (author, numbers) in by_author {
        let mut expected = 1;
        let mut before: Vec<EntryId> = Vec::new();
        for (seq, same) in numbers {
            // One fault however wide the gap is: the author chooses the number.
            if expected < seq {
                faults.push(ChainFault::Missing {
                    author,
                    from: expected,
                    to: seq - 1,
                });
            }
            if same.len() > 1 {
                faults.push(ChainFault::Equivocation { author, seq });
            }
            let linked = |entry: &&&Entry| {
                entry
                    .content()
                    .prev
                    .is_none_or(|prev| before.contains(&prev))
            };
            if seq == expected {
                faults.extend(same.iter().filter(|entry| !linked(entry)).map(|entry| {
                    ChainFault::BrokenLink {
                        entry: entry.id(),
                        author,
                        seq,
                    }
                }));
            }
            before = same.iter().map(|entry| entry.id()).collect();
            expected = seq.saturating_add(1);
        }
    }
    faults
}
