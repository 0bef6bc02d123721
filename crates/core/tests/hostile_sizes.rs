//! T18: what a body of up to 3 MB may cost before it is refused: 64 MB of memory above an idle
//! process, and 100 ms. Each body is judged in a process of its own, whose kernel counts the peak.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests read files and start processes"
)]

mod common;

use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bitcoin::hex::DisplayHex;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use bitcoin::{Amount, OutPoint, hashes::Hash, transaction};
use bitcoin::{Network, ScriptBuf, Transaction, TxIn, TxOut, Witness, absolute, consensus};
use common::world::World;
use quorate_core::journal::Entry;
use quorate_core::key::CosignerKey;
use quorate_core::policy::Template;
use quorate_core::proposal::{Proposal, SignatureSet};
use quorate_core::psbt::{MAX_BYTES, admit, read, serialize_v2};
use quorate_core::vault::Vault;
use std::process::Command;
use std::time::Duration;

const MEMORY: u64 = 64 * 1024;
const TIME: Duration = Duration::from_millis(100);
/// What the same work takes longer without optimization: the slowest took 72 ms with it and 1,016
/// without.
const FACTOR: u32 = if cfg!(debug_assertions) { 20 } else { 1 };

const THREE_MB: usize = 3_000_000;

fn compact(number: usize) -> Vec<u8> {
    consensus::serialize(&bitcoin::VarInt(number as u64))
}

fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&compact(key.len()), key, &compact(value.len()), value].concat()
}

/// A version 0 file: the transaction, more global pairs, and all other maps as one piece.
fn file(tx: &Transaction, global: &[u8], maps: &[u8]) -> Vec<u8> {
    let tx = pair(&[0], &consensus::serialize(tx));
    [b"psbt\xff".as_slice(), &tx, global, &[0], maps].concat()
}

fn transaction(inputs: usize, outputs: usize, script: usize) -> Transaction {
    let txin = |vout| TxIn {
        previous_output: OutPoint::new(bitcoin::Txid::all_zeros(), vout),
        ..TxIn::default()
    };
    let txout = TxOut {
        value: Amount::from_sat(1_000),
        script_pubkey: ScriptBuf::from_bytes(vec![0x51; script]),
    };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: (0..u32::try_from(inputs).unwrap()).map(txin).collect(),
        output: vec![txout; outputs],
    }
}

/// Different pairs of one type until `size` is reached, or `most` of them.
fn many(size: usize, most: usize, of: impl Fn(u32) -> (Vec<u8>, Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    for number in (0u32..).take(most) {
        let (key, value) = of(number);
        let next = pair(&key, &value);
        if out.len() + next.len() > size {
            break;
        }
        out.extend(next);
    }
    out
}

fn point(number: u32) -> Vec<u8> {
    let mut secret = [1; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    let secret = SecretKey::from_slice(&secret).unwrap();
    secret.public_key(&Secp256k1::new()).serialize().to_vec()
}

fn leaves(depth_of: impl Iterator<Item = u8>) -> Vec<u8> {
    depth_of.flat_map(|depth| [depth, 0xc0, 1, 0x51]).collect()
}

/// A tree as deep as allowed: one leaf on each level, two on the last.
fn caterpillar() -> Vec<u8> {
    leaves((1..=128).chain([128]))
}

/// Hostile PSBTs: a name each, and the bytes.
fn psbts() -> Vec<(&'static str, Vec<u8>)> {
    let one = transaction(1, 1, 22);
    let room = MAX_BYTES - 1_000;
    let numbered = |kind: u8, number: u32| [&[kind], &number.to_be_bytes()[..]].concat();
    let many_outputs = transaction(1, 512, 22);
    let tree = |tree: &[u8]| [pair(&[6], tree), vec![0]].concat();
    let mut previous = transaction(1, 1, 22);
    previous.input[0].witness = Witness::from_slice(&vec![vec![]; room - 200]);
    let witness = [compact(room - 200), vec![0; room - 200]].concat();
    let input = |pairs: &[u8]| file(&one, &[], &[pairs, &[0, 0]].concat());
    let derivations = many(room, 40_000, |n| {
        ([&[6], &point(n)[..]].concat(), vec![0; 4])
    });
    let xpubs = many(room, 40_000, |n| {
        let head = [&[1, 4, 0x35, 0x87, 0xcf, 0][..], &[0; 8], &[7; 32]].concat();
        ([&head[..], &point(n)[..]].concat(), vec![0; 4])
    });
    let x_only = many(room, 40_000, |n| {
        ([&[0x16], &point(n)[1..]].concat(), vec![0; 5])
    });
    let mut two = b"psbt\xff".to_vec();
    for (key, value) in [
        (&[2][..], &[2, 0, 0, 0][..]),
        (&[4], &[0xfe, 0xff, 0xff, 0xff, 0xff]),
        (&[5], &[1]),
        (&[0xfb], &[2, 0, 0, 0]),
    ] {
        two.extend(pair(key, value));
    }
    let honest = World::new("2-of-3", &[100_000; 300]);
    let honest = serialize_v2(honest.spend_all_coins().psbt()).unwrap();
    vec![
        ("3 MB of zeros", vec![0; THREE_MB]),
        (
            "a magic and 3 MB of zeros",
            [b"psbt\xff".to_vec(), vec![0; THREE_MB]].concat(),
        ),
        (
            "a magic and 2 MB of zeros",
            [b"psbt\xff".to_vec(), vec![0; room]].concat(),
        ),
        ("2 MB of empty maps", file(&one, &[], &vec![0; room])),
        (
            "3 MB of unknown pairs",
            file(
                &one,
                &many(THREE_MB, usize::MAX, |n| (numbered(0xf0, n), vec![])),
                &[0; 2],
            ),
        ),
        (
            "2 MB of unknown pairs",
            file(
                &one,
                &many(room, usize::MAX, |n| (numbered(0xf0, n), vec![])),
                &[0; 2],
            ),
        ),
        (
            "39,990 unknown pairs",
            file(
                &one,
                &many(room, 39_990, |n| (numbered(0xf0, n), vec![7; 40])),
                &[0; 2],
            ),
        ),
        (
            "one unknown pair",
            file(&one, &pair(&[0xf0], &vec![1; room]), &[0; 2]),
        ),
        (
            "one key",
            file(&one, &pair(&vec![0xf0; room], &[]), &[0; 2]),
        ),
        (
            "one key of a known type",
            input(&pair(&vec![3; room], &[1; 4])),
        ),
        (
            "one key of a proprietary type",
            input(&pair(&vec![0xfc; room], &[1; 4])),
        ),
        (
            "200,000 outputs",
            file(&transaction(1, room / 9, 0), &[], &[0]),
        ),
        (
            "50,000 inputs",
            file(&transaction(room / 41, 1, 0), &[], &[0]),
        ),
        (
            "a count of 2^64",
            [b"psbt\xff\x01\x00".to_vec(), vec![0xff; 9], vec![0; 100]].concat(),
        ),
        (
            "a count of 2^32 in the transaction",
            [
                b"psbt\xff\x01\x00\x0a\x02\0\0\0\xfe".to_vec(),
                vec![0xff; 5],
                vec![0; room],
            ]
            .concat(),
        ),
        (
            "version 2 with a count of 2^32",
            [&two[..], &vec![0; room]].concat(),
        ),
        (
            "a previous transaction of outputs",
            input(&pair(
                &[0],
                &consensus::serialize(&transaction(1, room / 9 - 30, 0)),
            )),
        ),
        (
            "a previous transaction of inputs",
            input(&pair(
                &[0],
                &consensus::serialize(&transaction(room / 41 - 30, 1, 0)),
            )),
        ),
        (
            "a previous transaction's witness",
            input(&pair(&[0], &consensus::serialize(&previous))),
        ),
        ("a witness of empty elements", input(&pair(&[8], &witness))),
        (
            "a witness of one element",
            input(&pair(
                &[8],
                &[compact(1), compact(room - 100), vec![0x30; room - 100]].concat(),
            )),
        ),
        ("a script signature", input(&pair(&[7], &vec![0x51; room]))),
        ("derivations of 40,000 keys", input(&derivations)),
        ("extended keys", file(&one, &xpubs, &[0; 2])),
        ("taproot keys", input(&x_only)),
        (
            "partial signatures",
            input(&many(room, 39_990, |n| {
                (
                    [&[2, 2], &n.to_be_bytes()[..], &[7; 28]].concat(),
                    vec![0x30; 9],
                )
            })),
        ),
        (
            "preimages",
            input(&many(room, 39_990, |n| {
                ([&[0x0b], &n.to_be_bytes()[..], &[7; 28]].concat(), vec![9])
            })),
        ),
        (
            "one preimage",
            input(&pair(&[&[0x0d], &[7; 32][..]].concat(), &vec![9; room])),
        ),
        (
            "leaf scripts",
            input(&many(room, 39_990, |n| {
                (
                    [
                        &[0x15, 0xc0],
                        &[2; 32][..],
                        &[n.to_be_bytes(), [0; 4]].concat()[..],
                        &[7; 24],
                    ]
                    .concat(),
                    vec![0x51, 0xc0],
                )
            })),
        ),
        (
            "a full tree",
            file(
                &one,
                &[],
                &[vec![0], tree(&leaves(std::iter::repeat_n(18, 1 << 18)))].concat(),
            ),
        ),
        (
            "a tree without end",
            file(
                &one,
                &[],
                &[vec![0], tree(&leaves(std::iter::repeat_n(128, 1 << 18)))].concat(),
            ),
        ),
        (
            "500 of the deepest trees",
            file(
                &many_outputs,
                &[],
                &[vec![0], tree(&caterpillar()).repeat(512)].concat(),
            ),
        ),
        (
            "500 trees of 4 kB",
            file(
                &many_outputs,
                &[],
                &[
                    vec![0],
                    tree(&leaves(std::iter::repeat_n(9, 512))).repeat(512),
                ]
                .concat(),
            ),
        ),
        (
            "an honest file cut off",
            honest[..honest.len() - 1].to_vec(),
        ),
    ]
}

/// Some of the hostile PSBTs as text too.
fn text_forms(psbts: &[(&'static str, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut texts = Vec::new();
    for (name, bytes) in psbts.iter().step_by(3) {
        texts.push((format!("{name}, base64"), BASE64.encode(bytes).into_bytes()));
        texts.push((
            format!("{name}, hex"),
            bytes.to_lower_hex_string().into_bytes(),
        ));
    }
    for (name, byte) in [
        ("spaces", b' '),
        ("base64 of nothing", b'A'),
        ("digits", b'0'),
    ] {
        texts.push((format!("3 MB of {name}"), vec![byte; THREE_MB]));
    }
    for start in ["cHNidP", "70736274ff"] {
        for fill in ["A", "\n", "0", "!", "é"] {
            let text = start.to_owned() + &fill.repeat(THREE_MB / fill.len());
            texts.push((format!("{start} and 3 MB of {fill:?}"), text.into_bytes()));
        }
    }
    texts
}

/// Texts that are no PSBT.
fn others() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut bodies = Vec::new();
    let key = common::key_text(Network::Regtest, 1, "48h/1h/0h/2h");
    for size in [THREE_MB, 65_000] {
        for (name, unit, start) in [
            ("open brackets", "(", ""),
            ("wrappers", "a:", "wsh("),
            ("one word", "a", "wsh("),
            ("nested and_v", "and_v(v:", "wsh("),
            ("nested leaves", "{", "tr("),
            ("lines", "a\n", ""),
            ("steps", "/1", &key),
            ("commas", ",", "wsh(multi(2"),
            ("keys", &format!(",{key}/<0;1>/*"), "wsh(multi(2"),
            ("escapes", "\u{1b}", ""),
            ("words", "abandon ", ""),
            ("hashes", "#", ""),
        ] {
            let text = start.to_owned() + &unit.repeat((size - start.len()) / unit.len());
            for reader in ["descriptor", "key", "policy"] {
                bodies.push((
                    reader,
                    format!("{size} of {name}"),
                    text.clone().into_bytes(),
                ));
            }
        }
    }
    let toml = |unit: &str, start: &str| start.to_owned() + &unit.repeat(THREE_MB / unit.len());
    for (name, text) in [
        ("tables", toml("[a]\n", "")),
        (
            "different tables",
            (0..300_000).map(|n| format!("[a{n}]\n")).collect(),
        ),
        ("a list", toml("0,", "a=[")),
        ("nested lists", toml("[", "a=")),
        ("a name", toml("a", "name=\"") + "\""),
        ("paths", toml("[[path]]\n", "name=\"a\"\n")),
        ("roles", toml("\"a\",", "name=\"a\"\ncosigners=[")),
        ("dots", toml("a.", "")),
    ] {
        bodies.push(("policy", format!("3 MB of {name}"), text.into_bytes()));
    }
    let entry = include_str!("golden/journal-v1.txt")
        .lines()
        .nth(1)
        .unwrap();
    let (_, entry) = entry.split_once(' ').unwrap();
    let head = &entry[..entry.find("\"kind\"").unwrap()];
    for (name, start, unit, end) in [
        ("numbers", "\"x\":[0", ",0", "]"),
        ("nothing", "\"x\":[[]", ",[]", "]"),
        ("objects", "\"x\":[{}", ",{}", "]"),
        ("fields", "\"x\":0", ",\"x\":0", ""),
        ("nesting", "\"x\":[", "[", ""),
        ("a kind", "\"body\":0,\"kind\":\"", "a", "\""),
        (
            "a field",
            "\"kind\":\"proposal_closed\",\"body\":{\"",
            "a",
            "\":0}",
        ),
        ("escapes", "\"kind\":\"", "\\u001b", "\""),
        (
            "a body first",
            "\"body\":[0",
            ",0",
            "],\"kind\":\"proposal_closed\"",
        ),
        (
            "cosigners",
            "\"kind\":\"vault_added\",\"body\":{\"name\":\"a\",\"network\":\"regtest\",\"descriptor\":\"\",\"birth\":{\"height\":0},\"cosigners\":[\"\"",
            ",\"\"",
            "]}",
        ),
        (
            "signatures",
            "\"kind\":\"signatures_added\",\"body\":{\"signatures\":[{\"input\":0,\"public_key\":\"\",\"signature\":\"\"}",
            ",{\"input\":0,\"public_key\":\"\",\"signature\":\"\"}",
            "]}",
        ),
        ("a memo", "\"kind\":\"memo\",\"body\":\"", "a", "\""),
    ] {
        let room = THREE_MB - head.len() - start.len() - end.len();
        let text = format!("{head}{start}{}{end}}}", unit.repeat(room / unit.len()));
        bodies.push(("entry", format!("3 MB of {name}"), text.into_bytes()));
        let unframed = format!("{{{start}{}{end}}}", unit.repeat(room / unit.len()));
        bodies.push((
            "entry",
            format!("3 MB of {name} alone"),
            unframed.into_bytes(),
        ));
    }
    bodies
}

/// Reads `body` as `reader` says; the length of what is told about it, `None` when it is taken.
fn judge(reader: &str, body: &[u8], ours: &(Vault, Proposal)) -> Option<usize> {
    let refusal = |shown: String| Some(shown.len());
    let text = || String::from_utf8_lossy(body);
    match reader {
        "psbt" => match read(body) {
            Err(error) => refusal(error.to_string()),
            Ok(foreign) => {
                let (vault, proposal) = ours;
                let checked = Proposal::check(vault, foreign.psbt.clone());
                checked.err().and_then(|_| {
                    let kept = SignatureSet::new();
                    let admission = admit(proposal, &foreign, &kept);
                    admission.err().and_then(|error| refusal(error.to_string()))
                })
            }
        },
        "descriptor" => Vault::from_descriptor(Network::Regtest, &text(), None)
            .err()
            .and_then(|error| refusal(error.to_string())),
        "key" => CosignerKey::parse(&text(), Network::Regtest)
            .err()
            .and_then(|error| refusal(error.to_string())),
        "policy" => Template::parse(&text(), "policy.toml")
            .err()
            .and_then(|error| refusal(error.to_string())),
        "entry" => Entry::check(&text(), &[1; 64])
            .err()
            .and_then(|error| refusal(error.to_string())),
        other => panic!("no reader is called {other}"),
    }
}

fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap()
}

/// What this thread has had of a processor: a machine that is busy with other things doesn't count.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap())
}

/// What the processes run: reads one body from a file, judges it, and tells what that took.
#[test]
#[ignore = "started by the other test"]
fn in_a_process_of_its_own() {
    let Ok(path) = std::env::var("QUORATE_TEST_BODY") else {
        return;
    };
    let reader = std::env::var("QUORATE_TEST_READER").unwrap();
    let world = World::new("2-of-3", &[100_000]);
    let ours = (world.vault.clone(), world.spend_all_coins());
    let idle = memory("VmRSS:");
    let body = std::fs::read(path).unwrap();
    let start = processor_time();
    let refused = judge(&reader, &body, &ours);
    let micros = (processor_time() - start).as_micros();
    let peak = memory("VmHWM:").saturating_sub(idle);
    let told = refused.map_or_else(|| "taken".to_owned(), |length| length.to_string());
    println!("\nresult {peak} {micros} {told}");
}

#[test]
fn t18_no_refused_body_costs_much_memory_or_time() {
    let psbts = psbts();
    let mut bodies: Vec<(&str, String, Vec<u8>)> = Vec::new();
    for (name, body) in text_forms(&psbts) {
        bodies.push(("psbt", name, body));
    }
    for (name, body) in psbts {
        bodies.push(("psbt", name.to_owned(), body));
    }
    bodies.extend(others());
    let folder = std::env::temp_dir().join(format!("quorate-sizes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("body");
    let (mut over, mut taken, mut most) = (Vec::new(), Vec::new(), (0, 0));
    for (reader, name, body) in &bodies {
        std::fs::write(&file, body).unwrap();
        // The machine may be busy with something else: the better of three counts.
        let mut best: Option<(u64, u64, String)> = None;
        for _ in 0..3 {
            let (peak, micros, told) = run(&file, reader);
            let better = best.as_ref().is_none_or(|(_, other, _)| micros < *other);
            if better {
                best = Some((peak, micros, told));
            }
            if best
                .as_ref()
                .is_some_and(|(_, micros, _)| Duration::from_micros(*micros) <= TIME * FACTOR)
            {
                break;
            }
        }
        let (peak, micros, told) = best.unwrap();
        most = (most.0.max(peak), most.1.max(micros));
        if told == "taken" {
            taken.push(format!("{reader}: {name}"));
        }
        let long = told.parse().is_ok_and(|length: usize| length > 2_000);
        let late = Duration::from_micros(micros) > TIME * FACTOR;
        if peak > MEMORY || late || long {
            over.push(format!(
                "{reader}: {name}: {} MB, {} ms, told: {told}",
                peak / 1024,
                micros / 1000
            ));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!(
        "{} bodies, at most {} MB and {} ms; taken: {taken:?}",
        bodies.len(),
        most.0 / 1024,
        most.1 / 1000
    );
    assert!(bodies.len() > 170, "{}", bodies.len());
    assert!(over.is_empty(), "{}", over.join("\n"));
    assert!(taken.is_empty(), "{taken:?}");
}

fn run(file: &std::path::Path, reader: &str) -> (u64, u64, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "in_a_process_of_its_own",
            "--ignored",
            "--nocapture",
        ])
        .env("QUORATE_TEST_BODY", file)
        .env("QUORATE_TEST_READER", reader)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix("result "));
    let line = line.unwrap_or_else(|| {
        panic!(
            "{reader}: {told}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let mut words = line.split(' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    let (peak, micros) = (number(), number());
    (peak, micros, words.next().unwrap().to_owned())
}
