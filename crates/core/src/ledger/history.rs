//! What a source that knows the chain by scripts says of one: the list of its transactions, and a
//! hash of that list to see changes by. Both are Electrum's; the list is a claim until each
//! transaction was looked at.

use bitcoin::Txid;
use bitcoin::hashes::{Hash, HashEngine, sha256};

/// A hash of a script's list of transactions: as long as it is the same, the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptStatus(pub [u8; 32]);

/// Where a source says that a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedAt {
    /// In the block at this height.
    Block(u32),
    /// In the mempool.
    Mempool,
    /// In the mempool, after others there that it spends from.
    MempoolChild,
}

/// A transaction that a source lists for a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The transaction.
    pub txid: Txid,
    /// Where it is said to be.
    pub at: ListedAt,
}

impl Listed {
    /// The height of the block it is said to be in; `None` for the mempool.
    #[must_use]
    pub const fn height(&self) -> Option<u32> {
        match self.at {
            ListedAt::Block(height) => Some(height),
            ListedAt::Mempool | ListedAt::MempoolChild => None,
        }
    }
}

impl ScriptStatus {
    /// The status that belongs to a list in this order; `None` for a script that was never used.
    #[must_use]
    pub fn of(history: &[Listed]) -> Option<Self> {
        if history.is_empty() {
            return None;
        }
        let mut engine = sha256::Hash::engine();
        for listed in history {
            let height = match listed.at {
                ListedAt::Block(height) => i64::from(height),
                ListedAt::Mempool => 0,
                ListedAt::MempoolChild => -1,
            };
            engine.input(format!("{}:{height}:", listed.txid).as_bytes());
        }
        Some(Self(sha256::Hash::from_engine(engine).to_byte_array()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_hash_of_the_list() {
        let txid = Txid::from_byte_array([0x11; 32]);
        let list = [
            Listed {
                txid,
                at: ListedAt::Block(7),
            },
            Listed {
                txid,
                at: ListedAt::MempoolChild,
            },
        ];
        let id = "11".repeat(32);
        let expected = sha256::Hash::hash(format!("{id}:7:{id}:-1:").as_bytes());
        let status = ScriptStatus::of(&list);
        assert_eq!(status, Some(ScriptStatus(expected.to_byte_array())));
        assert_eq!(ScriptStatus::of(&[]), None);
    }
}
