//! Where figures come from, in one line: block, age, source.

use quorate_coordinator::view::AsOfView;
use quorate_core::text::escape;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Older than this, figures come with the hint to look again.
const STALE: u64 = HOUR;

/// `block 118 (2 min ago) from Bitcoin Core at 127.0.0.1:18443`, and what to do about it if that is
/// old or a rescan is under way.
pub(crate) fn origin(as_of: &AsOfView, now: u64) -> String {
    let mut text = format!("block {}", as_of.height);
    if let Some(at) = as_of.synced_at {
        text.push_str(&format!(" ({})", ago(now, at)));
    }
    if let Some(source) = &as_of.source {
        text.push_str(&format!(" from {}", escape(source)));
    }
    if let Some(to) = as_of.rescanning_to {
        text.push_str(&format!(
            "; being looked up anew up to block {to}, so figures may change: `quorate sync` goes on"
        ));
    } else if as_of
        .synced_at
        .is_some_and(|at| now.saturating_sub(at) > STALE)
    {
        text.push_str("; that is old: `quorate sync` looks again");
    }
    text
}

/// The same as a line of its own; nothing if the chain was never looked at.
pub(crate) fn line(as_of: Option<&AsOfView>, now: u64) -> String {
    as_of.map_or_else(String::new, |as_of| {
        format!("as of {}\n", origin(as_of, now))
    })
}

/// How long ago, in words.
pub(crate) fn ago(now: u64, at: u64) -> String {
    match now.checked_sub(at) {
        Some(seconds) => format!("{} ago", span(seconds)),
        // Header times may be ahead of the clock.
        None => format!("{} ahead of this clock", span(at - now)),
    }
}

/// A span of time, in the largest unit that fits.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        DAY.. if seconds / DAY == 1 => "1 day".to_owned(),
        DAY.. => format!("{} days", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn as_of(age: u64) -> AsOfView {
        AsOfView {
            source: Some("Bitcoin Core at 127.0.0.1:18443".to_owned()),
            height: 118,
            time: None,
            synced_at: Some(NOW - age),
            rescanning_to: None,
        }
    }

    #[test]
    fn figures_say_where_they_come_from() {
        assert_eq!(
            line(Some(&as_of(125)), NOW),
            "as of block 118 (2 min ago) from Bitcoin Core at 127.0.0.1:18443\n"
        );
        assert_eq!(line(None, NOW), "");
        let unknown = AsOfView {
            source: None,
            synced_at: None,
            ..as_of(0)
        };
        assert_eq!(line(Some(&unknown), NOW), "as of block 118\n");
        let mut evil = as_of(0);
        evil.source = Some("\x1b[2J".to_owned());
        assert!(!line(Some(&evil), NOW).contains('\x1b'));
    }

    #[test]
    fn old_figures_come_with_a_hint() {
        assert!(!line(Some(&as_of(HOUR)), NOW).contains("quorate sync"));
        assert!(line(Some(&as_of(HOUR + 1)), NOW).contains("(1 h ago)"));
        assert!(line(Some(&as_of(HOUR + 1)), NOW).contains("`quorate sync` looks again"));
        let mut rescan = as_of(10 * DAY);
        rescan.rescanning_to = Some(900);
        let text = line(Some(&rescan), NOW);
        assert!(text.contains("anew up to block 900"), "{text}");
    }

    #[test]
    fn ages_are_told_in_the_largest_unit_that_fits() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (86_399, "23 h"),
            (86_400, "1 day"),
            (200_000, "2 days"),
        ] {
            assert_eq!(ago(NOW, NOW - seconds), format!("{words} ago"));
        }
        assert_eq!(ago(NOW, NOW + 61), "1 min ahead of this clock");
    }
}
