//! What devices refuse about which vault: the whole table, against the limits their makers document.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::{k_of_n, key, key_text, vault, vault_as};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use quorate_core::wallet::{DEVICES, Device};
use std::collections::BTreeSet;

const NETWORK: Network = Network::Regtest;

fn of(text: &str) -> Vault {
    Vault::from_descriptor(NETWORK, text, None).unwrap()
}

fn refusing(vault: &Vault) -> BTreeSet<&'static str> {
    let refuses = |device: &&Device| device.advice(vault, "family").iter().any(|one| one.refuses);
    DEVICES
        .iter()
        .filter(refuses)
        .map(|device| device.name)
        .collect()
}

/// Coldcard finds its cosigners by their fingerprints.
#[test]
fn two_keys_of_one_device_are_refused_where_devices_are_told_by_fingerprint() {
    let keys = ["48h/1h/0h/2h", "48h/1h/1h/2h"].map(|path| key_text(NETWORK, 4, path) + "/<0;1>/*");
    let vault = of(&format!("wsh(sortedmulti(2,{}))", keys.join(",")));
    let advice = Device::named("coldcard").unwrap().advice(&vault, "family");
    assert!(
        advice
            .iter()
            .any(|one| one.refuses && one.text.contains("fingerprint")),
        "{advice:?}"
    );
    assert!(DEVICES.iter().all(|device| !device.source.is_empty()));
    let nested = vault_as("2-of-3", ScriptType::Sh);
    assert!(!refusing(&nested).contains("coldcard"));
}

#[test]
fn each_kind_of_vault_is_refused_by_those_who_do_not_know_it() {
    let multi = [1, 2, 3]
        .map(|seed| format!("{}/<0;1>/*", key(seed)))
        .join(",");
    let paths = ["48h/1h/0h/2h", "48h/1h/7h/2h"].map(|path| key_text(NETWORK, 4, path));
    let mixed = [key_text(NETWORK, 5, "48h/1h/0h/2h"), paths[1].clone()];
    let mixed = mixed.map(|key| key + "/<0;1>/*").join(",");
    // No test network.
    let here = "keystone";
    let plain = [
        "caravan",
        "coldcard",
        "electrum",
        here,
        "passport",
        "seedsigner",
        "sparrow",
        "trezor",
    ];
    let sorted = [
        "caravan",
        "coldcard",
        "electrum",
        here,
        "passport",
        "seedsigner",
        "sparrow",
    ];
    for (kind, vault, expected) in [
        ("2-of-3", vault("2-of-3"), vec![here]),
        ("nested", vault_as("2-of-3", ScriptType::ShWsh), vec![here]),
        ("9 keys", k_of_n(2, 9), vec![here]),
        ("10 keys", k_of_n(2, 10), vec![here, "seedsigner"]),
        ("15 keys", k_of_n(2, 15), vec![here, "seedsigner"]),
        (
            "16 keys",
            k_of_n(2, 16),
            vec![
                "coldcard",
                "electrum",
                here,
                "ledger",
                "passport",
                "seedsigner",
            ],
        ),
        (
            "fixed order",
            of(&format!("wsh(multi(2,{multi}))")),
            sorted.to_vec(),
        ),
        ("recovery", vault("2-of-3-recovery"), plain.to_vec()),
        (
            "taproot",
            vault_as("2-of-3", ScriptType::Tr),
            [&plain[..], &["jade"]].concat(),
        ),
        (
            "paths differ",
            of(&format!("wsh(sortedmulti(2,{mixed}))")),
            vec!["jade", here, "krux", "seedsigner", "specter-diy"],
        ),
    ] {
        assert_eq!(refusing(&vault), expected.into_iter().collect(), "{kind}");
    }
}

#[test]
fn on_the_main_network_a_plain_vault_is_refused_by_nobody() {
    let keys = (1..=3).map(|seed| key_text(Network::Bitcoin, seed, "48h/0h/0h/2h") + "/<0;1>/*");
    let text = format!("wsh(sortedmulti(2,{}))", keys.collect::<Vec<_>>().join(","));
    let vault = Vault::from_descriptor(Network::Bitcoin, &text, None).unwrap();
    assert!(refusing(&vault).is_empty());
}

#[test]
fn long_names_are_advice_and_exactly_the_longest_is_fine() {
    let vault = vault("2-of-3");
    for (device, most) in [
        ("jade", 15),
        ("ledger", 16),
        ("coldcard", 20),
        ("bitbox02", 30),
    ] {
        let device = Device::named(device).unwrap();
        let told = |name: &str| {
            let advice = device.advice(&vault, name);
            assert!(advice.iter().all(|one| !one.refuses));
            advice
                .iter()
                .any(|one| one.text.contains("names of at most"))
        };
        assert!(!told(&"x".repeat(most)), "{}", device.name);
        assert!(told(&"x".repeat(most + 1)), "{}", device.name);
        assert!(told("úspory"), "{}", device.name);
    }
    assert!(Device::named("abacus").is_none());
    let names: BTreeSet<_> = DEVICES.iter().map(|device| device.name).collect();
    assert_eq!(names.len(), DEVICES.len());
}
