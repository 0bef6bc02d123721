//! Opening several sources, each with as much patience as a person at the terminal has.

use super::Schedule;
use crate::address::Address;
use crate::{ChainError, ChainSource, CoreRpc, foreign};
use std::path::Path;
use std::time::Duration;

/// How long to wait for sources that don't answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Nobody is asked again later than this after the first question. One source that stalls is given
    /// up after half of it; only answers full of blocks may take longer, as long as they keep coming.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(10),
        }
    }
}

impl Patience {
    /// When to ask again.
    #[must_use]
    pub const fn schedule(self) -> Schedule {
        Schedule::within(self.total)
    }
}

/// Opens the sources that `addresses` name, in the forms of [`crate::open`]; nothing is contacted
/// yet.
pub fn open_all(
    addresses: &[String],
    home: &Path,
    patience: Patience,
) -> Result<Vec<Box<dyn ChainSource>>, ChainError> {
    let mut sources: Vec<Box<dyn ChainSource>> = Vec::new();
    for address in addresses {
        let source: Box<dyn ChainSource> = match Address::parse(address, home)? {
            Address::Core(endpoint) => Box::new(CoreRpc::patient(endpoint, patience.total)),
            _ => crate::open(address, home)?,
        };
        // What is remembered of a source goes by its name, so there can be one of each.
        if sources.iter().any(|other| other.name() == source.name()) {
            return Err(ChainError::BadAddress {
                given: foreign(source.name()),
                reason: "it is named twice; name each source once".into(),
            });
        }
        sources.push(source);
    }
    Ok(sources)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn open(addresses: &[&str]) -> Result<Vec<Box<dyn ChainSource>>, ChainError> {
        let home = tempfile::tempdir().unwrap();
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        open_all(&addresses, home.path(), Patience::default())
    }

    #[test]
    fn t21_several_sources_are_opened_in_order_and_no_password_is_told() {
        let sources = open(&[
            "http://user:p%40ss%20word@127.0.0.1:1",
            "simulated",
            "cookie:/x/.cookie@127.0.0.1:2",
        ])
        .unwrap();
        let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
        assert_eq!(names[0], "Bitcoin Core at 127.0.0.1:1");
        assert!(names[1].contains("simulated"));
        assert_eq!(names[2], "Bitcoin Core at 127.0.0.1:2");
        assert!(!format!("{sources:?}").contains("p@ss"));
        // Twice, though with other words.
        let error = open(&["http://user:hunter2@127.0.0.1:1", "cookie:/x@127.0.0.1:1"]);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("twice") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(open(&["simulated", "nonsense"]).is_err());
    }
}
