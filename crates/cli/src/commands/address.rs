//! `quorate address`: where a vault can be paid.

use crate::context::Context;
use crate::origin;
use crate::output::Answer;
use crate::table::table;
use crate::{codes, terminal};
use quorate_coordinator::Error;
use quorate_core::text::escape;

/// What addresses can do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Hand out the next unused address of a vault
    ///
    /// Every call gives another address. Before a large payment, compare it with another cosigner's
    /// device or data folder: the same index must give the same address.
    #[command(after_help = "Examples:
  quorate address new family
  quorate address new family --label \"first deposit\"
  quorate address new family --no-qr")]
    New(NewArgs),
    /// List the addresses handed out so far
    #[command(after_help = "Examples:\n  quorate address list family")]
    List {
        /// The vault's name
        vault: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct NewArgs {
    /// The vault's name
    vault: String,
    /// What it is for; the vault's other members see it
    #[arg(long)]
    label: Option<String>,
    /// Also of a vault for which not all cosigners stand yet, or that is retired
    #[arg(long)]
    force: bool,
    /// Show a QR code even if the output goes into a file or program
    #[arg(long, conflicts_with = "no_qr")]
    qr: bool,
    /// Show no QR code
    #[arg(long)]
    no_qr: bool,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::New(args) => new(&args, context),
        Command::List { vault } => list(&vault, context),
    }
}

fn new(args: &NewArgs, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.deposit_address(
        &args.vault,
        args.label.as_deref(),
        args.force,
        Context::moment()?,
    )?;
    let mut text = format!("{}\n", view.address);
    if args.qr || (!args.no_qr && terminal::shows_stdout()) {
        text.push_str(&codes::address(&view.address).unwrap_or_default());
    }
    Answer::new(&view, text)
}

fn list(vault: &str, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.addresses(vault)?;
    if view.addresses.is_empty() {
        return Answer::new(
            &view,
            format!(
                "no address was handed out yet\nnext: quorate address new {}",
                escape(vault)
            ),
        );
    }
    let rows = view.addresses.iter().map(|address| {
        let label = address.label.as_deref().map(escape).unwrap_or_default();
        [
            address.keychain.clone(),
            address.index.to_string(),
            address.address.clone(),
            label,
        ]
    });
    let mut text = table(["keychain", "index", "address", "label"], rows);
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    text.push_str(&origin::line(view.as_of.as_ref(), Context::now()?));
    Answer::new(&view, text)
}
