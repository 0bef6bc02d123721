//! The journal in a real database: append-only against every way round, projected with the entry,
//! rebuilt from nothing else.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::Network;
use quorate_core::journal::{
    Birth, Body, CloseReason, Content, Entry, MemberKey, SignatureText, VERSION,
};
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::vault::Vault;
use quorate_storage::{Device, Standing, StorageError, Store};
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

struct Home {
    _folder: TempDir,
    path: PathBuf,
    store: Store,
    vault: Vault,
    key: MemberKey,
    entries: Vec<Entry>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quorate.db");
        let mut store = Store::open(&path).unwrap();
        let key = MemberKey::from_bytes(&[1; 32]).unwrap();
        let device = Device {
            key: key.clone(),
            network: Network::Regtest,
        };
        store.write(|tx| tx.create_device(&device)).unwrap();
        let keys = (1..=3)
            .map(|seed| (format!("cosigner-{seed}"), cosigner(seed)))
            .collect();
        let vault = Vault::create(
            Network::Regtest,
            &Template::builtin("2-of-3").unwrap(),
            keys,
        )
        .unwrap();
        let mut home = Self {
            _folder: folder,
            path,
            store,
            vault,
            key,
            entries: Vec::new(),
        };
        home.say(Body::VaultAdded {
            name: "family".to_owned(),
            network: Network::Regtest,
            descriptor: home.vault.descriptor().to_owned(),
            cosigners: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            birth: Birth::Height(0),
            owner: None,
            session: false,
        });
        home
    }

    fn next(&self, body: Body) -> Entry {
        let content = Content {
            version: VERSION,
            vault: self.vault.id(),
            author: self.key.id(),
            seq: self.entries.len() as u64 + 1,
            prev: self.entries.last().map(Entry::id),
            at: 1_700_000_000,
            body,
        };
        Entry::sign(content, &self.key).unwrap()
    }

    fn say(&mut self, body: Body) {
        let entry = self.next(body);
        assert!(self.store.write(|tx| tx.append(&entry)).unwrap());
        self.entries.push(entry);
    }

    fn reveal(&mut self, index: u32) {
        self.say(Body::AddressRevealed {
            keychain: Keychain::Receive,
            index,
            label: None,
        });
    }

    /// A connection without our pragmas: what an attacker with the file, or another tool, has.
    fn raw(&self) -> Connection {
        let conn = Connection::open(&self.path).unwrap();
        conn.pragma_update(None, "recursive_triggers", false)
            .unwrap();
        conn
    }
}

fn cosigner(seed: u8) -> CosignerKey {
    use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let master = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
    let path: DerivationPath = "48h/1h/0h/2h".parse().unwrap();
    let xpub = Xpub::from_priv(&secp, &master.derive_priv(&secp, &path).unwrap());
    let text = format!("[{}/{path}]{xpub}", master.fingerprint(&secp));
    CosignerKey::parse(&text, Network::Regtest).unwrap()
}

#[test]
fn entries_withstand_every_way_to_change_or_remove_them() {
    let mut home = Home::new();
    home.reveal(0);
    let before = home.store.read(|tx| tx.journal(None)).unwrap();
    let attacks = [
        "UPDATE entries SET text = 'x' WHERE number = 1",
        "DELETE FROM entries WHERE number = 1",
        "INSERT OR REPLACE INTO entries
         SELECT 1, zeroblob(32), vault, author, seq, at, kind, text, signature FROM entries WHERE number = 2",
        "REPLACE INTO entries
         SELECT 99, id, vault, author, seq, at, 'other', text, signature FROM entries WHERE number = 1",
        "INSERT INTO entries SELECT * FROM entries WHERE number = 1
         ON CONFLICT (number) DO UPDATE SET text = 'x'",
        "UPDATE OR REPLACE entries SET number = 1 WHERE number = 2",
    ];
    for attack in attacks {
        let error = home.raw().execute(attack, []).unwrap_err().to_string();
        assert!(
            error.contains("journal entries are never"),
            "{attack}: {error}"
        );
    }
    assert_eq!(home.store.read(|tx| tx.journal(None)).unwrap(), before);
}

#[test]
fn whoever_removes_the_triggers_is_found_out() {
    let mut home = Home::new();
    home.reveal(0);
    let drop = "DROP TRIGGER entries_stay_unchanged; DROP TRIGGER entries_stay;";
    home.raw().execute_batch(drop).unwrap();
    for (attack, fault) in [
        (
            "UPDATE entries SET text = replace(text, '\"index\":0', '\"index\":1')",
            "signature",
        ),
        (
            "UPDATE entries SET text = replace(text, '\"index\":1', '\"index\":0'), kind = 'vault_added'",
            "columns",
        ),
    ] {
        home.raw().execute(attack, []).unwrap();
        let journal = home.store.read(|tx| tx.journal(None)).unwrap();
        let faults: Vec<String> = journal
            .into_iter()
            .filter_map(|entry| entry.err())
            .map(|e| e.fault)
            .collect();
        assert!(
            faults.iter().any(|found| found.contains(fault)),
            "{faults:?}"
        );
    }
}

#[test]
fn an_entry_twice_is_one_entry() {
    let mut home = Home::new();
    home.reveal(0);
    let again = home.entries[1].clone();
    assert!(!home.store.write(|tx| tx.append(&again)).unwrap());
    assert_eq!(home.store.read(|tx| tx.journal(None)).unwrap().len(), 2);
}

#[test]
fn an_entry_and_what_it_changes_come_together_or_not_at_all() {
    let mut home = Home::new();
    // The PSBT in it is no PSBT, so projecting fails after the entry was inserted.
    let entry = home.next(Body::ProposalOpened {
        proposal: "00".repeat(32).parse().unwrap(),
        psbt: "cHNidP8=".to_owned(),
        memo: None,
        draft: false,
        expires: None,
        replaces: None,
    });
    let failed: Result<bool, StorageError> = home.store.write(|tx| tx.append(&entry));
    assert!(failed.is_err());
    assert_eq!(home.store.read(|tx| tx.journal(None)).unwrap().len(), 1);
    assert_eq!(home.store.read(|tx| tx.proposals(None)).unwrap().len(), 0);
}

fn golden(store: &mut Store) -> Vec<Entry> {
    golden_of(
        store,
        include_str!("../../core/tests/golden/journal-v1.txt"),
    )
}

/// Entries that the home's own device wrote.
fn golden_of(store: &mut Store, file: &str) -> Vec<Entry> {
    let device = Device {
        key: MemberKey::from_bytes(&[1; 32]).unwrap(),
        network: Network::Regtest,
    };
    store.write(|tx| tx.create_device(&device)).unwrap();
    let lines = file.lines();
    let mut entries = Vec::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let (signature, text) = line.split_once(' ').unwrap();
        let signature: Vec<u8> = bitcoin::hex::FromHex::from_hex(signature).unwrap();
        let entry = Entry::check(text, &signature).unwrap();
        store.write(|tx| tx.append(&entry)).unwrap();
        entries.push(entry);
    }
    entries
}

#[test]
fn a_rebuild_finds_and_mends_every_table_that_was_tampered_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorate.db");
    let mut store = Store::open(&path).unwrap();
    let entries = golden(&mut store);
    let clean = store.write(|tx| tx.rebuild(&entries)).unwrap();
    assert_eq!((clean.entries, clean.differences), (6, Vec::new()));
    for (attack, table, missing, extra) in [
        ("UPDATE vaults SET name = 'mine'", "vaults", 1, 1),
        ("DELETE FROM addresses", "addresses", 1, 0),
        ("UPDATE proposals SET memo = 'x'", "proposals", 1, 1),
        ("DELETE FROM closings", "closings", 1, 0),
        ("UPDATE releases SET tx = x'ff'", "releases", 1, 1),
        ("UPDATE signatures SET input = 9", "signatures", 1, 1),
        (
            "INSERT INTO reservations SELECT vault, zeroblob(32), 0, id FROM proposals",
            "reservations",
            0,
            1,
        ),
    ] {
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {attack}"))
            .unwrap();
        drop(conn);
        let found = store.write(|tx| tx.rebuild(&entries)).unwrap().differences;
        assert_eq!(found.len(), 1, "{attack}: {found:?}");
        assert_eq!(
            (found[0].table, found[0].missing, found[0].extra),
            (table, missing, extra),
            "{attack}"
        );
        assert!(
            store
                .write(|tx| tx.rebuild(&entries))
                .unwrap()
                .differences
                .is_empty(),
            "{attack}"
        );
    }
}

#[test]
fn a_rebuild_mends_the_tables_of_members_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorate.db");
    let mut store = Store::open(&path).unwrap();
    let file = include_str!("../../core/tests/golden/journal-v2.txt");
    let entries = golden_of(&mut store, file);
    let vault = entries[0].content().vault;
    let members = store.read(|tx| tx.members(vault)).unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(members[0].name.as_deref(), Some("bob"));
    let head = match &entries[4].content().body {
        Body::MemberRemoved { head, .. } => *head,
        other => panic!("{other:?}"),
    };
    assert_eq!(members[0].standing, Standing::Removed { last: 1, head });
    assert_eq!(members[1].standing, Standing::Enrolled);
    let state = store.read(|tx| tx.state_hash(vault)).unwrap();
    for (attack, table) in [
        ("UPDATE owners SET owner = zeroblob(32)", "owners"),
        ("UPDATE members SET last = NULL, head = NULL", "members"),
        ("DELETE FROM members WHERE name = 'office'", "members"),
        ("UPDATE openings SET memo = 'x'", "openings"),
    ] {
        Connection::open(&path)
            .unwrap()
            .execute_batch(attack)
            .unwrap();
        let found = store.write(|tx| tx.rebuild(&entries)).unwrap().differences;
        assert_eq!(found.len(), 1, "{attack}: {found:?}");
        assert_eq!(found[0].table, table);
        assert_eq!(store.read(|tx| tx.state_hash(vault)).unwrap(), state);
    }
    for table in [
        "owners",
        "members",
        "addresses",
        "proposals",
        "openings",
        "closings",
        "releases",
    ] {
        let attack = format!("DELETE FROM {table}");
        Connection::open(&path)
            .unwrap()
            .execute_batch(&attack)
            .unwrap();
        let other = store.read(|tx| tx.state_hash(vault)).unwrap();
        assert_ne!(other, state, "the hash covers {table}");
        store.write(|tx| tx.rebuild(&entries)).unwrap();
    }
}

/// What the tables of an older database said is there afterwards, with who said it.
#[test]
fn an_older_database_learns_who_handed_out_what() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorate.db");
    let lines = include_str!("../../core/tests/golden/journal-v1.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    let entries: Vec<Entry> = lines
        .map(|line| {
            let (signature, text) = line.split_once(' ').unwrap();
            let signature: Vec<u8> = bitcoin::hex::FromHex::from_hex(signature).unwrap();
            Entry::check(text, &signature).unwrap()
        })
        .collect();
    let old = Connection::open(&path).unwrap();
    for sql in [
        include_str!("../migrations/0001_ledger.sql"),
        include_str!("../migrations/0002_journal.sql"),
        "PRAGMA application_id = 0x51525431; PRAGMA user_version = 2;",
    ] {
        old.execute_batch(sql).unwrap();
    }
    let network = Network::Regtest.to_string();
    old.execute(
        "INSERT INTO device VALUES (1, ?1, ?2)",
        ([1u8; 32], network),
    )
    .unwrap();
    for entry in &entries {
        let content = entry.content();
        old.execute(
            "INSERT INTO entries (id, vault, author, seq, at, kind, text, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            rusqlite::params![
                entry.id().as_bytes(),
                content.vault.as_bytes(),
                content.author.to_bytes(),
                content.seq,
                content.at,
                content.body.kind(),
                entry.text(),
                entry.signature()
            ],
        )
        .unwrap();
    }
    drop(old);
    let mut store = Store::open(&path).unwrap();
    let vault = entries[0].content().vault;
    let addresses = store.read(|tx| tx.addresses(vault)).unwrap();
    assert_eq!(addresses.len(), 1);
    assert_eq!(addresses[0].author, entries[0].content().author);
    assert_eq!(addresses[0].label.as_deref(), Some("rent"));
    let thresholds: Vec<_> = store.read(|tx| tx.vaults()).unwrap();
    let thresholds: Vec<_> = thresholds.iter().map(|row| row.threshold).collect();
    assert_eq!(thresholds, [Some(2)]);
    let differences = store.write(|tx| tx.rebuild(&entries)).unwrap().differences;
    let wrong: Vec<_> = differences.iter().map(|one| one.table).collect();
    assert!(
        !wrong.contains(&"addresses") && !wrong.contains(&"openings"),
        "{wrong:?}"
    );
}

/// Entries that are damaged can't be replayed; what the others say must still be compared, or the
/// person is told of a constraint instead of the damage.
#[test]
fn a_rebuild_without_a_damaged_entry_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("quorate.db")).unwrap();
    let entries = golden(&mut store);
    for damaged in 0..entries.len() {
        let mut sound = entries.clone();
        sound.remove(damaged);
        let mut found = 0;
        // What hangs in the air without it is told, and never kept.
        let _: Result<(), StorageError> = store.write(|tx| {
            found = tx.rebuild(&sound)?.differences.len();
            Ok(())
        });
        assert!(found > 0, "entry {damaged}");
        store.write(|tx| tx.rebuild(&entries)).unwrap();
    }
}

/// Shows a limit: what an entry amounts to depends on whether the proposal it is about came first.
/// A home's own entries always come in order; entries from others needn't.
#[test]
fn the_order_of_arrival_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("quorate.db")).unwrap();
    let entries = golden(&mut store);
    let (count, mut orders) = (entries.len(), 0);
    let mut order: Vec<usize> = (0..count).collect();
    // All 720 orders of the six entries, by Heap's method.
    let mut stack = vec![0; count];
    let mut place = 0;
    while place < count {
        if stack[place] < place {
            order.swap(if place % 2 == 0 { 0 } else { stack[place] }, place);
            let shuffled: Vec<Entry> = order.iter().map(|&at| entries[at].clone()).collect();
            let other = store.write(|tx| tx.rebuild(&shuffled)).unwrap();
            assert!(
                other.differences.is_empty(),
                "{order:?}: {:?}",
                other.differences
            );
            orders += 1;
            stack[place] += 1;
            place = 0;
        } else {
            stack[place] = 0;
            place += 1;
        }
    }
    assert_eq!(orders, 719);
}

#[test]
fn projection_follows_the_life_of_a_proposal() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("quorate.db")).unwrap();
    let entries = golden(&mut store);
    let proposals = store.read(|tx| tx.proposals(None)).unwrap();
    assert_eq!(proposals.len(), 1);
    let proposal = &proposals[0];
    assert_eq!(proposal.memo.as_deref(), Some("invoice 17"));
    assert_eq!(
        proposal.stage,
        quorate_core::proposal::Stage::Closed(CloseReason::Abandoned)
    );
    assert_eq!(proposal.released.as_deref(), Some(&[0u8][..]));
    let vault = entries[0].content().vault;
    assert_eq!(
        store.read(|tx| tx.signatures(proposal.id)).unwrap().len(),
        1
    );
    // Closing freed its coins.
    assert!(
        store
            .read(|tx| tx.reservations(vault, 0))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store
            .read(|tx| tx.proposal_by_txid(proposal.unsigned_txid))
            .unwrap(),
        Some(proposal.id)
    );
    let prefix = &proposal.id.to_string()[..8];
    assert_eq!(
        store.read(|tx| tx.proposals_like(prefix)).unwrap(),
        [proposal.id]
    );
}

/// Of two signatures for one place the same one stays in every order, and the place stays signed.
#[test]
fn of_two_signatures_for_one_slot_every_order_keeps_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("quorate.db")).unwrap();
    let entries = golden(&mut store);
    let Body::ContributionAdded {
        proposal,
        signatures,
    } = &entries[3].content().body
    else {
        panic!()
    };
    let before = store.read(|tx| tx.signatures(*proposal)).unwrap();
    let key = MemberKey::from_bytes(&[1; 32]).unwrap();
    let mut der = signatures[0].signature.clone();
    der.replace_range(10..12, "00");
    let other = SignatureText {
        signature: der,
        ..signatures[0].clone()
    };
    let body = Body::ContributionAdded {
        proposal: *proposal,
        signatures: vec![other],
    };
    let content = Content {
        version: VERSION,
        vault: entries[0].content().vault,
        author: key.id(),
        seq: 7,
        prev: Some(entries[5].id()),
        at: 0,
        body,
    };
    let second = Entry::sign(content, &key).unwrap();
    store.write(|tx| tx.append(&second)).unwrap();
    let kept = store.read(|tx| tx.signatures(*proposal)).unwrap();
    assert_eq!(kept.len(), before.len());
    assert_ne!(kept, before, "the earlier one by its author's clock");
    let turned: Vec<Entry> = std::iter::once(second).chain(entries.clone()).collect();
    let rebuilt = store.write(|tx| tx.rebuild(&turned)).unwrap();
    assert!(rebuilt.differences.is_empty(), "{rebuilt:?}");
}

#[test]
fn nothing_of_the_home_is_readable_by_others() {
    use std::os::unix::fs::PermissionsExt;
    let mut home = Home::new();
    home.reveal(0);
    for entry in std::fs::read_dir(home.path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}
