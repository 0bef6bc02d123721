//! Why a vault was refused.

use crate::key::{KeyError, SecretKind};
use crate::policy::{AnalyzeError, MAX_COSIGNERS, PolicyError};
use crate::text::TextError;
use bitcoin::Network;

/// Why a vault was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Not as many keys as the template has roles.
    #[error(
        "the policy {policy} has {expected} cosigners ({}), but {given} keys were given: give one \
         key for each",
        .roles.join(", ")
    )]
    KeyCount {
        /// The template's name.
        policy: String,
        /// How many keys it needs.
        expected: usize,
        /// How many there are.
        given: usize,
        /// Its roles.
        roles: Vec<String>,
    },
    /// Not as many names as there are cosigners.
    #[error(
        "the descriptor has {expected} cosigners, but {given} names were given: give one for each"
    )]
    NameCount {
        /// How many cosigners the descriptor has.
        expected: usize,
        /// How many names were given.
        given: usize,
    },
    /// A name that can't be one.
    #[error(transparent)]
    Name(#[from] TextError),
    /// One name for two cosigners.
    #[error("two cosigners are called {0}: give each a name of its own")]
    SameName(String),
    /// A key of another network.
    #[error(
        "{cosigner}'s key is for another network than the vault's ({network}): export it again"
    )]
    KeyNetwork {
        /// Whose key.
        cosigner: String,
        /// The vault's network.
        network: Network,
    },
    /// One key for two cosigners.
    #[error(
        "{first} and {second} have the same key, so one person could sign for both: every \
         cosigner needs a key of its own"
    )]
    SameKey {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// Two keys that claim one place under one master.
    #[error(
        "{first} and {second} have different keys with the same origin {origin}: one of them is \
         wrong, or they come from one seed; export both again"
    )]
    SameOrigin {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// What both claim.
        origin: String,
    },
    /// One key is derived from the other, or meets it on the way down.
    #[error(
        "the keys of {first} and {second} are derived from each other, so one person could sign \
         for both: every cosigner needs a key of its own"
    )]
    RelatedKeys {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// One branch of a cosigner's key in two places.
    #[error(
        "{cosigner}'s key occurs more than once on the same or overlapping branches: use a pair \
         of branches of its own for each place, as in <0;1> and <2;3>"
    )]
    RepeatedBranch {
        /// Whose key.
        cosigner: String,
    },
    /// One cosigner counted twice in a quorum.
    #[error(
        "{cosigner} is counted twice in one quorum, so one signer would count as two: every \
         place in a quorum needs another cosigner"
    )]
    CountedTwice {
        /// Who.
        cosigner: String,
    },
    /// A key in the descriptor was refused.
    #[error("key {position} of the descriptor: {source}")]
    Key {
        /// Which, counted from 1.
        position: usize,
        /// Why.
        source: KeyError,
    },
    /// The policy makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The descriptor has no policy that we can show.
    #[error(transparent)]
    Analysis(AnalyzeError),
    /// The compiled script doesn't mean what the template says.
    #[error(
        "the script made from the policy doesn't mean the same as the policy: this is a fault in \
         Quorate; don't use the vault and report it"
    )]
    Compile,
    /// Miniscript refuses the script.
    #[error("the descriptor isn't sane miniscript ({0}): don't use it")]
    Miniscript(String),
    /// No text.
    #[error("there is no descriptor: give one that starts with wsh(")]
    Empty,
    /// Too much text.
    #[error("the descriptor has {found} bytes, the limit is {max}: is it the right file?")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Too many keys.
    #[error(
        "the descriptor has more than {max} keys: Quorate takes at most {MAX_COSIGNERS} cosigners"
    )]
    TooManyKeys {
        /// The limit.
        max: usize,
    },
    /// More than two lines.
    #[error(
        "there are {found} descriptors: give one with multipaths (<0;1>), or two, receive and \
         change"
    )]
    TooManyLines {
        /// How many.
        found: usize,
    },
    /// A secret in the text.
    #[error(
        "the descriptor contains {0}, which Quorate never reads: export it with public keys, and \
         treat a secret that was typed or pasted here as known to others"
    )]
    Secret(SecretKind),
    /// White space or something foreign.
    #[error(
        "the descriptor has {found} at character {position}: it was broken when copied; copy it \
         again as one unbroken line"
    )]
    Character {
        /// What it is, in words.
        found: String,
        /// Where, counted from 1.
        position: usize,
    },
    /// The checksum doesn't match.
    #[error(
        "the descriptor's checksum is wrong: a character was changed or lost; copy it again from \
         where it came from"
    )]
    Checksum,
    /// The checksum is cut.
    #[error(
        "the descriptor's checksum has {found} characters instead of 8: copy all of the descriptor again"
    )]
    ChecksumLength {
        /// How many there are.
        found: usize,
    },
    /// No descriptor at all.
    #[error("this isn't a descriptor: one starts with wsh( and ends with ), perhaps #checksum")]
    NotADescriptor,
    /// Annotations not as in BIP393.
    #[error(
        "what follows the ? of the descriptor isn't an annotation as in BIP393 (?bh=800000&gl=30): \
         copy the descriptor again, or leave the annotations and the checksum out"
    )]
    Annotation,
    /// Keys put together by MuSig2.
    #[error(
        "the descriptor has a musig() key, which is signed for in rounds that Quorate can't \
         coordinate: use multi_a(…) in a leaf instead"
    )]
    MuSig,
    /// `sortedmulti_a` inside something.
    #[error("sortedmulti_a must be a whole leaf of tr(…): write multi_a inside other conditions")]
    SortedLeaf,
    /// Text after the last bracket.
    #[error("the descriptor's brackets don't match: copy all of it again")]
    Brackets,
    /// Another kind of output.
    #[error(
        "the descriptor is {found}(…), which isn't for several cosigners: Quorate handles wsh(…), \
         sh(wsh(…)), sh(multi(…)), sh(sortedmulti(…)) and tr(…)"
    )]
    NotAVault {
        /// The outermost function.
        found: String,
    },
    /// One branch, so no change.
    #[error(
        "key {position} of the descriptor has one branch only: write <0;1> for receive and \
         change, or give the change descriptor as a second line"
    )]
    OneBranch {
        /// Which, counted from 1.
        position: usize,
    },
    /// No derivation, so one address.
    #[error("key {position} of the descriptor has no derivation: write /<0;1>/* after it")]
    NoBranches {
        /// Which, counted from 1.
        position: usize,
    },
    /// Two lines that aren't of one vault.
    #[error(
        "the two descriptors differ in more than the branch, so they aren't receive and change of \
         one vault: give each vault's on its own"
    )]
    LinesDiffer,
    /// Two lines of which one has both branches already.
    #[error(
        "there are two descriptors, but one has both branches already or none: give one with \
         multipaths, or two with one branch each"
    )]
    LinesNotSplit,
    /// Two lines whose branches don't pair.
    #[error(
        "the branches of the two descriptors don't pair: they must differ in one step for every \
         key, as in /0/* and /1/*"
    )]
    LineBranches,
    /// An index that can't be derived.
    #[error("index {index} is beyond the last address: it must be below 2147483648")]
    IndexTooLarge {
        /// The index.
        index: u32,
    },
    /// A derivation that has no result, which happens once in 2^127 tries.
    #[error("a key of the vault can't be derived there: use the next index")]
    Derivation,
}

impl VaultError {
    /// Gives an analyst's refusal the cosigner's name.
    pub(super) fn from_analysis(error: AnalyzeError, names: &[String]) -> Self {
        match error {
            AnalyzeError::CountedTwice { cosigner } => Self::CountedTwice {
                cosigner: names.get(cosigner).cloned().unwrap_or_default(),
            },
            AnalyzeError::Policy(error) => Self::Policy(error),
            AnalyzeError::Miniscript(error) => Self::Miniscript(error),
            error => Self::Analysis(error),
        }
    }
}
