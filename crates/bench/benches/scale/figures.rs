//! Tables of what was measured, with what was promised.

use std::fmt;
use std::time::Duration;

pub(crate) struct Figures {
    title: String,
    lines: Vec<String>,
}

impl Figures {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            lines: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, what: &str, time: Duration) {
        let ms = time.as_secs_f64() * 1e3;
        self.lines.push(format!("{what:64} {ms:>12.1} ms"));
    }

    pub(crate) fn size(&mut self, what: &str, count: u64, unit: &str) {
        self.lines.push(format!("{what:64} {count:>12} {unit}"));
    }

    pub(crate) fn memory(&mut self, what: &str, bytes: u64, limit: Option<u64>) {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let verdict = limit.map_or_else(String::new, |limit| {
            format!("  at most {:.0}  {}", mb(limit), met(bytes <= limit))
        });
        self.lines.push(format!(
            "{:64} {:>12.1} MB{verdict}",
            format!("  resident, {what}"),
            mb(bytes)
        ));
    }

    pub(crate) fn at_most(
        &mut self,
        how: &str,
        what: &str,
        ours: Duration,
        other: Duration,
        limit: f64,
    ) {
        let ratio = ours.as_secs_f64() / other.as_secs_f64();
        self.ratio(
            how,
            what,
            ratio,
            &format!("at most {limit}"),
            ratio <= limit,
        );
    }

    pub(crate) fn at_least(
        &mut self,
        how: &str,
        what: &str,
        other: Duration,
        ours: Duration,
        limit: f64,
    ) {
        let ratio = other.as_secs_f64() / ours.as_secs_f64();
        self.ratio(
            how,
            what,
            ratio,
            &format!("at least {limit}"),
            ratio >= limit,
        );
    }

    /// A ratio that nothing was promised about.
    pub(crate) fn compare(&mut self, what: &str, one: Duration, other: Duration) {
        let ratio = one.as_secs_f64() / other.as_secs_f64();
        self.lines.push(format!("  {what:62} {ratio:>12.2} x"));
    }

    fn ratio(&mut self, how: &str, what: &str, ratio: f64, limit: &str, is_met: bool) {
        let name = format!("  {what}: {how}");
        self.lines.push(format!(
            "{name:64} {ratio:>12.2} x  {limit}  {}",
            met(is_met)
        ));
    }
}

const fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.title)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
