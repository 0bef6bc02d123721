//! One entry of each kind that version 3 brought, as it was written: it stays readable, to the byte, and sound.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "writes golden files")]

mod common;

use bitcoin::bip32::{DerivationPath, Xpriv};
use bitcoin::hex::DisplayHex;
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use common::key;
use common::world::World;
use quorate_core::journal::{
    Birth, Body, Content, Entry, Judgement, KeyFacts, MemberKey, SignatureText, VERSION, judge,
    read_line, write_line,
};
use quorate_core::keychain::Keychain;
use quorate_core::setup::{Token, proof_of_possession, record_message};
use quorate_core::workers::Alone;

const GOLDEN: &str = include_str!("golden/journal-v3.txt");

fn entries() -> Vec<Entry> {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let line = read_line(line).unwrap();
            Entry::check(&line.text, &line.signature).unwrap()
        })
        .collect()
}

#[test]
fn golden_entries_of_version_3_are_read_as_they_were_written_and_sound() {
    let entries = entries();
    let kinds: Vec<&str> = entries
        .iter()
        .map(|entry| entry.content().body.kind())
        .collect();
    assert_eq!(
        kinds,
        [
            "vault_added",
            "vault_attested",
            "key_proven",
            "key_proven",
            "key_noted",
            "labels_set",
            "vault_retired"
        ]
    );
    let world = World::new("2-of-3", &[]);
    let mut written = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    for entry in &entries {
        assert_eq!(entry.content().version, 3);
        assert_eq!(write_line(entry), written.next().unwrap());
        let body = &entry.content().body;
        assert_eq!(
            judge(&world.vault, body, None, &Alone),
            Judgement::Sound,
            "{}",
            body.kind()
        );
    }
}

/// Writes the golden file; only for a new version, never over an old one.
#[test]
#[ignore = "writes tests/golden/journal-v3.txt"]
fn write_golden_entries_of_version_3() {
    let world = World::new("2-of-3", &[]);
    let member = MemberKey::from_bytes(&[1; 32]).unwrap();
    let cosigner = &world.vault.cosigners()[0].key;
    let first = |keychain| {
        let derived = world.vault.derive(keychain, 0).unwrap();
        derived.address(world.vault.network()).to_string()
    };
    let secp = Secp256k1::new();
    let path: DerivationPath = "48h/1h/0h/2h".parse().unwrap();
    let seed = (1..=3).find(|seed| key(*seed) == *cosigner).unwrap();
    let master = Xpriv::new_master(bitcoin::Network::Regtest, &[seed; 32]).unwrap();
    let secret = master.derive_priv(&secp, &path).unwrap().private_key;
    let text = record_message(&Token::None, cosigner, "golden");
    let digest = Message::from_digest(*signed_msg_hash(&text).as_ref());
    let signature = secp.sign_ecdsa_recoverable(&digest, &secret);
    let record = format!(
        "{text}\n{}",
        MessageSignature::new(signature, true).to_base64()
    );
    let proof = proof_of_possession(&world.vault).unwrap();
    let signed = world.signatures(&proof, 0, 1).into_iter();
    let signatures = signed.map(|(public_key, signature)| SignatureText {
        input: 0,
        public_key: signature.key_bytes(&public_key).to_lower_hex_string(),
        signature: signature.to_string(),
    });
    let bodies = [
        Body::VaultAdded {
            name: "family".to_owned(),
            network: bitcoin::Network::Regtest,
            descriptor: world.vault.descriptor().to_owned(),
            cosigners: vec!["alice".to_owned(), "bob".to_owned(), "carol".to_owned()],
            birth: Birth::Height(1),
            owner: Some(member.id()),
            session: true,
        },
        Body::VaultAttested {
            cosigner: *cosigner.xpub(),
            receive: first(Keychain::Receive),
            change: first(Keychain::Change),
            note: Some("on paper".to_owned()),
        },
        Body::KeyProven {
            cosigner: *cosigner.xpub(),
            record: Some(record),
            signatures: Vec::new(),
        },
        Body::KeyProven {
            cosigner: *world.vault.cosigners()[1].key.xpub(),
            record: None,
            signatures: signatures.collect(),
        },
        Body::KeyNoted {
            cosigner: *cosigner.xpub(),
            facts: KeyFacts {
                vendor: Some("Ledger".to_owned()),
                model: Some("Nano X".to_owned()),
                firmware: Some("2.4.0".to_owned()),
                carrier: Some("paste".to_owned()),
                came_at: Some(1_790_000_000),
                note: Some("in the safe".to_owned()),
                registration: Some("ab".repeat(32)),
            },
        },
        Body::LabelsSet {
            lines: vec![
                "{\"label\":\"rent\",\"ref\":\"x\",\"type\":\"addr\"}".to_owned(),
                "{\"depth\":1,\"ref\":\"y\",\"type\":\"of-the-future\"}".to_owned(),
            ],
        },
        Body::VaultRetired {
            note: Some("moved".to_owned()),
        },
    ];
    let mut lines =
        "# signature and text of one entry of each kind that version 3 brought\n".to_owned();
    let mut prev = None;
    for (seq, body) in (1..).zip(bodies) {
        let content = Content {
            version: VERSION,
            vault: world.vault.id(),
            author: member.id(),
            seq,
            prev,
            at: 1_800_000_000,
            body,
        };
        let entry = Entry::sign(content, &member).unwrap();
        lines += &format!("{}\n", write_line(&entry));
        prev = Some(entry.id());
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal-v3.txt");
    std::fs::write(path, lines).unwrap();
}
