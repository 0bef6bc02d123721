//! `quorate vault sheet`: a page to print and keep beside the keys, with all that is needed to spend without
//! this program.

use crate::context::Context;
use crate::output::Answer;
use crate::{codes, date, files};
use quorate_coordinator::Error;
use quorate_coordinator::view::VaultView;
use quorate_core::policy::Timelock;
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_core::wallet::{self, Format};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct SheetArgs {
    /// The vault's name
    vault: String,
    /// The file to write: .html to print with QR codes, .txt; standard output as text otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct SheetView {
    vault: String,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A heading and what stands below it.
struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

enum Line {
    /// A sentence.
    Text(String),
    /// To be typed or compared letter by letter.
    Exact(String),
    /// The same, and as a QR code where the page has any.
    Code(String),
}

pub(super) fn sheet(args: &SheetArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let view = coordinator.vault(&args.vault)?;
    let vault = coordinator.vault_facts(&args.vault)?;
    let now = Context::now()?;
    let sections = sections(&view, &vault)?;
    let html = |path: &Path| {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        ending == "html" || ending == "htm"
    };
    let mut shown = SheetView {
        vault: view.name.clone(),
        id: view.id.clone(),
        file: None,
        text: None,
    };
    let Some(path) = &args.output else {
        let text = as_text(&view, &sections, now);
        shown.text = Some(text.clone());
        return Answer::new(&shown, text);
    };
    let page = match html(path) {
        true => as_html(&view, &sections, now)?,
        false => as_text(&view, &sections, now),
    };
    files::write(path, page.as_bytes(), args.force)?;
    shown.file = Some(path.display().to_string());
    let text = format!(
        "wrote {}\nprint it, compare the first address with another copy, and keep it apart from the keys: it shows all addresses and can spend nothing\n",
        files::shown(path)
    );
    Answer::new(&shown, text)
}

fn sections(view: &VaultView, vault: &Vault) -> Result<Vec<Section>, Error> {
    let text = |text: &str| Line::Text(text.to_owned());
    let mut who = vec![text(
        "Each of these keys is held by somebody, on a device or on paper. This page holds none of them.",
    )];
    for cosigner in &view.cosigners {
        who.push(Line::Text(format!("{}:", escape(&cosigner.name))));
        who.push(Line::Exact(cosigner.key.clone()));
    }
    let rules = view
        .paths
        .iter()
        .chain(&view.notes)
        .map(|line| Line::Text(escape(line)));
    let mut addresses = vec![text(
        "Whatever program you use, its first receive addresses must be these:",
    )];
    addresses.extend(view.first_addresses.iter().cloned().map(Line::Exact));
    addresses.push(text("and its first change address:"));
    addresses.push(Line::Exact(view.first_change.clone()));
    let descriptor = vec![
        text(
            "This line is the whole vault (BIP-0380, BIP-0389). The eight characters after # are its checksum.",
        ),
        Line::Code(view.descriptor.clone()),
    ];
    let title = |title, lines| Section { title, lines };
    Ok(vec![
        title("Who can spend when", rules.collect()),
        title("The keys", who),
        title("The descriptor", descriptor),
        title("Addresses to compare", addresses),
        title(
            "Spending with Bitcoin Core, version 29 or later, without Quorate",
            steps(view, vault)?,
        ),
    ])
}

fn steps(view: &VaultView, vault: &Vault) -> Result<Vec<Line>, Error> {
    let text = |text: &str| Line::Text(text.to_owned());
    let import = wallet::write(Format::Core, vault, &view.name)
        .map_err(|error| Error::refused("not_expressible", error.to_string()))?;
    let mut lines = vec![
        text("1. Make an empty wallet without private keys, and import the descriptor. The first import reads the whole chain."),
        Line::Exact("bitcoin-cli -named createwallet wallet_name=vault disable_private_keys=true blank=true".to_owned()),
        Line::Exact(format!("bitcoin-cli -rpcwallet=vault importdescriptors '{}'", import.trim())),
        text("2. Compare the first address with this page before you trust anything else."),
        Line::Exact(format!("bitcoin-cli deriveaddresses '{}' '[0,2]'", view.descriptor)),
        text("3. Write the spend: put in where the money goes and how much."),
        Line::Exact("bitcoin-cli -rpcwallet=vault walletcreatefundedpsbt '[]' '[{\"ADDRESS\":AMOUNT}]' 0 '{\"fee_rate\":RATE}'".to_owned()),
    ];
    for (number, path) in vault.policy().paths.iter().enumerate().skip(1) {
        let say = match path.lock {
            Some(Timelock::Older(blocks)) => format!(
                "To spend by way {} each input needs the sequence {blocks}, and its coin {blocks} confirmations: name the coins, as in",
                number + 1
            ),
            Some(Timelock::After(height)) => format!(
                "To spend by way {} the transaction needs the lock time {height}, and no node takes it before that block:",
                number + 1
            ),
            None => continue,
        };
        let command = match path.lock {
            Some(Timelock::Older(blocks)) => format!(
                "bitcoin-cli -rpcwallet=vault walletcreatefundedpsbt '[{{\"txid\":\"TXID\",\"vout\":N,\"sequence\":{blocks}}}]' '[{{\"ADDRESS\":AMOUNT}}]' 0 '{{\"fee_rate\":RATE,\"add_inputs\":false}}'"
            ),
            _ => format!(
                "bitcoin-cli -rpcwallet=vault walletcreatefundedpsbt '[]' '[{{\"ADDRESS\":AMOUNT}}]' {} '{{\"fee_rate\":RATE}}'",
                path.lock.map_or(0, Timelock::value)
            ),
        };
        lines.push(Line::Text(say));
        lines.push(Line::Exact(command));
    }
    lines.extend([
        text("4. Have the PSBT signed by as many cosigners as the rules above ask for: one after the other, or each a copy of his own. Each device shows where the money goes: compare it."),
        text("5. Put copies together, finish and send. testmempoolaccept tells beforehand whether nodes take it."),
        Line::Exact("bitcoin-cli combinepsbt '[\"PSBT\",\"PSBT\"]'".to_owned()),
        Line::Exact("bitcoin-cli finalizepsbt PSBT".to_owned()),
        Line::Exact("bitcoin-cli testmempoolaccept '[\"HEX\"]'".to_owned()),
        Line::Exact("bitcoin-cli sendrawtransaction HEX".to_owned()),
    ]);
    Ok(lines)
}

fn head(view: &VaultView, now: u64) -> [(&'static str, String); 4] {
    [
        ("id", view.id.clone()),
        ("network", view.network.clone()),
        ("words", view.words.join(" ")),
        ("made", date::minute(now)),
    ]
}

fn as_text(view: &VaultView, sections: &[Section], now: u64) -> String {
    let mut text = format!("RECOVERY SHEET OF THE VAULT {}\n\n", escape(&view.name));
    for (what, value) in head(view, now) {
        text.push_str(&format!("{what}: {value}\n"));
    }
    for section in sections {
        text.push_str(&format!("\n{}\n\n", section.title.to_uppercase()));
        for line in &section.lines {
            match line {
                Line::Text(line) => text.push_str(&format!("{line}\n")),
                Line::Exact(line) | Line::Code(line) => text.push_str(&format!("    {line}\n")),
            }
        }
    }
    text
}

fn in_html(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\'' => "&#39;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

const STYLE: &str = "body{font:11pt/1.4 serif;max-width:46em;margin:2em auto;padding:0 1em}\
h1{font-size:1.5em}h2{font-size:1.15em;margin:1.6em 0 .4em}\
code{display:block;font:9pt/1.35 monospace;overflow-wrap:anywhere;margin:.3em 0 .6em 1em}\
svg{width:8cm;height:8cm;display:block;margin:.6em 0 .6em 1em}p{margin:.3em 0}\
@media print{body{margin:0}h2,code,svg{break-inside:avoid}}";

fn as_html(view: &VaultView, sections: &[Section], now: u64) -> Result<String, Error> {
    let name = in_html(&escape(&view.name));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Recovery sheet of the vault {name}</title><style>{STYLE}</style></head>\n<body>\n<h1>Recovery sheet of the vault {name}</h1>\n"
    );
    for (what, value) in head(view, now) {
        page.push_str(&format!("<p>{what}: {}</p>\n", in_html(&value)));
    }
    for section in sections {
        page.push_str(&format!("<h2>{}</h2>\n", in_html(section.title)));
        for line in &section.lines {
            page.push_str(&match line {
                Line::Text(line) => format!("<p>{}</p>\n", in_html(line)),
                Line::Exact(line) => format!("<code>{}</code>\n", in_html(line)),
                Line::Code(line) => {
                    format!("<code>{}</code>\n{}", in_html(line), codes::svg(line)?)
                }
            });
        }
    }
    Ok(page + "</body></html>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_text_on_a_page() {
        assert_eq!(
            in_html("<script>alert('x' & \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;"
        );
    }
}
