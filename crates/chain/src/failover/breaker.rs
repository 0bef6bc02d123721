//! A circuit breaker: a source that failed is left alone for a while, twice as long each time, and
//! then tried once. Pure: time and randomness are given, and who keeps it between processes is
//! up to the caller.

use super::schedule::jitter;
use std::time::Duration;

/// How long a source is left alone after its first failure.
const FIRST: Duration = Duration::from_secs(30);
/// And at most.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What is remembered of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Failures in a row, one for each time it was tried.
    pub failures: u32,
    /// When it came into its state, seconds since 1970; 0 if it was never asked.
    pub since: u64,
    /// Until when it is left alone, if it failed last.
    pub open_until: Option<u64>,
    /// When it failed last, and how, in words. Stays when it has come back.
    pub last_failure: Option<(u64, String)>,
}

/// Whether a source may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Yes.
    Closed,
    /// Not before this time, in seconds since 1970.
    Open(u64),
    /// Its time is over: it is tried once.
    HalfOpen,
}

impl Circuit {
    /// `closed`, `open` or `half_open`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Health {
    /// The state at `now`.
    #[must_use]
    pub fn circuit(&self, now: u64) -> Circuit {
        match self.open_until {
            None => Circuit::Closed,
            // A clock that was set back must not lock a source out for longer than the rule says.
            Some(until) if now < until && until - now <= longest_open() => Circuit::Open(until),
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// It answered. Returns whether that is news.
    pub fn succeeded(&mut self, now: u64) -> bool {
        if self.open_until.is_none() && self.since != 0 {
            return false;
        }
        self.failures = 0;
        self.open_until = None;
        self.since = now;
        true
    }

    /// It failed. One that was asked although it was to be left alone doesn't wait longer for it.
    pub fn failed(&mut self, now: u64, words: String, random: u64) {
        self.last_failure = Some((now, words));
        match self.circuit(now) {
            Circuit::Open(_) => return,
            Circuit::Closed => self.since = now,
            Circuit::HalfOpen => {}
        }
        self.failures = self.failures.saturating_add(1);
        let factor = 1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        let alone = FIRST.saturating_mul(factor).min(LONGEST);
        let alone = alone + jitter(alone / 4, random);
        self.open_until = Some(now.saturating_add(alone.as_secs()));
    }
}

const fn longest_open() -> u64 {
    LONGEST.as_secs() + LONGEST.as_secs() / 4
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn down(health: &mut Health, now: u64) {
        health.failed(now, "nobody listens".into(), 0);
    }

    #[test]
    fn it_opens_waits_is_tried_once_and_closes() {
        let mut health = Health::default();
        assert_eq!(health.circuit(NOW), Circuit::Closed);
        assert!(health.succeeded(NOW));
        assert!(!health.succeeded(NOW + 1), "nothing to write down");
        down(&mut health, NOW + 10);
        assert_eq!(health.circuit(NOW + 10), Circuit::Open(NOW + 40));
        assert_eq!(health.circuit(NOW + 39), Circuit::Open(NOW + 40));
        assert_eq!(health.circuit(NOW + 40), Circuit::HalfOpen);
        // Tried once, in vain: twice as long, and it is down since the first time.
        down(&mut health, NOW + 40);
        assert_eq!(health.circuit(NOW + 41), Circuit::Open(NOW + 100));
        assert_eq!((health.failures, health.since), (2, NOW + 10));
        assert!(health.succeeded(NOW + 100));
        assert_eq!(health.circuit(NOW + 100), Circuit::Closed);
        assert_eq!((health.failures, health.since), (0, NOW + 100));
        // What happened last is still told.
        let (at, words) = health.last_failure.unwrap();
        assert_eq!((at, words.as_str()), (NOW + 40, "nobody listens"));
    }

    #[test]
    fn one_outage_counts_once_however_often_it_is_asked() {
        let mut health = Health::default();
        for second in 0..20 {
            down(&mut health, NOW + second);
        }
        assert_eq!(health.failures, 1);
        assert_eq!(health.open_until, Some(NOW + 30));
        assert_eq!(health.last_failure.unwrap().0, NOW + 19);
    }

    #[test]
    fn it_never_waits_longer_than_the_longest() {
        let mut health = Health::default();
        let mut now = NOW;
        for _ in 0..100 {
            health.failed(now, String::new(), u64::MAX);
            let until = health.open_until.unwrap();
            assert!(until - now >= 30 && until - now <= longest_open());
            now = until;
        }
        assert!(health.open_until.unwrap() - now <= longest_open());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut health = Health::default();
        down(&mut health, NOW + 1_000_000);
        assert_eq!(health.circuit(NOW), Circuit::HalfOpen);
    }
}
