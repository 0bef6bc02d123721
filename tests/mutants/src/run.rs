//! Runs the tests over each mutant, the fast ones first, until one fails.

use crate::mutate::Mutant;
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Measures memory and time of processes of its own: nothing to be told by it here.
const LEFT_OUT: [&str; 2] = ["hostile_sizes", "fuzz_seeds"];

/// One program of tests.
struct Program {
    name: String,
    path: PathBuf,
    /// How long it takes when nothing is broken.
    time: Duration,
    /// The mutants that it comes past.
    reaches: BTreeSet<u32>,
}

enum End {
    Passed,
    Failed,
    TimedOut,
}

/// Returns the mutants that no test noticed.
pub(crate) fn run(tree: &Tree, mutants: &[Mutant]) -> Result<Vec<Mutant>, String> {
    let start = Instant::now();
    let mut programs = Vec::new();
    for (name, path) in tree.build()? {
        if !LEFT_OUT.contains(&name.as_str()) {
            programs.push(measure(tree, name, path)?);
        }
    }
    programs.sort_by_key(|program| program.time);
    for program in &programs {
        let (name, count) = (&program.name, program.reaches.len());
        println!(
            "{name}: {} ms, comes past {count} mutants",
            program.time.as_millis()
        );
    }
    println!("built and measured in {} s", start.elapsed().as_secs());
    let next = AtomicUsize::new(0);
    let survivors = Mutex::new(Vec::new());
    let killers = Mutex::new(BTreeMap::<String, usize>::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let killer = killer(tree, &programs, mutant.number);
                    let Ok(mut killers) = killers.lock() else {
                        return;
                    };
                    if let Some(killer) = killer {
                        *killers.entry(killer).or_default() += 1;
                    } else {
                        println!("SURVIVED {mutant}");
                        if let Ok(mut survivors) = survivors.lock() {
                            survivors.push(mutant.clone());
                        }
                    }
                }
            });
        }
    });
    let mut survivors = survivors.into_inner().map_err(|e| e.to_string())?;
    survivors.sort_by_key(|mutant| mutant.number);
    println!(
        "noticed by: {:?}",
        killers.into_inner().map_err(|e| e.to_string())?
    );
    println!(
        "mutants: {} noticed, {} survived, in {} s",
        mutants.len() - survivors.len(),
        survivors.len(),
        start.elapsed().as_secs()
    );
    Ok(survivors)
}

/// Runs a program with nothing broken.
fn measure(tree: &Tree, name: String, path: PathBuf) -> Result<Program, String> {
    let log = tree.log("reached.txt");
    let _ = fs::remove_file(&log);
    let start = Instant::now();
    let command = command(tree, &path, 0);
    let end = wait(command, Some(&log), Duration::from_secs(600))?;
    if !matches!(end, End::Passed) {
        return Err(format!(
            "{name} fails with nothing broken: {}",
            path.display()
        ));
    }
    let reached = fs::read_to_string(&log).unwrap_or_default();
    Ok(Program {
        name,
        path,
        time: start.elapsed(),
        reaches: reached
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect(),
    })
}

/// The program that notices a mutant.
fn killer(tree: &Tree, programs: &[Program], number: u32) -> Option<String> {
    for program in programs
        .iter()
        .filter(|program| program.reaches.contains(&number))
    {
        let most = program.time * 5 + Duration::from_secs(10);
        match wait(command(tree, &program.path, number), None, most) {
            Ok(End::Passed) => {}
            Ok(End::TimedOut) => return Some("a limit of time".to_owned()),
            Ok(End::Failed) => return Some(program.name.clone()),
            Err(error) => println!("{error}"),
        }
    }
    None
}

fn command(tree: &Tree, program: &PathBuf, number: u32) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(tree.package())
        .env("CARGO_MANIFEST_DIR", tree.package())
        .env("QUORATE_MUTANT", number.to_string())
        .env("RUST_BACKTRACE", "0")
        .arg("--quiet")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn wait(mut command: Command, log: Option<&PathBuf>, most: Duration) -> Result<End, String> {
    if let Some(log) = log {
        command.env("QUORATE_MUTANT_LOG", log);
    }
    let mut child = command
        .spawn()
        .map_err(|e| format!("a test can't be started: {e}"))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(if status.success() {
                End::Passed
            } else {
                End::Failed
            });
        }
        if start.elapsed() > most {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(End::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
