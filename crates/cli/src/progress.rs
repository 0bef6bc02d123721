//! How far a long sync has come: one line on stderr that is written over, and only for a person who
//! looks at a terminal.

use crate::origin::span;
use crate::output::Output;
use crate::terminal;
use quorate_coordinator::sync::{Asked, SyncProgress};
use std::time::{Duration, Instant};

/// Shorter work shows nothing.
const WORTH_SHOWING: u64 = 100;

/// The line.
pub(crate) struct Progress {
    output: Output,
    visible: bool,
    /// The first step of the work at hand and when it was; what is told of speed counts from there.
    first: Option<(Stretch, Instant)>,
    shown: Option<String>,
}

impl Progress {
    pub(crate) fn new(output: Output) -> Self {
        let visible = output.is_chatty() && terminal::shows_stderr();
        Self {
            output,
            visible,
            first: None,
            shown: None,
        }
    }

    /// Shows a step, if it says something else than the one before.
    pub(crate) fn step(&mut self, step: SyncProgress) {
        let step = Stretch::of(step);
        let (first, start) = *self.first.get_or_insert((step, Instant::now()));
        // Other work, or a vault that is behind and is followed from where it stands: another stretch.
        if step.what != first.what || step.done < first.done {
            self.first = Some((step, Instant::now()));
            return;
        }
        if !self.visible || step.all.saturating_sub(first.done) < WORTH_SHOWING {
            return;
        }
        let line = line(first.done, step, start.elapsed());
        if self.shown.as_ref() != Some(&line) {
            let width = self.shown.as_ref().map_or(0, String::len);
            self.output.ask(&format!("\r{line:width$} "));
            self.shown = Some(line);
        }
    }

    /// Removes the line.
    pub(crate) fn end(self) {
        if let Some(line) = self.shown {
            self.output
                .ask(&format!("\r{}\r", " ".repeat(line.len() + 1)));
        }
    }
}

/// So many of one kind.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// One of them, and many.
    what: [&'static str; 2],
    done: u64,
    all: u64,
}

impl Stretch {
    fn of(step: SyncProgress) -> Self {
        match step {
            SyncProgress::Blocks { height, tip, .. } => Self {
                what: ["block", "blocks"],
                done: height.into(),
                all: tip.into(),
            },
            SyncProgress::Asked { what, done, all } => Self {
                what: match what {
                    Asked::Addresses => ["address", "addresses"],
                    Asked::Histories => ["history", "histories"],
                    Asked::Transactions => ["transaction", "transactions"],
                    Asked::Headers => ["header", "headers"],
                    Asked::Proofs => ["proof", "proofs"],
                },
                done,
                all,
            },
        }
    }
}

/// `block 500 of 1000 (50 %), 120 blocks/s, 4 s left`, from number `first` on in `elapsed`.
fn line(first: u64, step: Stretch, elapsed: Duration) -> String {
    let all = step.all.saturating_sub(first).max(1);
    let done = step.done.saturating_sub(first).min(all);
    let percent = done * 100 / all;
    let [one, many] = step.what;
    let mut line = format!("{one} {} of {} ({percent} %)", step.done, step.all);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    // The first moments say nothing of the rest.
    if done > 0 && millis >= 500 {
        let speed = done.saturating_mul(1_000) / millis;
        let left = (all - done).saturating_mul(millis) / done / 1_000;
        line.push_str(&format!(", {speed} {many}/s, {} left", span(left)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let step = |height| {
            Stretch::of(SyncProgress::Blocks {
                height,
                tip: 1_100,
                new_transactions: 0,
            })
        };
        let after = |height, millis| line(100, step(height), Duration::from_millis(millis));
        assert_eq!(after(100, 0), "block 100 of 1100 (0 %)");
        assert_eq!(after(350, 499), "block 350 of 1100 (25 %)");
        assert_eq!(
            after(350, 2_000),
            "block 350 of 1100 (25 %), 125 blocks/s, 6 s left"
        );
        assert_eq!(
            after(1_100, 10_000),
            "block 1100 of 1100 (100 %), 100 blocks/s, 0 s left"
        );
        assert_eq!(
            after(101, 600_000),
            "block 101 of 1100 (0 %), 0 blocks/s, 6 days left"
        );
        let proofs = Stretch::of(SyncProgress::Asked {
            what: Asked::Proofs,
            done: 600,
            all: 3_000,
        });
        assert_eq!(
            line(200, proofs, Duration::from_secs(2)),
            "proof 600 of 3000 (14 %), 200 proofs/s, 12 s left"
        );
        // A tip that was taken back meanwhile.
        assert!(line(200, step(150), Duration::from_secs(1)).contains("(0 %)"));
    }
}
