//! Frames: a file cut into short texts for QR codes, and put together again. Two ways are in use: BBQr
//! (Coinkite) and UR (Blockchain Commons, BCR-2020-005). Each frame is one line of text here; which pictures
//! they travel in is the edge's business.

mod bbqr;
mod error;
mod hdkey;
mod output;
mod ur;

pub use error::FrameError;
pub use output::{Account, HdKey, read_account, read_output, write_output};

/// What a file may have when it was put together.
pub const MAX_BYTES: usize = crate::psbt::MAX_BYTES;
/// The most frames of one file (T18).
pub const MAX_FRAMES: usize = 1_000;
/// Lines looked at: fountain codes repeat themselves.
const MAX_LINES: usize = 10 * MAX_FRAMES;
/// The longest frame that fits a QR code, in alphanumeric mode (version 40, level L).
const MAX_FRAME: usize = 4_296;

/// What is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A PSBT, binary.
    Psbt(Vec<u8>),
    /// Text: a wallet file, a descriptor, JSON.
    Text(String),
    /// `crypto-output` or `output-descriptor`, CBOR.
    Output(Vec<u8>),
    /// `crypto-account` or `account-descriptor`, CBOR.
    Account(Vec<u8>),
    /// `crypto-hdkey` or `hdkey`, CBOR.
    Key(Vec<u8>),
}

impl Payload {
    /// In words.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Psbt(_) => "a PSBT",
            Self::Text(_) => "a text",
            Self::Output(_) => "a wallet's output",
            Self::Account(_) => "an account's keys",
            Self::Key(_) => "a key",
        }
    }
}

/// How a payload is cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrying {
    /// Coldcard Q, and what reads BBQr beside it.
    Bbqr,
    /// Keystone, Passport, SeedSigner, Jade, Sparrow and others.
    Ur,
}

impl Carrying {
    /// As it is typed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bbqr => "bbqr",
            Self::Ur => "ur",
        }
    }

    /// The one that [`Self::word`] names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Bbqr, Self::Ur]
            .into_iter()
            .find(|one| one.word() == word)
    }
}

/// Cuts a payload into frames of at most `chars` characters, each of the alphabet that QR codes hold
/// most of.
///
/// # Errors
/// When it would take more than [`MAX_FRAMES`].
pub fn cut(payload: &Payload, carrying: Carrying, chars: usize) -> Result<Vec<String>, FrameError> {
    match carrying {
        Carrying::Bbqr => bbqr::cut(payload, chars),
        Carrying::Ur => ur::cut(payload, chars),
    }
}

/// Whether a text begins like a frame.
#[must_use]
pub fn is_frame(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("B$")
        || text
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case("ur:"))
}

/// Puts frames together: one on each line, in any order, repeated or not.
///
/// # Errors
/// A sentence that says which frames are missing, or what is wrong with one.
pub fn join(text: &str) -> Result<Payload, FrameError> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.len() > MAX_LINES {
        return Err(FrameError::TooManyFrames(lines.len()));
    }
    if let Some(line) = lines
        .iter()
        .find(|line| line.len() > MAX_FRAME && lines.len() > 1)
    {
        return Err(FrameError::TooLong(line.len()));
    }
    let Some(first) = lines.first() else {
        return Err(FrameError::Empty);
    };
    if let Some(place) = lines.iter().position(|line| !is_frame(line)) {
        return Err(FrameError::NoFrame { line: place + 1 });
    }
    let is_bbqr = first.starts_with("B$");
    if lines.iter().any(|line| line.starts_with("B$") != is_bbqr) {
        return Err(FrameError::Mixed);
    }
    match is_bbqr {
        true => bbqr::join(&lines),
        false => ur::join(&lines),
    }
}

/// Numbers of missing frames for people: the first few.
fn listed(missing: &[usize]) -> String {
    let shown: Vec<String> = missing.iter().take(8).map(ToString::to_string).collect();
    let more = missing.len().saturating_sub(shown.len());
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}
