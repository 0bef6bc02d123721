//! How long and how much an answer may be.

use std::time::Duration;

/// Bounds on what a node can cost us.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Until the connection stands.
    pub(super) connect: Duration,
    /// Without a byte.
    pub(super) silence: Duration,
    /// Of one question, from connecting to the last byte of the answer.
    pub(super) whole: Duration,
    /// Bytes of an answer that should be short.
    pub(super) short: u64,
    /// Bytes of an answer full of blocks or transactions. One block takes up to 8 MB as hex.
    pub(super) bulk: u64,
    /// Bytes that a batch of blocks or transactions aims at.
    pub(super) target: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(60),
            whole: Duration::from_secs(300),
            short: 1 << 20,
            bulk: 64 << 20,
            target: 16 << 20,
        }
    }
}
