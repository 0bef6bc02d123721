//! `cargo xtask test`, `lint`, `quick` and `bench`: everything that must hold, in one profile and one target
//! folder, so that nothing is built twice.

use crate::fuzz::fuzz;
use crate::python::{ELECTRUM, EMBIT};
use crate::shell::{cargo, run, words};
use crate::{codes, node};
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::Stdio;
use std::time::Instant;

/// Format, clippy, documentation.
///
/// # Errors
/// A sentence naming the step that failed.
pub(crate) fn lint() -> Result<(), String> {
    format_and_clippy()?;
    run(cargo("doc --workspace --no-deps --quiet").env("RUSTDOCFLAGS", "-D warnings"))
}

/// What can be waited for between two edits.
///
/// # Errors
/// A sentence naming the step that failed.
pub(crate) fn quick() -> Result<(), String> {
    format_and_clippy()?;
    run(&mut cargo("test --quiet -p quorate-core"))
}

/// The ratios that are promised, as tables. A target of its own: neither `test` nor `lint` waits for
/// a release build.
///
/// # Errors
/// A sentence, when a ratio is missed.
pub(crate) fn bench(which: &str) -> Result<(), String> {
    if which == "scale" {
        run(&mut cargo("build --release --quiet -p quorate"))?;
    }
    let mut command = cargo(&format!("bench --quiet -p quorate-bench --bench {which}"));
    run(command.env("BITCOIND_EXE", node::path()?))
}

fn format_and_clippy() -> Result<(), String> {
    run(&mut cargo("fmt --all --check"))?;
    for own in ["fuzz", "mutants"] {
        let manifest = format!("tests/{own}/Cargo.toml");
        run(cargo("fmt --check --manifest-path").arg(manifest))?;
    }
    run(&mut cargo(
        "clippy --workspace --all-targets --quiet -- -D warnings",
    ))
}

/// For each target. Long enough to try the seeds, what earlier runs kept, and some hundred thousand more.
const FUZZ_SECONDS: u32 = 20;

/// All tests, doctests included, and a line that sums them up; then the fuzz targets.
///
/// # Errors
/// A sentence, when something fails.
pub(crate) fn test(with_node: bool) -> Result<(), String> {
    let start = Instant::now();
    // A test outside `real_node` that wants one of them fails with this as the reason.
    let left_out = || "left-out-by-no-node".into();
    let (exe, readers, skip) = if with_node {
        (node::path()?, codes::folder()?, "")
    } else {
        (left_out(), left_out(), "-- --skip real_node")
    };
    // The binary, with the same features as in the tests: cargo unifies them over what it builds.
    run(&mut cargo("build --workspace --lib --bins --tests"))?;
    let mut command = cargo(&format!("test --workspace --no-fail-fast {skip}"));
    command
        .env("BITCOIND_EXE", &exe)
        .env(codes::VARIABLE, &readers)
        .stdout(Stdio::piped());
    for python in [EMBIT, ELECTRUM] {
        let path = if with_node {
            python.path()?
        } else {
            left_out()
        };
        command.env(python.variable, path);
    }
    let line = words(&command);
    eprintln!("$ {line}");
    let mut child = command
        .spawn()
        .map_err(|e| format!("`{line}` can't be started: {e}"))?;
    let mut sum = Counts::default();
    for line in BufReader::new(child.stdout.take().expect("piped above")).lines() {
        let line = line.map_err(|e| format!("the output of the tests can't be read: {e}"))?;
        println!("{line}");
        sum += Counts::of(&line);
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    let node = if with_node {
        format!("on {}", exe.display())
    } else {
        "WITHOUT the tests on a real node".to_owned()
    };
    let Counts {
        passed,
        failed,
        ignored,
    } = sum;
    println!(
        "\ntests: {passed} passed, {failed} failed, {ignored} ignored, {node}, in {} s",
        start.elapsed().as_secs()
    );
    if !status.success() {
        Err(format!("`{line}` failed ({status})"))
    } else if passed == 0 {
        // The format of the summary lines changed, or nothing ran: both must be seen.
        Err("no test was counted".to_owned())
    } else {
        fuzz(None, FUZZ_SECONDS)
    }
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Reads `test result: ok. 4 passed; 0 failed; 0 ignored; …`; zeros for any other line.
    fn of(line: &str) -> Self {
        let Some((_, numbers)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return Self::default();
        };
        let number = |word: &str| {
            numbers
                .split("; ")
                .find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
                .unwrap_or(0)
        };
        Self {
            passed: number("passed"),
            failed: number("failed"),
            ignored: number("ignored"),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_tests_of_every_binary() {
        let mut sum = Counts::default();
        for line in [
            "running 5 tests",
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 30 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s",
        ] {
            sum += Counts::of(line);
        }
        let expected = Counts {
            passed: 34,
            failed: 2,
            ignored: 1,
        };
        assert_eq!(sum, expected);
    }
}
