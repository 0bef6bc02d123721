//! Measuring as ratios. A time says little about a machine that does other things too; the ratio
//! to bare work measured in the same run, in turns, says whether our share grew.
#![warn(missing_docs)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// One line of a table.
#[derive(Debug, Clone)]
pub struct Line {
    /// What was done.
    pub what: String,
    /// How long it took.
    pub time: Duration,
    /// The ratio to the bare work that it may have at most, where one is promised.
    pub at_most: Option<f64>,
}

/// Something to measure: a name, and what to run.
pub struct Work<'a> {
    what: &'a str,
    at_most: Option<f64>,
    run: Box<dyn FnMut() + 'a>,
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("what", &self.what).finish()
    }
}

impl<'a> Work<'a> {
    /// Work to compare with, or a part of ours that explains the whole.
    pub fn new(what: &'a str, run: impl FnMut() + 'a) -> Self {
        Self {
            what,
            at_most: None,
            run: Box::new(run),
        }
    }

    /// The same, held to a ratio.
    #[must_use]
    pub const fn at_most(mut self, ratio: f64) -> Self {
        self.at_most = Some(ratio);
        self
    }
}

/// Runs all works in turns, `rounds` times, and keeps the fastest time of each: others on the
/// machine only ever add to it. The first is the bare one.
#[must_use]
pub fn measure(rounds: usize, mut works: Vec<Work<'_>>) -> Vec<Line> {
    let mut best = vec![Duration::MAX; works.len()];
    for _ in 0..rounds {
        for (work, best) in works.iter_mut().zip(&mut best) {
            let start = Instant::now();
            (work.run)();
            *best = start.elapsed().min(*best);
        }
    }
    let lines = works.iter().zip(best).map(|(work, time)| Line {
        what: work.what.to_owned(),
        time,
        at_most: work.at_most,
    });
    lines.collect()
}

/// Writes `lines` under `title`, each with its ratio to the first.
#[must_use]
pub fn table(title: &str, lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.what.len()).max().unwrap_or(0);
    let mut out = format!(
        "\n{title}\n{:width$} {:>10} {:>7} {:>8}\n",
        "", "ms", "ratio", "at most"
    );
    for line in lines {
        let verdict = match line.at_most {
            None => String::new(),
            Some(limit) if ratio(lines, line) <= limit => format!("{limit:>8.1}  met"),
            Some(limit) => format!("{limit:>8.1}  MISSED"),
        };
        let _ = writeln!(
            out,
            "{:width$} {:>10.2} {:>7.2} {verdict}",
            line.what,
            line.time.as_secs_f64() * 1e3,
            ratio(lines, line),
        );
    }
    out
}

/// The lines whose promised ratio was missed.
#[must_use]
pub fn missed(lines: &[Line]) -> Vec<&Line> {
    let over = |line: &&Line| line.at_most.is_some_and(|limit| ratio(lines, line) > limit);
    lines.iter().filter(over).collect()
}

fn ratio(lines: &[Line], line: &Line) -> f64 {
    let bare = lines.first().map_or(0.0, |bare| bare.time.as_secs_f64());
    line.time.as_secs_f64() / bare
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str, ms: u64, at_most: Option<f64>) -> Line {
        Line {
            what: what.to_owned(),
            time: Duration::from_millis(ms),
            at_most,
        }
    }

    #[test]
    fn a_ratio_over_its_limit_is_called_missed() {
        let lines = [
            line("bare", 10, None),
            line("good", 15, Some(1.5)),
            line("slow", 16, Some(1.5)),
            line("peer", 99, None),
        ];
        let names: Vec<&str> = missed(&lines).iter().map(|l| l.what.as_str()).collect();
        assert_eq!(names, ["slow"]);
        let shown = table("t", &lines);
        assert_eq!(shown.matches("MISSED").count(), 1);
        assert_eq!(shown.matches("met").count(), 1);
        assert!(shown.contains("9.90"), "{shown}");
    }

    #[test]
    fn every_work_runs_in_every_round_and_the_best_time_counts() {
        let (mut first, mut second) = (0, 0);
        let lines = measure(
            3,
            vec![
                Work::new("a", || first += 1),
                Work::new("b", || second += 1).at_most(2.0),
            ],
        );
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.time < Duration::MAX));
        assert_eq!((first, second), (3, 3));
    }
}
