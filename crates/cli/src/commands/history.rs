//! `quorate history`: a vault's transactions, a page at a time.

use crate::amount::{btc, signed_btc};
use crate::context::Context;
use crate::date;
use crate::output::Answer;
use crate::table::{short, table};
use quorate_coordinator::view::{CounterpartyView, HistoryView, MovementView};
use quorate_coordinator::{Error, MAX_PAGE, Page};
use quorate_core::text::escape;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate history family
  quorate history family --limit 10
  quorate history family --before 5ba7...9e
  quorate history family --oldest-first --after 5ba7...9e --json")]
pub(crate) struct Args {
    /// The vault's name
    vault: String,
    /// Lines at most
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MAX_PAGE as i64))]
    limit: u32,
    /// Only what is older than this transaction
    #[arg(long, value_name = "TXID", conflicts_with_all = ["oldest_first", "after"])]
    before: Option<String>,
    /// The oldest first
    #[arg(long)]
    oldest_first: bool,
    /// Only what is newer than this transaction
    #[arg(long, value_name = "TXID", requires = "oldest_first")]
    after: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    let page = Page {
        oldest_first: args.oldest_first,
        limit: args.limit as usize,
        behind: args.before.clone().or_else(|| args.after.clone()),
    };
    let view = context.coordinator()?.history(&args.vault, &page)?;
    Answer::new(&view, described(&view, args))
}

fn described(view: &HistoryView, args: &Args) -> String {
    let vault = escape(&view.vault);
    if view.height.is_none() {
        return format!("not known yet: never synced\nnext: quorate sync {vault}\n");
    }
    if view.transactions.is_empty() {
        return "no transactions, as of the last sync\n".to_owned();
    }
    let rows = view.transactions.iter().map(|one| {
        [
            date::minute(one.time),
            match one.height {
                Some(height) => format!("{height} ({})", one.confirmations),
                None => one.state.clone(),
            },
            short(&one.txid).to_owned(),
            signed_btc(one.net_sat),
            one.fee_sat.map(btc).unwrap_or_default(),
            one.balance_sat.map(signed_btc).unwrap_or_default(),
            about(one),
        ]
    });
    let head = [
        "when (UTC)",
        "block (conf.)",
        "transaction",
        "amount",
        "fee in it",
        "balance",
        "what",
    ];
    let mut text = table(head, rows);
    if let Some(next) = &view.next {
        let order = match args.oldest_first {
            true => "--oldest-first --after",
            false => "--before",
        };
        text.push_str(&format!("more: quorate history {vault} {order} {next}\n"));
    }
    text
}

/// The words for a line: its label, its proposal's memo, whom it paid.
pub(crate) fn about(one: &MovementView) -> String {
    let mut parts = Vec::new();
    parts.extend(one.label.as_deref().map(escape));
    parts.extend(
        one.memo
            .as_deref()
            .map(|memo| format!("\"{}\"", escape(memo))),
    );
    let name = |party: &CounterpartyView| match (&party.label, &party.address) {
        (Some(label), _) => escape(label),
        (None, Some(address)) => address.clone(),
        (None, None) => "an output without an address".to_owned(),
    };
    let parties: Vec<String> = one.counterparties.iter().take(3).map(name).collect();
    if !parties.is_empty() {
        let direction = if one.kind == "receipt" { "at" } else { "to" };
        let rest = match one.counterparties.len().saturating_sub(parties.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(format!("{direction} {}{rest}", parties.join(", ")));
    } else if one.kind == "internal" {
        parts.push("to itself".to_owned());
    }
    parts.join(", ")
}
