//! `quorate vault import`: from a descriptor or another program's file.

use super::show;
use crate::context::Context;
use crate::output::Answer;
use crate::{codes, files, input};
use quorate_coordinator::view::VaultView;
use quorate_coordinator::{Error, VaultImport};
use quorate_core::journal::Birth;
use quorate_core::text::check_name;
use quorate_core::wallet;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// What to call it
    name: String,
    /// The file; `-` is standard input
    file: PathBuf,
    /// What to call the cosigners, in the order of the descriptor's keys
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    cosigners: Option<Vec<String>>,
    /// From where to look for coins, if the vault is known to be no older: a block height or a day
    #[arg(long, value_name = "HEIGHT|YYYY-MM-DD")]
    birthday: Option<String>,
}

pub(super) fn import(args: &ImportArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let text = codes::read_text(&args.file)?;
    let birth = args
        .birthday
        .as_deref()
        .map_or(Ok(Birth::Height(0)), input::birthday)?;
    let found = wallet::read(&text, coordinator.network()).map_err(|error| {
        Error::input("bad_vault", error.to_string()).about(&files::name(&args.file))
    })?;
    let theirs = found.cosigners.filter(|names| can_be_taken_over(names));
    let import = VaultImport {
        name: &args.name,
        text: &found.descriptor,
        cosigners: args.cosigners.as_deref().or(theirs.as_deref()),
        birth,
    };
    let view = coordinator
        .import_vault(&import, Context::moment()?)
        .map_err(|error| match error.code {
            "bad_vault" => error.about(&files::name(&args.file)),
            _ => error,
        })?;
    let text = format!("read as: {}\n", found.format)
        + &show::described(&view)
        + "compare the id and the first addresses with the other cosigners before money is sent there\n"
        + &format!("next: quorate sync {}\n", view.name);
    let view = ImportedView {
        vault: view,
        format: found.format.word(),
    };
    Answer::new(&view, text)
}

/// Names that other programs allow needn't be ones that can be typed here.
fn can_be_taken_over(names: &[String]) -> bool {
    let all: BTreeSet<&String> = names.iter().collect();
    let mut names = names.iter();
    all.len() == names.len() && names.all(|name| check_name("the name", name).is_ok())
}

/// A vault, and from what kind of file it came.
#[derive(Serialize)]
struct ImportedView {
    #[serde(flatten)]
    vault: VaultView,
    format: &'static str,
}
