//! How far a long sync has come: one line on stderr that is written over, and only for a person who
//! looks at a terminal.

use crate::output::Output;
use crate::terminal;
use quorate_coordinator::sync::SyncProgress;

/// Shorter syncs show nothing.
const WORTH_SHOWING: u32 = 100;

/// The line.
pub(crate) struct Progress {
    output: Output,
    visible: bool,
    first: Option<u32>,
    shown: Option<u32>,
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

    /// Shows a step, at most once for each percent.
    pub(crate) fn step(&mut self, step: SyncProgress) {
        let first = *self.first.get_or_insert(step.height);
        let all = step.tip.saturating_sub(first);
        if !self.visible || all < WORTH_SHOWING {
            return;
        }
        let done = u64::from(step.height.saturating_sub(first)) * 100 / u64::from(all);
        let percent = u32::try_from(done).unwrap_or(100).min(100);
        if self.shown != Some(percent) {
            self.shown = Some(percent);
            self.output.ask(&format!(
                "\rblock {} of {} ({percent} %) ",
                step.height, step.tip
            ));
        }
    }

    /// Removes the line.
    pub(crate) fn end(self) {
        if self.shown.is_some() {
            self.output.ask(&format!("\r{}\r", " ".repeat(60)));
        }
    }
}
