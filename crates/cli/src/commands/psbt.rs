//! `quorate psbt`: looking at files, without trusting whoever sent them.

use crate::amount::btc;
use crate::commands::payments::payments;
use crate::commands::proposal::signatures;
use crate::context::Context;
use crate::files;
use crate::output::Answer;
use crate::table::lines;
use quorate_coordinator::view::FileReviewView;
use quorate_coordinator::{Error, Incoming};
use quorate_core::text::escape;
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Show what a PSBT does, by your own copy of the vault alone
    ///
    /// Works offline, from the file and the vault that was imported here. Amounts are proven by the
    /// previous transactions in the file, change by the vault's own derivation, signatures by
    /// verifying them. Compare the eight words with the other cosigners by voice: who reads the same
    /// words holds the same transaction.
    #[command(after_help = "Examples:
  quorate psbt review alice.psbt
  quorate psbt review alice.psbt --vault family
  cat alice.psbt | quorate psbt review -")]
    Review(Args),
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The PSBT, base64 or binary; `-` is standard input
    file: PathBuf,
    /// The vault it spends from; found by itself otherwise
    #[arg(long)]
    vault: Option<String>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let Command::Review(args) = command;
    let file = Incoming {
        name: files::name(&args.file),
        bytes: files::read(&args.file, files::PSBT_LIMIT)?,
    };
    let view = context
        .coordinator()?
        .review_file(&file, args.vault.as_deref())?;
    let text = described(&view);
    Answer::new(&view, text)
}

fn described(view: &FileReviewView) -> String {
    let mut text = lines(&[
        ("vault", escape(&view.vault)),
        ("vault id", view.vault_id.clone()),
        ("proposal", view.proposal.clone()),
        ("transaction", view.txid.clone()),
        (
            "fee",
            format!("{} ({:.2} sat/vB)", btc(view.fee_sat), view.feerate_sat_vb),
        ),
    ]);
    text.push_str(&payments(&view.recipients, &view.change));
    text.push('\n');
    text.push_str(&signatures(&view.inputs));
    for one in &view.refused {
        let whose = one
            .cosigner
            .as_deref()
            .map(|name| format!(" of {}", escape(name)));
        text.push_str(&format!(
            "note: the signature{} on input {} doesn't count: {}\n",
            whose.unwrap_or_default(),
            one.input,
            escape(&one.reason)
        ));
    }
    text.push_str("\ncan be signed as:\n");
    for path in &view.paths {
        text.push_str(&format!("  {}\n", escape(path)));
    }
    text.push_str(&format!(
        "words to compare with the other cosigners by voice:\n  {}\n",
        view.words.join(" ")
    ));
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    text
}
