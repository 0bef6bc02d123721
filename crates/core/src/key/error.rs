//! Why a key was refused. No message repeats the key's text: it may be a secret mistyped.

use super::SecretKind;
use bitcoin::Network;

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing there.
    #[error("the key is empty: give it as [fingerprint/path]xpub")]
    Empty,
    /// Longer than any key.
    #[error("the key has {bytes} bytes, no key is that long: give it as [fingerprint/path]xpub")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// A private key or seed words.
    #[error(
        "this is {0}, which Quorate never reads: give the public key ([fingerprint/path]xpub), \
         and treat a secret that was typed or pasted here as known to others"
    )]
    Secret(SecretKind),
    /// White space, a line break or an invisible mark inside.
    #[error(
        "the key has {found} at character {position}: it was broken when copied; copy it again \
         as one unbroken line"
    )]
    InnerSpace {
        /// What it is, in words.
        found: String,
        /// Where, counted from 1.
        position: usize,
    },
    /// A character that no key has.
    #[error(
        "the key has the character {found} at position {position}, which no key has; copy it again"
    )]
    ForeignCharacter {
        /// The character, escaped.
        found: String,
        /// Where, counted from 1.
        position: usize,
    },
    /// No `[fingerprint/path]` in front.
    #[error(
        "the key has no origin: signers find their key by it; export it again as \
         [fingerprint/path]xpub"
    )]
    MissingOrigin,
    /// `[` without `]`, or more than one.
    #[error("the key's origin isn't one pair of brackets: write it as [fingerprint/path]xpub")]
    OriginBrackets,
    /// Not eight hexadecimal digits.
    #[error(
        "the key's fingerprint isn't 8 hexadecimal digits: copy the origin again from the signer"
    )]
    Fingerprint,
    /// `00000000`.
    #[error(
        "the key's fingerprint is 00000000, so the exporting program didn't know it: export the \
         key from the signer itself"
    )]
    ZeroFingerprint,
    /// A step that is no number below 2^31.
    #[error(
        "step {position} of the key's path isn't a number below 2147483648, with or without h: \
         copy the origin again from the signer"
    )]
    OriginStep {
        /// Which step, counted from 1.
        position: usize,
    },
    /// `H` for a hardened step.
    #[error("the key's path marks a hardened step with H: write h or ' instead (BIP380)")]
    HardenedMarker,
    /// A plain public key.
    #[error(
        "this is a single public key, from which no addresses can be derived: export the \
         extended key (xpub or tpub)"
    )]
    SinglePublicKey,
    /// No extended key at all.
    #[error(
        "there is no extended public key after the origin: it starts with xpub or tpub; copy it again"
    )]
    NotAnXpub,
    /// Base58 checksum.
    #[error("the extended key's checksum is wrong: a character was changed or lost; copy it again")]
    Checksum,
    /// A prefix that is neither standard nor SLIP-132.
    #[error("the extended key's prefix isn't known: export it as xpub, or tpub on test networks")]
    UnknownPrefix,
    /// xpub on a test network or tpub on the main one.
    #[error(
        "the key is for {found}, but the vault is on {expected}: export the key for {expected}"
    )]
    WrongNetwork {
        /// The network kind the key says, in words.
        found: &'static str,
        /// The vault's network.
        expected: Network,
    },
    /// Its bytes contradict BIP32.
    #[error("the extended key isn't valid by BIP32: export it again from the signer")]
    Malformed,
    /// Path length and depth differ.
    #[error(
        "the key is {depth} steps below its master, but its origin has {steps}: the path is \
         truncated or of another key, and signers wouldn't recognise it; export the key with its \
         full path"
    )]
    DepthMismatch {
        /// The depth the key says.
        depth: u8,
        /// The steps in the origin.
        steps: usize,
    },
    /// The key's own number isn't the path's last step.
    #[error(
        "the origin's path ends in {path}, but the key says it is child {key}: they belong to \
         different keys; export the key with its path again"
    )]
    StepMismatch {
        /// The last step of the origin's path.
        path: String,
        /// The child number in the key.
        key: String,
    },
    /// The fingerprint contradicts the key, where that can be seen.
    #[error(
        "the fingerprint {origin} isn't that of the master this key comes from ({key}): export \
         the key with its origin again"
    )]
    FingerprintMismatch {
        /// The fingerprint written.
        origin: String,
        /// The fingerprint that the key itself shows.
        key: String,
    },
    /// A hardened step after the extended key.
    #[error(
        "a hardened step after the extended key can't be derived without its private key: \
         put the hardened steps into the origin and export the key below them"
    )]
    HardenedAfterXpub,
    /// Steps after the key that aren't a derivation.
    #[error(
        "what follows the extended key isn't a derivation: leave it out, or write /<0;1>/* \
         (receive and change)"
    )]
    Branches,
    /// Legal, but not what a cosigner's key may end in.
    #[error(
        "the key ends in a derivation of its own: give the key alone, or with /<0;1>/*; other \
         branches can be given in a descriptor"
    )]
    UnusualBranches,
    /// No wildcard.
    #[error(
        "the key's derivation has no * at its end, so there would be one address only: write /<0;1>/*"
    )]
    NoWildcard,
    /// A multipath of one, three or more.
    #[error(
        "the key's multipath has {found} branches: Quorate needs two, receive and change, as in \
         <0;1>"
    )]
    MultipathCount {
        /// How many there are.
        found: usize,
    },
    /// Receive and change on the same branch.
    #[error(
        "the key's multipath names one branch twice: receive and change must differ, as in <0;1>"
    )]
    SameBranches,
}
