//! `quorate psbt`: looking at files, without trusting whoever sent them.

use crate::codes::read_one;
use crate::commands::review;
use crate::context::Context;
use crate::output::Answer;
use crate::table::lines;
use crate::{files, input};
use bitcoin::Network;
use quorate_coordinator::view::FileReviewView;
use quorate_coordinator::{Coordinator, DATABASE, Error, Incoming, review_alone};
use quorate_core::text::escape;
use std::path::PathBuf;

#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Show what a PSBT does, by your own copy of the vault alone
    ///
    /// Works offline, from the file and the vault that was imported here. Amounts are proven by the
    /// previous transactions in the file, change by the vault's own derivation, signatures by
    /// verifying them. Compare the eight words with the other cosigners by voice: who reads the same
    /// words holds the same transaction.
    ///
    /// With a file that holds the vault's descriptor no data folder is needed. Then it can't be told
    /// whom you paid before, and how old the coins are.
    #[command(after_help = "Examples:
  quorate psbt review alice.psbt
  quorate psbt review alice.psbt --vault family
  quorate psbt review alice.psbt --vault family.txt --network regtest
  cat alice.psbt | quorate psbt review -")]
    Review(Args),
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The PSBT, base64 or binary; `-` is standard input
    file: PathBuf,
    /// The vault it spends from: its name, or a file with its descriptor; found by itself otherwise
    #[arg(long, value_name = "NAME|FILE")]
    vault: Option<String>,
    /// The network of a descriptor file's vault; the data folder's otherwise, or bitcoin
    #[arg(long, value_parser = input::networks())]
    network: Option<Network>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let Command::Review(args) = command;
    let file = read_one(&args.file, files::PSBT_LIMIT)?;
    let home = context.home().ok();
    let mut coordinator = match home.filter(|home| home.join(DATABASE).exists()) {
        Some(home) => Some(Coordinator::open(&home)?),
        None => None,
    };
    let view = match descriptor(&args, coordinator.as_mut())? {
        Some(descriptor) => {
            let network = coordinator.as_ref().map(Coordinator::network);
            let said = args.network.or(network);
            let seen = review_alone(&file, said.unwrap_or(Network::Bitcoin), &descriptor);
            let unsaid = "without --network the vault is taken to be on bitcoin";
            seen.map_err(|error| match (said, &error.hint) {
                (None, None) if error.code == "bad_vault" => error.hint(unsaid),
                _ => error,
            })?
        }
        None => coordinator
            .ok_or_else(no_home)?
            .review_file(&file, args.vault.as_deref())?,
    };
    let text = described(&view, Context::moment()?.now);
    Answer::new(&view, text)
}

/// The file that `--vault` names, if it names none of the data folder's vaults. A vault that was
/// imported, and compared, comes before whatever file has the same name.
fn descriptor(
    args: &Args,
    coordinator: Option<&mut Coordinator>,
) -> Result<Option<Incoming>, Error> {
    let Some(named) = args.vault.as_deref() else {
        return Ok(None);
    };
    let known = match coordinator {
        Some(coordinator) => coordinator.vault_facts(named).is_ok(),
        None => false,
    };
    let path = PathBuf::from(named);
    if known || !path.is_file() {
        return Ok(None);
    }
    Ok(Some(Incoming {
        name: files::name(&path),
        bytes: files::read_text(&path)?.into_bytes(),
    }))
}

fn no_home() -> Error {
    Error::refused(
        "no_vault",
        "there is no data folder here with a vault, so it isn't known what the file spends from",
    )
    .hint("name a file with the vault's descriptor: --vault family.txt")
}

fn described(view: &FileReviewView, now: u64) -> String {
    let mut text = lines(&[
        ("vault", escape(&view.vault)),
        ("vault id", view.vault_id.clone()),
        ("proposal", view.proposal.clone()),
        ("transaction", view.txid.clone()),
        review::fee(&view.review),
    ]);
    text.push_str(&review::described(&view.review, now));
    text.push_str(&review::refused(&view.refused));
    text
}
