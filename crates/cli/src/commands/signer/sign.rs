//! `quorate signer sign`: what a cosigner looks at, and the signatures. A PSBT is signed only after
//! the core's check proved it a spend of a vault that was imported here.

use super::summary::{SignView, summary};
use crate::codes::{self, Codes};
use crate::commands::psbt_file::{PsbtFile, Version};
use crate::context::Context;
use crate::output::Answer;
use crate::{failure, files, passphrase, terminal};
use bitcoin::Psbt;
use quorate_coordinator::view::FileReviewView;
use quorate_coordinator::{Coordinator, DATABASE, Error};
use quorate_core::frame::Payload;
use quorate_core::proposal::{Proposal, SignatureSet};
use quorate_core::psbt::{self, ForeignPsbt};
use quorate_core::spend::FeeLimits;
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_signer::{KeyInfo, Keystore};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct SignArgs {
    /// The key's name
    name: String,
    /// The PSBT to sign, base64, binary or a picture of QR codes; `-` is standard input
    #[arg(value_name = "FILE")]
    psbt: PathBuf,
    /// The vault it spends from; found by itself otherwise
    #[arg(long)]
    vault: Option<String>,
    /// Sign without asking
    #[arg(long)]
    yes: bool,
    /// A high fee is meant
    #[arg(long)]
    allow_high_fee: bool,
    #[command(flatten)]
    file: PsbtFile,
    #[command(flatten)]
    codes: Codes,
    #[command(flatten)]
    passphrase: passphrase::Source,
}

pub(super) fn run(args: &SignArgs, store: &Keystore, context: &Context) -> Result<Answer, Error> {
    args.file.check()?;
    let key = store
        .info(&args.name)
        .map_err(|error| failure::keystore(&error))?;
    let fees = FeeLimits {
        allow_high: args.allow_high_fee,
        ..FeeLimits::default()
    };
    let name = files::name(&args.psbt);
    let bytes = codes::read_one(&args.psbt, files::PSBT_LIMIT)?.bytes;
    let request = Request::find(args, &key, &bytes, context).map_err(|error| error.about(&name))?;
    // What is refused whatever the key is should be known before a passphrase is typed.
    quorate_signer::examine(&request.vault, &request.proposal, &request.psbt, &fees)
        .map_err(|error| failure::sign(&error).about(&name))?;
    let mut view = SignView {
        key: key.name.clone(),
        inputs_signed: 0,
        inputs_signed_before: 0,
        request: request.view,
        file: None,
        psbt: None,
    };
    ask(args, context, &view)?;
    let passphrase = args.passphrase.of(&args.name)?;
    let signed = store
        .unlock(&args.name, &passphrase)
        .map_err(|error| failure::keystore(&error))?
        .sign(&request.vault, &request.proposal, &request.psbt, &fees)
        .map_err(|error| failure::sign(&error))?;
    if args.codes.is_wanted() {
        let payload = Payload::Psbt(request.version.serialize(&signed.psbt)?);
        let (output, force) = (args.file.output(), args.file.may_replace());
        return args.codes.deliver(&payload, output, force, context);
    }
    let delivered = args.file.deliver(&signed.psbt, request.version)?;
    view.inputs_signed = signed.inputs_signed;
    view.inputs_signed_before = signed.inputs_untouched;
    view.file = delivered.file;
    view.psbt = delivered.psbt;
    let Some(path) = &view.file else {
        return Answer::bytes(&view, delivered.bytes);
    };
    let text = format!(
        "{}\nwrote {}\nnext: quorate proposal import {}\n",
        done(&view),
        escape(path),
        terminal::typed(path)
    );
    Answer::new(&view, text)
}

fn done(view: &SignView) -> String {
    let inputs = view.request.review.inputs.len();
    match (view.inputs_signed, view.inputs_signed_before) {
        (0, _) => "nothing to add: this key has signed every input before".to_owned(),
        (new, 0) => format!("signed {new} of {inputs} inputs"),
        (new, before) => format!("signed {new} of {inputs} inputs, {before} were signed before"),
    }
}

/// A PSBT, proven to be a spend of one of this data folder's vaults.
struct Request {
    vault: Vault,
    proposal: Proposal,
    /// What it does, as this home sees it.
    view: FileReviewView,
    /// The version it was given in, which it keeps.
    version: Version,
    /// As it was given, with those of its signatures that verify.
    psbt: Psbt,
}

impl Request {
    fn find(
        args: &SignArgs,
        key: &KeyInfo,
        bytes: &[u8],
        context: &Context,
    ) -> Result<Self, Error> {
        let foreign = psbt::read(bytes)?;
        let home = context.home()?;
        // A signer's folder needn't be a home yet; then no vault is known.
        if !home.join(DATABASE).exists() {
            return Err(Error::no_vault());
        }
        let mut coordinator = Coordinator::open(&home)?;
        let found = coordinator.request(&foreign, args.vault.as_deref())?;
        check_cosigner(key, &found.name, &found.vault)?;
        let psbt = with_valid_signatures(&found.proposal, &foreign)?;
        let view = coordinator.review_request(&found, &foreign)?;
        Ok(Self {
            view,
            vault: found.vault,
            proposal: found.proposal,
            version: Version::of(&foreign),
            psbt,
        })
    }
}

fn check_cosigner(key: &KeyInfo, name: &str, vault: &Vault) -> Result<(), Error> {
    let identity = key.key.identity();
    if vault
        .cosigners()
        .iter()
        .any(|one| one.key.identity() == identity)
    {
        return Ok(());
    }
    let error = Error::refused(
        "not_a_cosigner",
        format!(
            "the key `{}` is no cosigner of vault `{name}`, from which this spends",
            key.name
        ),
    );
    Err(error.hint(format!("`quorate vault show {name}` lists its cosigners")))
}

/// The PSBT as it was given, with those of its signatures that verify.
fn with_valid_signatures(proposal: &Proposal, foreign: &ForeignPsbt) -> Result<Psbt, Error> {
    let mut whole = foreign.psbt.clone();
    let admission = psbt::admit(proposal, foreign, &SignatureSet::default())?;
    let signatures = admission.new.iter().map(|one| (one.slot, one.signature));
    psbt::add_signatures(&mut whole, proposal, &signatures.collect());
    Ok(whole)
}

/// Shows what is to be signed, and asks where somebody can be asked. Without a terminal the one who
/// started the program has decided; with `--yes` too.
fn ask(args: &SignArgs, context: &Context, view: &SignView) -> Result<(), Error> {
    let asks = !args.yes && terminal::is_attended();
    // A question without what it is about would be no question, so --json doesn't silence it.
    if asks || context.output.is_chatty() {
        let now = Context::moment()?.now;
        context.output.ask(&summary(&view.request, now));
    }
    let question = format!("Sign this with the key `{}`?", view.key);
    if !asks || terminal::confirm(context.output, &question)? {
        return Ok(());
    }
    Err(Error::refused("not_confirmed", "nothing was signed"))
}
