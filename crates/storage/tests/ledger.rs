//! What the ledger's tables refuse, whatever order writes come in. How they follow a chain is tested
//! with the sync, in the coordinator.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::absolute::LockTime;
use bitcoin::bip32::{Xpriv, Xpub};
use bitcoin::block::{Header, Version as BlockVersion};
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, Block, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Transaction, TxIn,
    TxMerkleNode, TxOut, Txid,
};
use quorate_core::chain::BlockId;
use quorate_core::keychain::Keychain;
use quorate_core::ledger::{Birth, CheckedBlock, TxStatus, VaultRow};
use quorate_core::vault::Vault;
use quorate_core::workers::Alone;
use quorate_storage::{Deriver, Safe, StorageError, Store};
use std::collections::BTreeSet;

fn vault(seeds: [u8; 2]) -> Vault {
    let secp = Secp256k1::new();
    let keys = seeds.map(|seed| {
        let master = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
        let xpub = Xpub::from_priv(&secp, &master);
        format!("[{}]{xpub}/<0;1>/*", master.fingerprint(&secp))
    });
    let text = format!("wsh(sortedmulti(2,{}))", keys.join(","));
    Vault::from_descriptor(Network::Regtest, &text, None).unwrap()
}

fn tx(unique: u32, spends: OutPoint, pays: ScriptBuf) -> (Txid, Transaction) {
    let tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(unique),
        input: vec![TxIn {
            previous_output: spends,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000),
            script_pubkey: pays,
        }],
    };
    (tx.compute_txid(), tx)
}

fn block(height: u32, parent: BlockHash, unique: u32, txs: Vec<Transaction>) -> CheckedBlock {
    let (_, coinbase) = tx(unique, OutPoint::null(), ScriptBuf::new());
    let mut block = Block {
        header: Header {
            version: BlockVersion::TWO,
            prev_blockhash: parent,
            merkle_root: TxMerkleNode::all_zeros(),
            time: 1_600_000_000,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: 0,
        },
        txdata: [vec![coinbase], txs].concat(),
    };
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    let hash = block.block_hash();
    CheckedBlock::check(BlockId { height, hash }, block).unwrap()
}

struct Ledger {
    store: Store,
    vault: Vault,
    row: VaultRow,
    folder: tempfile::TempDir,
}

impl Ledger {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("q.db")).unwrap();
        let vault = vault([1, 2]);
        let row = store
            .write(|tx| tx.ledger_add_vault(&vault, Birth::Height(0)))
            .unwrap();
        Self {
            store,
            vault,
            row,
            folder,
        }
    }

    fn script(&self) -> ScriptBuf {
        let derived = self.vault.derive(Keychain::Receive, 0).unwrap();
        derived.script_pubkey
    }

    /// Matches blocks; whether they were taken.
    fn blocks(&mut self, row: VaultRow, at: Option<BlockId>, blocks: &[CheckedBlock]) -> bool {
        let rows = BTreeSet::from([row]);
        let mut deriver = Deriver::new(&Alone);
        let matched = self
            .store
            .write(|tx| tx.ledger_match_blocks(&rows, at, blocks, &mut deriver));
        self.store.read(|tx| tx.ledger_audit()).unwrap();
        matched.unwrap().is_some()
    }

    fn mempool(&mut self, transactions: Vec<(Txid, Transaction)>) {
        let mut deriver = Deriver::new(&Alone);
        let matched = self.store.write(|tx| {
            let revision = tx.ledger_revision()?;
            tx.mempool_match(revision, transactions, 0, &mut deriver)
        });
        let matched: Result<_, StorageError> = matched;
        assert!(matched.unwrap().is_some());
        self.store.read(|tx| tx.ledger_audit()).unwrap();
    }
}

#[test]
fn the_mempool_never_displaces_a_block() {
    let mut ledger = Ledger::new();
    let (row, script) = (ledger.row, ledger.script());
    let (paid, paying) = tx(1, OutPoint::new(Txid::all_zeros(), 1), script.clone());
    let coin = OutPoint::new(paid, 0);
    let (mined, spending) = tx(2, coin, ScriptBuf::new());
    let block = block(0, BlockHash::all_zeros(), 1, vec![paying.clone(), spending]);
    assert!(ledger.blocks(row, None, std::slice::from_ref(&block)));
    // A source that lists what can't be: a double spend of it, and the deposit once more.
    ledger.mempool(vec![tx(3, coin, script), (paid, paying)]);
    ledger
        .store
        .read(|tx| {
            let coin = tx.ledger_coin(row, &coin)?.unwrap();
            assert_eq!(coin.height, Some(0));
            let spent = coin.spent.unwrap();
            assert_eq!((spent.by, spent.height), (mined, Some(0)));
            let status = tx.ledger_tx_status(row, &paid)?;
            assert_eq!(status, TxStatus::Confirmed(block.id()));
            Ok::<_, StorageError>(())
        })
        .unwrap();
}

#[test]
fn blocks_must_continue_the_chain_and_agree_with_it() {
    let mut ledger = Ledger::new();
    let row = ledger.row;
    let first = block(0, BlockHash::all_zeros(), 1, Vec::new());
    let second = block(1, first.id().hash, 2, Vec::new());
    let other = block(0, BlockHash::all_zeros(), 3, Vec::new());
    let beyond = block(2, second.id().hash, 4, Vec::new());
    let chain = [first.clone(), second.clone()];

    assert!(!ledger.blocks(row, None, std::slice::from_ref(&second)));
    assert!(!ledger.blocks(row, None, &[first.clone(), beyond.clone()]));
    assert!(ledger.blocks(row, None, &chain));
    // The cursor isn't there any more.
    assert!(!ledger.blocks(row, None, &chain));
    assert!(!ledger.blocks(row, Some(first.id()), std::slice::from_ref(&second)));

    // Another vault can't go another way, nor start on another branch.
    let late = ledger
        .store
        .write(|tx| tx.ledger_add_vault(&vault([3, 4]), Birth::Height(0)))
        .unwrap();
    assert!(!ledger.blocks(late, None, std::slice::from_ref(&other)));
    let start = |tx: &quorate_storage::WriteTx<'_>, block| tx.ledger_start_at(late, block);
    let on_other = ledger.store.write(|tx| start(tx, other.id()));
    assert!(!on_other.unwrap());
    assert!(ledger.store.write(|tx| start(tx, first.id())).unwrap());
    assert!(!ledger.store.write(|tx| start(tx, second.id())).unwrap());
    assert!(ledger.blocks(late, Some(first.id()), std::slice::from_ref(&second)));
    assert!(ledger.blocks(late, Some(second.id()), &[beyond]));
}

#[test]
fn a_vault_is_added_once_and_derived_as_far_as_needed() {
    let mut ledger = Ledger::new();
    let vault = ledger.vault.clone();
    let again = ledger
        .store
        .write(|tx| tx.ledger_add_vault(&vault, Birth::Height(7)));
    assert_eq!(again.unwrap(), ledger.row);
    let known = ledger.store.read(|tx| tx.ledger_vaults()).unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].birth, Birth::Height(0));

    let mut owner = |index: u32| {
        let script = vault.derive(Keychain::Change, index).unwrap().script_pubkey;
        let owners = ledger.store.read(|tx| tx.ledger_owners(&script)).unwrap();
        owners.first().map(|owner| (owner.keychain, owner.index))
    };
    assert_eq!(owner(199), Some((Keychain::Change, 199)));
    assert_eq!(owner(200), None);
    let reveal = |tx: &quorate_storage::WriteTx<'_>, index| {
        tx.ledger_reveal(&vault, Keychain::Change, index)
    };
    ledger.store.write(|tx| reveal(tx, 4)).unwrap();
    // A lower one changes nothing.
    ledger.store.write(|tx| reveal(tx, 2)).unwrap();
    let mut owner = |index: u32| {
        let script = vault.derive(Keychain::Change, index).unwrap().script_pubkey;
        ledger.store.read(|tx| tx.ledger_owners(&script)).unwrap()
    };
    assert_eq!(owner(204).len(), 1);
    assert!(owner(205).is_empty());
}

/// What the newest migration fills in of a ledger that was there before is what it would have written.
#[test]
fn an_older_ledger_gets_its_running_balances_and_days() {
    let mut ledger = Ledger::new();
    let (row, script) = (ledger.row, ledger.script());
    let (paid, paying) = tx(1, OutPoint::new(Txid::all_zeros(), 1), script.clone());
    let (moved, moving) = tx(2, OutPoint::new(paid, 0), script.clone());
    let (_, other) = tx(3, OutPoint::new(Txid::all_zeros(), 2), script.clone());
    let (_, spending) = tx(4, OutPoint::new(moved, 0), ScriptBuf::new());
    let first = block(0, BlockHash::all_zeros(), 1, vec![paying, moving, other]);
    let second = block(1, first.id().hash, 2, vec![spending]);
    assert!(ledger.blocks(row, None, &[first, second]));
    ledger.mempool(vec![tx(5, OutPoint::new(Txid::all_zeros(), 3), script)]);
    let rows = |path: &std::path::Path| -> Vec<String> {
        let conn = rusqlite::Connection::open(path).unwrap();
        let mut all = Vec::new();
        for sql in [
            "SELECT concat_ws(' ', hex(txid), block_time, net, balance) FROM transactions ORDER BY id",
            "SELECT concat_ws(' ', vault, day, net) FROM ledger_days ORDER BY vault, day",
        ] {
            let mut statement = conn.prepare(sql).unwrap();
            let found = statement.query_map([], |row| row.get(0)).unwrap();
            all.extend(found.map(Result::unwrap));
        }
        all
    };
    let path = ledger.folder.path().join("q.db");
    let written = rows(&path);
    assert_eq!(written.len(), 6, "{written:?}");
    let undo = include_str!("common/undo_events.sql");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(&format!("{undo} PRAGMA user_version = 11;"))
        .unwrap();
    let mut store = Store::open(&path).unwrap();
    store.read(|tx| tx.ledger_audit()).unwrap();
    assert_eq!(rows(&path), written);
    // It was at the tip before, so it is silent about the past and tells of what comes.
    assert_eq!(store.read(|tx| tx.last_event()).unwrap(), 0);
}

/// Everything that matching blocks writes, and with triggers also what they write.
fn written(path: &std::path::Path) -> Vec<String> {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut all = Vec::new();
    for sql in [
        "SELECT concat_ws(' ', id, vault, hex(txid), hex(raw), height, hex(block_hash), position, first_seen,
             block_time, net, balance) FROM transactions ORDER BY id",
        "SELECT concat_ws(' ', id, vault, hex(txid), vout, value, keychain, idx, coinbase, height,
             hex(spent_by), spent_height) FROM coins ORDER BY id",
        "SELECT concat_ws(' ', vault, confirmed_sat, pending_sat, coin_count) FROM balances ORDER BY vault",
        "SELECT concat_ws(' ', vault, day, net) FROM ledger_days ORDER BY vault, day",
        "SELECT concat_ws(' ', vault, hex(txid), vout, hex(script)) FROM payees ORDER BY vault, txid, vout",
        "SELECT concat_ws(' ', vault, keychain, derived, used) FROM ledger_keychain ORDER BY vault, keychain",
    ] {
        let mut statement = conn.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get(0)).unwrap();
        all.extend(found.map(Result::unwrap));
    }
    all
}

/// Blocks with payments, spends of them in the same block and later, one vault paying another.
fn history(to: &[ScriptBuf; 2]) -> Vec<CheckedBlock> {
    let stranger = |number| OutPoint::new(Txid::from_byte_array([number; 32]), 0);
    let pays = |unique, number, who: usize| tx(unique, stranger(number), to[who].clone());
    let (first, paying) = pays(1, 1, 0);
    let (moved, moving) = tx(2, OutPoint::new(first, 0), to[1].clone());
    let (_, staying) = pays(3, 2, 0);
    let (second, later) = pays(4, 3, 1);
    let (_, spending) = tx(
        5,
        OutPoint::new(moved, 0),
        ScriptBuf::from_bytes(vec![0x51]),
    );
    let (_, both) = tx(6, OutPoint::new(second, 0), to[0].clone());
    // More than are written at once, and some that depend on those: spends of them.
    let crowd: Vec<(Txid, Transaction)> = (0..75)
        .map(|number| pays(20 + number, 20 + number as u8, number as usize % 2))
        .collect();
    let coin = |number: usize| OutPoint::new(crowd[number].0, 0);
    let mut crowded: Vec<Transaction> = crowd.iter().map(|(_, tx)| tx.clone()).collect();
    crowded.insert(60, tx(200, coin(1), to[0].clone()).1);
    crowded.push(tx(201, coin(74), to[1].clone()).1);
    let again = vec![
        tx(202, coin(2), to[0].clone()).1,
        tx(203, coin(5), to[1].clone()).1,
        tx(204, coin(3), to[1].clone()).1,
    ];
    let mut parent = BlockHash::all_zeros();
    let mut chain = Vec::new();
    for (height, txs) in [
        vec![paying, moving, staying],
        vec![later],
        vec![],
        vec![spending, both],
        crowded,
        vec![],
        again,
    ]
    .into_iter()
    .enumerate()
    {
        let height = u32::try_from(height).unwrap();
        let block = block(height, parent, 100 + height, txs);
        parent = block.id().hash;
        chain.push(block);
    }
    chain
}

#[test]
fn a_first_look_writes_what_triggers_would_have() {
    let homes = [false, true].map(|caught_up| {
        let mut ledger = Ledger::new();
        let other = vault([3, 4]);
        let second = ledger
            .store
            .write(|tx| tx.ledger_add_vault(&other, Birth::Height(0)))
            .unwrap();
        let theirs = other.derive(Keychain::Receive, 7).unwrap().script_pubkey;
        let chain = history(&[ledger.script(), theirs]);
        let path = ledger.folder.path().join("q.db");
        if caught_up {
            let conn = rusqlite::Connection::open(&path).unwrap();
            conn.execute("UPDATE ledger_vault SET caught_up = 1", [])
                .unwrap();
        }
        let rows = BTreeSet::from([ledger.row, second]);
        // Such a batch needn't be safe at once.
        let first = ledger.store.read(|tx| tx.ledger_is_first_look(&rows));
        assert_eq!(first.unwrap(), !caught_up);
        let mut deriver = Deriver::new(&Alone);
        let mut at = None;
        for blocks in chain.chunks(2) {
            let matched = ledger.store.write_in_small_steps(Safe::WithTheNext, |tx| {
                tx.ledger_match_blocks(&rows, at, blocks, &mut deriver)
            });
            assert!(matched.unwrap().is_some());
            at = blocks.last().map(CheckedBlock::id);
            ledger.store.read(|tx| tx.ledger_audit()).unwrap();
        }
        // Who was caught up was told of it, so it went the usual way.
        let told = ledger.store.read(|tx| tx.last_event()).unwrap() > 0;
        assert_eq!(told, caught_up);
        // Rules of the tables too, which weren't checked at a first look.
        let conn = rusqlite::Connection::open(&path).unwrap();
        let sound = conn.pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0));
        assert_eq!(sound.unwrap(), "ok");
        let dangling = conn.query_row("PRAGMA foreign_key_check", [], |_| Ok(()));
        assert_eq!(dangling, Err(rusqlite::Error::QueryReturnedNoRows));
        (written(&path), ledger)
    });
    let [(first_look, mut ledger), (usual, _)] = homes;
    assert!(first_look.len() > 150, "{first_look:?}");
    assert_eq!(first_look, usual);
    // Triggers are back.
    let (row, script) = (ledger.row, ledger.script());
    let mut deriver = Deriver::new(&Alone);
    let paying = vec![tx(9, OutPoint::new(Txid::all_zeros(), 9), script)];
    let matched = ledger.store.write(|tx| {
        let revision = tx.ledger_revision()?;
        tx.mempool_match(revision, paying, 0, &mut deriver)
    });
    let matched: Result<_, StorageError> = matched;
    assert!(matched.unwrap().is_some());
    let balance = ledger.store.read(|tx| tx.ledger_balance(row)).unwrap();
    assert_eq!(balance.pending.to_sat(), 1_000);
}

/// Whichever way it is written: the whole batch is refused.
#[test]
fn t29_a_chain_that_spends_a_coin_twice_is_refused() {
    for caught_up in [false, true] {
        let mut ledger = Ledger::new();
        let path = ledger.folder.path().join("q.db");
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute("UPDATE ledger_vault SET caught_up = ?1", [caught_up])
            .unwrap();
        let stranger = OutPoint::new(Txid::from_byte_array([1; 32]), 0);
        let (paid, paying) = tx(1, stranger, ledger.script());
        let coin = OutPoint::new(paid, 0);
        let elsewhere = ScriptBuf::from_bytes(vec![0x51]);
        let [first, second] = [2, 3].map(|unique| tx(unique, coin, elsewhere.clone()));
        let start = block(0, BlockHash::all_zeros(), 100, vec![paying]);
        let rows = BTreeSet::from([ledger.row]);
        let mut deriver = Deriver::new(&Alone);
        let mut follow = |ledger: &mut Ledger, at: Option<BlockId>, blocks: &[CheckedBlock]| {
            ledger.store.write_in_small_steps(Safe::OnDisk, |tx| {
                tx.ledger_match_blocks(&rows, at, blocks, &mut deriver)
            })
        };
        let begun = follow(&mut ledger, None, std::slice::from_ref(&start));
        assert!(begun.unwrap().is_some());
        let before = written(&path);
        let both = block(
            1,
            start.id().hash,
            101,
            vec![first.1.clone(), second.1.clone()],
        );
        let one = block(1, start.id().hash, 101, vec![first.1]);
        let other = block(2, one.id().hash, 102, vec![second.1.clone()]);
        for (blocks, last) in [(vec![both], 1), (vec![one.clone(), other], 2)] {
            let refused = follow(&mut ledger, Some(start.id()), &blocks);
            let Err(StorageError::SpentTwice { coin: of, spenders }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!((of, spenders), (coin, [(first.0, 1), (second.0, last)]));
            assert_eq!(written(&path), before);
        }
        // Looked at anew, with its spender in a block that was left so long ago that nobody remembers it: the
        // chain of today has another one.
        follow(&mut ledger, Some(start.id()), &[one]).unwrap();
        conn.execute_batch("DELETE FROM blocks WHERE height > 0")
            .unwrap();
        conn.execute(
            "UPDATE ledger_vault SET cursor_height = 0, cursor_hash = ?1, rescan_to = 1",
            [start.id().hash.to_byte_array()],
        )
        .unwrap();
        let today = block(1, start.id().hash, 103, vec![second.1]);
        follow(&mut ledger, Some(start.id()), std::slice::from_ref(&today)).unwrap();
        let rescanned: Result<_, StorageError> =
            ledger.store.write(|tx| tx.ledger_rescanned(today.id()));
        rescanned.unwrap();
        let spent = ledger.store.read(|tx| tx.ledger_coin(ledger.row, &coin));
        let spent = spent.unwrap().unwrap().spent.unwrap();
        assert_eq!((spent.by, spent.height), (second.0, Some(1)));
    }
}

/// No honest chain does it, but a source may show one.
#[test]
fn a_transaction_shown_in_two_blocks_goes_the_usual_way() {
    let homes = [false, true].map(|caught_up| {
        let mut ledger = Ledger::new();
        let path = ledger.folder.path().join("q.db");
        if caught_up {
            let conn = rusqlite::Connection::open(&path).unwrap();
            conn.execute("UPDATE ledger_vault SET caught_up = 1", [])
                .unwrap();
        }
        let pays = |unique| {
            let coin = OutPoint::new(Txid::from_byte_array([unique as u8; 32]), 0);
            tx(unique, coin, ledger.script()).1
        };
        let all: Vec<Transaction> = (1..50).map(pays).collect();
        let first = block(0, BlockHash::all_zeros(), 100, all.clone());
        let again = vec![pays(60), all[40].clone(), pays(61)];
        let chain = [first.clone(), block(1, first.id().hash, 101, again)];
        let rows = BTreeSet::from([ledger.row]);
        let mut deriver = Deriver::new(&Alone);
        let attempt = |ledger: &mut Ledger, deriver: &mut Deriver| {
            let done = ledger.store.write_in_small_steps(Safe::OnDisk, |tx| {
                tx.ledger_match_blocks(&rows, None, &chain, deriver)
            });
            done.map(|matched| matched.unwrap().new_transactions)
        };
        let done = attempt(&mut ledger, &mut deriver);
        if caught_up {
            assert_eq!(done.unwrap(), 51);
        } else {
            let before = written(&path).len();
            assert!(matches!(done, Err(StorageError::NotNew)), "{done:?}");
            assert_eq!(written(&path).len(), before);
            deriver.take_the_usual_way();
            assert_eq!(attempt(&mut ledger, &mut deriver).unwrap(), 51);
        }
        ledger.store.read(|tx| tx.ledger_audit()).unwrap();
        written(&path)
    });
    assert_eq!(homes[0], homes[1]);
}
