//! The same work by bdk_wallet, with its file store.

use crate::generated::{self, Generated};
use crate::process::STRANGER;
use crate::{ADDRESSES, MB};
use bdk_wallet::bitcoin::{Address, Amount, FeeRate, Network, OutPoint};
use bdk_wallet::file_store::Store;
use bdk_wallet::{ChangeSet, KeychainKind, PersistedWallet, Wallet};
use std::hint::black_box;
use std::str::FromStr;
use std::time::{Duration, Instant};

const MAGIC: &[u8] = b"quorate bench";

/// A wallet with coins in a file.
pub(crate) struct Stored {
    folder: tempfile::TempDir,
    descriptor: String,
}

impl Stored {
    /// The same chain as ours: so many payments to the same addresses.
    pub(crate) fn new(descriptor: &str, coins: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let per_block = coins.min(1_000);
        let chain = Generated::new(
            generated::scripts(descriptor, ADDRESSES),
            coins / per_block,
            per_block,
        );
        let mut store =
            Store::<ChangeSet>::create(MAGIC, folder.path().join("wallet")).expect("a file");
        let mut wallet = Wallet::create_from_two_path_descriptor(descriptor.to_owned())
            .network(Network::Regtest)
            .lookahead(200)
            .create_wallet(&mut store)
            .expect("the vault's descriptor");
        for height in 1..=chain.tip() {
            wallet
                .apply_block(&chain.block(height), height)
                .expect("it follows");
        }
        wallet.persist(&mut store).expect("room");
        let bytes = std::fs::metadata(folder.path().join("wallet")).map_or(0, |file| file.len());
        assert!(bytes > MB / 100 || coins < 1_000, "{bytes}");
        Self {
            folder,
            descriptor: descriptor.to_owned(),
        }
    }

    fn load(&self) -> (PersistedWallet<Store<ChangeSet>>, Store<ChangeSet>) {
        let (mut store, _) =
            Store::<ChangeSet>::load(MAGIC, self.folder.path().join("wallet")).expect("the file");
        let wallet = Wallet::load()
            .lookahead(200)
            .load_wallet(&mut store)
            .expect("sound")
            .expect("a wallet");
        (wallet, store)
    }

    pub(crate) fn load_and_balance(&self, rounds: usize) -> Duration {
        best(rounds, || {
            let (wallet, _store) = self.load();
            assert!(wallet.balance().confirmed > Amount::ZERO);
        })
    }

    pub(crate) fn load_and_build(&self, rounds: usize) -> Duration {
        let _ = &self.descriptor;
        best(rounds, || {
            let (mut wallet, _store) = self.load();
            let mut builder = wallet.build_tx();
            builder
                .add_recipient(stranger(), Amount::from_sat(2_000_000))
                .fee_rate(FeeRate::from_sat_per_vb(2).expect("a rate"));
            black_box(builder.finish().expect("enough"));
        })
    }
}

/// Building alone, of a spend of `inputs` coins, loading not counted.
pub(crate) fn build_of(descriptor: &str, inputs: usize, rounds: usize) -> Duration {
    let count = u32::try_from(inputs).expect("few");
    let chain = Generated::new(generated::scripts(descriptor, ADDRESSES), 1, count);
    let mut wallet = Wallet::create_from_two_path_descriptor(descriptor.to_owned())
        .network(Network::Regtest)
        .lookahead(1_000)
        .create_wallet_no_persist()
        .expect("the vault's descriptor");
    let _ = wallet.reveal_addresses_to(KeychainKind::External, count);
    wallet.apply_block(&chain.block(1), 1).expect("it follows");
    let coins: Vec<OutPoint> = wallet.list_unspent().map(|coin| coin.outpoint).collect();
    assert_eq!(coins.len(), inputs);
    best(rounds, || {
        let mut builder = wallet.build_tx();
        builder
            .add_utxos(&coins)
            .expect("ours")
            .manually_selected_only()
            .drain_to(stranger())
            .fee_rate(FeeRate::from_sat_per_vb(2).expect("a rate"));
        black_box(builder.finish().expect("enough"));
    })
}

fn stranger() -> bdk_wallet::bitcoin::ScriptBuf {
    Address::from_str(STRANGER)
        .expect("an address")
        .assume_checked()
        .script_pubkey()
}

fn best(rounds: usize, mut work: impl FnMut()) -> Duration {
    (0..rounds)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .min()
        .expect("some rounds")
}
