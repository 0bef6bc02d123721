//! The two chains of addresses that a vault derives.

use std::fmt;

/// Which of a vault's two address chains an index counts in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Keychain {
    /// Addresses given to payers: the first element of the multipath, `<0;1>`.
    Receive,
    /// Addresses our own spends return change to: the second element.
    Change,
}

impl Keychain {
    /// Both, in the order of the multipath.
    pub const ALL: [Self; 2] = [Self::Receive, Self::Change];

    /// Its place in the multipath, also how it is stored: 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Receive => 0,
            Self::Change => 1,
        }
    }

    /// The inverse of [`Self::index`]; `None` for anything but 0 and 1.
    #[must_use]
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::Receive),
            1 => Some(Self::Change),
            _ => None,
        }
    }
}

impl fmt::Display for Keychain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Change => "change",
        })
    }
}
