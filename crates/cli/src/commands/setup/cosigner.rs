//! A cosigner's side: answer, accept, attest, prove.

use crate::codes::{self, read_all};
use crate::commands::psbt_file::{PsbtFile, Version};
use crate::commands::vault::described;
use crate::context::Context;
use crate::output::Answer;
use crate::{failure, files, passphrase, terminal};
use quorate_coordinator::Error;
use quorate_core::key::{CosignerKey, file};
use quorate_core::policy::explain;
use quorate_core::setup::{Invitation, seal};
use quorate_core::text::escape;
use quorate_signer::Keystore;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct JoinArgs {
    /// The invitation; `-` is standard input
    invitation: PathBuf,
    /// The software key to give
    #[arg(long, value_name = "NAME", required_unless_present = "key_file")]
    signer: Option<String>,
    /// What a device exported
    #[arg(long, value_name = "FILE", conflicts_with = "signer")]
    key_file: Option<PathBuf>,
    /// Where the answer goes; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    passphrase: passphrase::Source,
}

#[derive(Serialize)]
struct JoinView {
    vault: String,
    cosigner: String,
    key: String,
    paths: Vec<String>,
    /// The answer, sealed if the invitation has a token; `null` for a device's own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

pub(super) fn join(args: &JoinArgs, context: &Context) -> Result<Answer, Error> {
    let text = files::read_text(&args.invitation)?;
    let mut coordinator = context.coordinator()?;
    let about = |error: Error| error.about(&files::name(&args.invitation));
    let invitation = coordinator.read_invitation(&text).map_err(about)?;
    let (key, record) = match (&args.signer, &args.key_file) {
        (Some(name), _) => {
            let store = Keystore::at(&context.home()?);
            let passphrase = args.passphrase.of(name)?;
            let key = store
                .unlock(name, &passphrase)
                .map_err(|error| failure::keystore(&error))?;
            let note = coordinator.statement(&invitation).to_string();
            let record = seal(&invitation.token, &key.record(&invitation.token, &note));
            (key.info().key.clone(), Some(record))
        }
        (None, Some(path)) => (of_device(path, &invitation)?, None),
        (None, None) => {
            return Err(Error::input("no_key", "it isn't said which key is given")
                .hint("--signer NAME, or --key-file FILE"));
        }
    };
    let joined = coordinator.join(&text, &key, Context::moment()?)?;
    let mut view = JoinView {
        vault: joined.vault,
        cosigner: joined.cosigner,
        key: joined.key,
        paths: joined.paths,
        record: None,
        file: None,
    };
    let agreed = agreed(&invitation);
    match (record, &args.output) {
        (Some(record), Some(path)) => {
            files::write(path, format!("{record}\n").as_bytes(), args.force)?;
            view.file = Some(path.display().to_string());
            let text = format!(
                "{agreed}wrote {}\nnext: send it back; when the vault's record comes: quorate setup accept FILE\n",
                files::shown(path)
            );
            Answer::new(&view, text)
        }
        (Some(record), None) => {
            view.record = Some(record.clone());
            Answer::new(&view, record)
        }
        (None, _) => {
            let file = args
                .key_file
                .as_deref()
                .map(files::shown)
                .unwrap_or_default();
            let text = format!(
                "{agreed}next: send {file} to whoever invited you; when the vault's record comes: quorate setup accept FILE\n"
            );
            Answer::new(&view, text)
        }
    }
}

fn agreed(invitation: &Invitation) -> String {
    let mut text = format!(
        "you are {} in vault {} on {}:\n",
        escape(invitation.name()),
        escape(&invitation.vault),
        invitation.network
    );
    for line in explain(&invitation.template.policy, &invitation.cosigners) {
        text.push_str(&format!("  {}\n", escape(&line)));
    }
    text
}

fn of_device(path: &Path, invitation: &Invitation) -> Result<CosignerKey, Error> {
    let text = codes::read_text(path)?;
    let bad = |error: file::KeyFileError| {
        Error::input("bad_key", error.to_string()).about(&files::name(path))
    };
    let found = file::read(&text, invitation.network).map_err(bad)?;
    Ok(found
        .choose(invitation.template.script)
        .map_err(bad)?
        .key
        .clone())
}

pub(super) fn accept(file: &Path, name: Option<&str>, context: &Context) -> Result<Answer, Error> {
    let text = codes::read_text(file)?;
    let mut coordinator = context.coordinator()?;
    let view = coordinator
        .accept(&text, name, Context::moment()?)
        .map_err(|error| error.about(&files::name(file)))?;
    let vault = escape(&view.vault.name);
    let text = format!(
        "it is what was agreed on, with your key as {}'s\n{}\
         compare the eight words with the other cosigners by voice, then\n\
         next: quorate setup attest {vault}\n",
        escape(&view.cosigner),
        described(&view.vault),
    );
    Answer::new(&view, text)
}

pub(super) fn attest(
    vault: &str,
    cosigner: Option<&str>,
    note: Option<&str>,
    context: &Context,
) -> Result<Answer, Error> {
    let view = context
        .coordinator()?
        .attest(vault, cosigner, note, Context::moment()?)?;
    let open = view
        .standing
        .iter()
        .filter(|one| one.attested.is_none() || one.proven.is_none());
    let open: Vec<String> = open.map(|one| escape(&one.name)).collect();
    let next = match (view.stage.as_str(), open.is_empty()) {
        ("review", false) => format!(
            "still to attest or prove: {}\nnext: quorate journal export {vault} -o {vault}.journal, for the others to import\n",
            open.join(", ")
        ),
        _ => format!("next: quorate address new {vault}\n"),
    };
    let text = described(&view) + &next;
    Answer::new(&view, text)
}

#[derive(clap::Args)]
pub(crate) struct ProofArgs {
    /// The vault's name
    vault: String,
    /// Signed copies of the request; without them it is written
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    file: PsbtFile,
}

#[derive(Serialize)]
struct RequestView {
    vault: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psbt: Option<String>,
}

pub(super) fn proof(args: &ProofArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    if !args.files.is_empty() {
        let incoming = read_all(&args.files, files::PSBT_LIMIT)?;
        let view = coordinator.prove(&args.vault, &incoming, Context::moment()?)?;
        let mut text = format!("proven: {}\n", escape(&view.proven.join(", ")));
        for reason in &view.refused {
            text.push_str(&format!("refused: {}\n", escape(reason)));
        }
        text.push_str(&described(&view.vault));
        let error = view
            .refused
            .first()
            .map(|reason| Error::refused("some_refused", reason.clone()));
        return Ok(Answer::new(&view, text)?.but(error));
    }
    args.file.check()?;
    let psbt = coordinator.proof_request(&args.vault)?;
    let delivered = args.file.deliver(&psbt, Version::Zero)?;
    let view = RequestView {
        vault: args.vault.clone(),
        file: delivered.file,
        psbt: delivered.psbt,
    };
    let Some(path) = &view.file else {
        return Answer::bytes(&view, delivered.bytes);
    };
    let text = format!(
        "wrote {}\nit spends a coin that can't exist: whoever signs it shows that the key is there, and moves nothing\nnext: quorate setup proof {} FILE\n",
        escape(path),
        terminal::typed(&args.vault)
    );
    Answer::new(&view, text)
}
