//! Drafts, words, deadlines and replacements as tables: the same whatever the order of arrival, and
//! made anew when an older database is opened.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::OutPoint;
use common::{device, enrolled, golden, take_in};
use quorate_core::journal::{Body, CloseReason, Entry, Word};
use quorate_core::proposal::{ProposalId, Stage};
use quorate_core::vault::VaultId;
use quorate_storage::{Store, StoredWord};
use rusqlite::Connection;

const AT: u64 = 1_700_000_000;

/// The vault's entry, and what it takes to say more about its one proposal.
struct World {
    added: Entry,
    vault: VaultId,
    proposal: ProposalId,
    psbt: String,
    keys: Vec<bitcoin::bip32::Xpub>,
}

impl World {
    fn new() -> Self {
        let golden = golden();
        let Body::ProposalOpened { proposal, psbt, .. } = &golden[2].content().body else {
            panic!()
        };
        let file = quorate_core::psbt::read(psbt.as_bytes()).unwrap();
        Self {
            vault: golden[0].content().vault,
            added: golden[0].clone(),
            proposal: *proposal,
            psbt: psbt.clone(),
            keys: file.psbt.xpub.keys().copied().collect(),
        }
    }

    fn entry(&self, author: u8, seq: u64, at: u64, body: Body) -> Entry {
        common::entry(self.vault, author, seq, at, body)
    }

    fn opened(&self, draft: bool, expires: Option<u64>, replaces: Option<ProposalId>) -> Body {
        Body::ProposalOpened {
            proposal: self.proposal,
            psbt: self.psbt.clone(),
            memo: None,
            draft,
            expires,
            replaces,
        }
    }

    fn word(&self, cosigner: usize, word: Word, note: Option<&str>) -> Body {
        Body::WordGiven {
            proposal: self.proposal,
            cosigner: self.keys[cosigner],
            word,
            note: note.map(ToOwned::to_owned),
        }
    }

    fn store(&self, entries: &[Entry]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("quorate.db")).unwrap();
        store.write(|tx| tx.create_device(&device())).unwrap();
        let enrolled = enrolled(self.vault, &[2]);
        for entry in std::iter::once(&self.added).chain(&enrolled).chain(entries) {
            take_in(&mut store, entry);
        }
        (folder, store)
    }

    fn coin(&self) -> OutPoint {
        let file = quorate_core::psbt::read(self.psbt.as_bytes()).unwrap();
        file.psbt.unsigned_tx.input[0].previous_output
    }
}

/// Everything that two members say about one proposal, contradicting themselves and each other.
fn everything(world: &World) -> Vec<Entry> {
    let other = ProposalId::from_bytes([3; 32]);
    let mut entries = vec![world.added.clone()];
    entries.extend(enrolled(world.vault, &[2]));
    entries.extend([
        world.entry(1, 2, AT, world.opened(true, Some(AT + 9), None)),
        world.entry(2, 1, AT, world.opened(false, None, Some(other))),
        world.entry(2, 2, AT, world.opened(true, Some(AT + 9), Some(other))),
        world.entry(2, 3, AT + 1, world.opened(true, None, None)),
        world.entry(
            1,
            3,
            AT + 5,
            Body::ProposalSubmitted {
                proposal: world.proposal,
            },
        ),
        world.entry(
            2,
            4,
            AT + 4,
            Body::ProposalSubmitted {
                proposal: world.proposal,
            },
        ),
        world.entry(1, 4, AT + 9, world.word(0, Word::Approved, None)),
        world.entry(1, 5, AT + 2, world.word(0, Word::Rejected, Some("late"))),
        // The same number twice: an equivocation, which must not depend on the order either.
        world.entry(1, 5, AT + 2, world.word(0, Word::Approved, Some("late"))),
        world.entry(1, 5, AT + 2, world.word(0, Word::Rejected, None)),
        world.entry(2, 5, AT + 3, world.word(0, Word::Approved, None)),
        world.entry(2, 6, AT + 3, world.word(1, Word::Rejected, None)),
        world.entry(
            1,
            6,
            AT + 7,
            Body::ProposalClosed {
                proposal: world.proposal,
                reason: CloseReason::Superseded,
                note: None,
            },
        ),
    ]);
    entries
}

/// A small generator of our own, so that a failing order can be had again from its seed.
fn shuffle<T>(list: &mut [T], mut seed: u64) {
    for last in (1..list.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 33).unwrap() % (last + 1);
        list.swap(at, last);
    }
}

#[test]
fn drafts_words_deadlines_and_replacements_project_the_same_in_any_order() {
    let world = World::new();
    let entries = everything(&world);
    let (_folder, mut store) = world.store(&entries[3..]);
    for seed in 0..500 {
        let mut order = entries.clone();
        shuffle(&mut order, seed);
        let found = store.write(|tx| tx.rebuild(&order)).unwrap();
        assert!(
            found.differences.is_empty(),
            "seed {seed}: {:?}",
            found.differences
        );
    }
    // Leaving one out makes a difference, so the comparison sees them.
    let mut fewer = entries.clone();
    fewer.remove(10);
    let found = store.write(|tx| tx.rebuild(&fewer)).unwrap().differences;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].table, "words");
}

fn words(store: &mut Store, proposal: ProposalId) -> Vec<(Word, Option<String>)> {
    let words: Vec<StoredWord> = store.read(|tx| tx.words(proposal)).unwrap();
    words
        .into_iter()
        .map(|word| (word.word, word.note))
        .collect()
}

#[test]
fn of_one_authors_words_the_newest_counts_and_another_author_has_his_own() {
    let world = World::new();
    let first = world.entry(1, 2, AT + 9, world.word(0, Word::Rejected, Some("no")));
    let second = world.entry(1, 3, AT, world.word(0, Word::Approved, None));
    let (_folder, mut store) = world.store(&[second, first]);
    // By number, not by the clock, and not by arrival.
    assert_eq!(words(&mut store, world.proposal), [(Word::Approved, None)]);
    let other = world.entry(2, 1, AT + 20, world.word(0, Word::Rejected, None));
    take_in(&mut store, &other);
    assert_eq!(
        words(&mut store, world.proposal),
        [(Word::Approved, None), (Word::Rejected, None)]
    );
    let about_another = world.entry(1, 4, AT + 30, world.word(1, Word::Rejected, None));
    store.write(|tx| tx.append(&about_another)).unwrap();
    assert_eq!(words(&mut store, world.proposal).len(), 3);
}

#[test]
fn a_draft_becomes_open_and_a_superseded_one_holds_nothing() {
    let world = World::new();
    let (_folder, mut store) =
        world.store(&[world.entry(1, 2, AT, world.opened(true, None, None))]);
    let stage = |store: &mut Store| {
        let head = store.read(|tx| tx.proposal_heads(None)).unwrap();
        let full = store.read(|tx| tx.proposal(world.proposal)).unwrap();
        let head = head[0].1.as_ref().unwrap().stage;
        assert_eq!(head, full.unwrap().stage);
        head
    };
    assert_eq!(stage(&mut store), Stage::Draft);
    let submitted = Body::ProposalSubmitted {
        proposal: world.proposal,
    };
    let submitted = world.entry(1, 3, AT, submitted);
    store.write(|tx| tx.append(&submitted)).unwrap();
    assert_eq!(stage(&mut store), Stage::Open);
    let closed = Body::ProposalClosed {
        proposal: world.proposal,
        reason: CloseReason::Superseded,
        note: None,
    };
    let closed = world.entry(1, 4, AT, closed);
    store.write(|tx| tx.append(&closed)).unwrap();
    assert_eq!(stage(&mut store), Stage::Closed(CloseReason::Superseded));
    assert_eq!(
        store.read(|tx| tx.reservations(world.vault, 0)).unwrap(),
        []
    );
}

#[test]
fn a_deadline_frees_the_coins_unless_the_transaction_was_let_go() {
    let world = World::new();
    let opened = world.entry(1, 2, AT, world.opened(false, Some(AT + 10), None));
    let (_folder, mut store) = world.store(&[opened]);
    let held = |store: &mut Store, now, except: &[ProposalId]| {
        store
            .read(|tx| tx.reserved_by(world.vault, world.coin(), now, except))
            .unwrap()
            .is_some()
    };
    assert!(held(&mut store, AT + 9, &[]));
    assert!(!held(&mut store, AT + 9, &[world.proposal]));
    assert!(!held(&mut store, AT + 10, &[]));
    let all = |store: &mut Store, now| store.read(|tx| tx.reservations(world.vault, now)).unwrap();
    assert_eq!(all(&mut store, AT + 9), [(world.coin(), world.proposal)]);
    assert_eq!(all(&mut store, AT + 10), []);
    let released = Body::ProposalReleased {
        proposal: world.proposal,
        transaction: "00".to_owned(),
    };
    let released = world.entry(1, 3, AT, released);
    store.write(|tx| tx.append(&released)).unwrap();
    assert!(held(&mut store, AT + 10, &[]));
    assert_eq!(all(&mut store, AT + 10).len(), 1);
}

/// A database of the schema before, as its program left it.
#[test]
fn opening_an_older_database_makes_the_tables_anew() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorate.db");
    let mut store = Store::open(&path).unwrap();
    store.write(|tx| tx.create_device(&device())).unwrap();
    for entry in golden() {
        store.write(|tx| tx.append(&entry)).unwrap();
    }
    let before = store.read(|tx| tx.proposal_heads(None)).unwrap();
    drop(store);
    let back = "DROP TABLE sources; ALTER TABLE ledger_vault DROP COLUMN source;
        ALTER TABLE ledger_vault DROP COLUMN cursor_time;
        ALTER TABLE ledger_vault DROP COLUMN synced_at;
        ALTER TABLE ledger_vault DROP COLUMN rescan_to;
        DROP TRIGGER coins_status_made; DROP TRIGGER coins_status_gone;
        DROP TRIGGER coins_status_changed; DROP TABLE script_status;
        DROP TABLE labels; DROP TABLE key_facts; ALTER TABLE vaults DROP COLUMN session;
        DROP TABLE attestations; DROP TABLE proofs; DROP TABLE retirements;
        DROP TABLE setup_slots; DROP TABLE setup_revoked; DROP TABLE setups; DROP TABLE joins;
        DROP TABLE recipients; DROP TABLE nonces; DROP TABLE repeated_nonces;
        DROP TRIGGER payees_go; DROP TABLE payees; DROP INDEX scripts_by_likeness;
        ALTER TABLE scripts DROP COLUMN likeness;
        DROP TABLE words; DROP TABLE submissions; DROP INDEX proposals_by_replaced;
        ALTER TABLE proposals DROP COLUMN draft; ALTER TABLE proposals DROP COLUMN expires;
        ALTER TABLE proposals DROP COLUMN replaces; ALTER TABLE proposals DROP COLUMN sent;
        ALTER TABLE proposals DROP COLUMN payees; ALTER TABLE proposals DROP COLUMN payee;
        PRAGMA user_version = 4;";
    Connection::open(&path)
        .unwrap()
        .execute_batch(include_str!("common/undo_events.sql"))
        .unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch(back)
        .unwrap();
    let mut store = Store::open(&path).unwrap();
    let after = store.read(|tx| tx.proposal_heads(None)).unwrap();
    assert_eq!(before.len(), 1);
    let (before, after) = (before[0].1.as_ref().unwrap(), after[0].1.as_ref().unwrap());
    assert_eq!(before, after);
    assert_eq!((after.sent.to_sat(), after.payees), (50_000, 1));
    assert_eq!(after.id, world.proposal);
    let found = store.write(|tx| tx.rebuild(&golden())).unwrap();
    assert_eq!(found.differences, []);
}
