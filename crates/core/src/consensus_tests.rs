#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::key::{Keypair, TapTweak};
use bitcoin::opcodes::all::OP_CHECKMULTISIG;
use bitcoin::script::Builder;
use bitcoin::secp256k1::{All, Message, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::Version;
use bitcoin::{
    PublicKey, ScriptBuf, Sequence, TxIn, Txid, Witness, XOnlyPublicKey, ecdsa, taproot,
};

fn secret(n: u8) -> SecretKey {
    SecretKey::from_slice(&[n; 32]).unwrap()
}

fn multisig(secp: &Secp256k1<All>, threshold: i64, secrets: &[SecretKey]) -> ScriptBuf {
    let mut script = Builder::new().push_int(threshold);
    for secret in secrets {
        script = script.push_key(&PublicKey::new(secret.public_key(secp)));
    }
    script
        .push_int(i64::try_from(secrets.len()).unwrap())
        .push_opcode(OP_CHECKMULTISIG)
        .into_script()
}

fn prevout(sat: u64, script_pubkey: ScriptBuf) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey,
    }
}

fn unsigned(inputs: u32, sat_out: u64) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: (0..inputs)
            .map(|i| TxIn {
                previous_output: OutPoint::new(Txid::from_byte_array([7; 32]), i),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                ..TxIn::default()
            })
            .collect(),
        output: vec![prevout(sat_out, ScriptBuf::from_bytes(vec![0x51]))],
    }
}

fn sign_wsh(
    secp: &Secp256k1<All>,
    tx: &mut Transaction,
    input: usize,
    amount: Amount,
    script: &ScriptBuf,
    secrets: &[SecretKey],
) {
    let kind = EcdsaSighashType::All;
    let hash = SighashCache::new(&*tx)
        .p2wsh_signature_hash(input, script, amount, kind)
        .unwrap();
    let message = Message::from_digest(hash.to_byte_array());
    let mut witness = Witness::new();
    witness.push([]);
    for secret in secrets {
        let signature = ecdsa::Signature {
            signature: secp.sign_ecdsa(&message, secret),
            sighash_type: kind,
        };
        witness.push(signature.to_vec());
    }
    witness.push(script.as_bytes());
    tx.input[input].witness = witness;
}

/// A 2-of-2 p2wsh spend of one coin of 10,000 sat, signed right.
fn two_of_two() -> (Transaction, Vec<TxOut>) {
    let secp = Secp256k1::new();
    let secrets = [secret(1), secret(2)];
    let script = multisig(&secp, 2, &secrets);
    let coin = prevout(10_000, script.to_p2wsh());
    let mut tx = unsigned(1, 9_000);
    sign_wsh(&secp, &mut tx, 0, coin.value, &script, &secrets);
    (tx, vec![coin])
}

#[test]
fn p2wsh_two_of_two_is_valid() {
    let (tx, coins) = two_of_two();
    assert_eq!(verify_transaction(&tx, &coins), Ok(()));
}

#[test]
fn p2wsh_with_one_signature_twice_is_refused() {
    let secp = Secp256k1::new();
    let (mut tx, coins) = two_of_two();
    let script = multisig(&secp, 2, &[secret(1), secret(2)]);
    let twice = [secret(1), secret(1)];
    sign_wsh(&secp, &mut tx, 0, coins[0].value, &script, &twice);
    let error = verify_transaction(&tx, &coins).unwrap_err();
    assert_eq!(error.input(), Some(0));
}

#[test]
fn p2wsh_non_null_dummy_is_refused() {
    let (mut tx, coins) = two_of_two();
    let mut items = tx.input[0].witness.to_vec();
    items[0] = vec![1];
    tx.input[0].witness = Witness::from_slice(&items);
    assert_eq!(
        verify_transaction(&tx, &coins).unwrap_err().input(),
        Some(0)
    );
}

#[test]
fn t10_an_amount_other_than_the_signed_one_is_refused() {
    let (tx, mut coins) = two_of_two();
    coins[0].value = Amount::from_sat(10_001);
    let error = verify_transaction(&tx, &coins).unwrap_err();
    assert_eq!(error.input(), Some(0));
    assert!(error.to_string().starts_with("input 0 "), "{error}");
}

#[test]
fn a_changed_output_is_refused() {
    let (mut tx, coins) = two_of_two();
    tx.output[0].value = Amount::from_sat(8_999);
    assert!(verify_transaction(&tx, &coins).is_err());
}

#[test]
fn the_error_names_the_input() {
    let secp = Secp256k1::new();
    let secrets = [secret(1), secret(2)];
    let script = multisig(&secp, 2, &secrets);
    let coins = vec![prevout(10_000, script.to_p2wsh()); 4];
    let mut tx = unsigned(4, 30_000);
    for (i, coin) in coins.iter().enumerate() {
        let wrong = [secret(1), secret(3)];
        let keys = if i == 2 { &wrong } else { &secrets };
        sign_wsh(&secp, &mut tx, i, coin.value, &script, keys);
    }
    assert_eq!(
        verify_transaction(&tx, &coins).unwrap_err().input(),
        Some(2)
    );
    sign_wsh(&secp, &mut tx, 2, coins[2].value, &script, &secrets);
    assert_eq!(verify_transaction(&tx, &coins), Ok(()));
}

/// One p2tr and one p2wsh input: taproot commits to every spent output, also the other one's.
fn taproot_and_wsh() -> (Transaction, Vec<TxOut>) {
    let secp = Secp256k1::new();
    let secrets = [secret(1), secret(2)];
    let script = multisig(&secp, 2, &secrets);
    let internal = Keypair::from_secret_key(&secp, &secret(5));
    let (internal_key, _) = XOnlyPublicKey::from_keypair(&internal);
    let coins = vec![
        prevout(20_000, ScriptBuf::new_p2tr(&secp, internal_key, None)),
        prevout(10_000, script.to_p2wsh()),
    ];
    let mut tx = unsigned(2, 29_000);
    sign_wsh(&secp, &mut tx, 1, coins[1].value, &script, &secrets);
    let hash = SighashCache::new(&tx)
        .taproot_key_spend_signature_hash(0, &Prevouts::All(&coins), TapSighashType::Default)
        .unwrap();
    let tweaked = internal.tap_tweak(&secp, None).to_keypair();
    let signature = taproot::Signature {
        signature: secp
            .sign_schnorr_no_aux_rand(&Message::from_digest(hash.to_byte_array()), &tweaked),
        sighash_type: TapSighashType::Default,
    };
    tx.input[0].witness = Witness::p2tr_key_spend(&signature);
    (tx, coins)
}

#[test]
fn p2tr_key_path_is_verified_with_all_spent_outputs() {
    let (tx, coins) = taproot_and_wsh();
    assert_eq!(verify_transaction(&tx, &coins), Ok(()));

    // The wrong amount of the *other* coin makes the taproot signature invalid.
    let mut lie = coins.clone();
    lie[1].value = Amount::from_sat(10_001);
    assert_eq!(verify_transaction(&tx, &lie).unwrap_err().input(), Some(0));

    let mut broken = tx.clone();
    let mut signature = tx.input[0].witness.to_vec()[0].clone();
    signature[40] ^= 1;
    broken.input[0].witness = Witness::from_slice(&[signature]);
    let error = verify_transaction(&broken, &coins).unwrap_err();
    assert_eq!(error.input(), Some(0));

    // Without the taproot rules anybody could spend it.
    let mut empty = tx;
    empty.input[0].witness = Witness::new();
    assert!(verify_transaction(&empty, &coins).is_err());
}

/// What the interpreter says of the whole transaction, nothing left out, all rules on.
fn verdict_on_the_whole(tx: &Transaction, prevouts: &[TxOut]) -> Vec<bool> {
    let bytes = bitcoin::consensus::serialize(tx);
    let utxos: Vec<Utxo> = (prevouts.iter())
        .map(|prevout| Utxo {
            script_pubkey: prevout.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: prevout.script_pubkey.len() as u32,
            value: prevout.value.to_sat() as i64,
        })
        .collect();
    let verify = |(i, prevout): (usize, &TxOut)| {
        let script = prevout.script_pubkey.as_bytes();
        bitcoinconsensus::verify(script, prevout.value.to_sat(), &bytes, Some(&utxos), i).is_ok()
    };
    prevouts.iter().enumerate().map(verify).collect()
}

/// Inputs of every kind in one transaction: p2tr, p2wsh, p2pkh, sh(wsh).
fn every_kind() -> (Transaction, Vec<TxOut>) {
    let secp = Secp256k1::new();
    let secrets = [secret(1), secret(2)];
    let script = multisig(&secp, 2, &secrets);
    let single = PublicKey::new(secret(6).public_key(&secp));
    let internal = Keypair::from_secret_key(&secp, &secret(5));
    let (internal_key, _) = XOnlyPublicKey::from_keypair(&internal);
    let coins = vec![
        prevout(20_000, ScriptBuf::new_p2tr(&secp, internal_key, None)),
        prevout(10_000, script.to_p2wsh()),
        prevout(30_000, ScriptBuf::new_p2pkh(&single.pubkey_hash())),
        prevout(40_000, script.to_p2wsh().to_p2sh()),
    ];
    let mut tx = unsigned(4, 99_000);
    for i in [1, 3] {
        sign_wsh(&secp, &mut tx, i, coins[i].value, &script, &secrets);
    }
    let push = |bytes: Vec<u8>| bitcoin::script::PushBytesBuf::try_from(bytes).unwrap();
    let nested = Builder::new().push_slice(push(script.to_p2wsh().into_bytes()));
    tx.input[3].script_sig = nested.into_script();
    let hash = SighashCache::new(&tx)
        .legacy_signature_hash(2, &coins[2].script_pubkey, 1)
        .unwrap();
    let signature = ecdsa::Signature {
        signature: secp.sign_ecdsa(&Message::from_digest(hash.to_byte_array()), &secret(6)),
        sighash_type: EcdsaSighashType::All,
    };
    let unlock = Builder::new().push_slice(push(signature.to_vec()));
    tx.input[2].script_sig = unlock.push_key(&single).into_script();
    let hash = SighashCache::new(&tx)
        .taproot_key_spend_signature_hash(0, &Prevouts::All(&coins), TapSighashType::Default)
        .unwrap();
    let tweaked = internal.tap_tweak(&secp, None).to_keypair();
    let message = Message::from_digest(hash.to_byte_array());
    let signature = taproot::Signature {
        signature: secp.sign_schnorr_no_aux_rand(&message, &tweaked),
        sighash_type: TapSighashType::Default,
    };
    tx.input[0].witness = Witness::p2tr_key_spend(&signature);
    (tx, coins)
}

#[test]
fn leaving_out_the_proofs_of_other_inputs_changes_no_verdict() {
    let (good, coins) = every_kind();
    assert_eq!(verdict_on_the_whole(&good, &coins), [true; 4]);
    assert_eq!(verify_transaction(&good, &coins), Ok(()));
    let mut cases = vec![(good.clone(), coins.clone())];
    for i in 0..4 {
        let mut case = |change: &dyn Fn(&mut Transaction, &mut Vec<TxOut>)| {
            let (mut tx, mut coins) = (good.clone(), coins.clone());
            change(&mut tx, &mut coins);
            cases.push((tx, coins));
        };
        case(&|tx, _| tx.input[i].witness = Witness::new());
        case(&|tx, _| tx.input[i].witness.push([1]));
        case(&|tx, _| tx.input[i].script_sig = ScriptBuf::new());
        case(&|tx, _| tx.input[i].script_sig = ScriptBuf::from_bytes(vec![0x51]));
        case(&|tx, _| tx.input[i].sequence = Sequence(7));
        case(&|tx, _| tx.input[i].previous_output.vout += 10);
        case(&|_, coins| coins[i].value += Amount::from_sat(1));
        case(&|_, coins| coins[i].script_pubkey = ScriptBuf::from_bytes(vec![0x51]));
        case(&|tx, _| tx.input[i].witness = good.input[(i + 1) % 4].witness.clone());
        // Another version of witness program, free for anybody to spend.
        case(&|_, coins| {
            let mut program = vec![0x52, 0x20];
            program.extend([3; 32]);
            coins[i].script_pubkey = ScriptBuf::from_bytes(program);
        });
    }
    let mut refused = BTreeSet::new();
    for (tx, coins) in &cases {
        let whole = verdict_on_the_whole(tx, coins);
        let first = whole.iter().position(|valid| !valid);
        let ours = verify_transaction(tx, coins).err();
        assert_eq!(ours.and_then(|error| error.input()), first, "{tx:?}");
        refused.insert(first);
        for (i, valid) in whole.into_iter().enumerate() {
            let one = run_interpreter(tx, coins, &[i]);
            assert_eq!(one.is_ok(), valid, "input {i} of {tx:?}");
        }
    }
    assert!(refused.len() >= 4, "{refused:?}");
}

/// Workers that run the pieces backwards.
struct Backwards;

impl Workers for Backwards {
    fn count(&self) -> usize {
        3
    }
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..jobs).rev().for_each(job);
    }
}

#[test]
fn with_workers_the_first_input_at_fault_is_named_too() {
    let secp = Secp256k1::new();
    let secrets = [secret(1), secret(2)];
    let script = multisig(&secp, 2, &secrets);
    let coins = vec![prevout(10_000, script.to_p2wsh()); 100];
    let mut tx = unsigned(100, 30_000);
    for (i, coin) in coins.iter().enumerate() {
        sign_wsh(&secp, &mut tx, i, coin.value, &script, &secrets);
    }
    assert_eq!(verify_transaction_with(&tx, &coins, &Backwards), Ok(()));
    for at in [99, 51, 50, 0] {
        tx.input[at].witness = Witness::new();
        let error = verify_transaction_with(&tx, &coins, &Backwards).unwrap_err();
        assert_eq!(error.input(), Some(at));
        assert_eq!(verify_transaction(&tx, &coins), Err(error));
    }
}

#[test]
fn what_no_script_could_make_right_is_refused() {
    let (good, coins) = two_of_two();
    let check = |change: &dyn Fn(&mut Transaction, &mut Vec<TxOut>)| {
        let (mut tx, mut coins) = (good.clone(), coins.clone());
        change(&mut tx, &mut coins);
        verify_transaction(&tx, &coins).unwrap_err().to_string()
    };
    assert!(check(&|_, coins| coins.clear()).contains("0 spent outputs"));
    assert!(check(&|tx, _| tx.output.clear()).contains("no outputs"));
    let none = check(&|tx, coins| {
        tx.input.clear();
        coins.clear();
    });
    assert!(none.contains("no inputs"));
    let twice = check(&|tx, coins| {
        tx.input.push(tx.input[0].clone());
        coins.push(coins[0].clone());
    });
    assert!(twice.contains("input 1") && twice.contains("second time"));
    let inflated = check(&|tx, _| tx.output[0].value = Amount::from_sat(10_001));
    assert!(inflated.contains("pays out"), "{inflated}");
    let overflow = check(&|tx, _| {
        tx.output = vec![prevout(u64::MAX, ScriptBuf::new()); 2];
    });
    assert!(overflow.contains("21 million"), "{overflow}");
    let supply = check(&|tx, _| {
        tx.output = vec![prevout(Amount::MAX_MONEY.to_sat(), ScriptBuf::new()); 2];
    });
    assert!(supply.contains("21 million"), "{supply}");
    let huge = check(&|tx, _| {
        tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0; 1_000_000]);
    });
    assert!(huge.contains("larger than a block"), "{huge}");
    let rich = check(&|_, coins| coins[0].value = Amount::from_sat(u64::MAX));
    assert!(rich.contains("21 million"), "{rich}");
    let coinbase = check(&|tx, _| tx.input[0].previous_output = OutPoint::null());
    assert!(coinbase.contains("spends no output"), "{coinbase}");
}

#[test]
fn the_largest_that_is_allowed_is_allowed() {
    let secp = Secp256k1::new();
    let secrets = [secret(1), secret(2)];
    let script = multisig(&secp, 2, &secrets);
    let all = Amount::MAX_MONEY;
    let coins = vec![prevout(all.to_sat(), script.to_p2wsh())];
    let mut tx = unsigned(1, all.to_sat());
    sign_wsh(&secp, &mut tx, 0, all, &script, &secrets);
    assert_eq!(verify_transaction(&tx, &coins), Ok(()));
    let rest = 1_000_000 - tx.base_size() - 4;
    tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x51; rest + 1]);
    assert_eq!(tx.base_size(), 1_000_000);
    let error = verify_transaction(&tx, &coins).unwrap_err();
    assert_eq!(error.input(), Some(0));
    assert!(
        error
            .to_string()
            .contains("don't satisfy the output it spends"),
        "{error}"
    );
}
