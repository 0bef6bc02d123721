//! Every ordered pair of makes x script types and paths x PSBT versions x ways to pass the file on;
//! then our finalizer, the node's verdict, a broadcast and a block.

use super::super::family::text;
use super::embit::Embit;
use super::makes::{Make, Others};
use super::office::{COINS, Office, accepted};
use super::scripts::{SCRIPTS, Script};
use quorate_testkit::Node;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

const VERSIONS: [u8; 2] = [0, 2];

/// How the files go round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each signs the file of the one before; the last one's is imported.
    Chain,
    /// Each signs the request; all files are imported, in this order.
    Parallel,
}

/// One proposal: who signs with what, in which order, on which path, and how the file is written.
#[derive(Debug, Clone)]
struct Cell {
    path: usize,
    signers: Vec<(usize, Make)>,
    version: u8,
    way: Way,
}

/// Says which cell it was when a check in it fails.
#[derive(Debug)]
struct Playing<'a>(&'static str, &'a Cell);

impl Drop for Playing<'_> {
    #[expect(clippy::print_stderr, reason = "beside the words of the panic")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("failed: {} {:?}", self.0, self.1);
        }
    }
}

/// Every way to give `places` signers different makes, as ordered lists.
fn arrangements(places: usize) -> Vec<Vec<Make>> {
    if places == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in arrangements(places - 1) {
        for make in Make::ALL {
            if !shorter.contains(&make) {
                let mut longer = shorter.clone();
                longer.push(make);
                all.push(longer);
            }
        }
    }
    all
}

fn cells(script: &Script) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (path, who) in script.paths.iter().enumerate() {
        for makes in arrangements(who.len()) {
            for version in VERSIONS {
                for way in [Way::Chain, Way::Parallel] {
                    // One signer hands on to nobody.
                    if who.len() == 1 && way == Way::Parallel {
                        continue;
                    }
                    cells.push(Cell {
                        path: path + 1,
                        signers: who.iter().copied().zip(makes.clone()).collect(),
                        version,
                        way,
                    });
                }
            }
        }
    }
    cells
}

fn play(office: &mut Office, others: &Others<'_>, number: usize, cell: &Cell) -> String {
    let _playing = Playing(office.script.name, cell);
    let created = office.propose(cell.path);
    let id = text(&created["id"]).to_owned();
    let request = office.home.file(&format!("{number}.psbt"));
    office.export(&id, cell.version, &request);
    let mut files: Vec<PathBuf> = Vec::new();
    for (turn, &(who, make)) in cell.signers.iter().enumerate() {
        let before = match (cell.way, files.last()) {
            (Way::Chain, Some(last)) => last,
            _ => &request,
        };
        let signed = office.home.file(&format!("{number}.{turn}.psbt"));
        let with = (&office.home, office.descriptor.as_str());
        others.sign(make, &office.cosigners[who], with, before, &signed);
        let written = fs::read_to_string(&signed).unwrap();
        let decoded = others.node.rpc("decodepsbt", json!([written.trim()]));
        assert_eq!(decoded["psbt_version"], cell.version, "{make}");
        files.push(signed);
    }
    if cell.way == Way::Chain {
        files.drain(..files.len() - 1);
    }
    let mut args = vec!["proposal", "import"];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let imported = office.home.json(&args);
    let finished = office.finish(&request, &files);
    assert_eq!(
        (
            &imported["accepted"],
            &imported["refused"],
            &imported["status"]
        ),
        (&json!(finished.signatures), &json!([]), &json!("ready")),
        "{imported}"
    );
    // On every input, those who signed and nobody else.
    let who: BTreeSet<usize> = cell.signers.iter().map(|&(who, _)| who).collect();
    assert_eq!(finished.signed, vec![who; COINS]);
    accepted(others.node, &finished.transaction);
    let sent = office.home.json(&["proposal", "broadcast", &id]);
    let seen = others.node.rpc("getrawtransaction", json!([sent["txid"]]));
    assert_eq!(seen, finished.transaction);
    id
}

/// Plays all cells of a vault; what they sent waits in the mempool.
fn play_all(office: &mut Office, others: &Others<'_>) -> Vec<String> {
    office.home.json(&["sync"]);
    let cells = cells(office.script);
    let cells = cells.iter().enumerate();
    cells
        .map(|(number, cell)| play(office, others, number, cell))
        .collect()
}

/// After the next block, everything that was sent is confirmed, and who signed stays on record.
fn all_confirmed(office: &Office, ids: &[String]) {
    office.home.json(&["sync"]);
    let list = office.home.json(&["proposal", "list"]);
    let lines = list["proposals"].as_array().unwrap();
    assert_eq!(lines.len(), ids.len());
    for (id, cell) in ids.iter().zip(cells(office.script)) {
        let _playing = Playing(office.script.name, &cell);
        let line = lines.iter().find(|line| line["id"] == **id);
        assert_eq!(line.unwrap()["status"], "confirmed");
    }
    // The record of the last one, as a person sees it.
    let (id, cell) = (ids.last().unwrap(), cells(office.script));
    let signers = &cell.last().unwrap().signers;
    let shown = office.home.json(&["proposal", "show", id]);
    for input in shown["inputs"].as_array().unwrap() {
        for (number, cosigner) in office.cosigners.iter().enumerate() {
            let signed = signers.iter().any(|&(who, _)| who == number);
            let expected = if signed { "signed" } else { "missing" };
            assert_eq!(input["signatures"][cosigner.name()], expected, "{shown}");
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the counts are the result")]
fn every_make_signs_with_every_other() {
    let start = Instant::now();
    let node = Node::start();
    let embit = Embit::start();
    let others = Others {
        node: &node,
        embit: &embit,
    };
    let offices: Vec<Office> = SCRIPTS
        .iter()
        .map(|script| Office::open(&node, script, cells(script).len()))
        .collect();
    // Deep enough for the locks of every path.
    node.mine(8);
    let waiting = Mutex::new(offices);
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(mut office) = next() {
                    let ids = play_all(&mut office, &others);
                    done.lock().unwrap().push((office, ids));
                }
            });
        }
    });
    node.mine(1);
    assert_eq!(node.mempool(), []);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (office, ids) in done.into_inner().unwrap() {
        all_confirmed(&office, &ids);
        for cell in cells(office.script) {
            let signers: Vec<String> = cell
                .signers
                .iter()
                .map(|(_, make)| make.to_string())
                .collect();
            for line in [
                format!(
                    "{:<22} path {}, v{}",
                    office.script.name, cell.path, cell.version
                ),
                format!("signed by {}", signers.join(", then ")),
                "confirmed, all in all".to_owned(),
            ] {
                *counts.entry(line).or_default() += 1;
            }
        }
    }
    for (line, count) in &counts {
        eprintln!("{line}: {count}");
    }
    let paths: usize = SCRIPTS.iter().map(|script| script.paths.len()).sum();
    eprintln!(
        "vendors: {} script types, {paths} spending paths, {} PSBT versions: none left out, in {} s",
        SCRIPTS.len(),
        VERSIONS.len(),
        start.elapsed().as_secs()
    );
}
