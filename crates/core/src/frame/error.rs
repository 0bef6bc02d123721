//! Why frames can't be put together, or a file can't be cut.

use super::MAX_FRAMES;

/// Why frames can't be put together, or a file can't be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Nothing there.
    #[error("there is no frame in it: scan the codes again")]
    Empty,
    /// A line that is none.
    #[error("line {line} isn't a frame of BBQr or UR: each frame is a line of its own")]
    NoFrame {
        /// From 1.
        line: usize,
    },
    /// Of both kinds, or of two files.
    #[error("its frames belong to different files: scan one after the other")]
    Mixed,
    /// More than anybody shows.
    #[error("it has {0} frames, and at most {MAX_FRAMES} make one file")]
    TooManyFrames(usize),
    /// Longer than a code holds.
    #[error("a frame has {0} characters, more than a QR code holds")]
    TooLong(usize),
    /// Frames that were lost.
    #[error("{} of {count} frames are missing ({missing}): scan on until all were seen", .lost)]
    Missing {
        /// How many.
        lost: usize,
        /// Their numbers, from 1; the first few.
        missing: String,
        /// How many there are.
        count: usize,
    },
    /// Of a fountain code it can't be said which.
    #[error("the frames seen give {have} of {count} parts: scan on")]
    Incomplete {
        /// Parts known.
        have: usize,
        /// Parts needed.
        count: usize,
    },
    /// A frame's head.
    #[error("a frame can't be read ({0}): scan it again")]
    Damaged(&'static str),
    /// The same frame number with other contents.
    #[error("frame {0} was seen with two different contents: scan all of them again")]
    TwoContents(usize),
    /// Numbers that can't be.
    #[error("a frame says that it is number {number} of {count}: that can't be")]
    Number {
        /// Its number.
        number: u64,
        /// Of how many.
        count: u64,
    },
    /// More than [`super::MAX_BYTES`].
    #[error(
        "it would have more than {} bytes: it isn't a file of this kind",
        super::MAX_BYTES
    )]
    TooLarge,
    /// The checksum of the whole.
    #[error("its checksum is wrong: frames of several files were mixed, or one was misread")]
    Checksum,
    /// Compressed badly.
    #[error("what is compressed in it can't be unpacked: scan it again")]
    Inflate,
    /// A type that is nothing for a vault.
    #[error("it holds `{0}`, which isn't a PSBT, a key or a wallet")]
    Type(String),
    /// A secret.
    #[error(
        "it holds a private key: never show that code to anybody, and move the funds that it controls"
    )]
    Secret,
    /// A key in it.
    #[error("a key in it: {0}")]
    Key(Box<crate::key::KeyError>),
    /// Another encoding than the type says.
    #[error("its contents aren't what its type says: {0}")]
    Contents(&'static str),
    /// A file too large to be shown.
    #[error(
        "it would take {0} codes, and nobody scans more than {MAX_FRAMES}: pass the file on in another way"
    )]
    TooManyCodes(usize),
}
