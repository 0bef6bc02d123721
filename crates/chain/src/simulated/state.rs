//! Chain and mempool together, and the faucet that pays out of the subsidies.

use super::SimulatedError;
use super::block::{self, Faucet, MAX_TRANSACTIONS_WEIGHT};
use super::chain::{Chain, Scripts};
use super::mempool::{Acceptance, Mempool, Refusal, Terms};
use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, BlockHash, FeeRate, OutPoint, Sequence, Transaction, TxIn, TxOut, Weight,
};

/// What the faucet pays.
const FAUCET_FEERATE: FeeRate = FeeRate::from_sat_per_vb_u32(2);
/// Blocks the faucet mines for one payment, at most.
const FAUCET_PATIENCE: u32 = 500;

#[derive(Debug, Clone)]
pub(super) struct State {
    chain: Chain,
    mempool: Mempool,
    /// Blocks ever mined, those taken back included: no coinbase is like another.
    mined: u64,
}

impl State {
    pub(super) fn new(start: u32) -> Self {
        Self {
            chain: Chain::new(start),
            mempool: Mempool::default(),
            mined: 0,
        }
    }

    /// An empty chain that continues the count of one read from a file.
    pub(super) fn resume(start: u32, mined: u64) -> Self {
        Self {
            mined,
            ..Self::new(start)
        }
    }

    pub(super) const fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(super) const fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    pub(super) const fn mined(&self) -> u64 {
        self.mined
    }

    /// Whether the mempool would take `tx` now.
    pub(super) fn check_acceptance(&self, tx: &Transaction) -> Result<Acceptance, Refusal> {
        self.mempool
            .check(&self.chain, tx, Terms::Relay, Scripts::Run)
    }

    /// Takes `tx` into the mempool.
    pub(super) fn submit(&mut self, tx: Transaction) -> Result<(), Refusal> {
        let acceptance = self.check_acceptance(&tx)?;
        self.mempool.insert(tx, &acceptance);
        Ok(())
    }

    /// Takes back what was in a block or in the mempool before.
    pub(super) fn readmit(&mut self, tx: Transaction) -> Result<(), Refusal> {
        let (terms, scripts) = (Terms::Return, Scripts::Known);
        let acceptance = self.mempool.check(&self.chain, &tx, terms, scripts)?;
        self.mempool.insert(tx, &acceptance);
        Ok(())
    }

    /// Puts a block read from a file on the tip.
    pub(super) fn replay(&mut self, block: Block) -> Result<(), String> {
        self.chain.connect(block, Scripts::Known)
    }

    pub(super) fn keep_stale(&mut self, block: Block) {
        self.chain.keep_stale(block);
    }

    /// Mines a block out of the mempool.
    pub(super) fn mine(&mut self) -> Result<BlockHash, SimulatedError> {
        let (transactions, fees) = self.mempool.select(MAX_TRANSACTIONS_WEIGHT);
        self.extend(transactions, fees)
    }

    /// Mines a block of these transactions.
    pub(super) fn mine_with(
        &mut self,
        transactions: Vec<Transaction>,
    ) -> Result<BlockHash, SimulatedError> {
        let changes = self
            .chain
            .check_transactions(&transactions, Scripts::Run)
            .map_err(|(txid, reason)| SimulatedError::Refused { txid, reason })?;
        self.extend(transactions, changes.fees)
    }

    /// Mines a block of transactions whose scripts were run.
    fn extend(
        &mut self,
        transactions: Vec<Transaction>,
        fees: Amount,
    ) -> Result<BlockHash, SimulatedError> {
        let block = block::build(&self.chain, transactions, fees, self.mined);
        let hash = block.block_hash();
        self.chain
            .connect(block, Scripts::Known)
            .map_err(SimulatedError::Block)?;
        self.mempool.after_block(&self.chain.last().txdata);
        self.mined += 1;
        Ok(hash)
    }

    /// Takes the last `depth` blocks back.
    pub(super) fn invalidate(&mut self, depth: u32) -> Result<Vec<BlockHash>, SimulatedError> {
        let height = self.chain.height();
        if depth > height {
            return Err(SimulatedError::TooDeep { height, depth });
        }
        let taken: Vec<Block> = (0..depth).filter_map(|_| self.chain.disconnect()).collect();
        let hashes = taken.iter().map(Block::block_hash).collect();
        let old = std::mem::take(&mut self.mempool);
        let returning = taken.into_iter().rev().flat_map(|block| block.txdata);
        let waiting = old.entries().map(|entry| entry.tx.clone());
        for tx in returning.chain(waiting) {
            // What is not valid any more, a coinbase first of all, is dropped as a node drops it.
            let _ = self.readmit(tx);
        }
        Ok(hashes)
    }

    /// A payment out of matured subsidies; mines empty blocks until there are enough of them.
    pub(super) fn faucet_payment(
        &mut self,
        outputs: &[TxOut],
    ) -> Result<Transaction, SimulatedError> {
        let wanted = outputs
            .iter()
            .try_fold(Amount::ZERO, |sum, o| sum.checked_add(o.value))
            .unwrap_or(Amount::MAX_MONEY);
        for _ in 0..FAUCET_PATIENCE {
            if let Some(tx) = self.faucet_transaction(outputs, wanted) {
                return Ok(tx);
            }
            if block::subsidy(self.chain.height() + 1) == Amount::ZERO {
                break;
            }
            self.mine_with(Vec::new())?;
        }
        Err(SimulatedError::FaucetDry { wanted })
    }

    /// The payment, if the coins of now suffice for it.
    fn faucet_transaction(&self, outputs: &[TxOut], wanted: Amount) -> Option<Transaction> {
        let free = |outpoint: &OutPoint| !self.mempool.is_spent(outpoint);
        let mut coins: Vec<_> = self
            .chain
            .faucet_coins()
            .filter(|(outpoint, _)| free(outpoint))
            .collect();
        let total: Amount = coins.iter().map(|(_, coin)| coin.output.value).sum();
        if total < wanted {
            return None;
        }
        coins.sort_by_key(|(outpoint, coin)| (std::cmp::Reverse(coin.output.value), **outpoint));
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: Vec::new(),
            output: outputs.to_vec(),
        };
        tx.output.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: Faucet::script_pubkey(),
        });
        let mut sum = Amount::ZERO;
        for (outpoint, coin) in coins {
            sum += coin.output.value;
            tx.input.push(TxIn {
                previous_output: *outpoint,
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Faucet::witness(),
                ..TxIn::default()
            });
            // Rounded up to whole virtual bytes, as relaying counts them.
            let weight = Weight::from_vb(u64::try_from(tx.vsize()).ok()?)?;
            let fee = FAUCET_FEERATE.fee_wu(weight)?;
            if let Some(change) = sum.checked_sub(wanted).and_then(|c| c.checked_sub(fee)) {
                tx.output[outputs.len()].value = change;
                return Some(tx);
            }
        }
        None
    }
}
