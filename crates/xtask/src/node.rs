//! `cargo xtask node`: a real Bitcoin Core without downloading a binary.
//!
//! The crate `libbitcoinkernel-sys` vendors Bitcoin Core's source. It stands in our Cargo.toml
//! under a condition that is never true: cargo puts it into Cargo.lock with a checksum and unpacks
//! it, but never compiles it. We build `bitcoind` from there, once per user, into a cache.

use crate::locate::{self, VERSION};
use crate::packages;
use crate::shell::{cargo, output, words};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The node without what tests don't need. The vendored source lacks the ASMap data.
const OPTIONS: &str = "-DCMAKE_BUILD_TYPE=Release -DBUILD_DAEMON=ON -DBUILD_CLI=ON \
    -DENABLE_WALLET=OFF -DENABLE_IPC=OFF -DWITH_ZMQ=OFF -DWITH_EMBEDDED_ASMAP=OFF \
    -DBUILD_TESTS=OFF -DBUILD_BENCH=OFF -DBUILD_TX=OFF -DBUILD_UTIL=OFF \
    -DBUILD_BITCOIN_BIN=OFF -DBUILD_FUZZ_BINARY=OFF -DINSTALL_MAN=OFF";
const PROGRAMS: [&str; 2] = ["bitcoind", "bitcoin-cli"];

/// The path of a `bitcoind`; builds one when there is none.
///
/// # Errors
/// A sentence to show.
pub(crate) fn path() -> Result<PathBuf, String> {
    if let Some(found) = locate::find()? {
        return Ok(found);
    }
    let cache = locate::cache_in(|name| std::env::var_os(name)).ok_or(
        "there is no folder to keep a bitcoind in: set HOME or XDG_CACHE_HOME to an absolute path",
    )?;
    fs::create_dir_all(&cache).map_err(|e| at(&cache, &e))?;
    // Held until we return, also when we are killed: the system lets go of it.
    let lock = File::create(cache.join("lock")).map_err(|e| at(&cache, &e))?;
    if lock.try_lock().is_err() {
        eprintln!("Another process is building bitcoind; waiting for it.");
        lock.lock().map_err(|e| at(&cache, &e))?;
    }
    match locate::find()? {
        Some(found) => Ok(found),
        None => build(&cache),
    }
}

fn build(cache: &Path) -> Result<PathBuf, String> {
    packages::ensure(&packages::NODE)?;
    let source = source()?;
    let work = Work::open(cache, &source)?;
    eprintln!(
        "Building bitcoind from {}: once per user, about 8 minutes on two cores. Log: {}",
        source.display(),
        work.log.display()
    );
    let built = work.build(&source);
    if built.is_err() {
        work.distrust();
    }
    built?;
    work.install(cache)
}

/// Where cargo unpacked Bitcoin Core's source; `cargo metadata` downloads it if need be.
fn source() -> Result<PathBuf, String> {
    let answer = output(&mut cargo("metadata --format-version 1"))?;
    let metadata: Value = serde_json::from_slice(&answer)
        .map_err(|e| format!("cargo metadata gave no valid JSON: {e}"))?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "libbitcoinkernel-sys" && package["version"] == VERSION)
        .ok_or_else(|| {
            format!("cargo metadata doesn't list libbitcoinkernel-sys {VERSION}: crates/xtask/Cargo.toml must ask for that version")
        })?;
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let source = Path::new(manifest).with_file_name("bitcoin");
    if source.join("CMakeLists.txt").is_file() {
        Ok(source)
    } else {
        Err(format!(
            "{} has no CMakeLists.txt: delete the crate's folder there and try again",
            source.display()
        ))
    }
}

/// The folder of a build under way, beside the place where its result goes. It survives an
/// interrupted build, which then goes on where it was, but not a failed one.
struct Work {
    folder: PathBuf,
    stamp: PathBuf,
    log: PathBuf,
}

impl Work {
    fn open(cache: &Path, source: &Path) -> Result<Self, String> {
        let folder = cache.join(format!("{VERSION}.build"));
        let work = Self {
            stamp: folder.join("source"),
            log: cache.join(format!("{VERSION}.log")),
            folder,
        };
        let source = source.to_string_lossy();
        if fs::read_to_string(&work.stamp).is_ok_and(|old| old == source) {
            eprintln!("Going on with an interrupted build.");
            return Ok(work);
        }
        clear(&work.folder)?;
        fs::create_dir_all(&work.folder).map_err(|e| at(&work.folder, &e))?;
        fs::write(&work.stamp, source.as_bytes()).map_err(|e| at(&work.stamp, &e))?;
        Ok(work)
    }

    /// Makes the next build start from nothing.
    fn distrust(&self) {
        // When it can't be removed, the next build fails in the same way and says so.
        let _ = fs::remove_file(&self.stamp);
    }

    fn build(&self, source: &Path) -> Result<(), String> {
        let log = File::create(&self.log).map_err(|e| at(&self.log, &e))?;
        let mut cmake = Command::new("cmake");
        cmake.arg("-S").arg(source).arg("-B").arg(&self.folder);
        cmake.args(["-G", "Ninja"]).args(OPTIONS.split_whitespace());
        let mut ninja = Command::new("ninja");
        ninja.arg("-C").arg(&self.folder).args(PROGRAMS);
        for mut command in [cmake, ninja] {
            logged(&mut command, &log).map_err(|reason| {
                let end = tail(&self.log, 25);
                let log = self.log.display();
                format!("building bitcoind failed: {reason}. The end of {log}:\n{end}")
            })?;
        }
        Ok(())
    }

    /// Puts the stripped programs into the cache, in one step.
    fn install(&self, cache: &Path) -> Result<PathBuf, String> {
        let fresh = cache.join(format!("{VERSION}.new"));
        clear(&fresh)?;
        fs::create_dir(&fresh).map_err(|e| at(&fresh, &e))?;
        for program in PROGRAMS {
            let built = self.folder.join("bin").join(program);
            output(
                Command::new("strip")
                    .arg("-o")
                    .arg(fresh.join(program))
                    .arg(built),
            )?;
        }
        // A node that doesn't even start must not get into the cache.
        output(Command::new(fresh.join("bitcoind")).arg("-version"))?;
        let done = cache.join(VERSION);
        clear(&done)?;
        fs::rename(&fresh, &done).map_err(|e| at(&done, &e))?;
        clear(&self.folder)?;
        Ok(done.join("bitcoind"))
    }
}

/// Runs one step with its output in `log`, and says at every tenth how far ninja has come.
fn logged(command: &mut Command, mut log: &File) -> Result<(), String> {
    let line = words(command);
    let stderr = log.try_clone().map_err(|e| e.to_string())?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|e| format!("`{line}` can't be started: {e}"))?;
    let mut shown = 0;
    for line in BufReader::new(child.stdout.take().expect("piped above")).split(b'\n') {
        let mut line = line.map_err(|e| e.to_string())?;
        if let Some((done, all)) = progress(&line) {
            let tenth = done * 10 / all;
            if tenth > shown {
                shown = tenth;
                eprintln!("{done} of {all} steps");
            }
        }
        line.push(b'\n');
        log.write_all(&line).map_err(|e| e.to_string())?;
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` ended with {status}"))
    }
}

/// The numbers at the start of a line of ninja: `[12/297] Building …`.
fn progress(line: &[u8]) -> Option<(u64, u64)> {
    let line = std::str::from_utf8(line).ok()?;
    let (done, all) = line.strip_prefix('[')?.split_once(']')?.0.split_once('/')?;
    let all = all.parse().ok().filter(|&all| all > 0)?;
    Some((done.parse().ok()?, all))
}

fn tail(file: &Path, lines: usize) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Removes a folder, which need not exist.
pub(crate) fn clear(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(at(folder, &e)),
        _ => Ok(()),
    }
}

pub(crate) fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{} can't be used: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_progress_of_ninja() {
        assert_eq!(progress(b"[12/297] Building CXX object a"), Some((12, 297)));
        for other in [
            "",
            "[12/0] x",
            "[x/2] y",
            "12/297",
            "[1/2",
            "-- Configuring done",
        ] {
            assert_eq!(progress(other.as_bytes()), None, "{other}");
        }
    }
}
