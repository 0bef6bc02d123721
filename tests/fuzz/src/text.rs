//! Texts: descriptors, policies, journal entries, and whatever it may be.

use super::check_refusal;
use bitcoin::Network;
use quorate_core::journal::{Content, Entry, MemberKey};
use quorate_core::key::{CosignerKey, find_secret};
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::vault::Vault;
use std::sync::LazyLock;

const NETWORKS: [Network; 2] = [Network::Regtest, Network::Bitcoin];

/// Reads a text as a descriptor: as it is, and with `@0` to `@9` replaced by keys, which no fuzzer
/// could come up with, and without checksums.
pub fn descriptor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut filled: String = (text.lines())
        .map(|line| line.split('#').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    for (number, key) in KEYS.iter().take(10).enumerate() {
        filled = filled.replace(&format!("@{number}"), &key.to_string());
    }
    let mut cases = NETWORKS.map(|network| (network, text)).to_vec();
    if filled != text {
        cases.push((Network::Regtest, &filled));
    }
    for (network, text) in cases {
        match Vault::from_descriptor(network, text, None) {
            Ok(vault) => check_vault(&vault),
            Err(error) => check_refusal(&error),
        }
    }
}

/// The vault comes out of its own descriptor again, the same, and derives addresses.
fn check_vault(vault: &Vault) {
    let again = Vault::from_descriptor(vault.network(), vault.descriptor(), None).expect("own");
    assert_eq!(again.id(), vault.id());
    assert_eq!(again.descriptor(), vault.descriptor());
    assert!(vault.threshold() >= 1 && vault.threshold() <= vault.cosigners().len());
    assert!(!vault.explain().is_empty());
    for keychain in [Keychain::Receive, Keychain::Change] {
        let derived = vault.derive(keychain, 7).expect("derives");
        let address = derived.address(vault.network());
        assert_eq!(address.script_pubkey(), derived.script_pubkey);
    }
}

/// Cosigners for policies, a key on each line.
static KEYS: LazyLock<Vec<CosignerKey>> = LazyLock::new(|| {
    let lines = include_str!("../seeds/keys.txt").lines();
    let keys = lines.map(|line| CosignerKey::parse(line, Network::Regtest));
    keys.collect::<Result<_, _>>().expect("our own")
});

/// Reads a text as a policy, and makes a vault of it.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let template = match Template::parse(text, "policy.toml") {
        Ok(template) => template,
        Err(error) => return check_refusal(&error),
    };
    let names = (1..).map(|n| format!("cosigner-{n}"));
    let named: Vec<_> = names
        .zip(KEYS.iter().cloned())
        .take(template.roles.len())
        .collect();
    match Vault::create(Network::Regtest, &template, named) {
        Ok(vault) => check_vault(&vault),
        Err(error) => check_refusal(&error),
    }
}

/// Reads bytes as an entry: 64 of signature, then the text. What could be an entry is also signed,
/// which a fuzzer can't do.
pub fn journal_entry(bytes: &[u8]) {
    let Some((signature, text)) = bytes.split_at_checked(64) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    match Entry::check(text, signature) {
        Ok(entry) => {
            assert_eq!(entry.text(), text);
            assert_eq!(entry.signature(), signature);
        }
        Err(error) => check_refusal(&error),
    }
    let Ok(content) = serde_json::from_str::<Content>(text) else {
        return;
    };
    let key = MemberKey::from_bytes(&[1; 32]).expect("a key");
    let content = Content {
        author: key.id(),
        ..content
    };
    let signed = Entry::sign(content, &key).expect("can be written");
    match Entry::check(signed.text(), &signed.signature()) {
        Ok(entry) => assert_eq!(entry, signed),
        Err(error) => check_refusal(&error),
    }
}

/// Offers bytes to everything that reads foreign files and pasted text: at most one takes them.
pub fn exchange_sniff(bytes: &[u8]) {
    let mut takers = Vec::new();
    let mut offer = |name: &'static str, refusal: Option<&dyn std::fmt::Display>| match refusal {
        Some(error) => check_refusal(error),
        None => takers.push(name),
    };
    let psbt = quorate_core::psbt::read(bytes);
    offer("PSBT", psbt.as_ref().err().map(|e| e as _));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let vaults = NETWORKS.map(|network| Vault::from_descriptor(network, text, None));
        for vault in &vaults {
            offer("descriptor", vault.as_ref().err().map(|e| e as _));
        }
        let keys = NETWORKS.map(|network| CosignerKey::parse(text, network));
        for key in &keys {
            offer("key", key.as_ref().err().map(|e| e as _));
        }
        let template = Template::parse(text, "policy.toml");
        offer("policy", template.as_ref().err().map(|e| e as _));
        let secret = find_secret(text);
        assert!(
            secret.is_none() || takers.iter().all(|taker| *taker == "policy"),
            "{takers:?}"
        );
    }
    assert!(takers.len() <= 1, "{takers:?}");
}
