//! When to ask again: exponential backoff with jitter, bounded in count and in time. Pure: time and
//! randomness are given.

use std::time::Duration;

/// How patient to be with sources that don't answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first wait, before jitter.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// How often to ask again at most.
    pub repeats: u32,
    /// No wait ends later than this after the question was first asked.
    pub total: Duration,
}

impl Schedule {
    /// A schedule that gives up after `total`.
    #[must_use]
    pub const fn within(total: Duration) -> Self {
        Self {
            first: Duration::from_millis(200),
            longest: Duration::from_secs(2),
            repeats: 3,
            total,
        }
    }

    /// How long to wait before asking again: after `repeats` repetitions so far, `elapsed` after the
    /// first question. `None`: give up. The wait is between half and all of what doubling says, so that
    /// homes that lost a node at the same moment don't come back at the same moment.
    #[must_use]
    pub fn wait(&self, repeats: u32, elapsed: Duration, random: u64) -> Option<Duration> {
        if repeats >= self.repeats {
            return None;
        }
        let factor = 1_u32.checked_shl(repeats).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.longest);
        let half = full / 2;
        let wait = half + jitter(full - half, random);
        (elapsed + wait < self.total).then_some(wait)
    }
}

/// A part of `span`, from nothing to all of it.
pub(super) fn jitter(span: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random % nanos.saturating_add(1).max(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const S: Schedule = Schedule {
        first: Duration::from_millis(200),
        longest: Duration::from_secs(1),
        repeats: 5,
        total: Duration::from_secs(10),
    };

    #[test]
    fn waits_double_up_to_the_longest() {
        for (repeats, full) in [(0, 200), (1, 400), (2, 800), (3, 1_000), (4, 1_000)] {
            let shortest = S.wait(repeats, Duration::ZERO, 0).unwrap();
            assert_eq!(shortest, Duration::from_millis(full / 2), "{repeats}");
            for random in [1, 77, 99_999_999, u64::MAX] {
                let wait = S.wait(repeats, Duration::ZERO, random).unwrap();
                assert!(wait >= shortest && wait <= Duration::from_millis(full));
            }
        }
    }

    #[test]
    fn jitter_reaches_both_ends_of_its_span() {
        let span = Duration::from_nanos(10);
        let all: Vec<u64> = (0..11)
            .map(|random| jitter(span, random).as_nanos() as u64)
            .collect();
        assert_eq!(all, (0..=10).collect::<Vec<_>>());
        assert_eq!(jitter(Duration::ZERO, 5), Duration::ZERO);
        assert!(jitter(Duration::MAX, u64::MAX) <= Duration::MAX);
    }

    #[test]
    fn it_gives_up_by_count_and_by_time() {
        assert_eq!(S.wait(5, Duration::ZERO, 0), None);
        assert_eq!(S.wait(u32::MAX, Duration::ZERO, 0), None);
        // 9.95 s gone: even the shortest wait would end too late.
        assert_eq!(S.wait(0, Duration::from_millis(9_950), 0), None);
        assert!(S.wait(0, Duration::from_millis(9_800), 0).is_some());
        let mut elapsed = Duration::ZERO;
        let short = Schedule::within(Duration::from_secs(1));
        let mut repeats = 0;
        while let Some(wait) = short.wait(repeats, elapsed, u64::MAX) {
            elapsed += wait;
            repeats += 1;
        }
        assert!(elapsed < Duration::from_secs(1) && repeats >= 1);
        assert_eq!(
            Schedule {
                total: Duration::ZERO,
                ..S
            }
            .wait(0, Duration::ZERO, 0),
            None
        );
    }

    #[test]
    fn absurd_numbers_do_no_harm() {
        let patient = Schedule {
            repeats: u32::MAX,
            total: Duration::MAX,
            ..S
        };
        assert!(patient.wait(1_000, Duration::ZERO, 7).unwrap() <= S.longest);
    }
}
