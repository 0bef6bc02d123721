//! `quorate signer`: the software cosigner. Its keys are in the same data folder, but the coordinator
//! never sees them.

mod sign;
mod summary;

use crate::context::{Context, entropy};
use crate::output::Answer;
use crate::passphrase::{self, prompt};
use crate::{failure, files, input, terminal};
use bitcoin::Network;
use quorate_coordinator::view::ErrorView;
use quorate_coordinator::{Coordinator, DATABASE, Error};
use quorate_core::text::escape;
use quorate_signer::{Account, KeyInfo, Keystore};
use serde::Serialize;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

// What the software signer can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Make a new key and show its words, once
    ///
    /// The 24 words are the key. Write them on paper: they are not shown again, and without them and
    /// the file the key is lost. On disk it is sealed with a passphrase.
    #[command(after_help = "Examples:
  quorate signer new alice
  quorate signer new alice --network regtest")]
    New(NewArgs),
    /// Bring a key back from its words
    ///
    /// The words are asked for, or read from standard input.
    #[command(after_help = "Examples:
  quorate signer restore alice
  quorate signer restore alice --account 1
  quorate signer restore alice --words words.txt")]
    Restore(RestoreArgs),
    /// List the keys of this data folder
    #[command(after_help = "Examples:\n  quorate signer list")]
    List,
    /// Print a key's public part, for `quorate vault create`
    #[command(after_help = "Examples:
  quorate signer key alice
  quorate vault create family --policy 2-of-3 --key alice=\"$(quorate signer key alice)\" ...")]
    Key {
        /// The key's name
        name: String,
    },
    /// Look at a PSBT and sign it
    ///
    /// The vault must have been imported into this data folder: change is what that vault derives, and
    /// amounts are what the previous transactions say, whatever the file claims. At a terminal you are
    /// asked before anything is signed.
    #[command(after_help = "Examples:
  quorate signer sign alice alice.psbt -o alice.signed.psbt
  quorate signer sign alice - < alice.psbt > alice.signed.psbt")]
    Sign(sign::SignArgs),
}

#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    /// What to call the key
    name: String,
    /// The network it is for; the data folder's otherwise
    #[arg(long, value_parser = input::networks())]
    network: Option<Network>,
    /// The account, for several keys of the same words
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    account: u32,
    #[command(flatten)]
    passphrase: passphrase::Source,
}

#[derive(clap::Args)]
pub(crate) struct NewArgs {
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// Read the words from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
}

#[derive(Serialize)]
struct KeyView<'a> {
    name: &'a str,
    network: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<&'a str>,
}

impl<'a> KeyView<'a> {
    fn of(info: &'a KeyInfo) -> Self {
        Self {
            name: &info.name,
            network: info.network.to_string(),
            key: info.key.to_string(),
            words: None,
        }
    }
}

#[derive(Serialize)]
struct ListedKeyView {
    name: String,
    network: Option<String>,
    key: Option<String>,
    error: Option<ErrorView>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let home = context.home()?;
    let store = Keystore::at(&home);
    match command {
        Command::New(args) => new(&args.key, &home, &store, context),
        Command::Restore(args) => restore(&args, &home, &store, context),
        Command::List => list(&store),
        Command::Key { name } => {
            let info = store
                .info(&name)
                .map_err(|error| failure::keystore(&error))?;
            let view = KeyView::of(&info);
            Answer::new(&view, view.key.clone())
        }
        Command::Sign(args) => sign::run(&args, &store, context),
    }
}

/// The account the arguments mean. A data folder has one network for everything in it.
fn account(args: &KeyArgs, home: &Path) -> Result<Account, Error> {
    let its = match home.join(DATABASE).exists() {
        true => Some(Coordinator::open(home)?.network()),
        false => None,
    };
    let network = match (args.network, its) {
        (Some(asked), Some(its)) if asked != its => {
            return Err(Error::refused(
                "wrong_network",
                format!("the key would be for {asked}, but this data folder is for {its}"),
            )
            .hint("name another data folder with --home"));
        }
        (Some(network), _) | (None, Some(network)) => network,
        (None, None) => {
            return Err(Error::input("no_network", "it isn't known for which network the key is")
                .hint("say --network regtest (or signet, testnet4, bitcoin), or run `quorate init` first"));
        }
    };
    Account::numbered(network, args.account).ok_or_else(|| {
        Error::input(
            "bad_account",
            format!(
                "{} is no account number: it must be below 2147483648",
                args.account
            ),
        )
    })
}

fn check_free(store: &Keystore, name: &str) -> Result<(), Error> {
    // Before somebody types a passphrase twice for nothing.
    let names = store.names().map_err(|error| failure::keystore(&error))?;
    if names.iter().any(|there| there == name) {
        return Err(Error::refused(
            "key_exists",
            format!("a key named `{}` is here already", escape(name)),
        )
        .hint("choose another name; a key is never written over"));
    }
    Ok(())
}

fn new(args: &KeyArgs, home: &Path, store: &Keystore, context: &Context) -> Result<Answer, Error> {
    let account = account(args, home)?;
    check_free(store, &args.name)?;
    let passphrase = args.passphrase.new_for(&args.name, context)?;
    let entropy = Zeroizing::new(entropy()?);
    let key = store
        .create(&args.name, account, &entropy, &passphrase)
        .map_err(|error| failure::keystore(&error))?;
    let view = KeyView {
        words: Some(&key.words),
        ..KeyView::of(&key.info)
    };
    let mut text = format!(
        "key {} for {}\n\nThese words are the key. Write them on paper now; they are not shown again:\n\n",
        view.name, view.network
    );
    text.reserve(2048);
    for (at, word) in key.words.split(' ').enumerate() {
        text.push_str(&format!("{:>4}. {word}", at + 1));
        let padding = if at % 4 == 3 {
            "\n"
        } else {
            &"         "[word.len()..]
        };
        text.push_str(padding);
    }
    text.push_str(&format!("\npublic part, for the vault:\n{}\n", view.key));
    Answer::new(&view, text)
}

fn restore(
    args: &RestoreArgs,
    home: &Path,
    store: &Keystore,
    context: &Context,
) -> Result<Answer, Error> {
    let account = account(&args.key, home)?;
    check_free(store, &args.key.name)?;
    let words = match &args.words {
        Some(path) => Zeroizing::new(files::read_text(path)?),
        None if terminal::is_attended() => prompt("Words, in one line, not shown: ")?,
        None => Zeroizing::new(files::read_text(Path::new("-"))?),
    };
    let passphrase = args.key.passphrase.new_for(&args.key.name, context)?;
    let info = store
        .restore(&args.key.name, account, &words, &passphrase)
        .map_err(|error| failure::keystore(&error))?;
    let view = KeyView::of(&info);
    Answer::new(
        &view,
        format!("key {} for {}\n{}\n", view.name, view.network, view.key),
    )
}

fn list(store: &Keystore) -> Result<Answer, Error> {
    let keys: Vec<ListedKeyView> = store
        .list()
        .map_err(|error| failure::keystore(&error))?
        .into_iter()
        .map(|(name, info)| match info {
            Ok(info) => ListedKeyView {
                name,
                network: Some(info.network.to_string()),
                key: Some(info.key.to_string()),
                error: None,
            },
            Err(error) => ListedKeyView {
                name,
                network: None,
                key: None,
                error: Some(ErrorView::from(&failure::keystore(&error))),
            },
        })
        .collect();
    let view = serde_json::json!({ "keys": keys });
    if keys.is_empty() {
        return Answer::new(
            &view,
            "there is no key here yet\nnext: quorate signer new NAME\n",
        );
    }
    let mut text = String::new();
    for key in &keys {
        let problem = key.error.as_ref().map(|error| escape(&error.message));
        text.push_str(&format!(
            "{}  {}  {}\n",
            escape(&key.name),
            key.network.as_deref().unwrap_or("-"),
            key.key.clone().or(problem).unwrap_or_default()
        ));
    }
    Answer::new(&view, text)
}
