//! `cargo xtask mutants`: breaks the code that judges foreign files, one place after the other, and
//! expects a test to fail each time. A mutant that no test notices is a check that nobody would miss.
//!
//! It takes half an hour and more, so it isn't part of `cargo xtask test`.

use crate::shell::{cargo, root, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands between foreign bytes and a transaction, below `crates/core/src`.
const FILES: [&str; 16] = [
    "psbt/raw.rs",
    "psbt/wire.rs",
    "psbt/v2.rs",
    "psbt/fields.rs",
    "psbt/unchanged.rs",
    "psbt/contribution.rs",
    "psbt/finalize.rs",
    "proposal/pinned.rs",
    "proposal/places.rs",
    "proposal/quorum.rs",
    "proposal/decide.rs",
    "proposal/locks.rs",
    "proposal/facts.rs",
    "spend/limits.rs",
    "spend/recipients.rs",
    "spend/review.rs",
];

/// Mutants that change nothing anybody could see: a pattern of their names, and why.
const EQUIVALENT: [(&str, &str); 0] = [];

/// Runs the mutation check over all files, or over those whose path contains `only`.
///
/// # Errors
/// A sentence, when a mutant survives, or the tool can't be installed.
pub(crate) fn mutants(only: Option<&str>) -> Result<(), String> {
    let files: Vec<&str> = FILES
        .into_iter()
        .filter(|file| only.is_none_or(|part| file.contains(part)))
        .collect();
    if files.is_empty() {
        return Err(format!(
            "no file of the mutation check is called `{}`; they are: {}",
            only.unwrap_or_default(),
            FILES.join(", ")
        ));
    }
    let mut command = Command::new(tool()?);
    command
        .args(["mutants", "--package", "quorate-core", "--jobs", "1"])
        .args(["--no-shuffle", "--timeout", "120", "--output"])
        .arg(root().join("target").join("mutants"))
        .current_dir(root());
    for file in files {
        command.args(["--file", &format!("crates/core/src/{file}")]);
    }
    for (pattern, _) in EQUIVALENT {
        command.args(["--exclude-re", pattern]);
    }
    run(&mut command).map_err(|reason| {
        format!("{reason}; the survivors are in target/mutants/mutants.out/missed.txt")
    })
}

/// cargo-mutants, installed below `target` the first time.
fn tool() -> Result<PathBuf, String> {
    let folder = root().join("target").join("tools");
    let exe = folder
        .join("bin")
        .join(Path::new("cargo-mutants").with_extension(std::env::consts::EXE_EXTENSION));
    if !exe.exists() {
        let mut install = cargo("install cargo-mutants --locked --root");
        run(install.arg(&folder))?;
    }
    Ok(exe)
}
