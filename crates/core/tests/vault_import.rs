//! Descriptors that others wrote: which texts are one vault, which are another, which are none.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use bitcoin::bip32::Xpriv;
use common::{body, key, key_text, split_lines, vault, with_checksum};
use proptest::prelude::*;
use quorate_core::key::KeyError;
use quorate_core::keychain::Keychain;
use quorate_core::policy::{AnalyzeError, Template};
use quorate_core::vault::{Vault, VaultError, VaultId};
use std::collections::BTreeSet;

fn import(text: &str) -> Result<Vault, VaultError> {
    Vault::from_descriptor(Network::Regtest, text, None)
}

fn id(text: &str) -> VaultId {
    import(text).expect(text).id()
}

fn refusal(text: &str) -> VaultError {
    import(text).expect_err(text)
}

/// The keys 1 to `count` with standard branches.
fn keys(count: u8) -> Vec<String> {
    (1..=count).map(|n| format!("{}/<0;1>/*", key(n))).collect()
}

#[test]
fn differences_of_text_are_no_differences() {
    let ours = vault("2-of-3");
    let text = ours.descriptor();
    let [a, b, c] = keys(3).try_into().unwrap();
    let [receive, change] = split_lines(text);
    let odd_origin = key_text(Network::Regtest, 3, "48h/1h/0h/2h");
    let odd_origin = body(text).replace(&odd_origin[..9], "[deadbeef");
    for same in [
        body(text).to_owned(),
        format!("\n{text}\r\n"),
        with_checksum(&text.replace("48h/1h/0h/2h", "48'/1'/0'/2'")),
        with_checksum(&format!("wsh(sortedmulti(2,{c},{a},{b}))")),
        body(text).replace("/<0;1>/*", "/**"),
        format!("{receive}\n{change}"),
        format!("{change}\n\n{receive}\n"),
        format!("{}\n{}", body(&receive), body(&change)),
        odd_origin,
        with_checksum(&format!("{}?bh=800000&gl=30", body(text))),
        format!("{}?xyz=0", body(text)),
    ] {
        let theirs = import(&same).expect(&same);
        assert_eq!(theirs.id(), ours.id(), "{same}");
        for keychain in Keychain::ALL {
            assert_eq!(
                theirs.derive(keychain, 5).unwrap().script_pubkey,
                ours.derive(keychain, 5).unwrap().script_pubkey,
                "{same}"
            );
        }
        assert_eq!(import(theirs.descriptor()).unwrap(), theirs);
    }
    for template in Template::builtins().unwrap() {
        let ours = vault(&template.name);
        let lines = split_lines(ours.descriptor()).join("\n");
        assert_eq!(id(&lines), ours.id());
    }
}

#[test]
fn miniscript_aliases_are_one_script() {
    let [a, b] = keys(2).try_into().unwrap();
    let long = format!("wsh(or_d(c:pk_k({a}),and_v(vc:pk_h({b}),older(5))))");
    let short = format!("wsh(or_d(pk({a}),and_v(v:pkh({b}),older(5))))");
    assert_eq!(id(&long), id(&short));
}

#[test]
fn t02_every_change_of_substance_is_another_vault() {
    let [a, b, c] = keys(3).try_into().unwrap();
    let other = format!("{}/<0;1>/*", key(9));
    let texts = [
        format!("wsh(sortedmulti(2,{a},{b},{c}))"),
        format!("wsh(sortedmulti(1,{a},{b},{c}))"),
        format!("wsh(sortedmulti(3,{a},{b},{c}))"),
        format!("wsh(sortedmulti(2,{a},{b},{other}))"),
        format!("wsh(sortedmulti(2,{a},{b},{c},{other}))"),
        format!("wsh(sortedmulti(2,{a},{b}))"),
        format!("wsh(multi(2,{a},{b},{c}))"),
        format!("wsh(multi(2,{b},{a},{c}))"),
        format!("wsh(sortedmulti(2,{a},{b},{c}))").replace("<0;1>", "<1;0>"),
        format!("wsh(sortedmulti(2,{a},{b},{c}))").replace("<0;1>", "<0;2>"),
        format!(
            "wsh(sortedmulti(2,{a},{b},{}))",
            c.replace("<0;1>", "<2;3>")
        ),
        format!(
            "wsh(sortedmulti(2,{a},{b},{}))",
            c.replace("<0;1>", "0/<0;1>")
        ),
        format!(
            "wsh(sortedmulti(2,{a},{b},{}))",
            c.replace("<0;1>", "<0;1>/0")
        ),
        format!("wsh(thresh(2,pk({a}),s:pk({b}),s:pk({c})))"),
        format!("wsh(thresh(2,pk({a}),s:pk({b}),s:pk({c}),sln:older(10)))"),
        format!("wsh(thresh(2,pk({a}),s:pk({b}),s:pk({c}),sln:older(11)))"),
        format!("wsh(thresh(2,pk({a}),s:pk({b}),s:pk({c}),sln:after(10)))"),
        format!("wsh(or_d(multi(2,{a},{b}),and_v(v:pk({c}),older(10))))"),
        format!("wsh(or_d(multi(2,{a},{b}),and_v(v:pkh({c}),older(10))))"),
        format!("wsh(or_i(multi(2,{a},{b}),and_v(v:pk({c}),older(10))))"),
        format!("wsh(or_d(multi(2,{a},{c}),and_v(v:pk({b}),older(10))))"),
    ];
    let mut ids: BTreeSet<VaultId> = texts.iter().map(|text| id(text)).collect();
    assert_eq!(ids.len(), texts.len());
    for network in [Network::Testnet, Network::Testnet4, Network::Signet] {
        let vault = Vault::from_descriptor(network, &texts[0], None).unwrap();
        assert!(ids.insert(vault.id()), "{network}");
    }
    // The chain code decides the addresses as much as the public key does.
    let (origin, xpub) = c.split_once(']').unwrap();
    let mut xpub: bitcoin::bip32::Xpub = xpub.split('/').next().unwrap().parse().unwrap();
    xpub.chain_code = [7; 32].into();
    let text = texts[0].replace(&c, &format!("{origin}]{xpub}/<0;1>/*"));
    assert!(ids.insert(id(&text)));
}

/// Ids are stored and compared between versions: a change of the hash must be noticed.
#[test]
fn the_id_stays_what_it_is() {
    let ids: Vec<String> = ["2-of-3", "2-of-3-recovery", "inheritance"]
        .map(|name| vault(name).id().to_string())
        .to_vec();
    assert_eq!(ids, EXPECTED_IDS);
    let id: VaultId = ids[0].parse().unwrap();
    assert_eq!(id, vault("2-of-3").id());
    assert!(ids[0][1..].parse::<VaultId>().is_err());
    assert!("x".repeat(64).parse::<VaultId>().is_err());
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, format!("\"{}\"", ids[0]));
    assert_eq!(serde_json::from_str::<VaultId>(&json).unwrap(), id);
}

const EXPECTED_IDS: [&str; 3] = [
    "7a7ba7c361fb2264ebf21c8d71509a2debc4eea8d25214d8446056a95ceaa10d",
    "d9632327272caee1e99102a5cf2ec23fa163994b9c6a149107a86d51c478b6e3",
    "35eba6d007a8756e0156a2069822ed7d69e8a81053e224134093aa9d0f73ed4d",
];

#[test]
fn damaged_text_is_refused() {
    let ours = vault("2-of-3");
    let text = ours.descriptor();
    let wrong = |text: &str| refusal(text);
    let other_digit = text.replace("sortedmulti(2", "sortedmulti(3");
    assert_eq!(wrong(&other_digit), VaultError::Checksum);
    assert!(wrong(&other_digit).to_string().contains("copy it again"));
    let annotated = text.replace('#', "?bh=800000#");
    assert_eq!(wrong(&annotated), VaultError::Checksum);
    for bad in [
        "?Bh=1",
        "?bh=",
        "?bh",
        "?bh=-1",
        "?bh=abc",
        "?bh=01",
        "?=100",
        "?bh=1&",
        "?",
        "?bh=1&bh=2",
        "?bh=1?gl=2",
    ] {
        let bad = format!("{}{bad}", body(text));
        assert_eq!(wrong(&bad), VaultError::Annotation, "{bad}");
    }
    assert_eq!(
        wrong(&text[..text.len() - 1]),
        VaultError::ChecksumLength { found: 7 }
    );
    assert_eq!(wrong(""), VaultError::Empty);
    assert_eq!(wrong(" \n "), VaultError::Empty);
    assert_eq!(wrong("hello"), VaultError::NotADescriptor);
    assert_eq!(
        wrong(&format!("{text}\n{text}\n{text}")),
        VaultError::TooManyLines { found: 3 }
    );
    assert_eq!(wrong(&format!("{text}\n{text}")), VaultError::LinesNotSplit);
    assert!(matches!(
        wrong(&"x".repeat(100_000)),
        VaultError::TooLong { .. }
    ));
    let inner = text.replace(",[", ", [");
    assert!(matches!(wrong(&inner), VaultError::Character { .. }));
    let inner = text.replacen(",[", ",\u{feff}[", 1);
    assert!(matches!(wrong(&inner), VaultError::Character { .. }));
    let cut = &body(text)[..body(text).len() - 1];
    assert!(
        matches!(wrong(cut), VaultError::Miniscript(_)),
        "{:?}",
        wrong(cut)
    );
    assert_eq!(wrong(&format!("{cut})x")), VaultError::Brackets);
    let [receive, change] = split_lines(text);
    assert_eq!(wrong(&receive), VaultError::OneBranch { position: 1 });
    assert_eq!(
        wrong(&format!("{receive}\n{receive}")),
        VaultError::LineBranches
    );
    let other = split_lines(vault("3-of-5").descriptor())[1].clone();
    assert_eq!(
        wrong(&format!("{receive}\n{other}")),
        VaultError::LinesDiffer
    );
    let longer = body(&change).replace("/1/*", "/1/0/*");
    assert_eq!(
        wrong(&format!("{receive}\n{longer}")),
        VaultError::LineBranches
    );
    let bare = body(text).replace("/<0;1>/*", "");
    assert_eq!(wrong(&bare), VaultError::NoBranches { position: 1 });
}

#[test]
fn keys_in_descriptors_are_read_strictly() {
    let ours = vault("2-of-3");
    let text = body(ours.descriptor());
    let second = key(2).to_string();
    let with = |key: &str| match refusal(&text.replace(&second, key)) {
        VaultError::Key { position, source } => {
            assert_eq!(position, 2);
            source
        }
        other => panic!("{other}"),
    };
    assert_eq!(
        with(&second[second.find(']').unwrap() + 1..]),
        KeyError::MissingOrigin
    );
    assert_eq!(
        with(&second.replace(&second[1..9], "00000000")),
        KeyError::ZeroFingerprint
    );
    let main = key_text(Network::Bitcoin, 2, "48h/1h/0h/2h");
    assert!(matches!(with(&main), KeyError::WrongNetwork { .. }));
    assert!(matches!(
        Vault::from_descriptor(Network::Bitcoin, text, None),
        Err(VaultError::Key {
            position: 1,
            source: KeyError::WrongNetwork { .. }
        })
    ));
    let public = "02".to_owned() + &"79".repeat(32);
    assert_eq!(with(&public), KeyError::SinglePublicKey);
    let secret = Xpriv::new_master(Network::Regtest, &[2; 32])
        .unwrap()
        .to_string();
    let error = refusal(&text.replace(&second, &format!("[12345678]{secret}")));
    assert!(matches!(error, VaultError::Secret(_)));
    assert!(!format!("{error} {error:?}").contains(&secret[4..12]));
}

#[test]
fn other_outputs_and_conditions_are_refused_in_a_sentence() {
    let [a, b, c] = keys(3).try_into().unwrap();
    for (text, found) in [
        (format!("wpkh({a})"), "wpkh"),
        (format!("pkh({a})"), "pkh"),
        ("addr(bcrt1qqq)".to_owned(), "addr"),
    ] {
        let error = refusal(&text);
        assert_eq!(
            error,
            VaultError::NotAVault {
                found: found.to_owned()
            }
        );
    }
    let hash = "1f".repeat(32);
    let analysis = |text: String| match refusal(&text) {
        VaultError::Analysis(error) => error,
        other => panic!("{text}: {other}"),
    };
    for (text, expected) in [
        (
            format!("wsh(and_v(v:pk({a}),sha256({hash})))"),
            AnalyzeError::HashLock,
        ),
        (
            format!("wsh(and_v(v:pk({a}),hash160({})))", &hash[..40]),
            AnalyzeError::HashLock,
        ),
        (
            format!("wsh(or_d(pk({a}),and_v(v:pk({b}),older(4194305))))"),
            AnalyzeError::TimeLock,
        ),
        (
            format!("wsh(or_d(pk({a}),and_v(v:pk({b}),after(500000000))))"),
            AnalyzeError::TimeLock,
        ),
        (
            format!("wsh(or_d(pk({a}),and_v(v:pk({b}),older(65536))))"),
            AnalyzeError::OlderTooLarge { value: 65536 },
        ),
        (
            format!("wsh(or_d(pk({a}),or_i(and_v(v:pk({b}),older(5)),and_v(v:pk({c}),after(5)))))"),
            AnalyzeError::MixedLocks,
        ),
        (
            format!("wsh(and_v(v:pk({a}),or_d(pk({b}),pk({c}))))"),
            AnalyzeError::NotAQuorum,
        ),
        (
            format!("wsh(or_d(pk({a}),older(5)))"),
            AnalyzeError::NoSignature,
        ),
        (
            format!("wsh(or_d(multi(2,{a},{b}),pk({c})))"),
            AnalyzeError::TwoAtOnce,
        ),
    ] {
        assert_eq!(analysis(text.clone()), expected, "{text}");
    }
    // Understood, but a stranger could change the witness.
    let malleable = refusal(&format!("wsh(thresh(2,pk({a}),s:pk({b}),al:pk({c})))"));
    assert!(
        matches!(malleable, VaultError::Miniscript(_)),
        "{malleable}"
    );
    // Unsafe or impossible scripts, by miniscript's own word or the policy's.
    for text in [
        format!("wsh(multi(0,{a},{b}))"),
        format!("wsh(multi(3,{a},{b}))"),
        format!("wsh(sortedmulti(3,{a},{b}))"),
        "wsh(older(5))".to_owned(),
        format!("wsh(or_d(pk({a}),older(5)))"),
        format!("wsh(and_v(v:pk({a}),older(5)))"),
        format!("wsh(or_d(pk({a}),and_v(v:multi(2,{b},{c}),older(0))))"),
        "wsh()".to_owned(),
        "wsh(1)".to_owned(),
        "wsh(0)".to_owned(),
        format!("wsh(multi(2,{a},))"),
        format!("wsh(foo({a}))"),
    ] {
        refusal(&text);
    }
}

/// Texts with a few characters changed, lost or inserted.
fn damaged() -> impl Strategy<Value = String> {
    let texts: Vec<String> = Template::builtins()
        .unwrap()
        .iter()
        .map(|template| body(vault(&template.name).descriptor()).to_owned())
        .collect();
    let edit = (
        any::<prop::sample::Index>(),
        0..3_u8,
        "[()\\[\\]{},:/<>;*'h@#?&0-9a-z\u{feff}\n]",
    );
    let edits = prop::collection::vec(edit, 1..6);
    (prop::sample::select(texts), edits).prop_map(|(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, kind, new) in edits {
            let at = at.index(chars.len());
            match kind {
                0 => chars.splice(at..=at, new.chars()),
                1 => chars.splice(at..=at, "".chars()),
                _ => chars.splice(at..at, new.chars()),
            };
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever is read without a refusal can be written and read again.
    #[test]
    fn damage_is_refused_or_harmless(text in damaged()) {
        if let Ok(vault) = import(&text) {
            prop_assert_eq!(import(vault.descriptor()).unwrap(), vault);
        }
    }

    #[test]
    fn junk_is_refused(text in ".{0,200}") {
        prop_assert!(import(&text).is_err());
        prop_assert!(quorate_core::key::CosignerKey::parse(&text, Network::Regtest).is_err());
        prop_assert!(Template::parse(&text, "junk").is_err());
        let wrapped = format!("wsh({text})");
        prop_assert!(import(&wrapped).is_err());
    }
}
