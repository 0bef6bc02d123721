//! `quorate demo`: the whole story in a throw-away folder.

use crate::context::Context;
use crate::output::Answer;
use quorate_coordinator::Error;

/// Play the whole story in a throw-away folder, step by step
///
/// A 2-of-3 vault is set up, paid, spent from with two of three signatures and confirmed. Each step
/// is told in a sentence, with the command that a person would have typed. It plays on a Bitcoin Core
/// node of its own where there is one (`BITCOIND_EXE`, the search path, or what `cargo xtask node`
/// built), else on a simulated chain. Nothing is left behind, not even after Ctrl-C.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate demo
  quorate demo --simulated
  quorate demo --json")]
pub(crate) struct Args {
    /// Use the simulated chain even where there is a node
    #[arg(long)]
    simulated: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    crate::demo::run(context.output, args.simulated)
}
