//! What building Bitcoin Core takes, by the names of the Debian packages. Each is probed by what
//! it gives (a program, a header), so that other systems and hand-made installations count too.

use crate::shell::{output, run, succeeds};
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// How to see that a package's content is there.
enum Probe {
    /// A program on the PATH.
    Program(&'static str),
    /// A header the compiler finds.
    Header(&'static str),
}

/// Package and probe. The compiler comes before the headers: it looks for them.
const NEEDED: [(&str, Probe); 6] = [
    ("g++", Probe::Program("c++")),
    ("cmake", Probe::Program("cmake")),
    ("ninja-build", Probe::Program("ninja")),
    ("pkg-config", Probe::Program("pkg-config")),
    ("libboost-dev", Probe::Header("boost/version.hpp")),
    ("libevent-dev", Probe::Header("event2/event.h")),
];

/// Makes sure that everything needed is installed; as root with `apt-get`, saying so.
///
/// # Errors
/// One sentence that names what is missing and what to type.
pub(crate) fn ensure() -> Result<(), String> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !on_path("apt-get") {
        return Err(format!(
            "building Bitcoin Core needs what Debian calls {names}: install them, or set BITCOIND_EXE to a bitcoind of version 29 or later"
        ));
    }
    if !is_root() {
        return Err(format!(
            "building Bitcoin Core needs the packages {names}: type `sudo apt-get install --no-install-recommends {names}` and try again"
        ));
    }
    eprintln!("Installing the Debian packages {names}, which building Bitcoin Core needs.");
    let apt = |args: &[&str]| {
        // stdout belongs to the path that `cargo xtask node` prints.
        run(Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(args)
            .stdin(Stdio::null())
            .stdout(std::io::stderr()))
    };
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)?;
    let still = self::missing();
    if still.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{} still can't be found after apt-get installed it: look at its output above",
            still.join(" ")
        ))
    }
}

fn missing() -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|(_, probe)| match probe {
            Probe::Program(name) => !on_path(name),
            Probe::Header(name) => !header(name),
        })
        .map(|&(package, _)| package)
        .collect()
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn header(name: &str) -> bool {
    let usual = || Path::new("/usr/include").join(name).is_file();
    if !on_path("c++") {
        return usual();
    }
    succeeds(
        Command::new("c++")
            .args(["-E", "-x", "c++", "-include", name])
            .arg("/dev/null"),
    )
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0")
}
