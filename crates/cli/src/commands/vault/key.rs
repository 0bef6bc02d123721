//! `quorate vault key`: keys out of the files that signers write.

use crate::context::Context;
use crate::output::Answer;
use crate::{codes, date, files, terminal};
use bitcoin::Network;
use quorate_coordinator::Error;
use quorate_core::journal::KeyFacts;
use quorate_core::key::file::{Candidate, FoundKeys, read};
use quorate_core::script_type::ScriptType;
use quorate_core::text::escape;
use serde::Serialize;
use std::path::{Path, PathBuf};

// What keys can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Read a signer's key out of its file
    ///
    /// Which kind of file it is, is found out by itself: a key expression, Coldcard's or Passport's keys for
    /// multisig, Coldcard's generic export, a key of Keystone's, an Electrum wallet of one signer, a key
    /// record of BIP-0129 (its signature is verified). Nothing is stored.
    #[command(after_help = "Examples:
  quorate vault key import ccxp-0F056943.json
  quorate vault key import ccxp-0F056943.json --script sh-wsh
  quorate vault create family --policy 2-of-3 --key alice=@ccxp-0F056943.json ...")]
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
        /// The kind of output the key is for: wsh, sh-wsh, sh or tr
        #[arg(long, value_name = "TYPE", default_value = "wsh")]
        script: ScriptType,
    },
    /// Write down where a cosigner's key comes from
    ///
    /// What isn't said stays as it was. It is kept in the journal, so the other members and the backup have it.
    #[command(after_help = "Examples:
  quorate vault key note family alice --vendor Coinkite --model Q --firmware 1.3.0
  quorate vault key note family bob --vendor Ledger --registration 64_HEX_DIGITS")]
    Note(NoteArgs),
}

#[derive(clap::Args)]
pub(crate) struct NoteArgs {
    /// The vault's name
    vault: String,
    /// The cosigner
    cosigner: String,
    /// Who made the device
    #[arg(long)]
    vendor: Option<String>,
    /// Which device
    #[arg(long)]
    model: Option<String>,
    /// The version of its firmware
    #[arg(long)]
    firmware: Option<String>,
    /// How the key came: paste, qr, file
    #[arg(long)]
    carrier: Option<String>,
    /// The day on which it came
    #[arg(long, value_name = "YYYY-MM-DD")]
    came: Option<String>,
    /// Anything else
    #[arg(long)]
    note: Option<String>,
    /// What the device answered when it registered the vault: a Ledger's HMAC, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    registration: Option<String>,
}

fn note(args: NoteArgs, context: &Context) -> Result<Answer, Error> {
    let came_at = args
        .came
        .as_deref()
        .map(date::day)
        .transpose()?
        .map(u64::from);
    let facts = KeyFacts {
        vendor: args.vendor,
        model: args.model,
        firmware: args.firmware,
        carrier: args.carrier,
        came_at,
        note: args.note,
        registration: args.registration.map(|hex| hex.to_ascii_lowercase()),
    };
    if facts == KeyFacts::default() {
        return Err(
            Error::input("nothing_said", "it isn't said what to write down")
                .hint("`quorate vault key note --help` shows what can be"),
        );
    }
    let view =
        context
            .coordinator()?
            .note_key(&args.vault, &args.cosigner, facts, Context::moment()?)?;
    let text = super::show::described(&view);
    Answer::new(&view, text)
}

#[derive(Serialize)]
struct KeyView {
    /// The kind of file.
    format: &'static str,
    /// The master key's.
    fingerprint: String,
    /// From the master key.
    path: String,
    /// What it is for, as file or path say.
    script: Option<&'static str>,
    /// `[fingerprint/path]xpub`.
    key: String,
    /// Whether a signature by the key came with it, and is valid.
    signed: bool,
    /// What the file says about it.
    note: Option<String>,
    /// The other keys in the file.
    others: Vec<OtherView>,
}

#[derive(Serialize)]
struct OtherView {
    path: String,
    script: Option<&'static str>,
    key: String,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let (file, script) = match command {
        Command::Import { file, script } => (file, script),
        Command::Note(args) => return note(args, context),
    };
    let found = load(&file, context.coordinator()?.network())?;
    let chosen = choose(&found, &file, script)?;
    let others = found.keys.iter().filter(|one| *one != chosen);
    let view = KeyView {
        format: found.format.word(),
        fingerprint: chosen.key.fingerprint().to_string(),
        path: path(chosen),
        script: chosen.script.map(ScriptType::word),
        key: chosen.key.to_string(),
        signed: found.signed,
        note: found.note.clone(),
        others: others
            .map(|one| OtherView {
                path: path(one),
                script: one.script.map(ScriptType::word),
                key: one.key.to_string(),
            })
            .collect(),
    };
    Answer::new(&view, text(&view, &found, &file))
}

fn text(view: &KeyView, found: &FoundKeys, file: &Path) -> String {
    let purpose =
        |script: Option<&str>| script.map_or_else(String::new, |script| format!(" for {script}"));
    let mut text = format!("read as: {}\n", found.format);
    text.push_str(&format!("signer: {}\n", view.fingerprint));
    if let Some(note) = &view.note {
        text.push_str(&format!("it says: {}\n", escape(note)));
    }
    if view.signed {
        text.push_str("its signature is valid: who wrote the file has the key\n");
    }
    text.push_str(&format!("took: {}{}\n", view.path, purpose(view.script)));
    for other in &view.others {
        text.push_str(&format!("left: {}{}\n", other.path, purpose(other.script)));
    }
    let typed = terminal::typed(&file.to_string_lossy());
    text + &format!(
        "{}\nnext: quorate vault create NAME --policy 2-of-3 --key SIGNER=@{typed} ...\n",
        view.key
    )
}

fn path(one: &Candidate) -> String {
    let steps = one.key.origin_path().into_iter();
    format!(
        "m{}",
        steps.map(|step| format!("/{step:#}")).collect::<String>()
    )
}

/// Reads a key file; errors name it.
pub(super) fn load(file: &Path, network: Network) -> Result<FoundKeys, Error> {
    let text = codes::read_text(file)?;
    read(&text, network)
        .map_err(|error| Error::input("bad_key", error.to_string()).about(&files::name(file)))
}

pub(super) fn choose<'a>(
    found: &'a FoundKeys,
    file: &Path,
    script: ScriptType,
) -> Result<&'a Candidate, Error> {
    found
        .choose(script)
        .map_err(|error| Error::input("bad_key", error.to_string()).about(&files::name(file)))
}
