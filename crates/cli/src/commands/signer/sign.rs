//! `quorate signer sign`: what a cosigner looks at, and the signatures.
//!
//! Two examinations must agree before anything is signed: the signer's own, which proves amounts and
//! change from the previous transactions and the vault's derivation, and the core's, which gives the
//! words that cosigners compare.

use super::summary::{SignView, summary, view};
use crate::commands::psbt_file::PsbtFile;
use crate::context::Context;
use crate::output::Answer;
use crate::{failure, files, passphrase, terminal};
use bitcoin::Psbt;
use quorate_coordinator::{Coordinator, DATABASE, Error};
use quorate_core::keychain::Keychain;
use quorate_core::proposal::{Proposal, SignatureSet};
use quorate_core::psbt::{self, ForeignPsbt};
use quorate_core::spend::{self, FeeLimits};
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_signer::{KeyInfo, Keystore, ReviewError};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct SignArgs {
    /// The key's name
    name: String,
    /// The PSBT to sign, base64 or binary; `-` is standard input
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
    passphrase: passphrase::Source,
}

pub(super) fn run(args: &SignArgs, store: &Keystore, context: &Context) -> Result<Answer, Error> {
    args.file.check()?;
    let key = store
        .info(&args.name)
        .map_err(|error| failure::keystore(&error))?;
    let name = files::name(&args.psbt);
    let foreign = psbt::read(&files::read(&args.psbt, files::PSBT_LIMIT)?)
        .map_err(|error| Error::from(error).about(&name))?;
    let (vault_name, vault) =
        vault(args, &key, &foreign.psbt, context).map_err(|error| error.about(&name))?;
    let proposal = Proposal::check(&vault, foreign.psbt.clone())
        .map_err(|error| Error::refused("unfit_psbt", error.to_string()).about(&name))?;
    let whole = with_valid_signatures(&proposal, &foreign).map_err(|error| error.about(&name))?;
    let reviewed = quorate_signer::review(&vault, &whole)
        .map_err(|error| failure::review(&error).about(&name))?;
    let limits = FeeLimits {
        allow_high: args.allow_high_fee,
        ..FeeLimits::default()
    };
    reviewed
        .summary()
        .check_fee(&limits)
        .map_err(|refusal| failure::high_fee(&refusal))?;
    let review = spend::review(&vault, &proposal, used(&proposal));
    let mut view = view(&vault_name, &key, &proposal, &review);
    ask(args, context, &view)?;
    let passphrase = args.passphrase.of(&args.name)?;
    let unlocked = store
        .unlock(&args.name, &passphrase)
        .map_err(|error| failure::keystore(&error))?;
    let signed = unlocked
        .sign(&reviewed, limits)
        .map_err(|error| failure::sign(&error))?;
    let delivered = args.file.deliver(&signed.psbt)?;
    view.inputs_signed = signed.inputs_signed;
    view.inputs_signed_before = signed.inputs_untouched;
    view.file = delivered.file;
    view.psbt = delivered.psbt;
    let Some(path) = &view.file else {
        return Answer::bytes(&view, delivered.bytes);
    };
    let what = match (view.inputs_signed, view.inputs_signed_before) {
        (0, _) => "nothing to add: this key has signed every input before".to_owned(),
        (new, 0) => format!("signed {new} of {} inputs", view.inputs),
        (new, before) => format!(
            "signed {new} of {} inputs, {before} were signed before",
            view.inputs
        ),
    };
    Answer::new(
        &view,
        format!(
            "{what}\nwrote {}\nnext: quorate proposal import {}\n",
            escape(path),
            terminal::typed(path)
        ),
    )
}

/// The vault of this data folder that the PSBT spends from.
fn vault(
    args: &SignArgs,
    key: &KeyInfo,
    psbt: &Psbt,
    context: &Context,
) -> Result<(String, Vault), Error> {
    let import = "import it first: `quorate vault import NAME FILE`, and compare its id with the other cosigners";
    let home = context.home()?;
    let vaults = if home.join(DATABASE).exists() {
        let mut coordinator = Coordinator::open(&home)?;
        match &args.vault {
            Some(name) => vec![(name.clone(), coordinator.vault_facts(name)?)],
            None => coordinator.all_vault_facts()?,
        }
    } else {
        Vec::new()
    };
    if vaults.is_empty() {
        return Err(Error::refused(
            "no_vault",
            "this data folder has no vault, so it isn't known what would be signed",
        )
        .hint(format!("run `quorate init`, then {import}")));
    }
    // A vault that fits, else the one that is meant and doesn't, else any.
    let mut fault: Option<(bool, Error)> = None;
    for (name, vault) in vaults {
        match quorate_signer::review(&vault, psbt) {
            Ok(_) => {
                if vault
                    .cosigners()
                    .iter()
                    .any(|one| one.key.identity() == key.key.identity())
                {
                    return Ok((name, vault));
                }
                let error = Error::refused(
                    "not_a_cosigner",
                    format!(
                        "the key `{}` is no cosigner of vault `{name}`, from which this spends",
                        key.name
                    ),
                );
                fault = Some((
                    true,
                    error.hint(format!("`quorate vault show {name}` lists its cosigners")),
                ));
            }
            Err(error) => {
                let meant = !matches!(error, ReviewError::ForeignInput { .. });
                if fault.as_ref().is_none_or(|(before, _)| meant && !before) {
                    fault = Some((meant, failure::review(&error)));
                }
            }
        }
    }
    Err(match fault {
        Some((true, error)) => error,
        Some((false, error)) if args.vault.is_some() => error,
        _ => Error::refused(
            "foreign_input",
            "it spends from no vault of this data folder",
        )
        .hint(format!("if the vault is yours, {import}")),
    })
}

/// The PSBT as it was given, with those of its signatures that verify.
fn with_valid_signatures(proposal: &Proposal, foreign: &ForeignPsbt) -> Result<Psbt, Error> {
    let mut whole = foreign.psbt.clone();
    let admission = psbt::admit(proposal, foreign, &SignatureSet::default())?;
    for one in &admission.new {
        if let Some(input) = whole.inputs.get_mut(one.slot.input as usize) {
            input
                .partial_sigs
                .insert(one.slot.public_key, one.signature);
        }
    }
    Ok(whole)
}

/// The highest change index known to be in use: that of the coins spent.
fn used(proposal: &Proposal) -> Option<u32> {
    let coins = proposal.inputs().iter().map(|input| &input.derived);
    coins
        .filter(|coin| coin.keychain == Keychain::Change)
        .map(|coin| coin.index)
        .max()
}

/// Shows what is to be signed, and asks where somebody can be asked. Without a terminal the one who
/// started the program has decided; with `--yes` too.
fn ask(args: &SignArgs, context: &Context, view: &SignView) -> Result<(), Error> {
    let asks = !args.yes && terminal::is_attended();
    // A question without what it is about would be no question, so --json doesn't silence it.
    if asks || context.output.is_chatty() {
        context.output.ask(&summary(view));
    }
    let question = format!("Sign this with the key `{}`?", view.key);
    if !asks || terminal::confirm(context.output, &question)? {
        return Ok(());
    }
    Err(Error::refused("not_confirmed", "nothing was signed"))
}
