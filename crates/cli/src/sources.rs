//! The chain sources of a command: opened with what earlier commands saw of them, and at the end what
//! this one saw is kept and told.

use crate::config;
use crate::context::{Context, entropy};
use quorate_chain::failover::{Clock, Patience, open_all};
use quorate_chain::{ChainSource, Failover};
use quorate_coordinator::view::SourcesView;
use quorate_coordinator::{Coordinator, Error};
use quorate_core::text::escape;
use std::cell::Cell;
use std::ops::Deref;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The chain sources of one command.
pub(crate) struct Sources<'a> {
    failover: Failover,
    context: &'a Context,
}

impl<'a> Sources<'a> {
    /// Opens what `--node` names; nothing is contacted yet.
    pub(crate) fn open(context: &'a Context) -> Result<Self, Error> {
        let failover = Self::unattended(context)?;
        Ok(Self { failover, context })
    }

    /// The same for a thread that outlives the command's frame, and keeps itself what it sees of them.
    pub(crate) fn unattended(context: &Context) -> Result<Failover, Error> {
        let patience = config::node_timeout(context.node_timeout())?;
        let patience = patience.map_or_else(Patience::default, |total| Patience { total });
        let addresses = context.nodes()?;
        let sources = open_all(&addresses, &context.home()?, patience)?;
        let mut coordinator = match context.coordinator() {
            Ok(coordinator) => Some(coordinator),
            Err(error) if error.code == "no_home" => None,
            Err(error) => return Err(error),
        };
        let mut remembered = Vec::new();
        for source in &sources {
            let health = coordinator
                .as_mut()
                .map(|coordinator| coordinator.source_health(source.name()))
                .transpose()?;
            remembered.push((source.name().to_owned(), health.flatten()));
        }
        let health = |name: &str| {
            let found = remembered.iter().find(|(other, _)| other == name);
            found.and_then(|(_, health)| health.clone())
        };
        let network = coordinator.as_ref().map(Coordinator::network);
        if let Some(coordinator) = coordinator {
            context.hand_back(coordinator);
        }
        let clock = Box::new(SystemClock::new());
        Ok(Failover::new(
            sources,
            health,
            network,
            patience.schedule(),
            clock,
        )?)
    }

    /// Looks at each of them.
    pub(crate) fn look(&mut self) -> SourcesView {
        quorate_coordinator::sources(&mut self.failover)
    }
}

/// To whom there is one source.
impl Deref for Sources<'_> {
    type Target = dyn ChainSource;

    fn deref(&self) -> &Self::Target {
        &self.failover
    }
}

impl AsRef<dyn ChainSource> for Sources<'_> {
    fn as_ref(&self) -> &(dyn ChainSource + 'static) {
        &self.failover
    }
}

/// However the command ended: what was seen of the sources helps the next one. That it can't be kept is
/// no reason to fail.
impl Drop for Sources<'_> {
    fn drop(&mut self) {
        for remark in self.failover.take_remarks() {
            self.context
                .output
                .remark(&format!("note: {}", escape(&remark)));
        }
        let news = self.failover.take_news();
        if !news.is_empty()
            && let Ok(mut coordinator) = self.context.coordinator()
        {
            let _ = coordinator.remember_sources(news);
        }
    }
}

/// The system's clock and randomness.
#[derive(Debug)]
struct SystemClock {
    start: Instant,
    /// For when the system gives no random bytes: jitter isn't worth an error.
    count: Cell<u64>,
}

impl SystemClock {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            count: Cell::new(0),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }

    fn random(&self) -> u64 {
        self.count.set(self.count.get().wrapping_add(1));
        entropy().map_or(self.count.get(), |bytes| {
            bytes[..8]
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        })
    }
}
