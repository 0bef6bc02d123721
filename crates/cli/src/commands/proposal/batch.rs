//! Payments out of a file: all of them or none.

use super::make::Payee;
use crate::{amount, input};
use bitcoin::Network;
use quorate_coordinator::Error;
use quorate_core::spend::{Recipient, Send};
use quorate_core::text::{check_line, escape};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// As many payments as fit are a few dozen kilobytes.
const MAX: u64 = 1 << 20;
const MAX_LABEL: usize = 255;
const FORM: &str = "a CSV file has the columns address, amount (0.5btc, 20000sat) and, if you like, label; \
                    a JSON file is a list of objects with these fields, or with amount_sat";

/// One payment as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    address: String,
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    amount_sat: Option<u64>,
    #[serde(default)]
    label: Option<String>,
}

/// Reads all payments of a file.
pub(super) fn read(file: &Path, network: Network) -> Result<Vec<Payee>, Error> {
    let name = escape(&file.display().to_string());
    let bad = |what: String| {
        Error::input("bad_batch", format!("{name}: {what}"))
            .hint(format!("nothing was created; {FORM}"))
    };
    let size = fs::metadata(file).map_err(|error| bad(format!("it can't be read: {error}")))?;
    if size.len() > MAX {
        return Err(bad(format!("it has more than {MAX} bytes")));
    }
    let text =
        fs::read_to_string(file).map_err(|error| bad(format!("it can't be read: {error}")))?;
    let text = text.trim_start_matches('\u{feff}');
    let lines = if text.trim_start().starts_with('[') {
        json(text).map_err(bad)?
    } else {
        csv(text).map_err(bad)?
    };
    if lines.is_empty() {
        return Err(bad("there is no payment in it".to_owned()));
    }
    lines
        .into_iter()
        .map(|(place, line)| {
            payee(&line, network).map_err(|error| {
                let message = format!("{name}, {place}: {}", error.message);
                Error::input("bad_batch", message).hint("nothing was created")
            })
        })
        .collect()
}

fn payee(line: &Line, network: Network) -> Result<Payee, Error> {
    let send = match (&line.amount, line.amount_sat) {
        (Some(text), None) => amount::amount(text.trim())?,
        (None, Some(sat)) => amount::amount(&format!("{sat}sat"))?,
        _ => {
            return Err(Error::input(
                "bad_amount",
                "it must say either amount or amount_sat",
            ));
        }
    };
    let label = line.label.as_deref().map(str::trim);
    let label = label.filter(|label| !label.is_empty());
    if let Some(label) = label {
        check_line("the label", label, MAX_LABEL)
            .map_err(|error| Error::input("bad_label", error.to_string()))?;
    }
    Ok(Payee {
        to: Recipient {
            address: input::address(line.address.trim(), network)?,
            send: Send::Exactly(send),
        },
        name: label.map(ToOwned::to_owned),
    })
}

type Lines = Vec<(String, Line)>;

fn json(text: &str) -> Result<Lines, String> {
    let values: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|error| format!("it isn't JSON: {error}"))?;
    (1..)
        .zip(values)
        .map(|(number, value)| {
            let line = Line::deserialize(value)
                .map_err(|error| format!("payment {number}: {}", escape(&error.to_string())))?;
            Ok((format!("payment {number}"), line))
        })
        .collect()
}

fn csv(text: &str) -> Result<Lines, String> {
    let first = text.lines().next().unwrap_or_default().to_ascii_lowercase();
    let has_names = first
        .split([',', ';'])
        .any(|name| name.trim().trim_matches('"') == "address");
    // Spreadsheets of half the world separate with semicolons.
    let delimiter = if first.contains(';') && !first.contains(',') {
        b';'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut names: Vec<String> = ["address", "amount", "label"].map(str::to_owned).to_vec();
    let mut lines = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            format!("line {line} can't be read")
        })?;
        let number = record.position().map_or(0, csv::Position::line);
        if at == 0 && has_names {
            names = record.iter().map(str::to_ascii_lowercase).collect();
            let known = ["address", "amount", "amount_sat", "label"];
            if let Some(other) = names.iter().find(|name| !known.contains(&name.as_str())) {
                return Err(format!(
                    "line {number}: a column `{}` isn't known",
                    escape(other)
                ));
            }
            continue;
        }
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() > names.len() {
            return Err(format!(
                "line {number}: it has {} fields where there are {} columns",
                record.len(),
                names.len()
            ));
        }
        let field = |name: &str| {
            let place = names.iter().position(|known| known == name)?;
            record
                .get(place)
                .filter(|text| !text.is_empty())
                .map(ToOwned::to_owned)
        };
        let amount_sat = field("amount_sat")
            .map(|text| {
                text.parse().map_err(|_| {
                    format!("line {number}: `{}` is no number of satoshi", escape(&text))
                })
            })
            .transpose()?;
        lines.push((
            format!("line {number}"),
            Line {
                address: field("address").unwrap_or_default(),
                amount: field("amount"),
                amount_sat,
                label: field("label"),
            },
        ));
    }
    Ok(lines)
}
