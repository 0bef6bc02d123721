//! The coordinator's side: begin, invite, collect, finish, hand the record out.

use super::show;
use crate::codes::read_all;
use crate::commands::policy;
use crate::commands::vault::described;
use crate::context::Context;
use crate::output::Answer;
use crate::{files, terminal};
use quorate_coordinator::{Error, NewSetup};
use quorate_core::script_type::ScriptType;
use quorate_core::setup::Encryption;
use quorate_core::text::escape;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct NewArgs {
    /// What to call the vault
    name: String,
    /// A name out of `quorate policy list`, or a file of your own (FILE.toml)
    #[arg(long)]
    policy: String,
    /// The kind of output: wsh, sh-wsh, sh or tr; the policy's own otherwise
    #[arg(long, value_name = "TYPE")]
    script: Option<ScriptType>,
    /// What a cosigner is called, in the order of the policy's roles; once for each
    #[arg(long = "cosigner", value_name = "NAME", required = true)]
    cosigners: Vec<String>,
    /// none; standard: one token of 64 bits for all; extended: one of 128 bits for each (BIP-0129)
    #[arg(long, value_name = "MODE", default_value = "none", value_parser = ["none", "standard", "extended"])]
    encryption: String,
}

#[derive(clap::Args)]
pub(crate) struct InviteArgs {
    /// The vault's name
    name: String,
    /// The cosigner; all of them otherwise
    cosigner: Option<String>,
    /// The file to write; standard output otherwise
    #[arg(short, long, value_name = "FILE", requires = "cosigner")]
    output: Option<PathBuf>,
    /// Write one file for each into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cosigner", "output"])]
    folder: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// The vault's name
    name: String,
    /// Files with keys; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Whose key it is, where the file doesn't say
    #[arg(long, value_name = "NAME")]
    cosigner: Option<String>,
    /// Let it take the place of a key that is there
    #[arg(long)]
    replace: bool,
}

#[derive(clap::Args)]
pub(crate) struct RecordArgs {
    /// The vault's name
    name: String,
    /// For whom it is sealed
    #[arg(long, value_name = "NAME")]
    cosigner: Option<String>,
    /// The file to write; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

pub(super) fn new(args: &NewArgs, context: &Context) -> Result<Answer, Error> {
    let mut template = policy::load(&args.policy)?;
    template.script = args.script.unwrap_or(template.script);
    let new = NewSetup {
        name: &args.name,
        template: &template,
        cosigners: &args.cosigners,
        encryption: Encryption::from_word(&args.encryption).unwrap_or(Encryption::None),
    };
    let view = context
        .coordinator()?
        .create_setup(&new, Context::moment()?)?;
    show::setup(&view)
}

#[derive(Serialize)]
struct WrittenView {
    setup: String,
    invitations: Vec<WrittenInvitation>,
}

#[derive(Serialize)]
struct WrittenInvitation {
    cosigner: String,
    invitation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub(super) fn invite(args: &InviteArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let names = match &args.cosigner {
        Some(name) => vec![name.clone()],
        None => {
            let setup = coordinator.setup(&args.name)?;
            setup.cosigners.into_iter().map(|slot| slot.name).collect()
        }
    };
    if let Some(folder) = &args.folder {
        fs::create_dir_all(folder).map_err(|error| {
            let shown = files::shown(folder);
            Error::input("unwritable_file", format!("{shown} can't be made: {error}"))
        })?;
    }
    let mut invitations = Vec::new();
    let mut text = String::new();
    for name in names {
        let view = coordinator.invite(&args.name, &name, Context::moment()?)?;
        let file = match (&args.output, &args.folder) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(folder)) => Some(folder.join(format!("{name}.invitation"))),
            (None, None) => None,
        };
        match &file {
            Some(file) => {
                files::write(file, view.text.as_bytes(), args.force)?;
                text.push_str(&format!("wrote {}\n", files::shown(file)));
            }
            None => text.push_str(&view.text),
        }
        invitations.push(WrittenInvitation {
            cosigner: view.cosigner,
            invitation: view.invitation,
            text: file.is_none().then_some(view.text),
            file: file.map(|file| file.display().to_string()),
        });
    }
    if invitations.iter().any(|one| one.file.is_some()) {
        text.push_str(&format!(
            "next: hand each over; what comes back: quorate setup add {} FILE\n",
            escape(&args.name)
        ));
    }
    let setup = args.name.clone();
    Answer::new(&WrittenView { setup, invitations }, text)
}

pub(super) fn add(args: &AddArgs, context: &Context) -> Result<Answer, Error> {
    let incoming = read_all(&args.files, files::TEXT_LIMIT)?;
    let view = context.coordinator()?.add_keys(
        &args.name,
        &incoming,
        args.cosigner.as_deref(),
        args.replace,
        Context::moment()?,
    )?;
    let mut text = String::new();
    let mut refused = None;
    for file in &view.files {
        let name = escape(&file.file);
        let line = match (&file.cosigner, &file.error) {
            (_, Some(error)) => {
                refused = refused.or(Some(error));
                error.message.clone()
            }
            (Some(cosigner), None) => {
                let how = match file.outcome {
                    "known" => "is here already",
                    _ => "taken",
                };
                let signed = if file.signed { ", signed by it" } else { "" };
                format!("{name}: the key of {} {how}{signed}", escape(cosigner))
            }
            (None, None) => name,
        };
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(&show::described(&view.setup));
    let error = refused.map(|error| {
        let count = view
            .files
            .iter()
            .filter(|file| file.error.is_some())
            .count();
        Error::refused(
            "some_refused",
            format!(
                "{count} of {} files were refused: {}",
                view.files.len(),
                error.message
            ),
        )
    });
    Ok(Answer::new(&view, text)?.but(error))
}

pub(super) fn finish(name: &str, context: &Context) -> Result<Answer, Error> {
    let view = context
        .coordinator()?
        .finish_setup(name, None, Context::moment()?)?;
    let text = described(&view)
        + &format!(
            "next: quorate setup record {name} -o {name}.bsms, for each cosigner to accept\n"
        );
    Answer::new(&view, text)
}

#[derive(Serialize)]
struct RecordFileView {
    vault: String,
    cosigner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub(super) fn record(args: &RecordArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let view = coordinator.setup_record(&args.name, args.cosigner.as_deref())?;
    let mut shown = RecordFileView {
        vault: view.vault,
        cosigner: view.cosigner,
        file: None,
        text: None,
    };
    let Some(path) = &args.output else {
        shown.text = Some(view.text.clone());
        return Answer::new(&shown, view.text);
    };
    files::write(path, view.text.as_bytes(), args.force)?;
    shown.file = Some(path.display().to_string());
    let typed = terminal::typed(&Path::new(path).to_string_lossy());
    let text = format!(
        "wrote {}\nnext, in each cosigner's data folder: quorate setup accept {typed}\n",
        files::shown(path)
    );
    Answer::new(&shown, text)
}
