//! Every built-in policy as every script type, and what is taken in by descriptor, against Bitcoin
//! Core: it reads the descriptor, and derives the same addresses.

use super::vendors::scripts::{Origin, SCRIPTS};
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_testkit::{Node, fixtures};
use serde_json::json;

const NETWORK: bitcoin::Network = bitcoin::Network::Regtest;

fn keys(count: usize) -> Vec<(String, String)> {
    let cosigners = fixtures::cosigners(count);
    let keys = cosigners.iter();
    keys.map(|key| (key.name().to_owned(), key.text()))
        .collect()
}

/// The vaults that templates make. Nothing but plain multisig is made as P2SH.
fn made() -> Vec<(String, Vault)> {
    let templates = Template::builtins().unwrap();
    assert!(templates.len() >= 5);
    let mut vaults = Vec::new();
    for mut template in templates {
        for script in ScriptType::ALL {
            template.script = script;
            let keys = keys(template.roles.len()).into_iter();
            let keys = keys
                .map(|(name, text)| (name, CosignerKey::parse(&text, NETWORK).unwrap()))
                .collect();
            match Vault::create(NETWORK, &template, keys) {
                Ok(vault) => vaults.push((format!("{} {}", template.name, script.word()), vault)),
                Err(error) => assert_eq!(script, ScriptType::Sh, "{}: {error}", template.name),
            }
        }
    }
    vaults
}

fn taken_in() -> impl Iterator<Item = (String, Vault)> {
    SCRIPTS.iter().filter_map(|script| {
        let Origin::Descriptor(text) = script.origin else {
            return None;
        };
        let mut text = text.to_owned();
        let (mut names, keys) = (Vec::new(), keys(script.cosigners));
        for (number, (name, key)) in (1..).zip(keys) {
            text = text.replace(&format!("@{number}"), &format!("{key}/<0;1>/*"));
            names.push(name);
        }
        let vault = Vault::from_descriptor(NETWORK, &text, Some(&names)).unwrap();
        Some((script.name.to_owned(), vault))
    })
}

#[test]
fn addresses_equal_bitcoin_cores_for_receive_and_change_on_every_policy() {
    let node = Node::start();
    let made = made();
    let nested = made.iter().filter(|(name, _)| name.ends_with("sh-wsh"));
    let taproot = made.iter().filter(|(name, _)| name.ends_with(" tr"));
    assert!(nested.count() >= 5 && taproot.count() >= 5);
    for (name, vault) in made.into_iter().chain(taken_in()) {
        let info = node.rpc("getdescriptorinfo", json!([vault.descriptor()]));
        assert_eq!(
            (&info["isrange"], &info["hasprivatekeys"]),
            (&json!(true), &json!(false))
        );
        // One list for each element of the multipath.
        let derived = node.rpc("deriveaddresses", json!([vault.descriptor(), [0, 999]]));
        for keychain in Keychain::ALL {
            let theirs = derived[keychain.index()].as_array().unwrap();
            assert_eq!(theirs.len(), 1_000);
            for (index, address) in (0u32..).zip(theirs) {
                let ours = vault.derive(keychain, index).unwrap().address(NETWORK);
                assert_eq!(*address, ours.to_string(), "{name} {keychain} {index}");
            }
        }
    }
}
