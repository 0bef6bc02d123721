//! Nobody may count twice: the same key in disguise, keys derived from each other, one seed.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::secp256k1::Secp256k1;
use common::{body, key, key_text, named_keys, vault};
use quorate_core::key::CosignerKey;
use quorate_core::policy::Template;
use quorate_core::vault::{Vault, VaultError, VaultWarning};

fn create(keys: Vec<(String, CosignerKey)>) -> Result<Vault, VaultError> {
    let template = Template::builtin("2-of-3").unwrap();
    Vault::create(Network::Regtest, &template, keys)
}

/// Alice, bob, and this key as carol's.
fn with_carol(carol: &str) -> Result<Vault, VaultError> {
    let mut keys = named_keys(3);
    keys[2].1 = CosignerKey::parse(carol, Network::Regtest).unwrap();
    create(keys)
}

/// Alice's key below `steps`, claiming an origin of its own.
fn below_alice(fingerprint: &str, steps: &[u32]) -> String {
    let secp = Secp256k1::verification_only();
    let steps: Vec<ChildNumber> = steps
        .iter()
        .map(|&index| ChildNumber::Normal { index })
        .collect();
    let xpub = key(1).xpub().derive_pub(&secp, &steps).unwrap();
    let path: String = steps.iter().map(|step| format!("/{step}")).collect();
    format!("[{fingerprint}/48h/1h/0h/2h{path}]{xpub}")
}

fn same_key(first: &str, second: &str) -> VaultError {
    VaultError::SameKey {
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

fn related(first: &str, second: &str) -> VaultError {
    VaultError::RelatedKeys {
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

#[test]
fn t03_one_key_in_disguise_is_found() {
    let alice = key(1);
    assert_eq!(
        with_carol(&alice.to_string()),
        Err(same_key("alice", "carol"))
    );
    let forge = |edit: fn(&mut Xpub), origin: &str| {
        let mut xpub = *alice.xpub();
        edit(&mut xpub);
        with_carol(&format!("{origin}{xpub}"))
    };
    let own = alice.origin();
    let other = "[deadbeef/48h/1h/7h/2h]";
    let seventh = |xpub: &mut Xpub| xpub.child_number = ChildNumber::Hardened { index: 7 };
    let shallow = |xpub: &mut Xpub| xpub.depth = 2;
    for disguised in [
        forge(|_| {}, other),
        forge(|xpub| xpub.parent_fingerprint = [1; 4].into(), &own),
        forge(seventh, "[deadbeef/48h/1h/0h/7h]"),
        forge(shallow, "[deadbeef/48h/2h]"),
        // The same secret with another chain code.
        forge(|xpub| xpub.chain_code = [1; 32].into(), other),
    ] {
        assert_eq!(disguised, Err(same_key("alice", "carol")));
    }
}

#[test]
fn t03_one_key_in_an_imported_descriptor_is_found() {
    let text = vault("2-of-3").descriptor().to_owned();
    let (alice, carol) = (key(1), key(3));
    let import = |text: &str| Vault::from_descriptor(Network::Regtest, body(text), None);

    let twice = import(&text.replace(&carol.to_string(), &alice.to_string()));
    assert!(
        matches!(twice, Err(VaultError::CountedTwice { .. })),
        "{twice:?}"
    );
    let disguised = format!("[deadbeef/48h/1h/0h/2h]{}", alice.xpub());
    let error = import(&text.replace(&carol.to_string(), &disguised)).unwrap_err();
    assert_eq!(
        error,
        same_key(
            &format!("key 1 ({})", alice.origin()),
            "key 3 ([deadbeef/48h/1h/0h/2h])"
        )
    );
    for branches in ["<1;2>", "<2;3>", "<0;2>", "<0;1>/0"] {
        let same = format!("{alice}/{branches}/*");
        let twice = import(&format!("wsh(sortedmulti(2,{alice}/<0;1>/*,{same}))"));
        let expected = VaultError::CountedTwice {
            cosigner: "cosigner-1".to_owned(),
        };
        assert_eq!(twice, Err(expected), "{branches}");
    }
}

#[test]
fn t03_a_key_derived_from_another_is_found() {
    for steps in [&[0][..], &[1], &[7], &[20], &[1_000_000], &[0, 3], &[1, 20]] {
        let carol = below_alice("deadbeef", steps);
        assert_eq!(
            with_carol(&carol),
            Err(related("alice", "carol")),
            "{steps:?}"
        );
    }
    // An unrelated branch of the same tree can't be seen, but its true origin says the seed.
    let far = below_alice(&key(1).fingerprint().to_string(), &[50, 50]);
    let warnings = with_carol(&far).unwrap().warnings().to_vec();
    assert!(matches!(&warnings[..], [VaultWarning::SameSeed { .. }]));
}

#[test]
fn a_repeated_cosigner_needs_branches_of_its_own() {
    let [a, b] = [key(1), key(2)];
    let import = |branches: &str| {
        let text = format!(
            "wsh(or_d(multi(2,{a}/<0;1>/*,{b}/<0;1>/*),and_v(v:pk({a}/{branches}/*),older(9))))"
        );
        Vault::from_descriptor(Network::Regtest, &text, None)
    };
    for fine in ["<2;3>", "<3;2>", "5/<0;1>", "<4;9>"] {
        let vault = import(fine).expect(fine);
        assert_eq!(vault.cosigners().len(), 2);
        assert_eq!(vault.policy().paths[1].cosigners, [0].into());
    }
    for clash in ["<0;1>", "<1;2>", "<2;1>", "<1;0>", "0/<0;1>", "<0;2>/5"] {
        let expected = VaultError::RepeatedBranch {
            cosigner: "cosigner-1".to_owned(),
        };
        assert_eq!(import(clash), Err(expected), "{clash}");
    }
}

#[test]
fn t04_one_seed_twice_is_allowed_and_said() {
    let second = key_text(Network::Regtest, 1, "48h/1h/1h/2h");
    let vault = with_carol(&second).unwrap();
    let expected = VaultWarning::SameSeed {
        first: "alice".to_owned(),
        second: "carol".to_owned(),
        fingerprint: key(1).fingerprint(),
    };
    assert_eq!(vault.warnings(), [expected]);
    assert_eq!(common::vault("2-of-3").warnings(), []);
    // One place under one master can't hold two keys.
    let stranger = format!("{}{}", key(1).origin(), key(9).xpub());
    assert!(matches!(
        with_carol(&stranger),
        Err(VaultError::SameOrigin { .. })
    ));
}

#[test]
fn t05_networks_are_not_mixed() {
    let main = key_text(Network::Bitcoin, 3, "48h/0h/0h/2h");
    let mut keys = named_keys(3);
    keys[2].1 = CosignerKey::parse(&main, Network::Bitcoin).unwrap();
    let expected = VaultError::KeyNetwork {
        cosigner: "carol".to_owned(),
        network: Network::Regtest,
    };
    assert_eq!(create(keys), Err(expected));
    let coin = with_carol(&key_text(Network::Regtest, 3, "48h/0h/0h/2h")).unwrap();
    assert!(matches!(
        coin.warnings(),
        [VaultWarning::CoinType { cosigner, .. }] if cosigner == "carol"
    ));
    let free = with_carol(&key_text(Network::Regtest, 3, "7h/8")).unwrap();
    assert_eq!(free.warnings(), []);
}

#[test]
fn t06_quorums_at_the_limits() {
    let keys: Vec<String> = (1..=21).map(|n| format!("{}/<0;1>/*", key(n))).collect();
    let import = |k: usize, n: usize| {
        let text = format!("wsh(sortedmulti({k},{}))", keys[..n].join(","));
        Vault::from_descriptor(Network::Regtest, &text, None)
    };
    assert_eq!(import(8, 15).unwrap().warnings(), []);
    let many = import(11, 20).unwrap();
    assert_eq!(many.warnings(), [VaultWarning::ManyCosigners { found: 20 }]);
    assert!(import(11, 21).is_err());
    assert!(import(0, 3).is_err());
    assert!(import(4, 3).is_err());
    assert_eq!(
        import(1, 2).unwrap().warnings(),
        [VaultWarning::OneSuffices]
    );
    assert_eq!(import(2, 2).unwrap().warnings(), [VaultWarning::NoneSpare]);
    assert_eq!(
        import(1, 1).unwrap().warnings(),
        [VaultWarning::OneSuffices]
    );
}

#[test]
fn names_are_one_for_each() {
    let ours = vault("2-of-3");
    let import = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Vault::from_descriptor(Network::Regtest, ours.descriptor(), Some(&names))
    };
    assert_eq!(import(&["alice", "bob", "carol"]).unwrap(), ours);
    assert_eq!(
        import(&["alice", "bob"]),
        Err(VaultError::NameCount {
            expected: 3,
            given: 2
        })
    );
    assert!(matches!(
        import(&["alice", "bob", "Bob"]),
        Err(VaultError::SameName(_))
    ));
    assert!(matches!(
        import(&["alice", "bob", "a b"]),
        Err(VaultError::Name(_))
    ));
    assert!(matches!(
        create(named_keys(2)),
        Err(VaultError::KeyCount {
            expected: 3,
            given: 2,
            ..
        })
    ));
}

/// What spares the search for related keys takes nothing that the search hasn't seen: the id is made
/// of the keys.
#[test]
fn a_vault_is_reopened_only_as_the_one_it_was() {
    let admitted = create(named_keys(3)).unwrap();
    let text = admitted.descriptor();
    let names: Vec<String> = admitted
        .cosigners()
        .iter()
        .map(|c| c.name.clone())
        .collect();
    let reopen = |text: &str, id| Vault::reopen(Network::Regtest, text, Some(&names), id);
    let again = reopen(text, admitted.id()).unwrap();
    assert_eq!(again.as_ref(), Some(&admitted));
    // Carol's key replaced by one below alice's: not this vault, and not to be admitted as another.
    let carol = names.iter().position(|name| name == "carol").unwrap();
    let carol = admitted.cosigners()[carol].key.to_string();
    let below = body(text).replace(&carol, &below_alice("deadbeef", &[5]));
    assert_ne!(below, body(text));
    assert_eq!(reopen(&below, admitted.id()).unwrap(), None);
    let admission = Vault::from_descriptor(Network::Regtest, &below, Some(&names));
    assert!(
        matches!(admission, Err(VaultError::RelatedKeys { .. })),
        "{admission:?}"
    );
}
