//! Three cosigners, a vault of theirs, and PSBTs that spend it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its part"
)]

use bitcoin::absolute::LockTime;
use bitcoin::psbt::Psbt;
use bitcoin::transaction::Version;
use bitcoin::{Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::vault::{Derived, Vault};
use quorate_signer::{Account, Keystore, Passphrase, Unlocked};
use tempfile::TempDir;

pub(crate) const NETWORK: Network = Network::Regtest;

pub(crate) fn pass(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

/// Entropy nobody would use, different for each name.
pub(crate) fn entropy(name: &str) -> [u8; 32] {
    let mut out = [7; 32];
    for (to, from) in out.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    out
}

/// An empty home with a keystore that seals quickly.
pub(crate) fn keystore() -> (TempDir, Keystore) {
    let home = tempfile::tempdir().unwrap();
    let store = Keystore::at(home.path()).with_work_factor(1);
    (home, store)
}

/// The unlocked key of a name, the same in every test.
pub(crate) fn key_on(name: &str, network: Network) -> Unlocked {
    let (_home, store) = keystore();
    let secret = pass("correct horse battery");
    store
        .create(name, Account::first(network), &entropy(name), &secret)
        .unwrap();
    store.unlock(name, &secret).unwrap()
}

pub(crate) fn key(name: &str) -> Unlocked {
    key_on(name, NETWORK)
}

/// A vault of a built-in policy over the first keys of alice, bob, carol …
pub(crate) fn vault(policy: &str) -> Vault {
    vault_of(policy, &["alice", "bob", "carol"])
}

pub(crate) fn vault_of(policy: &str, names: &[&str]) -> Vault {
    let template = Template::builtin(policy).unwrap();
    let keys = names
        .iter()
        .map(|name| ((*name).to_owned(), key(name).info().key.clone()))
        .collect();
    Vault::create(NETWORK, &template, keys).unwrap()
}

/// A transaction that pays `amount` to a script, as the vault's deposit.
pub(crate) fn deposit(script_pubkey: ScriptBuf, amount: Amount, salt: u32) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(salt),
        input: vec![TxIn {
            previous_output: OutPoint::new(bitcoin::hashes::Hash::all_zeros(), 5),
            ..TxIn::default()
        }],
        output: vec![
            TxOut {
                value: Amount::from_sat(1_000),
                script_pubkey: stranger(),
            },
            TxOut {
                value: amount,
                script_pubkey,
            },
        ],
    }
}

/// Somebody else's script.
pub(crate) fn stranger() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::from_raw_hash(
        bitcoin::hashes::Hash::hash(b"stranger"),
    ))
}

pub(crate) fn describe_input(input: &mut bitcoin::psbt::Input, derived: &Derived) {
    input.witness_script = derived.witness_script.clone();
    input.bip32_derivation = derived
        .keys
        .iter()
        .map(|k| (k.public_key.inner, (k.fingerprint, k.path.clone())))
        .collect();
}

pub(crate) fn describe_output(output: &mut bitcoin::psbt::Output, derived: &Derived) {
    output.witness_script = derived.witness_script.clone();
    output.bip32_derivation = derived
        .keys
        .iter()
        .map(|k| (k.public_key.inner, (k.fingerprint, k.path.clone())))
        .collect();
}

/// The parts of a spend; tests change them before [`Spend::psbt`].
pub(crate) struct Spend {
    pub(crate) coins: Vec<(Keychain, u32, Amount)>,
    pub(crate) sequence: Sequence,
    pub(crate) lock_time: LockTime,
    pub(crate) paid: Amount,
    pub(crate) fee: Amount,
    pub(crate) change: Option<(Keychain, u32)>,
}

impl Default for Spend {
    /// Two coins of 1 BTC, 0.5 BTC paid, 1,000 sat of fee, the rest is change number 4.
    fn default() -> Self {
        Self {
            coins: vec![
                (Keychain::Receive, 3, Amount::ONE_BTC),
                (Keychain::Change, 0, Amount::ONE_BTC),
            ],
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            lock_time: LockTime::from_consensus(100),
            paid: Amount::from_sat(50_000_000),
            fee: Amount::from_sat(1_000),
            change: Some((Keychain::Change, 4)),
        }
    }
}

impl Spend {
    pub(crate) fn psbt(&self, vault: &Vault) -> Psbt {
        let derived: Vec<Derived> = self
            .coins
            .iter()
            .map(|(keychain, index, _)| vault.derive(*keychain, *index).unwrap())
            .collect();
        let deposits: Vec<Transaction> = derived
            .iter()
            .zip(&self.coins)
            .enumerate()
            .map(|(salt, (d, coin))| deposit(d.script_pubkey.clone(), coin.2, salt as u32))
            .collect();
        let total: Amount = self.coins.iter().map(|c| c.2).sum();
        let mut output = vec![TxOut {
            value: self.paid,
            script_pubkey: stranger(),
        }];
        let back = self
            .change
            .map(|(keychain, index)| vault.derive(keychain, index).unwrap());
        if let Some(back) = &back {
            output.push(TxOut {
                value: total - self.paid - self.fee,
                script_pubkey: back.script_pubkey.clone(),
            });
        }
        let tx = Transaction {
            version: Version::TWO,
            lock_time: self.lock_time,
            input: deposits
                .iter()
                .map(|deposit| TxIn {
                    previous_output: OutPoint::new(deposit.compute_txid(), 1),
                    script_sig: ScriptBuf::new(),
                    sequence: self.sequence,
                    witness: Witness::new(),
                })
                .collect(),
            output,
        };
        let mut psbt = Psbt::from_unsigned_tx(tx).unwrap();
        for ((input, derived), deposit) in psbt.inputs.iter_mut().zip(&derived).zip(deposits) {
            describe_input(input, derived);
            input.witness_utxo = Some(deposit.output[1].clone());
            input.non_witness_utxo = Some(deposit);
        }
        if let Some(back) = &back {
            describe_output(&mut psbt.outputs[1], back);
        }
        psbt
    }
}

/// The coins a PSBT spends.
pub(crate) fn prevouts(psbt: &Psbt) -> Vec<TxOut> {
    psbt.iter_funding_utxos()
        .map(|utxo| utxo.unwrap().clone())
        .collect()
}
