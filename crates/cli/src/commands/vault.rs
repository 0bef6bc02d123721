//! `quorate vault`: make a vault, take one in, look at it, hand it on.

mod show;

use super::policy;
use crate::context::Context;
use crate::output::Answer;
use crate::{files, input, terminal};
use quorate_coordinator::{Error, NewVault, VaultImport};
use quorate_core::journal::Birth;
use quorate_core::policy::Template;
use quorate_core::script_type::ScriptType;
use quorate_core::text::escape;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The formats that `export` writes.
const FORMATS: [&str; 1] = ["descriptor"];

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
    /// A descriptor holds no private keys, but whoever has it sees all addresses and amounts.
    #[command(after_help = "Examples:
  quorate vault export family -o family.txt
  quorate vault export family --format descriptor")]
    Export(ExportArgs),
    /// Import a vault from its descriptor
    ///
    /// Takes one descriptor with <0;1>, or two lines: the receive and the change descriptor. The same
    /// vault gets the same id and addresses everywhere, however its descriptor is written.
    #[command(after_help = "Examples:
  quorate vault import family family.txt
  quorate vault import family family.txt --cosigners alice,bob,carol --birthday 2025-01-31
  quorate vault import family - < family.txt")]
    Import(ImportArgs),
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
    /// A cosigner's name and key: NAME=[fingerprint/path]xpub; once for each
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
    /// The format; this version writes `descriptor`
    #[arg(long, default_value = "descriptor")]
    format: String,
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
    /// The file with the descriptor; `-` is standard input
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
    }
}

fn create(args: &CreateArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let mut template = policy::load(&args.policy)?;
    template.script = args.script.unwrap_or(template.script);
    let keys = args
        .keys
        .iter()
        .map(|key| input::key(key))
        .collect::<Result<_, _>>()?;
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
    let import = VaultImport {
        name: &args.name,
        text: &text,
        cosigners: args.cosigners.as_deref(),
        birth,
    };
    let view = coordinator
        .import_vault(&import, Context::moment()?)
        .map_err(|error| match error.code {
            "bad_vault" => error.about(&files::name(&args.file)),
            _ => error,
        })?;
    let text = show::described(&view)
        + "compare the id and the first addresses with the other cosigners before money is sent there\n"
        + &format!("next: quorate sync {}\n", view.name);
    Answer::new(&view, text)
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
}

fn export(args: &ExportArgs, context: &Context) -> Result<Answer, Error> {
    if !FORMATS.contains(&args.format.as_str()) {
        return Err(Error::input(
            "unknown_format",
            format!(
                "this version writes {}, not `{}`",
                FORMATS.join(", "),
                escape(&args.format)
            ),
        )
        .hint("most wallet programs read a descriptor: --format descriptor"));
    }
    let vault = context.coordinator()?.vault(&args.vault)?;
    let content = format!("{}\n", vault.descriptor);
    let mut view = ExportView {
        vault: vault.name,
        id: vault.id,
        format: args.format.clone(),
        file: None,
        descriptor: None,
    };
    let Some(path) = &args.output else {
        view.descriptor = Some(vault.descriptor);
        return Answer::new(&view, content);
    };
    files::write(path, content.as_bytes(), args.force)?;
    view.file = Some(path.display().to_string());
    let (shown, typed) = (files::shown(path), terminal::typed(&path.to_string_lossy()));
    Answer::new(
        &view,
        format!(
            "wrote {shown}\nnext: quorate vault import {} {typed}, in the data folder of each cosigner\n",
            view.vault
        ),
    )
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
