//! Every question of a chain source, put to one after the other.

use super::Failover;
use super::breaker::Circuit;
use crate::{Broadcast, ChainError, ChainSource, ChainStatus, ScriptSource, Waiting, foreign};
use bitcoin::{Block, BlockHash, FeeRate, Transaction, Txid};
use quorate_core::spend::Package;

impl ChainSource for Failover {
    fn name(&self) -> &str {
        let at = self.current.get().or_else(|| self.order().first().copied());
        self.members[at.unwrap_or(0)].source.name()
    }

    fn status(&self) -> Result<ChainStatus, ChainError> {
        self.ask(|source| source.status())
    }

    fn block_hash(&self, height: u32) -> Result<Option<BlockHash>, ChainError> {
        self.ask(|source| source.block_hash(height))
    }

    fn block_time(&self, height: u32) -> Result<Option<u32>, ChainError> {
        self.ask(|source| source.block_time(height))
    }

    fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, ChainError> {
        self.ask_on(self.current.get(), |source| source.blocks(hashes))
    }

    fn block_hashes(&self, from: u32, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        self.ask(|source| source.block_hashes(from, count))
    }

    fn mempool_txids(&self) -> Result<Vec<Txid>, ChainError> {
        self.ask(|source| source.mempool_txids())
    }

    fn waiting(&self) -> Result<Waiting, ChainError> {
        self.ask(|source| source.waiting())
    }

    fn mempool_transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, ChainError> {
        self.ask(|source| source.mempool_transactions(txids))
    }

    fn fee_rate(&self, blocks: u16) -> Result<Option<FeeRate>, ChainError> {
        self.ask(|source| source.fee_rate(blocks))
    }

    fn relay_floor(&self) -> Result<Option<FeeRate>, ChainError> {
        self.ask(|source| source.relay_floor())
    }

    fn package(&self, txid: &Txid) -> Result<Option<Package>, ChainError> {
        self.ask(|source| source.package(txid))
    }

    fn test_accept(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.ask(|source| source.test_accept(tx))
    }

    fn broadcast(&self, tx: &Transaction) -> Result<Broadcast, ChainError> {
        self.ask(|source| source.broadcast(tx))
    }

    fn generation(&self) -> u64 {
        self.generation.get()
    }

    fn distrust(&self, reason: &str) -> bool {
        let Some(current) = self.current.get().filter(|_| !self.is_alone()) else {
            return false;
        };
        let source_name = self.members[current].source.name().to_owned();
        let error = ChainError::BadAnswer {
            source_name,
            reason: foreign(reason),
        };
        self.failed(current, &error);
        self.remark(format!("{error}; others were asked instead"));
        // `order` falls back to all when none may be asked.
        let now = self.clock.now();
        self.order().iter().any(|&at| {
            let circuit = self.members[at].health.borrow().circuit(now);
            at != current && !matches!(circuit, Circuit::Open(_))
        })
    }

    fn by_script(&self) -> Option<&dyn ScriptSource> {
        self.serves_scripts().then_some(self)
    }

    fn remarks(&self) -> Vec<String> {
        self.compare();
        self.take_remarks()
    }
}
