//! `quorate balance`: what a vault is worth.

use crate::amount::btc;
use crate::context::Context;
use crate::origin::origin;
use crate::output::Answer;
use crate::table::lines;
use quorate_coordinator::Error;
use quorate_core::text::escape;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate balance family
  quorate balance family --json")]
pub(crate) struct Args {
    /// The vault's name
    vault: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.balance(&args.vault)?;
    let now = Context::now()?;
    let mut text = match &view.as_of {
        Some(as_of) => lines(&[
            ("confirmed", btc(view.confirmed_sat)),
            ("pending", btc(view.pending_sat)),
            (
                "reserved",
                format!("{} by open proposals", btc(view.reserved_sat)),
            ),
            ("as of", origin(as_of, now)),
        ]),
        None => format!(
            "not known yet: never synced\nnext: quorate sync {}\n",
            escape(&args.vault)
        ),
    };
    if let Some(alert) = &view.alert {
        text.push_str(&format!("alert: {}\n", escape(alert)));
    }
    Answer::new(&view, text)
}
