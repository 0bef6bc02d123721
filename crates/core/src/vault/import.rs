//! Reading a descriptor that somebody else wrote. The text is split into its shape and its keys;
//! the keys go through the strict parser, the shape through miniscript. (BIP380 descriptors,
//! BIP389 multipaths; BIP393 annotations are tolerated and dropped.)

use super::shape::{Shape, Slot, SlotKey};
use super::{VaultError, distinct};
use crate::key::{Branches, CosignerKey, KeyExpression, NUMS, find_secret};
use crate::text::escape;
use bitcoin::Network;
use miniscript::Descriptor;
use miniscript::descriptor::checksum;
use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;

/// Twenty keys in four paths are about 12 kB.
const MAX_TEXT: usize = 64 * 1024;
const MAX_SLOTS: usize = 200;
const SORTED_LEAF: &str = "sortedmulti_a";

/// A descriptor taken apart.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shape: Shape,
    pub(super) slots: Vec<SlotKey>,
    /// In the order in which they first occur.
    pub(super) cosigners: Vec<CosignerKey>,
}

pub(super) fn read(network: Network, text: &str) -> Result<Parts, VaultError> {
    if text.len() > MAX_TEXT {
        return Err(VaultError::TooLong {
            found: text.len(),
            max: MAX_TEXT,
        });
    }
    if let Some(kind) = find_secret(text) {
        return Err(VaultError::Secret(kind));
    }
    let lines: Vec<Line> = text
        .lines()
        .map(|line| line.trim_matches([' ', '\t', '\r']))
        .filter(|line| !line.is_empty())
        .map(|line| Line::read(network, line))
        .collect::<Result<_, _>>()?;
    let (template, sorted_leaves, keys) = match <[Line; 2]>::try_from(lines) {
        Ok([receive, change]) => combine(receive, change)?,
        Err(lines) => match <[Line; 1]>::try_from(lines) {
            Ok([line]) => single(line)?,
            Err(lines) if lines.is_empty() => return Err(VaultError::Empty),
            Err(lines) => return Err(VaultError::TooManyLines { found: lines.len() }),
        },
    };
    let descriptor = Descriptor::<Slot>::from_str(&template)
        .map_err(|e| VaultError::Miniscript(escape(&e.to_string())))?;
    let (slots, cosigners) = group(keys)?;
    Ok(Parts {
        shape: Shape {
            descriptor,
            sorted_leaves,
        },
        slots,
        cosigners,
    })
}

type SlotKeys = Vec<(CosignerKey, [Vec<u32>; 2])>;
type Split = (String, Vec<Range<usize>>, SlotKeys);

fn single(line: Line) -> Result<Split, VaultError> {
    let keys = line.keys.into_iter().enumerate().map(|(at, key)| {
        let position = at + 1;
        match key.branches {
            Some(Branches::Two(receive, change)) => Ok((key.key, [receive, change])),
            Some(Branches::One(_)) => Err(VaultError::OneBranch { position }),
            None => Err(VaultError::NoBranches { position }),
        }
    });
    let keys = keys.collect::<Result<_, _>>()?;
    Ok((line.template, line.sorted_leaves, keys))
}

/// Receive and change as two descriptors, in either order.
fn combine(first: Line, second: Line) -> Result<Split, VaultError> {
    if first.template != second.template
        || first.sorted_leaves != second.sorted_leaves
        || first.keys.len() != second.keys.len()
    {
        return Err(VaultError::LinesDiffer);
    }
    let mut keys = SlotKeys::new();
    for (a, b) in first.keys.into_iter().zip(second.keys) {
        if a.key != b.key {
            return Err(VaultError::LinesDiffer);
        }
        let (Some(Branches::One(receive)), Some(Branches::One(change))) = (a.branches, b.branches)
        else {
            return Err(VaultError::LinesNotSplit);
        };
        let differing = receive.iter().zip(&change).filter(|(a, b)| a != b).count();
        if receive.len() != change.len() || differing != 1 {
            return Err(VaultError::LineBranches);
        }
        keys.push((a.key, [receive, change]));
    }
    // Exports don't agree on which line comes first; by BIP44 receive has the lower number.
    if keys.iter().all(|(_, [receive, change])| receive > change) {
        for (_, branches) in &mut keys {
            branches.reverse();
        }
    }
    Ok((first.template, first.sorted_leaves, keys))
}

/// Finds out which slots are one cosigner's.
fn group(keys: SlotKeys) -> Result<(Vec<SlotKey>, Vec<CosignerKey>), VaultError> {
    let mut cosigners: Vec<CosignerKey> = Vec::new();
    let mut slots = Vec::new();
    for (key, branches) in keys {
        let cosigner = cosigners
            .iter()
            .position(|known| known.xpub().public_key == key.xpub().public_key)
            .unwrap_or(cosigners.len());
        match cosigners.get(cosigner) {
            None => cosigners.push(key.clone()),
            Some(known) if *known == key => {}
            Some(known) => {
                return Err(VaultError::SameKey {
                    first: distinct::label(cosigner, known),
                    second: distinct::label(slots.len(), &key),
                });
            }
        }
        slots.push(SlotKey {
            cosigner,
            key,
            branches,
        });
    }
    Ok((slots, cosigners))
}

/// One descriptor: its text with `@n` in the keys' places, and the keys.
#[derive(Debug)]
struct Line {
    template: String,
    keys: Vec<KeyExpression>,
    /// The keys of each `sortedmulti_a`, written as `multi_a` in the template.
    sorted_leaves: Vec<Range<usize>>,
}

impl Line {
    fn read(network: Network, line: &str) -> Result<Self, VaultError> {
        let body = strip_checksum(line)?;
        let body = strip_annotations(body)?;
        check_function(body)?;
        let mut reader = Self {
            template: String::with_capacity(body.len()),
            keys: Vec::new(),
            sorted_leaves: Vec::new(),
        };
        let mut start = 0;
        let mut open_sorted = false;
        for (at, c) in body.char_indices() {
            if matches!(c, '(' | ')' | ',' | '{' | '}') {
                let token = &body[start..at];
                if token == SORTED_LEAF && c == '(' {
                    reader.open_sorted()?;
                    open_sorted = true;
                } else {
                    reader.token(network, token, c == '(')?;
                }
                if c == ')' && std::mem::take(&mut open_sorted) {
                    reader.close_sorted();
                }
                reader.template.push(c);
                start = at + 1;
            }
        }
        match &body[start..] {
            "" => Ok(reader),
            _ => Err(VaultError::Brackets),
        }
    }

    /// Miniscript doesn't know `sortedmulti_a`, so it is read as `multi_a` and its keys are put in
    /// order when they are filled in. Bitcoin Core allows it as a whole leaf only (BIP387).
    fn open_sorted(&mut self) -> Result<(), VaultError> {
        let before = self.template.trim_end_matches('{');
        let whole_leaf = self.template.starts_with("tr(")
            && before.ends_with(',')
            && before.matches('(').count() == before.matches(')').count() + 1;
        if !whole_leaf {
            return Err(VaultError::SortedLeaf);
        }
        self.template.push_str("multi_a");
        self.sorted_leaves.push(self.keys.len()..self.keys.len());
        Ok(())
    }

    fn close_sorted(&mut self) {
        if let Some(leaf) = self.sorted_leaves.last_mut() {
            leaf.end = self.keys.len();
        }
    }

    fn token(&mut self, network: Network, token: &str, function: bool) -> Result<(), VaultError> {
        let word = token.rsplit(':').next().unwrap_or(token);
        if function && word == "musig" {
            return Err(VaultError::MuSig);
        }
        if token == NUMS && self.template == "tr(" {
            self.template.push_str(token);
            return Ok(());
        }
        if function && matches!(word, "sha256" | "hash256" | "ripemd160" | "hash160") {
            return Err(VaultError::Analysis(crate::policy::AnalyzeError::HashLock));
        }
        if function || word.bytes().all(|b| b.is_ascii_digit()) {
            self.template.push_str(token);
            return Ok(());
        }
        let position = self.keys.len() + 1;
        if position > MAX_SLOTS {
            return Err(VaultError::TooManyKeys { max: MAX_SLOTS });
        }
        let key = KeyExpression::parse(token, network)
            .map_err(|source| VaultError::Key { position, source })?;
        self.template
            .push_str(&Slot::Key(self.keys.len()).to_string());
        self.keys.push(key);
        Ok(())
    }
}

fn strip_checksum(line: &str) -> Result<&str, VaultError> {
    if let Some((at, c)) = line
        .chars()
        .enumerate()
        .find(|(_, c)| !matches!(c, '!'..='~'))
    {
        return Err(VaultError::Character {
            found: match c {
                ' ' => "a space".to_owned(),
                '\u{feff}' => "a byte order mark".to_owned(),
                c => format!("the character {}", c.escape_unicode()),
            },
            position: at + 1,
        });
    }
    checksum::verify_checksum(line).map_err(|e| match e {
        checksum::Error::InvalidChecksumLength { actual, .. } => {
            VaultError::ChecksumLength { found: actual }
        }
        _ => VaultError::Checksum,
    })
}

/// BIP393: what follows `?` says how to scan, not what the scripts are. It must be written as
/// there, because a `?` anywhere else is damage.
fn strip_annotations(body: &str) -> Result<&str, VaultError> {
    let Some((body, annotations)) = body.split_once('?') else {
        return Ok(body);
    };
    let mut keys = BTreeSet::new();
    for pair in annotations.split('&') {
        let (key, value) = pair.split_once('=').ok_or(VaultError::Annotation)?;
        let number = value == "0" || !value.starts_with('0');
        if key.is_empty()
            || !key.bytes().all(|b| b.is_ascii_lowercase())
            || value.is_empty()
            || !value.bytes().all(|b| b.is_ascii_digit())
            || !number
            || !keys.insert(key)
        {
            return Err(VaultError::Annotation);
        }
    }
    Ok(body)
}

fn check_function(body: &str) -> Result<(), VaultError> {
    let name = body.split('(').next().unwrap_or_default();
    let found = match name {
        "wsh" | "sh" | "tr" => return Ok(()),
        "wpkh" | "pkh" | "combo" | "addr" | "raw" | "rawtr" | "multi" | "sortedmulti" | "pk"
        | "sp" => name,
        _ => return Err(VaultError::NotADescriptor),
    };
    Err(VaultError::NotAVault {
        found: found.to_owned(),
    })
}
