//! The grammar: `quorate <noun> <verb>`, and the options that every command takes. Each noun's own
//! arguments stand with its command.

use crate::commands::Command;
use clap::builder::styling::Styles;
use clap::{ColorChoice, CommandFactory, Parser};
use std::path::PathBuf;

const STORY: &str = "\
Examples:
  quorate demo                                    the whole story in a throw-away folder
  quorate init --network regtest                  make a data folder
  quorate signer new alice                        make a software key
  quorate vault create family --policy 2-of-3 --key alice=... --key bob=... --key carol=...
  quorate address new family                      an address to be paid at
  quorate sync family                             look at the chain
  quorate proposal create family --to ADDRESS=0.5btc --feerate 2
  quorate proposal export ID --for alice -o alice.psbt
  quorate signer sign alice alice.psbt -o alice.signed.psbt
  quorate proposal import alice.signed.psbt
  quorate proposal broadcast ID

`quorate help NOUN VERB` explains each command. Exit codes: 0 done; 1 refused or failed for a reason
that is told; 2 bad usage or input; 3 the chain source can't be reached; 4 the data folder can't be
read or written.

Environment:
  QUORATE_HOME        the data folder, like --home
  QUORATE_NODE        the chain source, like --node; several are separated by spaces
  QUORATE_NODE_TIMEOUT  how long to try sources that don't answer, like --node-timeout
  QUORATE_PASSPHRASE  the passphrase of a software key; otherwise it is asked for";

/// Coordinates multi-signature Bitcoin vaults.
///
/// A vault is watched, not held: quorate builds its descriptor, passes PSBTs between the cosigners,
/// checks and keeps their signatures, and sends the finished transaction. Keys stay with the
/// cosigners' own devices, or with the small software signer.
#[derive(Parser)]
#[command(
    name = "quorate",
    version,
    color = ColorChoice::Never,
    styles = Styles::plain(),
    max_term_width = 100,
    after_help = STORY
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The data folder [env: QUORATE_HOME] [default: quorate in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    /// The chain source: http://USER:PASSWORD@HOST:PORT or cookie:PATH@HOST:PORT (Bitcoin Core),
    /// electrum://HOST:PORT or electrums://HOST:PORT (TLS), simulated or simulated:PATH; repeat it to
    /// name others, asked when the first fails [env: QUORATE_NODE]
    #[arg(long, global = true, value_name = "SOURCE")]
    pub(crate) node: Vec<String>,
    /// How long to try sources that don't answer [env: QUORATE_NODE_TIMEOUT] [default: 10]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) node_timeout: Option<u32>,
    /// Print one JSON document, amounts in satoshi
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The grammar, for completions.
pub(crate) fn grammar() -> clap::Command {
    Cli::command()
}

/// The same worked out, with all that is defined only when it is called; alike on every terminal.
pub(crate) fn whole() -> clap::Command {
    let mut root = grammar().term_width(100).disable_help_subcommand(true);
    root.build();
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
    }

    /// A reader learns a command from an example; a command without one isn't finished.
    #[test]
    fn every_command_has_a_line_about_it_and_an_example() {
        fn check(command: &clap::Command, path: &str) {
            if command.is_hide_set() {
                return;
            }
            let path = format!("{path} {}", command.get_name());
            let about = command.get_about().map(ToString::to_string);
            let about = about.unwrap_or_default();
            assert!(!about.is_empty() && about.len() < 80, "{path}: `{about}`");
            let after = command.get_after_help().map(ToString::to_string);
            let after = after.unwrap_or_default();
            if !command.has_subcommands() {
                assert!(after.starts_with("Examples:\n  quorate "), "{path}");
                let own = path.trim_start();
                assert!(
                    after.contains(own),
                    "{path}: the example is of another command"
                );
            }
            for below in command.get_subcommands() {
                check(below, &path);
            }
        }
        check(&whole(), "");
    }
}
