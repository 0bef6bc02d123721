//! A home in a database, with the golden entries, and authors who may speak.
#![allow(dead_code, reason = "each test binary uses its own part")]

use quorate_core::journal::{Body, Content, Entry, EntryId, Judgement, MemberKey, VERSION};
use quorate_core::vault::VaultId;
use quorate_storage::{Device, Store};

pub(crate) fn golden() -> Vec<Entry> {
    let lines = include_str!("../../../core/tests/golden/journal-v1.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (signature, text) = line.split_once(' ').unwrap();
            let signature: Vec<u8> = bitcoin::hex::FromHex::from_hex(signature).unwrap();
            Entry::check(text, &signature).unwrap()
        })
        .collect()
}

fn key(author: u8) -> MemberKey {
    MemberKey::from_bytes(&[author; 32]).unwrap()
}

/// The home of the golden entries' author, who is number 1.
pub(crate) fn device() -> Device {
    Device {
        key: key(1),
        network: bitcoin::Network::Regtest,
    }
}

pub(crate) fn entry(vault: VaultId, author: u8, seq: u64, at: u64, body: Body) -> Entry {
    let content = Content {
        version: VERSION,
        vault,
        author: key(author).id(),
        seq,
        // Which entry is linked makes no difference to what the entries amount to.
        prev: (seq > 1).then(|| EntryId::from_bytes([9; 32])),
        at,
        body,
    };
    Entry::sign(content, &key(author)).unwrap()
}

/// The home's author is the vault's owner, and lets these others speak.
pub(crate) fn enrolled(vault: VaultId, authors: &[u8]) -> Vec<Entry> {
    let owner = Body::OwnerNamed { owner: key(1).id() };
    let others = (91..).zip(authors).map(|(seq, author)| {
        let body = Body::MemberAdded {
            member: key(*author).id(),
            name: format!("member-{author}"),
            cosigner: None,
        };
        entry(vault, 1, seq, 5, body)
    });
    std::iter::once(entry(vault, 1, 90, 5, owner))
        .chain(others)
        .collect()
}

/// As it comes in: our own, or judged to be sound.
pub(crate) fn take_in(store: &mut Store, entry: &Entry) {
    let own = entry.content().author == device().key.id();
    store
        .write(|tx| {
            if own {
                tx.append(entry)
            } else {
                tx.take_in(entry, &Judgement::Sound)
            }
        })
        .unwrap();
}
