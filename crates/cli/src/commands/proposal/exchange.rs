//! Proposals on their way to cosigners and back.

use super::show;
use crate::codes::{Codes, read_all};
use crate::commands::psbt_file::{PsbtFile, Version};
use crate::commands::review;
use crate::context::Context;
use crate::files;
use crate::output::Answer;
use crate::terminal::typed;
use bitcoin::psbt;
use quorate_coordinator::view::{ImportView, ProposalView};
use quorate_coordinator::{Error, nearest};
use quorate_core::frame::Payload;
use quorate_core::text::escape;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The proposal's id, or the beginning of it
    id: String,
    /// The cosigner it is for
    #[arg(long = "for", value_name = "COSIGNER")]
    cosigner: Option<String>,
    /// Leave out the signatures collected so far
    #[arg(long)]
    without_signatures: bool,
    /// The version of the PSBT format: every program reads 0, some ask for 2
    #[arg(long, value_name = "VERSION", value_enum, default_value = "0")]
    psbt_version: Version,
    #[command(flatten)]
    file: PsbtFile,
    #[command(flatten)]
    codes: Codes,
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// The files, pictures of QR codes among them; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct ExportView {
    proposal: String,
    vault: String,
    #[serde(rename = "for")]
    cosigner: Option<String>,
    /// Signatures that the PSBT already holds.
    signatures: usize,
    /// What to look at twice before it is signed.
    findings: Vec<String>,
    /// Limits of devices that it exceeds. Neither the network nor Quorate has them.
    advice: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psbt: Option<String>,
}

pub(super) fn export(args: &ExportArgs, context: &Context) -> Result<Answer, Error> {
    args.file.check()?;
    let mut coordinator = context.coordinator()?;
    let proposal = coordinator.proposal(&args.id)?;
    if let Some(cosigner) = &args.cosigner {
        check_cosigner(&proposal, cosigner)?;
    }
    let psbt = coordinator.export(&args.id, !args.without_signatures)?;
    let bytes = args.psbt_version.serialize(&psbt)?.len();
    let version = args.psbt_version.number();
    let advice = coordinator.device_advice(&args.id, bytes, version)?;
    for one in &advice {
        context.output.remark(&format!("advice: {}", escape(one)));
    }
    if args.codes.is_wanted() {
        let payload = Payload::Psbt(args.psbt_version.serialize(&psbt)?);
        let (output, force) = (args.file.output(), args.file.may_replace());
        return args.codes.deliver(&payload, output, force, context);
    }
    let delivered = args.file.deliver(&psbt, args.psbt_version)?;
    let view = ExportView {
        proposal: proposal.id,
        vault: proposal.vault,
        cosigner: args.cosigner.clone(),
        signatures: psbt.inputs.iter().map(signatures).sum(),
        findings: proposal.review.findings,
        advice,
        file: delivered.file,
        psbt: delivered.psbt,
    };
    let Some(path) = &view.file else {
        return Answer::bytes(&view, delivered.bytes);
    };
    let next = match &view.cosigner {
        Some(name) => {
            let stem = path.strip_suffix(".psbt").unwrap_or(path);
            let (file, signed) = (typed(path), typed(&format!("{stem}.signed.psbt")));
            format!(
                "next: {name} signs it, for example with\n      quorate signer sign {name} {file} -o {signed}\n"
            )
        }
        None => "next: have it signed, then quorate proposal import FILE\n".to_owned(),
    };
    Answer::new(&view, format!("wrote {}\n{next}", escape(path)))
}

/// Of every kind: ECDSA, in a taproot leaf, and by the internal key.
fn signatures(input: &psbt::Input) -> usize {
    let by_internal_key = usize::from(input.tap_key_sig.is_some());
    input.partial_sigs.len() + input.tap_script_sigs.len() + by_internal_key
}

fn check_cosigner(proposal: &ProposalView, name: &str) -> Result<(), Error> {
    let names: Vec<&str> = proposal
        .review
        .inputs
        .first()
        .map(|input| input.signatures.keys().map(String::as_str).collect())
        .unwrap_or_default();
    if names.contains(&name) {
        return Ok(());
    }
    let error = Error::input(
        "unknown_cosigner",
        format!(
            "vault `{}` has no cosigner `{}`",
            proposal.vault,
            escape(name)
        ),
    );
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("its cosigners are {}", names.join(", "))),
    })
}

pub(super) fn import(args: &ImportArgs, context: &Context) -> Result<Answer, Error> {
    // All are read before the first is taken in: a file that isn't there changes nothing.
    let files = read_all(&args.files, files::PSBT_LIMIT)?;
    let view = context.coordinator()?.import(&files, Context::moment()?)?;
    if let [file] = view.files.as_slice()
        && let Some(error) = &file.error
    {
        return Ok(Answer::refused(error));
    }
    let refused = refused(&view);
    Ok(Answer::new(&view, report(&view))?.but(refused))
}

/// What is told beside the view when not everything was taken.
fn refused(view: &ImportView) -> Option<Error> {
    let files = view
        .files
        .iter()
        .filter(|file| file.error.is_some())
        .count();
    let signatures = view.refused.len();
    let plural =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let what = match (files, signatures) {
        (0, 0) => return None,
        (0, _) => plural(signatures, "signature"),
        (_, 0) => plural(files, "file"),
        _ => format!(
            "{} and {}",
            plural(files, "file"),
            plural(signatures, "signature")
        ),
    };
    let verb = if files + signatures == 1 {
        "was"
    } else {
        "were"
    };
    let kept = plural(view.accepted, "new signature");
    let error = Error::refused(
        "partly_refused",
        format!("{what} {verb} refused; {kept} kept"),
    );
    Some(error.hint("the answer names each with its reason"))
}

fn report(view: &ImportView) -> String {
    let mut text = String::new();
    for file in &view.files {
        let name = escape(&file.file);
        if let Some(error) = &file.error {
            // The message begins with the file's name.
            text.push_str(&format!("refused: {}\n", escape(&error.message)));
            continue;
        }
        let proposal = file.proposal.as_deref().map(show::name).unwrap_or_default();
        let signers = escape(&file.signers.join(", "));
        text.push_str(&match (file.accepted, file.known) {
            (0, 0) => format!("{name}: nothing new for {proposal}\n"),
            (0, known) => format!("{name}: nothing new for {proposal}, {known} known before\n"),
            (new, 0) => format!("{name}: {new} new of {signers} for {proposal}\n"),
            (new, known) => {
                format!("{name}: {new} new of {signers} for {proposal}, {known} known before\n")
            }
        });
        for one in &file.refused {
            let whose = one
                .cosigner
                .as_deref()
                .map(|name| format!(", {}", escape(name)));
            text.push_str(&format!(
                "refused: {name}, input {}{}: {}\n",
                one.input,
                whose.unwrap_or_default(),
                escape(&one.reason)
            ));
        }
    }
    text.push_str(&review::findings(&view.findings));
    if let (Some(id), Some(status)) = (&view.proposal, &view.status) {
        text.push_str(&format!("{} is {status}\n", show::name(id)));
    }
    if let Some(next) = &view.next {
        text.push_str(&format!("next: {}\n", escape(next)));
    }
    text
}
