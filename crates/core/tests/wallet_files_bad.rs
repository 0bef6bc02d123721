//! Damaged, incomplete and hostile wallet files: each is refused, with a sentence of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::{key_text, vault};
use quorate_core::vault::Vault;
use quorate_core::wallet::{Format, read, write};
use std::collections::BTreeSet;

const NETWORK: Network = Network::Regtest;
const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const XPRV: &str = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";

/// What becomes of a file on the whole way to a vault.
fn refusal(text: &str) -> Option<String> {
    let found = match read(text, NETWORK) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    let vault = Vault::from_descriptor(NETWORK, &found.descriptor, None);
    vault.err().map(|error| error.to_string())
}

/// Replaces something that is there.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} isn't in\n{text}");
    text.replacen(from, to, 1)
}

/// Each is refused, by a sentence that doesn't repeat a secret; at least ten sentences differ.
fn all_refused(format: Format, bad: &[String]) {
    let mut sentences = BTreeSet::new();
    for text in bad {
        let told = refusal(text).unwrap_or_else(|| panic!("{format} took\n{text}"));
        assert!(!told.contains(XPRV) && !told.contains(WORDS), "{told}");
        assert!(!told.contains('\n') && told.len() < 600, "{told}");
        sentences.insert(told);
    }
    assert!(
        bad.len() >= 10 && sentences.len() * 10 >= bad.len() * 7,
        "{format}: {} files, {sentences:#?}",
        bad.len()
    );
}

fn good(format: Format) -> String {
    let text = write(format, &vault("2-of-3"), "family").unwrap();
    assert_eq!(refusal(&text), None, "{text}");
    text
}

fn xpub(index: usize) -> String {
    vault("2-of-3").cosigners()[index].key.xpub().to_string()
}

/// A key of the main network, with Electrum's and Coldcard's spelling of it.
fn foreign_key() -> String {
    let text = key_text(Network::Bitcoin, 1, "48h/0h/0h/2h");
    text.split_once(']').unwrap().1.to_owned()
}

/// What goes wrong in files of every kind.
fn common_faults(text: &str) -> Vec<String> {
    vec![
        with(text, &xpub(0), &xpub(1)),
        with(text, &xpub(0), &foreign_key()),
        with(text, &xpub(0), XPRV),
        with(text, &xpub(0), &xpub(0)[..100]),
        with(text, "family", WORDS),
        text[..text.len() / 2].to_owned(),
    ]
}

#[test]
fn bad_coldcard_texts() {
    let text = good(Format::Coldcard);
    let mut bad = common_faults(&text);
    bad.extend([
        with(&text, "Policy: 2 of 3", "Policy: 0 of 3"),
        with(&text, "Policy: 2 of 3", "Policy: 4 of 3"),
        with(&text, "Policy: 2 of 3", "Policy: 2 of 4"),
        with(&text, "Policy: 2 of 3", "Policy: two of three"),
        with(&text, "Policy: 2 of 3\n", ""),
        with(&text, "Format: P2WSH", "Format: P2TR"),
        with(&text, "Format: P2WSH\n", ""),
        with(&text, "Derivation: m/48'/1'/0'/2'\n", ""),
        with(&text, "m/48'/1'/0'/2'", "m/48'/1'/0'"),
        with(&text, "m/48'/1'/0'/2'", "m/48'/1'/x'/2'"),
        with(&text, "Name: family", "BlindingKey: 00"),
        with(&text, "\n\n", &format!("\n{}\n", xpub(0))),
        text.replace("Name: family\n", "Name: family\nseed: ship\n"),
    ]);
    all_refused(Format::Coldcard, &bad);
}

#[test]
fn bad_caravan_files() {
    let text = good(Format::Caravan);
    let mut bad = common_faults(&text);
    bad.extend([
        with(&text, r#""network": "regtest""#, r#""network": "mainnet""#),
        with(&text, r#""network": "regtest","#, ""),
        with(&text, r#""P2WSH""#, r#""P2TR""#),
        with(&text, r#""addressType": "P2WSH","#, ""),
        with(&text, r#""requiredSigners": 2"#, r#""requiredSigners": 0"#),
        with(&text, r#""requiredSigners": 2"#, r#""requiredSigners": 4"#),
        with(
            &text,
            r#""requiredSigners": 2"#,
            r#""requiredSigners": "2""#,
        ),
        with(&text, r#""totalSigners": 3"#, r#""totalSigners": 2"#),
        with(
            &text,
            r#""bip32Path": "m/48'/1'/0'/2'""#,
            r#""bip32Path": "Unknown""#,
        ),
        with(&text, r#""xpub":"#, r#""ypub":"#),
        with(&text, r#""extendedPublicKeys""#, r#""keys""#),
    ]);
    all_refused(Format::Caravan, &bad);
}

#[test]
fn bad_electrum_files() {
    let text = good(Format::Electrum);
    let vault = vault("2-of-3");
    let key = write(Format::Electrum, &vault, "x").unwrap();
    let prefixed = |text: &str| {
        let at = text.find("Vpub").unwrap();
        text[at..at + 111].to_owned()
    };
    let first = prefixed(&key);
    let second = prefixed(&key[key.find(&first).unwrap() + 111..]);
    let bad = [
        with(&text, &first, &second),
        with(&text, &first, &foreign_key()),
        with(&text, &first, XPRV),
        with(&text, &first, &first[..90]),
        with(&text, &first, &xpub(0)),
        text[..text.len() / 2].to_owned(),
        with(
            &text,
            r#""wallet_type": "2of3""#,
            r#""wallet_type": "standard""#,
        ),
        with(
            &text,
            r#""wallet_type": "2of3""#,
            r#""wallet_type": "0of3""#,
        ),
        with(
            &text,
            r#""wallet_type": "2of3""#,
            r#""wallet_type": "4of3""#,
        ),
        with(
            &text,
            r#""wallet_type": "2of3""#,
            r#""wallet_type": "2of4""#,
        ),
        with(&text, r#""xprv": null"#, r#""xprv": "c2VjcmV0""#),
        with(&text, r#""xprv": null"#, &format!(r#""seed": "{WORDS}""#)),
        with(&text, r#""derivation""#, r#""path""#),
        with(&text, r#""root_fingerprint""#, r#""fingerprint""#),
        "QklFMQJ8fTm2lvwjVBOJAAAAAAAAAA==".to_owned(),
    ];
    all_refused(Format::Electrum, &bad);
}

#[test]
fn bad_bsms_records() {
    let text = good(Format::Bsms);
    let address = text.lines().nth(3).unwrap();
    let plain = text.clone();
    let mut bad: Vec<String> = common_faults(&plain.replace("BSMS", "BSMS family"))
        .into_iter()
        .map(|text| text.replace("BSMS family", "BSMS"))
        .collect();
    bad.extend([
        with(&text, "BSMS 1.0", "BSMS 2.0"),
        with(&text, "/0/*,/1/*", "/2/*,/3/*"),
        with(&text, &format!("{address}\n"), ""),
        with(
            &text,
            address,
            "bcrt1qkfzg882asgpmmf07n4k4yxqmc3p73x2mtl0ledhkncxhqnsaagrsl0ay0t",
        ),
        with(&plain, "sortedmulti(2", "sortedmulti(0"),
        with(&plain, "sortedmulti(2", "sortedmulti(4"),
        with(&plain, "sortedmulti(2", "sortedmulti(1"),
        with(&plain, "sortedmulti", "multi"),
        with(&text, "wsh", "wpkh"),
        with(&text, ")\n/0/*", ")#qqqqqqqq\n/0/*"),
        "BSMS 1.0\n00\n[59865f44/48'/0'/0'/2']xpub\nSigner 1 key\nsig\n".to_owned(),
    ]);
    all_refused(Format::Bsms, &bad);
}

#[test]
fn bad_core_and_specter_files() {
    let vault = vault("2-of-3");
    let (body, _) = vault.descriptor().split_once('#').unwrap();
    let receive = body.replace("/<0;1>/*", "/0/*");
    let one = |desc: &str, more: &str| format!(r#"{{"desc":"{desc}"{more}}}"#);
    let list = |list: &[String]| {
        format!(
            r#"{{"wallet_name":"x","descriptors":[{}]}}"#,
            list.join(",")
        )
    };
    let internal = r#","internal":true"#;
    let bad = [
        list(&[]),
        list(&[one(&receive, "")]),
        list(&[one(&receive, ""), one(&receive, "")]),
        list(&[one(&receive, ""), one(&receive, internal)]),
        list(&[one(body, ""), one(body, ""), one(body, "")]),
        list(&[r#"{"descriptor":"x"}"#.to_owned()]),
        list(&[one(&format!("{body}#qqqqqqqq"), "")]),
        list(&[one(&body.replace(&xpub(0), XPRV), "")]),
        list(&[one(&body.replace(&xpub(0), &xpub(1)), "")]),
        list(&[one("wpkh(x)", "")]),
        list(&[one(
            &body.replace("wsh(sortedmulti(2", "wsh(sortedmulti(0"),
            "",
        )]),
        r#"{"descriptors":5}"#.to_owned(),
        r#"{"descriptors":[{"desc":5}]}"#.to_owned(),
        r#"[{"desc":"#.to_owned(),
        r#"{"hello":"world"}"#.to_owned(),
        "   \n".to_owned(),
        "x".repeat(1024 * 1024 + 1),
    ];
    all_refused(Format::Core, &bad);
    let map = |descriptor: &str| format!(r#"{{"label":"x","descriptor":"{descriptor}"}}"#);
    let bad = [
        map(&format!("{receive}#qqqqqqqq")),
        map(&body.replace("/<0;1>/*", "/*")),
        map(&receive.replacen("/0/*", "/1/*", 1)),
        map(&receive.replace(&xpub(0), XPRV)),
        map(&receive.replace(&xpub(0), &xpub(1))),
        map(&receive.replace(&xpub(0), &foreign_key())),
        map(&receive.replace("sortedmulti(2", "sortedmulti(9")),
        map(&receive.replace("wsh(", "wpkh(")),
        map(""),
        r#"{"label":"x","descriptor":5}"#.to_owned(),
        map(&receive).replacen('{', r#"{"keys":[{"mnemonic":["a","b"]}],"#, 1),
        map(&receive)[..300].to_owned(),
    ];
    all_refused(Format::Specter, &bad);
}

#[test]
fn bad_policies() {
    let text = good(Format::Bip388);
    let mut bad = common_faults(&text);
    bad.extend([
        with(&text, "@2", "@3"),
        with(&text, "@2", "@1"),
        with(&text, "@2", "@99999999999999999999"),
        with(&text, "@2", "@"),
        with(&text, "sortedmulti(2", "sortedmulti(0"),
        with(&text, "sortedmulti(2", "sortedmulti(5"),
        with(&text, "wsh(", "wpkh("),
        with(&text, r#""keys""#, r#""xpubs""#),
        with(&text, "@0/**", "@0/*"),
        r#"{"descriptor_template":7,"keys":[]}"#.to_owned(),
        r#"{"descriptor_template":"wsh(pk(@0/**))","keys":[7]}"#.to_owned(),
    ]);
    all_refused(Format::Bip388, &bad);
}

#[test]
fn bad_jade_requests() {
    let text = good(Format::Jade);
    let mut bad = common_faults(&text);
    bad.extend([
        with(&text, "localtest", "mainnet"),
        with(&text, "register_multisig", "sign_message"),
        with(&text, "wsh(multi(k))", "wpkh(k)"),
        with(&text, "\"sorted\": true", "\"sorted\": \"yes\""),
        with(&text, "\"threshold\": 2", "\"threshold\": 0"),
        with(&text, "\"threshold\": 2", "\"threshold\": 4"),
        with(&text, "\"signers\"", "\"others\""),
        with(&text, "\"derivation\"", "\"way\""),
        with(&text, "\"path\": []", "\"path\": [0]"),
        with(&text, "2147483648", "-1"),
        with(&text, "\"fingerprint\": \"", "\"fingerprint\": \"zz"),
        r#"{"method":"register_multisig","params":{}}"#.to_owned(),
    ]);
    all_refused(Format::Jade, &bad);
}

/// Readers differ in which of two they take.
#[test]
fn a_field_that_is_there_twice_is_refused() {
    for format in [
        Format::Caravan,
        Format::Specter,
        Format::Electrum,
        Format::Bip388,
        Format::Jade,
        Format::Core,
    ] {
        let text = good(format);
        let twice = match text.find('{') {
            Some(at) => format!("{}{{\"note\":1,\"note\":2,{}", &text[..at], &text[at + 1..]),
            None => panic!("{text}"),
        };
        let told = refusal(&twice).unwrap_or_else(|| panic!("{format} took\n{twice}"));
        assert!(told.contains("`note` is there twice"), "{format}: {told}");
    }
}
