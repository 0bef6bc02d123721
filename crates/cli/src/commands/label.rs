//! `quorate label`: words beside addresses, transactions, coins and keys (BIP-0329).

use crate::context::Context;
use crate::files;
use crate::output::Answer;
use crate::table::table;
use quorate_coordinator::Error;
use quorate_core::text::escape;
use serde::Serialize;
use std::path::PathBuf;

// What labels can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Write a label; without words it is taken away
    ///
    /// What it is about is told by its form: an address, a transaction's id, a coin (TXID:OUTPUT), an extended
    /// or a single public key. The vault's other members see it.
    #[command(after_help = "Examples:
  quorate label set family bcrt1q... rent
  quorate label set family 5ba7...9e:0 \"from the sale\"
  quorate label set family 5ba7...9e")]
    Set {
        /// The vault's name
        vault: String,
        /// The address, transaction, coin or key
        reference: String,
        /// The words
        #[arg(default_value = "")]
        label: String,
        /// What it is, where its form doesn't tell: tx, addr, pubkey, input, output, xpub or spscan
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
    },
    /// List a vault's labels
    #[command(after_help = "Examples:\n  quorate label list family")]
    List {
        /// The vault's name
        vault: String,
    },
    /// Write a vault's labels for other programs: JSON on each line (BIP-0329)
    #[command(after_help = "Examples:\n  quorate label export family -o family-labels.jsonl")]
    Export {
        /// The vault's name
        vault: String,
        /// The file to write; standard output otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Take labels in from other programs (BIP-0329): all of a file, or none
    ///
    /// Labels of types that aren't known, and fields that aren't, are kept and handed on.
    #[command(after_help = "Examples:
  quorate label import family sparrow-labels.jsonl
  quorate label import family - < labels.jsonl")]
    Import {
        /// The vault's name
        vault: String,
        /// The file; `-` is standard input
        file: PathBuf,
    },
}

#[derive(Serialize)]
struct ExportView {
    vault: String,
    labels: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<String>>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    match command {
        Command::Set {
            vault,
            reference,
            label,
            kind,
        } => {
            let view = coordinator.set_label(
                &vault,
                kind.as_deref(),
                &reference,
                &label,
                Context::moment()?,
            )?;
            let text = match view.label.is_empty() {
                true => format!(
                    "no label any more: {} {}\n",
                    view.kind,
                    escape(&view.reference)
                ),
                false => format!(
                    "{} {}: {}\n",
                    view.kind,
                    escape(&view.reference),
                    escape(&view.label)
                ),
            };
            Answer::new(&view, text)
        }
        Command::List { vault } => {
            let view = coordinator.labels(&vault)?;
            if view.labels.is_empty() {
                return Answer::new(
                    &view,
                    "no label was written yet\nnext: quorate label set --help\n",
                );
            }
            let rows = view.labels.iter().map(|label| {
                [
                    escape(&label.kind),
                    escape(&label.reference),
                    escape(&label.label),
                ]
            });
            let text = table(["type", "of", "label"], rows);
            Answer::new(&view, text)
        }
        Command::Export {
            vault,
            output,
            force,
        } => {
            let labels = coordinator.labels(&vault)?.labels;
            let lines: Vec<String> = labels.into_iter().map(|label| label.line).collect();
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut view = ExportView {
                vault,
                labels: lines.len(),
                file: None,
                lines: None,
            };
            let Some(path) = output else {
                view.lines = Some(lines);
                return Answer::new(&view, text);
            };
            files::write(&path, text.as_bytes(), force)?;
            view.file = Some(path.display().to_string());
            let text = format!(
                "wrote {} labels into {}\n",
                view.labels,
                files::shown(&path)
            );
            Answer::new(&view, text)
        }
        Command::Import { vault, file } => {
            let bytes = files::read(&file, files::JOURNAL_LIMIT)?;
            let name = files::name(&file);
            let text = String::from_utf8(bytes)
                .map_err(|_| Error::input("not_text", format!("{name} isn't text in UTF-8")))?;
            let view = coordinator
                .import_labels(&vault, &text, Context::moment()?)
                .map_err(|error| error.about(&name))?;
            let mut text = format!("{} labels read, {} new or changed\n", view.read, view.new);
            if view.unknown > 0 {
                text.push_str(&format!(
                    "{} are of a type that isn't known here: kept and handed on\n",
                    view.unknown
                ));
            }
            for warning in &view.warnings {
                text.push_str(&format!("note: {warning}\n"));
            }
            Answer::new(&view, text)
        }
    }
}
