//! Bitcoin Core's `decodepsbt` and our reader judge the same mutated files. Where they differ, a
//! table says why; a difference that it doesn't explain fails.

use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_core::psbt::{ForeignPsbt, read, serialize_v2};
use quorate_testkit::Node;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const CASES: usize = 32_000;
const BATCH: usize = 500;
const SEED: u64 = 1;

/// Words of our refusal where Core accepts, and why we are stricter.
const WE_REFUSE: &[(&str, &str)] = &[
    (
        "its transaction spends nothing",
        "nothing to sign, and its transaction's bytes would be ambiguous in version 0",
    ),
    (
        "pays more than 21 million bitcoin",
        "no node would take the transaction; a negative amount is one of these",
    ),
    (
        "invalid xonly public key",
        "Core looks at the length of a taproot key alone",
    ),
    (
        "invalid control block",
        "Core looks at the length of a control block alone",
    ),
    (
        "invalid leaf version",
        "Core looks at the length of a leaf script alone",
    ),
    (
        "does not match",
        "a preimage that isn't one of its hash; Core leaves that to the signer",
    ),
    (
        "xpub key error",
        "Core doesn't look at the first bytes of a global extended key, which name its network",
    ),
];

/// Words of Core's refusal where we accept, and why we don't refuse.
const CORE_REFUSES: &[(&str, &str)] = &[
    (
        "Non-witness UTXO does not match outpoint hash",
        "previous transactions are compared with our own when a file is admitted (T10, T12)",
    ),
    (
        "Input specifies output index that does not exist",
        "the same: which coin is spent is compared with the proposal (T16)",
    ),
    (
        "Signature is not a valid encoding",
        "one bad signature costs no other: each is judged and refused by itself (T13)",
    ),
    (
        "Invalid pubkey",
        "the same for the key that a signature names: others are points for us too (T13, T14)",
    ),
    (
        "musig2 aggregate pubkey is invalid",
        "lengths and first bytes are looked at, points aren't: nothing of these fields is used",
    ),
    (
        "musig2 participant pubkey is invalid",
        "lengths and first bytes are looked at, points aren't: nothing of these fields is used",
    ),
];

/// Another seed tries other files: `QUORATE_SEED=7 cargo test …`; and whether one was asked for.
pub(super) fn seed() -> (u64, bool) {
    let asked = std::env::var("QUORATE_SEED").ok();
    let seed = asked.as_ref().map_or(SEED, |seed| seed.parse().unwrap());
    (seed, asked.is_some())
}

/// Numbers that look random and are the same in every run (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        let interesting = [
            0, 1, 2, 3, 0x20, 0x21, 0x40, 0x41, 0x7f, 0x80, 0xfc, 0xfd, 0xff,
        ];
        match self.below(2) {
            0 => interesting[self.below(interesting.len())],
            _ => self.next().to_le_bytes()[0],
        }
    }
}

pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The maps of a sound file, as lists, so that a key can stand there twice.
pub(super) fn split(bytes: &[u8]) -> Vec<Pairs> {
    let (mut maps, mut at) = (vec![Vec::new()], 5);
    let take = |at: &mut usize| {
        let (width, first) = match bytes[*at] {
            0xfd => (2, 1),
            0xfe => (4, 1),
            _ => (1, 0),
        };
        let mut number = [0; 8];
        number[..width].copy_from_slice(&bytes[*at + first..*at + first + width]);
        *at += first + width;
        let len = usize::try_from(u64::from_le_bytes(number)).unwrap();
        *at += len;
        bytes[*at - len..*at].to_vec()
    };
    while at < bytes.len() {
        let key = take(&mut at);
        if key.is_empty() {
            maps.push(Vec::new());
        } else {
            let value = take(&mut at);
            maps.last_mut().unwrap().push((key, value));
        }
    }
    maps.pop();
    maps
}

fn join(maps: &[Pairs]) -> Vec<u8> {
    let mut out = b"psbt\xff".to_vec();
    for map in maps {
        for part in map.iter().flat_map(|(key, value)| [key, value]) {
            match u8::try_from(part.len()) {
                Ok(len) if len < 0xfd => out.push(len),
                _ => {
                    out.push(0xfe);
                    out.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
                    if part.len() <= 0xffff {
                        out.truncate(out.len() - 5);
                        out.push(0xfd);
                        out.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
                    }
                }
            }
            out.extend_from_slice(part);
        }
        out.push(0);
    }
    out
}

/// One to three changes: of fields, of their parts, or of the bytes whatever they mean.
fn mutate(base: &[u8], random: &mut Random) -> Vec<u8> {
    if random.below(5) == 0 {
        let mut bytes = base.to_vec();
        let place = random.below(bytes.len());
        match random.below(4) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, random.byte()),
            2 => drop(bytes.remove(place)),
            _ => bytes[place] = random.byte(),
        }
        return bytes;
    }
    let mut maps = split(base);
    for _ in 0..=random.below(3) {
        let place = random.below(maps.len());
        let other = random.below(maps.len());
        let count = maps[place].len();
        let field = random.below(count);
        match random.below(9) {
            0 => maps[place].push((vec![random.byte()], vec![random.byte(); random.below(70)])),
            1 => drop(maps.remove(place)),
            2 => maps.insert(place, Vec::new()),
            _ if maps.get(place).is_none_or(Vec::is_empty) => {}
            3 => drop(maps[place].remove(field)),
            4 => {
                let copy = maps[place][field].clone();
                maps[other].push(copy);
            }
            5 => maps[place][field].0[0] = random.byte() % 0x20,
            6 => change(&mut maps[place][field].0, random),
            _ => change(&mut maps[place][field].1, random),
        }
        if maps.is_empty() {
            break;
        }
    }
    join(&maps)
}

fn change(part: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(part.len());
    match random.below(4) {
        0 if !part.is_empty() => part[place] = random.byte(),
        1 if part.len() > 1 => drop(part.pop()),
        2 => part.push(random.byte()),
        3 if !part.is_empty() => part[place] ^= 1 << random.below(8),
        _ => {}
    }
}

/// The BIPs' valid files, each in both versions where we can write both.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut corpus = Vec::new();
    for bip in [174, 370, 371, 373] {
        let text = std::fs::read(folder.join(format!("bip{bip}.json"))).unwrap();
        let vectors: Value = serde_json::from_slice(&text).unwrap();
        for one in vectors["valid"].as_array().unwrap() {
            let bytes = STANDARD.decode(one["psbt"].as_str().unwrap()).unwrap();
            if let Ok(found) = read(&bytes) {
                corpus.push(if found.version == 0 {
                    serialize_v2(&found.psbt).unwrap()
                } else {
                    found.psbt.serialize()
                });
            }
            corpus.push(bytes);
        }
    }
    corpus
}

/// What both read is the same.
fn same(ours: &ForeignPsbt, core: &Value) {
    assert_eq!(core["psbt_version"], ours.version, "{core}");
    let tx = &ours.psbt.unsigned_tx;
    if ours.version == 0 {
        assert_eq!(core["tx"]["txid"], tx.compute_txid().to_string());
    } else {
        assert_eq!(core["tx_version"], tx.version.0.cast_unsigned());
        for (core, ours) in core["inputs"].as_array().unwrap().iter().zip(&tx.input) {
            let coin = ours.previous_output;
            assert_eq!(core["previous_txid"], coin.txid.to_string());
            assert_eq!(core["previous_vout"], coin.vout);
            let sequence = core["sequence"].as_u64().unwrap_or(0xffff_ffff);
            assert_eq!(sequence, u64::from(ours.sequence.0));
        }
        for (core, ours) in core["outputs"].as_array().unwrap().iter().zip(&tx.output) {
            assert_eq!(core["script"]["hex"], ours.script_pubkey.to_hex_string());
        }
    }
    let count = |of: &Value| of.as_array().unwrap().len();
    assert_eq!(count(&core["inputs"]), tx.input.len());
    assert_eq!(count(&core["outputs"]), tx.output.len());
}

fn explained<'a>(table: &'a [(&str, &str)], words: &str) -> Option<&'a str> {
    let mut rows = table.iter().filter(|(known, _)| words.contains(known));
    rows.next().map(|(known, _)| *known)
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the seed and the counts are the result"
)]
fn core_and_we_accept_and_refuse_the_same_files() {
    let (seed, asked) = seed();
    eprintln!("QUORATE_SEED={seed}, {CASES} cases");
    let node = Node::start();
    let (corpus, mut random) = (corpus(), Random(seed));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut unexplained: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for _ in 0..CASES / BATCH {
        let files: Vec<Vec<u8>> = (0..BATCH)
            .map(|_| mutate(&corpus[random.below(corpus.len())], &mut random))
            .collect();
        let calls: Vec<Value> = files
            .iter()
            .map(|file| json!([STANDARD.encode(file)]))
            .collect();
        for (file, core) in files.iter().zip(node.rpc_batch("decodepsbt", &calls)) {
            let (table, words) = match (read(file), core) {
                (Ok(ours), Ok(core)) => {
                    same(&ours, &core);
                    *counts.entry("both accept".to_owned()).or_default() += 1;
                    continue;
                }
                (Err(_), Err(_)) => {
                    *counts.entry("both refuse".to_owned()).or_default() += 1;
                    continue;
                }
                (Err(ours), Ok(_)) => (WE_REFUSE, format!("we refuse: {ours}")),
                (Ok(_), Err(core)) => (CORE_REFUSES, format!("core refuses: {}", core.message)),
            };
            match explained(table, &words) {
                Some(known) => *counts.entry(known.to_owned()).or_default() += 1,
                None => {
                    let sample = || (0, STANDARD.encode(file));
                    unexplained.entry(words).or_insert_with(sample).0 += 1;
                }
            }
        }
    }
    eprintln!("{counts:#?}");
    assert_eq!(counts.values().sum::<usize>() + sum(&unexplained), CASES);
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    // Files that are all refused would compare nothing.
    assert!(counts["both accept"] > CASES / 10 && counts["both refuse"] > CASES / 10);
    for (known, why) in WE_REFUSE.iter().chain(CORE_REFUSES) {
        let seen = counts.contains_key(*known) || asked;
        assert!(seen, "a row of the table is out of date: {known} ({why})");
    }
}

fn sum(unexplained: &BTreeMap<String, (usize, String)>) -> usize {
    unexplained.values().map(|(count, _)| count).sum()
}
