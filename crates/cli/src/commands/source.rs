//! `quorate source`: the chain sources, and how they are.

use crate::context::Context;
use crate::date;
use crate::origin::{ago, span};
use crate::output::Answer;
use crate::table::lines;
use quorate_coordinator::view::{SourceView, SourcesView};
use quorate_coordinator::{Error, Kind};
use quorate_core::text::escape;

// What chain sources can do.
#[derive(Clone, Copy, clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Show each chain source: whether it answers, its chain, how it failed
    ///
    /// Sources are asked in the order in which they are named. One that fails is left alone for a while,
    /// twice as long each time, then tried once; meanwhile the next one is asked. The exit code is 3 if
    /// none answers.
    #[command(after_help = "Examples:
  quorate source list
  quorate source list --node cookie:/home/me/.bitcoin/.cookie@127.0.0.1:8332 \\
      --node http://me:secret@192.168.1.7:8332
  QUORATE_NODE='http://me:secret@127.0.0.1:8332 http://me:secret@192.168.1.7:8332' \\
      quorate source list --json")]
    List,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let Command::List = command;
    let now = Context::now()?;
    let mut sources = context.source()?;
    let view = sources.look();
    let none = view.sources.iter().all(|source| !source.reachable);
    let error = none.then(|| {
        let count = match view.sources.len() {
            1 => "the chain source doesn't answer".to_owned(),
            count => format!("none of the {count} chain sources answers"),
        };
        Error {
            kind: Kind::Chain,
            ..Error::input("unreachable", count)
        }
        .hint(
            "check that the nodes run and that --node (or QUORATE_NODE) names them, then try again",
        )
    });
    Ok(Answer::new(&view, text(&view, now))?.but(error))
}

fn text(view: &SourcesView, now: u64) -> String {
    let mut text = String::new();
    for source in &view.sources {
        text.push_str(&format!("{}\n", escape(&source.name)));
        for line in lines(&facts(source, now)).lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    for note in &view.notes {
        text.push_str(&format!("note: {}\n", escape(note)));
    }
    text
}

fn facts(source: &SourceView, now: u64) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let answers = match (&source.problem, source.reachable) {
        (Some(problem), true) => format!("yes, but isn't used: {}", escape(problem)),
        (Some(problem), false) => format!("no: {}", escape(problem)),
        (None, _) => "yes".to_owned(),
    };
    facts.push(("answers", answers));
    if let (Some(network), Some(height)) = (&source.network, source.height) {
        let mut tip = format!("{network}, block {height}");
        if let Some(time) = source.time.map(u64::from) {
            let age = ago(now, time);
            tip.push_str(&format!(" of {} UTC ({age})", date::minute(time)));
        }
        if let Some(percent) = source.syncing_percent {
            tip.push_str(&format!(", {percent} % downloaded"));
        }
        facts.push(("chain", tip));
    }
    if let Some(first) = source.pruned_below {
        facts.push(("pruned", format!("below block {first}")));
    }
    facts.push(("breaker", breaker(source, now)));
    if let (Some(failure), Some(at)) = (&source.last_failure, source.last_failure_at) {
        let age = ago(now, at);
        facts.push(("last failure", format!("{age}: {}", escape(failure))));
    }
    facts
}

fn breaker(source: &SourceView, now: u64) -> String {
    let since = source
        .since
        .map(|at| format!("since {} UTC", date::minute(at)));
    let since = since.unwrap_or_default();
    match source.open_until {
        Some(until) => format!(
            "open {since}: left alone for {} more",
            span(until.saturating_sub(now))
        ),
        None if source.breaker == "half_open" => format!("half open: tried once, down {since}"),
        None => format!("closed {since}").trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_735_700_000;

    fn source() -> SourceView {
        SourceView {
            name: "Bitcoin Core at 127.0.0.1:8332".to_owned(),
            reachable: true,
            usable: true,
            network: Some("bitcoin".to_owned()),
            height: Some(877_000),
            hash: Some("00".repeat(32)),
            time: Some(1_735_699_700),
            pruned_below: Some(800_000),
            syncing_percent: None,
            breaker: "closed",
            since: Some(1_735_689_600),
            open_until: None,
            failures: 0,
            last_failure: Some("nobody listens there\x1b".to_owned()),
            last_failure_at: Some(NOW - 7_200),
            problem: None,
        }
    }

    #[test]
    fn a_source_is_described_in_words() {
        let down = SourceView {
            reachable: false,
            usable: false,
            network: None,
            height: None,
            time: None,
            pruned_below: None,
            breaker: "open",
            open_until: Some(NOW + 90),
            problem: Some("nobody listens there".to_owned()),
            ..source()
        };
        let view = SourcesView {
            sources: vec![source(), down],
            notes: vec!["they differ".to_owned()],
        };
        assert_eq!(
            text(&view, NOW),
            "Bitcoin Core at 127.0.0.1:8332
  answers       yes
  chain         bitcoin, block 877000 of 2025-01-01 02:48 UTC (5 min ago)
  pruned        below block 800000
  breaker       closed since 2025-01-01 00:00 UTC
  last failure  2 h ago: nobody listens there\\u{1b}
Bitcoin Core at 127.0.0.1:8332
  answers       no: nobody listens there
  breaker       open since 2025-01-01 00:00 UTC: left alone for 1 min more
  last failure  2 h ago: nobody listens there\\u{1b}
note: they differ
"
        );
    }
}
