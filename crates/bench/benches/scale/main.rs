//! Whole processes at a size where others stop: up to a million coins. `cargo xtask bench scale` runs it, in
//! release, and prints ratios; a promised one that is missed is marked. `QUORATE_SCALE=small` tries it out with
//! a hundredth of the coins; `QUORATE_SCALE=chain` does only what follows a real node, and
//! `QUORATE_SCALE=custodian` what is done with ten thousand vaults, which takes half an hour and 15 GB
//! (`custodian=1000x50`: with a thousand of 50 coins each).
#![allow(clippy::print_stdout, reason = "its tables are what it is for")]

mod custodian;
mod figures;
mod generated;
mod peers;
mod process;
mod real;
mod serve;

use figures::Figures;
use generated::Generated;
use process::Program;
use std::sync::Arc;
use std::time::Duration;

/// Addresses that the coins lie on, as a treasury that gives each customer one.
const ADDRESSES: u32 = 10_000;
const ROUNDS: usize = 5;
/// In bytes.
const MB: u64 = 1_000_000;

fn main() {
    let scale = std::env::var("QUORATE_SCALE").unwrap_or_default();
    let shrink = if scale == "small" { 100 } else { 1 };
    let program = Program::built();
    if let Some(sizes) = scale.strip_prefix("custodian") {
        for (vaults, coins) in custodian::sizes(sizes) {
            println!("{}", custodian::vaults(&program, vaults, coins));
        }
        return;
    }
    println!(
        "{}",
        real::sync(&program, 1_000 / shrink.min(10), 100, ROUNDS)
    );
    if scale != "chain" {
        println!("{}", coins(&program, shrink));
        println!("{}", custodian::vaults(&program, 500 / shrink, 100));
    }
}

/// A home with so many coins, and what making it took.
struct Sized {
    home: tempfile::TempDir,
    coins: u32,
    sync: process::Ran,
}

fn sized(program: &Program, coins: u32) -> Sized {
    let home = tempfile::tempdir().expect("a temporary folder");
    let descriptor = program.vault(home.path(), 0);
    let per_block = coins.min(1_000);
    let scripts = generated::scripts(&descriptor, ADDRESSES);
    let chain = Generated::new(scripts, coins / per_block, per_block);
    let url = serve::start(&Arc::new(chain));
    let sync = program.run(home.path(), &["sync", "--node", &url]);
    let balance = program.json(home.path(), &["balance", "family"]);
    assert!(balance["confirmed_sat"].as_u64() > Some(0), "{balance}");
    Sized { home, coins, sync }
}

fn coins(program: &Program, shrink: u32) -> Figures {
    let sizes = [1_000, 10_000, 100_000, 1_000_000].map(|coins| coins / shrink);
    let homes = sizes.map(|coins| sized(program, coins));
    let [thousand, ten, hundred, million] = &homes;
    let mut figures = Figures::new("Cold processes by number of coins");
    for home in &homes {
        let name = format!("sync of {} transactions, a generated node", home.coins);
        figures.line(&name, home.sync.time);
        figures.memory(
            &name,
            home.sync.memory,
            (home.coins == million.coins).then_some(128 * MB),
        );
    }
    let peer = peers::Stored::new(&program.descriptor(hundred.home.path()), hundred.coins);
    for (what, arguments) in [
        ("balance", &["balance", "family"][..]),
        ("proposal list", &["proposal", "list", "family"]),
    ] {
        let ran = in_turns(program, &homes, |_| {
            arguments.iter().map(ToString::to_string).collect()
        });
        for (home, ran) in homes.iter().zip(&ran) {
            figures.line(&format!("{what}, {} coins", home.coins), ran.time);
        }
        figures.at_most("1 M to 1 k coins", what, ran[3].time, ran[0].time, 1.5);
        figures.memory(
            &format!("{what} at {} coins", million.coins),
            ran[3].memory,
            Some(64 * MB),
        );
        if what == "balance" {
            let theirs = peer.load_and_balance(ROUNDS);
            figures.line(
                &format!("bdk_wallet: load and balance, {} coins", hundred.coins),
                theirs,
            );
            figures.at_least("faster than bdk_wallet", what, theirs, ran[2].time, 50.0);
        }
    }
    let few = |round: usize| {
        let amount = 2_000_000 + round * 1_000;
        [
            "proposal",
            "create",
            "family",
            "--to",
            &format!("{}={amount}sat", process::STRANGER),
            "--feerate",
            "2",
        ]
        .map(ToString::to_string)
        .to_vec()
    };
    let ran = in_turns(program, &homes[1..], few);
    for (home, ran) in homes[1..].iter().zip(&ran) {
        figures.line(&format!("proposal create, {} coins", home.coins), ran.time);
    }
    figures.at_most(
        "1 M to 10 k coins",
        "proposal create",
        ran[2].time,
        ran[0].time,
        1.5,
    );
    let theirs = peer.load_and_build(ROUNDS);
    figures.line(
        &format!("bdk_wallet: load and build, {} coins", hundred.coins),
        theirs,
    );
    figures.at_least(
        "faster than bdk_wallet",
        "proposal create",
        theirs,
        ran[1].time,
        25.0,
    );
    many_inputs(program, ten, &mut figures);
    let _ = thousand;
    figures
}

/// A spend of 500 coins: our whole process beside bdk's building alone.
fn many_inputs(program: &Program, home: &Sized, figures: &mut Figures) {
    const INPUTS: usize = 500;
    let listed = program.json(home.home.path(), &["coin", "list", "family"]);
    let coins: Vec<String> = listed["coins"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|coin| coin["reserved_by"].is_null())
        .filter_map(|coin| coin["outpoint"].as_str().map(ToString::to_string))
        .collect();
    let mut best: Option<Duration> = None;
    for chosen in coins.chunks_exact(INPUTS).take(ROUNDS) {
        let to = format!("{}=all", process::STRANGER);
        let mut arguments: Vec<String> = [
            "proposal",
            "create",
            "family",
            "--to",
            &to,
            "--feerate",
            "2",
        ]
        .map(ToString::to_string)
        .to_vec();
        for coin in chosen {
            arguments.extend(["--coin".to_owned(), coin.clone()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = program.run(home.home.path(), &arguments);
        best = Some(best.map_or(ran.time, |best| best.min(ran.time)));
    }
    let Some(ours) = best else {
        return; // too few coins in a small run
    };
    let descriptor = program.descriptor(home.home.path());
    let theirs = peers::build_of(&descriptor, INPUTS, ROUNDS);
    figures.line("proposal create with 500 inputs, cold", ours);
    figures.line("bdk_wallet: build alone, 500 inputs", theirs);
    figures.at_most(
        "to bdk_wallet's build alone",
        "proposal create with 500 inputs",
        ours,
        theirs,
        3.0,
    );
}

/// The fastest of some rounds for each home, run in turns so that a busy moment hits all of them.
fn in_turns(
    program: &Program,
    homes: &[Sized],
    arguments: impl Fn(usize) -> Vec<String>,
) -> Vec<process::Ran> {
    let mut best: Vec<Option<process::Ran>> = vec![None; homes.len()];
    for round in 0..ROUNDS * 2 {
        for (home, best) in homes.iter().zip(&mut best) {
            let arguments = arguments(round);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ran = program.run(home.home.path(), &arguments);
            *best = Some(best.take().map_or(ran, |best| best.better(ran)));
        }
    }
    best.into_iter().flatten().collect()
}
