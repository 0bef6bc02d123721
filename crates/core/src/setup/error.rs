//! Why a file of the ceremony is refused. Each reason has a sentence of its own.

use crate::key::{KeyError, SecretKind};
use crate::policy::TemplateError;
use crate::text::TextError;
use crate::vault::VaultError;

/// A sealed file can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than any record.
    #[error("it has {0} characters, more than any record of BIP-0129: it is another file")]
    TooLong(usize),
    /// Not hex, or too short.
    #[error("it isn't a sealed record of BIP-0129, which is hex from beginning to end")]
    NotSealed,
    /// The MAC is of other contents or another token.
    #[error(
        "it wasn't sealed with this session's token, or it was changed on the way: ask for it again"
    )]
    OtherToken,
    /// Opened, and no text.
    #[error("what is sealed in it isn't text: ask for it again")]
    NotText,
}

/// A key record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A private key or seed words.
    #[error("it contains {0}: never share that file, and move the funds that it controls")]
    Secret(SecretKind),
    /// Another number of lines.
    #[error("a key record has four lines, or five with a signature, and this has {0}")]
    Lines(usize),
    /// Another first line.
    #[error("its version isn't known, which is `BSMS 1.0` here")]
    Version,
    /// The second line.
    #[error("its second line isn't a token: `00`, or 16 or 32 hexadecimal digits")]
    Token,
    /// The third line.
    #[error("its key: {0}")]
    Key(#[from] KeyError),
    /// The fourth line.
    #[error("{0}")]
    Note(#[from] TextError),
    /// The fifth line.
    #[error(
        "its signature isn't one by its key over the lines before: it was damaged or changed; ask the signer for it again"
    )]
    Signature,
}

/// An invitation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Another kind of file.
    #[error("this isn't an invitation, whose first line is `Quorate invitation 1`")]
    Head,
    /// A newer program's.
    #[error("the invitation is of a newer kind: update Quorate")]
    Newer,
    /// The last line doesn't fit the others.
    #[error("the invitation was changed or cut off on the way: ask for it again")]
    Damaged,
    /// A line is missing, twice there or unreadable.
    #[error("the invitation's line `{0}` is missing or can't be read: ask for it again")]
    Line(&'static str),
    /// The policy in it.
    #[error("the invitation's policy: {0}")]
    Policy(#[from] TemplateError),
    /// Names and policy don't fit.
    #[error("the invitation names {names} cosigners and its policy has {roles}")]
    Count {
        /// Names listed.
        names: usize,
        /// Roles of the policy.
        roles: usize,
    },
    /// A name that can't be one.
    #[error("{0}")]
    Name(#[from] TextError),
    /// A private key or seed words.
    #[error("the invitation contains {0}: whoever wrote it must move the funds that it controls")]
    Secret(SecretKind),
}

/// A descriptor record isn't what was agreed on. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupRefusal {
    /// A private key or seed words.
    #[error("it contains {0}: whoever wrote it must move the funds that it controls")]
    Secret(SecretKind),
    /// Another number of lines.
    #[error("a descriptor record has four lines, and this has {0}: ask for it again")]
    Lines(usize),
    /// Another first line.
    #[error("its version isn't known, which is `BSMS 1.0` here")]
    Version,
    /// The third line, or the branches in the second.
    #[error(
        "its addresses lie on other branches than /0/* and /1/*: your device might not find the money; have the record made anew"
    )]
    Branches,
    /// The checksum.
    #[error("the checksum of its descriptor is wrong: it was damaged; ask for it again")]
    Checksum,
    /// Keys of another network.
    #[error("its keys are for {found}, and the invitation was for {expected}: don't take part")]
    Network {
        /// Found.
        found: &'static str,
        /// Agreed on.
        expected: bitcoin::Network,
    },
    /// Not a vault at all.
    #[error("it describes no vault: {0}")]
    Vault(VaultError),
    /// Keys were added or left out.
    #[error(
        "it has {found} keys, and {expected} cosigners were invited: a key was {}; don't take part, and ask the others", if .found > .expected { "slipped in" } else { "left out" }
    )]
    KeyCount {
        /// Found.
        found: usize,
        /// Invited.
        expected: usize,
    },
    /// T01.
    #[error(
        "your key is not in this descriptor: somebody put another in its place; don't take part, and ask the others"
    )]
    OwnKeyMissing,
    /// Our key under another origin.
    #[error(
        "your key is in it as {found}, and you gave it as {expected}: your device wouldn't recognise it; have the record made anew"
    )]
    OwnKeyOrigin {
        /// Found, without the key.
        found: String,
        /// Given.
        expected: String,
    },
    /// Fewer or more signatures.
    #[error(
        "it asks for {found} signatures, and {expected} were agreed on: don't take part, and ask the others"
    )]
    Threshold {
        /// Found, on the first path.
        found: usize,
        /// Agreed on.
        expected: usize,
    },
    /// Another kind of script.
    #[error("its addresses are of the kind {found}, and {expected} was agreed on")]
    ScriptType {
        /// Found.
        found: crate::script_type::ScriptType,
        /// Agreed on.
        expected: crate::script_type::ScriptType,
    },
    /// `multi` in place of `sortedmulti`, or the other way round.
    #[error(
        "its keys are {}sorted in the script, and it was agreed that they are{}: a device that assumes the other finds no money", if *.sorted { "" } else { "not " }, if *.sorted { "n't" } else { "" }
    )]
    Sorting {
        /// Found.
        sorted: bool,
    },
    /// Paths were added or left out.
    #[error("it has {found} ways to spend, and {expected} were agreed on: don't take part")]
    Paths {
        /// Found.
        found: usize,
        /// Agreed on.
        expected: usize,
    },
    /// Another lock on a path.
    #[error(
        "its way {path} to spend opens {found}, and it was agreed that it opens {expected}: don't take part, and ask the others"
    )]
    Lock {
        /// As people count.
        path: usize,
        /// Found, in words.
        found: String,
        /// Agreed on, in words.
        expected: String,
    },
    /// Others may spend by a path than were to.
    #[error(
        "its way {path} to spend is for other cosigners than agreed on: don't take part, and ask the others"
    )]
    Members {
        /// As people count.
        path: usize,
    },
    /// The fourth line.
    #[error(
        "its first address isn't the one that its descriptor gives: it was damaged or changed; don't use it"
    )]
    FirstAddress,
}
