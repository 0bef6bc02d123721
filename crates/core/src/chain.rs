//! Words about the chain that every crate shares.

use bitcoin::BlockHash;
use std::fmt;

/// A block's place and identity: a height alone says nothing once the chain reorganises.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct BlockId {
    /// Blocks below it; genesis is 0.
    pub height: u32,
    /// Its header's hash.
    pub hash: BlockHash,
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at height {}", self.hash, self.height)
    }
}
