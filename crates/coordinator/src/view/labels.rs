//! Labels.

use serde::Serialize;

/// A label.
#[derive(Debug, Clone, Serialize)]
pub struct LabelView {
    /// `tx`, `addr`, `pubkey`, `input`, `output`, `xpub`, or a type that isn't known.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The words.
    pub label: String,
    /// All of it, as BIP-0329 has it.
    pub line: String,
}

/// A vault's labels.
#[derive(Debug, Clone, Serialize)]
pub struct LabelsView {
    /// By type and reference.
    pub labels: Vec<LabelView>,
}

/// What became of a file with labels.
#[derive(Debug, Clone, Serialize)]
pub struct LabelsImportView {
    /// Lines read.
    pub read: usize,
    /// Of them new or changed.
    pub new: usize,
    /// Of a type that isn't known: kept and handed on.
    pub unknown: usize,
    /// What to know about some of them.
    pub warnings: Vec<String>,
}
