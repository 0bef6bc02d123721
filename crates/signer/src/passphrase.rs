//! The passphrase that seals a key at rest. How it is read (prompt, file descriptor,
//! environment) is the command line's business; here it is checked, kept short-lived and never
//! shown.

use age::secrecy::SecretString;
use std::fmt;
use zeroize::Zeroizing;

/// Below this many characters a passphrase is accepted with a warning. Scrypt makes a guess cost
/// about a second of one core; a stolen file meets many cores.
pub const SHORT: usize = 12;

/// Longer than any passphrase a person types; a bound for what is read from a pipe.
const LONGEST: usize = 1024;

/// A passphrase, wiped from memory when dropped.
pub struct Passphrase(Zeroizing<String>);

/// Why a passphrase was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Nothing, or nothing but white space.
    #[error("the passphrase is empty: type at least one character, better {SHORT} or more")]
    Empty,
    /// A line break or another control character: most often the end of a line that was read
    /// with the passphrase, which nobody could type again.
    #[error("the passphrase contains a line break or control character: give it as one plain line")]
    Control,
    /// More than a person types.
    #[error("the passphrase has {len} bytes, the limit is {LONGEST}")]
    TooLong {
        /// Bytes found.
        len: usize,
    },
}

impl Passphrase {
    /// Takes the text as it was typed, without its line end.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Result<Self, PassphraseError> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(PassphraseError::Empty);
        }
        if text.len() > LONGEST {
            return Err(PassphraseError::TooLong { len: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(PassphraseError::Control);
        }
        Ok(Self(text))
    }

    /// Whether it is so short that the person should be warned before a key is sealed with it.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < SHORT
    }

    /// A copy for the cipher, which wipes its own.
    pub(crate) fn secret(&self) -> SecretString {
        SecretString::from(self.0.as_str())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pass(text: &str) -> Result<Passphrase, PassphraseError> {
        Passphrase::new(text.to_owned())
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        assert_eq!(pass("").unwrap_err(), PassphraseError::Empty);
        assert_eq!(pass(" \t").unwrap_err(), PassphraseError::Empty);
    }

    #[test]
    fn a_passphrase_nobody_could_type_again_is_refused() {
        assert_eq!(pass("secret\n").unwrap_err(), PassphraseError::Control);
        assert_eq!(pass("sec\0ret").unwrap_err(), PassphraseError::Control);
        assert_eq!(
            pass(&"x".repeat(1025)).unwrap_err(),
            PassphraseError::TooLong { len: 1025 }
        );
    }

    #[test]
    fn a_short_passphrase_is_told_by_characters_not_bytes() {
        assert!(pass("žluťoučký k").unwrap().is_short());
        assert!(!pass("žluťoučký ků").unwrap().is_short());
    }

    #[test]
    fn debug_does_not_show_it() {
        assert_eq!(
            format!("{:?}", pass("open sesame").unwrap()),
            "Passphrase(..)"
        );
    }
}
