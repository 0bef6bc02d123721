//! Wallet files of other programs: written and read back, every format by every vault it can hold, and
//! refused where it can't. What other programs write is read in their dialects.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::{k_of_n, key, vault, vault_as};
use quorate_core::keychain::Keychain;
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_core::wallet::{Format, Found, WalletError, read, write};

const NETWORK: Network = Network::Regtest;

fn taken(found: &Found) -> Vault {
    Vault::from_descriptor(NETWORK, &found.descriptor, None).unwrap()
}

fn multi() -> Vault {
    let keys = [1, 2, 3].map(|seed| format!("{}/<0;1>/*", key(seed)));
    let text = format!("wsh(multi(2,{}))", keys.join(","));
    Vault::from_descriptor(NETWORK, &text, None).unwrap()
}

fn twice() -> Vault {
    let key = |seed, branches: &str| format!("{}/{branches}/*", key(seed));
    let text = format!(
        "wsh(or_d(multi(2,{},{}),and_v(v:multi(1,{},{}),older(9))))",
        key(1, "<0;1>"),
        key(2, "<0;1>"),
        key(1, "<2;3>"),
        key(2, "<2;3>")
    );
    Vault::from_descriptor(NETWORK, &text, None).unwrap()
}

/// A vault of each kind, with what it is called here.
fn kinds() -> Vec<(&'static str, Vault)> {
    vec![
        ("wsh 2-of-3", vault("2-of-3")),
        ("wsh 3-of-5", vault("3-of-5")),
        ("sh-wsh 2-of-3", vault_as("2-of-3", ScriptType::ShWsh)),
        ("sh 2-of-3", vault_as("2-of-3", ScriptType::Sh)),
        ("wsh 2-of-20", k_of_n(2, 20)),
        ("wsh multi", multi()),
        ("wsh recovery", vault("2-of-3-recovery")),
        // The same keys on further branches.
        ("wsh inheritance twice", twice()),
        ("tr 2-of-3", vault_as("2-of-3", ScriptType::Tr)),
    ]
}

/// Which of them a format can hold.
fn holds(format: Format, kind: &str) -> bool {
    let plain = kind.ends_with("2-of-3") && !kind.starts_with("tr") || kind == "wsh 3-of-5";
    match format {
        Format::Descriptor | Format::Core | Format::Sparrow | Format::Ur | Format::Bbqr => true,
        Format::Specter => plain || kind == "wsh multi" || kind == "wsh 2-of-20",
        Format::Bsms => kind != "wsh inheritance twice",
        Format::Bip388 | Format::Jade => !kind.starts_with("tr"),
        Format::Caravan => plain || kind == "wsh 2-of-20",
        Format::Coldcard | Format::SeedSigner | Format::BlueWallet | Format::Electrum => plain,
        // Not on a test network.
        Format::Keystone => false,
    }
}

#[test]
fn every_format_gives_the_same_vault_back_or_says_what_it_cannot_hold() {
    let (mut written, mut refused) = (0, 0);
    for (kind, vault) in kinds() {
        for format in Format::ALL {
            match write(format, &vault, "family") {
                Ok(text) => {
                    assert!(holds(format, kind), "{format} held {kind}:\n{text}");
                    let found = read(&text, NETWORK).unwrap();
                    // SeedSigner's file is one of Coldcard's.
                    let expected = match format {
                        Format::SeedSigner => Format::Coldcard,
                        other => other,
                    };
                    assert_eq!(found.format, expected, "{kind}");
                    assert_eq!(taken(&found).id(), vault.id(), "{format} {kind}:\n{text}");
                    written += 1;
                }
                Err(WalletError::Beyond {
                    format: said,
                    reason,
                }) => {
                    assert!(!holds(format, kind), "{format} {kind}: {reason}");
                    assert_eq!(said, format);
                    refused += 1;
                }
                Err(other) => panic!("{format} {kind}: {other}"),
            }
        }
    }
    assert_eq!((written, refused), (96, 39));
}

#[test]
fn names_of_vault_and_cosigners_travel_where_a_format_has_them() {
    let vault = vault("2-of-3");
    let names: Vec<String> = vault
        .cosigners()
        .iter()
        .map(|one| one.name.clone())
        .collect();
    for format in [Format::Specter, Format::Caravan, Format::Electrum] {
        let found = read(&write(format, &vault, "family").unwrap(), NETWORK).unwrap();
        assert_eq!(found.cosigners.as_ref(), Some(&names), "{format}");
    }
    for format in [
        Format::Coldcard,
        Format::Specter,
        Format::Caravan,
        Format::Bip388,
        Format::Jade,
    ] {
        let found = read(&write(format, &vault, "family").unwrap(), NETWORK).unwrap();
        assert_eq!(found.name.as_deref(), Some("family"), "{format}");
    }
    for format in [Format::Coldcard, Format::Bip388, Format::Jade] {
        for name in ["a-name-that-is-much-too-long", "rodinné-úspory"] {
            let error = write(format, &vault, name).unwrap_err();
            assert!(error.to_string().contains("--name"), "{error}");
        }
    }
}

#[test]
fn keystone_spells_nested_segwit_its_own_way_and_knows_one_network() {
    let text = vault_as("2-of-3", ScriptType::ShWsh);
    let keys = text.descriptor().replace("tpub", "xpub");
    assert!(write(Format::Keystone, &text, "family").is_err(), "{keys}");
    let keys: Vec<String> = (1..=3)
        .map(|seed| common::key_text(Network::Bitcoin, seed, "48h/0h/0h/1h") + "/<0;1>/*")
        .collect();
    let text = format!("sh(wsh(sortedmulti(2,{})))", keys.join(","));
    let vault = Vault::from_descriptor(Network::Bitcoin, &text, None).unwrap();
    let file = write(Format::Keystone, &vault, "family").unwrap();
    assert!(file.contains("\nFormat: P2WSH-P2SH\n"), "{file}");
    let coldcard = write(Format::Coldcard, &vault, "family").unwrap();
    assert!(coldcard.contains("\nFormat: P2SH-P2WSH\n"), "{coldcard}");
    for text in [file, coldcard] {
        let found = read(&text, Network::Bitcoin).unwrap();
        let again = Vault::from_descriptor(Network::Bitcoin, &found.descriptor, None).unwrap();
        assert_eq!(again.id(), vault.id());
    }
    // The prefixes that BlueWallet and Electrum tell the script by.
    for format in [Format::BlueWallet, Format::Electrum] {
        let text = write(format, &vault, "family").unwrap();
        assert!(text.contains("Ypub"), "{text}");
    }
}

/// Text formats of devices take one path for all, or one before each key.
#[test]
fn keys_with_different_paths_are_written_where_the_device_takes_them() {
    let keys = [(1, "48h/1h/0h/2h"), (2, "48h/1h/5h/2h"), (3, "45h/7")]
        .map(|(seed, path)| common::key_text(NETWORK, seed, path) + "/<0;1>/*");
    let text = format!("wsh(sortedmulti(2,{}))", keys.join(","));
    let vault = Vault::from_descriptor(NETWORK, &text, None).unwrap();
    let file = write(Format::Coldcard, &vault, "family").unwrap();
    assert_eq!(file.matches("Derivation: ").count(), 3);
    assert_eq!(taken(&read(&file, NETWORK).unwrap()).id(), vault.id());
    let error = write(Format::SeedSigner, &vault, "family").unwrap_err();
    assert!(error.to_string().contains("different paths"), "{error}");
}

fn text_of(vault: &Vault, index: usize) -> (String, String, String) {
    let key = &vault.cosigners()[index].key;
    let path = key.origin_path().to_string();
    (key.fingerprint().to_string(), path, key.xpub().to_string())
}

#[test]
fn coldcard_text_is_read_in_its_dialects() {
    let vault = vault("2-of-3");
    let key = |index, fingerprint: &dyn Fn(&str) -> String| {
        let (id, _, xpub) = text_of(&vault, index);
        format!("{}: {xpub}\n", fingerprint(&id))
    };
    let keys = |case: &dyn Fn(&str) -> String| (0..3).map(|at| key(at, case)).collect::<String>();
    let (upper, lower) = (keys(&|id| id.to_uppercase()), keys(&|id| id.to_lowercase()));
    let path = "m/48'/1'/0'/2'";
    for text in [
        format!(
            "# Coldcard Multisig setup file (created on 0F056943)\n#\nName: CC-2-of-4\nPolicy: 2 of 3\nFormat: P2WSH\n\nDerivation: {path}\n\n{upper}"
        ),
        format!(
            "# Exported from Nunchuk\r\nName: x\r\nPolicy: 2 of 3\r\nDerivation: m/48h/1h/0h/2h\r\nFormat: P2WSH\r\n{lower}"
        ),
        format!("name: x\nPOLICY: 2/3\nderivation: {path}\nformat: p2wsh\n{lower}"),
        format!(
            "Name: x\nPolicy: 2 of 3\nSorted: True\nDerivation: {path}\nFormat: P2WSH\n{upper}"
        ),
        format!(
            "# BlueWallet Multisig setup file\n# this file contains only public keys\n#\nName: x\nPolicy: 2 of 3\nDerivation: {path}\nFormat: P2WSH\n\n# derivation: {path}\n{upper}"
        ),
    ] {
        let found = read(&text, NETWORK).unwrap();
        assert_eq!(taken(&found).id(), vault.id(), "{text}");
    }
    let unsorted = format!(
        "Name: x\nPolicy: 2 of 3\nSorted: False\nDerivation: {path}\nFormat: P2WSH\n{upper}"
    );
    assert_eq!(taken(&read(&unsorted, NETWORK).unwrap()).id(), multi().id());
}

#[test]
fn bsms_records_are_read_as_different_programs_mean_them() {
    let vault = vault("2-of-3");
    let first = vault
        .derive(Keychain::Receive, 0)
        .unwrap()
        .address(NETWORK)
        .to_string();
    let body = vault.descriptor().split_once('#').unwrap().0.to_owned();
    for (descriptor, paths) in [
        (body.replace("/<0;1>/*", "/**"), "/0/*,/1/*"),
        // Nunchuk's, whose address is at /0/0.
        (body.replace("/<0;1>/*", "/*"), "No path restrictions"),
        // Sparrow's, with both.
        (vault.descriptor().to_owned(), "/0/*,/1/*"),
        (body.replace("/<0;1>/*", "/**"), ""),
    ] {
        for address in [first.clone(), first.to_uppercase()] {
            let text = format!("BSMS 1.0\n{descriptor}\n{paths}\n{address}\n");
            assert_eq!(
                taken(&read(&text, NETWORK).unwrap()).id(),
                vault.id(),
                "{text}"
            );
        }
    }
}

#[test]
fn core_specter_electrum_and_caravan_files_are_read_as_they_write_them() {
    let vault = vault("2-of-3");
    let body = vault.descriptor().split_once('#').unwrap().0.to_owned();
    let [receive, change] = ["/0/*", "/1/*"].map(|branch| body.replace("/<0;1>/*", branch));
    let desc = |desc: &str, internal: bool| {
        format!(
            r#"{{"desc":"{desc}","timestamp":1,"active":true,"internal":{internal},"range":[0,999],"next":0}}"#
        )
    };
    // The change descriptor first.
    let core = format!(
        r#"{{"wallet_name":"ours","descriptors":[{},{}]}}"#,
        desc(&change, true),
        desc(&receive, false)
    );
    let older = format!(
        r#"{{"label":"ours","blockheight":5,"descriptor":"{receive}","devices":["a","b","c"]}}"#
    );
    let backup = format!(r#"{{"name":"ours","recv_descriptor":"{receive}"}}"#);
    let caravan = write(Format::Caravan, &vault_as("2-of-3", ScriptType::ShWsh), "x").unwrap();
    let caravan = caravan.replace("P2SH-P2WSH", "P2SH_P2WSH");
    let nested = vault_as("2-of-3", ScriptType::ShWsh);
    // A hardware keystore's fingerprint is a number with its lowest byte first.
    let electrum = write(Format::Electrum, &vault, "x").unwrap();
    let (id, _, _) = text_of(&vault, 1);
    let number = u32::from_str_radix(&id, 16).unwrap().swap_bytes();
    let electrum = electrum.replace(
        &format!(r#""root_fingerprint": "{id}""#),
        &format!(r#""root_fingerprint": null, "ckcc_xfp": {number}"#),
    );
    assert!(electrum.contains("ckcc_xfp"));
    for (text, vault) in [
        (core, &vault),
        (older, &vault),
        (backup, &vault),
        (caravan, &nested),
        (electrum, &vault),
    ] {
        let found = read(&text, NETWORK).unwrap();
        assert_eq!(taken(&found).id(), vault.id(), "{text}");
    }
}

/// The descriptor records of BIP-0129; the address in them is the oracle for the whole derivation.
#[test]
fn bip129_descriptor_records_are_read_and_written() {
    let vectors = include_str!("../../../tests/vectors/bip129.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let records = vectors["records"].as_array().unwrap();
    assert_eq!(records.len(), 3);
    for record in records {
        let text = record["text"].as_str().unwrap();
        let found = read(text, Network::Bitcoin).unwrap();
        let vault = Vault::from_descriptor(Network::Bitcoin, &found.descriptor, None).unwrap();
        let written = write(Format::Bsms, &vault, "x").unwrap();
        // Our hardened steps are marked h, theirs '.
        assert_eq!(written, format!("{}\n", text.replace('\'', "h")));
    }
    // Keys without branches have one address, which is no vault's.
    let fixed = vectors["without_branches"].as_str().unwrap();
    assert!(read(fixed, Network::Bitcoin).is_err());
}

/// Wallet policies as BIP-0388 has them: each becomes the descriptor that the BIP names, and those that are
/// vaults are written as they were.
#[test]
fn bip388_policies_become_their_descriptors_and_bad_ones_are_refused() {
    let vectors = include_str!("../../../tests/vectors/bip388.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let valid = vectors["valid"].as_array().unwrap();
    let mut vaults = 0;
    for case in valid {
        let file = serde_json::json!({
            "name": "x", "descriptor_template": case["descriptor_template"], "keys": case["keys"],
        });
        let found = read(&file.to_string(), Network::Bitcoin).unwrap();
        assert_eq!(found.descriptor, case["descriptor"].as_str().unwrap());
        let vault = Vault::from_descriptor(Network::Bitcoin, &found.descriptor, None);
        assert_eq!(vault.is_ok(), case["is_vault"] == true, "{}", case["name"]);
        if let Ok(vault) = vault {
            let written = write(Format::Bip388, &vault, "x").unwrap();
            let written: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert_eq!(written, file);
            vaults += 1;
        }
    }
    // One key alone with taproot is a vault of one.
    assert_eq!((valid.len(), vaults), (9, 4));
    let invalid = vectors["invalid"].as_array().unwrap();
    assert_eq!(invalid.len(), 9);
    for case in invalid {
        let template = case["descriptor_template"].as_str().unwrap();
        let keys = vectors["keys_for_invalid"].as_array().unwrap();
        let used = (0..3)
            .filter(|at| template.contains(&format!("@{at}")))
            .count();
        let most = (0..3)
            .filter(|at| template.contains(&format!("@{at}")))
            .max()
            .unwrap()
            + 1;
        let file = serde_json::json!({
            "name": "x", "descriptor_template": template, "keys": keys[..used.max(most)],
        });
        let taken = read(&file.to_string(), Network::Bitcoin)
            .ok()
            .and_then(|found| {
                Vault::from_descriptor(Network::Bitcoin, &found.descriptor, None).ok()
            });
        assert!(taken.is_none(), "{template}: {}", case["why"]);
    }
}
