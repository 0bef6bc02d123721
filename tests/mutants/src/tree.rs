//! A copy of the workspace in which the mutants are put and built.

use crate::mutate::{Mutant, mutate};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the mutants call. Only the copy has it.
const SWITCH: &str = r#"
/// Whether this mutant is on; notes that it was asked.
#[allow(clippy::all)]
pub(crate) fn mutant(number: u32) -> bool {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{LazyLock, Mutex};
    static ON: LazyLock<u32> = LazyLock::new(|| {
        std::env::var("QUORATE_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0)
    });
    static LOG: LazyLock<Option<Mutex<std::fs::File>>> = LazyLock::new(|| {
        let path = std::env::var_os("QUORATE_MUTANT_LOG")?;
        std::fs::File::create(path).ok().map(Mutex::new)
    });
    static SEEN: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];
    if let Some(log) = &*LOG
        && !SEEN[number as usize % 8192].swap(true, Ordering::Relaxed)
        && let Ok(mut log) = log.lock()
    {
        let _ = writeln!(log, "{number}");
    }
    *ON == number
}
"#;

const PACKAGE: &str = "quorate-core";

pub(crate) struct Tree {
    root: PathBuf,
    work: PathBuf,
}

impl Tree {
    /// Copies what git knows, as it is in the working folder.
    pub(crate) fn copy(root: &Path, work: &Path) -> Result<Self, String> {
        let tree = Self {
            root: root.to_owned(),
            work: work.to_owned(),
        };
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .map_err(|e| format!("git can't be started: {e}"))?;
        let mut copied = BTreeSet::new();
        for path in String::from_utf8_lossy(&listed.stdout).split('\0') {
            let from = root.join(path);
            if !path.is_empty() && from.is_file() {
                let bytes = fs::read(&from).map_err(|e| format!("{path}: {e}"))?;
                put(&tree.source().join(path), &bytes)?;
                copied.insert(tree.source().join(path));
            }
        }
        remove_others(&tree.source(), &copied)?;
        let lib = tree.source().join("crates/core/src/lib.rs");
        let text = fs::read_to_string(&lib).map_err(|e| e.to_string())?;
        put(&lib, (text + SWITCH).as_bytes())?;
        Ok(tree)
    }

    fn source(&self) -> PathBuf {
        self.work.join("source")
    }

    /// The folder that tests run in.
    pub(crate) fn package(&self) -> PathBuf {
        self.source().join("crates/core")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), String> {
        put(&self.work.join(name), text.as_bytes())
    }

    /// Puts all viable mutants in place.
    pub(crate) fn mutate(
        &self,
        files: &[String],
        unviable: &BTreeSet<u32>,
    ) -> Result<Vec<Mutant>, String> {
        let mut all = Vec::new();
        let mut next = 1;
        for file in files {
            let below = Path::new("crates/core/src").join(file);
            let text = fs::read_to_string(self.root.join(&below))
                .map_err(|e| format!("{}: {e}", below.display()))?;
            let (text, mutants, after) = mutate(file, &text, next, unviable)?;
            put(&self.source().join(&below), text.as_bytes())?;
            all.extend(mutants);
            next = after;
        }
        Ok(all)
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([command, "--package", PACKAGE, "--message-format", "json"])
            .current_dir(self.source())
            .env("CARGO_TARGET_DIR", self.work.join("build"))
            // The tests' time is what counts here, and nobody looks at a backtrace.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("RUSTFLAGS", "--cap-lints=allow")
            .stdin(Stdio::null());
        cargo
    }

    /// The numbers of mutants that don't compile.
    pub(crate) fn check(&self) -> Result<BTreeSet<u32>, String> {
        let output = self
            .cargo("check")
            .arg("--lib")
            .output()
            .map_err(|e| format!("cargo can't be started: {e}"))?;
        if output.status.success() {
            return Ok(BTreeSet::new());
        }
        let mut failed = BTreeSet::new();
        let mut told = String::new();
        for message in messages(&output.stdout) {
            let message = &message["message"];
            if message["level"] != "error" {
                continue;
            }
            for span in message["spans"].as_array().into_iter().flatten() {
                if span["is_primary"] == true {
                    failed.extend(self.mutant_at(span));
                }
            }
            told += message["rendered"].as_str().unwrap_or_default();
        }
        if failed.is_empty() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the mutants don't compile:\n{told}\n{stderr}"));
        }
        Ok(failed)
    }

    /// The mutant before which a fault of the compiler stands.
    fn mutant_at(&self, span: &Value) -> Option<u32> {
        let file = self.source().join(span["file_name"].as_str()?);
        let text = fs::read_to_string(file).ok()?;
        let at = usize::try_from(span["byte_start"].as_u64()?).ok()?;
        let (_, marked) = text.get(..at)?.rsplit_once("/*mutant ")?;
        let number = marked.split_once("*/")?.0.parse().ok()?;
        (number > 0).then_some(number)
    }

    /// Builds the tests; returns a name and a program for each file of them.
    pub(crate) fn build(&self) -> Result<Vec<(String, PathBuf)>, String> {
        let output = self
            .cargo("test")
            .arg("--no-run")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("cargo can't be started: {e}"))?;
        if !output.status.success() {
            let told = messages(&output.stdout).map(|message| {
                message["message"]["rendered"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            });
            return Err(told.collect());
        }
        let programs = messages(&output.stdout).filter_map(|message| {
            let program = message["executable"].as_str()?;
            (message["profile"]["test"] == true).then_some(())?;
            Some((
                message["target"]["name"].as_str()?.to_owned(),
                program.into(),
            ))
        });
        Ok(programs.collect())
    }
}

fn messages(stdout: &[u8]) -> impl Iterator<Item = Value> {
    let text = String::from_utf8_lossy(stdout).into_owned();
    let lines: Vec<Value> = (text.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    lines.into_iter()
}

/// Removes what an earlier copy had and this one hasn't.
fn remove_others(folder: &Path, copied: &BTreeSet<PathBuf>) -> Result<(), String> {
    let told = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() {
            remove_others(&path, copied)?;
        } else if !copied.contains(&path) {
            fs::remove_file(&path).map_err(told)?;
        }
    }
    Ok(())
}

/// Writes a file unless it is there already: what hasn't changed isn't built again.
fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|e| format!("{}: {e}", path.display()))
}
