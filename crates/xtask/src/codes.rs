//! `cargo xtask codes`: readers of QR frames by others, for the tests: a folder with what
//! `tests/codes/package-lock.json` pins by hashes, made once for each content of that file in the
//! per-user cache.

use crate::locate;
use crate::node::{at, clear};
use crate::packages;
use crate::shell::{root, run};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable that names the folder, for xtask and for the tests.
pub(crate) const VARIABLE: &str = "CODE_READERS";
const FILES: [&str; 3] = ["package.json", "package-lock.json", "codes.mjs"];

/// The folder with `codes.mjs`; makes it when there is none.
///
/// # Errors
/// A sentence to show.
pub(crate) fn folder() -> Result<PathBuf, String> {
    if let Some(asked) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return match asked.join("codes.mjs").is_file() {
            true => Ok(asked),
            false => Err(format!(
                "{VARIABLE} is `{}`, which has no codes.mjs: set it to what `cargo xtask codes` prints, or unset it",
                asked.display()
            )),
        };
    }
    let cache = locate::cache_in(|name| std::env::var_os(name))
        .ok_or("there is no folder to keep the readers of QR frames in: set HOME or XDG_CACHE_HOME to an absolute path")?
        .with_file_name("codes");
    fs::create_dir_all(&cache).map_err(|e| at(&cache, &e))?;
    // Held until we return, also when we are killed: the system lets go of it.
    let lock = File::create(cache.join("lock")).map_err(|e| at(&cache, &e))?;
    lock.lock().map_err(|e| at(&cache, &e))?;
    let from = root().join("tests").join("codes");
    let mut content = Vec::new();
    for file in FILES {
        let path = from.join(file);
        content.extend(fs::read(&path).map_err(|e| at(&path, &e))?);
    }
    let done = cache.join(format!("{:016x}", crate::python::fingerprint(&content)));
    if !done.is_dir() {
        make(&from, &cache, &done)?;
    }
    Ok(done)
}

/// The folder comes into its place in one step, whole and tried.
fn make(from: &Path, cache: &Path, done: &Path) -> Result<(), String> {
    packages::ensure(&packages::NODEJS)?;
    let fresh = cache.join("new");
    clear(&fresh)?;
    fs::create_dir_all(&fresh).map_err(|e| at(&fresh, &e))?;
    for file in FILES {
        let path = from.join(file);
        fs::copy(&path, fresh.join(file)).map_err(|e| at(&path, &e))?;
    }
    eprintln!(
        "Installing readers of QR frames into {}: once for each version.",
        done.display()
    );
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel",
        "error",
    ])
    .current_dir(&fresh)
    .stdin(Stdio::null())
    .stdout(std::io::stderr());
    run(&mut npm).map_err(|reason| {
        format!("the readers of QR frames can't be installed: {reason}; see npm's words above")
    })?;
    fs::rename(&fresh, done).map_err(|e| at(done, &e))
}
