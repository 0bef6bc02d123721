//! A journal as one file: a header, then one entry in each line, signature and text.
//!
//! ```text
//! quorate-journal 1 <vault> <count> <hash>
//! <signature> <text>
//! ```
//!
//! The hash covers everything after the header, so a file that was cut off or damaged is noticed as
//! a whole; each entry is signed besides, so the sound ones of a damaged file can be used.

use super::entry::{Entry, MAX_TEXT, tagged};
use crate::text::escape;
use crate::vault::VaultId;
use hex::{DisplayHex, FromHex};

const WORD: &str = "quorate-journal";
const FORMAT: u32 = 1;
const TAG: &[u8] = b"Quorate/journal-file";
/// The longest line: a signature as hex, a space and an entry's text.
pub const MAX_LINE: usize = 128 + 1 + MAX_TEXT;

/// Why a text isn't a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not one of ours.
    #[error("it isn't a journal that `quorate journal export` wrote: {0}")]
    NotAJournal(&'static str),
    /// Written by a newer Quorate.
    #[error("it is a journal of format {0}, this Quorate reads format {FORMAT}: update Quorate")]
    Newer(u32),
    /// A line that can't hold an entry.
    #[error("it isn't the line of an entry: {0}")]
    BadLine(&'static str),
}

/// An entry as it stands in a line, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text that should be signed.
    pub text: String,
    /// What should be the signature.
    pub signature: Vec<u8>,
}

/// A file taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalFile {
    /// The vault its header names.
    pub vault: VaultId,
    /// What is wrong with the file as a whole: cut off, or damaged.
    pub fault: Option<String>,
    /// Its lines, or why one can't be used.
    pub lines: Vec<Result<Line, FileError>>,
}

/// An entry as a line, without the line break.
#[must_use]
pub fn write_line(entry: &Entry) -> String {
    format!("{} {}", entry.signature().as_hex(), entry.text())
}

/// Takes a line apart; nothing in it is checked but its form.
pub fn read_line(line: &str) -> Result<Line, FileError> {
    if line.len() > MAX_LINE {
        return Err(FileError::BadLine("it is too long"));
    }
    let (signature, text) = line
        .split_once(' ')
        .ok_or(FileError::BadLine("it has no signature in front"))?;
    let signature = <[u8; 64]>::from_hex(signature)
        .map_err(|_| FileError::BadLine("its signature isn't 128 hexadecimal digits"))?;
    Ok(Line {
        text: text.to_owned(),
        signature: signature.to_vec(),
    })
}

/// The file of these entries.
#[must_use]
pub fn write_file<'a>(vault: VaultId, entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let (mut body, mut count) = (String::new(), 0usize);
    for entry in entries {
        body.push_str(&write_line(entry));
        body.push('\n');
        count += 1;
    }
    let hash = tagged(TAG, body.as_bytes());
    format!("{WORD} {FORMAT} {vault} {count} {}\n{body}", hash.as_hex())
}

impl JournalFile {
    /// Takes a file apart. A fault of the whole costs no sound line.
    pub fn read(text: &str) -> Result<Self, FileError> {
        let (header, body) = text.split_once('\n').unwrap_or((text, ""));
        let mut words = header.trim_end_matches('\r').split(' ');
        if words.next() != Some(WORD) {
            return Err(FileError::NotAJournal("its first line isn't a journal's"));
        }
        let bad = FileError::NotAJournal("its first line is damaged");
        let format: u32 = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or(bad.clone())?;
        if format > FORMAT {
            return Err(FileError::Newer(format));
        }
        let vault = words.next().and_then(|word| word.parse().ok());
        let vault = vault.ok_or(bad.clone())?;
        let count: Option<usize> = words.next().and_then(|word| word.parse().ok());
        let count = count.ok_or(bad.clone())?;
        let hash = words.next().ok_or(bad)?;
        let lines: Vec<_> = body
            .lines()
            .filter(|line| !line.is_empty())
            .map(read_line)
            .collect();
        let fault = if lines.len() < count {
            let found = lines.len();
            Some(format!(
                "it is cut off: {found} of its {count} entries are there"
            ))
        } else if tagged(TAG, body.as_bytes()).as_hex().to_string() != hash {
            Some(format!(
                "it was changed or damaged after it was written: its hash isn't {}",
                escape(&hash.chars().take(16).collect::<String>())
            ))
        } else {
            None
        };
        Ok(Self {
            vault,
            fault,
            lines,
        })
    }
}
