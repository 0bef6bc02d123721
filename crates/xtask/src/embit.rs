//! `cargo xtask embit`: a Python with embit in it, the cosigner of another make in the tests.
//!
//! It lives in a virtual environment in the per-user cache, made once for each content of the
//! requirements files, which pin every package by its hash.

use crate::locate;
use crate::node::{at, clear};
use crate::packages;
use crate::shell::{root, run, succeeds};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable that names the Python, for xtask and for the tests.
pub(crate) const VARIABLE: &str = "EMBIT_PYTHON";
/// What builds the packages from source, then the packages. In this order: pip is told not to
/// fetch build tools by itself, since nothing would pin those.
const STEPS: [(&str, &[&str]); 2] = [
    ("build.txt", &["--only-binary", ":all:"]),
    ("requirements.txt", &["--no-build-isolation"]),
];

/// The path of a Python that has embit; makes the environment when there is none.
///
/// # Errors
/// A sentence to show.
pub(crate) fn python() -> Result<PathBuf, String> {
    if let Some(asked) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return if has_embit(&asked) {
            Ok(asked)
        } else {
            Err(format!(
                "{VARIABLE} is `{}`, which is no python3 that has the module embit: correct it, or unset it",
                asked.display()
            ))
        };
    }
    let cache = locate::cache_in(|name| std::env::var_os(name))
        .ok_or(
            "there is no folder to keep embit in: set HOME or XDG_CACHE_HOME to an absolute path",
        )?
        .with_file_name("embit");
    fs::create_dir_all(&cache).map_err(|e| at(&cache, &e))?;
    // Held until we return, also when we are killed: the system lets go of it.
    let lock = File::create(cache.join("lock")).map_err(|e| at(&cache, &e))?;
    lock.lock().map_err(|e| at(&cache, &e))?;
    let files = root().join("tests").join("vendors");
    let mut pinned = Vec::new();
    for (file, _) in STEPS {
        let path = files.join(file);
        pinned.extend(fs::read(&path).map_err(|e| at(&path, &e))?);
    }
    let done = cache.join(format!("{:016x}", fingerprint(&pinned)));
    let python = interpreter(&done);
    if !has_embit(&python) {
        make(&files, &cache, &done)?;
    }
    Ok(python)
}

/// The environment comes into its place in one step, whole and tried.
fn make(files: &Path, cache: &Path, done: &Path) -> Result<(), String> {
    packages::ensure(&packages::PYTHON)?;
    let fresh = cache.join("new");
    clear(&fresh)?;
    eprintln!(
        "Installing embit into {}: once for each version.",
        done.display()
    );
    quietly(Command::new("python3").args(["-m", "venv"]).arg(&fresh))?;
    let python = interpreter(&fresh);
    for (file, options) in STEPS {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--require-hashes"])
            .args(options)
            .arg("-r")
            .arg(files.join(file));
        quietly(&mut pip).map_err(|reason| {
            format!(
                "embit can't be installed: {reason}; see pip's words above, or set {VARIABLE} to a python3 that has embit"
            )
        })?;
    }
    if !has_embit(&python) {
        return Err(format!(
            "{} has no module embit although pip installed it: look at its output above",
            python.display()
        ));
    }
    clear(done)?;
    fs::rename(&fresh, done).map_err(|e| at(done, &e))
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

fn has_embit(python: &Path) -> bool {
    succeeds(Command::new(python).args(["-c", "import embit.psbt"]))
}

/// stdout belongs to the path that `cargo xtask embit` prints.
fn quietly(command: &mut Command) -> Result<(), String> {
    run(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

/// FNV-1a: names a folder, guards nothing. pip checks the hashes.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_requirement_is_another_folder() {
        // Published test vectors of FNV-1a.
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn every_package_is_pinned_by_its_hash() {
        for (file, _) in STEPS {
            let path = root().join("tests").join("vendors").join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let (pinned, loose): (Vec<&str>, Vec<&str>) =
                lines.partition(|line| line.contains("==") && line.contains("--hash=sha256:"));
            assert!(!pinned.is_empty() && loose.is_empty(), "{file}: {loose:?}");
        }
    }
}
