//! A 2-of-3 of three software keys, and a request that spends 500 of its coins.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Network, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    WScriptHash, Witness,
};
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::proposal::Proposal;
use quorate_core::spend::FeeLimits;
use quorate_core::vault::Vault;
use quorate_signer::{Account, Keystore, Passphrase, Unlocked};

pub(crate) const NETWORK: Network = Network::Regtest;
pub(crate) const INPUTS: u32 = 500;

/// Everything the measurements start from.
pub(crate) struct World {
    pub(crate) vault: Vault,
    pub(crate) keys: Vec<Unlocked>,
    pub(crate) psbt: Psbt,
    pub(crate) proposal: Proposal,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let store = Keystore::at(home.path()).with_work_factor(1);
        let secret = Passphrase::new("correct horse battery".to_owned()).expect("long enough");
        let keys: Vec<Unlocked> = [
            ("alice", b"an entropy nobody else would use"),
            ("bob", b"nor does anybody use this second"),
            ("carol", b"and the third one is as strange!"),
        ]
        .into_iter()
        .map(|(name, entropy)| {
            store
                .create(name, Account::first(NETWORK), entropy, &secret)
                .expect("a new key");
            store
                .unlock(name, &secret)
                .expect("the passphrase is right")
        })
        .collect();
        let names = keys
            .iter()
            .map(|key| (key.info().name.clone(), key.info().key.clone()))
            .collect();
        let template = Template::builtin("2-of-3").expect("built in");
        let vault = Vault::create(NETWORK, &template, names).expect("three different keys");
        let psbt = request(&vault);
        let proposal = Proposal::check(&vault, psbt.clone()).expect("a sound request");
        Self {
            vault,
            keys,
            psbt,
            proposal,
        }
    }

    /// The request with signatures of the first `count` cosigners.
    pub(crate) fn signed_by(&self, count: usize) -> Psbt {
        self.keys
            .iter()
            .take(count)
            .fold(self.psbt.clone(), |psbt, key| {
                key.sign(&self.vault, &self.proposal, &psbt, &FeeLimits::default())
                    .expect("nothing to refuse")
                    .psbt
            })
    }
}

fn request(vault: &Vault) -> Psbt {
    let derive = |index| vault.derive(Keychain::Receive, index).expect("small index");
    let deposits: Vec<Transaction> = (0..INPUTS)
        .map(|index| deposit(derive(index).script_pubkey, index))
        .collect();
    let input = deposits.iter().map(|deposit| TxIn {
        previous_output: OutPoint::new(deposit.compute_txid(), 1),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    });
    let change = vault.derive(Keychain::Change, 0).expect("small index");
    let output = |value, script_pubkey| TxOut {
        value: Amount::from_sat(value),
        script_pubkey,
    };
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(100),
        input: input.collect(),
        output: vec![
            output(100_000_000, stranger()),
            output(
                u64::from(INPUTS) * 1_000_000 - 100_300_000,
                change.script_pubkey.clone(),
            ),
        ],
    };
    let mut psbt = Psbt::from_unsigned_tx(tx).expect("unsigned");
    for ((index, input), deposit) in (0..).zip(&mut psbt.inputs).zip(deposits) {
        let derived = derive(index);
        input.witness_script = derived.witness_script.clone();
        input.bip32_derivation = (derived.keys.iter())
            .map(|k| (k.public_key.inner, (k.fingerprint, k.path.clone())))
            .collect();
        input.witness_utxo = Some(deposit.output[1].clone());
        input.non_witness_utxo = Some(deposit);
    }
    psbt.outputs[1].witness_script = change.witness_script.clone();
    psbt.outputs[1].bip32_derivation = (change.keys.iter())
        .map(|k| (k.public_key.inner, (k.fingerprint, k.path.clone())))
        .collect();
    psbt
}

/// A payment of 0.01 BTC with change to the payer, as most are.
fn deposit(script_pubkey: ScriptBuf, salt: u32) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(salt),
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array([9; 32]), 5),
            ..TxIn::default()
        }],
        output: vec![
            TxOut {
                value: Amount::from_sat(1_000),
                script_pubkey: stranger(),
            },
            TxOut {
                value: Amount::from_sat(1_000_000),
                script_pubkey,
            },
        ],
    }
}

fn stranger() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&WScriptHash::hash(b"stranger"))
}
