//! What a command has at hand: the data folder, the chain sources' names, the clock and randomness.
//! Everything is opened when it is asked for, so that commands that need nothing open nothing.

use crate::args::Global;
use crate::config;
use crate::output::Output;
use crate::sources::Sources;
use quorate_coordinator::{Coordinator, Error, Moment};
use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a command has at hand.
pub(crate) struct Context {
    global: Global,
    pub(crate) output: Output,
    /// Opened and handed back: opening costs as much as most commands do with it.
    spare: RefCell<Option<Coordinator>>,
}

impl Context {
    pub(crate) const fn new(global: Global, output: Output) -> Self {
        Self {
            global,
            output,
            spare: RefCell::new(None),
        }
    }

    /// The data folder.
    pub(crate) fn home(&self) -> Result<PathBuf, Error> {
        config::home(self.global.home.clone())
    }

    /// The data folder's vaults.
    pub(crate) fn coordinator(&self) -> Result<Coordinator, Error> {
        let coordinator = match self.spare.take() {
            Some(coordinator) => coordinator,
            None => Coordinator::open(&self.home()?)?,
        };
        Ok(coordinator.at(Self::now()?))
    }

    /// Takes back what isn't needed any more, for the next who asks.
    pub(crate) fn hand_back(&self, coordinator: Coordinator) {
        self.spare.replace(Some(coordinator));
    }

    /// The chain sources' addresses, the preferred first.
    pub(crate) fn nodes(&self) -> Result<Vec<String>, Error> {
        config::nodes(&self.global.node)
    }

    /// The chain sources, behind one; nothing is asked of them yet.
    pub(crate) fn source(&self) -> Result<Sources<'_>, Error> {
        Sources::open(self)
    }

    /// How long to try sources that don't answer, in seconds, if that was said.
    pub(crate) const fn node_timeout(&self) -> Option<u32> {
        self.global.node_timeout
    }

    /// Seconds since 1970.
    pub(crate) fn now() -> Result<u64, Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since
            .map_err(|_| Error::refused("clock", "the clock stands before 1970: set it first"))?;
        Ok(since.as_secs())
    }

    /// Now, with fresh random bytes.
    pub(crate) fn moment() -> Result<Moment, Error> {
        Ok(Moment {
            now: Self::now()?,
            entropy: entropy()?,
        })
    }
}

/// 32 random bytes of the system.
pub(crate) fn entropy() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::refused(
            "entropy",
            format!("the system gives no random bytes: {error}"),
        )
    })?;
    Ok(bytes)
}
