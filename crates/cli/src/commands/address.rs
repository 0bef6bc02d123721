//! `quorate address`: where a vault can be paid.

use crate::context::Context;
use crate::origin;
use crate::output::Answer;
use crate::table::table;
use crate::{codes, input, terminal};
use quorate_coordinator::Error;
use quorate_core::text::escape;

// What addresses can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
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
    /// Say whether an address is the vault's, and which one
    ///
    /// Derived from the keys at that moment. Addresses far beyond those in use are found with --beyond.
    #[command(after_help = "Examples:
  quorate address verify family bc1q...
  quorate address verify family bc1q... --beyond 5000")]
    Verify {
        /// The vault's name
        vault: String,
        /// The address
        address: String,
        /// How far past those in use to search
        #[arg(long, value_name = "NUMBER", default_value = "1000", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
        beyond: u32,
    },
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
        Command::Verify {
            vault,
            address,
            beyond,
        } => verify(&vault, &address, beyond, context),
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
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    Answer::new(&view, text)
}

fn verify(vault: &str, text: &str, beyond: u32, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let address = input::address(text, coordinator.network())?;
    let view = coordinator.verify_address(vault, &address, beyond)?;
    let mut text = format!(
        "yes: {} is {} address {} of {}\n",
        view.address,
        view.keychain,
        view.index,
        escape(vault)
    );
    text.push_str(if view.handed_out {
        "it was handed out\n"
    } else {
        "it wasn't handed out by this vault's homes, as far as is known here\n"
    });
    if let Some(label) = &view.label {
        text.push_str(&format!("label: {}\n", escape(label)));
    }
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
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
