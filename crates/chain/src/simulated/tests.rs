#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use bitcoin::absolute::LockTime;
use bitcoin::blockdata::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::{OP_CHECKSIG, OP_CSV, OP_DROP};
use bitcoin::script::Builder;
use bitcoin::secp256k1::{Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{PublicKey, Sequence, TxIn, Witness, ecdsa};

/// A party with one key: p2wsh of `[<n> CSV DROP] <key> CHECKSIG`.
struct Party {
    secret: SecretKey,
    script: ScriptBuf,
}

impl Party {
    fn new(n: u8, older: Option<i64>) -> Self {
        let secret = SecretKey::from_slice(&[n; 32]).unwrap();
        let key = PublicKey::new(secret.public_key(&Secp256k1::new()));
        let mut script = Builder::new();
        if let Some(blocks) = older {
            script = script
                .push_int(blocks)
                .push_opcode(OP_CSV)
                .push_opcode(OP_DROP);
        }
        let script = script.push_key(&key).push_opcode(OP_CHECKSIG).into_script();
        Self { secret, script }
    }

    fn address(&self) -> ScriptBuf {
        self.script.to_p2wsh()
    }

    /// Spends `coins`, worth `value` each, paying `fee` and the rest to `to`.
    fn spend(&self, coins: &[OutPoint], value: u64, fee: u64, to: &Self) -> Transaction {
        let rbf = Sequence::ENABLE_RBF_NO_LOCKTIME;
        self.spend_with(coins, value, fee, to, rbf, LockTime::ZERO)
    }

    fn spend_with(
        &self,
        coins: &[OutPoint],
        value: u64,
        fee: u64,
        to: &Self,
        sequence: Sequence,
        lock_time: LockTime,
    ) -> Transaction {
        let rest = Amount::from_sat(value * coins.len() as u64 - fee);
        let outputs = vec![output(&to.address(), rest)];
        self.sign(unsigned(coins, outputs, sequence, lock_time), value)
    }

    fn spend_to(&self, coins: &[OutPoint], value: u64, outputs: Vec<TxOut>) -> Transaction {
        let rbf = Sequence::ENABLE_RBF_NO_LOCKTIME;
        self.sign(unsigned(coins, outputs, rbf, LockTime::ZERO), value)
    }

    fn sign(&self, mut tx: Transaction, value: u64) -> Transaction {
        let (amount, kind) = (Amount::from_sat(value), EcdsaSighashType::All);
        for i in 0..tx.input.len() {
            let hash = SighashCache::new(&tx)
                .p2wsh_signature_hash(i, &self.script, amount, kind)
                .unwrap();
            let message = Message::from_digest(hash.to_byte_array());
            let signature = ecdsa::Signature {
                signature: Secp256k1::new().sign_ecdsa(&message, &self.secret),
                sighash_type: kind,
            };
            tx.input[i].witness =
                Witness::from_slice(&[signature.to_vec().as_slice(), self.script.as_bytes()]);
        }
        tx
    }
}

fn unsigned(
    coins: &[OutPoint],
    output: Vec<TxOut>,
    sequence: Sequence,
    lock_time: LockTime,
) -> Transaction {
    let input = |&previous_output| TxIn {
        previous_output,
        sequence,
        ..TxIn::default()
    };
    Transaction {
        version: Version::TWO,
        lock_time,
        input: coins.iter().map(input).collect(),
        output,
    }
}

fn refusal(outcome: Broadcast) -> String {
    match outcome {
        Broadcast::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

const VALUE: u64 = 1_000_000;

/// A chain on which `alice` has `N` coins of `VALUE`.
fn funded<const N: usize>(alice: &Party) -> (Simulated, [OutPoint; N]) {
    let chain = Simulated::new();
    let coin = output(&alice.address(), Amount::from_sat(VALUE));
    let txid = chain.fund_all(&vec![coin; N]).unwrap();
    let mut vout = 0..;
    let coins = std::array::from_fn(|_| OutPoint::new(txid, vout.next().unwrap()));
    (chain, coins)
}

fn parties() -> (Party, Party) {
    (Party::new(1, None), Party::new(2, None))
}

fn height(chain: &Simulated) -> u32 {
    chain.status().unwrap().tip.height
}

#[test]
fn a_new_chain_is_regtests_genesis_block() {
    let chain = Simulated::new();
    let status = chain.status().unwrap();
    let genesis = genesis_block(Network::Regtest).block_hash();
    assert_eq!((status.network, status.tip.height), (Network::Regtest, 0));
    assert_eq!(status.tip.hash, genesis);
    assert_eq!((status.pruned_below, status.syncing), (None, None));
    assert_eq!(chain.block_hash(0).unwrap(), Some(genesis));
    assert_eq!(chain.block_hash(1).unwrap(), None);
    assert_eq!(chain.block_time(1).unwrap(), None);
}

#[test]
fn blocks_are_chained_worked_for_and_600_seconds_apart() {
    let chain = Simulated::starting_at(1_800_000_000);
    let mined = chain.mine(20).unwrap();
    let hashes = chain.block_hashes(0, 100).unwrap();
    assert_eq!(hashes[1..], mined);
    assert_eq!(chain.block_hashes(5, 3).unwrap(), hashes[5..8]);
    assert_eq!(chain.block_hashes(21, 3).unwrap(), []);
    assert_eq!(chain.block_hashes(3, u32::MAX).unwrap().len(), 18);
    let blocks = chain.blocks(&hashes).unwrap();
    for (i, pair) in (1_u32..).zip(blocks.windows(2)) {
        let [below, block] = pair else { panic!() };
        assert_eq!(block.header.prev_blockhash, below.block_hash());
        assert!(block.header.target().is_met_by(block.block_hash()));
        assert!(block.check_merkle_root() && block.check_witness_commitment());
        let time = 1_800_000_000 + (i - 1) * 600;
        assert_eq!(block.header.time, time);
        assert_eq!(chain.block_time(i).unwrap(), Some(time));
        if i > 16 {
            assert_eq!(block.bip34_block_height().unwrap(), u64::from(i));
        }
    }
}

#[test]
fn the_same_calls_make_the_same_chain() {
    let (alice, _) = parties();
    let (one, _) = funded::<2>(&alice);
    let (two, _) = funded::<2>(&alice);
    assert_eq!(one.status().unwrap(), two.status().unwrap());
}

#[test]
fn funding_makes_a_coin_with_one_confirmation() {
    let (alice, bob) = parties();
    let chain = Simulated::new();
    let coin = chain
        .fund(&alice.address(), Amount::from_sat(VALUE))
        .unwrap();
    let tip = chain.status().unwrap().tip;
    let block = chain.blocks(&[tip.hash]).unwrap().pop().unwrap();
    let tx = &block.txdata[1];
    assert_eq!(tx.compute_txid(), coin.txid);
    assert_eq!(tx.output[0].script_pubkey, alice.address());
    // More than one subsidy at once, and again.
    let sum = Amount::from_btc(170.0).unwrap();
    chain.fund(&bob.address(), sum).unwrap();
    chain.fund(&bob.address(), sum).unwrap();
}

#[test]
fn the_faucet_runs_dry_with_a_sentence() {
    let (alice, _) = parties();
    let error = Simulated::new().fund(&alice.address(), Amount::MAX_MONEY);
    assert!(matches!(error, Err(SimulatedError::FaucetDry { .. })));
}

#[test]
fn a_payment_waits_in_the_mempool_until_it_is_mined() {
    let (alice, _) = parties();
    let (chain, []) = funded(&alice);
    let coin = chain.pay(&alice.address(), Amount::from_sat(5)).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), [coin.txid]);
    chain.mine_empty(1).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), [coin.txid]);
    let hash = chain.mine(1).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
    let block = chain.blocks(&hash).unwrap().pop().unwrap();
    assert_eq!(block.txdata[1].compute_txid(), coin.txid);
}

#[test]
fn a_broadcast_is_accepted_once_and_known_ever_after() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    let tx = alice.spend(&[coin], VALUE, 1_000, &bob);
    assert_eq!(chain.test_accept(&tx).unwrap(), Broadcast::Accepted);
    assert_eq!(chain.mempool_txids().unwrap(), []);
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::Accepted);
    assert_eq!(chain.test_accept(&tx).unwrap(), Broadcast::AlreadyKnown);
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::AlreadyKnown);
    let (txid, stranger) = (tx.compute_txid(), Txid::all_zeros());
    let found = chain.mempool_transactions(&[stranger, txid]).unwrap();
    assert_eq!(found, std::slice::from_ref(&tx));
    chain.mine(1).unwrap();
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::AlreadyKnown);
    // Known even when its outputs are spent.
    let next = bob.spend(&[OutPoint::new(txid, 0)], VALUE - 1_000, 1_000, &alice);
    assert_eq!(chain.broadcast(&next).unwrap(), Broadcast::Accepted);
    chain.mine(1).unwrap();
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::AlreadyKnown);
}

#[test]
fn what_a_node_refuses_is_refused_in_its_words() {
    let (alice, bob) = parties();
    let (chain, [coin, other]) = funded(&alice);
    let good = || alice.spend(&[coin], VALUE, 1_000, &bob);
    let says = |tx: &Transaction, words: &str| {
        let reason = refusal(chain.test_accept(tx).unwrap());
        assert!(reason.contains(words), "{reason}");
        assert_eq!(refusal(chain.broadcast(tx).unwrap()), reason);
    };

    let mut tx = good();
    tx.output[0].value = Amount::from_sat(VALUE - 2_000);
    says(&tx, "mandatory-script-verify-flag-failed (input 0");
    says(&bob.spend(&[coin], VALUE, 1_000, &bob), "flag-failed");
    says(&alice.spend(&[coin], VALUE + 1, 1_000, &bob), "flag-failed");
    let more = Transaction {
        output: vec![output(&bob.address(), Amount::from_sat(VALUE + 1))],
        ..good()
    };
    says(&more, "bad-txns");
    let nowhere = OutPoint::new(coin.txid, 77);
    says(
        &alice.spend(&[nowhere], VALUE, 1_000, &bob),
        "bad-txns-inputs-missingorspent",
    );
    let vsize = good().vsize() as u64;
    says(
        &alice.spend(&[coin], VALUE, vsize - 10, &bob),
        "min relay fee not met",
    );
    says(
        &alice.spend(&[coin, coin], VALUE, 1_000, &bob),
        "second time",
    );
    let coinbase = chain.blocks(&[chain.status().unwrap().tip.hash]).unwrap();
    says(&coinbase[0].txdata[0], "coinbase");
    assert_eq!(chain.mempool_txids().unwrap(), []);
    // None of that stood in the way.
    assert_eq!(chain.broadcast(&good()).unwrap(), Broadcast::Accepted);
    let both = alice.spend(&[other], VALUE, 1_000, &bob);
    assert_eq!(chain.broadcast(&both).unwrap(), Broadcast::Accepted);
}

#[test]
fn immature_coinbases_wait_a_hundred_blocks() {
    let chain = Simulated::new();
    chain.mine(1).unwrap();
    let hash = chain.block_hash(1).unwrap().unwrap();
    let coinbase = &chain.blocks(&[hash]).unwrap()[0].txdata[0];
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(coinbase.compute_txid(), 0),
            witness: block::Faucet::witness(),
            ..TxIn::default()
        }],
        output: vec![output(
            &block::Faucet::script_pubkey(),
            Amount::from_sat(VALUE),
        )],
    };
    chain.mine(98).unwrap();
    let reason = refusal(chain.broadcast(&tx).unwrap());
    assert_eq!(reason, "bad-txns-premature-spend-of-coinbase");
    chain.mine(1).unwrap();
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::Accepted);
    chain.mine(1).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
    // A reorg that makes it immature again drops it.
    chain.invalidate(2).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
}

#[test]
fn t24_a_relative_lock_opens_at_its_block_and_not_one_earlier() {
    let (_, bob) = parties();
    let recovery = Party::new(3, Some(10));
    let (chain, [coin]) = funded(&recovery);
    let spend = |blocks| {
        let sequence = Sequence::from_height(blocks);
        recovery.spend_with(&[coin], VALUE, 1_000, &bob, sequence, LockTime::ZERO)
    };
    // The coin has one confirmation; the next block would be its second.
    chain.mine(8).unwrap();
    let reason = refusal(chain.broadcast(&spend(10)).unwrap());
    assert_eq!(reason, "non-BIP68-final");
    let error = chain.mine_with(vec![spend(10)]).unwrap_err();
    assert!(error.to_string().contains("non-BIP68-final"), "{error}");
    // A sequence below the script's number is the script's business.
    let reason = refusal(chain.broadcast(&spend(9)).unwrap());
    assert!(reason.contains("flag-failed"), "{reason}");
    chain.mine(1).unwrap();
    assert_eq!(chain.broadcast(&spend(10)).unwrap(), Broadcast::Accepted);
    chain.mine(1).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
    // Taken back too far, it has to leave the mempool again.
    chain.invalidate(2).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
}

#[test]
fn relative_locks_by_time_count_from_the_median_before_the_coin() {
    let (_, bob) = parties();
    // 10 x 512 seconds; blocks are 600 seconds apart and the median lags equally at both ends.
    let recovery = Party::new(3, Some((1 << 22) | 10));
    let (chain, [coin]) = funded(&recovery);
    let sequence = Sequence::from_512_second_intervals(10);
    let tx = recovery.spend_with(&[coin], VALUE, 1_000, &bob, sequence, LockTime::ZERO);
    let mut mined = 0;
    while chain.broadcast(&tx).unwrap() != Broadcast::Accepted {
        chain.mine(1).unwrap();
        mined += 1;
        assert!(mined < 100);
    }
    // 5,120 seconds are 8.5 blocks after the one before the coin's.
    assert_eq!(mined, 8);
}

#[test]
fn absolute_locks_open_at_their_height() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    let tip = height(&chain);
    let lock = |height| {
        let lock_time = LockTime::from_height(height).unwrap();
        let sequence = Sequence::ENABLE_LOCKTIME_NO_RBF;
        alice.spend_with(&[coin], VALUE, 1_000, &bob, sequence, lock_time)
    };
    let reason = refusal(chain.broadcast(&lock(tip + 1)).unwrap());
    assert_eq!(reason, "non-final");
    assert_eq!(chain.test_accept(&lock(tip)).unwrap(), Broadcast::Accepted);
    chain.mine(1).unwrap();
    let tx = lock(tip + 1);
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::Accepted);
    let at = |time| {
        let lock_time = LockTime::from_time(time).unwrap();
        let sequence = Sequence::ENABLE_LOCKTIME_NO_RBF;
        alice.spend_with(&[coin], VALUE, 50_000, &bob, sequence, lock_time)
    };
    // BIP113: five blocks behind the newest time.
    let newest = chain.block_time(tip + 1).unwrap().unwrap();
    let reason = refusal(chain.test_accept(&at(newest - 3_000)).unwrap());
    assert_eq!(reason, "non-final");
    assert_eq!(
        chain.test_accept(&at(newest - 3_001)).unwrap(),
        Broadcast::Accepted
    );
}

#[test]
fn t27_a_replacement_pays_more_than_all_it_evicts() {
    let (alice, bob) = parties();
    let (chain, [coin, other]) = funded(&alice);
    let first = alice.spend(&[coin], VALUE, 1_000, &bob);
    let child = bob.spend(
        &[OutPoint::new(first.compute_txid(), 0)],
        VALUE - 1_000,
        5_000,
        &alice,
    );
    for tx in [&first, &child] {
        assert_eq!(chain.broadcast(tx).unwrap(), Broadcast::Accepted);
    }
    let vsize = first.vsize() as u64;
    for (fee, words) in [
        (999, "feerate"),
        (1_000, "feerate"),
        (1_001, "insufficient fee"),
        (6_000, "insufficient fee"),
        // The size varies by a byte with the signature.
        (6_000 + vsize - 2, "insufficient fee"),
    ] {
        let tx = alice.spend(&[coin], VALUE, fee, &alice);
        let reason = refusal(chain.broadcast(&tx).unwrap());
        assert!(reason.contains(words), "{fee}: {reason}");
    }
    let better = alice.spend(&[coin], VALUE, 6_000 + vsize + 2, &alice);
    assert_eq!(chain.broadcast(&better).unwrap(), Broadcast::Accepted);
    assert_eq!(chain.mempool_txids().unwrap(), [better.compute_txid()]);
    // The evicted child has lost its parent; the evicted parent would have to pay more.
    let reason = refusal(chain.broadcast(&child).unwrap());
    assert_eq!(reason, "bad-txns-inputs-missingorspent");
    assert!(refusal(chain.broadcast(&first).unwrap()).contains("insufficient fee"));
    let unrelated = alice.spend(&[other], VALUE, 1_000, &bob);
    assert_eq!(chain.broadcast(&unrelated).unwrap(), Broadcast::Accepted);
    assert_eq!(chain.mempool_txids().unwrap().len(), 2);
}

#[test]
fn t27_a_replacement_cannot_spend_what_it_replaces() {
    let (alice, _) = parties();
    let (chain, [one, two]) = funded(&alice);
    let parent = alice.spend(&[one, two], VALUE, VALUE, &alice);
    assert_eq!(chain.broadcast(&parent).unwrap(), Broadcast::Accepted);
    let inside = OutPoint::new(parent.compute_txid(), 0);
    let circular = alice.spend(&[one, inside], VALUE, VALUE * 3 / 2, &alice);
    let reason = refusal(chain.broadcast(&circular).unwrap());
    assert!(reason.contains("spends-conflicting-tx"), "{reason}");
}

#[test]
fn t27_a_replacement_evicts_a_hundred_at_most() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    let mut last = coin;
    let mut value = VALUE;
    for count in 1..=101 {
        let tx = alice.spend(&[last], value, 200, &alice);
        assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::Accepted);
        last = OutPoint::new(tx.compute_txid(), 0);
        value -= 200;
        let rich = alice.spend(&[coin], VALUE, 500_000, &bob);
        match (count, chain.test_accept(&rich).unwrap()) {
            (..=100, Broadcast::Accepted) => {}
            (101, Broadcast::Refused(reason)) => assert!(reason.contains("101 > 100")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_too_large_to_relay_is_still_good_for_a_block() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    let dust = output(&bob.address(), Amount::from_sat(1));
    let change = alice.spend(&[coin], VALUE, 500_000, &alice).output;
    let outputs = [change, vec![dust; 3_000]].concat();
    let tx = alice.spend_to(&[coin], VALUE, outputs);
    assert_eq!(refusal(chain.broadcast(&tx).unwrap()), "tx-size");
    chain.mine_with(vec![tx]).unwrap();
}

#[test]
fn a_full_block_leaves_out_a_transaction_with_its_children() {
    let (alice, bob) = parties();
    let (chain, [coin, other]) = funded(&alice);
    let dust = output(&bob.address(), Amount::from_sat(1));
    let change = output(&alice.address(), Amount::from_sat(VALUE - 100_000));
    let outputs = [vec![change], vec![dust; 500]].concat();
    let large = alice.spend_to(&[coin], VALUE, outputs);
    let spent = OutPoint::new(large.compute_txid(), 0);
    let child = alice.spend(&[spent], VALUE - 100_000, 1_000, &bob);
    let small = alice.spend(&[other], VALUE, 1_000, &bob);
    for tx in [&large, &child, &small] {
        assert_eq!(chain.broadcast(tx).unwrap(), Broadcast::Accepted);
    }
    let select = |room| {
        let select = |state: &State| state.mempool().select(room);
        let (taken, fees) = chain.read(select).unwrap();
        let txids: Vec<Txid> = taken.iter().map(Transaction::compute_txid).collect();
        (txids, fees.to_sat())
    };
    let room = child.weight() + small.weight();
    assert_eq!(select(room), (vec![small.compute_txid()], 1_000));
    let room = large.weight() + child.weight();
    let both = vec![large.compute_txid(), child.compute_txid()];
    assert_eq!(select(room), (both, 100_500));
}

#[test]
fn a_block_with_a_conflict_evicts_the_mempools_version_and_its_children() {
    let (alice, bob) = parties();
    let (chain, [coin, other]) = funded(&alice);
    let ours = alice.spend(&[coin], VALUE, 1_000, &bob);
    let child = bob.spend(
        &[OutPoint::new(ours.compute_txid(), 0)],
        VALUE - 1_000,
        1_000,
        &alice,
    );
    let unrelated = alice.spend(&[other], VALUE, 1_000, &bob);
    for tx in [&ours, &child, &unrelated] {
        assert_eq!(chain.broadcast(tx).unwrap(), Broadcast::Accepted);
    }
    let theirs = alice.spend(&[coin], VALUE, 500, &alice);
    chain.mine_with(vec![theirs.clone()]).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), [unrelated.compute_txid()]);
    let reason = refusal(chain.broadcast(&ours).unwrap());
    assert_eq!(reason, "bad-txns-inputs-missingorspent");
    assert_eq!(chain.broadcast(&theirs).unwrap(), Broadcast::AlreadyKnown);
}

#[test]
fn a_block_takes_a_chain_of_transactions_and_refuses_a_double_spend() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    let parent = alice.spend(&[coin], VALUE, 1_000, &bob);
    let spent = [OutPoint::new(parent.compute_txid(), 0)];
    let child = bob.spend(&spent, VALUE - 1_000, 1_000, &alice);
    let twice = bob.spend(&spent, VALUE - 1_000, 2_000, &alice);
    let before = chain.status().unwrap();
    for (list, words) in [
        (vec![&child], "missingorspent"),
        (vec![&child, &parent], "missingorspent"),
        (vec![&parent, &child, &twice], "missingorspent"),
        (vec![&parent, &parent], "missingorspent"),
    ] {
        let list = list.into_iter().cloned().collect();
        let error = chain.mine_with(list).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let mut forged = parent.clone();
    forged.output[0].value = Amount::from_sat(1);
    let error = chain.mine_with(vec![forged]).unwrap_err().to_string();
    assert!(error.contains("flag-failed"), "{error}");
    let tip = chain.blocks(&[before.tip.hash]).unwrap();
    let error = chain.mine_with(vec![tip[0].txdata[0].clone()]);
    assert!(error.is_err());
    assert_eq!(chain.status().unwrap(), before);
    chain.mine_with(vec![parent, child]).unwrap();
}

#[test]
fn t28_a_reorg_returns_transactions_to_the_mempool_and_back_into_another_block() {
    for depth in [1, 6] {
        let (alice, bob) = parties();
        let (chain, [coin]) = funded(&alice);
        let parent = alice.spend(&[coin], VALUE, 1_000, &bob);
        let spent = [OutPoint::new(parent.compute_txid(), 0)];
        let child = bob.spend(&spent, VALUE - 1_000, 1_000, &alice);
        assert_eq!(chain.broadcast(&parent).unwrap(), Broadcast::Accepted);
        assert_eq!(chain.broadcast(&child).unwrap(), Broadcast::Accepted);
        let before = height(&chain);
        let old = chain.mine(depth).unwrap();
        assert_eq!(chain.mempool_txids().unwrap(), []);

        // A pure disconnect: nothing comes in its place yet.
        let gone = chain.invalidate(depth).unwrap();
        assert!(gone.iter().rev().eq(&old));
        assert_eq!(height(&chain), before);
        assert_eq!(chain.mempool_txids().unwrap().len(), 2);
        assert_eq!(chain.block_hash(before + 1).unwrap(), None);
        // A block taken back is still there for who asks by hash, as with a node.
        assert_eq!(chain.blocks(&old[..1]).unwrap()[0].block_hash(), old[0]);

        let new = chain.mine(depth + 1).unwrap();
        assert_eq!(chain.mempool_txids().unwrap(), []);
        let overlap = new.iter().filter(|hash| old.contains(hash)).count();
        assert_eq!(overlap, 0, "blocks at one height must differ");
        let block = chain.blocks(&new[..1]).unwrap().pop().unwrap();
        assert_eq!(block.txdata[1..], [parent, child]);
    }
}

#[test]
fn t28_a_reorg_in_which_the_coin_is_spent_otherwise() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    let ours = alice.spend(&[coin], VALUE, 1_000, &bob);
    assert_eq!(chain.broadcast(&ours).unwrap(), Broadcast::Accepted);
    chain.mine(2).unwrap();
    chain.invalidate(2).unwrap();
    let theirs = alice.spend(&[coin], VALUE, 1_000, &alice);
    chain.mine_with(vec![theirs]).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
    let reason = refusal(chain.broadcast(&ours).unwrap());
    assert_eq!(reason, "bad-txns-inputs-missingorspent");
}

#[test]
fn a_reorg_below_the_funding_takes_the_spend_with_it() {
    let (alice, bob) = parties();
    let (chain, [coin]) = funded(&alice);
    chain.mine(1).unwrap();
    let tx = alice.spend(&[coin], VALUE, 1_000, &bob);
    assert_eq!(chain.broadcast(&tx).unwrap(), Broadcast::Accepted);
    chain.invalidate(2).unwrap();
    // Funding and spend both wait again; the faucet's coin is just mature enough.
    let waiting = chain.mempool_txids().unwrap();
    assert!(waiting.contains(&coin.txid) && waiting.contains(&tx.compute_txid()));
    let error = chain.invalidate(1_000).unwrap_err();
    assert!(matches!(error, SimulatedError::TooDeep { .. }), "{error}");
    // With the faucet's coin immature, neither can stay.
    chain.invalidate(1).unwrap();
    assert_eq!(chain.mempool_txids().unwrap(), []);
}

#[test]
fn a_clone_is_the_same_chain() {
    let chain = Simulated::new();
    let other = chain.clone();
    chain.mine(3).unwrap();
    assert_eq!(height(&other), 3);
}

#[test]
fn a_file_is_shared_between_handles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.jsonl");
    let one = Simulated::open(&path).unwrap();
    let two = Simulated::open(&path).unwrap();
    assert!(!path.exists());
    let (alice, bob) = parties();
    let coin = one.fund(&alice.address(), Amount::from_sat(VALUE)).unwrap();
    assert_eq!(two.status().unwrap(), one.status().unwrap());
    let tx = alice.spend(&[coin], VALUE, 1_000, &bob);
    assert_eq!(two.broadcast(&tx).unwrap(), Broadcast::Accepted);
    assert_eq!(one.mempool_txids().unwrap(), [tx.compute_txid()]);
    let old = one.mine(1).unwrap();
    two.invalidate(1).unwrap();
    assert_eq!(one.mempool_txids().unwrap(), [tx.compute_txid()]);
    let new = two.mine(1).unwrap();
    assert_ne!(old, new);

    let three = Simulated::open(&path).unwrap();
    assert_eq!(three.status().unwrap(), one.status().unwrap());
    assert_eq!(three.blocks(&old).unwrap()[0].block_hash(), old[0]);
    assert_eq!(three.broadcast(&tx).unwrap(), Broadcast::AlreadyKnown);
    // The chain in memory is the same, call for call.
    let memory = Simulated::new();
    memory
        .fund(&alice.address(), Amount::from_sat(VALUE))
        .unwrap();
    memory.broadcast(&tx).unwrap();
    memory.mine(1).unwrap();
    memory.invalidate(1).unwrap();
    memory.mine(1).unwrap();
    assert_eq!(memory.status().unwrap(), three.status().unwrap());

    std::fs::remove_file(&path).unwrap();
    assert_eq!(height(&three), 0);
}

#[test]
fn a_refused_broadcast_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.jsonl");
    let chain = Simulated::open(&path).unwrap();
    let (alice, bob) = parties();
    let nowhere = OutPoint::new(Txid::all_zeros(), 0);
    let tx = alice.spend(&[nowhere], VALUE, 1_000, &bob);
    refusal(chain.broadcast(&tx).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn writers_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.jsonl");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let chain = Simulated::open(&path).unwrap();
                for _ in 0..10 {
                    chain.mine(1).unwrap();
                    chain.status().unwrap();
                }
            });
        }
    });
    assert_eq!(height(&Simulated::open(&path).unwrap()), 40);
}

#[test]
fn a_damaged_or_foreign_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.jsonl");
    let chain = Simulated::open(&path).unwrap();
    Simulated::open(&path).unwrap().mine(3).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let (head, body) = good.split_once('\n').unwrap();
    let cut = &good[..good.len() - 10];
    let flipped = good.replacen("0000", "0001", 1);
    let foreign_sum = bitcoin::hashes::sha256::Hash::hash(b"{\"block\":\"00\"}\n");
    let forged = format!(
        "{{\"simulated_chain\":1,\"start\":1,\"mined\":0,\"sum\":\"{foreign_sum}\"}}\n{{\"block\":\"00\"}}\n"
    );
    let newer = format!(
        "{}\n{body}",
        head.replace("\"simulated_chain\":1", "\"simulated_chain\":2")
    );
    for (text, words) in [
        ("", "not a simulated chain"),
        ("root:x:0:0:root", "not a simulated chain"),
        (cut, "checksum"),
        (&flipped, "checksum"),
        (&newer, "format is 2"),
        (&forged, "line 2"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Simulated::open(&path).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(chain.status().is_err());
        assert!(chain.mine(1).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::write(&path, [0xff; 20]).unwrap();
    assert!(Simulated::open(&path).is_err());
    std::fs::write(&path, &good).unwrap();
    assert_eq!(height(&chain), 3);
}

#[test]
fn a_missing_folder_is_an_unreachable_source() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Simulated::open(&folder.path().join("no/chain.jsonl")).unwrap();
    let error = chain.mine(1).unwrap_err();
    let SimulatedError::Source(ChainError::Unreachable { .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(height(&chain), 0);
}
