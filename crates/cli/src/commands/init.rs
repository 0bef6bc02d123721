//! `quorate init`: makes a data folder.

use crate::context::Context;
use crate::input;
use crate::output::Answer;
use bitcoin::Network;
use quorate_coordinator::{Coordinator, Error};
use quorate_core::text::escape;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate init --network bitcoin
  quorate init --network regtest --home /tmp/try")]
pub(crate) struct Args {
    /// The network of all vaults in this folder
    #[arg(long, value_parser = input::networks())]
    network: Network,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    let view = Coordinator::init(&context.home()?, args.network, Context::moment()?)?;
    let text = format!(
        "{} is ready for vaults on {}\n\
         next: quorate vault create NAME --policy 2-of-3 --key alice=... --key bob=... --key carol=...\n\
         or:   quorate vault import NAME FILE\n",
        escape(&view.home),
        view.network
    );
    Answer::new(&view, text)
}
