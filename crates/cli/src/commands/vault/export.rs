//! `quorate vault export`: as a descriptor, or as another program's file.

use crate::codes::Codes;
use crate::context::Context;
use crate::output::Answer;
use crate::{files, terminal};
use bitcoin::hex::DisplayHex;
use quorate_coordinator::{Error, nearest};
use quorate_core::text::escape;
use quorate_core::wallet::{self, Format, WalletError};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The vault's name
    vault: String,
    /// The format, see below
    #[arg(
        long,
        default_value = "descriptor",
        default_value_if("qr", clap::builder::ArgPredicate::IsPresent, "auto")
    )]
    format: String,
    /// What to call the vault in the file; its name here otherwise
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The file to write; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    codes: Codes,
}

#[derive(Serialize)]
struct ExportView {
    vault: String,
    id: String,
    format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// The id that a Ledger shows for this policy, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger_policy_id: Option<String>,
}

fn inexpressible(error: &WalletError) -> Error {
    Error::refused("not_expressible", error.to_string())
        .hint("a descriptor can say everything: --format descriptor")
}

fn named(format: &str) -> Result<Format, Error> {
    format.parse().map_err(|()| {
        let words = Format::ALL.map(Format::word);
        let error = Error::input(
            "unknown_format",
            format!("`{}` is no format that is written here", escape(format)),
        );
        match nearest(format, words) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("the formats are {}", words.join(", "))),
        }
    })
}

/// Of a format that was named, its text; else what the device scans.
fn in_codes(args: &ExportArgs, context: &Context) -> Result<Answer, Error> {
    let format = match args.format.as_str() {
        "auto" => args.codes.wallet_format()?,
        other => named(other)?,
    };
    let mut coordinator = context.coordinator()?;
    let vault = coordinator.vault(&args.vault)?;
    let facts = coordinator.vault_facts(&args.vault)?;
    let name = args.name.as_deref().unwrap_or(&vault.name);
    let payload = wallet::payload(format, &facts, name).map_err(|error| inexpressible(&error))?;
    args.codes
        .deliver(&payload, args.output.as_deref(), args.force, context)
}

pub(super) fn export(args: &ExportArgs, context: &Context) -> Result<Answer, Error> {
    if args.codes.is_wanted() {
        return in_codes(args, context);
    }
    let format = named(&args.format)?;
    let mut coordinator = context.coordinator()?;
    let vault = coordinator.vault(&args.vault)?;
    let facts = coordinator.vault_facts(&args.vault)?;
    let name = args.name.as_deref().unwrap_or(&vault.name);
    let content = wallet::write(format, &facts, name).map_err(|error| inexpressible(&error))?;
    let mut view = ExportView {
        vault: vault.name.clone(),
        id: vault.id,
        format: args.format.clone(),
        file: None,
        descriptor: None,
        content: None,
        ledger_policy_id: match format {
            Format::Bip388 => wallet::ledger_policy_id(&facts, name)
                .ok()
                .map(|id| id.to_lower_hex_string()),
            _ => None,
        },
    };
    let Some(path) = &args.output else {
        match format {
            Format::Descriptor => view.descriptor = Some(vault.descriptor),
            _ => view.content = Some(content.clone()),
        }
        return Answer::new(&view, content);
    };
    files::write(path, content.as_bytes(), args.force)?;
    view.file = Some(path.display().to_string());
    let (shown, typed) = (files::shown(path), terminal::typed(&path.to_string_lossy()));
    let ledger = view.ledger_policy_id.as_ref();
    let ledger = ledger.map(|id| format!("a Ledger shows this policy's id: {id}\n"));
    let ledger = ledger.unwrap_or_default();
    let next = match format {
        Format::Descriptor => format!(
            "next: quorate vault import {} {typed}, in the data folder of each cosigner\n",
            view.vault
        ),
        _ => "compare the first addresses there with those of `quorate vault show`\n".to_owned(),
    };
    Answer::new(&view, format!("wrote {shown}\n{ledger}{next}"))
}
