//! `quorate event`: what happened, numbered, for programs that act on it.

mod hook;

use crate::context::Context;
use crate::output::Answer;
use crate::table::table;
use hook::Hook;
use quorate_chain::ChainSource;
use quorate_coordinator::view::{EventView, EventsView};
use quorate_coordinator::{Coordinator, Error, Kind};
use quorate_core::text::escape;
use std::ffi::OsString;
use std::thread::sleep;
use std::time::Duration;

// What events can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Print what happened, a line each, the oldest first
    ///
    /// With --json each line is one JSON document. Numbers only grow. A named consumer gets what it hasn't
    /// acknowledged (`quorate event ack`), again and again until it has; so an event may come twice, and
    /// none is lost. With --follow the chain source is asked again and again, and new events are printed
    /// as they come, until the program is ended. With --exec a program is started for each event, with the
    /// JSON on its standard input: exit code 0 acknowledges; otherwise it is tried again, later and later.
    #[command(after_help = "Examples:
  quorate event stream
  quorate event stream --after 120 --json
  quorate event stream --consumer books --json
  quorate event stream --follow --every 30
  quorate event stream --consumer mail --follow --exec /usr/local/bin/notify -- --quiet")]
    Stream(StreamArgs),
    /// Say that a consumer has dealt with all events up to a number
    #[command(after_help = "Examples:\n  quorate event ack books 120")]
    Ack {
        /// The consumer
        name: String,
        /// The event's number
        number: u64,
    },
    /// List the consumers, and how far each has come
    #[command(after_help = "Examples:\n  quorate event consumers")]
    Consumers,
}

#[derive(clap::Args)]
pub(crate) struct StreamArgs {
    /// Only what this consumer hasn't acknowledged
    #[arg(long, value_name = "NAME", conflicts_with = "after")]
    consumer: Option<String>,
    /// Only what has a higher number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// Go on: ask the chain source, and print what is new
    #[arg(long)]
    follow: bool,
    /// Seconds between two questions to the chain source
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Start this program for each event, without a shell
    #[arg(long, value_name = "PROGRAM", requires = "consumer")]
    exec: Option<OsString>,
    /// Seconds that the program may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    /// How often the program is tried for one event; with --follow without end
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGUMENT", requires = "exec")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::Stream(args) => stream(&args, context),
        Command::Ack { name, number } => {
            let view = context.coordinator()?.acknowledge(&name, number)?;
            let text = format!(
                "{} has dealt with events up to {}, {} wait\n",
                escape(&view.name),
                view.acknowledged,
                view.waiting
            );
            Answer::new(&view, text)
        }
        Command::Consumers => {
            let view = context.coordinator()?.consumers()?;
            let rows = view.consumers.iter().map(|one| {
                [
                    escape(&one.name),
                    one.acknowledged.to_string(),
                    one.waiting.to_string(),
                ]
            });
            let mut text = table(["consumer", "acknowledged", "waiting"], rows);
            text.push_str(&format!("the newest event is {}\n", view.last));
            Answer::new(&view, text)
        }
    }
}

fn stream(args: &StreamArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let hook = args.exec.as_ref().map(|program| Hook {
        program: program.clone(),
        arguments: args.arguments.clone(),
        limit: Duration::from_secs(args.timeout),
        tries: (!args.follow).then_some(args.tries),
    });
    let source = match args.follow {
        true => Some(context.source()?),
        false => None,
    };
    let mut after = args.after;
    if let Some(consumer) = &args.consumer {
        // From here on it is remembered in this process: what was printed isn't printed again.
        let waiting = coordinator.events_for(consumer)?;
        after = waiting
            .events
            .first()
            .map_or(waiting.last, |first| first.number - 1);
    }
    let mut down = false;
    loop {
        if let Some(source) = &source {
            (coordinator, down) = look(coordinator, source.as_ref(), down, context)?;
        }
        loop {
            let page = coordinator.events(after)?;
            let Some(last) = page.events.last().map(|event| event.number) else {
                break;
            };
            if !tell(&page, hook.as_ref(), args, &mut coordinator, context)? {
                return Ok(Answer::told());
            }
            after = last;
        }
        if !args.follow {
            return Ok(Answer::told());
        }
        sleep(Duration::from_secs(args.every));
    }
}

/// Looks at the chain. A source that can't be reached is told of once and asked again later.
fn look(
    coordinator: Coordinator,
    source: &dyn ChainSource,
    was_down: bool,
    context: &Context,
) -> Result<(Coordinator, bool), Error> {
    let mut coordinator = coordinator.at(Context::now()?);
    match coordinator.sync(source, Context::moment()?, &mut |_| ()) {
        Ok(_) => Ok((coordinator, false)),
        Err(error) if error.kind == Kind::Chain => {
            if !was_down {
                context
                    .output
                    .remark(&format!("note: {}", escape(&error.message)));
            }
            Ok((coordinator, true))
        }
        Err(error) => Err(error),
    }
}

/// `false` when the reader went away.
fn tell(
    page: &EventsView,
    hook: Option<&Hook>,
    args: &StreamArgs,
    coordinator: &mut Coordinator,
    context: &Context,
) -> Result<bool, Error> {
    for event in &page.events {
        match (hook, &args.consumer) {
            (Some(hook), Some(consumer)) => {
                hook.hand_over(event, context)?;
                coordinator.acknowledge(consumer, event.number)?;
            }
            _ if !context.output.line(event, &line(event))? => return Ok(false),
            _ => {}
        }
    }
    Ok(true)
}

fn line(event: &EventView) -> String {
    let vault = event.vault.as_deref().map(escape).unwrap_or_default();
    format!("{:>6}  {vault}  {}", event.number, escape(&event.text))
}
