//! One number for everything that a vault's counted entries amount to, so that two homes can tell
//! by comparing it whether they know the same.

use super::entry::tagged;
use std::collections::BTreeSet;
use std::fmt;

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Collects rows in any order and hashes them in one.
#[derive(Debug, Default)]
pub struct StateHash(BTreeSet<Vec<u8>>);

impl StateHash {
    /// A row of `table`: its name, then each value as one byte for its kind and, for texts and bytes,
    /// four for the length.
    pub fn add<'a>(&mut self, table: &str, values: impl IntoIterator<Item = Value<'a>>) {
        let mut row = Vec::new();
        push(&mut row, 2, table.as_bytes());
        for value in values {
            match value {
                Value::Null => row.push(0),
                Value::Integer(number) => {
                    row.push(1);
                    row.extend(number.to_be_bytes());
                }
                Value::Text(text) => push(&mut row, 2, text),
                Value::Blob(bytes) => push(&mut row, 3, bytes),
            }
        }
        self.0.insert(row);
    }

    /// BIP-0340's tagged hash `Quorate/state` over all rows in the order of their bytes, each with
    /// its length in front.
    #[must_use]
    pub fn finish(self) -> String {
        let mut data = Vec::new();
        for row in self.0 {
            data.extend(length(&row));
            data.extend(row);
        }
        Hex(tagged(b"Quorate/state", &data)).to_string()
    }
}

fn push(row: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    row.push(kind);
    row.extend(length(bytes));
    row.extend(bytes);
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

struct Hex([u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
