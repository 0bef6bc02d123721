//! The ceremony's texts: what an invitation says, what a record may say, and what a cosigner's program
//! refuses of what comes back (T01, T02).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use bitcoin::Network;
use common::world::World;
use common::{NAMES, body, key, key_text, with_checksum};
use quorate_core::journal::MemberKey;
use quorate_core::key::CosignerKey;
use quorate_core::keychain::Keychain;
use quorate_core::policy::Template;
use quorate_core::setup::{
    Encryption, Expected, Invitation, InvitationError, KeyRecord, Nonce, RecordError, SetupRefusal,
    Statement, Token, accept, proof_of_possession,
};
use quorate_core::vault::Vault;
use std::collections::BTreeSet;

fn member() -> MemberKey {
    MemberKey::from_bytes(&[5; 32]).unwrap()
}

fn invitation(policy: &str, you: usize) -> Invitation {
    let template = Template::builtin(policy).unwrap();
    Invitation {
        nonce: Nonce::new([1, 2, 3, 4, 5, 6, 7, 8]),
        vault: "family".to_owned(),
        network: Network::Regtest,
        owner: member().id(),
        cosigners: NAMES[..template.roles.len()]
            .iter()
            .map(|&name| name.to_owned())
            .collect(),
        you,
        token: Token::None,
        template,
    }
}

#[test]
fn an_invitation_is_read_back_whatever_carries_it() {
    for policy in [
        "2-of-3",
        "2-of-3-recovery",
        "inheritance",
        "decaying-3-of-3",
    ] {
        for encryption in [Encryption::None, Encryption::Standard, Encryption::Extended] {
            let invitation = Invitation {
                token: encryption.token(&[9; 16]),
                ..invitation(policy, 1)
            };
            let text = invitation.write();
            for carried in [
                text.clone(),
                text.replace('\n', "\r\n"),
                format!("\u{feff}{text}\n\n"),
            ] {
                assert_eq!(Invitation::read(&carried).unwrap(), invitation);
            }
        }
    }
    let text = invitation("2-of-3", 1).write();
    assert!(text.contains("# bob, you are asked to guard the vault `family`"));
    assert!(text.contains("Any 2 of alice, bob, carol can spend at any time."));
}

#[test]
fn an_invitation_that_was_changed_is_refused_with_its_own_sentence() {
    let text = invitation("2-of-3", 1).write();
    let resealed = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let body = changed.rsplit_once("check ").unwrap().0;
        // The check is for damage: who changes on purpose computes it anew.
        use bitcoin::hashes::{Hash, sha256};
        let hash = sha256::Hash::hash(body.as_bytes()).to_string();
        format!("{body}check {}\n", &hash[..8])
    };
    let cases = [
        (String::new(), "isn't an invitation"),
        ("holiday photos".to_owned(), "isn't an invitation"),
        (resealed("invitation 1", "invitation 2"), "newer kind"),
        (
            text.replace("threshold = 2", "threshold = 1"),
            "changed or cut off",
        ),
        (text[..text.len() / 2].to_owned(), "changed or cut off"),
        (resealed("\nnetwork regtest", ""), "`network`"),
        (resealed("network regtest", "network mars"), "`network`"),
        (resealed("you bob", "you mallory"), "`you`"),
        (resealed("owner ", "owner 00"), "`owner`"),
        (resealed("token 00", "token 0011"), "`token`"),
        (resealed("invitation 0102", "invitation 01"), "`invitation`"),
        (
            resealed("alice, bob, carol\nyou", "alice, bob\nyou"),
            "names 2 cosigners and its policy has 3",
        ),
        (resealed("threshold = 2", "threshold = 7"), "policy"),
        (
            resealed("vault family\n", "vault fam\u{1b}[2Jily\n"),
            "vault's name",
        ),
        (resealed("you bob\n", "you bob\nyou bob\n"), "`you`"),
        (
            resealed("#\n", &format!("# {}about\n", "abandon ".repeat(11))),
            "seed words",
        ),
    ];
    let mut sentences = BTreeSet::new();
    for (text, expected) in &cases {
        let error = Invitation::read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
        sentences.insert(error);
    }
    assert!(sentences.len() >= 10, "{sentences:#?}");
    assert_eq!(Invitation::read(""), Err(InvitationError::Head));
}

#[test]
fn a_record_says_which_invitation_it_answers_and_who_speaks() {
    let statement = Statement {
        nonce: Nonce::new([0xfe; 8]),
        member: member().id(),
    };
    let text = statement.to_string();
    assert!(text.len() <= 80, "{text}");
    assert_eq!(Statement::read(&text), Some(statement));
    for other in [
        "Signer 1 key",
        "Quorate",
        "Quorate 00",
        &text[..60],
        &format!("{text} x"),
    ] {
        assert_eq!(Statement::read(other), None, "{other}");
    }
}

#[test]
fn a_bad_record_is_refused_with_its_own_sentence() {
    let key = key_text(Network::Regtest, 1, "48h/1h/0h/2h");
    let good = format!("BSMS 1.0\n00\n{key}\nhello");
    assert!(!KeyRecord::read(&good, Network::Regtest).unwrap().is_signed);
    let words = format!("BSMS 1.0\n00\n{key}\n{}about", "abandon ".repeat(11));
    let cases: [(String, &str); 12] = [
        (String::new(), "this has 0"),
        (good.replace("\nhello", ""), "this has 3"),
        (good.replace("1.0", "2.0"), "version"),
        (good.replace("\n00\n", "\n01\n"), "token"),
        (good.replace("\n00\n", "\n00112233\n"), "token"),
        (good.replace("/1h/0h/2h]", "/1h/0h]"), "its key"),
        (good.replace("tpub", "tprv"), "private key"),
        (words, "seed words"),
        (good.replace("hello", &"h".repeat(81)), "description"),
        (good.replace("hello", "hel\u{202e}lo"), "description"),
        (format!("{good}\nAAAA"), "signature"),
        (good.replace("tpub", "xpub"), "its key"),
    ];
    let mut sentences = BTreeSet::new();
    for (text, expected) in &cases {
        let error = KeyRecord::read(text, Network::Regtest).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        sentences.insert(error.to_string());
    }
    assert!(sentences.len() >= 10, "{sentences:#?}");
    assert!(matches!(
        KeyRecord::read(&good, Network::Bitcoin),
        Err(RecordError::Key(_))
    ));
}

/// What was agreed on, and the record that honest software makes of it.
struct Agreed {
    template: Template,
    names: Vec<String>,
    keys: Vec<CosignerKey>,
    record: String,
}

fn record(descriptor: &str, network: Network) -> String {
    let text = body(descriptor);
    let first = Vault::from_descriptor(network, text, None)
        .unwrap()
        .derive(Keychain::Receive, 0)
        .unwrap()
        .address(network);
    format!(
        "BSMS 1.0\n{}\n/0/*,/1/*\n{first}\n",
        text.replace("/<0;1>/*", "/**")
    )
}

fn agreed(policy: &str) -> Agreed {
    let template = Template::builtin(policy).unwrap();
    let keys: Vec<_> = (1..=template.roles.len())
        .map(|seed| key(u8::try_from(seed).unwrap()))
        .collect();
    let names: Vec<_> = NAMES[..keys.len()]
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    let named = names.iter().cloned().zip(keys.iter().cloned()).collect();
    let vault = Vault::create(Network::Regtest, &template, named).unwrap();
    Agreed {
        record: record(vault.descriptor(), Network::Regtest),
        template,
        names,
        keys,
    }
}

impl Agreed {
    fn accept(&self, record: &str, you: usize) -> Result<Vault, SetupRefusal> {
        accept(
            record,
            &Expected {
                network: Network::Regtest,
                template: &self.template,
                names: &self.names,
                you,
                key: &self.keys[you],
            },
        )
    }
}

#[test]
fn what_was_agreed_on_is_accepted_by_everybody() {
    for policy in [
        "2-of-3",
        "3-of-5",
        "2-of-3-recovery",
        "decaying-3-of-3",
        "inheritance",
    ] {
        let agreed = agreed(policy);
        let mut ids = BTreeSet::new();
        for you in 0..agreed.keys.len() {
            let vault = agreed.accept(&agreed.record, you).unwrap();
            let us = vault
                .cosigners()
                .iter()
                .find(|one| one.name == agreed.names[you])
                .unwrap();
            assert_eq!(us.key, agreed.keys[you]);
            ids.insert(vault.id());
        }
        assert_eq!(ids.len(), 1, "{policy}");
    }
}

/// T01, T02: whoever carries the files changes what the vault is; the cosigner's own program refuses
/// each change in words of its own. First addresses are computed anew, as the thief would.
#[test]
fn t01_t02_every_mutation_of_the_record_has_its_own_refusal() {
    let agreed = agreed("2-of-3-recovery");
    let simple = self::agreed("2-of-3");
    let again = |record: &str, change: &dyn Fn(&str) -> String| {
        let descriptor = record.lines().nth(1).unwrap().replace("/**", "/<0;1>/*");
        let changed = change(&descriptor);
        assert_ne!(changed, descriptor);
        self::record(&changed, Network::Regtest)
    };
    let thief = key(66).to_string();
    let own = agreed.keys[0].to_string();
    let carol = agreed.keys[2].to_string();
    let complex = |change: &dyn Fn(&str) -> String| again(&agreed.record, change);
    let plain = |change: &dyn Fn(&str) -> String| again(&simple.record, change);
    let of_mainnet = |text: &str| {
        let mut text = text.to_owned();
        for (seed, key) in (1..).zip(&simple.keys) {
            text = text.replace(
                &key.to_string(),
                &key_text(Network::Bitcoin, seed, "48h/0h/0h/2h"),
            );
        }
        text
    };
    let honest = simple
        .record
        .lines()
        .nth(1)
        .unwrap()
        .replace("/**", "/<0;1>/*");
    let mainnet = self::record(&of_mainnet(&honest), Network::Bitcoin);
    let other_origin = own.replacen(&own[1..9], "deadbeef", 1);
    let mutations: Vec<(&str, &Agreed, String, &str)> = vec![
        (
            "our key substituted",
            &agreed,
            complex(&|text| text.replace(&own, &thief)),
            "your key is not in this descriptor",
        ),
        (
            "our fingerprint changed",
            &agreed,
            complex(&|text| text.replace(&own, &other_origin)),
            "your key is in it as",
        ),
        (
            "a key inserted",
            &simple,
            plain(&|text| text.replace("))", &format!(",{thief}/<0;1>/*))"))),
            "slipped in",
        ),
        (
            "a key left out",
            &simple,
            plain(&|text| text.replace(&format!(",{carol}/<0;1>/*"), "")),
            "left out",
        ),
        (
            "one signature suffices",
            &simple,
            plain(&|text| text.replace("sortedmulti(2", "sortedmulti(1")),
            "asks for 1 signatures",
        ),
        (
            "keys not sorted",
            &simple,
            plain(&|text| text.replace("sortedmulti", "multi")),
            "not sorted",
        ),
        (
            "nested",
            &simple,
            plain(&|text| format!("sh({text})")),
            "of the kind",
        ),
        ("another network", &simple, mainnet, "for bitcoin"),
        (
            "branches exchanged",
            &simple,
            simple.record.replace("/**", "/<1;0>/*"),
            "other branches",
        ),
        (
            "branches restricted",
            &simple,
            simple.record.replace("/0/*,/1/*", "/2/*,/3/*"),
            "other branches",
        ),
        (
            "the wait shortened",
            &agreed,
            complex(&|text| text.replace("older(52560)", "older(144)")),
            "opens 144 blocks",
        ),
        (
            "no recovery",
            &agreed,
            self::record(
                simple
                    .record
                    .lines()
                    .nth(1)
                    .unwrap()
                    .replace("/**", "/<0;1>/*")
                    .as_str(),
                Network::Regtest,
            ),
            "1 ways to spend",
        ),
        (
            "another first address",
            &simple,
            simple.record.replace(
                simple.record.lines().nth(3).unwrap(),
                "bcrt1qxhy8jnae4p2qjk3k8g7q5e0nmh2dqhzjm5e4pw",
            ),
            "first address",
        ),
        (
            "a letter lost",
            &simple,
            format!(
                "BSMS 1.0\n{}\n\n{}\n",
                with_checksum(&honest).replace("sortedmulti(2", "sortedmulti(3"),
                simple.record.lines().nth(3).unwrap()
            ),
            "checksum",
        ),
        (
            "another version",
            &simple,
            simple.record.replace("1.0", "9.9"),
            "version",
        ),
        (
            "a line more",
            &simple,
            format!("{}more\n", simple.record),
            "has 5",
        ),
        (
            "a private key",
            &simple,
            simple.record.replace("tpub", "tprv"),
            "private key",
        ),
        (
            "our key twice",
            &simple,
            simple.record.replace(&carol, &own),
            "no vault",
        ),
    ];
    let mut sentences = BTreeSet::new();
    for (what, agreed, changed, expected) in &mutations {
        let error = agreed.accept(changed, 0).expect_err(what).to_string();
        assert!(error.contains(expected), "{what}: {error}");
        sentences.insert(error);
    }
    // Branches have one sentence for both.
    assert_eq!(sentences.len(), mutations.len() - 1, "{sentences:#?}");
}

/// Which cosigners a recovery path is for isn't seen by counting.
#[test]
fn t02_exchanged_roles_are_refused() {
    let agreed = agreed("inheritance");
    let roles = agreed.template.roles.len();
    let mut refused = 0;
    for turn in 1..roles {
        let keys: Vec<_> = (0..roles)
            .map(|at| agreed.keys[(at + turn) % roles].clone())
            .collect();
        let named = agreed.names.iter().cloned().zip(keys).collect();
        let vault = Vault::create(Network::Regtest, &agreed.template, named).unwrap();
        let record = record(vault.descriptor(), Network::Regtest);
        for you in 0..roles {
            let in_paths = |who: usize| {
                let paths = agreed.template.policy.paths.iter();
                paths
                    .map(|path| path.cosigners.contains(&who))
                    .collect::<Vec<_>>()
            };
            // Our key went to the role that gave its own away.
            let role = (you + roles - turn) % roles;
            let same = in_paths(role) == in_paths(you);
            let found = agreed.accept(&record, you);
            assert_eq!(found.is_ok(), same, "{turn} {you}: {found:?}");
            if let Err(error) = found {
                assert!(matches!(error, SetupRefusal::Members { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn the_proof_of_possession_is_one_for_all_homes_and_can_never_be_sent() {
    let agreed = agreed("2-of-3");
    let vaults: Vec<Vault> = (0..3)
        .map(|you| agreed.accept(&agreed.record, you).unwrap())
        .collect();
    let proofs: Vec<_> = vaults
        .iter()
        .map(|vault| proof_of_possession(vault).unwrap())
        .collect();
    assert!(proofs.iter().all(|proof| proof.psbt() == proofs[0].psbt()));
    let coin = &proofs[0].inputs()[0];
    let previous = proofs[0].psbt().inputs[0]
        .non_witness_utxo
        .as_ref()
        .unwrap();
    assert_eq!(previous.compute_txid(), coin.outpoint.txid);
    assert!(!previous.is_coinbase());
    // It pays back to the vault, so that a device shows no stranger.
    assert!(
        proofs[0]
            .outputs()
            .iter()
            .all(|output| output.ours.is_some())
    );
    let world = World::of(vaults[0].clone(), &[]);
    for cosigner in 0..3 {
        let signed = world.sign(&proofs[0], cosigner);
        assert_eq!(signed.inputs[0].partial_sigs.len(), 1);
    }
    let other = self::agreed("3-of-5");
    let other = proof_of_possession(&other.accept(&other.record, 0).unwrap()).unwrap();
    assert_ne!(other.txid(), proofs[0].txid());
}
