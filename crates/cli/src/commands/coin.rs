//! `quorate coin`: the coins a vault holds.

use super::proposal::named_coins;
use crate::amount::btc;
use crate::context::Context;
use crate::origin;
use crate::output::Answer;
use crate::table::{short, short_outpoint, table};
use quorate_coordinator::Error;
use quorate_core::text::escape;
use std::collections::BTreeSet;

// What coins can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
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
    /// Leave coins alone until they are freed
    ///
    /// A frozen coin is never chosen, and refused when it is named. The mark is BIP-0329's `spendable`, which
    /// other wallets read, and travels to the vault's other members.
    #[command(after_help = "Examples:
  quorate coin freeze family 3f2a9c1b7d10:0 --note \"until the audit\"")]
    Freeze(MarkArgs),
    /// Free frozen coins, dust among them
    #[command(after_help = "Examples:
  quorate coin unfreeze family 3f2a9c1b7d10:0")]
    Unfreeze(MarkArgs),
}

#[derive(clap::Args)]
pub(crate) struct MarkArgs {
    /// The vault's name
    vault: String,
    /// The coins: TXID:OUTPUT, or the short names that `quorate coin list` shows
    #[arg(required = true, value_name = "COIN")]
    coins: Vec<String>,
    /// Why; becomes the coin's label
    #[arg(long)]
    note: Option<String>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::List { vault } => list(&vault, context),
        Command::Freeze(args) => mark(&args, true, context),
        Command::Unfreeze(args) => mark(&args, false, context),
    }
}

fn mark(args: &MarkArgs, freeze: bool, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let coins = named_coins(&args.coins, &args.vault, &mut coordinator)?;
    let moment = Context::moment()?;
    let view = coordinator.freeze(&args.vault, &coins, freeze, args.note.as_deref(), moment)?;
    let done = if freeze { "is frozen" } else { "can be spent" };
    let lines = view
        .coins
        .iter()
        .map(|coin| format!("{} of {} {done}\n", coin.outpoint, btc(coin.value_sat)));
    Answer::new(&view, lines.collect::<String>())
}

fn list(vault: &str, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.coins(vault)?;
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
                (None, None) if coin.reused => "address reused".to_owned(),
                (None, None) => "-".to_owned(),
            },
            coin.label.as_deref().map(escape).unwrap_or_default(),
        ]
    });
    let mut text = table(
        ["coin", "amount", "block", "address", "state", "label"],
        rows,
    );
    let reasons: BTreeSet<&String> = view
        .coins
        .iter()
        .filter_map(|coin| coin.frozen.as_ref())
        .collect();
    for reason in reasons {
        text.push_str(&format!("frozen: {reason}\n"));
    }
    if view.coins.iter().any(|coin| coin.reused) {
        text.push_str(
            "address reused: whoever sees one payment to it sees the others; hand out a new one each time\n",
        );
    }
    text.push_str(&origin::line(view.as_of.as_ref(), now));
    Answer::new(&view, text)
}
