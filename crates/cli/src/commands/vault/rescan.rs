//! `quorate vault rescan`: a vault's blocks, once more.

use crate::commands::sync;
use crate::context::Context;
use crate::input;
use crate::output::Answer;
use quorate_coordinator::Error;

#[derive(clap::Args)]
pub(crate) struct RescanArgs {
    /// The vault's name
    vault: String,
    /// The first block to look at again, or the day it is of
    #[arg(long, value_name = "HEIGHT|YYYY-MM-DD")]
    from: String,
}

pub(crate) fn run(args: &RescanArgs, context: &Context) -> Result<Answer, Error> {
    let from = input::birthday(&args.from)?;
    sync::look(Some(&args.vault), Some(from), context)
}
