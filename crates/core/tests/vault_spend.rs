//! Spending: the script lets those spend whom the policy names, when it says so, and at the
//! weight that was foretold. Judged by Bitcoin's own consensus code.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::absolute::LockTime;
use bitcoin::bip32::Xpriv;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Message, Secp256k1, ecdsa};
use bitcoin::sighash::SighashCache;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, EcdsaSighashType, Network, OutPoint, PublicKey, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Txid, Witness,
};
use common::vault;
use quorate_core::keychain::Keychain;
use quorate_core::policy::{SpendingPath, Template, Timelock};
use quorate_core::vault::{Derived, Vault};
use std::collections::{BTreeMap, BTreeSet};

const VALUE: Amount = Amount::from_sat(100_000);

/// All groups of exactly the path's threshold.
fn quorums(path: &SpendingPath) -> Vec<BTreeSet<usize>> {
    let members: Vec<usize> = path.cosigners.iter().copied().collect();
    (0_u32..1 << members.len())
        .filter(|mask| usize::try_from(mask.count_ones()).unwrap() == path.threshold)
        .map(|mask| {
            let chosen = members.iter().enumerate();
            chosen
                .filter(|(at, _)| mask & (1 << at) != 0)
                .map(|(_, member)| *member)
                .collect()
        })
        .collect()
}

fn spend(sequence: Sequence, lock_time: LockTime) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::all_zeros(), 0),
            script_sig: ScriptBuf::new(),
            sequence,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: VALUE,
            script_pubkey: ScriptBuf::new_op_return([]),
        }],
    }
}

/// Signs as the cosigners' devices would: from their seeds, by the paths in the PSBT.
fn sign(
    transaction: &Transaction,
    derived: &Derived,
    signers: &BTreeSet<usize>,
) -> BTreeMap<PublicKey, bitcoin::ecdsa::Signature> {
    let secp = Secp256k1::new();
    let script = derived.witness_script.as_ref().unwrap();
    let sighash = SighashCache::new(transaction)
        .p2wsh_signature_hash(0, script, VALUE, EcdsaSighashType::All)
        .unwrap();
    let message = Message::from_digest(sighash.to_byte_array());
    let mine = derived
        .keys
        .iter()
        .filter(|key| signers.contains(&key.cosigner));
    mine.map(|key| {
        let seed = [u8::try_from(key.cosigner).unwrap() + 1; 32];
        let master = Xpriv::new_master(Network::Regtest, &seed).unwrap();
        assert_eq!(master.fingerprint(&secp), key.fingerprint);
        let private = master.derive_priv(&secp, &key.path).unwrap().private_key;
        assert_eq!(private.public_key(&secp), key.public_key.inner);
        let signature = bitcoin::ecdsa::Signature::sighash_all(secp.sign_ecdsa(&message, &private));
        (key.public_key, signature)
    })
    .collect()
}

fn consensus(transaction: &Transaction, derived: &Derived) -> bool {
    let spending = bitcoin::consensus::serialize(transaction);
    bitcoinconsensus::verify_with_flags(
        derived.script_pubkey.as_bytes(),
        VALUE.to_sat(),
        &spending,
        None,
        0,
        bitcoinconsensus::VERIFY_ALL_PRE_TAPROOT,
    )
    .is_ok()
}

fn locks(vault: &Vault, path: usize) -> (Sequence, LockTime) {
    let sequence = vault.required_sequence(path);
    let lock_time = vault.required_lock_time(path);
    (
        sequence.unwrap_or(Sequence::ENABLE_RBF_NO_LOCKTIME),
        lock_time.unwrap_or(LockTime::ZERO),
    )
}

/// The witness, if these signers can make one under these locks.
fn finalize(
    derived: &Derived,
    transaction: &Transaction,
    signers: &BTreeSet<usize>,
) -> Option<Witness> {
    let signatures = sign(transaction, derived, signers);
    let sequence = transaction.input[0].sequence;
    let satisfier = (signatures, sequence, transaction.lock_time);
    let satisfaction = derived.descriptor.get_satisfaction(satisfier);
    satisfaction
        .ok()
        .map(|(witness, _)| Witness::from_slice(&witness))
}

fn all_vaults() -> Vec<Vault> {
    let mut vaults: Vec<Vault> = Template::builtins()
        .unwrap()
        .iter()
        .map(|template| vault(&template.name))
        .collect();
    let heights = "name='h'\nscript='wsh'\ncosigners=4\n\
         [[path]]\nthreshold=2\ncosigners=['cosigner-1','cosigner-2']\n\
         [[path]]\nthreshold=2\ncosigners=['cosigner-1','cosigner-3','cosigner-4']\nat_height=900\n\
         [[path]]\nthreshold=1\nat_height=1000\n";
    let template = Template::parse(heights, "test").unwrap();
    vaults.push(Vault::create(Network::Regtest, &template, common::named_keys(4)).unwrap());
    // Scripts of others, in which it matters who signs.
    let [a, b, c] = [1, 2, 3].map(|n| format!("{}/<0;1>/*", common::key(n)));
    for text in [
        format!("wsh(or_d(pk({a}),pkh({b})))"),
        format!("wsh(or_d(pkh({a}),or_d(pk({b}),pkh({c}))))"),
        format!("wsh(thresh(2,pk({a}),s:pk({b}),a:pkh({c})))"),
        format!("wsh(or_d(pk({a}),and_v(v:pkh({b}),older(65535))))"),
    ] {
        vaults.push(Vault::from_descriptor(Network::Regtest, &text, None).unwrap());
    }
    vaults
}

#[test]
fn every_quorum_of_every_path_spends() {
    for vault in all_vaults() {
        let derived = vault.derive(Keychain::Receive, 3).unwrap();
        for (at, path) in vault.policy().paths.iter().enumerate() {
            let (sequence, lock_time) = locks(&vault, at);
            for quorum in quorums(path) {
                let mut transaction = spend(sequence, lock_time);
                let witness = finalize(&derived, &transaction, &quorum).unwrap();
                transaction.input[0].witness = witness;
                assert!(
                    consensus(&transaction, &derived),
                    "{vault:?} {at} {quorum:?}"
                );
                assert!(vault.paths_satisfiable_by(&quorum).contains(&at));
            }
        }
    }
}

#[test]
fn t24_one_block_too_early_and_one_signer_too_few_do_not() {
    for vault in all_vaults() {
        let derived = vault.derive(Keychain::Change, 0).unwrap();
        for (at, path) in vault.policy().paths.iter().enumerate() {
            let quorum = &quorums(path)[0];
            let (sequence, lock_time) = locks(&vault, at);
            let mut fewer = quorum.clone();
            fewer.pop_first();
            let transaction = spend(sequence, lock_time);
            assert_eq!(finalize(&derived, &transaction, &fewer), None);

            let (early, early_time) = match path.lock {
                None => continue,
                Some(Timelock::Older(blocks)) => (Sequence::from_height(blocks - 1), lock_time),
                Some(Timelock::After(height)) => {
                    (sequence, LockTime::from_height(height - 1).unwrap())
                }
            };
            let too_early = spend(early, early_time);
            assert_eq!(finalize(&derived, &too_early, quorum), None);
            // Nor when a witness is put together by force.
            let mut forced = too_early;
            let signatures = sign(&forced, &derived, quorum);
            let satisfier = (signatures, sequence, lock_time);
            let (witness, _) = derived.descriptor.get_satisfaction(satisfier).unwrap();
            forced.input[0].witness = Witness::from_slice(&witness);
            assert!(!consensus(&forced, &derived), "{vault:?} {at}");
        }
    }
}

/// R with its highest bit set, so that it takes 33 bytes: 72 in all, and no signature is longer.
fn longest() -> bitcoin::ecdsa::Signature {
    let mut compact = [0x55; 64];
    compact[0] = 0xf0;
    let signature = ecdsa::Signature::from_compact(&compact).unwrap();
    let signature = bitcoin::ecdsa::Signature::sighash_all(signature);
    assert_eq!(signature.serialize().len(), 72);
    signature
}

#[test]
fn weights_are_those_of_the_heaviest_real_witness() {
    for vault in all_vaults() {
        let derived = vault.derive(Keychain::Receive, 11).unwrap();
        for (at, path) in vault.policy().paths.iter().enumerate() {
            let (sequence, lock_time) = locks(&vault, at);
            let empty = spend(sequence, lock_time);
            let foretold = vault.satisfaction_weight(at).to_wu();
            let mut heaviest = 0;
            for quorum in quorums(path) {
                let keys = derived.keys.iter();
                let signatures: BTreeMap<_, _> = keys
                    .filter(|key| quorum.contains(&key.cosigner))
                    .map(|key| (key.public_key, longest()))
                    .collect();
                let satisfier = (signatures, sequence, lock_time);
                let (witness, script_sig) = derived.descriptor.get_satisfaction(satisfier).unwrap();
                let mut full = empty.clone();
                full.input[0].witness = Witness::from_slice(&witness);
                full.input[0].script_sig = script_sig;
                // The marker and the flag belong to the transaction, not to the input.
                let added = full.weight().to_wu() - empty.weight().to_wu() - 2;
                // Who could spend by an earlier path may do so more cheaply.
                if vault.paths_satisfiable_by(&quorum)[0] == at {
                    heaviest = heaviest.max(added);
                }
                assert!(added <= foretold, "{vault:?} {at} {quorum:?}");
            }
            assert_eq!(heaviest, foretold, "{vault:?} {at}");
        }
        let heaviest = (0..vault.policy().paths.len())
            .map(|at| vault.satisfaction_weight(at))
            .max();
        assert_eq!(Some(vault.satisfaction_weight(99)), heaviest);
    }
    // 2-of-3: count, empty, two signatures, script of 105 bytes, each with its length.
    assert_eq!(
        vault("2-of-3").satisfaction_weight(0).to_wu(),
        1 + 1 + 2 * 73 + 106
    );
}
