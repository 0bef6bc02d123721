//! `quorate vault backup` and `restore`: everything about a vault that isn't a key, sealed. BIP-0138 seals so
//! that any one of the vault's extended public keys opens it: whoever can take part in signing can read it.

use super::show;
use crate::context::Context;
use crate::date;
use crate::output::Answer;
use crate::{codes, files, passphrase, terminal};
use bip138::{Decrypted, EncryptedBackup, ToPayload};
use bitcoin::secp256k1::PublicKey;
use quorate_coordinator::{Coordinator, Error};
use quorate_core::backup::{Backup, MAX_BYTES};
use quorate_core::key::CosignerKey;
use quorate_core::key::file;
use quorate_core::text::escape;
use quorate_core::vault::Vault;
use quorate_signer::{Keystore, open_file, seal_file};
use serde::Serialize;
use std::path::{Path, PathBuf};

const BIP138: &[u8] = b"BIP138";
const AGE: &[u8] = b"age-encryption.org/";

#[derive(clap::Args)]
pub(crate) struct BackupArgs {
    /// The vault's name
    vault: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// bip138: any one of the vault's keys opens it; age: a passphrase does; none: not sealed
    #[arg(long, value_name = "HOW", default_value = "bip138", value_parser = ["bip138", "age", "none"])]
    seal: String,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    passphrase: passphrase::Source,
}

#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// One of the vault's extended public keys, or @FILE with one; keys of this data folder's signer are
    /// tried by themselves
    #[arg(long, value_name = "KEY|@FILE")]
    key: Option<String>,
    /// What to call the vault here; as the backup calls it otherwise
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    passphrase: passphrase::Source,
}

#[derive(Serialize)]
struct BackupView {
    vault: String,
    id: String,
    seal: String,
    file: String,
    entries: usize,
    labels: usize,
}

pub(super) fn backup(args: &BackupArgs, context: &Context) -> Result<Answer, Error> {
    if args.output.is_file() && !args.force {
        return Err(files::exists(&args.output));
    }
    let mut coordinator = context.coordinator()?;
    let backup = coordinator.backup(&args.vault, Context::moment()?)?;
    let vault = coordinator.vault_facts(&args.vault)?;
    let text = backup.write();
    let bytes = match args.seal.as_str() {
        "none" => text.into_bytes(),
        "age" => {
            let passphrase = args.passphrase.new_for("backup", context)?;
            seal_file(&passphrase, text.as_bytes()).map_err(|error| {
                Error::refused("not_sealed", format!("the backup can't be sealed: {error}"))
            })?
        }
        _ => seal(&vault, &text)?,
    };
    files::write(&args.output, &bytes, args.force)?;
    let view = BackupView {
        vault: backup.name.clone(),
        id: backup.id.clone(),
        seal: args.seal.clone(),
        file: args.output.display().to_string(),
        entries: backup.journal.lines().count().saturating_sub(1),
        labels: backup.labels.len(),
    };
    let opens = match view.seal.as_str() {
        "bip138" => "any one of the vault's extended public keys opens it",
        "age" => "the passphrase opens it",
        _ => "it isn't sealed: whoever has it sees all addresses and amounts",
    };
    let typed = terminal::typed(&view.file);
    let text = format!(
        "wrote {} ({opens}; it can spend nothing)\nnext: quorate vault drill {} --backup {typed}\n",
        files::shown(&args.output),
        escape(&view.vault)
    );
    Answer::new(&view, text)
}

fn seal(vault: &Vault, text: &String) -> Result<Vec<u8>, Error> {
    let failed = |error: bip138::Error| {
        Error::refused(
            "not_sealed",
            format!("the backup can't be sealed by BIP-0138: {error:?}"),
        )
        .hint("--seal age seals it with a passphrase")
    };
    let keys = vault
        .cosigners()
        .iter()
        .map(|one| one.key.xpub().public_key);
    let keys: Vec<PublicKey> = keys.collect();
    let paths = vault
        .cosigners()
        .iter()
        .map(|one| one.key.origin_path().clone());
    let sealed = EncryptedBackup::new()
        .set_derivation_paths(paths.collect())
        .set_keys(keys);
    // The descriptor by itself, for programs that know BIP-0138 and not our document; none where the
    // library has no such descriptor (`sortedmulti_a`).
    let descriptor: Option<miniscript::Descriptor<miniscript::DescriptorPublicKey>> =
        vault.descriptor().parse().ok();
    let sealed = match &descriptor {
        Some(descriptor) => {
            let payloads: [&dyn ToPayload; 2] = [descriptor, text];
            sealed.set_payloads(&payloads)
        }
        None => sealed.set_payload(text),
    };
    Ok(sealed.map_err(failed)?.encrypt().map_err(failed)?.bytes)
}

/// The document in a backup, whichever way it is sealed.
pub(super) fn opened(
    path: &Path,
    key: Option<&str>,
    passphrase: &passphrase::Source,
    context: &Context,
) -> Result<String, Error> {
    let bytes = files::read(path, files::JOURNAL_LIMIT)?;
    let about = |error: Error| error.about(&files::name(path));
    let bad = |message: String| about(Error::input("bad_backup", message));
    let text = if bytes.starts_with(BIP138) {
        unseal(&bytes, key, context).map_err(about)?
    } else if bytes.starts_with(AGE) {
        let passphrase = passphrase.of("backup")?;
        open_file(&passphrase, &bytes, MAX_BYTES)
            .map_err(bad)?
            .to_vec()
    } else {
        bytes
    };
    String::from_utf8(text).map_err(|_| bad("it isn't a backup that Quorate wrote".to_owned()))
}

fn unseal(bytes: &[u8], key: Option<&str>, context: &Context) -> Result<Vec<u8>, Error> {
    let bad = |message: &str| Error::input("bad_backup", message);
    let sealed = EncryptedBackup::new()
        .set_encrypted_payload(bytes)
        .map_err(|_| bad("it is damaged: its head can't be read"))?;
    let keys = match key {
        Some(key) => vec![given(key, context)?],
        None => own_keys(context)?,
    };
    if keys.is_empty() {
        return Err(bad("it is sealed, and no key was given")
            .hint("any one of the vault's extended public keys opens it: --key '[fingerprint/path]xpub', or --key @FILE"));
    }
    for key in keys {
        let Ok(items) = sealed.clone().set_keys(vec![key]).decrypt() else {
            continue;
        };
        let texts = items.into_iter().filter_map(|item| match item {
            Decrypted::String(text) => Some(text),
            _ => None,
        });
        return texts
            .last()
            .map(String::into_bytes)
            .ok_or_else(|| bad("what is sealed in it isn't a backup of Quorate's"));
    }
    Err(
        bad("the key isn't one of the vault's, or the file was changed").hint(
            "any one of the vault's extended public keys opens it: --key '[fingerprint/path]xpub'",
        ),
    )
}

fn given(key: &str, context: &Context) -> Result<PublicKey, Error> {
    let network = context.coordinator()?.network();
    let bad = |error: &dyn std::fmt::Display| Error::input("bad_key", error.to_string());
    let Some(path) = key.strip_prefix('@') else {
        // With its origin or without: the key alone opens it.
        let bare = key.rsplit_once(']').map_or(key, |(_, xpub)| xpub);
        let xpub: bitcoin::bip32::Xpub = match CosignerKey::parse(key, network) {
            Ok(key) => *key.xpub(),
            Err(error) => bare.parse().map_err(|_| bad(&error))?,
        };
        return Ok(xpub.public_key);
    };
    let found =
        file::read(&codes::read_text(Path::new(path))?, network).map_err(|error| bad(&error))?;
    found
        .keys
        .first()
        .map(|one| one.key.xpub().public_key)
        .ok_or_else(|| bad(&"the file has no key"))
}

fn own_keys(context: &Context) -> Result<Vec<PublicKey>, Error> {
    let store = Keystore::at(&context.home()?);
    let names = store.names().unwrap_or_default();
    let infos = names.iter().filter_map(|name| store.info(name).ok());
    Ok(infos.map(|info| info.key.xpub().public_key).collect())
}

pub(super) fn restore(args: &RestoreArgs, context: &Context) -> Result<Answer, Error> {
    let text = opened(&args.file, args.key.as_deref(), &args.passphrase, context)?;
    let mut coordinator = context.coordinator()?;
    restored(&mut coordinator, &text, args.name.as_deref())
        .map_err(|error| error.about(&files::name(&args.file)))
        .and_then(|view| {
            let mut text = format!(
                "restored from a backup of {}: {} journal entries\n",
                date::minute(view.made_at),
                view.entries
            );
            text.push_str(&show::described(&view.vault));
            for difference in &view.differences {
                text.push_str(&format!("note: {}\n", escape(difference)));
            }
            text.push_str(&format!(
                "compare the words with the other cosigners\nnext: quorate sync {}\n",
                escape(&view.vault.name)
            ));
            Answer::new(&view, text)
        })
}

pub(super) fn restored(
    coordinator: &mut Coordinator,
    text: &str,
    name: Option<&str>,
) -> Result<quorate_coordinator::view::RestoredView, Error> {
    coordinator.restore(text, name, Context::moment()?)
}

/// What a backup's document says, held against its own descriptor.
pub(super) fn read(text: &str) -> Result<Backup, Error> {
    Ok(Backup::read(text)?.0)
}
