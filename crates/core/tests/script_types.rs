//! Every kind of output, every policy that it can carry, every spending path: proposed, signed by the
//! libraries alone, admitted, finalized and judged by Bitcoin Core's interpreter.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::world::{World, foreign, kept, stranger};
use common::{key, named_keys};
use proptest::prelude::*;
use quorate_core::consensus::verify_transaction;
use quorate_core::keychain::Keychain;
use quorate_core::policy::{PolicyError, Template};
use quorate_core::proposal::{Proposal, SignatureSet, SignedInputs};
use quorate_core::psbt::{admit, finalize, read, with_signatures};
use quorate_core::script_type::ScriptType;
use quorate_core::spend::{Recipient, Request, Send, propose};
use quorate_core::vault::{Vault, VaultError};

const POLICIES: [&str; 5] = [
    "2-of-3",
    "3-of-5",
    "2-of-3-recovery",
    "decaying-3-of-3",
    "inheritance",
];

fn vault(policy: &str, script: ScriptType) -> Result<Vault, VaultError> {
    let mut template = Template::builtin(policy).unwrap();
    template.script = script;
    let keys = named_keys(template.roles.len());
    Vault::create(bitcoin::Network::Regtest, &template, keys)
}

/// All the vaults that can be made.
fn vaults() -> Vec<(String, Vault)> {
    let all = POLICIES.iter().flat_map(|policy| {
        ScriptType::ALL.into_iter().filter_map(move |script| {
            Some((format!("{policy} as {script}"), vault(policy, script).ok()?))
        })
    });
    let mut all: Vec<_> = all.collect();
    all.push(("one of one, then two".to_owned(), internal_key()));
    let sorted = taproot(&format!("sortedmulti_a(2,{},{},{})", at(3), at(1), at(2)));
    all.push(("sortedmulti_a".to_owned(), sorted));
    all
}

fn at(seed: u8) -> String {
    format!("{}/<0;1>/*", key(seed))
}

const NUMS: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

fn taproot(tree: &str) -> Vault {
    descriptor(&format!("tr({NUMS},{tree})")).unwrap()
}

fn descriptor(text: &str) -> Result<Vault, VaultError> {
    let vault = Vault::from_descriptor(bitcoin::Network::Regtest, text, None)?;
    // The test's keys go by the cosigners' names.
    let names: Vec<String> = vault.cosigners().iter().map(|c| name(&c.key)).collect();
    Vault::from_descriptor(bitcoin::Network::Regtest, text, Some(&names))
}

fn name(key: &quorate_core::key::CosignerKey) -> String {
    let known = named_keys(9);
    let known = known.into_iter().find(|(_, known)| known == key);
    known.unwrap().0
}

/// A taproot vault that its internal key spends alone, or two others after a while.
fn internal_key() -> Vault {
    let text = format!(
        "tr({},{{and_v(v:multi_a(2,{},{}),older(100)),and_v(v:pk({}),older(200))}})",
        at(1),
        at(2),
        at(3),
        at(4)
    );
    descriptor(&text).unwrap()
}

fn spend(world: &World, path: usize) -> Proposal {
    let recipients = [Recipient {
        address: stranger(1),
        send: Send::All,
    }];
    let request = Request {
        path,
        tip: 1_000,
        ..world.request(&recipients, 2)
    };
    propose(&world.vault, &request).unwrap()
}

#[test]
fn every_kind_is_spent_by_every_path() {
    let mut spends = 0;
    for (name, vault) in vaults() {
        for path in 0..vault.policy().paths.len() {
            let world = World::of(vault.clone(), &[60_000, 50_000, 40_000]);
            let proposal = spend(&world, path);
            let rules = &vault.policy().paths[path];
            let mut signatures = SignatureSet::new();
            for (signed, &cosigner) in rules.cosigners.iter().enumerate() {
                let case = format!("{name}, path {path}, {signed} signed");
                let complete = SignedInputs::of(&proposal, &signatures).is_complete();
                assert_eq!(complete, signed >= rules.threshold, "{case}");
                assert_eq!(finalize(&proposal, &signatures).is_ok(), complete, "{case}");
                // From hand to hand, as files.
                let mut psbt = with_signatures(&proposal, &signatures);
                world.sign_into(&mut psbt, &proposal, cosigner);
                let admission = admit(&proposal, &foreign(&psbt), &signatures).unwrap();
                assert_eq!(admission.refused, [], "{case}");
                assert_eq!(admission.new.len(), 3 * count(&vault, cosigner), "{case}");
                assert!(
                    admission.new.iter().all(|one| one.cosigner == cosigner),
                    "{case}"
                );
                signatures.extend(kept(&admission));
            }
            let transaction = finalize(&proposal, &signatures).unwrap();
            verify_transaction(&transaction, &proposal.prevouts()).unwrap();
            assert_weight(&world, &proposal, path, transaction.weight().to_wu(), &name);
            spends += 1;
        }
    }
    assert_eq!(spends, 33);
}

/// How many keys a cosigner has in the script.
fn count(vault: &Vault, cosigner: usize) -> usize {
    let derived = vault.derive(Keychain::Receive, 0).unwrap();
    let keys = derived.keys.iter();
    keys.filter(|key| key.cosigner == cosigner).count()
}

/// What was paid for is never less than what it came to, and more by what signatures may vary.
fn assert_weight(world: &World, proposal: &Proposal, path: usize, found: u64, name: &str) {
    let marker = if world.vault.script_type().is_segwit() {
        2
    } else {
        0
    };
    let inputs = proposal.inputs().len() as u64;
    let reckoned = proposal.transaction().weight().to_wu()
        + marker
        + inputs * world.vault.satisfaction_weight(path).to_wu();
    let signatures = world.vault.policy().paths[path].threshold as u64 * inputs;
    // A byte or two each; before segwit they count four times.
    let slack = match world.vault.script_type() {
        ScriptType::Sh => 4 * 3 * signatures,
        _ => 3 * signatures,
    };
    assert!(found <= reckoned, "{name}: {found} of {reckoned}");
    assert!(found + slack >= reckoned, "{name}: {found} of {reckoned}");
}

/// A finalized file is as good as its signatures.
#[test]
fn finalized_inputs_of_every_kind_give_their_signatures_back() {
    for (name, vault) in vaults() {
        let world = World::of(vault.clone(), &[60_000, 50_000]);
        let proposal = spend(&world, 0);
        let mut signatures = SignatureSet::new();
        for &cosigner in vault.policy().paths[0]
            .cosigners
            .iter()
            .take(vault.threshold())
        {
            let psbt = world.sign(&proposal, cosigner);
            signatures.extend(kept(&world.admit(&proposal, &psbt)));
        }
        let transaction = finalize(&proposal, &signatures).unwrap();
        let mut psbt = proposal.psbt().clone();
        for (fields, input) in psbt.inputs.iter_mut().zip(&transaction.input) {
            // As finalizers leave it (BIP174).
            *fields = bitcoin::psbt::Input {
                non_witness_utxo: fields.non_witness_utxo.take(),
                witness_utxo: fields.witness_utxo.take(),
                final_script_sig: Some(input.script_sig.clone()).filter(|s| !s.is_empty()),
                final_script_witness: Some(input.witness.clone()).filter(|w| !w.is_empty()),
                ..bitcoin::psbt::Input::default()
            };
        }
        let file = read(&psbt.serialize()).unwrap();
        let admission = admit(&proposal, &file, &SignatureSet::new()).unwrap();
        assert_eq!(admission.refused, [], "{name}");
        let back = kept(&admission);
        // Only what the script needed is in the witness.
        assert_eq!(back.len(), vault.threshold() * 2, "{name}");
        assert!(
            back.iter()
                .all(|(slot, one)| signatures.get(slot) == Some(one)),
            "{name}"
        );
        assert_eq!(finalize(&proposal, &back).unwrap(), transaction, "{name}");
    }
}

#[test]
fn what_p2sh_has_no_room_for_is_refused() {
    let error = vault("2-of-3-recovery", ScriptType::Sh).unwrap_err();
    assert_eq!(error, VaultError::Policy(PolicyError::LegacyPaths));
    let mut template = Template::parse(
        "name = \"many\"\nscript = \"sh\"\ncosigners = 16\n[[path]]\nthreshold = 2\n",
        "many.toml",
    )
    .unwrap();
    let many = |template: &Template| {
        let keys = named_keys(template.roles.len());
        Vault::create(bitcoin::Network::Regtest, template, keys)
    };
    let error = many(&template).unwrap_err();
    assert_eq!(
        error,
        VaultError::Policy(PolicyError::TooManyLegacy { found: 16 })
    );
    template.script = ScriptType::Tr;
    assert_eq!(many(&template).unwrap().cosigners().len(), 16);
}

#[test]
fn what_no_vault_is_made_of_is_refused_in_a_sentence() {
    let [a, b, c] = [at(1), at(2), at(3)];
    for (text, word) in [
        (format!("sh(wpkh({a}))"), "multi"),
        (format!("sh(and_v(v:pk({a}),pk({b})))"), "Bitcoin Core"),
        (format!("sh(sh(multi(1,{a})))"), "miniscript"),
        (format!("tr({NUMS})"), "no spending path"),
        (format!("tr({NUMS},pk({NUMS}))"), ""),
        (format!("tr({a},pk({a}))"), "counted twice"),
        (format!("tr({a},and_v(v:pk({a}),older(9)))"), ""),
        (format!("tr({NUMS},{{pk({a}),pk({a})}})"), "counted twice"),
        (format!("tr({NUMS},multi(2,{a},{b}))"), ""),
        (format!("wsh(multi_a(2,{a},{b}))"), ""),
        (format!("wsh(sortedmulti_a(2,{a},{b}))"), "whole leaf"),
        (
            format!("tr({NUMS},and_v(v:sortedmulti_a(2,{a},{b}),older(9)))"),
            "",
        ),
        (
            format!("tr({NUMS},and_v(v:pk({c}),sortedmulti_a(2,{a},{b})))"),
            "whole leaf",
        ),
        (format!("tr(musig({a},{b}),pk({c}))"), "musig"),
        (
            format!("tr({NUMS},{{multi_a(2,{a},{b}),pk({c})}})"),
            "two different quorums",
        ),
        (format!("rawtr({a})"), "rawtr"),
    ] {
        let error = descriptor(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
        assert!(!error.contains("tpub") || !error.contains("Err"), "{error}");
    }
}

#[test]
fn the_id_of_a_taproot_vault_is_that_of_its_outputs() {
    let [a, b, c] = [at(1), at(2), at(3)];
    let leaf = format!("multi_a(2,{a},{b})");
    let [second, third] = [
        format!("and_v(v:pk({c}),older(10))"),
        format!("and_v(v:pk({}),older(20))", at(4)),
    ];
    let one = taproot(&format!("{{{leaf},{{{second},{third}}}}}"));
    let same = taproot(&format!("{{{{{third},{second}}},{leaf}}}"));
    let other = taproot(&format!("{{{{{leaf},{second}}},{third}}}"));
    let script = |vault: &Vault| vault.derive(Keychain::Receive, 7).unwrap().script_pubkey;
    assert_eq!((one.id(), script(&one)), (same.id(), script(&same)));
    assert_ne!(one.id(), other.id());
    assert_ne!(script(&one), script(&other));
    let sorted = taproot(&format!("sortedmulti_a(2,{a},{b},{c})"));
    let turned = taproot(&format!("sortedmulti_a(2,{c},{a},{b})"));
    let fixed = taproot(&format!("multi_a(2,{a},{b},{c})"));
    assert_eq!(
        (sorted.id(), script(&sorted)),
        (turned.id(), script(&turned))
    );
    assert!(sorted.descriptor().contains(",sortedmulti_a(2,"));
    assert_ne!(sorted.id(), fixed.id());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// What is written is read back as the same vault.
    #[test]
    fn descriptors_of_every_kind_are_read_back(number in 0usize..30, index in 0u32..1_000) {
        let all = vaults();
        let (_, vault) = &all[number % all.len()];
        let again = Vault::from_descriptor(vault.network(), vault.descriptor(), None).unwrap();
        prop_assert_eq!(vault.id(), again.id());
        prop_assert_eq!(vault.descriptor(), again.descriptor());
        prop_assert_eq!(vault.policy(), again.policy());
        for keychain in Keychain::ALL {
            let derived = vault.derive(keychain, index).unwrap();
            let again = again.derive(keychain, index).unwrap();
            prop_assert_eq!(&derived.script_pubkey, &again.script_pubkey);
            // The same keys through the library's own way of deriving.
            prop_assert_eq!(&derived.script_pubkey, &derived.descriptor.script_pubkey());
            let address = derived.address(vault.network());
            prop_assert_eq!(address.script_pubkey(), derived.script_pubkey);
        }
    }
}
