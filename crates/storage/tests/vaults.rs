//! A home with many vaults: one is looked up, and a new one costs nothing that the others have.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{device, entry};
use quorate_core::journal::{Birth, Body, Entry, MemberKey};
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::vault::Vault;
use quorate_storage::{StorageError, Store};
use rusqlite::Connection;

const NETWORK: bitcoin::Network = bitcoin::Network::Regtest;

fn vault(seed: u8) -> Vault {
    let key = |seed: u8| {
        let secp = bitcoin::secp256k1::Secp256k1::new();
        let master = bitcoin::bip32::Xpriv::new_master(NETWORK, &[seed; 32]).unwrap();
        let xpub = bitcoin::bip32::Xpub::from_priv(&secp, &master);
        CosignerKey::parse(&format!("[{}]{xpub}", master.fingerprint(&secp)), NETWORK).unwrap()
    };
    let keys = (0..3).map(|at| (format!("cosigner-{at}"), key(seed + at)));
    let template = Template::builtin("2-of-3").unwrap();
    Vault::create(NETWORK, &template, keys.collect()).unwrap()
}

/// The entry that brings a vault into the home, which owns it.
fn added(vault: &Vault, name: &str, owner: u8) -> Entry {
    let cosigners = vault.cosigners().iter();
    let body = Body::VaultAdded {
        name: name.to_owned(),
        network: NETWORK,
        descriptor: vault.descriptor().to_owned(),
        cosigners: cosigners.map(|one| one.name.clone()).collect(),
        birth: Birth::Height(0),
        owner: MemberKey::from_bytes(&[owner; 32]).map(|key| key.id()),
        session: false,
    };
    entry(vault.id(), 1, 1, 5, body)
}

fn home() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("q.db")).unwrap();
    store.write(|tx| tx.create_device(&device())).unwrap();
    (folder, store)
}

fn append(store: &mut Store, entry: &Entry) {
    let done: Result<_, StorageError> = store.write(|tx| tx.append(entry));
    done.unwrap();
}

#[test]
fn one_of_many_vaults_is_found_by_its_name_and_by_its_id() {
    let (_folder, mut store) = home();
    let vaults: Vec<Vault> = (10..15).map(vault).collect();
    for (number, vault) in vaults.iter().enumerate() {
        append(&mut store, &added(vault, &format!("vault {number}"), 1));
    }
    let all = store.read(|tx| tx.vaults()).unwrap();
    assert_eq!(all.len(), 5);
    for (row, vault) in all.iter().zip(&vaults) {
        assert_eq!(row.id, vault.id());
        assert_eq!(row.threshold, Some(2));
        let found = store.read(|tx| tx.vault(row.id)).unwrap();
        assert_eq!(found.as_ref(), Some(row));
        let found = store.read(|tx| tx.vault_named(&row.name)).unwrap();
        assert_eq!(found.as_ref(), Some(row));
    }
    let stranger = vault(99);
    assert_eq!(store.read(|tx| tx.vault(stranger.id())).unwrap(), None);
    assert_eq!(store.read(|tx| tx.vault_named("vault")).unwrap(), None);
}

/// Whoever makes the ten thousandth vault doesn't wait until what the others' entries say is read again.
#[test]
fn a_new_vault_makes_nothing_anew_unless_something_was_said_about_it() {
    let (folder, mut store) = home();
    append(&mut store, &added(&vault(10), "first", 1));
    let raw = Connection::open(folder.path().join("q.db")).unwrap();
    // Only making the tables anew would take this back.
    raw.execute("UPDATE vaults SET added_at = 99", []).unwrap();
    let at = |store: &mut Store| {
        let row = store.read(|tx| tx.vault_named("first")).unwrap();
        row.unwrap().added_at
    };
    append(&mut store, &added(&vault(20), "second", 1));
    // Nor when another is named its owner: what this home says counts anyway.
    let second = vault(20).id();
    let revealed = |index| Body::AddressRevealed {
        keychain: Keychain::Receive,
        index,
        label: None,
    };
    append(&mut store, &entry(second, 1, 2, 5, revealed(0)));
    let owner = MemberKey::from_bytes(&[2; 32]).unwrap().id();
    append(
        &mut store,
        &entry(second, 1, 3, 5, Body::OwnerNamed { owner }),
    );
    assert_eq!(at(&mut store), 99);
    assert_eq!(store.read(|tx| tx.owner(second)).unwrap(), Some(owner));
    assert_eq!(store.read(|tx| tx.addresses(second)).unwrap().len(), 1);
    // What member 2 said may count once he is named the owner.
    let third = vault(30);
    append(&mut store, &entry(third.id(), 2, 1, 5, revealed(3)));
    append(&mut store, &added(&third, "third", 2));
    assert_eq!(at(&mut store), 5);
}

/// A descriptor that can't be read has no number, and takes no other vault with it.
#[test]
fn a_vault_that_cannot_be_read_has_no_threshold() {
    let (_folder, mut store) = home();
    let real = vault(10);
    let mut body = added(&real, "damaged", 1).content().body.clone();
    if let Body::VaultAdded { descriptor, .. } = &mut body {
        "wsh(nonsense)".clone_into(descriptor);
    }
    append(&mut store, &entry(real.id(), 1, 1, 5, body));
    append(&mut store, &added(&vault(20), "sound", 1));
    let all = store.read(|tx| tx.vaults()).unwrap();
    let thresholds: Vec<_> = all.iter().map(|row| row.threshold).collect();
    assert_eq!(thresholds, [None, Some(2)]);
}
