//! Pythons with what tests need of other makes: each lives in a virtual environment in the per-user
//! cache, made once for each content of its requirements files, which pin every package by its hash.

use crate::locate;
use crate::node::{at, clear};
use crate::packages;
use crate::shell::{root, run, succeeds};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What builds the packages from source, then the packages. In this order: pip is told not to
/// fetch build tools by itself, since nothing would pin those.
const STEPS: [(&str, &[&str]); 2] = [
    ("build.txt", &["--only-binary", ":all:"]),
    ("requirements.txt", &["--no-build-isolation"]),
];

/// What a Python has to have, and where it is kept.
pub(crate) struct Python {
    /// The name of the folder in the cache, and what it is called in messages.
    name: &'static str,
    /// The variable that names the interpreter, for xtask and for the tests.
    pub(crate) variable: &'static str,
    /// The folder of the requirements files, in `tests`.
    files: &'static str,
    /// What is imported to see that it is there.
    modules: &'static str,
    needs: &'static packages::Needs,
}

/// The cosigner of another make.
pub(crate) const EMBIT: Python = Python {
    name: "embit",
    variable: "EMBIT_PYTHON",
    files: "vendors",
    modules: "embit.psbt",
    needs: &packages::EMBIT,
};

/// A server that speaks Electrum's protocol.
pub(crate) const ELECTRUM: Python = Python {
    name: "electrum-server",
    variable: "ELECTRUM_SERVER_PYTHON",
    files: "electrum",
    modules: "electrumx.server.controller, plyvel",
    needs: &packages::ELECTRUM,
};

impl Python {
    /// The path of such a Python; makes the environment when there is none.
    ///
    /// # Errors
    /// A sentence to show.
    pub(crate) fn path(&self) -> Result<PathBuf, String> {
        let Self { name, variable, .. } = self;
        if let Some(asked) = std::env::var_os(variable).map(PathBuf::from) {
            return if self.fits(&asked) {
                Ok(asked)
            } else {
                Err(format!(
                    "{variable} is `{}`, which is no python3 that has {}: correct it, or unset it",
                    asked.display(),
                    self.modules
                ))
            };
        }
        let cache = locate::cache_in(|name| std::env::var_os(name))
            .ok_or_else(|| {
                format!("there is no folder to keep {name} in: set HOME or XDG_CACHE_HOME to an absolute path")
            })?
            .with_file_name(name);
        fs::create_dir_all(&cache).map_err(|e| at(&cache, &e))?;
        // Held until we return, also when we are killed: the system lets go of it.
        let lock = File::create(cache.join("lock")).map_err(|e| at(&cache, &e))?;
        lock.lock().map_err(|e| at(&cache, &e))?;
        let files = self.files();
        let mut pinned = Vec::new();
        for (file, _) in STEPS {
            let path = files.join(file);
            pinned.extend(fs::read(&path).map_err(|e| at(&path, &e))?);
        }
        let done = cache.join(format!("{:016x}", fingerprint(&pinned)));
        let python = interpreter(&done);
        if !self.fits(&python) {
            self.make(&files, &cache, &done)?;
        }
        Ok(python)
    }

    /// The environment comes into its place in one step, whole and tried.
    fn make(&self, files: &Path, cache: &Path, done: &Path) -> Result<(), String> {
        let Self { name, variable, .. } = self;
        packages::ensure(self.needs)?;
        let fresh = cache.join("new");
        clear(&fresh)?;
        eprintln!(
            "Installing {name} into {}: once for each version.",
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
                    "{name} can't be installed: {reason}; see pip's words above, or set {variable} to a python3 that has it"
                )
            })?;
        }
        if !self.fits(&python) {
            return Err(format!(
                "{} doesn't have {} although pip installed it: look at its output above",
                python.display(),
                self.modules
            ));
        }
        clear(done)?;
        fs::rename(&fresh, done).map_err(|e| at(done, &e))
    }

    fn files(&self) -> PathBuf {
        root().join("tests").join(self.files)
    }

    fn fits(&self, python: &Path) -> bool {
        let import = format!("import {}", self.modules);
        succeeds(Command::new(python).args(["-c", &import]))
    }
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// stdout belongs to the path that the command prints.
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
        for python in [EMBIT, ELECTRUM] {
            for (file, _) in STEPS {
                let path = python.files().join(file);
                let text =
                    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let lines = text.lines().filter(|line| !line.starts_with('#'));
                let (pinned, loose): (Vec<&str>, Vec<&str>) =
                    lines.partition(|line| line.contains("==") && line.contains("--hash=sha256:"));
                assert!(!pinned.is_empty() && loose.is_empty(), "{file}: {loose:?}");
            }
        }
    }
}
