//! Where the program looks for its settings. Every variable of the environment that it reads is
//! read here.

use quorate_coordinator::Error;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The data folder.
pub(crate) const HOME: &str = "QUORATE_HOME";
/// The chain source.
pub(crate) const NODE: &str = "QUORATE_NODE";
/// The passphrase of a software key.
pub(crate) const PASSPHRASE: &str = "QUORATE_PASSPHRASE";

/// A variable that says where other programs are: for the demo's node.
pub(crate) fn tool(name: &str) -> Option<OsString> {
    variable(name)
}

/// A command that doesn't inherit our settings.
pub(crate) fn forget(command: &mut std::process::Command) {
    for name in [HOME, NODE, PASSPHRASE] {
        command.env_remove(name);
    }
}

/// A set variable; an empty one counts as not set.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &'static str) -> Result<Option<String>, Error> {
    variable(name)
        .map(|value| {
            value.into_string().map_err(|_| {
                Error::input(
                    "bad_environment",
                    format!("the variable {name} isn't valid UTF-8"),
                )
            })
        })
        .transpose()
}

/// The data folder: what was given, else the environment, else where such things belong.
pub(crate) fn home(given: Option<PathBuf>) -> Result<PathBuf, Error> {
    let below = |folder: OsString, rest: &str| PathBuf::from(folder).join(rest);
    given
        .or_else(|| variable(HOME).map(PathBuf::from))
        // Relative paths there are to be ignored, says the XDG specification.
        .or_else(|| {
            variable("XDG_DATA_HOME")
                .filter(|folder| PathBuf::from(folder).is_absolute())
                .map(|folder| below(folder, "quorate"))
        })
        .or_else(|| variable("HOME").map(|folder| below(folder, ".local/share/quorate")))
        .ok_or_else(|| {
            Error::input(
                "no_home",
                "there is no place for a data folder: HOME isn't set",
            )
            .hint(format!("name a folder with --home or {HOME}"))
        })
}

/// The chain source: what was given, else the environment.
pub(crate) fn node(given: Option<String>) -> Result<String, Error> {
    match given {
        Some(node) => Ok(node),
        None => text(NODE)?.ok_or_else(|| {
            Error::input("no_chain_source", "no chain source is named").hint(format!(
                "name one with --node or {NODE}: http://USER:PASSWORD@127.0.0.1:8332, \
                 cookie:PATH@127.0.0.1:8332, electrum://HOST:50001, electrums://HOST:50002 or simulated"
            ))
        }),
    }
}

/// The passphrase, where the environment has one.
pub(crate) fn passphrase() -> Result<Option<Zeroizing<String>>, Error> {
    Ok(text(PASSPHRASE)?.map(Zeroizing::new))
}
