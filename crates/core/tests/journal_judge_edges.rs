//! What members may write, at the edges: counts, indexes, texts, fields nobody knows, and keys in
//! different leaves.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::hex::DisplayHex;
use bitcoin::psbt::raw;
use bitcoin::{Network, Psbt};
use common::world::{World, stranger};
use common::{key, vault_as};
use quorate_core::journal::{
    Birth, Body, CloseReason, Judgement, MemberKey, SignatureText, Word, judge, secret_in,
};
use quorate_core::key::SecretKind;
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Proposal, ProposalId};
use quorate_core::psbt::to_base64;
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{Recipient, Request, Send, propose};
use quorate_core::vault::Vault;
use quorate_core::workers::Alone;

fn judged(world: &World, proposal: &Proposal, body: &Body) -> Judgement {
    judge(&world.vault, body, Some(proposal), &Alone)
}

fn reason(judgement: Judgement) -> String {
    match judgement {
        Judgement::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn all_signatures(world: &World, proposal: &Proposal) -> Vec<SignatureText> {
    let mut texts = Vec::new();
    for cosigner in 0..world.vault.cosigners().len() {
        for input in 0..proposal.inputs().len() {
            for (public_key, signature) in world.signatures(proposal, input, cosigner) {
                texts.push(SignatureText {
                    input: u32::try_from(input).unwrap(),
                    public_key: signature.key_bytes(&public_key).to_lower_hex_string(),
                    signature: signature.to_string(),
                });
            }
        }
    }
    texts
}

fn contribution(proposal: &Proposal, signatures: Vec<SignatureText>) -> Body {
    Body::ContributionAdded {
        proposal: proposal.id(),
        signatures,
    }
}

fn opened(id: ProposalId, psbt: &Psbt, memo: Option<&str>) -> Body {
    Body::ProposalOpened {
        proposal: id,
        psbt: to_base64(psbt),
        memo: memo.map(ToOwned::to_owned),
        draft: false,
        expires: None,
        replaces: None,
    }
}

#[test]
fn t18_as_many_signatures_as_there_are_places_and_not_one_more() {
    for script in ScriptType::ALL {
        let world = World::of(vault_as("2-of-3", script), &[100_000, 70_000]);
        let proposal = world.spend_all_coins();
        let mut texts = all_signatures(&world, &proposal);
        assert_eq!(texts.len(), 6);
        let body = contribution(&proposal, texts.clone());
        assert_eq!(judged(&world, &proposal, &body), Judgement::Sound);
        texts.push(texts[0].clone());
        let body = contribution(&proposal, texts);
        let told = reason(judged(&world, &proposal, &body));
        assert!(told.contains("7 signatures"), "{told}");
        assert!(told.contains("places for 6"), "{told}");
    }
}

/// Each refusal says what is wrong with that signature, not with another.
#[test]
fn t13_reasons_belong_to_their_signatures() {
    let world = World::of(vault_as("2-of-3", ScriptType::Wsh), &[100_000, 70_000]);
    let proposal = world.spend_all_coins();
    let good = all_signatures(&world, &proposal);
    let mut texts = vec![good[0].clone(), good[0].clone(), good[1].clone()];
    texts[2].signature.truncate(20);
    assert_eq!((texts[0].input, texts[2].input), (0, 1));
    let Judgement::Partly(parts) = judged(&world, &proposal, &contribution(&proposal, texts))
    else {
        panic!("not in part");
    };
    let told: Vec<_> = parts
        .iter()
        .map(|part| (part.place, &part.reason))
        .collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].0 == 1 && told[0].1.contains("there twice"),
        "{told:?}"
    );
    assert!(
        told[1].0 == 2 && told[1].1.starts_with("input 1: "),
        "{told:?}"
    );
    assert!(!told[1].1.contains("twice"), "{told:?}");
}

/// A taproot key of the journal doesn't name its leaf.
#[test]
fn t14_the_leaf_of_a_key_is_found_by_the_key() {
    let key = |seed| format!("{}/<0;1>/*", key(seed));
    let text = format!(
        "tr({},{{and_v(v:multi_a(2,{},{}),older(2)),and_v(v:pk({}),older(4))}})",
        key(1),
        key(2),
        key(3),
        key(4)
    );
    let names = ["alice", "bob", "carol", "dave"].map(ToOwned::to_owned);
    let vault = Vault::from_descriptor(Network::Regtest, &text, Some(&names)).unwrap();
    let world = World::of(vault, &[100_000, 70_000]);
    // By the last path, whose lock lets all others pass.
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let request = Request {
        path: 2,
        ..world.request(&recipients, 2)
    };
    let proposal = propose(&world.vault, &request).unwrap();
    let texts = all_signatures(&world, &proposal);
    assert_eq!(texts.len(), 8);
    let body = contribution(&proposal, texts);
    assert_eq!(judged(&world, &proposal, &body), Judgement::Sound);
}

#[test]
fn t20_fields_that_nobody_knows_are_refused_wherever_they_stand() {
    let world = World::of(vault_as("2-of-3", ScriptType::Wsh), &[100_000, 70_000]);
    let proposal = world.spend_all_coins();
    let request = proposal.psbt();
    let body = opened(proposal.id(), request, Some("rent"));
    assert_eq!(judged(&world, &proposal, &body), Judgement::Sound);
    let unknown = raw::Key {
        type_value: 0xf0,
        key: vec![1],
    };
    let proprietary = raw::ProprietaryKey {
        prefix: b"x".to_vec(),
        subtype: 1,
        key: vec![],
    };
    let value = vec![7];
    let places: [&dyn Fn(&mut Psbt); 6] = [
        &|psbt| drop(psbt.unknown.insert(unknown.clone(), value.clone())),
        &|psbt| drop(psbt.proprietary.insert(proprietary.clone(), value.clone())),
        &|psbt| {
            drop(
                psbt.inputs[1]
                    .unknown
                    .insert(unknown.clone(), value.clone()),
            )
        },
        &|psbt| {
            let input = &mut psbt.inputs[0];
            drop(input.proprietary.insert(proprietary.clone(), value.clone()));
        },
        &|psbt| {
            drop(
                psbt.outputs[0]
                    .unknown
                    .insert(unknown.clone(), value.clone()),
            )
        },
        &|psbt| {
            let output = &mut psbt.outputs[0];
            drop(
                output
                    .proprietary
                    .insert(proprietary.clone(), value.clone()),
            );
        },
    ];
    for (number, put) in places.iter().enumerate() {
        let mut psbt = request.clone();
        put(&mut psbt);
        let told = reason(judged(
            &world,
            &proposal,
            &opened(proposal.id(), &psbt, None),
        ));
        assert!(
            told.contains("fields that aren't known"),
            "{number}: {told}"
        );
    }
}

/// Every free text of every kind of entry.
fn with_text(world: &World, proposal: &Proposal, text: &str) -> Vec<Body> {
    let (id, text) = (proposal.id(), text.to_owned());
    vec![
        Body::VaultAdded {
            name: text.clone(),
            network: Network::Regtest,
            descriptor: world.vault.descriptor().to_owned(),
            cosigners: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            birth: Birth::Height(0),
            owner: None,
            session: false,
        },
        Body::VaultAdded {
            name: "family".to_owned(),
            network: Network::Regtest,
            descriptor: world.vault.descriptor().to_owned(),
            cosigners: vec!["a".to_owned(), text.clone(), "c".to_owned()],
            birth: Birth::Height(0),
            owner: None,
            session: false,
        },
        Body::MemberAdded {
            member: MemberKey::from_bytes(&[3; 32]).unwrap().id(),
            name: text.clone(),
            cosigner: None,
        },
        Body::AddressRevealed {
            keychain: Keychain::Receive,
            index: 0,
            label: Some(text.clone()),
        },
        opened(id, proposal.psbt(), Some(&text)),
        Body::WordGiven {
            proposal: id,
            cosigner: *world.vault.cosigners()[0].key.xpub(),
            word: Word::Approved,
            note: Some(text.clone()),
        },
        Body::ProposalClosed {
            proposal: id,
            reason: CloseReason::Abandoned,
            note: Some(text),
        },
    ]
}

/// A label is JSON within JSON: a secret may be written with escapes, which only its reader undoes.
#[test]
fn t21_secrets_are_found_in_labels_however_they_are_written() {
    let found = |value: &str| {
        let line = format!(
            r#"{{"type":"tx","ref":"{}","label":"{value}"}}"#,
            "ab".repeat(32)
        );
        secret_in(&Body::LabelsSet { lines: vec![line] })
    };
    let words = |between: &str| [&["abandon"; 11][..], &["about"]].concat().join(between);
    assert_eq!(found("rent"), None);
    assert_eq!(found(&words(" ")), Some(SecretKind::SeedWords));
    assert_eq!(found(&words(r"\u0020")), Some(SecretKind::SeedWords));
    // A line that is no label at all is searched as it stands.
    let lines = vec![words(" ")];
    assert_eq!(
        secret_in(&Body::LabelsSet { lines }),
        Some(SecretKind::SeedWords)
    );
}

#[test]
fn t21_t35_secrets_and_steering_characters_are_found_in_every_text() {
    let world = World::of(vault_as("2-of-3", ScriptType::Wsh), &[100_000]);
    let proposal = world.spend_all_coins();
    for body in with_text(&world, &proposal, "rent") {
        assert_eq!(secret_in(&body), None);
        assert_eq!(judged(&world, &proposal, &body), Judgement::Sound);
    }
    let words = "abandon ".repeat(11) + "about";
    for body in with_text(&world, &proposal, &words) {
        assert_eq!(secret_in(&body), Some(SecretKind::SeedWords));
        reason(judged(&world, &proposal, &body));
    }
    for bad in ["a\u{1b}[2Jb", "a\u{202e}b", &"x".repeat(256)] {
        for body in with_text(&world, &proposal, bad) {
            let told = reason(judged(&world, &proposal, &body));
            assert!(!told.contains('\u{1b}') && told.len() < 200, "{told}");
        }
    }
}

#[test]
fn an_index_is_unhardened_and_a_word_is_a_cosigners() {
    let world = World::of(vault_as("2-of-3", ScriptType::Wsh), &[100_000]);
    let proposal = world.spend_all_coins();
    for (index, sound) in [
        (0, true),
        ((1 << 31) - 1, true),
        (1 << 31, false),
        (u32::MAX, false),
    ] {
        let body = Body::AddressRevealed {
            keychain: Keychain::Change,
            index,
            label: None,
        };
        let judged = judged(&world, &proposal, &body);
        assert_eq!(judged == Judgement::Sound, sound, "{index}");
    }
    for (cosigner, sound) in [
        (*world.vault.cosigners()[2].key.xpub(), true),
        (*key(9).xpub(), false),
    ] {
        let body = Body::WordGiven {
            proposal: proposal.id(),
            cosigner,
            word: Word::Rejected,
            note: None,
        };
        let judged = judged(&world, &proposal, &body);
        assert_eq!(judged == Judgement::Sound, sound, "{judged:?}");
    }
}
