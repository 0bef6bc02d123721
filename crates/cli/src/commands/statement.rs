//! `quorate statement`: what a vault held, received and paid in a period.

use super::history::about;
use crate::amount::{btc, signed_btc};
use crate::context::Context;
use crate::output::Answer;
use crate::table::{lines, short, table};
use crate::{csv, date, files};
use quorate_coordinator::Error;
use quorate_coordinator::view::{MovementView, StatementView};
use quorate_core::text::escape;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate statement family --from 2026-01-01 --to 2026-12-31
  quorate statement family --from 2026-01-01 --to 2026-12-31 --csv -o family-2026.csv
  quorate statement family --from 2026-01-01 --to 2026-12-31 --labels family-2026.jsonl")]
pub(crate) struct Args {
    /// The vault's name
    vault: String,
    /// The first day
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: String,
    /// The last day
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: String,
    /// As a table for spreadsheets (RFC 4180)
    #[arg(long)]
    csv: bool,
    /// The file to write; standard output otherwise. With --json it holds the JSON document
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also write the labels of what is listed, for other programs (BIP-0329)
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct WrittenView {
    vault: String,
    lines: usize,
    opening_sat: i64,
    closing_sat: i64,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels_file: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    let from = date::day(&args.from)?;
    let until = date::day(&args.to)?.saturating_add(86_400);
    let mut coordinator = context.coordinator()?;
    let view = coordinator.account_statement(&args.vault, from, until)?;
    if let Some(path) = &args.labels {
        let labels = coordinator.statement_labels(&view)?.labels;
        let text: String = labels
            .iter()
            .map(|label| format!("{}\n", label.line))
            .collect();
        files::write(path, text.as_bytes(), args.force)?;
    }
    let text = match args.csv {
        true => as_csv(&view),
        false => described(&view, args),
    };
    let Some(path) = &args.output else {
        return Answer::bytes(&view, text.into_bytes());
    };
    let bytes = match context.output.is_chatty() {
        true => text.into_bytes(),
        false if args.csv => text.into_bytes(),
        false => serde_json::to_vec_pretty(&view).map_err(|error| {
            Error::refused("json", format!("the statement isn't JSON: {error}"))
        })?,
    };
    files::write(path, &bytes, args.force)?;
    let written = WrittenView {
        vault: view.vault.clone(),
        lines: view.lines.len(),
        opening_sat: view.opening_sat,
        closing_sat: view.closing_sat,
        file: path.display().to_string(),
        labels_file: args.labels.as_ref().map(|path| path.display().to_string()),
    };
    let text = format!(
        "wrote {} lines into {}\nopening {}, closing {}\n",
        written.lines,
        files::shown(path),
        signed_btc(view.opening_sat),
        signed_btc(view.closing_sat)
    );
    Answer::new(&written, text)
}

fn described(view: &StatementView, args: &Args) -> String {
    let mut text = lines(&[
        (
            "vault",
            format!("{} ({})", escape(&view.vault), view.vault_id),
        ),
        ("network", view.network.clone()),
        (
            "period",
            format!("{} to {}, both included", args.from, args.to),
        ),
        ("dates", view.dates.clone()),
        (
            "known up to",
            match view.height {
                Some(height) => format!("block {height}"),
                None => "nothing: never synced".to_owned(),
            },
        ),
    ]);
    text.push_str(&format!(
        "\nopening balance  {}\n",
        signed_btc(view.opening_sat)
    ));
    if !view.lines.is_empty() {
        let rows = view.lines.iter().map(|one| {
            [
                date::minute(one.time),
                short(&one.txid).to_owned(),
                amount(gained(one)),
                amount(one.paid_sat),
                one.fee_sat.map(amount).unwrap_or_default(),
                one.balance_sat.map(signed_btc).unwrap_or_default(),
                about(one),
            ]
        });
        let head = [
            "when (UTC)",
            "transaction",
            "in",
            "out",
            "fee",
            "balance",
            "what",
        ];
        text.push_str(&table(head, rows));
    }
    text.push_str(&lines(&[
        ("in", btc(view.in_sat)),
        ("out", btc(view.out_sat)),
        ("fees", btc(view.fees_sat)),
        ("closing balance", signed_btc(view.closing_sat)),
    ]));
    if view.unconfirmed_sat != 0 {
        text.push_str(&format!(
            "not included: {} that wait in the mempool\n",
            signed_btc(view.unconfirmed_sat)
        ));
    }
    text
}

fn amount(sat: u64) -> String {
    match sat {
        0 => String::new(),
        sat => btc(sat),
    }
}

fn gained(one: &MovementView) -> u64 {
    one.net_sat.max(0).unsigned_abs()
}

/// One row for the opening, one for each transaction, one for the closing balance.
fn as_csv(view: &StatementView) -> String {
    let mut out = csv::Writer::new(&[
        "time_utc",
        "kind",
        "txid",
        "block",
        "in_sat",
        "out_sat",
        "fee_sat",
        "balance_sat",
        "counterparties",
        "label",
        "memo",
        "proposal",
    ]);
    let edge = |time: u32, kind: &str, balance: i64| {
        let mut row = vec![
            csv::Field::Own(date::second(u64::from(time))),
            csv::Field::own(kind),
        ];
        row.extend((0..5).map(|_| csv::Field::own("")));
        row.push(csv::Field::Own(balance.to_string()));
        row.extend((0..4).map(|_| csv::Field::own("")));
        row
    };
    out.row(&edge(view.from, "opening", view.opening_sat));
    for one in &view.lines {
        let parties: Vec<String> = one
            .counterparties
            .iter()
            .map(|party| {
                let address = party.address.as_deref().unwrap_or("no address");
                match &party.label {
                    Some(label) => format!("{address} ({label}) {}", party.amount_sat),
                    None => format!("{address} {}", party.amount_sat),
                }
            })
            .collect();
        out.row(&[
            csv::Field::Own(date::second(one.time)),
            csv::Field::own(&one.kind),
            csv::Field::own(&one.txid),
            csv::Field::Own(
                one.height
                    .map(|height| height.to_string())
                    .unwrap_or_default(),
            ),
            csv::Field::Own(gained(one).to_string()),
            csv::Field::Own(one.paid_sat.to_string()),
            csv::Field::Own(one.fee_sat.map(|fee| fee.to_string()).unwrap_or_default()),
            csv::Field::Own(one.balance_sat.unwrap_or_default().to_string()),
            csv::Field::Foreign(parties.join("; ")),
            csv::Field::Foreign(one.label.clone().unwrap_or_default()),
            csv::Field::Foreign(one.memo.clone().unwrap_or_default()),
            csv::Field::Own(one.proposal.clone().unwrap_or_default()),
        ]);
    }
    out.row(&edge(view.until - 1, "closing", view.closing_sat));
    out.finish()
}
