//! What the fuzz targets in `tests/fuzz` start from: files as our own code writes them.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write their files"
)]

mod common;

use bitcoin::hex::FromHex;
use bitcoin::{Network, Psbt};
use common::rogue::{Form, Signed, put_final, put_partial, with_signatures};
use common::world::{World, kept};
use common::{k_of_n, key_text, named_keys, split_lines, vault};
use quorate_core::journal::Entry;
use quorate_core::key::CosignerKey;
use quorate_core::policy::Template;
use quorate_core::proposal::Proposal;
use quorate_core::psbt::{finalize, read, serialize_v2};
use quorate_core::script_type::ScriptType;
use quorate_core::vault::Vault;
use std::fs;
use std::path::{Path, PathBuf};

const POLICIES: [&str; 5] = [
    "2-of-3",
    "3-of-5",
    "2-of-3-recovery",
    "decaying-3-of-3",
    "inheritance",
];

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fuzz/seeds")
        .join(target)
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(target)).unwrap();
    let mut seeds: Vec<(String, Vec<u8>)> = files
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 4, "{target}: {}", seeds.len());
    seeds
}

#[test]
fn every_seed_is_taken_for_what_it_is() {
    for (name, bytes) in seeds("psbt_import") {
        read(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    for (name, bytes) in seeds("descriptor") {
        if name.starts_with("template-") {
            continue;
        }
        let text = String::from_utf8(bytes).unwrap();
        let vault = Vault::from_descriptor(Network::Regtest, &text, None);
        vault.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    for (name, bytes) in seeds("policy") {
        let text = String::from_utf8(bytes).unwrap();
        Template::parse(&text, &name).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    for (name, bytes) in seeds("journal_entry") {
        let (signature, text) = bytes.split_at(64);
        let text = str::from_utf8(text).unwrap();
        Entry::check(text, signature).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    seeds("exchange_sniff");
}

/// The files that the target holds all others against.
#[test]
fn the_fixed_requests_are_of_the_fixed_vaults() {
    let text = fs::read_to_string(folder("descriptor").join("2-of-3.txt")).unwrap();
    let vault = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
    let request = fs::read(folder("psbt_import").join("request.psbt")).unwrap();
    let proposal = Proposal::check(&vault, read(&request).unwrap().psbt).unwrap();
    assert_eq!(proposal.inputs().len(), 2);
    let text = fs::read_to_string(folder("descriptor").join("taproot.txt")).unwrap();
    let vault = Vault::from_descriptor(Network::Regtest, &text, None).unwrap();
    let request = fs::read(folder("psbt_import").join("taproot.psbt")).unwrap();
    Proposal::check(&vault, read(&request).unwrap().psbt).unwrap();
    let keys = fs::read_to_string(folder("").join("keys.txt")).unwrap();
    for key in keys.lines() {
        CosignerKey::parse(key, Network::Regtest).unwrap();
    }
}

fn write_taproot_seeds(put: &dyn Fn(&str, &str, &[u8])) {
    let mut template = Template::builtin("2-of-3-recovery").unwrap();
    template.script = ScriptType::Tr;
    let vault = Vault::create(Network::Regtest, &template, named_keys(3)).unwrap();
    put("descriptor", "taproot.txt", vault.descriptor().as_bytes());
    let world = World::of(vault, &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let mut both = world.sign(&proposal, 0);
    world.sign_into(&mut both, &proposal, 1);
    let kept = kept(&world.admit(&proposal, &both));
    let done = finalize(&proposal, &kept).unwrap();
    let mut last = world.sign(&proposal, 2);
    last.inputs[0] = bitcoin::psbt::Input {
        final_script_witness: Some(done.input[0].witness.clone()),
        ..bitcoin::psbt::Input::default()
    };
    for (name, psbt) in [
        ("taproot.psbt", proposal.psbt()),
        ("taproot-both.psbt", &both),
        ("taproot-final.psbt", &last),
    ] {
        put("psbt_import", name, &psbt.serialize());
    }
}

#[test]
#[ignore = "writes tests/fuzz/seeds"]
fn write_seeds() {
    let put = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder(target)).unwrap();
        fs::write(folder(target).join(name), bytes).unwrap();
    };
    let keys: Vec<String> = (1..=20)
        .map(|seed| key_text(Network::Regtest, seed, "48h/1h/0h/2h"))
        .collect();
    fs::create_dir_all(folder("")).unwrap();
    fs::write(folder("").join("keys.txt"), keys.join("\n")).unwrap();

    let world = World::new("2-of-3", &[60_000, 50_000]);
    let proposal = world.spend_all_coins();
    let signed = Signed::new(&world, &proposal);
    let with =
        |cosigners: &[usize]| with_signatures(&proposal, &signed.set(cosigners.iter().copied()));
    let mut bogus = with(&[0]);
    put_partial(&mut bogus, 1, &[2; 33], &[0x30; 71]);
    let mut done = with(&[0, 1]);
    let coin = &proposal.inputs()[0].derived;
    put_final(&mut done, 0, coin, &coin.keys[0].public_key, &[]);
    let mut trimmed = with(&[1]);
    for input in &mut trimmed.inputs {
        input.non_witness_utxo = None;
        input.bip32_derivation.clear();
    }
    for (name, psbt) in [
        ("request.psbt", proposal.psbt()),
        ("alice.psbt", &with(&[0])),
        ("bob.psbt", &with(&[1])),
        ("both.psbt", &with(&[0, 1])),
        ("bogus.psbt", &bogus),
        ("final.psbt", &done),
        ("trimmed.psbt", &trimmed),
    ] {
        put("psbt_import", name, &psbt.serialize());
    }
    write_taproot_seeds(&put);
    let v2 = |psbt: &Psbt| serialize_v2(psbt).unwrap();
    put("psbt_import", "request.v2.psbt", &v2(proposal.psbt()));
    put("psbt_import", "carol.v2.psbt", &v2(&with(&[2])));
    put(
        "psbt_import",
        "both.base64",
        &Form::Base64.write(&with(&[0, 1])),
    );
    put("psbt_import", "both.hex", &Form::Hex.write(&with(&[0, 1])));

    for name in POLICIES {
        let template = Template::builtin(name).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let text = fs::read(file.join(format!("{name}.toml"))).unwrap();
        assert_eq!(template.name, name);
        put("policy", &format!("{name}.toml"), &text);
        let descriptor = vault(name).descriptor().to_owned();
        put("descriptor", &format!("{name}.txt"), descriptor.as_bytes());
    }
    let large = k_of_n(8, 15);
    put("descriptor", "8-of-15.txt", large.descriptor().as_bytes());
    // The target puts keys in for these.
    let keys = "@0/<0;1>/*,@1/<0;1>/*,@2/<2;3>/*";
    for (name, text) in [
        ("sortedmulti", format!("wsh(sortedmulti(2,{keys}))")),
        ("multi", format!("wsh(multi(3,{keys}))")),
        ("nested", format!("sh(wsh(sortedmulti(2,{keys})))")),
        ("old", format!("sh(sortedmulti(2,{keys}))")),
        ("taproot", format!("tr(@3/<0;1>/*,multi_a(2,{keys}))")),
        (
            "locks",
            format!(
                "wsh(or_d(multi(3,{keys}),and_v(v:thresh(1,pkh(@3/<0;1>/*),a:pkh(@4/<0;1>/*)),older(1000))))"
            ),
        ),
        (
            "andor",
            "wsh(andor(pk(@0/<0;1>/*),after(500000),and_v(v:pk(@1/<0;1>/*),pk(@2/<0;1>/*))))"
                .to_owned(),
        ),
    ] {
        put("descriptor", &format!("template-{name}"), text.as_bytes());
    }
    let lines = split_lines(world.vault.descriptor()).join("\n");
    put("descriptor", "two-lines.txt", lines.as_bytes());

    for (number, line) in include_str!("golden/journal-v1.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .enumerate()
    {
        let (signature, text) = line.split_once(' ').unwrap();
        let mut bytes = Vec::from_hex(signature).unwrap();
        bytes.extend(text.as_bytes());
        put("journal_entry", &format!("v1-{number:02}"), &bytes);
    }

    let both = Form::Base64.write(&with(&[0, 1]));
    put("exchange_sniff", "psbt.base64", &both);
    put("exchange_sniff", "psbt", &with(&[0]).serialize());
    put(
        "exchange_sniff",
        "descriptor",
        world.vault.descriptor().as_bytes(),
    );
    put("exchange_sniff", "two-lines", lines.as_bytes());
    put(
        "exchange_sniff",
        "key",
        named_keys(1)[0].1.to_string().as_bytes(),
    );
    let policy = fs::read(folder("policy").join("2-of-3.toml")).unwrap();
    put("exchange_sniff", "policy", &policy);
}
