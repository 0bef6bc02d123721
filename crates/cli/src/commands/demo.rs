//! `quorate demo`: the whole story in a throw-away folder.

use crate::context::Context;
use crate::output::Answer;
use quorate_coordinator::Error;

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
