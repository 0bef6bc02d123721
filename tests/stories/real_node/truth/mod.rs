//! The ledger against the truth: `bdk_wallet`, fed with the node's blocks and mempool, must list the same coins
//! at the same heights, and the node's own `scantxoutset` must find the confirmed ones. Named scenarios one
//! by one, then random histories.

mod histories;
mod scenarios;
mod scenarios_reorg;
mod world;
