//! Key files of signers: read in every dialect, the right key chosen, and bad ones refused.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::key_text;
use quorate_core::key::CosignerKey;
use quorate_core::key::file::{FoundKeys, KeyFileError, KeyFormat, read};
use quorate_core::script_type::ScriptType;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const NETWORK: Network = Network::Regtest;
const XPRV: &str = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";

/// Fingerprint and extended key of a signer at a path.
fn parts(path: &str) -> (String, String) {
    let text = key_text(NETWORK, 1, path);
    let (origin, xpub) = text.split_once(']').unwrap();
    (origin[1..9].to_owned(), xpub.to_owned())
}

fn expected(path: &str) -> CosignerKey {
    CosignerKey::parse(&key_text(NETWORK, 1, path), NETWORK).unwrap()
}

fn multisig(nested: &str) -> Value {
    let (xfp, wsh) = parts("48h/1h/0h/2h");
    json!({
        "p2sh_deriv": "m/45'", "p2sh": parts("45h").1,
        format!("{nested}_deriv"): "m/48'/1'/0'/1'", nested: parts("48h/1h/0h/1h").1,
        "p2wsh_deriv": "m/48'/1'/0'/2'", "p2wsh": wsh,
        "account": "0", "xfp": xfp.to_uppercase(),
    })
}

fn generic() -> Value {
    let (xfp, wsh) = parts("48h/1h/0h/2h");
    json!({
        "chain": "XRT", "xfp": xfp.to_uppercase(), "account": 0, "xpub": parts("").1,
        "bip48_1": {"name": "p2sh-p2wsh", "xfp": "DEADBEEF", "deriv": "m/48'/1'/0'/1'", "xpub": parts("48h/1h/0h/1h").1},
        "bip48_2": {"name": "p2wsh", "xfp": "DEADBEEF", "deriv": "m/48'/1'/0'/2'", "xpub": wsh},
        "bip45": {"name": "p2sh", "xfp": "DEADBEEF", "deriv": "m/45'", "xpub": parts("45h").1},
    })
}

/// The path of the key for wsh in another section.
fn with_path(json: &Value, name: &str) -> Value {
    let mut json = json.clone();
    json[name] = json!("m/48'/1'/0'/2'");
    json
}

fn electrum() -> Value {
    let (xfp, xpub) = parts("48h/1h/0h/2h");
    json!({"keystore": {"type": "bip32", "xpub": xpub, "xprv": null, "derivation": "m/48h/1h/0h/2h",
        "root_fingerprint": xfp}, "wallet_type": "standard"})
}

fn found(json: &Value) -> FoundKeys {
    read(&json.to_string(), NETWORK).unwrap()
}

#[test]
fn files_with_several_keys_give_the_one_for_the_script() {
    for (format, json) in [
        (KeyFormat::CoinkiteMultisig, multisig("p2sh_p2wsh")),
        (KeyFormat::CoinkiteMultisig, multisig("p2wsh_p2sh")),
        (KeyFormat::CoinkiteGeneric, generic()),
    ] {
        let found = found(&json);
        assert_eq!(
            (found.format, found.keys.len(), found.signed),
            (format, 3, false)
        );
        for (script, path) in [
            (ScriptType::Wsh, "48h/1h/0h/2h"),
            (ScriptType::ShWsh, "48h/1h/0h/1h"),
            (ScriptType::Sh, "45h"),
        ] {
            assert_eq!(found.choose(script).unwrap().key, expected(path));
        }
        // None of them is meant for taproot, and which to take isn't ours to guess.
        let error = found.choose(ScriptType::Tr).unwrap_err();
        assert!(
            matches!(error, KeyFileError::Choice { wanted: "tr", .. }),
            "{error}"
        );
    }
    // With another account there is no key for p2sh.
    let mut json = multisig("p2sh_p2wsh");
    json.as_object_mut().unwrap().remove("p2sh");
    assert_eq!(found(&json).keys.len(), 2);
}

#[test]
fn single_keys_are_read_as_each_signer_writes_them() {
    let (xfp, xpub) = parts("48h/1h/0h/2h");
    let number = u32::from_str_radix(&xfp, 16).unwrap().swap_bytes();
    let mut coldcard = electrum();
    let keystore = coldcard["keystore"].as_object_mut().unwrap();
    keystore.remove("root_fingerprint");
    keystore.insert("ckcc_xfp".to_owned(), json!(number));
    for text in [
        format!("[{xfp}/48h/1h/0h/2h]{xpub}"),
        format!("  [{}/48'/1'/0'/2']{xpub}/<0;1>/*\r\n", xfp.to_uppercase()),
        json!({"xfp": xfp, "xpub": xpub, "path": "m/48'/1'/0'/2'"}).to_string(),
        json!({"MasterFingerprint": xfp.to_uppercase(), "ExtPubKey": xpub, "AccountKeyPath": "48'/1'/0'/2'"}).to_string(),
        electrum().to_string(),
        coldcard.to_string(),
        format!("BSMS 1.0\n00\n[{xfp}/48h/1h/0h/2h]{xpub}\nSparrow leaves the signature out\n"),
    ] {
        let found = read(&text, NETWORK).unwrap();
        assert_eq!(found.choose(ScriptType::Wsh).unwrap().key, expected("48h/1h/0h/2h"), "{text}");
        // The only key there is may be taken for anything: the person says so.
        assert!(found.choose(ScriptType::Tr).is_ok());
    }
}

#[test]
fn bip129_key_records_are_read_and_their_signatures_verified() {
    let vectors = include_str!("../../../tests/vectors/bip129.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let records = vectors["key_records"].as_array().unwrap();
    assert_eq!(records.len(), 7);
    for record in records {
        let text = record.as_str().unwrap();
        let found = read(text, Network::Bitcoin).unwrap();
        assert!(found.signed);
        assert!(found.note.as_ref().unwrap().starts_with("Signer "));
        // Any change of any line is noticed.
        let lines: Vec<&str> = text.lines().collect();
        let others: Vec<&str> = records.iter().map(|one| one.as_str().unwrap()).collect();
        let other = others.iter().find(|other| **other != text).unwrap();
        let other: Vec<&str> = other.lines().collect();
        for (line, value) in [
            (1, "0123456789abcdef"),
            (2, other[2]),
            (3, "Signer 9 key"),
            (4, other[4]),
        ] {
            let mut changed = lines.clone();
            changed[line] = value;
            let error = read(&changed.join("\n"), Network::Bitcoin).unwrap_err();
            assert!(error.to_string().contains("signature"), "{error}");
        }
    }
    let bare = vectors["key_record_without_chain_code"].as_str().unwrap();
    assert!(matches!(
        read(bare, Network::Bitcoin),
        Err(KeyFileError::Key(_))
    ));
}

/// Each is refused in a sentence, most of them in one of their own, and no secret is repeated.
#[test]
fn bad_key_files_are_refused() {
    let (xfp, xpub) = parts("48h/1h/0h/2h");
    let foreign = key_text(Network::Bitcoin, 1, "48h/0h/0h/2h");
    let foreign = foreign.split_once(']').unwrap().1;
    let record = |lines: [&str; 4]| lines.join("\n");
    let key = format!("[{xfp}/48h/1h/0h/2h]{xpub}");
    let with = |json: &Value, name: &str, value: Value| {
        let mut json = json.clone();
        json[name] = value;
        json.to_string()
    };
    let words = "abandon ".repeat(11) + "about";
    let bad = [
        // Of every kind.
        String::new(),
        "hello".to_owned(),
        "x".repeat(64 * 1024 + 1),
        "{\"xfp\":".to_owned(),
        "{}".to_owned(),
        format!("{key}\n{key}"),
        words.clone(),
        format!("[{xfp}/48h/1h/0h/2h]{XPRV}"),
        format!("[{xfp}/48h/1h/0h]{xpub}"),
        format!("[00000000/48h/1h/0h/2h]{xpub}"),
        format!("[{xfp}/48h/1h/0h/2h]{foreign}"),
        format!("[{xfp}/48h/1h/0h/2h]{}", &xpub[..100]),
        // Coldcard's.
        with(&multisig("p2sh_p2wsh"), "xfp", Value::Null),
        with(&multisig("p2sh_p2wsh"), "xfp", json!("0F05")),
        with(&multisig("p2sh_p2wsh"), "p2wsh_deriv", json!("m/48'/1'/0'")),
        with(&multisig("p2sh_p2wsh"), "p2wsh_deriv", json!(7)),
        with(&multisig("p2sh_p2wsh"), "p2wsh", json!(foreign)),
        with(&multisig("p2sh_p2wsh"), "p2wsh", json!(XPRV)),
        with(&generic(), "bip48_2", json!({"deriv": "m/48'/1'/0'/2'"})),
        with(&generic(), "bip48_2", json!({"xpub": xpub})),
        with(&generic(), "note", json!(words)),
        // Single ones.
        json!({"xfp": xfp, "xpub": xpub}).to_string(),
        json!({"xfp": xfp, "xpub": xpub, "path": "m/48'/1'/x'/2'"}).to_string(),
        json!({"MasterFingerprint": xfp, "ExtPubKey": xpub}).to_string(),
        json!({"keystore": {"xpub": xpub, "derivation": "m/48h/1h/0h/2h"}}).to_string(),
        json!({"keystore": {"xpub": xpub, "seed": "c2VjcmV0", "derivation": "m", "root_fingerprint": xfp}}).to_string(),
        json!({"keystore": {"xpub": xpub, "derivation": "m/48h/1h/0h/2h", "ckcc_xfp": 1u64 << 40}}).to_string(),
        json!({"xfp": xfp, "xpub": xpub, "path": "m/48'/1'/0'/2'", "seed": "00".repeat(32)}).to_string(),
        json!({"xfp": xfp, "xpub": xpub, "path": "m/48'/1'/0'/2'", "more": [{"WIF": "x"}]}).to_string(),
        with(&electrum(), "keystore", json!({"xpub": xpub, "seed": {"a": 1}, "derivation": "m/48h/1h/0h/2h", "root_fingerprint": xfp})),
        json!({"xfp": xfp, "xpub": xpub, "path": "mmm///48'/1'/0'/2'"}).to_string(),
        // A key for wsh where one for nested segwit belongs.
        with(&with_path(&multisig("p2sh_p2wsh"), "p2sh_p2wsh_deriv"), "p2sh_p2wsh", json!(xpub)),
        // Records.
        record(["BSMS 2.0", "00", &key, "x"]),
        record(["BSMS 1.0", "zz", &key, "x"]),
        record(["BSMS 1.0", "0011", &key, "x"]),
        record(["BSMS 1.0", "00", "hello", "x"]),
        record(["BSMS 1.0", "00", &key, "x"]) + "\nnot base64",
        record(["BSMS 1.0", "00", &key, "x"]) + "\nAAAA",
        "BSMS 1.0\n00".to_owned(),
    ];
    let mut sentences = BTreeSet::new();
    for text in &bad {
        let error = read(text, NETWORK).expect_err(text).to_string();
        assert!(
            !error.contains(XPRV) && !error.contains(&words) && error.len() < 500,
            "{error}"
        );
        sentences.insert(error);
    }
    assert!(sentences.len() >= 20, "{sentences:#?}");
}

fn specter() -> Value {
    let (xfp, wsh) = parts("48h/1h/0h/2h");
    json!({"label": "grey", "type": "other", "keys": [
        {"original": parts("84h/1h/0h").1, "fingerprint": xfp, "derivation": "m/84h/1h/0h", "type": "wpkh", "purpose": "Single", "xpub": parts("84h/1h/0h").1},
        {"original": wsh, "fingerprint": xfp, "derivation": "m/48h/1h/0h/2h", "type": "wsh", "purpose": "Multisig", "xpub": wsh},
    ]})
}

fn caravan() -> Value {
    let (xfp, xpub) = parts("48h/1h/0h/2h");
    json!({"name": "a", "bip32Path": "m/48'/1'/0'/2'", "xpub": xpub, "rootFingerprint": xfp})
}

#[test]
fn devices_of_specter_keys_of_caravan_and_lists_of_keys_are_read() {
    for (format, text) in [
        (KeyFormat::Specter, specter().to_string()),
        (KeyFormat::Caravan, caravan().to_string()),
        (
            KeyFormat::Expression,
            format!(
                "{}\n{}\n",
                key_text(NETWORK, 1, "48h/1h/0h/1h"),
                key_text(NETWORK, 1, "48h/1h/0h/2h")
            ),
        ),
    ] {
        let found = read(&text, NETWORK).unwrap();
        assert_eq!(found.format, format);
        assert_eq!(
            found.choose(ScriptType::Wsh).unwrap().key,
            expected("48h/1h/0h/2h")
        );
    }
    let alone = json!({"p2sh_deriv": "m/45'", "p2sh": parts("45h").1, "xfp": parts("45h").0});
    assert_eq!(
        found(&alone).choose(ScriptType::Sh).unwrap().key,
        expected("45h")
    );
}

/// Of every kind of file the same faults: none is taken, each kind has ten and more.
#[test]
fn every_kind_of_key_file_has_ten_bad_ones() {
    let (xfp, xpub) = parts("48h/1h/0h/2h");
    let foreign = key_text(Network::Bitcoin, 1, "48h/0h/0h/2h");
    let foreign = foreign.split_once(']').unwrap().1.to_owned();
    let words = "abandon ".repeat(11) + "about";
    let prefixed = |version: u32| {
        let mut bytes = expected("48h/1h/0h/2h").xpub().encode();
        bytes[..4].copy_from_slice(&version.to_be_bytes());
        bitcoin::base58::encode_check(&bytes)
    };
    let (vpub, upub) = (prefixed(0x0257_5483), prefixed(0x0242_89ef));
    let record = format!("BSMS 1.0\n00\n[{xfp}/48h/1h/0h/2h]{xpub}\nx");
    let kinds: BTreeMap<&str, String> = [
        ("expression", format!("[{xfp}/48h/1h/0h/2h]{xpub}")),
        ("multisig", multisig("p2sh_p2wsh").to_string()),
        ("generic", generic().to_string()),
        (
            "keystone",
            json!({"xfp": xfp, "xpub": xpub, "path": "m/48'/1'/0'/2'"}).to_string(),
        ),
        ("electrum", electrum().to_string()),
        ("specter", specter().to_string()),
        ("caravan", caravan().to_string()),
        ("record", record),
    ]
    .into();
    for (kind, good) in &kinds {
        assert!(read(good, NETWORK).is_ok(), "{kind}");
        // The same key with a prefix that fits is one key.
        let with_prefix = read(&good.replace(&xpub, &vpub), NETWORK).unwrap();
        assert_eq!(
            with_prefix.choose(ScriptType::Wsh).unwrap().key,
            expected("48h/1h/0h/2h"),
            "{kind}"
        );
        let upper = good.contains(&xfp.to_uppercase()) && !good.contains(&xfp);
        let fingerprint = if upper {
            xfp.to_uppercase()
        } else {
            xfp.clone()
        };
        let mark = if good.contains("48'") { "'" } else { "h" };
        let wsh = format!("48{mark}/1{mark}/0{mark}/2{mark}");
        let bad: Vec<(&str, String)> = vec![
            ("truncated", good[..good.len() * 2 / 3].to_owned()),
            ("of another network", good.replace(&xpub, &foreign)),
            ("a letter lost", good.replace(&xpub, &xpub[1..])),
            (
                "a letter changed",
                good.replace(&xpub, &format!("{}1", &xpub[..xpub.len() - 1])),
            ),
            ("private", good.replace(&xpub, XPRV)),
            (
                "words inside",
                match good.strip_prefix('{') {
                    Some(rest) => format!("{{\"note\":\"{words}\",{rest}"),
                    None => format!("{good}\n{words}"),
                },
            ),
            ("no fingerprint", good.replace(&fingerprint, "")),
            ("zero fingerprint", good.replace(&fingerprint, "00000000")),
            (
                "a fingerprint that is none",
                good.replace(&fingerprint, "nothex!!"),
            ),
            (
                "another depth",
                good.replace(&wsh, &format!("48{mark}/1{mark}/0{mark}")),
            ),
            (
                "another number",
                good.replace(&wsh, &format!("48{mark}/1{mark}/0{mark}/3{mark}")),
            ),
            (
                "a step that is none",
                good.replace(&wsh, &format!("48{mark}/x/0{mark}/2{mark}")),
            ),
            ("a prefix for another script", good.replace(&xpub, &upub)),
            (
                "as bytes of another encoding",
                good.chars().flat_map(|c| [c, '\0']).collect(),
            ),
        ];
        let mut sentences = BTreeSet::new();
        for (what, text) in &bad {
            assert_ne!(text, good, "{kind}: {what}");
            let found = read(text, NETWORK);
            // Files with several keys lose one of them and keep the others' meaning.
            let error = match found {
                Err(error) => error.to_string(),
                Ok(found) => panic!("{kind}: {what}: {found:?}"),
            };
            assert!(!error.contains(XPRV) && !error.contains(&words), "{error}");
            sentences.insert(error);
        }
        assert!(sentences.len() >= 8, "{kind}: {sentences:#?}");
    }
    // What a generic export says of all its keys.
    for (field, value) in [
        ("chain", json!("BTC")),
        ("account", json!(7)),
        (
            "xpub",
            json!(key_text(NETWORK, 9, "").split_once(']').unwrap().1),
        ),
    ] {
        let mut json = generic();
        json[field] = value;
        let error = read(&json.to_string(), NETWORK).unwrap_err();
        assert!(
            matches!(error, KeyFileError::Contradiction { .. }),
            "{field}: {error}"
        );
    }
    let error = read(&format!("QklFMQ{}", "A".repeat(300)), NETWORK).unwrap_err();
    assert_eq!(error, KeyFileError::Encrypted);
    let twice = generic()
        .to_string()
        .replacen('{', "{\"chain\":\"XRT\",", 1);
    assert!(
        read(&twice, NETWORK)
            .unwrap_err()
            .to_string()
            .contains("there twice")
    );
}
