//! PSBTs on their way out, the same for exports and for what the software signer signed.

use crate::{files, terminal};
use bitcoin::Psbt;
use bitcoin::base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate_coordinator::Error;
use quorate_core::psbt::{ForeignPsbt, serialize_v2};
use std::path::{Path, PathBuf};

// Where a PSBT goes and in which form. Base64 unless told otherwise: every coordinator and most
// signers read it, it survives mail and chat, and a person sees what it is.
#[derive(clap::Args)]
pub(crate) struct PsbtFile {
    /// The file to write; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the binary form, for signers that read no base64
    #[arg(long)]
    binary: bool,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

/// The versions that can be written (BIP-0174 and BIP-0370). They say the same; Electrum, among
/// others, reads only the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Version {
    #[value(name = "0")]
    Zero,
    #[value(name = "2")]
    Two,
}

impl Version {
    /// The one that a file came in.
    pub(crate) fn of(foreign: &ForeignPsbt) -> Self {
        if foreign.version == 2 {
            Self::Two
        } else {
            Self::Zero
        }
    }

    /// As BIP-0174 and BIP-0370 count.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Zero => 0,
            Self::Two => 2,
        }
    }

    /// The binary form.
    pub(crate) fn serialize(self, psbt: &Psbt) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Zero => psbt.serialize(),
            Self::Two => serialize_v2(psbt)?,
        })
    }
}

/// What became of it.
pub(crate) struct Delivered {
    /// The file written.
    pub(crate) file: Option<String>,
    /// The PSBT itself, if it wasn't written into a file.
    pub(crate) psbt: Option<String>,
    /// What belongs on standard output.
    pub(crate) bytes: Vec<u8>,
}

impl PsbtFile {
    /// The file that was named.
    pub(crate) fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }

    /// Whether it may be replaced.
    pub(crate) const fn may_replace(&self) -> bool {
        self.force
    }

    /// What can be known to fail before any work is done.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.output {
            Some(path) if !self.force && path.is_file() => Err(files::exists(path)),
            None if self.binary && terminal::shows_stdout() => Err(Error::input(
                "binary_to_terminal",
                "the binary form would only confuse the terminal",
            )
            .hint("name a file with -o, or leave --binary away")),
            _ => Ok(()),
        }
    }

    pub(crate) fn deliver(&self, psbt: &Psbt, version: Version) -> Result<Delivered, Error> {
        let binary = version.serialize(psbt)?;
        let text = STANDARD.encode(&binary);
        let bytes = if self.binary {
            binary
        } else {
            format!("{text}\n").into_bytes()
        };
        Ok(match &self.output {
            Some(path) => {
                files::write(path, &bytes, self.force)?;
                Delivered {
                    file: Some(path.display().to_string()),
                    psbt: None,
                    bytes: Vec::new(),
                }
            }
            None => Delivered {
                file: None,
                psbt: Some(text),
                bytes,
            },
        })
    }
}
