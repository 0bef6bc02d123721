//! What a vault is and isn't.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use bitcoin::secp256k1::Secp256k1;
use common::vault;
use miniscript::{Descriptor, DescriptorPublicKey};
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::vault::Vault;
use std::str::FromStr;

#[test]
fn every_template_derives_what_miniscript_derives() {
    let secp = Secp256k1::verification_only();
    for template in Template::builtins().unwrap() {
        let vault = vault(&template.name);
        let oracle = Descriptor::<DescriptorPublicKey>::from_str(vault.descriptor()).unwrap();
        let single = oracle.into_single_descriptors().unwrap();
        assert_eq!(single.len(), 2);
        for (keychain, oracle) in Keychain::ALL.into_iter().zip(&single) {
            for index in (0..50).chain([999, (1 << 31) - 1]) {
                let derived = vault.derive(keychain, index).unwrap();
                let expected = oracle.at_derivation_index(index).unwrap();
                let expected = expected.derived_descriptor(&secp);
                assert_eq!(derived.script_pubkey, expected.script_pubkey());
                assert_eq!(
                    derived.witness_script,
                    Some(expected.explicit_script().unwrap())
                );
                assert_eq!(derived.descriptor, expected);
            }
        }
        assert!(vault.derive(Keychain::Receive, 1 << 31).is_err());
    }
}

#[test]
fn exports_import_to_the_same_vault() {
    for template in Template::builtins().unwrap() {
        let ours = vault(&template.name);
        let names: Vec<String> = ours.cosigners().iter().map(|c| c.name.clone()).collect();
        let theirs =
            Vault::from_descriptor(Network::Regtest, ours.descriptor(), Some(&names)).unwrap();
        assert_eq!(ours, theirs, "{}", template.name);
        assert_eq!(ours.policy(), theirs.policy());
        assert_eq!(ours.policy(), &template.policy);
        let address = |vault: &Vault| {
            let derived = vault.derive(Keychain::Change, 7).unwrap();
            derived.address(Network::Regtest).to_string()
        };
        assert_eq!(address(&ours), address(&theirs));
        assert!(address(&ours).starts_with("bcrt1q"));
    }
}
