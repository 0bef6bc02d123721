//! Journal entries: signed, linked, never re-serialized.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write their files"
)]

mod common;

use quorate_core::journal::{
    Birth, Body, ChainFault, CloseReason, Content, Entry, EntryError, EntryId, Judgement, MemberId,
    MemberKey, SignatureText, StateHash, VERSION, Value, Word, check_chain, judge, read_line,
    write_line,
};
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::proposal::{Proposal, SignatureSet, Slot};
use quorate_core::psbt::finalize;
use quorate_core::script_type::ScriptType;
use quorate_core::vault::{Vault, VaultId};
use quorate_core::workers::Alone;

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

/// T18: of an unknown field, the parser keeps many times its text before it is refused.
#[test]
fn t18_an_entry_of_too_many_parts_is_not_parsed() {
    // One comma less than zeros, and one bracket of each kind.
    let text = |zeros: usize| format!("{{\"x\":[0{}]}}", ",0".repeat(zeros - 1));
    let refusal = |zeros| {
        Entry::check(&text(zeros), &[0; 64])
            .unwrap_err()
            .to_string()
    };
    assert!(
        refusal(99_999).contains("missing field"),
        "{}",
        refusal(99_999)
    );
    assert!(
        refusal(100_000).ends_with("it has too many parts"),
        "{}",
        refusal(100_000)
    );
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
    let newer = quorate_core::journal::VERSION + 1;
    let text = entry(1, 1, None, 0).text().replacen(
        &format!("\"version\":{}", newer - 1),
        &format!("\"version\":{newer}"),
        1,
    );
    assert_eq!(Entry::check(&text, &[0; 64]), Err(EntryError::Newer(newer)));
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
            from: 3,
            to: 3
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

fn golden(text: &str) -> Vec<Entry> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let line = read_line(line).unwrap();
            let entry = Entry::check(&line.text, &line.signature).unwrap();
            assert_eq!(
                write_line(&entry),
                format!("{} {}", hex(&line.signature), line.text)
            );
            entry
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    use bitcoin::hex::DisplayHex;
    bytes.as_hex().to_string()
}

fn kinds(entries: &[Entry]) -> Vec<&'static str> {
    entries
        .iter()
        .map(|entry| entry.content().body.kind())
        .collect()
}

/// Entries written by a released version stay readable, to the byte.
#[test]
fn golden_entries_are_read_as_they_were_written() {
    let first = golden(include_str!("golden/journal-v1.txt"));
    assert!(first.iter().all(|entry| entry.content().version == 1));
    assert_eq!(
        kinds(&first),
        [
            "vault_added",
            "address_revealed",
            "proposal_opened",
            "contribution_added",
            "proposal_released",
            "proposal_closed"
        ]
    );
    let second = golden(include_str!("golden/journal-v2.txt"));
    assert!(second.iter().all(|entry| entry.content().version == 2));
    assert_eq!(
        kinds(&second),
        [
            "vault_added",
            "owner_named",
            "member_added",
            "member_added",
            "member_removed",
            "address_revealed",
            "proposal_opened",
            "contribution_added",
            "proposal_released",
            "proposal_closed",
            // Of a taproot vault.
            "proposal_opened",
            "proposal_submitted",
            "word_given",
            "word_given",
            "contribution_added",
            "proposal_closed"
        ]
    );
}

/// The two vaults of the golden entries, each with its proposal.
fn golden_worlds() -> [(common::world::World, Proposal); 2] {
    let mut template = Template::builtin("2-of-3").unwrap();
    template.script = ScriptType::Tr;
    let keys = common::named_keys(3);
    let taproot = Vault::create(bitcoin::Network::Regtest, &template, keys).unwrap();
    [
        common::world::World::new("2-of-3", &[100_000, 70_000]),
        common::world::World::of(taproot, &[100_000, 70_000]),
    ]
    .map(|world| {
        let proposal = world.spend(150_000).unwrap();
        (world, proposal)
    })
}

fn contribution(world: &common::world::World, proposal: &Proposal) -> (Body, SignatureSet) {
    let (mut set, mut signatures) = (SignatureSet::new(), Vec::new());
    for cosigner in 0..2 {
        for input in 0..2 {
            for (public_key, signature) in world.signatures(proposal, input, cosigner) {
                let input = u32::try_from(input).unwrap();
                set.insert(Slot { input, public_key }, signature);
                signatures.push(SignatureText {
                    input,
                    public_key: hex(&signature.key_bytes(&public_key)),
                    signature: signature.to_string(),
                });
            }
        }
    }
    let body = Body::ContributionAdded {
        proposal: proposal.id(),
        signatures,
    };
    (body, set)
}

fn opened(proposal: &Proposal, memo: Option<&str>) -> Body {
    Body::ProposalOpened {
        proposal: proposal.id(),
        psbt: quorate_core::psbt::to_base64(proposal.psbt()),
        memo: memo.map(ToOwned::to_owned),
        draft: false,
        expires: None,
        replaces: None,
    }
}

/// Another home that has nothing but the vault finds each of them sound.
#[test]
fn golden_entries_are_judged_sound_by_another_home() {
    let worlds = golden_worlds();
    for entry in golden(include_str!("golden/journal-v2.txt")) {
        let mut worlds = worlds.iter();
        let (world, proposal) = worlds
            .find(|(world, _)| world.vault.id() == entry.content().vault)
            .unwrap();
        let body = &entry.content().body;
        let judged = judge(&world.vault, body, Some(proposal), &Alone);
        assert_eq!(judged, Judgement::Sound, "{}", entry.text());
        // Without the proposal what is about it waits.
        let waits = judge(&world.vault, body, None, &Alone);
        assert_eq!(
            waits,
            body.about().map_or(Judgement::Sound, Judgement::Waits),
            "{}",
            body.kind()
        );
    }
}

/// Writes the golden file; only for a new version, never over an old one.
#[test]
#[ignore = "writes tests/golden/journal-v2.txt"]
fn write_golden_entries() {
    let [(world, proposal), (taproot, its)] = golden_worlds();
    let (contributed, set) = contribution(&world, &proposal);
    let transaction = finalize(&proposal, &set).unwrap();
    let key = key(1);
    let head = chain(2, 1)[0].id();
    let bodies = [
        Body::VaultAdded {
            name: "family".to_owned(),
            network: bitcoin::Network::Regtest,
            descriptor: world.vault.descriptor().to_owned(),
            cosigners: vec!["alice".to_owned(), "bob".to_owned(), "carol".to_owned()],
            birth: Birth::Time(1_700_000_000),
            owner: Some(key.id()),
            session: false,
        },
        Body::OwnerNamed { owner: key.id() },
        Body::MemberAdded {
            member: self::key(2).id(),
            name: "bob".to_owned(),
            cosigner: Some(world.vault.cosigners()[1].key.xpub().to_string()),
        },
        Body::MemberAdded {
            member: self::key(3).id(),
            name: "office".to_owned(),
            cosigner: None,
        },
        Body::MemberRemoved {
            member: self::key(2).id(),
            last: 1,
            head: Some(head),
        },
        Body::AddressRevealed {
            keychain: Keychain::Receive,
            index: 0,
            label: Some("rent".to_owned()),
        },
        opened(&proposal, Some("invoice 17")),
        contributed,
        Body::ProposalReleased {
            proposal: proposal.id(),
            transaction: bitcoin::consensus::encode::serialize_hex(&transaction),
        },
        Body::ProposalClosed {
            proposal: proposal.id(),
            reason: CloseReason::Abandoned,
            note: Some("paid in cash".to_owned()),
        },
    ];
    let mut lines =
        "# signature and text of one entry of each kind, as version 2 writes them\n".to_owned();
    let word = |word, note: Option<&str>| Body::WordGiven {
        proposal: its.id(),
        cosigner: *taproot.vault.cosigners()[1].key.xpub(),
        word,
        note: note.map(ToOwned::to_owned),
    };
    let others = [
        Body::ProposalOpened {
            proposal: its.id(),
            psbt: quorate_core::psbt::to_base64(its.psbt()),
            memo: None,
            draft: true,
            expires: Some(1_800_000_000),
            replaces: Some(proposal.id()),
        },
        Body::ProposalSubmitted { proposal: its.id() },
        word(Word::Rejected, Some("who is this?")),
        word(Word::Approved, None),
        contribution(&taproot, &its).0,
        Body::ProposalClosed {
            proposal: its.id(),
            reason: CloseReason::Superseded,
            note: None,
        },
    ];
    for (vault, bodies) in [
        (world.vault.id(), bodies.to_vec()),
        (taproot.vault.id(), others.to_vec()),
    ] {
        let mut prev = None;
        for (seq, body) in (1..).zip(bodies) {
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
            lines += &format!("{}\n", write_line(&entry));
            prev = Some(entry.id());
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal-v2.txt");
    std::fs::write(path, lines).unwrap();
}

#[test]
fn a_text_of_several_lines_is_no_entry() {
    let entry = entry(1, 1, None, 0);
    for breaking in ["\n", "\r"] {
        let text = entry.text().replacen(':', &format!(":{breaking}"), 1);
        let error = Entry::check(&text, &entry.signature()).unwrap_err();
        assert!(error.to_string().contains("more than one line"), "{error}");
    }
}

/// The author chooses the number; how far away it is must cost nothing.
#[test]
fn a_gap_of_any_width_is_one_fault() {
    let first = entry(1, 1, None, 0);
    let far = entry(1, u64::MAX >> 1, Some(first.id()), 1);
    let faults = check_chain([&first, &far]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    let beyond = entry(1, u64::MAX, Some(first.id()), 1);
    let error = Entry::check(beyond.text(), &beyond.signature()).unwrap_err();
    assert!(error.to_string().contains("out of range"), "{error}");
}

#[test]
fn a_member_id_is_read_back_and_anything_else_is_refused() {
    let id = key(1).id();
    assert_eq!(id.to_string().parse::<MemberId>().unwrap(), id);
    for text in [
        "",
        "00",
        &"0".repeat(64),
        &format!("{id}0"),
        &"z".repeat(64),
    ] {
        let error = text.parse::<MemberId>().unwrap_err().to_string();
        assert!(error.contains("quorate member show"), "{error}");
    }
}

/// The oracle is the rows themselves, written down by hand once.
#[test]
fn a_state_hash_is_over_rows_in_the_order_of_their_bytes() {
    let rows: [(&str, Vec<Value<'_>>); 2] = [
        ("b", vec![Value::Integer(-2), Value::Null]),
        ("a", vec![Value::Text(b"x"), Value::Blob(b"x")]),
    ];
    let mut hash = StateHash::default();
    for (table, row) in rows.iter().cloned() {
        hash.add(table, row);
    }
    let mut turned = StateHash::default();
    for (table, row) in rows.iter().rev().cloned() {
        turned.add(table, row);
    }
    let by_hand = [
        &b"\0\0\0\x12"[..],
        b"\x02\0\0\0\x01a\x02\0\0\0\x01x\x03\0\0\0\x01x",
        b"\0\0\0\x10",
        b"\x02\0\0\0\x01b\x01\xff\xff\xff\xff\xff\xff\xff\xfe\0",
    ]
    .concat();
    use bitcoin::hashes::{Hash, HashEngine, sha256};
    let tag = sha256::Hash::hash(b"Quorate/state");
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    engine.input(&by_hand);
    let expected = sha256::Hash::from_engine(engine).to_byte_array();
    assert_eq!(hash.finish(), hex(&expected));
    assert_eq!(turned.finish(), hex(&expected));
}
