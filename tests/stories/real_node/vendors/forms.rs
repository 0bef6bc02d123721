//! What devices of the embit family send back: whole files, trimmed ones, reordered ones, ones in
//! the other version. Import takes the same signatures out of each.

use super::super::family::text;
use super::embit::Embit;
use super::makes::{Make, Others};
use super::office::{COINS, Office};
use super::scripts::{SCRIPTS, Script};
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_core::script_type::ScriptType;
use quorate_testkit::Node;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How embit writes, as its driver calls it, and what the file must then look like.
#[derive(Debug, Clone, Copy)]
struct Form {
    name: &'static str,
    looks: fn(&Looks) -> bool,
}

/// What can be seen of a file from outside.
#[derive(Debug)]
struct Looks {
    version: u64,
    /// Against the request.
    same_version: bool,
    derivations: usize,
    previous: usize,
    amounts: usize,
    finished: usize,
    /// Fields stand in another order than the strictly ascending one in which we write.
    reordered: bool,
}

impl Looks {
    /// Inputs with their coin in one form or the other. Before segwit there is no short form, and
    /// of taproot inputs Bitcoin Core drops the long one.
    fn coins(&self) -> usize {
        self.previous.max(self.amounts)
    }
}

const REORDERED: &str = "of these with fields in an order of its own";

const FORMS: [Form; 7] = [
    Form {
        name: "whole",
        looks: |seen| seen.same_version && seen.derivations > 0 && seen.coins() == COINS,
    },
    Form {
        name: "minimal",
        looks: |seen| seen.same_version && seen.derivations + seen.previous + seen.amounts == 0,
    },
    Form {
        name: "partial",
        looks: |seen| {
            seen.same_version && seen.derivations == 0 && seen.previous + seen.amounts == COINS
        },
    },
    Form {
        name: "trimmed",
        looks: |seen| seen.version == 0 && seen.derivations + seen.previous + seen.amounts == 0,
    },
    Form {
        name: "other",
        looks: |seen| !seen.same_version && seen.coins() == COINS,
    },
    Form {
        name: "stream",
        looks: |seen| seen.same_version && seen.derivations > 0,
    },
    Form {
        name: "small",
        looks: |seen| seen.same_version && seen.derivations + seen.previous + seen.amounts == 0,
    },
];

fn look(node: &Node, psbt: &str, request_version: u8) -> Looks {
    let decoded = node.rpc("decodepsbt", json!([psbt]));
    let inputs = decoded["inputs"].as_array().unwrap();
    let count = |names: &[&str]| {
        let has = |input: &&Value| names.iter().any(|name| input.get(name).is_some());
        inputs.iter().filter(has).count()
    };
    let version = decoded["psbt_version"].as_u64().unwrap();
    let bytes = STANDARD.decode(psbt).unwrap();
    let keys = super::super::psbt_parsers::split(&bytes);
    let ascending = keys
        .iter()
        .all(|map| map.is_sorted_by(|(a, _), (b, _)| a < b));
    Looks {
        version,
        same_version: version == u64::from(request_version),
        derivations: count(&["bip32_derivs", "taproot_bip32_derivs"]),
        previous: count(&["non_witness_utxo"]),
        amounts: count(&["witness_utxo"]),
        finished: count(&["final_scriptwitness", "final_scriptSig"]),
        reordered: !ascending,
    }
}

/// A request in every form, with the first signer's signatures: once as the first who signs, once
/// on the file of somebody else, whose signatures must come through beside embit's.
fn play(
    office: &mut Office,
    others: &Others<'_>,
    version: u8,
    counts: &mut BTreeMap<String, usize>,
) {
    let id = text(&office.propose(1)["id"]).to_owned();
    let request = office.home.file(&format!("v{version}.psbt"));
    office.export(&id, version, &request);
    let signed = office.home.file(&format!("v{version}.others.psbt"));
    let with = (&office.home, office.descriptor.as_str());
    let somebody = &office.cosigners[*office.script.paths[0].last().unwrap()];
    others.sign(Make::Core, somebody, with, &request, &signed);
    let theirs = office.admitted(&request, &signed);
    let alone_suffices = office.script.paths[0].len() == 1;
    let key = office.cosigners[office.script.paths[0][0]].key.master();
    for (asked, turn) in [(&request, "first"), (&signed, "second")] {
        let asked = fs::read_to_string(asked).unwrap();
        let mut taken = 0;
        for form in FORMS {
            let (psbt, _) = others
                .embit
                .sign(&asked, &key.to_string(), form.name)
                .unwrap();
            let seen = look(others.node, &psbt, version);
            assert!((form.looks)(&seen), "{}: {seen:?}", form.name);
            // A signature of the internal key it writes as the whole witness, which it is.
            let whole_witness = if alone_suffices { COINS } else { 0 };
            assert_eq!(seen.finished, whole_witness);
            let name = format!("v{version}.{}.{turn}.psbt", form.name);
            let file = office.home.file(&name);
            fs::write(&file, psbt).unwrap();
            // Through the library as if it were the only file, and through the program.
            let alone = office.admitted(&request, &file);
            let imported = import(office, &file);
            let count = |key: &str| usize::try_from(imported[key].as_u64().unwrap()).unwrap();
            assert_eq!(count("accepted") + count("known"), alone, "{name}");
            if form.name == "whole" {
                taken = alone;
                let before = if turn == "first" { 0 } else { theirs };
                assert!(alone_suffices || taken >= before + COINS, "{name}");
                assert!(taken >= COINS, "{name}");
            }
            assert_eq!(alone, taken, "{name}");
            *counts
                .entry(format!("{} as {turn}", form.name))
                .or_default() += 1;
            if seen.reordered {
                *counts.entry(REORDERED.to_owned()).or_default() += 1;
            }
        }
    }
    finish(office, others, version, counts);
}

/// Everybody signs in turn, embit last; it finalizes, and the finished file alone is imported.
fn finish(
    office: &mut Office,
    others: &Others<'_>,
    version: u8,
    counts: &mut BTreeMap<String, usize>,
) {
    let id = text(&office.propose(1)["id"]).to_owned();
    let mut file = office.home.file(&format!("v{version}.finish.psbt"));
    office.export(&id, version, &file);
    let (&last, before) = office.script.paths[0].split_last().unwrap();
    for (turn, &who) in before.iter().enumerate() {
        let signed = office.home.file(&format!("v{version}.finish.{turn}.psbt"));
        let with = (&office.home, office.descriptor.as_str());
        others.sign(Make::Ours, &office.cosigners[who], with, &file, &signed);
        file = signed;
    }
    let key = office.cosigners[last].key.master().to_string();
    let psbt = fs::read_to_string(&file).unwrap();
    let finished = others.embit.sign(&psbt, &key, "finished");
    let what = match finished {
        Ok((psbt, _)) if plain(office) || before.is_empty() => {
            assert_eq!(look(others.node, &psbt, 0).finished, COINS);
            let file = office.home.file(&format!("v{version}.finished.psbt"));
            fs::write(&file, psbt).unwrap();
            assert_eq!(import(office, &file)["status"], "ready");
            "finished"
        }
        // Before segwit it writes one signature where a witness would be: no node takes that. What
        // is valid in it is kept all the same, and nothing is called ready.
        Ok((psbt, _)) if office.script_type() == ScriptType::Sh => {
            let file = office.home.file(&format!("v{version}.broken.psbt"));
            fs::write(&file, psbt).unwrap();
            let imported = import(office, &file);
            let found = (&imported["accepted"], &imported["status"]);
            assert_eq!(found, (&json!(COINS), &json!("collecting")));
            "finished wrongly: embit knows no multisig before segwit"
        }
        // It knows plain multisig only, and says so.
        Err(_) if !plain(office) => {
            "not finished: embit finalizes plain multisig and single keys only"
        }
        other => panic!("{}: {other:?}", office.script.name),
    };
    *counts.entry(what.to_owned()).or_default() += 1;
}

/// Whether it is a plain list of keys in a witness script.
fn plain(office: &Office) -> bool {
    let text = &office.descriptor;
    text.contains("wsh(multi(") || text.contains("wsh(sortedmulti(")
}

fn import(office: &Office, file: &Path) -> Value {
    let file = file.to_str().unwrap();
    let imported = office.home.json(&["proposal", "import", file]);
    assert_eq!(imported["refused"], json!([]), "{imported}");
    imported
}

#[test]
#[expect(clippy::print_stderr, reason = "the counts are the result")]
fn every_form_that_embit_writes_is_imported() {
    let node = Node::start();
    let embit = Embit::start();
    let others = Others {
        node: &node,
        embit: &embit,
    };
    let open = |script: &'static Script| Office::open(&node, script, 4);
    let mut offices: Vec<Office> = SCRIPTS.iter().map(open).collect();
    node.mine(1);
    let mut counts = BTreeMap::new();
    for office in &mut offices {
        office.home.json(&["sync"]);
        for version in [0, 2] {
            play(office, &others, version, &mut counts);
        }
    }
    eprintln!("forms of embit, imported: {counts:#?}");
    assert!(counts[REORDERED] > 0);
}
