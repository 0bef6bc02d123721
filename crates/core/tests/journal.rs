//! Journal entries: signed, linked, never re-serialized.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write their files"
)]

mod common;

use quorate_core::journal::{
    Birth, Body, ChainFault, Content, Entry, EntryError, EntryId, MemberKey, VERSION, check_chain,
};
use quorate_core::keychain::Keychain;
use quorate_core::vault::VaultId;

fn key(seed: u8) -> MemberKey {
    MemberKey::from_bytes(&[seed; 32]).unwrap()
}

fn entry(author: u8, seq: u64, prev: Option<EntryId>, index: u32) -> Entry {
    let key = key(author);
    let body = Body::AddressRevealed {
        keychain: Keychain::Receive,
        index,
        label: Some("rent".to_owned()),
    };
    let vault = VaultId::from_bytes([7; 32]);
    let content = Content {
        version: VERSION,
        vault,
        author: key.id(),
        seq,
        prev,
        at: 1_700_000_000,
        body,
    };
    Entry::sign(content, &key).unwrap()
}

fn chain(author: u8, length: u64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for seq in 1..=length {
        let prev = entries.last().map(Entry::id);
        entries.push(entry(author, seq, prev, u32::try_from(seq).unwrap()));
    }
    entries
}

#[test]
fn an_entry_is_read_back_from_its_text_and_signature() {
    let entry = entry(1, 1, None, 0);
    let read = Entry::check(entry.text(), &entry.signature()).unwrap();
    assert_eq!(read, entry);
}

#[test]
fn every_changed_byte_of_an_entry_is_noticed() {
    let entry = entry(1, 1, None, 0);
    for place in 0..entry.text().len() {
        let mut bytes = entry.text().as_bytes().to_vec();
        bytes[place] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        assert!(
            Entry::check(&text, &entry.signature()).is_err(),
            "byte {place}"
        );
    }
    for place in 0..64 {
        let mut signature = entry.signature();
        signature[place] ^= 1;
        assert_eq!(
            Entry::check(entry.text(), &signature),
            Err(EntryError::BadSignature)
        );
    }
    // Same meaning, other bytes: white space is signed too.
    let spaced = entry.text().replacen(':', ": ", 1);
    assert_eq!(
        Entry::check(&spaced, &entry.signature()),
        Err(EntryError::BadSignature)
    );
}

#[test]
fn numbers_and_links_must_agree() {
    let first = entry(1, 1, None, 0);
    for bad in [
        entry(1, 0, None, 0),
        entry(1, 1, Some(first.id()), 0),
        entry(1, 2, None, 0),
    ] {
        let error = Entry::check(bad.text(), &bad.signature()).unwrap_err();
        assert!(matches!(error, EntryError::BadLink { .. }), "{error}");
    }
}

#[test]
fn a_newer_version_and_an_unknown_kind_are_told_apart() {
    let text = entry(1, 1, None, 0)
        .text()
        .replacen(&format!("\"version\":{VERSION}"), "\"version\":77", 1);
    assert_eq!(Entry::check(&text, &[0; 64]), Err(EntryError::Newer(77)));
    let text = entry(1, 1, None, 0)
        .text()
        .replacen("address_revealed", "money_stolen", 1);
    assert!(matches!(
        Entry::check(&text, &[0; 64]),
        Err(EntryError::Malformed(_))
    ));
}

#[test]
fn chains_show_what_is_missing_changed_or_said_twice() {
    let mine = chain(1, 5);
    let yours = chain(2, 3);
    assert!(check_chain(mine.iter().chain(&yours)).is_empty());
    assert!(check_chain(yours.iter().rev().chain(mine.iter().rev())).is_empty());
    let gap: Vec<&Entry> = mine
        .iter()
        .filter(|entry| entry.content().seq != 3)
        .collect();
    assert_eq!(
        check_chain(gap),
        [ChainFault::Missing {
            author: key(1).id(),
            seq: 3
        }]
    );
    let other = entry(1, 5, Some(mine[3].id()), 99);
    let twice = check_chain(mine.iter().chain([&other]));
    assert_eq!(
        twice,
        [ChainFault::Equivocation {
            author: key(1).id(),
            seq: 5
        }]
    );
    let stray = entry(1, 5, Some(yours[0].id()), 5);
    let faults = check_chain(mine[..4].iter().chain([&stray]));
    assert!(
        matches!(faults[..], [ChainFault::BrokenLink { seq: 5, .. }]),
        "{faults:?}"
    );
}

/// Entries written by a released version stay readable, to the byte.
#[test]
fn golden_entries_are_read_as_they_were_written() {
    let golden = include_str!("golden/journal-v1.txt");
    let mut kinds = Vec::new();
    for line in golden.lines().filter(|line| !line.starts_with('#')) {
        let (signature, text) = line.split_once(' ').unwrap();
        let signature: Vec<u8> = bitcoin::hex::FromHex::from_hex(signature).unwrap();
        let entry = Entry::check(text, &signature).unwrap();
        kinds.push(entry.content().body.kind());
    }
    assert_eq!(
        kinds,
        [
            "vault_added",
            "address_revealed",
            "proposal_opened",
            "contribution_added",
            "proposal_released",
            "proposal_closed"
        ]
    );
}

/// Writes the golden file; only for a new version, never over an old one.
#[test]
#[ignore = "writes tests/golden/journal-v1.txt"]
fn write_golden_entries() {
    use quorate_core::journal::{CloseReason, SignatureText};
    let world = common::world::World::new("2-of-3", &[100_000]);
    let proposal = world.spend(50_000).unwrap();
    let (public_key, signature) = world.signatures(&proposal, 0, 0)[0];
    let bodies = [
        Body::VaultAdded {
            name: "family".to_owned(),
            network: bitcoin::Network::Regtest,
            descriptor: world.vault.descriptor().to_owned(),
            cosigners: vec!["alice".to_owned(), "bob".to_owned(), "carol".to_owned()],
            birth: Birth::Time(1_700_000_000),
        },
        Body::AddressRevealed {
            keychain: Keychain::Receive,
            index: 0,
            label: Some("rent".to_owned()),
        },
        Body::ProposalOpened {
            proposal: proposal.id(),
            psbt: quorate_core::psbt::to_base64(proposal.psbt()),
            memo: Some("invoice 17".to_owned()),
            draft: false,
            expires: None,
            replaces: None,
        },
        Body::ContributionAdded {
            proposal: proposal.id(),
            signatures: vec![SignatureText {
                input: 0,
                public_key: public_key.to_string(),
                signature: signature.to_string(),
            }],
        },
        Body::ProposalReleased {
            proposal: proposal.id(),
            transaction: "00".to_owned(),
        },
        Body::ProposalClosed {
            proposal: proposal.id(),
            reason: CloseReason::Abandoned,
            note: None,
        },
    ];
    let key = key(1);
    let mut lines =
        "# signature and text of one entry of each kind, as version 1 wrote them\n".to_owned();
    let mut prev = None;
    for (seq, body) in (1..).zip(bodies) {
        let vault = world.vault.id();
        let content = Content {
            version: VERSION,
            vault,
            author: key.id(),
            seq,
            prev,
            at: 1_700_000_000,
            body,
        };
        let entry = Entry::sign(content, &key).unwrap();
        use bitcoin::hex::DisplayHex;
        lines += &format!("{} {}\n", entry.signature().as_hex(), entry.text());
        prev = Some(entry.id());
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal-v1.txt");
    std::fs::write(path, lines).unwrap();
}
