//! A home with a watched vault, and the reference: what the ledger must say, computed from nothing
//! but the whole chain and mempool, in the plainest way.

use crate::told::Listener;
use crate::world::World;
use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Network, OutPoint, ScriptBuf, Transaction, Txid};
use quorate_coordinator::sync::{SyncError, SyncReport, sync_at};
use quorate_core::chain::BlockId;
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Balance, Birth, Coin, Spent, TxStatus, VaultRow};
use quorate_core::policy::Template;
use quorate_core::vault::Vault;
use quorate_storage::{CoinFilter, CoinOrder, StorageError, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Scripts that tests may pay to, of each address chain.
pub(crate) const SCRIPTS: u32 = 620;

pub(crate) type Scripts = BTreeMap<ScriptBuf, (Keychain, u32)>;

fn key(seed: u8) -> CosignerKey {
    let secp = Secp256k1::new();
    let master = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
    let path: DerivationPath = "48h/1h/0h/2h".parse().unwrap();
    let account = Xpub::from_priv(&secp, &master.derive_priv(&secp, &path).unwrap());
    let fingerprint = master.fingerprint(&secp);
    let text = format!("[{fingerprint}/48h/1h/0h/2h]{account}");
    CosignerKey::parse(&text, Network::Regtest).unwrap()
}

fn vault(seeds: [u8; 3]) -> Vault {
    let template = Template::builtin("2-of-3").unwrap();
    let keys = seeds.map(|seed| (format!("signer{seed}"), key(seed)));
    Vault::create(Network::Regtest, &template, keys.to_vec()).unwrap()
}

/// A vault with its scripts; deriving them is what takes time here, so once for all tests.
pub(crate) fn first_vault() -> &'static (Vault, Scripts) {
    static FIRST: OnceLock<(Vault, Scripts)> = OnceLock::new();
    FIRST.get_or_init(|| with_scripts(vault([1, 2, 3]), SCRIPTS))
}

pub(crate) fn second_vault() -> &'static (Vault, Scripts) {
    static SECOND: OnceLock<(Vault, Scripts)> = OnceLock::new();
    SECOND.get_or_init(|| with_scripts(vault([4, 5, 6]), 60))
}

pub(crate) fn with_scripts(vault: Vault, count: u32) -> (Vault, Scripts) {
    let mut scripts = Scripts::new();
    for keychain in Keychain::ALL {
        for index in 0..count {
            let script = vault.derive(keychain, index).unwrap().script_pubkey;
            scripts.insert(script, (keychain, index));
        }
    }
    (vault, scripts)
}

pub(crate) fn script_of(
    (_, scripts): &(Vault, Scripts),
    keychain: Keychain,
    index: u32,
) -> ScriptBuf {
    let mut all = scripts.iter();
    let found = all.find(|(_, place)| **place == (keychain, index));
    found.unwrap().0.clone()
}

/// The first vault's receive address.
pub(crate) fn receive(index: u32) -> ScriptBuf {
    script_of(first_vault(), Keychain::Receive, index)
}

/// In memory where there is such a place: what is tested here doesn't depend on a disk, whose syncs
/// would be most of the time.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(crate) struct Home {
    pub(crate) store: Store,
    pub(crate) path: PathBuf,
    /// Who hears the events of the two vaults.
    listeners: [Listener; 2],
    _folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn empty() -> Self {
        let folder = folder();
        let path = folder.path().join("quorate.db");
        let store = Store::open(&path).unwrap();
        Self {
            store,
            path,
            listeners: Default::default(),
            _folder: folder,
        }
    }

    /// A home that watches the first vault from the beginning.
    pub(crate) fn new() -> Self {
        static FILE: OnceLock<Vec<u8>> = OnceLock::new();
        let bytes = FILE.get_or_init(|| {
            let mut home = Self::empty();
            home.add(&first_vault().0, Birth::Height(0));
            drop(home.store);
            std::fs::read(&home.path).unwrap()
        });
        let folder = folder();
        let path = folder.path().join("quorate.db");
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open_existing(&path).unwrap();
        Self {
            store,
            path,
            listeners: Default::default(),
            _folder: folder,
        }
    }

    pub(crate) fn add(&mut self, vault: &Vault, birth: Birth) -> VaultRow {
        self.store
            .write(|tx| tx.ledger_add_vault(vault, birth))
            .unwrap()
    }

    pub(crate) fn row(&mut self, vault: &Vault) -> Option<VaultRow> {
        self.store.read(|tx| tx.ledger_row(vault.id())).unwrap()
    }

    pub(crate) fn sync(&mut self, world: &World) -> Result<SyncReport, SyncError> {
        sync_at(&mut self.store, world, &mut |_| {}, 1_700_000_000)
    }

    pub(crate) fn next_index(&mut self, vault: &Vault, keychain: Keychain) -> u32 {
        let row = self.row(vault).unwrap();
        self.store
            .read(|tx| tx.ledger_next_index(row, keychain))
            .unwrap()
    }

    pub(crate) fn balance(&mut self, vault: &Vault) -> Balance {
        let row = self.row(vault).unwrap();
        self.store.read(|tx| tx.ledger_balance(row)).unwrap()
    }

    pub(crate) fn status(&mut self, txid: &Txid) -> TxStatus {
        let row = self.row(&first_vault().0).unwrap();
        self.store
            .read(|tx| tx.ledger_tx_status(row, txid))
            .unwrap()
    }

    pub(crate) fn coin(&mut self, outpoint: OutPoint) -> Option<Coin> {
        let row = self.row(&first_vault().0).unwrap();
        self.store
            .read(|tx| tx.ledger_coin(row, &outpoint))
            .unwrap()
    }

    /// Syncs until nothing moves and compares with the reference.
    pub(crate) fn sync_and_check(&mut self, world: &World) -> SyncReport {
        let report = self.sync(world).unwrap();
        assert_eq!(report.tip, world.tip());
        self.check(world);
        report
    }

    pub(crate) fn check(&mut self, world: &World) {
        let height = world.tip().height;
        let told: Result<(), StorageError> = self.store.write(|tx| tx.tell_scanned(height));
        told.unwrap();
        for (number, known) in [first_vault(), second_vault()].into_iter().enumerate() {
            if let Some(row) = self.row(&known.0) {
                self.check_vault(world, row, &known.1);
                let expected = Expected::of(world, &known.1);
                let listener = &mut self.listeners[number];
                let heard = self
                    .store
                    .write(|tx| listener.listen(tx, known.0.id(), &expected));
                heard.unwrap();
            }
        }
        self.store.read(|tx| tx.ledger_audit()).unwrap();
    }

    pub(crate) fn check_vault(&mut self, world: &World, row: VaultRow, scripts: &Scripts) {
        let expected = Expected::of(world, scripts);
        self.store
            .read(|tx| crate::books::check(tx, row, world, &expected))
            .unwrap();
        let made = world.made.borrow();
        self.store
            .read(|tx| {
                assert_eq!(tx.ledger_cursor(row)?, Some(world.tip()));
                for (txid, transaction) in made.iter() {
                    let status = tx.ledger_tx_status(row, txid)?;
                    let expected_status = expected.transactions.get(txid);
                    let expected_status = expected_status.unwrap_or(&TxStatus::NotSeen);
                    assert_eq!(status, *expected_status, "transaction {txid}");
                    if status != TxStatus::NotSeen {
                        assert_eq!(tx.ledger_transaction(txid)?.as_ref(), Some(transaction));
                    }
                    for vout in 0..transaction.output.len() as u32 {
                        let outpoint = OutPoint::new(*txid, vout);
                        let coin = tx.ledger_coin(row, &outpoint)?;
                        assert_eq!(coin.as_ref(), expected.coins.get(&outpoint), "{outpoint}");
                    }
                }
                assert_eq!(
                    tx.ledger_balance(row)?,
                    expected.balance(world.tip().height)
                );
                for order in [
                    CoinOrder::LargestFirst,
                    CoinOrder::SmallestFirst,
                    CoinOrder::OldestFirst,
                ] {
                    for confirmed_only in [false, true] {
                        let filter = CoinFilter {
                            order,
                            confirmed_only,
                        };
                        let listed = tx.ledger_coins(row, filter, usize::MAX)?;
                        expected.check_list(filter, &listed);
                        let first = tx.ledger_coins(row, filter, 2)?;
                        assert_eq!(first, listed[..listed.len().min(2)]);
                    }
                }
                Ok::<_, StorageError>(())
            })
            .unwrap();
    }
}

/// What a ledger must say of a vault.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) coins: BTreeMap<OutPoint, Coin>,
    pub(crate) transactions: BTreeMap<Txid, TxStatus>,
}

impl Expected {
    pub(crate) fn of(world: &World, scripts: &Scripts) -> Self {
        let chain = world.chain.borrow();
        let mempool = world.mempool.borrow();
        let mut all: Vec<(TxStatus, &Transaction)> = Vec::new();
        for (height, block) in (0..).zip(chain.iter()) {
            let hash = block.block_hash();
            let place = TxStatus::Confirmed(BlockId { height, hash });
            all.extend(block.txdata.iter().map(|tx| (place, tx)));
        }
        all.extend(mempool.values().map(|tx| (TxStatus::Mempool, tx)));
        let mut expected = Self::default();
        for (place, tx) in &all {
            let txid = tx.compute_txid();
            for (vout, output) in (0..).zip(&tx.output) {
                if let Some((keychain, index)) = scripts.get(&output.script_pubkey) {
                    let coin = Coin {
                        outpoint: OutPoint::new(txid, vout),
                        value: output.value,
                        keychain: *keychain,
                        index: *index,
                        height: height(place),
                        coinbase: tx.is_coinbase(),
                        spent: None,
                    };
                    expected.coins.insert(coin.outpoint, coin);
                    expected.transactions.insert(txid, *place);
                }
            }
        }
        for (place, tx) in &all {
            for input in &tx.input {
                if let Some(coin) = expected.coins.get_mut(&input.previous_output) {
                    let by = tx.compute_txid();
                    let height = height(place);
                    coin.spent = Some(Spent { by, height });
                    expected.transactions.insert(by, *place);
                }
            }
        }
        expected
    }

    pub(crate) fn balance(&self, height: u32) -> Balance {
        let mut balance = Balance {
            height: Some(height),
            ..Balance::default()
        };
        for coin in self.coins.values().filter(|coin| coin.spent.is_none()) {
            balance.coins += 1;
            match coin.height {
                Some(_) => balance.confirmed += coin.value,
                None => balance.pending += coin.value,
            }
        }
        balance
    }

    fn check_list(&self, filter: CoinFilter, listed: &[Coin]) {
        let unspent = self.coins.values().filter(|coin| coin.spent.is_none());
        let mut wanted: Vec<Coin> = unspent
            .filter(|coin| !filter.confirmed_only || coin.height.is_some())
            .cloned()
            .collect();
        let mut sorted = listed.to_vec();
        sorted.sort_by_key(|coin| coin.outpoint);
        wanted.sort_by_key(|coin| coin.outpoint);
        assert_eq!(sorted, wanted);
        let in_order = listed.windows(2).all(|pair| match filter.order {
            CoinOrder::LargestFirst => pair[0].value >= pair[1].value,
            CoinOrder::SmallestFirst => pair[0].value <= pair[1].value,
            CoinOrder::OldestFirst => {
                pair[0].height.unwrap_or(u32::MAX) <= pair[1].height.unwrap_or(u32::MAX)
            }
        });
        assert!(in_order, "{filter:?}: {listed:?}");
    }
}

fn height(place: &TxStatus) -> Option<u32> {
    match place {
        TxStatus::Confirmed(block) => Some(block.height),
        TxStatus::Mempool | TxStatus::NotSeen => None,
    }
}
