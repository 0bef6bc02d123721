//! Labels (BIP-0329): what people write beside transactions, addresses, keys and coins. A line keeps every
//! field that its writer gave it, types that aren't known here included, so that nothing is lost on the
//! way through.

use crate::key::{SecretKind, find_secret};
use bitcoin::OutPoint;
use serde_json::{Map, Value, json};

/// The longest line. BIP-0329 has labels cut at 255 characters by programs that can't hold more.
pub const MAX_LINE: usize = 4_096;
/// Labels longer than this may be cut by others.
pub const MAX_SHARED: usize = 255;
/// The types that BIP-0329 names.
pub const TYPES: [&str; 7] = ["tx", "addr", "pubkey", "input", "output", "xpub", "spscan"];

/// One label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    line: String,
    kind: String,
    reference: String,
    label: String,
}

/// Why a line is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not JSON, or no object.
    #[error("it isn't a JSON object on one line")]
    NotJson,
    /// A field that must be there.
    #[error("its field `{0}` is missing or isn't a text")]
    Field(&'static str),
    /// A field of another kind than the BIP says.
    #[error("its field `{0}` isn't of the kind that BIP-0329 says")]
    Kind(&'static str),
    /// Longer than any.
    #[error("it has {0} bytes, the limit is {MAX_LINE}")]
    TooLong(usize),
    /// T21.
    #[error(
        "it contains {0}: a secret doesn't belong there, and one that was written down is no secret any more"
    )]
    Secret(SecretKind),
}

impl Label {
    /// A label that is written here.
    ///
    /// # Errors
    /// When the text is too long or holds a secret.
    pub fn new(kind: &str, reference: &str, label: &str) -> Result<Self, LabelError> {
        Self::read(&json!({"type": kind, "ref": reference, "label": label}).to_string())
    }

    /// Reads a line.
    ///
    /// # Errors
    /// A sentence about the first thing that is wrong.
    pub fn read(line: &str) -> Result<Self, LabelError> {
        if line.len() > MAX_LINE {
            return Err(LabelError::TooLong(line.len()));
        }
        let fields: Map<String, Value> =
            serde_json::from_str(line).map_err(|_| LabelError::NotJson)?;
        let text = |field: &'static str| {
            let found = fields.get(field).and_then(Value::as_str);
            found
                .filter(|text| !text.is_empty())
                .ok_or(LabelError::Field(field))
        };
        let (kind, reference) = (text("type")?.to_owned(), text("ref")?.to_owned());
        for field in ["label", "origin", "keypath", "time"] {
            if fields.get(field).is_some_and(|value| !value.is_string()) {
                return Err(LabelError::Kind(field));
            }
        }
        if fields
            .get("spendable")
            .is_some_and(|value| !value.is_boolean())
        {
            return Err(LabelError::Kind("spendable"));
        }
        // Texts by themselves: field names between them would end a row of words.
        for value in fields.values().filter_map(Value::as_str).chain([line]) {
            // A reference may be a key or a hash, whose kind is public.
            if let Some(secret) = find_secret(value) {
                return Err(LabelError::Secret(secret));
            }
        }
        let label = fields
            .get("label")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Self {
            label: label.to_owned(),
            kind,
            reference,
            line: Value::Object(fields).to_string(),
        })
    }

    /// All of it: JSON without spaces, fields in the order of their names.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }
    /// What it is about: one of [`TYPES`], or a type that isn't known.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
    /// Which one.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }
    /// The coin, where it is about one.
    #[must_use]
    pub fn coin(&self) -> Option<OutPoint> {
        let coin = self.reference.parse().ok();
        coin.filter(|_| self.kind == "output")
    }
    /// Whether a coin may be spent without being asked for: BIP-0329's `spendable`.
    #[must_use]
    pub fn spendable(&self) -> Option<bool> {
        let fields: Map<String, Value> = serde_json::from_str(&self.line).ok()?;
        fields.get("spendable")?.as_bool()
    }
    /// The same label with `spendable` said anew, and other words if some are given.
    ///
    /// # Errors
    /// When the words hold a secret or are too long.
    pub fn marked(&self, spendable: bool, words: Option<&str>) -> Result<Self, LabelError> {
        let mut fields: Map<String, Value> =
            serde_json::from_str(&self.line).map_err(|_| LabelError::NotJson)?;
        fields.insert("spendable".to_owned(), json!(spendable));
        if let Some(words) = words {
            fields.insert("label".to_owned(), json!(words));
        }
        Self::read(&Value::Object(fields).to_string())
    }
    /// The words; empty where they were taken away.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}
