//! From arguments to exit code: one straight line.

use crate::args::Cli;
use crate::context::Context;
use crate::failure;
use crate::output::{Answer, Output};
use clap::Parser;
use clap::error::ErrorKind;
use quorate_coordinator::Kind;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command.
pub(crate) fn run() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let output = Output::new(wants_json(&args));
    let code = match Cli::try_parse_from(args) {
        Ok(cli) => output.finish(cli.command.run(&Context::new(cli.global, output))),
        // A noun without a verb: the list of verbs helps more than a sentence about it.
        Err(stop) if is_unfinished(&stop) && output.is_chatty() => {
            output.ask(&stop.render().to_string());
            failure::exit_code(Kind::Input)
        }
        Err(stop) if stop.use_stderr() => output.finish(Err(failure::usage(&stop))),
        // --help and --version arrive as errors too.
        Err(stop) => {
            let text = stop.render().to_string();
            output.finish(Answer::new(&serde_json::json!({ "help": text }), text))
        }
    };
    ExitCode::from(code)
}

fn is_unfinished(stop: &clap::Error) -> bool {
    stop.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// Whether errors are to be JSON, even those about the arguments themselves.
fn wants_json(args: &[OsString]) -> bool {
    args.iter()
        .skip(1)
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_seen_wherever_it_stands_before_the_double_dash() {
        let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&args("quorate --json balance family")));
        assert!(wants_json(&args("quorate blance family --json")));
        assert!(!wants_json(&args("quorate balance -- --json")));
        assert!(!wants_json(&args("--json balance")));
    }
}
