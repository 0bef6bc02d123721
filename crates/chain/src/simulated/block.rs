//! Building and checking single blocks under regtest's rules.

use super::chain::Chain;
use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version as BlockVersion};
use bitcoin::hashes::Hash;
use bitcoin::opcodes::OP_TRUE;
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, CompactTarget, OutPoint, ScriptBuf, Sequence, Target, Transaction, TxIn,
    TxMerkleNode, TxOut, Weight, Witness,
};

/// Seconds between two blocks.
pub(super) const SPACING: u32 = 600;
/// Regtest's difficulty: every other hash will do.
const BITS: u32 = 0x207f_ffff;
/// Blocks after which regtest halves the subsidy.
const HALVING: u32 = 150;
/// BIP141: the commitment's place is known by these bytes.
const COMMITMENT_MARK: [u8; 4] = [0xaa, 0x21, 0xa9, 0xed];
/// What a block may weigh with room left for header and coinbase.
pub(super) const MAX_TRANSACTIONS_WEIGHT: Weight = Weight::from_wu(3_996_000);

/// Where subsidies and the faucet's change go: a script that anybody can satisfy, so the simulated
/// chain needs no key.
#[derive(Debug)]
pub(super) struct Faucet;

impl Faucet {
    fn witness_script() -> ScriptBuf {
        Builder::new().push_opcode(OP_TRUE).into_script()
    }

    pub(super) fn script_pubkey() -> ScriptBuf {
        Self::witness_script().to_p2wsh()
    }

    pub(super) fn witness() -> Witness {
        Witness::from_slice(&[Self::witness_script().as_bytes()])
    }
}

/// New money of a block at `height`.
pub(super) fn subsidy(height: u32) -> Amount {
    let sat = Amount::ONE_BTC.to_sat() * 50;
    Amount::from_sat(sat.checked_shr(height / HALVING).unwrap_or(0))
}

/// Builds the next block on the tip of `chain`. `fees` is what `transactions` pay; `nonce` makes
/// the coinbase unlike any other.
pub(super) fn build(
    chain: &Chain,
    transactions: Vec<Transaction>,
    fees: Amount,
    nonce: u64,
) -> Block {
    let height = chain.height() + 1;
    let mut txdata = vec![coinbase(height, subsidy(height) + fees, nonce)];
    txdata.extend(transactions);
    let mut block = Block {
        header: Header {
            version: BlockVersion::from_consensus(0x2000_0000),
            prev_blockhash: chain.tip(),
            merkle_root: TxMerkleNode::all_zeros(),
            time: chain.next_time(),
            bits: CompactTarget::from_consensus(BITS),
            nonce: 0,
        },
        txdata,
    };
    commit(&mut block);
    while !block.header.target().is_met_by(block.block_hash()) {
        block.header.nonce += 1;
    }
    block
}

/// BIP34 height, the counter, the faucet's script; the witness commitment follows in [`commit`].
fn coinbase(height: u32, value: Amount, nonce: u64) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: height_push(height)
                .push_slice(nonce.to_be_bytes())
                .into_script(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[0; 32]]),
        }],
        output: vec![TxOut {
            value,
            script_pubkey: Faucet::script_pubkey(),
        }],
    }
}

fn height_push(height: u32) -> Builder {
    Builder::new().push_int(i64::from(height))
}

/// Adds the witness commitment to the coinbase and the merkle root to the header.
fn commit(block: &mut Block) {
    if let Some(root) = block.witness_root() {
        let commitment = Block::compute_witness_commitment(&root, &[0; 32]);
        let mut bytes = PushBytesBuf::from(COMMITMENT_MARK);
        // 36 bytes are far below a push's limit.
        let _ = bytes.extend_from_slice(commitment.as_byte_array());
        block.txdata[0].output.push(TxOut {
            value: Amount::ZERO,
            script_pubkey: Builder::new()
                .push_opcode(OP_RETURN)
                .push_slice(bytes)
                .into_script(),
        });
    }
    if let Some(root) = block.compute_merkle_root() {
        block.header.merkle_root = root;
    }
}

/// What a block must fulfil by itself and as the successor of the tip, its transactions' inputs
/// aside.
pub(super) fn check(chain: &Chain, block: &Block) -> Result<(), String> {
    let height = chain.height() + 1;
    let fail = |reason: &str| Err(reason.to_owned());
    if block.header.prev_blockhash != chain.tip() {
        return fail("it doesn't follow the tip");
    }
    if block.header.validate_pow(regtest_target()).is_err() {
        return fail("high-hash");
    }
    if block.header.time <= chain.median_time_past(chain.height()) {
        return fail("time-too-old");
    }
    let coinbases = block.txdata.iter().filter(|tx| tx.is_coinbase()).count();
    let Some(first) = block.txdata.first().filter(|tx| tx.is_coinbase()) else {
        return fail("bad-cb-missing");
    };
    if coinbases != 1 {
        return fail("bad-cb-multiple");
    }
    let script_sig = first.input[0].script_sig.as_bytes();
    if !script_sig.starts_with(height_push(height).as_bytes()) {
        return fail("bad-cb-height");
    }
    if !block.check_merkle_root() {
        return fail("bad-txnmrklroot");
    }
    if !block.check_witness_commitment() {
        return fail("bad-witness-merkle-match");
    }
    if block.weight() > Weight::MAX_BLOCK {
        return fail("bad-blk-weight");
    }
    Ok(())
}

fn regtest_target() -> Target {
    Target::from_compact(CompactTarget::from_consensus(BITS))
}
