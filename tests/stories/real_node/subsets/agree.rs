//! The comparison itself.

use super::sample::{Fields, Sample, field};
use bitcoin::consensus::encode::serialize_hex;
use quorate_core::proposal::{
    Facts, Place, Rival, SignatureSet, SignedInputs, Slot, Stage, Status, status,
};
use quorate_core::psbt::{FinalizeError, admit, finalize, read};
use quorate_testkit::Node;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where Core and we differ, as it is counted, and why that is right.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        BEHIND_A_LOCK,
        "the transaction's sequences don't meet the lock, so no signature of theirs can help it",
    ),
    (
        OTHER_CHOICE,
        "Core looks for the shortest witness, and signatures differ by a byte; the node takes both",
    ),
    (
        NOT_LISTED,
        "it notes missing ECDSA signatures only, and without a note calls the next role updater",
    ),
];
const NOT_LISTED: &str = "of a taproot input, Core doesn't say which signatures are missing";
const BEHIND_A_LOCK: &str = "Core also asks those whose keys stand behind a lock only";
const OTHER_CHOICE: &str = "of more signatures than a miniscript needs, Core uses others";

/// What came out, by its words.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

/// What we make of the files, one after the other.
#[derive(Debug)]
struct Ours {
    kept: SignatureSet,
    inputs: SignedInputs,
    status: Status,
    fin: Result<String, FinalizeError>,
}

fn ours(sample: &Sample<'_>) -> Ours {
    let proposal = &sample.signed.proposal;
    let mut kept = SignatureSet::new();
    for file in &sample.files {
        let foreign = read(file.as_bytes()).unwrap();
        assert_eq!(foreign.version, u32::from(sample.version));
        let admission = admit(proposal, &foreign, &kept).unwrap();
        assert_eq!(admission.refused, []);
        kept.extend(admission.new.iter().map(|one| (one.slot, one.signature)));
    }
    let inputs = SignedInputs::of(proposal, &kept);
    let facts = Facts {
        stage: Stage::Open,
        released: false,
        satisfied: inputs.is_complete(),
        place: Place::Nowhere,
        rival: Rival::None,
        rejected: false,
        expired: false,
    };
    Ours {
        status: status(&facts),
        fin: finalize(proposal, &kept).map(|tx| serialize_hex(&tx)),
        inputs,
        kept,
    }
}

/// What Core makes of the same files.
#[derive(Debug)]
struct Cores {
    /// `decodepsbt` of what `combinepsbt` made.
    decoded: Value,
    /// `analyzepsbt` of the same.
    analyzed: Value,
    /// `finalizepsbt` of the same.
    finalized: Value,
    /// `analyzepsbt` of what that left.
    after: Value,
}

fn cores(node: &Node, batch: &[Sample<'_>]) -> Vec<Cores> {
    let ask = |method: &str, params: Vec<Value>| -> Vec<Value> {
        let answers = node.rpc_batch(method, &params).into_iter();
        answers.map(|answer| answer.unwrap()).collect()
    };
    let files = batch.iter().map(|sample| json!([sample.files]));
    let combined = ask("combinepsbt", files.collect());
    let each = || combined.iter().map(|psbt| json!([psbt])).collect();
    let decoded = ask("decodepsbt", each());
    let analyzed = ask("analyzepsbt", each());
    let extract = combined.iter().map(|psbt| json!([psbt, true]));
    let finalized = ask("finalizepsbt", extract.collect());
    let keep = combined.iter().map(|psbt| json!([psbt, false]));
    let left = ask("finalizepsbt", keep.collect());
    let left = left.iter().map(|answer| json!([answer["psbt"]]));
    let after = ask("analyzepsbt", left.collect());
    decoded
        .into_iter()
        .zip(analyzed)
        .zip(finalized.into_iter().zip(after))
        .map(|((decoded, analyzed), (finalized, after))| Cores {
            decoded,
            analyzed,
            finalized,
            after,
        })
        .collect()
}

pub(super) fn compare(node: &Node, batch: &[Sample<'_>], counts: &mut Counts) {
    for (sample, core) in batch.iter().zip(cores(node, batch)) {
        let ours = ours(sample);
        let shown = || {
            let Sample {
                world,
                signers,
                files,
                ..
            } = sample;
            format!(
                "{}, {signers:?} signed, files: {files:#?}, we: {:?} {:?}, Core: {}",
                world.name, ours.inputs, ours.fin, core.analyzed
            )
        };
        same_set(sample, &ours, &core).unwrap_or_else(|what| panic!("{what}: {}", shown()));
        same_status(sample, &ours, &core, counts)
            .unwrap_or_else(|what| panic!("{what}: {}", shown()));
        same_transaction(node, sample, &ours, &core, counts)
            .unwrap_or_else(|what| panic!("{what}: {}", shown()));
    }
}

/// The union of what is in the files: what was put in, what we keep, what Core combines.
fn same_set(sample: &Sample<'_>, ours: &Ours, core: &Cores) -> Result<(), &'static str> {
    let mut kept = Fields::new();
    for (number, coin) in sample.signed.proposal.inputs().iter().enumerate() {
        for key in &coin.derived.keys {
            let slot = Slot {
                input: u32::try_from(number).unwrap(),
                public_key: key.public_key,
            };
            if let Some(signature) = ours.kept.get(&slot) {
                let field = field(number, key, sample.world.taproot);
                kept.insert(field, signature.to_string());
            }
        }
    }
    let mut combined = Fields::new();
    for (number, input) in list(&core.decoded["inputs"]).enumerate() {
        let mut add = |field: String, signature: &Value| {
            combined.insert((number, field), word(signature).to_owned());
        };
        for (key, signature) in input["partial_signatures"]
            .as_object()
            .into_iter()
            .flatten()
        {
            add(key.clone(), signature);
        }
        for one in list(&input["taproot_script_path_sigs"]) {
            let field = format!("{} {}", word(&one["pubkey"]), word(&one["leaf_hash"]));
            add(field, &one["sig"]);
        }
        if let Some(signature) = input.get("taproot_key_path_sig") {
            add(String::new(), signature);
        }
    }
    if kept != sample.fields {
        Err("we keep other signatures than there are")
    } else if combined != kept {
        Err("Core combines other signatures than we keep")
    } else {
        Ok(())
    }
}

/// Which input is satisfied, what is missing there, and what the whole amounts to.
fn same_status(
    sample: &Sample<'_>,
    ours: &Ours,
    core: &Cores,
    counts: &mut Counts,
) -> Result<(), &'static str> {
    let proposal = &sample.signed.proposal;
    let analyzed: Vec<&Value> = list(&core.analyzed["inputs"]).collect();
    let after: Vec<&Value> = list(&core.after["inputs"]).collect();
    let taproot = sample.world.taproot;
    let waiting = if taproot { "updater" } else { "signer" };
    let mut missing = BTreeSet::new();
    for (number, coin) in proposal.inputs().iter().enumerate() {
        let satisfied = ours.inputs.satisfied[number];
        let next = if satisfied { "finalizer" } else { waiting };
        if analyzed[number]["next"] != next {
            return Err("another next role of an input");
        }
        if (after[number]["is_final"] == true) != satisfied {
            return Err("an input that is final for one and not for the other");
        }
        let wanted: BTreeSet<&str> = list(&analyzed[number]["missing"]["signatures"])
            .filter_map(Value::as_str)
            .collect();
        let mut unsigned = BTreeSet::new();
        for key in &coin.derived.keys {
            let hash = key.public_key.pubkey_hash().to_string();
            let open = !satisfied && !sample.fields.contains_key(&field(number, key, taproot));
            if wanted.contains(hash.as_str()) || (taproot && open) {
                missing.insert(key.cosigner);
            }
            if open {
                unsigned.insert(hash);
            }
        }
        if taproot {
            if !wanted.is_empty() {
                return Err("a list of missing taproot signatures");
            }
            if !satisfied {
                counts.add(NOT_LISTED);
                continue;
            }
        } else if !wanted
            .iter()
            .copied()
            .eq(unsigned.iter().map(String::as_str))
        {
            return Err("other missing signatures of an input");
        }
        counts.add(if satisfied {
            "inputs that both call satisfied"
        } else {
            "inputs that both call unsatisfied, with the same keys missing"
        });
    }
    let (next, complete) = match ours.status {
        Status::Ready => ("finalizer", true),
        Status::Collecting => (waiting, false),
        _ => return Err("a status that signatures alone don't make"),
    };
    if core.analyzed["next"] != next {
        return Err("another next role");
    }
    let (helpful, locked): (BTreeSet<usize>, BTreeSet<usize>) = missing
        .into_iter()
        .partition(|cosigner| ours.inputs.able.contains(cosigner));
    if ours.inputs.missing() != helpful || !(locked.is_empty() || sample.world.locks) {
        return Err("other cosigners are missing");
    }
    if !locked.is_empty() && !taproot {
        counts.add(BEHIND_A_LOCK);
    }
    if (core.finalized["complete"] == true) != complete || ours.fin.is_ok() != complete {
        return Err("complete for one and not for the other");
    }
    counts.add(match (complete, sample.fields.is_empty()) {
        (true, _) => "ready",
        (false, true) => "collecting, nothing signed yet",
        (false, false) => "collecting",
    });
    Ok(())
}

/// The final transactions: one and the same, unless there was a choice.
fn same_transaction(
    node: &Node,
    sample: &Sample<'_>,
    ours: &Ours,
    core: &Cores,
    counts: &mut Counts,
) -> Result<(), &'static str> {
    let Ok(hex) = &ours.fin else { return Ok(()) };
    let inputs = ours.inputs.signed.iter();
    let mut able = inputs.map(|signed| signed.intersection(&ours.inputs.able).count());
    let choice = able.any(|signers| signers > sample.world.k);
    let theirs = word(&core.finalized["hex"]);
    if theirs == hex {
        counts.add(if choice {
            "the same transaction, out of more signatures than needed"
        } else {
            "the same transaction, out of just enough signatures"
        });
        return Ok(());
    }
    if !(choice && sample.world.miniscript) || theirs.len() > hex.len() {
        return Err("another final transaction");
    }
    // One by one: together they would be a double spend.
    for transaction in [hex, theirs] {
        let verdict = node.rpc("testmempoolaccept", json!([[transaction]]));
        if verdict[0]["allowed"] != true {
            return Err("a transaction that the node refuses");
        }
    }
    counts.add(OTHER_CHOICE);
    Ok(())
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Counts {
    #[expect(clippy::print_stderr, reason = "the counts are the result")]
    pub(super) fn show(&self) {
        for (what, count) in &self.0 {
            eprintln!("{what}: {count}");
        }
    }

    /// All cases were counted, and every kind of outcome came up often enough to mean something.
    pub(super) fn check(&self, cases: usize, asked: bool) {
        let of = |what: &str| self.0.get(what).copied().unwrap_or_default();
        let (ready, collecting) = (of("ready"), of("collecting"));
        assert_eq!(
            ready + collecting + of("collecting, nothing signed yet"),
            cases
        );
        assert!(ready > cases / 10 && collecting > cases / 10);
        for (known, why) in DIFFERENCES {
            assert!(
                of(known) > 0 || asked,
                "a row of the table is out of date: {known} ({why})"
            );
        }
    }
}
