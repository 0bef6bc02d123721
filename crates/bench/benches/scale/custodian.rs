//! Many vaults in one home, each with coins of its own: what a custodian meets.

use crate::figures::Figures;
use crate::generated::{self, Generated};
use crate::process::{self, Program};
use crate::{MB, serve};
use bitcoin::ScriptBuf;
use quorate_testkit::fixtures::TestKey;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses of each vault that are paid.
const ADDRESSES: u32 = 10;
const PER_BLOCK: u32 = 1_000;
const ROUNDS: usize = 5;
/// Vaults whose making is timed, at the beginning and at the end.
const TIMED: u32 = 50;

/// What to measure: numbers of vaults, each with the coins of one vault.
pub(crate) fn sizes(text: &str) -> Vec<(u32, u32)> {
    let named = text.strip_prefix('=').map(|size| {
        let (vaults, coins) = size.split_once('x').expect("VAULTSxCOINS");
        let number = |text: &str| text.parse().expect("a number");
        (number(vaults), number(coins))
    });
    named.map_or_else(|| vec![(1_000, 1_000), (10_000, 1_000)], |one| vec![one])
}

/// `count` vaults of three keys of their own, with so many coins each.
pub(crate) fn vaults(program: &Program, count: u32, coins: u32) -> Figures {
    let title = format!("{count} vaults of {coins} coins in one home");
    let mut figures = Figures::new(&title);
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    program.json(home, &["init", "--network", "regtest"]);
    let mut scripts = Vec::new();
    let mut times = Vec::new();
    for number in 0..count {
        let started = Instant::now();
        let descriptor = create(program, home, number);
        times.push(started.elapsed());
        scripts.extend(generated::scripts(&descriptor, ADDRESSES));
    }
    let mean = |times: &[Duration]| {
        let sum: Duration = times.iter().sum();
        sum / u32::try_from(times.len()).unwrap_or(1).max(1)
    };
    let few = times.len().min(TIMED as usize);
    figures.line("vault create, the first", mean(&times[..few]));
    figures.line("vault create, the last", mean(&times[times.len() - few..]));
    chain(program, home, scripts, count * coins, &mut figures);
    figures
}

fn name(number: u32) -> String {
    format!("customer{number}")
}

fn create(program: &Program, home: &Path, number: u32) -> String {
    let name = name(number);
    let mut arguments = vec!["vault", "create", &name, "--policy", "2-of-3"];
    arguments.extend(["--birthday", "0"]);
    let keys = ["owner", "heir", "custodian"].map(|who| {
        let key = TestKey::named(&format!("{who} of {name}"));
        format!("{who}={}", key.text())
    });
    keys.iter().for_each(|key| arguments.extend(["--key", key]));
    let vault = program.json(home, &arguments);
    vault["descriptor"].as_str().expect("a text").to_owned()
}

fn chain(
    program: &Program,
    home: &Path,
    scripts: Vec<ScriptBuf>,
    coins: u32,
    figures: &mut Figures,
) {
    let per_block = PER_BLOCK.min(coins);
    let blocks = coins / per_block;
    // And some to be found one by one.
    let chain = Arc::new(Generated::new(scripts, blocks + ROUNDS as u32, per_block));
    chain.show_until(blocks);
    let url = serve::start(&chain);
    let sync = program.run(home, &["sync", "--node", &url]);
    figures.line(&format!("first sync of {coins} transactions"), sync.time);
    figures.memory("first sync", sync.memory, None);
    let database = std::fs::metadata(home.join("home").join("quorate.db"));
    let bytes = database.expect("the database").len();
    figures.size("the database", bytes / u64::from(coins), "B a coin");
    figures.size("the database", bytes / MB, "MB");
    let best = |arguments: &[&str]| {
        let ran = (0..ROUNDS).map(|_| program.run(home, arguments));
        let best = ran.reduce(process::Ran::better);
        best.expect("some rounds")
    };
    let one = name(1);
    for arguments in [
        &["sync", "--node", &url][..],
        &["sync", &one, "--node", &url],
        &["balance", &one],
        &["proposal", "list", &one],
        &["coin", "list", &one],
        &["address", "new", &one],
        &["proposal", "list"],
        &["vault", "list"],
        &["watch", "--node", &url],
    ] {
        let ran = best(arguments);
        let what: Vec<&str> = arguments
            .iter()
            .copied()
            .take_while(|a| *a != "--node")
            .collect();
        let what = what.join(" ");
        figures.line(&what, ran.time);
        figures.memory(&what, ran.memory, None);
    }
    let to = format!("{}=2000000sat", process::STRANGER);
    let spend = ["proposal", "create", &one, "--to", &to, "--feerate", "2"];
    figures.line("proposal create", program.run(home, &spend).time);
    let mut following = Duration::MAX;
    for more in 1..=ROUNDS as u32 {
        chain.show_until(blocks + more);
        following = following.min(program.run(home, &["sync", "--node", &url]).time);
    }
    figures.line(
        &format!("sync of a block with {per_block} payments"),
        following,
    );
}
