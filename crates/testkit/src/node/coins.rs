//! Coins to pay from. The node has no wallet, so the testkit mines to scripts that anybody may
//! spend, and builds the payments itself.

use super::Node;
use bitcoin::absolute::LockTime;
use bitcoin::opcodes::{OP_TRUE, all::OP_DROP};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Witness, address::NetworkUnchecked, consensus::encode::deserialize_hex, script::Builder,
};
use serde_json::json;
use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};

/// Blocks to mine when coins are needed: 100 make a coinbase spendable, the others give some.
const BATCH: u32 = 120;
/// In sat/vB; enough for any mempool in regtest.
const FEERATE: u64 = 5;

/// A script of the testkit: P2WSH of `<number> OP_DROP OP_TRUE`. The number differs each time in
/// the whole process, so that two nodes never mine the same block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target(u32);

impl Target {
    fn script(self) -> ScriptBuf {
        Builder::new()
            .push_int(i64::from(self.0))
            .push_opcode(OP_DROP)
            .push_opcode(OP_TRUE)
            .into_script()
    }

    pub(super) fn address(self) -> Address {
        Address::p2wsh(&self.script(), Network::Regtest)
    }
}

/// What we can pay from.
#[derive(Debug, Default)]
pub(super) struct Coins {
    /// Blocks mined to us, not looked into yet.
    mined: Vec<(BlockHash, Target)>,
    /// Coins, oldest first. Whether they are there and mature is asked when they are needed: after
    /// a reorganisation some aren't.
    coins: Vec<Coin>,
}

#[derive(Debug, Clone, Copy)]
struct Coin {
    outpoint: OutPoint,
    value: Amount,
    target: Target,
}

impl Node {
    /// Pays `amount` to `address` and returns the new coin, which waits in the mempool. Mines empty
    /// blocks when there is nothing to pay from, so the height may grow.
    ///
    /// # Panics
    /// When `address` is none of regtest, or the node refuses the payment.
    #[track_caller]
    pub fn fund(&self, address: &(impl Display + ?Sized), amount: Amount) -> OutPoint {
        let address: Address<NetworkUnchecked> = address.to_string().parse().expect("an address");
        let address = address
            .require_network(Network::Regtest)
            .expect("an address of regtest");
        let transaction = self.pay(vec![TxOut {
            value: amount,
            script_pubkey: address.script_pubkey(),
        }]);
        OutPoint::new(transaction.compute_txid(), 0)
    }

    /// Pays these outputs in one transaction, which waits in the mempool; our change comes last.
    ///
    /// # Panics
    /// When the node refuses the payment.
    #[track_caller]
    pub fn pay(&self, outputs: Vec<TxOut>) -> Transaction {
        let wanted: Amount = outputs.iter().map(|output| output.value).sum();
        let (inputs, fee) = self.choose(wanted, outputs.len());
        let total: Amount = inputs.iter().map(|coin| coin.value).sum();
        let change = TxOut {
            value: total - wanted - fee,
            script_pubkey: ScriptBuf::new(),
        };
        let target = self.fresh_target();
        let script_pubkey = target.address().script_pubkey();
        let transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs.iter().map(Coin::spend).collect(),
            output: outputs
                .into_iter()
                .chain([TxOut {
                    script_pubkey,
                    ..change
                }])
                .collect(),
        };
        let txid = self.broadcast(&transaction);
        let change = transaction.output.len() - 1;
        let mut own = self.coins.lock().expect("no panic while paying");
        own.coins
            .retain(|coin| inputs.iter().all(|used| used.outpoint != coin.outpoint));
        own.coins.push(Coin {
            outpoint: OutPoint::new(txid, u32::try_from(change).expect("few outputs")),
            value: transaction.output[change].value,
            target,
        });
        transaction
    }

    /// Coins worth more than `wanted` and the fee; confirmed ones first, since the mempool limits
    /// chains of unconfirmed ones.
    fn choose(&self, wanted: Amount, outputs: usize) -> (Vec<Coin>, Amount) {
        for _ in 0..4 {
            let (mut confirmed, unconfirmed) = self.spendable();
            confirmed.extend(unconfirmed);
            let mut total = Amount::ZERO;
            for (i, coin) in confirmed.iter().enumerate() {
                total += coin.value;
                // Change is another output; an input takes 50 vbytes at most, an output 43.
                let vsize = 12 + 50 * (i + 1) + 43 * (outputs + 1);
                let fee = Amount::from_sat(FEERATE * vsize as u64);
                if total >= wanted + fee + Amount::from_sat(1_000) {
                    confirmed.truncate(i + 1);
                    return (confirmed, fee);
                }
            }
            self.mine_empty(BATCH);
        }
        panic!("regtest's subsidies don't reach for {wanted}: use less, or a fresh node");
    }

    fn spendable(&self) -> (Vec<Coin>, Vec<Coin>) {
        let mut own = self.coins.lock().expect("no panic while looking");
        for (hash, target) in std::mem::take(&mut own.mined) {
            let block = self.rpc("getblock", json!([hash, 0]));
            let block: Block =
                deserialize_hex(block.as_str().expect("hex")).expect("a block as hex");
            let coinbase = &block.txdata[0];
            own.coins.push(Coin {
                outpoint: OutPoint::new(coinbase.compute_txid(), 0),
                value: coinbase.output[0].value,
                target,
            });
        }
        let (mut confirmed, mut unconfirmed) = (vec![], vec![]);
        for coin in &own.coins {
            let OutPoint { txid, vout } = coin.outpoint;
            let found = self.rpc("gettxout", json!([txid, vout, true]));
            let Some(confirmations) = found["confirmations"].as_u64() else {
                continue;
            };
            match (found["coinbase"] == true, confirmations) {
                (true, ..=100) => {}
                (false, 0) => unconfirmed.push(*coin),
                _ => confirmed.push(*coin),
            }
        }
        (confirmed, unconfirmed)
    }

    pub(super) fn fresh_target(&self) -> Target {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Target(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn remember_mined(&self, blocks: &[BlockHash], target: Target) {
        let mut own = self.coins.lock().expect("no panic while mining");
        own.mined.extend(blocks.iter().map(|&hash| (hash, target)));
    }
}

impl Coin {
    fn spend(&self) -> TxIn {
        TxIn {
            previous_output: self.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::from_slice(&[self.target.script().into_bytes()]),
        }
    }
}
