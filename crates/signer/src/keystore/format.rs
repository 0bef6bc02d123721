//! What the two files of a key hold.

use super::KeyInfo;
use crate::account::Account;
use crate::words;
use bip39::Mnemonic;
use bitcoin::Network;
use quorate_core::key::CosignerKey;
use zeroize::Zeroizing;

const FIRST_LINE: &str = "quorate signer key 1";

/// The public part as stored.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicPart {
    version: u32,
    network: Network,
    key: String,
}

/// What is sealed: lines that a person with `age -d` can read.
pub(super) fn plain(mnemonic: &Mnemonic, account: Account) -> Zeroizing<Vec<u8>> {
    let head = format!(
        "{FIRST_LINE}\nnetwork {}\naccount {}\nwords ",
        account.network(),
        account.number()
    );
    let words = words::line(mnemonic);
    let mut out = Zeroizing::new(Vec::with_capacity(head.len() + words.len() + 1));
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(words.as_bytes());
    out.push(b'\n');
    out
}

pub(super) fn parse_plain(plain: &[u8]) -> Option<(Mnemonic, Account)> {
    let mut lines = std::str::from_utf8(plain).ok()?.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let network = lines.next()?.strip_prefix("network ")?.parse().ok()?;
    let number = lines.next()?.strip_prefix("account ")?.parse().ok()?;
    let mnemonic = words::parse(lines.next()?.strip_prefix("words ")?).ok()?;
    match lines.next() {
        None => Some((mnemonic, Account::numbered(network, number)?)),
        Some(_) => None,
    }
}

pub(super) fn public_bytes(info: &KeyInfo) -> Vec<u8> {
    let part = PublicPart {
        version: 1,
        network: info.network,
        key: info.key.to_string(),
    };
    // A struct of two strings and a number always serializes.
    let mut bytes = serde_json::to_vec(&part).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

pub(super) fn public_info(name: &str, bytes: &[u8]) -> Option<KeyInfo> {
    let part: PublicPart = serde_json::from_slice(bytes).ok()?;
    if part.version != 1 {
        return None;
    }
    Some(KeyInfo {
        name: name.to_owned(),
        network: part.network,
        key: CosignerKey::parse(&part.key, part.network).ok()?,
    })
}
