//! What became of files that were brought, and errors.

use serde::Serialize;

/// What became of imported files.
#[derive(Debug, Clone, Serialize)]
pub struct ImportView {
    /// The proposal, when all files are for the same one.
    pub proposal: Option<String>,
    /// New signatures kept.
    pub accepted: usize,
    /// Signatures that were kept before.
    pub known: usize,
    /// Signatures not taken.
    pub refused: Vec<RefusedView>,
    /// Alarms about the keys of the vaults that the files are for (T32).
    pub findings: Vec<String>,
    /// The proposal's status afterwards.
    pub status: Option<String>,
    /// The same for each file.
    pub files: Vec<FileView>,
    /// The command to type next.
    pub next: Option<String>,
}

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct FileView {
    /// Its name.
    pub file: String,
    /// The proposal it is for.
    pub proposal: Option<String>,
    /// New signatures kept.
    pub accepted: usize,
    /// Signatures that were kept before.
    pub known: usize,
    /// Signatures not taken.
    pub refused: Vec<RefusedView>,
    /// Whose signatures were new.
    pub signers: Vec<String>,
    /// Why the whole file was refused.
    pub error: Option<ErrorView>,
}

/// A signature not taken.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedView {
    /// Index of the input.
    pub input: u32,
    /// Whose it claims to be.
    pub cosigner: Option<String>,
    /// What is wrong and what to do.
    pub reason: String,
}

/// An error, as `--json` prints it inside `{"error": …}`.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorView {
    /// A stable word.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl From<&crate::Error> for ErrorView {
    fn from(error: &crate::Error) -> Self {
        Self {
            code: error.code.to_owned(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        }
    }
}
