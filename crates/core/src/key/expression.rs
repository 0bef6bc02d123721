//! Parsing of one key expression, as it stands in a descriptor: the key and the branches after it.

use super::secret::{self, SecretKind};
use super::slip132::{self, Prefix};
use super::{CosignerKey, KeyError};
use crate::text;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, Xpub};
use bitcoin::{Network, NetworkKind, base58};
use std::str::FromStr;

/// More steps than anybody uses between an exported key and its addresses.
const MAX_STEPS: usize = 8;
/// 82 bytes in base58 are 111 or 112 characters.
const MAX_XPUB: usize = 120;

/// A key and the derivation written after it: paths from the key to where the index is counted,
/// one for each branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyExpression {
    pub(crate) key: CosignerKey,
    pub(crate) branches: Option<Branches>,
}

/// What stands between the extended key and `/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Branches {
    One(Vec<u32>),
    Two(Vec<u32>, Vec<u32>),
}

impl KeyExpression {
    pub(crate) fn parse(text: &str, network: Network) -> Result<Self, KeyError> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        check_characters(text)?;
        let (origin, rest) = split_origin(text)?;
        let (body, branches) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (fingerprint, origin_path) = parse_origin(origin)?;
        let xpub = parse_xpub(body, network)?;
        check_origin(fingerprint, &origin_path, &xpub)?;
        let key = CosignerKey {
            fingerprint,
            origin_path,
            xpub,
        };
        let branches = parse_branches(branches)?;
        Ok(Self { key, branches })
    }

    pub(crate) fn has_standard_branches(&self) -> bool {
        self.branches == Some(Branches::Two(vec![0], vec![1]))
    }
}

fn check_characters(text: &str) -> Result<(), KeyError> {
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if let Some(kind) = secret::find_secret(text) {
        return Err(KeyError::Secret(kind));
    }
    let body = text.rsplit(']').next().unwrap_or(text);
    if secret::is_raw_private(body) {
        return Err(KeyError::Secret(SecretKind::PrivateKey));
    }
    for (at, c) in text.chars().enumerate() {
        let position = at + 1;
        let found = match c {
            '!'..='~' => continue,
            ' ' => "a space".to_owned(),
            '\n' | '\r' => "a line break".to_owned(),
            '\t' => "a tab".to_owned(),
            '\u{feff}' => "a byte order mark".to_owned(),
            c if c.is_whitespace() || text::is_unsafe(c) => {
                format!("an invisible character ({})", c.escape_unicode())
            }
            c => {
                let found = text::escape(&c.to_string());
                return Err(KeyError::ForeignCharacter { found, position });
            }
        };
        return Err(KeyError::InnerSpace { found, position });
    }
    Ok(())
}

fn split_origin(text: &str) -> Result<(&str, &str), KeyError> {
    let Some(inside) = text.strip_prefix('[') else {
        // A single public key gets its own sentence, whether or not an origin is there.
        return Err(match text.contains(['[', ']']) {
            true => KeyError::OriginBrackets,
            false if is_single_public(text.split('/').next().unwrap_or(text)) => {
                KeyError::SinglePublicKey
            }
            false => KeyError::MissingOrigin,
        });
    };
    match inside.split_once(']') {
        Some((origin, rest)) if !rest.contains(['[', ']']) => Ok((origin, rest)),
        _ => Err(KeyError::OriginBrackets),
    }
}

fn parse_origin(origin: &str) -> Result<(Fingerprint, DerivationPath), KeyError> {
    let mut parts = origin.split('/');
    let fingerprint = parts.next().unwrap_or_default();
    let hex = fingerprint.len() == 8 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    let fingerprint = match Fingerprint::from_str(fingerprint) {
        Ok(fingerprint) if hex => fingerprint,
        _ => return Err(KeyError::Fingerprint),
    };
    if fingerprint == Fingerprint::default() {
        return Err(KeyError::ZeroFingerprint);
    }
    let path = parts
        .enumerate()
        .map(|(at, step)| parse_origin_step(step, at + 1))
        .collect::<Result<DerivationPath, _>>()?;
    Ok((fingerprint, path))
}

fn parse_origin_step(step: &str, position: usize) -> Result<ChildNumber, KeyError> {
    let digits = step.trim_end_matches(['h', '\'', 'H']);
    let marker = &step[digits.len()..];
    let wrong = KeyError::OriginStep { position };
    let Some(index) = parse_index(digits) else {
        return Err(wrong);
    };
    match marker {
        "" => Ok(ChildNumber::Normal { index }),
        "h" | "'" => Ok(ChildNumber::Hardened { index }),
        "H" => Err(KeyError::HardenedMarker),
        _ => Err(wrong),
    }
}

/// Digits only, below 2^31: what `u32::from_str` also takes (a plus sign) isn't meant here.
fn parse_index(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let index = digits.parse().ok().filter(|_| plain)?;
    (index < 1 << 31).then_some(index)
}

fn parse_xpub(body: &str, network: Network) -> Result<Xpub, KeyError> {
    if is_single_public(body) {
        return Err(KeyError::SinglePublicKey);
    }
    // Base58 decoding costs the square of the length.
    if body.len() > MAX_XPUB {
        return Err(KeyError::NotAnXpub);
    }
    let mut bytes = base58::decode_check(body).map_err(|e| match e {
        base58::Error::IncorrectChecksum(_) if body.len() > 100 => KeyError::Checksum,
        _ => KeyError::NotAnXpub,
    })?;
    let Some(&version) = bytes.first_chunk::<4>().filter(|_| bytes.len() == 78) else {
        return Err(KeyError::NotAnXpub);
    };
    let kind = match slip132::read(version) {
        Some(Prefix::Public(kind)) => kind,
        Some(Prefix::Private) => return Err(KeyError::Secret(SecretKind::ExtendedPrivateKey)),
        None => return Err(KeyError::UnknownPrefix),
    };
    if kind != NetworkKind::from(network) {
        let found = match kind {
            NetworkKind::Main => "the main network (xpub)",
            NetworkKind::Test => "test networks (tpub)",
        };
        return Err(KeyError::WrongNetwork {
            found,
            expected: network,
        });
    }
    bytes[..4].copy_from_slice(&slip132::standard(kind));
    Xpub::decode(&bytes).map_err(|_| KeyError::Malformed)
}

fn is_single_public(body: &str) -> bool {
    matches!(body.len(), 66 | 130) && body.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The origin is the word of whoever exported the key; depth, child number and, near the master,
/// the fingerprint can be held against the key itself.
fn check_origin(
    fingerprint: Fingerprint,
    path: &DerivationPath,
    xpub: &Xpub,
) -> Result<(), KeyError> {
    let depth = xpub.depth;
    if usize::from(depth) != path.len() {
        return Err(KeyError::DepthMismatch {
            depth,
            steps: path.len(),
        });
    }
    if let Some(last) = path.into_iter().last()
        && *last != xpub.child_number
    {
        return Err(KeyError::StepMismatch {
            path: format!("{last:#}"),
            key: format!("{:#}", xpub.child_number),
        });
    }
    let seen = match depth {
        0 => xpub.fingerprint(),
        1 => xpub.parent_fingerprint,
        _ => return Ok(()),
    };
    if depth == 0
        && (xpub.parent_fingerprint != Fingerprint::default()
            || xpub.child_number != (ChildNumber::Normal { index: 0 }))
    {
        return Err(KeyError::Malformed);
    }
    if seen != fingerprint {
        return Err(KeyError::FingerprintMismatch {
            origin: fingerprint.to_string(),
            key: seen.to_string(),
        });
    }
    Ok(())
}

fn parse_branches(text: &str) -> Result<Option<Branches>, KeyError> {
    let Some(text) = text.strip_prefix('/') else {
        return Ok(None);
    };
    if text == "**" {
        return Ok(Some(Branches::Two(vec![0], vec![1])));
    }
    let mut steps: Vec<&str> = text.split('/').collect();
    match steps.pop() {
        Some("*") => {}
        Some("*h" | "*'" | "*H") => return Err(KeyError::HardenedAfterXpub),
        Some(last) => {
            read_step(last)?;
            return Err(KeyError::NoWildcard);
        }
        None => return Err(KeyError::Branches),
    }
    if steps.len() > MAX_STEPS {
        return Err(KeyError::Branches);
    }
    let (mut first, mut second, mut multipath) = (Vec::new(), Vec::new(), false);
    for step in steps {
        let indexes = read_step(step)?;
        let (a, b) = match indexes[..] {
            [a] => (a, a),
            [a, b] if a == b => return Err(KeyError::SameBranches),
            [a, b] if !multipath => {
                multipath = true;
                (a, b)
            }
            _ => return Err(KeyError::Branches),
        };
        first.push(a);
        second.push(b);
    }
    Ok(Some(if multipath {
        Branches::Two(first, second)
    } else {
        Branches::One(first)
    }))
}

/// One or two indexes: `5`, `<0;1>`.
fn read_step(step: &str) -> Result<Vec<u32>, KeyError> {
    let Some(inside) = step.strip_prefix('<').and_then(|s| s.strip_suffix('>')) else {
        return Ok(vec![read_index(step)?]);
    };
    let indexes = inside
        .split(';')
        .map(read_index)
        .collect::<Result<Vec<_>, _>>()?;
    match indexes.len() {
        2 => Ok(indexes),
        found => Err(KeyError::MultipathCount { found }),
    }
}

fn read_index(text: &str) -> Result<u32, KeyError> {
    let digits = text.trim_end_matches(['h', '\'', 'H']);
    match parse_index(digits) {
        Some(index) if digits.len() == text.len() => Ok(index),
        Some(_) => Err(KeyError::HardenedAfterXpub),
        None => Err(KeyError::Branches),
    }
}
