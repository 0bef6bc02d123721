//! What members write about a vault's setting up, judged by another home: who attests must have derived
//! what we derive, and who proves a key must have made it sign.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::hex::DisplayHex;
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use common::world::World;
use common::{key, vault, vault_as};
use quorate_core::journal::{Body, Judgement, SignatureText, judge, secret_in};
use quorate_core::key::SecretKind;
use quorate_core::keychain::Keychain;
use quorate_core::script_type::ScriptType;
use quorate_core::setup::{Token, proof_of_possession, record_message};
use quorate_core::workers::Alone;

fn judged(world: &World, body: &Body) -> Judgement {
    judge(&world.vault, body, None, &Alone)
}

fn first(world: &World, keychain: Keychain) -> String {
    let derived = world.vault.derive(keychain, 0).unwrap();
    derived.address(world.vault.network()).to_string()
}

fn attested(world: &World, change: impl Fn(&mut String, &mut String)) -> Body {
    let mut receive = first(world, Keychain::Receive);
    let mut back = first(world, Keychain::Change);
    change(&mut receive, &mut back);
    Body::VaultAttested {
        cosigner: *world.vault.cosigners()[1].key.xpub(),
        receive,
        change: back,
        note: None,
    }
}

#[test]
fn t01_an_attestation_of_other_addresses_is_refused() {
    let world = World::new("2-of-3", &[]);
    assert_eq!(
        judged(&world, &attested(&world, |_, _| {})),
        Judgement::Sound
    );
    let other = World::new("3-of-5", &[]);
    let theirs = first(&other, Keychain::Receive);
    for body in [
        attested(&world, |receive, _| receive.clone_from(&theirs)),
        attested(&world, |_, change| change.clone_from(&theirs)),
        attested(&world, std::mem::swap),
        attested(&world, |receive, _| receive.clear()),
    ] {
        match judged(&world, &body) {
            Judgement::Refused(reason) => assert!(reason.contains("the vault differs"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let Body::VaultAttested {
        receive,
        change,
        note,
        ..
    } = attested(&world, |_, _| {})
    else {
        panic!()
    };
    let stranger = Body::VaultAttested {
        cosigner: *key(99).xpub(),
        receive,
        change,
        note,
    };
    assert!(matches!(judged(&world, &stranger), Judgement::Refused(_)));
}

fn record(world: &World, cosigner: usize, signer: usize) -> String {
    let key = &world.vault.cosigners()[cosigner].key;
    let text = record_message(&Token::None, key, "hello");
    let path = "48h/1h/0h/2h"
        .parse::<bitcoin::bip32::DerivationPath>()
        .unwrap();
    let secp = Secp256k1::new();
    let seed = [u8::try_from(signer).unwrap() + 1; 32];
    let master = bitcoin::bip32::Xpriv::new_master(bitcoin::Network::Regtest, &seed).unwrap();
    let secret = master.derive_priv(&secp, &path).unwrap().private_key;
    let digest = Message::from_digest(*signed_msg_hash(&text).as_ref());
    let signature = secp.sign_ecdsa_recoverable(&digest, &secret);
    format!(
        "{text}\n{}",
        MessageSignature::new(signature, true).to_base64()
    )
}

fn by_record(world: &World, cosigner: usize, record: String) -> Body {
    Body::KeyProven {
        cosigner: *world.vault.cosigners()[cosigner].key.xpub(),
        record: Some(record),
        signatures: Vec::new(),
    }
}

#[test]
fn a_key_is_proven_by_its_own_signed_record_and_no_other() {
    let world = World::of(vault("2-of-3"), &[]);
    // Cosigners are numbered as the descriptor has them; seeds as they were given.
    let seeds: Vec<usize> = (0..3)
        .map(|at| {
            (0..3)
                .find(|seed| {
                    key(u8::try_from(*seed).unwrap() + 1) == world.vault.cosigners()[at].key
                })
                .unwrap()
        })
        .collect();
    for at in 0..3 {
        let own = record(&world, at, seeds[at]);
        assert_eq!(
            judged(&world, &by_record(&world, at, own.clone())),
            Judgement::Sound
        );
        let other = (at + 1) % 3;
        let unsigned = own.rsplit_once('\n').unwrap().0.to_owned();
        for wrong in [
            by_record(&world, other, own.clone()),
            by_record(&world, at, record(&world, at, seeds[other])),
            by_record(&world, at, unsigned),
            by_record(&world, at, own.replace("hello", "hullo")),
            by_record(&world, at, String::new()),
        ] {
            assert!(
                matches!(judged(&world, &wrong), Judgement::Refused(_)),
                "{wrong:?}"
            );
        }
    }
    let secret =
        record(&world, 0, seeds[0]).replace("hello", &format!("{}about", "abandon ".repeat(11)));
    assert_eq!(
        secret_in(&by_record(&world, 0, secret)),
        Some(SecretKind::SeedWords)
    );
}

#[test]
fn a_key_is_proven_by_its_signature_of_the_spend_that_cannot_happen() {
    for script in [
        ScriptType::Wsh,
        ScriptType::ShWsh,
        ScriptType::Sh,
        ScriptType::Tr,
    ] {
        let world = World::of(vault_as("2-of-3", script), &[100_000]);
        let proof = proof_of_possession(&world.vault).unwrap();
        let signatures = |proposal, cosigner| -> Vec<SignatureText> {
            let signed = world.signatures(proposal, 0, cosigner).into_iter();
            signed
                .map(|(public_key, signature)| SignatureText {
                    input: 0,
                    public_key: signature.key_bytes(&public_key).to_lower_hex_string(),
                    signature: signature.to_string(),
                })
                .collect()
        };
        let body = |cosigner: usize, signatures| Body::KeyProven {
            cosigner: *world.vault.cosigners()[cosigner].key.xpub(),
            record: None,
            signatures,
        };
        let spend = world.spend(50_000).unwrap();
        for cosigner in 0..3 {
            let other = (cosigner + 1) % 3;
            let own = signatures(&proof, cosigner);
            assert_eq!(
                judged(&world, &body(cosigner, own.clone())),
                Judgement::Sound
            );
            // Not nothing, not another's, not a mixture, not a signature of a real spend.
            for wrong in [
                body(cosigner, Vec::new()),
                body(other, own.clone()),
                body(cosigner, [own.clone(), signatures(&proof, other)].concat()),
                body(cosigner, signatures(&spend, cosigner)),
            ] {
                assert!(
                    matches!(judged(&world, &wrong), Judgement::Refused(_)),
                    "{wrong:?}"
                );
            }
        }
    }
}
