//! `cargo xtask mutants`: breaks the code that judges foreign files, one place after the other, and
//! expects a test to fail each time. A mutant that no test notices is a check that nobody would miss.
//!
//! The tool for it is ours, in `tests/mutants`: it compiles all mutants at once. Building anew for each,
//! as cargo-mutants does, took hours.

use crate::shell::{cargo, root, run};

/// What stands between foreign bytes and a transaction, below `crates/core/src`.
const FILES: [&str; 29] = [
    "psbt/raw.rs",
    "psbt/wire.rs",
    "psbt/v2.rs",
    "psbt/fields.rs",
    "psbt/cost.rs",
    "psbt/unchanged.rs",
    "psbt/contribution.rs",
    "psbt/judge.rs",
    "psbt/finalized.rs",
    "psbt/describe.rs",
    "psbt/finalize.rs",
    "consensus.rs",
    "consensus/linear.rs",
    "proposal/pinned.rs",
    "proposal/places.rs",
    "proposal/sighash.rs",
    "proposal/signature.rs",
    "proposal/quorum.rs",
    "proposal/decide.rs",
    "proposal/locks.rs",
    "proposal/facts.rs",
    "proposal/words.rs",
    "proposal/replace.rs",
    "proposal/nonce.rs",
    "journal/judge.rs",
    "spend/limits.rs",
    "spend/recipients.rs",
    "spend/likeness.rs",
    "spend/review.rs",
];

/// Runs the mutation check over all files, or over those whose path contains `only`.
///
/// # Errors
/// A sentence, when a mutant survives, or the tool can't be built.
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
    let work = root().join("target").join("mutants");
    let mut command = cargo("run --quiet --manifest-path tests/mutants/Cargo.toml --");
    command
        .arg(root())
        .arg(&work)
        .args(files)
        .env("CARGO_TARGET_DIR", work.join("tool"));
    run(&mut command)
        .map_err(|reason| format!("{reason}; the survivors are in target/mutants/survivors.txt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_there() {
        for file in FILES {
            assert!(root().join("crates/core/src").join(file).exists(), "{file}");
        }
    }
}
