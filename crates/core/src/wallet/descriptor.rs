//! Descriptors as text: one, two, or in Sparrow's paragraphs
//! (sparrowwallet/sparrow: io/Descriptor.java).

use super::{Format, Found, WalletError};
use crate::vault::{Vault, with_checksum};

pub(super) fn write(vault: &Vault) -> Result<String, WalletError> {
    let text = vault.descriptor();
    let body = text.split_once('#').map_or(text, |(body, _)| body);
    let branch = |place: usize| split(body, place).map(|body| with_checksum(&body));
    let (Some(receive), Some(change)) = (branch(0), branch(1)) else {
        return Err(Format::Sparrow.beyond("its descriptor has no pair of branches"));
    };
    Ok(format!(
        "# Receive and change descriptor:\n{text}\n\n# Receive descriptor:\n{}\n\n# Change descriptor:\n{}\n",
        receive?, change?
    ))
}

/// The descriptor of one keychain: the first or second number of each `<a;b>`.
fn split(body: &str, place: usize) -> Option<String> {
    let mut out = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('<') {
        let (pair, after) = after.split_once('>')?;
        out.push_str(before);
        out.push_str(pair.split(';').nth(place)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// What isn't a comment, up to the first empty line after it. Without comments all of it: then two
/// lines are receive and change.
pub(super) fn read(text: &str) -> Result<Found, WalletError> {
    let has_comments = text.lines().any(|line| line.trim_start().starts_with('#'));
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if has_comments && (line.is_empty() || line.starts_with('#')) && !kept.is_empty() {
            break;
        }
        if !line.is_empty() && !line.starts_with('#') {
            kept.push(line);
        }
    }
    if kept.is_empty() {
        return Err(WalletError::Empty);
    }
    Ok(Found {
        format: if has_comments {
            Format::Sparrow
        } else {
            Format::Descriptor
        },
        descriptor: kept.join("\n"),
        name: None,
        cosigners: None,
    })
}
