//! How far a long sync has come: one line on stderr that is written over, and only for a person who
//! looks at a terminal.

use crate::origin::span;
use crate::output::Output;
use crate::terminal;
use quorate_coordinator::sync::SyncProgress;
use std::time::{Duration, Instant};

/// Shorter syncs show nothing.
const WORTH_SHOWING: u32 = 100;

/// The line.
pub(crate) struct Progress {
    output: Output,
    visible: bool,
    /// The first step and when it was; what is told of speed counts from there.
    first: Option<(SyncProgress, Instant)>,
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
        let (first, start) = *self.first.get_or_insert((step, Instant::now()));
        // A vault that is behind is followed from where it stands: another stretch.
        if step.height < first.height {
            self.first = Some((step, Instant::now()));
            return;
        }
        if !self.visible || step.tip.saturating_sub(first.height) < WORTH_SHOWING {
            return;
        }
        let line = line(first.height, step, start.elapsed());
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

/// `block 500 of 1000 (50 %), 120 blocks/s, 4 s left`, from block `first` on in `elapsed`.
fn line(first: u32, step: SyncProgress, elapsed: Duration) -> String {
    let all = u64::from(step.tip.saturating_sub(first)).max(1);
    let done = u64::from(step.height.saturating_sub(first)).min(all);
    let percent = done * 100 / all;
    let mut line = format!("block {} of {} ({percent} %)", step.height, step.tip);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    // The first moments say nothing of the rest.
    if done > 0 && millis >= 500 {
        let speed = done.saturating_mul(1_000) / millis;
        let left = (all - done).saturating_mul(millis) / done / 1_000;
        line.push_str(&format!(", {speed} blocks/s, {} left", span(left)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let step = |height| SyncProgress {
            height,
            tip: 1_100,
            new_transactions: 0,
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
        // A tip that was taken back meanwhile.
        assert!(line(200, step(150), Duration::from_secs(1)).contains("(0 %)"));
    }
}
