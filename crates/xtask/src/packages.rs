//! What the tests' foreign programs take, by the names of the Debian packages. Each is probed by what
//! it gives (a program, a header, a module), so that other systems and hand-made installations
//! count too.

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
    /// Modules that python3 finds.
    Modules(&'static str),
}

/// What something takes: package and probe.
pub(crate) struct Needs {
    /// What it is for, as the subject of a sentence.
    what: &'static str,
    /// What to do where there is no such package.
    otherwise: &'static str,
    packages: &'static [(&'static str, Probe)],
}

/// The compiler comes before the headers: it looks for them.
pub(crate) const NODE: Needs = Needs {
    what: "building Bitcoin Core",
    otherwise: "install them, or set BITCOIND_EXE to a bitcoind of version 29 or later",
    packages: &[
        ("g++", Probe::Program("c++")),
        ("cmake", Probe::Program("cmake")),
        ("ninja-build", Probe::Program("ninja")),
        ("pkg-config", Probe::Program("pkg-config")),
        ("libboost-dev", Probe::Header("boost/version.hpp")),
        ("libevent-dev", Probe::Header("event2/event.h")),
    ],
};

/// Debian keeps what fills a virtual environment in a package of its own.
const VENV: &[(&str, Probe)] = &[
    ("python3", Probe::Program("python3")),
    ("python3-venv", Probe::Modules("venv, ensurepip")),
];

pub(crate) const EMBIT: Needs = Needs {
    what: "the virtual environment of embit",
    otherwise: "install them, or set EMBIT_PYTHON to a python3 that has the module embit",
    packages: VENV,
};

pub(crate) const ELECTRUM: Needs = Needs {
    what: "the virtual environment of the Electrum server",
    otherwise: "install them, or set ELECTRUM_SERVER_PYTHON to a python3 that has e-x and plyvel",
    packages: VENV,
};

/// For the readers of QR frames.
pub(crate) const NODEJS: Needs = Needs {
    what: "reading QR frames with other programs",
    otherwise: "install them, or set CODE_READERS to a folder like the one that `cargo xtask codes` makes",
    packages: &[
        ("nodejs", Probe::Program("node")),
        ("npm", Probe::Program("npm")),
    ],
};

/// Makes sure that everything needed is installed; as root with `apt-get`, saying so.
///
/// # Errors
/// One sentence that names what is missing and what to type.
pub(crate) fn ensure(needs: &Needs) -> Result<(), String> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let Needs {
        what, otherwise, ..
    } = needs;
    if !on_path("apt-get") {
        return Err(format!(
            "{what} needs what Debian calls {names}: {otherwise}"
        ));
    }
    if !is_root() {
        return Err(format!(
            "{what} needs the packages {names}: type `sudo apt-get install --no-install-recommends {names}` and try again"
        ));
    }
    eprintln!("Installing the Debian packages {names}, which {what} needs.");
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
    let still = self::missing(needs);
    if still.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{} still can't be found after apt-get installed it: look at its output above",
            still.join(" ")
        ))
    }
}

fn missing(needs: &Needs) -> Vec<&'static str> {
    needs
        .packages
        .iter()
        .filter(|(_, probe)| match probe {
            Probe::Program(name) => !on_path(name),
            Probe::Header(name) => !header(name),
            Probe::Modules(names) => {
                !succeeds(Command::new("python3").args(["-c", &format!("import {names}")]))
            }
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
