//! Policies: compiled, analysed back, judged against the script itself, and read from files.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write their files"
)]

mod common;

use bitcoin::absolute::LockTime;
use bitcoin::{Network, PublicKey, Sequence};
use common::{key, named_keys};
use miniscript::{Descriptor, DescriptorPublicKey};
use proptest::prelude::*;
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::{
    Holder, Policy, PolicyError, SpendingPath, Template, Timelock, analyze, compile,
};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::{Vault, VaultError};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::LazyLock;

const MAX: usize = 5;

static KEYS: LazyLock<Vec<(String, CosignerKey)>> = LazyLock::new(|| named_keys(MAX));

fn template(policy: Policy, cosigners: usize) -> Template {
    Template {
        name: "test".to_owned(),
        title: String::new(),
        summary: String::new(),
        script: ScriptType::Wsh,
        roles: (0..cosigners).map(|at| at.to_string()).collect(),
        policy,
    }
}

fn path(threshold: usize, cosigners: &[usize], lock: Option<Timelock>) -> SpendingPath {
    SpendingPath {
        threshold,
        cosigners: cosigners.iter().copied().collect(),
        lock,
    }
}

/// What each template compiles to; `A` to `E` are the keys. A vault's script never changes, so
/// neither may the rules that make it.
#[test]
fn t07_templates_compile_to_known_scripts() {
    for (name, expected) in [
        ("2-of-3", "wsh(sortedmulti(2,A,B,C))"),
        ("3-of-5", "wsh(sortedmulti(3,A,B,C,D,E))"),
        (
            "2-of-3-recovery",
            "wsh(thresh(2,pk(A),s:pk(B),s:pk(C),sln:older(52560)))",
        ),
        (
            "decaying-3-of-3",
            "wsh(thresh(3,pk(A),s:pk(B),s:pk(C),sln:older(26280),sln:older(52560)))",
        ),
        (
            "inheritance",
            "wsh(or_d(multi(2,A,B),and_v(v:multi(2,C,D),older(52560))))",
        ),
    ] {
        let template = Template::builtin(name).unwrap();
        let keys: Vec<CosignerKey> = KEYS[..template.roles.len()]
            .iter()
            .map(|(_, key)| key.clone())
            .collect();
        let mut text = compile(&template.policy, template.script, &keys).unwrap();
        for (key, letter) in keys.iter().zip(["A", "B", "C", "D", "E"]) {
            text = text.replace(&format!("{key}/<0;1>/*"), letter);
        }
        assert_eq!(text, expected);
        assert!(!template.title.is_empty() && template.summary.ends_with('.'));
    }
}

#[test]
fn a_repeated_cosigner_gets_the_next_pair_of_branches() {
    let policy = Policy::new(
        vec![
            path(3, &[0, 1, 2], None),
            path(2, &[0, 1, 3], Some(Timelock::After(10))),
            path(1, &[0], Some(Timelock::After(20))),
        ],
        4,
    )
    .unwrap();
    let keys: Vec<CosignerKey> = KEYS[..4].iter().map(|(_, key)| key.clone()).collect();
    let mut text = compile(&policy, ScriptType::Wsh, &keys).unwrap();
    for (key, letter) in keys.iter().zip(["A", "B", "C", "D"]) {
        text = text.replace(&key.to_string(), letter);
    }
    assert_eq!(
        text,
        "wsh(or_d(multi(3,A/<0;1>/*,B/<0;1>/*,C/<0;1>/*),\
         or_i(and_v(v:multi(2,A/<2;3>/*,B/<2;3>/*,D/<0;1>/*),after(10)),\
         and_v(v:pk(A/<4;5>/*),after(20)))))"
    );
}

/// A policy over up to five cosigners with up to four paths. Most draws make no sense; they are
/// thrown away by the checks under test, whose refusals have tests of their own.
fn policies() -> impl Strategy<Value = (Policy, usize)> {
    let raw_path = (1..=MAX, 1_u8..1 << MAX, 1_u16..);
    let raw = (
        1..=MAX,
        any::<bool>(),
        prop::collection::vec(raw_path, 1..=4),
    );
    raw.prop_filter_map("makes no sense", |(cosigners, relative, paths)| {
        let mut locks: Vec<u16> = paths.iter().map(|(.., lock)| *lock).collect();
        locks.sort_unstable();
        let everybody = (1_u8 << cosigners) - 1;
        let paths = paths.iter().zip(locks).enumerate();
        let paths = paths.map(|(at, ((threshold, mask, _), lock))| SpendingPath {
            threshold: *threshold,
            cosigners: (0..MAX)
                .filter(|i| mask & everybody & (1 << i) != 0)
                .collect(),
            lock: (at > 0).then(|| match relative {
                true => Timelock::Older(lock),
                false => Timelock::After(u32::from(lock) * 7_000),
            }),
        });
        let policy = Policy::new(paths.collect(), cosigners).ok()?;
        Some((policy, cosigners))
    })
}

/// The same cosigners throughout, one signature less each time: rule 2, which random draws miss.
fn countdowns() -> impl Strategy<Value = (Policy, usize)> {
    (2..=MAX, any::<bool>()).prop_flat_map(|(cosigners, relative)| {
        let locks = prop::collection::btree_set(1_u16.., 1..cosigners);
        (locks, 0..cosigners).prop_filter_map("too few", move |(locks, spare)| {
            let top = cosigners
                .checked_sub(spare)
                .filter(|top| *top > locks.len())?;
            let locks = locks.into_iter().map(|lock| match relative {
                true => Timelock::Older(lock),
                false => Timelock::After(lock.into()),
            });
            let locks = std::iter::once(None).chain(locks.map(Some));
            let paths = locks.enumerate().map(|(at, lock)| SpendingPath {
                threshold: top - at,
                cosigners: (0..cosigners).collect(),
                lock,
            });
            Some((Policy::new(paths.collect(), cosigners).unwrap(), cosigners))
        })
    })
}

/// Whether the script itself can be satisfied by these signers under these locks.
fn script_allows(
    descriptor: &Descriptor<PublicKey>,
    keys: &BTreeMap<PublicKey, usize>,
    signers: &BTreeSet<usize>,
    lock: Option<Timelock>,
) -> bool {
    let signature = bitcoin::secp256k1::ecdsa::Signature::from_compact(&[0x11; 64]).unwrap();
    let signature = bitcoin::ecdsa::Signature::sighash_all(signature);
    let signatures: BTreeMap<PublicKey, bitcoin::ecdsa::Signature> = keys
        .iter()
        .filter(|(_, cosigner)| signers.contains(cosigner))
        .map(|(key, _)| (*key, signature))
        .collect();
    let sequence = lock.and_then(Timelock::sequence).unwrap_or(Sequence::MAX);
    let time = lock.and_then(Timelock::lock_time).unwrap_or(LockTime::ZERO);
    descriptor
        .get_satisfaction((signatures, sequence, time))
        .is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn compiled_policies_are_sane_and_analysed_back(
        (policy, cosigners) in prop_oneof![policies(), countdowns()]
    ) {
        let keys: Vec<CosignerKey> = KEYS[..cosigners].iter().map(|(_, key)| key.clone()).collect();
        let text = compile(&policy, ScriptType::Wsh, &keys).unwrap();
        let descriptor = Descriptor::<DescriptorPublicKey>::from_str(&text).unwrap();
        descriptor.sanity_check().unwrap();
        let back = analyze(&descriptor, cosigners, |key| {
            keys.iter().position(|known| key.to_string().contains(&known.xpub().to_string())).map(Holder::Cosigner)
        });
        prop_assert_eq!(back, Ok(policy.clone()));

        let template = template(policy.clone(), cosigners);
        let vault = Vault::create(Network::Regtest, &template, KEYS[..cosigners].to_vec()).unwrap();
        let again = Vault::from_descriptor(Network::Regtest, vault.descriptor(), None).unwrap();
        prop_assert_eq!(vault.id(), again.id());
        prop_assert_eq!(vault.policy(), again.policy());
        prop_assert_eq!(vault.descriptor(), again.descriptor());
    }

    /// The analysis against the script: for every group of cosigners at every moment.
    #[test]
    fn the_script_allows_what_the_policy_says(
        (policy, cosigners) in prop_oneof![policies(), countdowns()]
    ) {
        let template = template(policy, cosigners);
        let vault = Vault::create(Network::Regtest, &template, KEYS[..cosigners].to_vec()).unwrap();
        let derived = vault.derive(Keychain::Receive, 0).unwrap();
        let keys = derived.keys.iter().map(|key| (key.public_key, key.cosigner)).collect();
        let paths = &vault.policy().paths;
        for now in paths.iter().map(|path| path.lock) {
            for mask in 0_u8..1 << cosigners {
                let signers: BTreeSet<usize> =
                    (0..cosigners).filter(|i| mask & (1 << i) != 0).collect();
                let says = paths
                    .iter()
                    .any(|path| path.lock <= now && path.is_satisfied_by(&signers));
                let does = script_allows(&derived.descriptor, &keys, &signers, now);
                prop_assert_eq!(says, does, "{:?} at {:?} in {}", signers, now, vault.descriptor());
            }
        }
    }
}

#[test]
fn scripts_of_others_are_understood() {
    let [a, b, c] = [1, 2, 3].map(|n| format!("{}/<0;1>/*", key(n)));
    let a2 = a.replace("<0;1>", "<2;3>");
    let older = |blocks| Some(Timelock::Older(blocks));
    for (text, paths) in [
        // As Liana writes it.
        (
            format!("wsh(or_d(pk({a}),and_v(v:pkh({b}),older(65535))))"),
            vec![path(1, &[0], None), path(1, &[1], older(65_535))],
        ),
        (
            format!("wsh(or_i(and_v(v:pkh({a}),older(10)),and_v(v:pk({b}),pk({c}))))"),
            vec![path(2, &[1, 2], None), path(1, &[0], older(10))],
        ),
        (
            format!("wsh(andor(pk({a}),older(5),pk({b})))"),
            vec![path(1, &[1], None), path(1, &[0], older(5))],
        ),
        (
            format!("wsh(or_d(multi(1,{a},{b}),and_v(v:pk({c}),older(5))))"),
            vec![path(1, &[0, 1], None), path(1, &[2], older(5))],
        ),
        (
            format!("wsh(or_d(multi(2,{a},{b}),and_v(v:thresh(2,pkh({a2}),a:pkh({c})),older(5))))"),
            vec![path(2, &[0, 1], None), path(2, &[0, 2], older(5))],
        ),
        (
            format!("wsh(thresh(2,pk({a}),s:pk({b}),sln:older(7)))"),
            vec![path(2, &[0, 1], None), path(1, &[0, 1], older(7))],
        ),
        (
            format!("wsh(and_v(v:multi(2,{a},{b}),pk({c})))"),
            vec![path(3, &[0, 1, 2], None)],
        ),
    ] {
        let vault = Vault::from_descriptor(Network::Regtest, &text, None).expect(&text);
        let by_key: BTreeMap<String, usize> = (1..=3)
            .map(|n| (key(n).to_string(), usize::from(n) - 1))
            .collect();
        // The descriptor's order is that of first use; compare by key.
        let numbers: Vec<usize> = vault
            .cosigners()
            .iter()
            .map(|cosigner| by_key[&cosigner.key.to_string()])
            .collect();
        let mut policy = vault.policy().clone();
        for path in &mut policy.paths {
            path.cosigners = path.cosigners.iter().map(|at| numbers[*at]).collect();
        }
        assert_eq!(policy.paths, paths, "{text}");
    }
}

#[test]
fn policies_without_sense_are_refused() {
    use PolicyError as E;
    use Timelock::{After, Older};
    let all = [0, 1, 2];
    let two = path(2, &all, None);
    let later = |k, lock| path(k, &all, Some(lock));
    for (paths, expected) in [
        (vec![], E::NoPath),
        (vec![later(2, Older(5))], E::NoOpenPath),
        (
            vec![two.clone(), path(1, &all, None)],
            E::SecondOpenPath { path: 2 },
        ),
        (vec![path(1, &[], None)], E::NoCosigners { path: 1 }),
        (
            vec![path(1, &[0, 3], None)],
            E::UnknownCosigner {
                path: 1,
                cosigner: 4,
                cosigners: 3,
            },
        ),
        (
            vec![path(0, &all, None)],
            E::Threshold {
                path: 1,
                threshold: 0,
                cosigners: 3,
            },
        ),
        (
            vec![path(4, &all, None)],
            E::Threshold {
                path: 1,
                threshold: 4,
                cosigners: 3,
            },
        ),
        (vec![path(2, &[0, 1], None)], E::Unused { cosigner: 3 }),
        (
            vec![path(3, &all, None), later(2, Older(5)), later(1, After(9))],
            E::MixedLocks,
        ),
        (
            vec![path(3, &all, None), later(2, Older(9)), later(1, Older(5))],
            E::LockOrder { path: 3 },
        ),
        (
            vec![path(3, &all, None), later(2, Older(9)), later(1, Older(9))],
            E::LockOrder { path: 3 },
        ),
        (
            vec![two.clone(), later(1, Older(0))],
            E::ZeroLock { path: 2 },
        ),
        (
            vec![two.clone(), later(1, After(0))],
            E::ZeroLock { path: 2 },
        ),
        (
            vec![two.clone(), later(1, After(500_000_000))],
            E::HeightTooLarge {
                path: 2,
                height: 500_000_000,
            },
        ),
        (
            vec![two.clone(), later(2, Older(5))],
            E::Redundant {
                path: 2,
                earlier: 1,
            },
        ),
        (
            vec![two.clone(), later(3, Older(5))],
            E::Redundant {
                path: 2,
                earlier: 1,
            },
        ),
        (
            vec![two.clone(), path(2, &[0, 1], Some(Older(5)))],
            E::Redundant {
                path: 2,
                earlier: 1,
            },
        ),
        (
            vec![path(1, &all, None), path(1, &[0], Some(Older(5)))],
            E::Redundant {
                path: 2,
                earlier: 1,
            },
        ),
    ] {
        assert_eq!(Policy::new(paths.clone(), 3), Err(expected), "{paths:?}");
    }
    assert_eq!(
        Policy::new(vec![path(1, &[0], None)], 21),
        Err(E::TooMany { found: 21 })
    );
    // A vault with a template made by hand is checked again.
    let keys = KEYS[..3].to_vec();
    let made = template(
        Policy {
            paths: vec![path(4, &all, None)],
        },
        3,
    );
    assert!(matches!(
        Vault::create(Network::Regtest, &made, keys),
        Err(VaultError::Policy(_))
    ));
}

const GOOD: &str = "name = \"mine\"
script = \"wsh\"
cosigners = [\"owner\", \"partner\", \"heir\"]

[[path]]
threshold = 1
cosigners = [\"owner\"]

[[path]]
threshold = 2
after_blocks = 144
";

#[test]
fn templates_are_read() {
    let template = Template::parse(GOOD, "mine.toml").unwrap();
    assert_eq!(template.title, "mine");
    assert_eq!(template.roles, ["owner", "partner", "heir"]);
    assert_eq!(
        template.policy.paths,
        [
            path(1, &[0], None),
            path(2, &[0, 1, 2], Some(Timelock::Older(144)))
        ]
    );
    let useless = GOOD.replace("\ncosigners = [\"owner\"]\n", "\n");
    let error = Template::parse(&useless, "mine.toml")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("mine.toml: spending path 2 lets nobody"),
        "{error}"
    );
}

#[test]
fn typos_are_answered_with_file_line_and_remedy() {
    for (from, to, line, words) in [
        (
            "threshold = 2",
            "treshold = 2",
            10,
            "did you mean `threshold`?",
        ),
        ("script", "scirpt", 2, "did you mean `script`?"),
        (
            "after_blocks",
            "after_block",
            11,
            "did you mean `after_blocks`?",
        ),
        (
            "after_blocks",
            "wait",
            11,
            "fields here are threshold, cosigners, after_blocks, at_height",
        ),
        ("[\"owner\"]", "[\"onwer\"]", 7, "did you mean `owner`?"),
        ("[\"owner\"]", "[]", 7, "leave it out to mean all"),
        ("[\"owner\"]", "[\"owner\", \"owner\"]", 7, "once"),
        ("[\"owner\"]", "\"owner\"", 7, "a list of names"),
        ("\"wsh\"", "\"wpkh\"", 2, "\"sh-wsh\""),
        ("\"wsh\"", "7", 2, "one line of text"),
        ("\"mine\"", "\"my vault\"", 1, "short name"),
        ("script = \"wsh\"\n", "", 1, "write script"),
        ("threshold = 2\n", "", 9, "say how many signatures"),
        ("threshold = 2", "threshold = 4", 10, "from 1 to 3"),
        ("threshold = 2", "threshold = 0", 10, "from 1 to 3"),
        (
            "threshold = 2",
            "threshold = -1",
            10,
            "a number of signatures",
        ),
        (
            "threshold = 2",
            "threshold = \"2\"",
            10,
            "a number of signatures",
        ),
        ("144", "65536", 11, "from 1 to 65535"),
        ("144", "0", 11, "from 1 to 65535"),
        ("144", "\"a year\"", 11, "from 1 to 65535"),
        (
            "after_blocks = 144",
            "at_height = 500000000",
            11,
            "from 1 to 499999999",
        ),
        ("144", "144\nat_height = 900000", 12, "keep one of them"),
        (
            "[\"owner\", \"partner\", \"heir\"]",
            "[\"owner\", \"owner\"]",
            3,
            "different role names",
        ),
        (
            "[\"owner\", \"partner\", \"heir\"]",
            "21",
            3,
            "from 1 to 20",
        ),
        ("[\"owner\", \"partner\", \"heir\"]", "0", 3, "from 1 to 20"),
        (
            "[\"owner\", \"partner\", \"heir\"]",
            "2.5",
            3,
            "a list of names",
        ),
        (
            "cosigners = [\"owner\", \"partner\", \"heir\"]\n",
            "",
            1,
            "say how many there are",
        ),
        ("threshold = 2", "threshold 2", 10, "isn't TOML"),
        (
            "threshold = 2",
            "threshold = 2\nthreshold = 2",
            11,
            "isn't TOML",
        ),
        (
            "[[path]]\nthreshold = 1",
            "[path]\nthreshold = 1",
            9,
            "isn't TOML",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let error = Template::parse(&text, "mine.toml")
            .expect_err(&text)
            .to_string();
        assert!(
            error.starts_with(&format!("mine.toml, line {line}: ")),
            "{to}: {error}"
        );
        assert!(error.contains(words), "{to}: {error}");
    }
    let error =
        Template::parse("name = \"x\"\nscript = \"wsh\"\ncosigners = 2\n", "f").unwrap_err();
    assert!(error.to_string().contains("[[path]]"), "{error}");
    let error = Template::parse(&GOOD.replace("144", "144\u{1b}"), "f\u{1b}").unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
    assert!(Template::parse("", "empty.toml").is_err());
}

/// Every file in the folder is built in, under its own name, and the other way round.
#[test]
fn the_folder_and_the_binary_have_the_same_templates() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let template =
                Template::parse(&std::fs::read_to_string(&file).unwrap(), &name).unwrap();
            assert_eq!(template, Template::builtin(&name).unwrap());
            assert_eq!(template.name, name);
            files.insert(name);
        }
    }
    let builtins = Template::builtins().unwrap();
    let names: BTreeSet<String> = builtins.into_iter().map(|t| t.name).collect();
    assert_eq!(files, names);
    // The README's example is one too.
    let readme = std::fs::read_to_string(format!("{folder}/README.md")).unwrap();
    let example = readme.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    Template::parse(example, "README.md").unwrap();
}

#[test]
fn unknown_templates_suggest_near_ones() {
    let error = Template::builtin("2of3").unwrap_err().to_string();
    assert!(error.contains("did you mean `2-of-3`?"), "{error}");
    let error = Template::builtin("something-else").unwrap_err().to_string();
    assert!(!error.contains("did you mean"), "{error}");
    assert!(error.contains("inheritance"), "{error}");
    assert_eq!(Template::builtins().unwrap().len(), 5);
}

#[test]
fn long_countdowns_work_too() {
    let cosigners: Vec<usize> = (0..12).collect();
    let paths = (0..12_u16).map(|at| {
        let lock = (at > 0).then_some(Timelock::Older(at * 4_000));
        path(12 - usize::from(at), &cosigners, lock)
    });
    let policy = Policy::new(paths.collect(), 12).unwrap();
    let keys = (1..=12).map(|n| (format!("c{n}"), key(n))).collect();
    let vault = Vault::create(Network::Regtest, &template(policy.clone(), 12), keys).unwrap();
    assert_eq!(vault.policy(), &policy);
}
