//! Where the program looks for its settings. Every variable of the environment that it reads is
//! read here.

use quorate_coordinator::Error;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// The data folder.
pub(crate) const HOME: &str = "QUORATE_HOME";
/// The chain source.
pub(crate) const NODE: &str = "QUORATE_NODE";
/// How long to try chain sources that don't answer.
pub(crate) const NODE_TIMEOUT: &str = "QUORATE_NODE_TIMEOUT";
/// The passphrase of a software key.
pub(crate) const PASSPHRASE: &str = "QUORATE_PASSPHRASE";

/// A variable that says where other programs are: for the demo's node.
pub(crate) fn tool(name: &str) -> Option<OsString> {
    variable(name)
}

/// A command that doesn't inherit our settings.
pub(crate) fn forget(command: &mut std::process::Command) {
    for name in [HOME, NODE, NODE_TIMEOUT, PASSPHRASE] {
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

/// The chain sources, the preferred first: what was given, else the environment.
pub(crate) fn nodes(given: &[String]) -> Result<Vec<String>, Error> {
    let nodes = if given.is_empty() {
        text(NODE)?.map(|text| several(&text)).unwrap_or_default()
    } else {
        given.to_vec()
    };
    if nodes.is_empty() {
        return Err(
            Error::input("no_chain_source", "no chain source is named").hint(format!(
                "name one with --node or {NODE}: http://USER:PASSWORD@127.0.0.1:8332, \
                 cookie:PATH@127.0.0.1:8332, electrum://HOST:50001, electrums://HOST:50002 or simulated"
            )),
        );
    }
    Ok(nodes)
}

/// Addresses separated by spaces. A path may have spaces in it, so a word that doesn't begin like an
/// address belongs to the one before.
fn several(text: &str) -> Vec<String> {
    let begins = |word: &str| {
        let scheme = word.split_once(':').map_or(word, |(scheme, _)| scheme);
        word == "simulated"
            || word.contains(':')
                && scheme.len() > 1
                && scheme.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let mut nodes: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        // Up to the next white space after which another address begins.
        let spaces = rest.match_indices(char::is_whitespace);
        let end = spaces
            .map(|(at, _)| at)
            .find(|&at| rest[at..].split_whitespace().next().is_some_and(begins));
        let (node, later) = rest.split_at(end.unwrap_or(rest.len()));
        nodes.push(node.trim_end().to_owned());
        rest = later.trim_start();
    }
    nodes
}

/// How long to try chain sources that don't answer: what was given, else the environment.
pub(crate) fn node_timeout(given: Option<u32>) -> Result<Option<Duration>, Error> {
    let seconds = match (given, text(NODE_TIMEOUT)?) {
        (Some(seconds), _) => Some(seconds),
        (None, Some(text)) => {
            let seconds = text
                .parse()
                .ok()
                .filter(|seconds| (1..=600).contains(seconds));
            Some(seconds.ok_or_else(|| {
                Error::input(
                    "bad_environment",
                    format!("the variable {NODE_TIMEOUT} isn't a number of seconds from 1 to 600"),
                )
            })?)
        }
        (None, None) => None,
    };
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
}

/// The passphrase, where the environment has one.
pub(crate) fn passphrase() -> Result<Option<Zeroizing<String>>, Error> {
    Ok(text(PASSPHRASE)?.map(Zeroizing::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sources_stand_in_one_variable() {
        for (text, expected) in [
            ("simulated", vec!["simulated"]),
            (
                " http://u:p%20%40@a:1  cookie:/x/.cookie@b:2\nsimulated ",
                vec!["http://u:p%20%40@a:1", "cookie:/x/.cookie@b:2", "simulated"],
            ),
            // A space in a path is no end.
            (
                "cookie:/home/a b/c  d/.cookie@b:2 simulated:/tmp/x y.jsonl",
                vec![
                    "cookie:/home/a b/c  d/.cookie@b:2",
                    "simulated:/tmp/x y.jsonl",
                ],
            ),
            (
                "electrum://a:1 http://u:p@b:2",
                vec!["electrum://a:1", "http://u:p@b:2"],
            ),
            ("nonsense", vec!["nonsense"]),
        ] {
            assert_eq!(several(text), expected, "{text}");
        }
    }
}
