//! `quorate coin`: the coins a vault holds.

use crate::amount::btc;
use crate::context::Context;
use crate::origin;
use crate::output::Answer;
use crate::table::{short, short_outpoint, table};
use quorate_coordinator::Error;
use quorate_core::text::escape;

/// What coins can do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the unspent coins of a vault, the largest first
    ///
    /// A coin's short name is accepted by `quorate proposal create --coin`. A frozen coin, dust that
    /// somebody sent to an address in use, is spent only when it is named there.
    #[command(after_help = "Examples:
  quorate coin list family
  quorate coin list family --json")]
    List {
        /// The vault's name
        vault: String,
    },
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let Command::List { vault } = command;
    let view = context.coordinator()?.coins(&vault)?;
    let now = Context::now()?;
    if view.coins.is_empty() {
        let text = format!("no coins\n{}", origin::line(view.as_of.as_ref(), now));
        return Answer::new(&view, text);
    }
    let rows = view.coins.iter().map(|coin| {
        [
            short_outpoint(&coin.outpoint),
            btc(coin.value_sat),
            coin.height
                .map_or_else(|| "mempool".to_owned(), |height| height.to_string()),
            format!("{} {}", coin.keychain, coin.index),
            match (&coin.reserved_by, &coin.frozen) {
                (Some(id), _) => format!("reserved by {}", short(id)),
                (None, Some(_)) => "frozen".to_owned(),
                (None, None) => "-".to_owned(),
            },
            coin.label.as_deref().map(escape).unwrap_or_default(),
        ]
    });
    let mut text = table(
        ["coin", "amount", "block", "address", "state", "label"],
        rows,
    );
    // All for the same reason.
    if let Some(reason) = view.coins.iter().find_map(|coin| coin.frozen.as_ref()) {
        text.push_str(&format!("frozen: {reason}\n"));
    }
    text.push_str(&origin::line(view.as_of.as_ref(), now));
    Answer::new(&view, text)
}
