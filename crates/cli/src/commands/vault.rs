//! `quorate vault`: make a vault, take one in, look at it, hand it on.

mod check;
mod key;
mod show;

use super::policy;
use crate::context::Context;
use crate::output::Answer;
use crate::{files, input, terminal};
use quorate_coordinator::view::VaultView;
use quorate_coordinator::{Coordinator, Error, NewVault, VaultImport, nearest};
use quorate_core::journal::Birth;
use quorate_core::policy::Template;
use quorate_core::script_type::ScriptType;
use quorate_core::text::{check_name, escape};
use quorate_core::wallet::{self, Format};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What vaults can do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Create a vault from a policy and the cosigners' keys
    ///
    /// Keys are given in the order in which `quorate policy show` lists the roles. Every cosigner
    /// should import the vault into a data folder or device of their own and compare the id and the
    /// first addresses before money is sent there.
    #[command(after_help = "Examples:
  quorate vault create family --policy 2-of-3 --key 'alice=[f00d1111/48h/0h/0h/2h]xpub...' \\
      --key 'bob=[f00d2222/48h/0h/0h/2h]xpub...' --key 'carol=[f00d3333/48h/0h/0h/2h]xpub...'
  quorate vault create treasury --policy 3-of-5 --script tr --key ...
  quorate vault create family --policy 2-of-3 --key alice=@ccxp-0F056943.json --key ...
  quorate vault create savings --policy ours.toml --key alice=\"$(quorate signer key alice)\" ...")]
    Create(CreateArgs),
    /// List the vaults of this data folder
    #[command(after_help = "Examples:\n  quorate vault list")]
    List,
    /// Show a vault: id, descriptor, who can spend, first addresses
    #[command(after_help = "Examples:\n  quorate vault show family")]
    Show {
        /// The vault's name, or the beginning of its id
        vault: String,
    },
    /// Export a vault for other programs and other people
    ///
    /// Such a file holds no private keys, but whoever has it sees all addresses and amounts. What a
    /// format can't say about a vault is refused: a descriptor can say everything.
    #[command(after_help = "Examples:
  quorate vault export family -o family.txt
  quorate vault export family --format coldcard -o family-coldcard.txt

Formats:
  descriptor  one line, for most programs and every vault
  core        a request for Bitcoin Core's importdescriptors
  coldcard    Coldcard's multisig text, read by Passport, Krux, Jade and many programs
  seedsigner, keystone, bluewallet   the same in their dialects
  sparrow, specter, caravan, electrum   files of these programs
  bsms        a descriptor record (BIP-0129)
  bip388      a wallet policy, for Ledger and BitBox02")]
    Export(ExportArgs),
    /// Import a vault from its descriptor, or from another program's file
    ///
    /// Takes one descriptor with <0;1>, or two lines: the receive and the change descriptor; and every
    /// format that `quorate vault export` writes. Which one it is is found out by itself. The same vault
    /// gets the same id and addresses everywhere, however it is written.
    #[command(after_help = "Examples:
  quorate vault import family family.txt
  quorate vault import family family.txt --cosigners alice,bob,carol --birthday 2025-01-31
  quorate vault import family coldcard-export.txt
  quorate vault import family - < family.txt")]
    Import(ImportArgs),
    /// Check which devices and programs will refuse the vault, before money goes in
    ///
    /// With --device, the exit code is 1 if it refuses.
    #[command(after_help = "Examples:
  quorate vault check family
  quorate vault check family --device jade")]
    Check(check::CheckArgs),
    /// Keys out of the files that signers write
    #[command(
        subcommand,
        after_help = "Examples:\n  quorate vault key import ccxp-0F056943.json"
    )]
    Key(key::Command),
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// What to call it
    name: String,
    /// A name out of `quorate policy list`, or a file of your own (FILE.toml)
    #[arg(long)]
    policy: String,
    /// The kind of output: wsh, sh-wsh, sh or tr; the policy's own otherwise
    #[arg(long, value_name = "TYPE")]
    script: Option<ScriptType>,
    /// A cosigner's name and key: NAME=[fingerprint/path]xpub, or NAME=@FILE with a file that the
    /// signer wrote (see `quorate vault key import`); once for each
    #[arg(long = "key", value_name = "NAME=KEY", required = true)]
    keys: Vec<String>,
    /// From where to look for coins, if the same vault existed before: a block height or a day
    #[arg(long, value_name = "HEIGHT|YYYY-MM-DD")]
    birthday: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The vault's name
    vault: String,
    /// The format, see below
    #[arg(long, default_value = "descriptor")]
    format: String,
    /// What to call the vault in the file; its name here otherwise
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The file to write; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

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

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::Create(args) => create(&args, context),
        Command::List => show::list(&context.coordinator()?.vaults()?),
        Command::Show { vault } => {
            let mut coordinator = context.coordinator()?;
            let view = coordinator.vault(&vault)?;
            let text = show::described(&view);
            Answer::new(&view, text)
        }
        Command::Export(args) => export(&args, context),
        Command::Import(args) => import(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Key(command) => key::run(command, context),
    }
}

fn create(args: &CreateArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let mut template = policy::load(&args.policy)?;
    template.script = args.script.unwrap_or(template.script);
    let keys = args
        .keys
        .iter()
        .map(|key| {
            let (name, key) = input::key(key)?;
            Ok((name, out_of_file(key, &coordinator, template.script)?))
        })
        .collect::<Result<_, Error>>()?;
    let keys = in_order(&template, keys)?;
    let birth = args.birthday.as_deref().map(input::birthday).transpose()?;
    let new = NewVault {
        name: &args.name,
        template: &template,
        keys: &keys,
        birth,
    };
    let view = coordinator.create_vault(&new, Context::moment()?)?;
    let text = show::described(&view)
        + &format!(
            "next: quorate vault export {0} -o {0}.txt, for the other cosigners to import\n",
            view.name
        );
    Answer::new(&view, text)
}

/// A key as it is typed, or as it stands in the file that is named after an @.
fn out_of_file(
    key: String,
    coordinator: &Coordinator,
    script: ScriptType,
) -> Result<String, Error> {
    let Some(file) = key.strip_prefix('@') else {
        return Ok(key);
    };
    let file = Path::new(file);
    let found = key::load(file, coordinator.network())?;
    Ok(key::choose(&found, file, script)?.key.to_string())
}

/// Keys go to roles by their order. Where the names given are the roles' own, a different order
/// would give owners' rights to heirs: then the names decide.
fn in_order(
    template: &Template,
    mut keys: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Error> {
    let place = |name: &String| template.roles.iter().position(|role| role == name);
    let named: BTreeSet<Option<usize>> = keys.iter().map(|(name, _)| place(name)).collect();
    let all_named = !named.contains(&None) && named.len() == template.roles.len();
    if all_named && keys.len() == template.roles.len() {
        keys.sort_by_key(|(name, _)| place(name));
        return Ok(keys);
    }
    let misplaced = keys
        .iter()
        .enumerate()
        .find(|(at, (name, _))| place(name).is_some_and(|role| role != *at));
    match misplaced {
        Some((at, (name, _))) => Err(Error::input(
            "keys_out_of_order",
            format!(
                "`{name}` is a role of this policy, but its key is given as number {}",
                at + 1
            ),
        )
        .hint(format!(
            "give the keys in the order of the roles: {}",
            template.roles.join(", ")
        ))),
        None => Ok(keys),
    }
}

fn import(args: &ImportArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let text = files::read_text(&args.file)?;
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

#[derive(Serialize)]
struct ExportView {
    vault: String,
    id: String,
    format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

fn export(args: &ExportArgs, context: &Context) -> Result<Answer, Error> {
    let format: Format = args.format.parse().map_err(|()| {
        let words = Format::ALL.map(Format::word);
        let error = Error::input(
            "unknown_format",
            format!(
                "`{}` is no format that is written here",
                escape(&args.format)
            ),
        );
        match nearest(&args.format, words) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("the formats are {}", words.join(", "))),
        }
    })?;
    let mut coordinator = context.coordinator()?;
    let vault = coordinator.vault(&args.vault)?;
    let facts = coordinator.vault_facts(&args.vault)?;
    let name = args.name.as_deref().unwrap_or(&vault.name);
    let content = wallet::write(format, &facts, name).map_err(|error| {
        Error::refused("not_expressible", error.to_string())
            .hint("a descriptor can say everything: --format descriptor")
    })?;
    let mut view = ExportView {
        vault: vault.name,
        id: vault.id,
        format: args.format.clone(),
        file: None,
        descriptor: None,
        content: None,
    };
    let Some(path) = &args.output else {
        match format {
            Format::Descriptor => view.descriptor = Some(vault.descriptor),
            _ => view.content = Some(content.clone()),
        }
        return Answer::new(&view, content);
    };
    files::write(path, content.as_bytes(), args.force)?;
    view.file = Some(path.display().to_string());
    let (shown, typed) = (files::shown(path), terminal::typed(&path.to_string_lossy()));
    let next = match format {
        Format::Descriptor => format!(
            "next: quorate vault import {} {typed}, in the data folder of each cosigner\n",
            view.vault
        ),
        _ => "compare the first addresses there with those of `quorate vault show`\n".to_owned(),
    };
    Answer::new(&view, format!("wrote {shown}\n{next}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(policy: &str, names: &[&str]) -> Result<Vec<String>, Error> {
        let template = Template::builtin(policy).unwrap();
        let keys = names
            .iter()
            .map(|name| ((*name).to_owned(), String::new()))
            .collect();
        Ok(in_order(&template, keys)?
            .into_iter()
            .map(|(name, _)| name)
            .collect())
    }

    #[test]
    fn keys_named_like_roles_never_get_another_role() {
        let roles = ["owner-1", "owner-2", "heir-1", "heir-2"];
        let mixed = names("inheritance", &["heir-1", "owner-2", "owner-1", "heir-2"]);
        assert_eq!(mixed.unwrap(), roles);
        let error = names("inheritance", &["heir-1", "bob", "carol", "dave"]).unwrap_err();
        assert_eq!(error.code, "keys_out_of_order");
        let own = ["alice", "bob", "carol", "dave"];
        assert_eq!(names("inheritance", &own).unwrap(), own);
    }
}
