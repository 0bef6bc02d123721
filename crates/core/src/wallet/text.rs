//! Coldcard's multisig text and its dialects (Coldcard/firmware: shared/multisig.py). Keys are always
//! sorted in it, unless Jade's line `Sorted: False` says otherwise.

use super::multisig::{Multisig, check_counts, descriptor, expression, path_text};
use super::{Format, Found, WalletError};
use crate::key::{CosignerKey, slip132_text};
use crate::script_type::ScriptType;
use crate::text::excerpt;
use crate::vault::Vault;
use bitcoin::Network;

/// Coldcard's and Passport's limit for names, in characters.
const MAX_NAME: usize = 20;
const MAX_SIGNERS: usize = 15;
const MAX_SEEDSIGNER: usize = 9;

pub(super) fn write(format: Format, vault: &Vault, name: &str) -> Result<String, WalletError> {
    let multisig = Multisig::sorted(format, vault)?;
    check(format, vault, &multisig, name)?;
    let nested = match format {
        Format::Keystone => "P2WSH-P2SH",
        _ => "P2SH-P2WSH",
    };
    let kind = match multisig.script {
        ScriptType::Wsh => "P2WSH",
        ScriptType::ShWsh => nested,
        ScriptType::Sh | ScriptType::Tr => "P2SH",
    };
    let head = match format {
        Format::BlueWallet => "# BlueWallet Multisig setup file",
        Format::Keystone => "# Keystone Multisig setup file (created by Quorate)",
        // SeedSigner looks for the words "multisig setup file".
        _ => "# Coldcard Multisig setup file (created by Quorate)",
    };
    let (threshold, count) = (multisig.threshold, multisig.keys.len());
    let mut text = format!("{head}\n#\nName: {name}\nPolicy: {threshold} of {count}\n");
    let common = multisig.common_path();
    if let (Some(path), true) = (common, format != Format::BlueWallet) {
        text.push_str(&format!("Derivation: {}\n", path_text(path)));
    }
    text.push_str(&format!("Format: {kind}\n"));
    for (_, key) in &multisig.keys {
        let path = path_text(key.origin_path());
        let fingerprint = key.fingerprint().to_string().to_ascii_uppercase();
        match (format, common) {
            (Format::BlueWallet, _) => text.push_str(&format!("\n# derivation: {path}\n")),
            (_, None) => text.push_str(&format!("\nDerivation: {path}\n")),
            (_, Some(_)) => text.push('\n'),
        }
        text.push_str(&format!(
            "{fingerprint}: {}\n",
            key_text(format, vault, &multisig, key)
        ));
    }
    Ok(text)
}

/// BlueWallet tells the script by the prefix.
fn key_text(format: Format, vault: &Vault, multisig: &Multisig, key: &CosignerKey) -> String {
    match format {
        Format::BlueWallet => slip132_text(key.xpub(), multisig.script, vault.network()),
        _ => key.xpub().to_string(),
    }
}

fn check(
    format: Format,
    vault: &Vault,
    multisig: &Multisig,
    name: &str,
) -> Result<(), WalletError> {
    let length = name.chars().count();
    if length > MAX_NAME || !name.is_ascii() {
        return Err(format.beyond(format!(
            "devices show names of at most {MAX_NAME} plain characters, `{name}` is another: give a --name"
        )));
    }
    let most = match format {
        Format::SeedSigner => MAX_SEEDSIGNER,
        _ => MAX_SIGNERS,
    };
    if multisig.keys.len() > most {
        return Err(format.beyond(format!(
            "it has {} keys, the device takes {most}",
            multisig.keys.len()
        )));
    }
    if matches!(format, Format::SeedSigner | Format::Keystone) && multisig.common_path().is_none() {
        return Err(
            format.beyond("its keys have different paths, and the device takes one for all")
        );
    }
    if format == Format::Keystone && vault.network() != Network::Bitcoin {
        return Err(format.beyond("the device knows the main network alone"));
    }
    Ok(())
}

/// What the lines said so far.
#[derive(Default)]
struct Lines {
    name: Option<String>,
    policy: Option<(usize, usize)>,
    script: Option<ScriptType>,
    unsorted: bool,
    path: Option<String>,
    keys: Vec<String>,
}

pub(super) fn read(text: &str) -> Result<Found, WalletError> {
    let mut lines = Lines::default();
    for (number, line) in (1..).zip(text.lines()) {
        lines
            .line(line.trim())
            .map_err(|fault| Format::Coldcard.fault(format!("line {number}: {fault}")))?;
    }
    let missing = |what: &str| Format::Coldcard.fault(format!("no line says `{what}:`"));
    let (threshold, count) = lines.policy.ok_or_else(|| missing("Policy"))?;
    let script = lines.script.ok_or_else(|| missing("Format"))?;
    check_counts(Format::Coldcard, threshold, count, lines.keys.len())?;
    Ok(Found {
        format: if text.starts_with("# BlueWallet") {
            Format::BlueWallet
        } else {
            Format::Coldcard
        },
        descriptor: descriptor(script, !lines.unsorted, threshold, &lines.keys)?,
        name: lines.name,
        cosigners: None,
    })
}

impl Lines {
    fn line(&mut self, line: &str) -> Result<(), String> {
        // BlueWallet writes each key's path as a comment.
        let comment = line.strip_prefix('#').map(str::trim);
        let line = match comment {
            Some(comment) if comment.to_ascii_lowercase().starts_with("derivation:") => comment,
            Some(_) => return Ok(()),
            None if line.is_empty() => return Ok(()),
            None => line,
        };
        let Some((label, value)) = line.split_once(':') else {
            return Err("a key without its fingerprint can't be told from another's".to_owned());
        };
        let (label, value) = (label.trim().to_ascii_lowercase(), value.trim());
        match label.as_str() {
            "name" => self.name = Some(value.to_owned()),
            "policy" => self.policy = Some(policy(value)?),
            "derivation" => self.path = Some(value.to_owned()),
            "format" => self.script = Some(kind(value)?),
            "sorted" => {
                self.unsorted = match value.to_ascii_lowercase().as_str() {
                    "true" => false,
                    "false" => true,
                    _ => return Err("`Sorted` is True or False".to_owned()),
                }
            }
            fingerprint if is_fingerprint(fingerprint) => {
                let path = self
                    .path
                    .as_deref()
                    .ok_or("its key's path isn't said before it (`Derivation:`)")?;
                self.keys.push(expression(fingerprint, path, value));
            }
            _ => {
                return Err(format!(
                    "`{}` isn't known: it may be a file of another kind",
                    excerpt(&label)
                ));
            }
        }
        Ok(())
    }
}

pub(super) fn is_fingerprint(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `2 of 3`, `2/3`: the first two numbers.
fn policy(value: &str) -> Result<(usize, usize), String> {
    let mut numbers = value
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(str::parse::<usize>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(threshold)), Some(Ok(count))) => Ok((threshold, count)),
        _ => Err("`Policy` is something like `2 of 3`".to_owned()),
    }
}

fn kind(value: &str) -> Result<ScriptType, String> {
    match value.to_ascii_uppercase().as_str() {
        "P2WSH" => Ok(ScriptType::Wsh),
        "P2SH-P2WSH" | "P2WSH-P2SH" => Ok(ScriptType::ShWsh),
        "P2SH" => Ok(ScriptType::Sh),
        _ => Err(format!(
            "the format `{}` isn't known: it is P2WSH, P2SH-P2WSH or P2SH",
            excerpt(&value)
        )),
    }
}
