//! Every built-in policy against Bitcoin Core: it reads the descriptor, and derives the same
//! addresses.

use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::vault::Vault;
use quorate_testkit::{Node, fixtures};
use serde_json::json;

#[test]
fn addresses_equal_bitcoin_cores_for_receive_and_change_on_every_policy() {
    let node = Node::start();
    let network = bitcoin::Network::Regtest;
    let templates = Template::builtins().unwrap();
    assert!(templates.len() >= 5);
    for template in templates {
        let keys = fixtures::cosigners(template.roles.len())
            .iter()
            .map(|key| {
                let parsed = quorate_core::key::CosignerKey::parse(&key.text(), network).unwrap();
                (key.name().to_owned(), parsed)
            })
            .collect();
        let vault = Vault::create(network, &template, keys).unwrap();
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
                let ours = vault.derive(keychain, index).unwrap().address(network);
                assert_eq!(
                    *address,
                    ours.to_string(),
                    "{} {keychain} {index}",
                    template.name
                );
            }
        }
    }
}
