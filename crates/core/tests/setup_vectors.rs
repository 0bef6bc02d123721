//! BIP-0129's vectors, in both roles: what signers write and coordinators read in round 1, and the other
//! way round in round 2, sealed and open.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use bitcoin::secp256k1::{Message, Secp256k1};
use bitcoin::sign_message::{MessageSignature, signed_msg_hash};
use bitcoin::{Network, PrivateKey};
use quorate_core::policy::Template;
use quorate_core::script_type::ScriptType;
use quorate_core::setup::{
    Encryption, Expected, KeyRecord, SealError, Token, accept, open, record_message, seal,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/bip129.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn nine_sealed_files_are_opened_and_written_byte_for_byte() {
    let vectors = vectors();
    let files = list(&vectors["sealed"]);
    assert_eq!(files.len(), 9);
    for file in files {
        let token: Token = text(&file["token"]).parse().unwrap();
        let (plain, sealed) = (text(&file["plain"]), text(&file["sealed"]));
        assert_eq!(open(&token, sealed).unwrap(), plain);
        assert_eq!(seal(&token, plain), sealed);
        assert_eq!(
            open(&token, &format!(" {}\n", sealed.to_uppercase())).unwrap(),
            plain
        );
        let other = Encryption::Extended.token(&[7; 16]);
        assert_eq!(open(&other, sealed), Err(SealError::OtherToken));
        // Any nibble that is changed is noticed.
        for at in (0..sealed.len()).step_by(151) {
            let digit = if &sealed[at..=at] == "0" { "1" } else { "0" };
            let mut changed = sealed.to_owned();
            changed.replace_range(at..=at, digit);
            assert_eq!(open(&token, &changed), Err(SealError::OtherToken), "{at}");
        }
    }
    let standard = text(&files[0]["token"]).parse::<Token>().unwrap();
    assert_eq!(standard.decimal(), 11_907_592_390_080_907_703);
    let extended = text(&files[3]["token"]).parse::<Token>().unwrap();
    assert_eq!(
        extended.decimal(),
        21_984_902_443_033_505_423_410_071_144_203_475_550
    );
    for bad in ["", "zz", "ab", &"0".repeat(3 * 64 * 1024)] {
        assert!(
            !matches!(open(&standard, bad), Ok(_) | Err(SealError::OtherToken)),
            "{bad:.10}"
        );
    }
    assert_eq!(seal(&Token::None, "open"), "open");
    assert!(!format!("{extended:?}").contains("108a"));
}

/// A signer's role in round 1, a coordinator's in the same.
#[test]
fn seven_key_records_are_signed_byte_for_byte_and_verified() {
    let vectors = vectors();
    let records = list(&vectors["key_records"]);
    let keys = list(&vectors["private_keys"]);
    assert_eq!((records.len(), keys.len()), (7, 7));
    let secp = Secp256k1::new();
    for (text_of, key) in records.iter().zip(keys) {
        let file = text(text_of);
        let record = KeyRecord::read(file, Network::Bitcoin).unwrap();
        assert!(record.is_signed);
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(record.token.hex(), lines[1]);
        // The records write hardened steps with an apostrophe.
        let message = record_message(&record.token, &record.key, &record.note);
        assert_eq!(
            message.replace("h/", "'/").replace("h]", "']"),
            lines[..4].join("\n")
        );
        let secret = PrivateKey::from_wif(text(key)).unwrap().inner;
        let digest = Message::from_digest(*signed_msg_hash(&lines[..4].join("\n")).as_ref());
        let signature = secp.sign_ecdsa_recoverable(&digest, &secret);
        assert_eq!(MessageSignature::new(signature, true).to_base64(), lines[4]);
        // Each bit of the signature counts, and each line.
        let mut raw = STANDARD.decode(lines[4]).unwrap();
        raw[40] ^= 1;
        let changed = [lines[..4].join("\n"), STANDARD.encode(raw)].join("\n");
        assert!(KeyRecord::read(&changed, Network::Bitcoin).is_err());
        assert!(KeyRecord::read(&file.replace("Signer", "signer"), Network::Bitcoin).is_err());
    }
}

/// A signer's role in round 2: each cosigner of each record finds its own key in it.
#[test]
fn three_descriptor_records_are_accepted_by_each_of_their_signers() {
    let vectors = vectors();
    let keys: Vec<KeyRecord> = list(&vectors["key_records"])
        .iter()
        .map(|record| KeyRecord::read(text(record), Network::Bitcoin).unwrap())
        .collect();
    let template = |threshold: usize, count: usize, script| {
        let text = format!(
            "name = \"t\"\nscript = \"{script}\"\ncosigners = {count}\n[[path]]\nthreshold = {threshold}\n"
        );
        Template::parse(&text, "test").unwrap()
    };
    for (record, signers, threshold, script) in [
        (0, 0..2, 2, ScriptType::Wsh),
        (1, 2..4, 2, ScriptType::Wsh),
        (2, 4..7, 2, ScriptType::ShWsh),
    ] {
        let record = text(&list(&vectors["records"])[record]["text"]);
        let template = template(threshold, signers.len(), script);
        let names: Vec<String> = (1..=signers.len())
            .map(|at| format!("signer-{at}"))
            .collect();
        for (you, signer) in signers.enumerate() {
            let expected = Expected {
                network: Network::Bitcoin,
                template: &template,
                names: &names,
                you,
                key: &keys[signer].key,
            };
            let found = accept(record, &expected);
            // The third is `multi`, which our own policies never are: that is said, and nothing else.
            match script {
                ScriptType::ShWsh => assert!(found.unwrap_err().to_string().contains("not sorted")),
                _ => assert_eq!(found.unwrap().cosigners()[you].name, names[you]),
            }
        }
    }
}
