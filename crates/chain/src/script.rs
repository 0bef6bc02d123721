//! Sources that know the chain by scripts instead of whole blocks.

use crate::ChainError;
use bitcoin::block::Header;
use bitcoin::{ScriptBuf, Transaction, Txid};
use quorate_core::ledger::{Listed, ScriptStatus};

/// The way from a transaction up to the root in its block's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The transaction's place in the block.
    pub position: u32,
    /// The hashes beside the way, the lowest first, in the order of bytes that is hashed.
    pub hashes: Vec<[u8; 32]>,
}

/// What a source that serves histories of scripts answers. It sees which scripts belong together,
/// and what it leaves out can't be noticed; everything else can be checked, and is by who asks.
///
/// Answers come in the order of the questions. A transaction that can't be had any more is `None`.
pub trait ScriptSource {
    /// A hash of each script's history; `None` for one that was never used. Asking this often is
    /// cheap.
    fn statuses(&self, scripts: &[ScriptBuf]) -> Result<Vec<Option<ScriptStatus>>, ChainError>;
    /// The transactions that pay to or from each script, those in blocks first, by height.
    fn histories(&self, scripts: &[ScriptBuf]) -> Result<Vec<Vec<Listed>>, ChainError>;
    /// Transactions by id: they have the ids that they were asked by.
    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Option<Transaction>>, ChainError>;
    /// Where in the active chain's block at its height each transaction is. Not yet checked.
    fn branches(&self, places: &[(Txid, u32)]) -> Result<Vec<Option<Branch>>, ChainError>;
    /// The active chain's headers at these heights, each with its proof of work; `None` above the
    /// tip.
    fn headers(&self, heights: &[u32]) -> Result<Vec<Option<Header>>, ChainError>;
    /// Headers of the active chain from `from` on, at most `count`, fewer at the tip, each with its
    /// proof of work.
    fn headers_from(&self, from: u32, count: u32) -> Result<Vec<Header>, ChainError>;
}
