//! What reviews and alarms look up: in any order of entries the same, and filled in for homes that
//! are older than the tables.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::secp256k1::ecdsa as raw;
use bitcoin::{Network, ScriptBuf, ecdsa};
use common::{device, enrolled, entry, golden, take_in};
use quorate_core::journal::{Body, Entry, SignatureText};
use quorate_core::proposal::ProposalId;
use quorate_core::spend::likeness;
use quorate_core::vault::VaultId;
use quorate_storage::Store;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A home with the golden entries in it, and with members who may speak.
fn home() -> (TempDir, PathBuf, Store, Vec<Entry>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorate.db");
    let mut store = Store::open(&path).unwrap();
    store.write(|tx| tx.create_device(&device())).unwrap();
    let mut entries = golden();
    entries.extend(enrolled(entries[0].content().vault, &[11, 12, 13, 14]));
    for entry in &entries {
        take_in(&mut store, entry);
    }
    (folder, path, store, entries)
}

/// A key that is one, of a number.
fn key(number: u8) -> String {
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let secret = bitcoin::secp256k1::SecretKey::from_slice(&[number; 32]).unwrap();
    bitcoin::PublicKey::new(secret.public_key(&secp)).to_string()
}

/// Signatures as one member's entry tells of them: for each proposal, key, `r` and `s`.
fn said(vault: VaultId, author: u8, signatures: &[(u8, u8, u8, u8)]) -> Entry {
    let proposal = ProposalId::from_bytes([signatures[0].0; 32]);
    let text = |&(_, k, r, s): &(u8, u8, u8, u8)| {
        let mut compact = [0; 64];
        compact[..32].fill(r);
        compact[32..].fill(s);
        let signature = raw::Signature::from_compact(&compact).unwrap();
        SignatureText {
            input: 0,
            public_key: key(k),
            signature: ecdsa::Signature::sighash_all(signature).to_string(),
        }
    };
    let signatures = signatures.iter().map(text).collect();
    let body = Body::ContributionAdded {
        proposal,
        signatures,
    };
    entry(vault, author, 1, 5, body)
}

fn repeated(store: &mut Store) -> Vec<[u8; 32]> {
    store.read(|tx| tx.repeated_nonces()).unwrap()
}

#[test]
fn t32_repeated_numbers_are_found_whatever_comes_first() {
    let (_folder, _, mut store, golden) = home();
    let vault = golden[0].content().vault;
    let entries = [
        said(vault, 11, &[(1, 1, 40, 1), (1, 2, 41, 1)]),
        // The same signature in another member's journal, and a number of its own.
        said(vault, 12, &[(1, 1, 40, 1), (1, 3, 42, 1)]),
        // Key 1 with the number of its first signature, key 4 with that of key 2.
        said(vault, 13, &[(2, 1, 40, 2), (2, 4, 41, 3)]),
        // A second signature in a slot that has one, with a number used elsewhere.
        said(vault, 14, &[(1, 1, 42, 9)]),
    ];
    for entry in &entries[..2] {
        take_in(&mut store, entry);
    }
    assert!(repeated(&mut store).is_empty());
    for entry in &entries[2..] {
        take_in(&mut store, entry);
    }
    assert_eq!(repeated(&mut store), [[40; 32], [41; 32], [42; 32]]);
    let uses = store.read(|tx| tx.nonce_uses(&[40; 32])).unwrap();
    assert_eq!(uses.len(), 2);
    assert!(uses[0].nonce.repeats(&uses[1].nonce));
    // All 24 orders.
    for a in 0..4 {
        for b in (0..4).filter(|b| *b != a) {
            for c in (0..4).filter(|c| ![a, b].contains(c)) {
                let d = 6 - a - b - c;
                let order = [a, b, c, d].map(|at: usize| entries[at].clone());
                let all = [&golden[..], &order].concat();
                let found = store.write(|tx| tx.rebuild(&all)).unwrap().differences;
                assert_eq!(found, [], "{:?}", [a, b, c, d]);
            }
        }
    }
}

#[test]
fn a_rebuild_mends_what_is_looked_up() {
    let (_folder, path, mut store, golden) = home();
    let vault = golden[0].content().vault;
    let mut entries = golden;
    for (author, s) in [(11, 1), (12, 2)] {
        let entry = said(vault, author, &[(author, 1, 40, s)]);
        take_in(&mut store, &entry);
        entries.push(entry);
    }
    for (attack, table) in [
        ("DELETE FROM nonces", "nonces"),
        ("DELETE FROM repeated_nonces", "repeated_nonces"),
        ("UPDATE recipients SET likeness = NULL", "recipients"),
    ] {
        Connection::open(&path)
            .unwrap()
            .execute_batch(attack)
            .unwrap();
        let found = store.write(|tx| tx.rebuild(&entries)).unwrap().differences;
        assert_eq!(found.len(), 1, "{attack}: {found:?}");
        assert_eq!(found[0].table, table);
    }
}

/// Every row of the tables that a migration filled, and of the column.
fn filled(path: &Path) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for sql in [
        "SELECT hex(proposal) || output || hex(script) || ifnull(hex(likeness), '-') FROM recipients",
        "SELECT hex(r) || hex(public_key) || hex(s) || hex(proposal) || input FROM nonces",
        "SELECT hex(script) || hex(likeness) FROM scripts",
    ] {
        let mut statement = conn.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get(0)).unwrap();
        let before = rows.len();
        rows.extend(found.map(Result::unwrap));
        assert!(rows.len() > before, "{sql}");
    }
    rows.sort();
    rows
}

#[test]
fn a_home_from_before_is_filled_in_when_it_is_opened() {
    let (_folder, path, mut store, golden) = home();
    let Body::VaultAdded { descriptor, .. } = &golden[0].content().body else {
        panic!()
    };
    let vault =
        quorate_core::vault::Vault::from_descriptor(Network::Regtest, descriptor, None).unwrap();
    store
        .write(|tx| tx.ledger_add_vault(&vault, quorate_core::journal::Birth::Height(0)))
        .unwrap();
    let fresh = filled(&path);
    drop(store);
    // Back to what version 5 wrote.
    Connection::open(&path)
        .unwrap()
        .execute_batch(include_str!("common/undo_events.sql"))
        .unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "DROP TABLE sources; ALTER TABLE ledger_vault DROP COLUMN source;
             ALTER TABLE ledger_vault DROP COLUMN cursor_time;
             ALTER TABLE ledger_vault DROP COLUMN synced_at;
             ALTER TABLE ledger_vault DROP COLUMN rescan_to;
            DROP TRIGGER coins_status_made; DROP TRIGGER coins_status_gone;
             DROP TRIGGER coins_status_changed; DROP TABLE script_status;
             DROP TABLE labels; DROP TABLE key_facts; ALTER TABLE vaults DROP COLUMN session;
             DROP TABLE attestations; DROP TABLE proofs; DROP TABLE retirements;
             DROP TABLE setup_slots; DROP TABLE setup_revoked; DROP TABLE setups; DROP TABLE joins;
             DROP TABLE recipients; DROP TABLE nonces; DROP TABLE repeated_nonces;
             DROP TRIGGER payees_go; DROP TABLE payees;
             DROP INDEX scripts_by_likeness; ALTER TABLE scripts DROP COLUMN likeness;
             PRAGMA user_version = 5;",
        )
        .unwrap();
    drop(Store::open(&path).unwrap());
    assert_eq!(filled(&path), fresh);
}

#[test]
fn t30_scripts_alike_are_found_on_either_side() {
    let (_folder, path, mut store, _) = home();
    let script = |byte| {
        ScriptBuf::new_witness_program(
            &bitcoin::WitnessProgram::new(bitcoin::WitnessVersion::V0, &[byte; 32]).unwrap(),
        )
    };
    let mine = script(5);
    let ends = likeness(&mine, Network::Regtest).unwrap();
    let like = |store: &mut Store| store.read(|tx| tx.recipient_like(&mine, ends)).unwrap();
    let put = |output: u32, other: &ScriptBuf| {
        let conn = Connection::open(&path).unwrap();
        conn.execute(
            "INSERT INTO recipients VALUES (zeroblob(32), ?1, ?2, ?3)",
            (output, other.as_bytes(), ends),
        )
        .unwrap();
    };
    assert_eq!(like(&mut store), None);
    // The script itself, however often.
    put(1, &mine);
    put(2, &mine);
    assert_eq!(like(&mut store), None);
    put(3, &script(9));
    assert_eq!(like(&mut store), Some(script(9)));
    put(4, &script(2));
    assert_eq!(like(&mut store), Some(script(2)));
}
