//! Foreign text, made harmless. Labels, memos and names come from files that others wrote; a
//! terminal obeys escape sequences and a reader believes reversed text.

use crate::key::{SecretKind, find_secret};
use std::fmt;

/// Returns `text` with every character that could steer a terminal or reorder what is read
/// written as `\u{…}`: C0 and C1 controls, line breaks, bidirectional and zero-width marks.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters of foreign text that a sentence may carry.
const EXCERPT: usize = 300;

/// The beginning of what `error` says, escaped: errors of libraries quote what they couldn't read, and
/// that may be megabytes.
#[must_use]
pub fn excerpt(error: &dyn fmt::Display) -> String {
    struct Beginning(String);
    impl fmt::Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = EXCERPT.saturating_sub(self.0.chars().count());
            self.0.extend(text.chars().take(room));
            // Stops whoever writes.
            if text.chars().nth(room).is_some() {
                Err(fmt::Error)
            } else {
                Ok(())
            }
        }
    }
    let mut beginning = Beginning(String::new());
    match fmt::write(&mut beginning, format_args!("{error}")) {
        Ok(()) => escape(&beginning.0),
        Err(_) => escape(&beginning.0) + "…",
    }
}

/// Whether [`escape`] would change `c`.
#[must_use]
pub const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' // controls, ESC and CSI among them
        | '\u{ad}' | '\u{61c}'            // soft hyphen, Arabic letter mark
        | '\u{200b}'..='\u{200f}'         // zero-width and direction marks
        | '\u{2028}'..='\u{202e}'         // separators, embeddings, overrides
        | '\u{2060}'..='\u{206f}'         // word joiner, isolates, deprecated format marks
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}') // tags
}

/// Why a name or a memo was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("{what} is empty")]
    Empty {
        /// What the text is, for the sentence.
        what: &'static str,
    },
    /// Longer than the limit.
    #[error("{what} has {len} characters, the limit is {max}")]
    TooLong {
        /// What the text is.
        what: &'static str,
        /// Characters found.
        len: usize,
        /// Characters allowed.
        max: usize,
    },
    /// T21: something that must not be written down where others read.
    #[error(
        "{what} contains {kind}: a secret doesn't belong there, and one that was typed is no secret any more"
    )]
    Secret {
        /// What the text is.
        what: &'static str,
        /// What was found.
        kind: SecretKind,
    },
    /// A character that [`escape`] would change, or one not allowed in a name.
    #[error("{what} contains the character {found}, which is not allowed there")]
    Forbidden {
        /// What the text is.
        what: &'static str,
        /// The character, escaped.
        found: String,
    },
}

/// Checks a name that is typed as an argument later: 1 to 40 of letters, digits, `-`, `_` and `.`,
/// starting with a letter or digit.
pub fn check_name(what: &'static str, name: &str) -> Result<(), TextError> {
    check_line(what, name, 40)?;
    let allowed =
        |(i, c): (usize, char)| c.is_alphanumeric() || (i > 0 && matches!(c, '-' | '_' | '.'));
    match name.chars().enumerate().find(|&pair| !allowed(pair)) {
        None => Ok(()),
        Some((_, c)) => Err(TextError::Forbidden {
            what,
            found: format!("`{}`", escape(&c.to_string())),
        }),
    }
}

/// Checks one line of free text (a label, a memo): not empty, at most `max` characters, nothing
/// that [`escape`] would change, and no private key or seed words.
pub fn check_line(what: &'static str, text: &str, max: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty { what });
    }
    let len = text.chars().count();
    if len > max {
        return Err(TextError::TooLong { what, len, max });
    }
    if let Some(c) = text.chars().find(|&c| is_unsafe(c)) {
        return Err(TextError::Forbidden {
            what,
            found: escape(&c.to_string()),
        });
    }
    match find_secret(text) {
        None => Ok(()),
        Some(kind) => Err(TextError::Secret { what, kind }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_error_the_beginning_is_said() {
        assert_eq!(excerpt(&"a\u{1b}b"), "a\\u{1b}b");
        assert_eq!(excerpt(&"a".repeat(EXCERPT)), "a".repeat(EXCERPT));
        let long = format_args!("{}{}{}", "é".repeat(EXCERPT - 1), "bc", "d").to_string();
        assert_eq!(excerpt(&long), "é".repeat(EXCERPT - 1) + "b…");
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("x")?;
                }
            }
        }
        assert_eq!(excerpt(&Endless), "x".repeat(EXCERPT) + "…");
    }

    #[test]
    fn t35_terminal_and_bidi_text_is_escaped() {
        assert_eq!(escape("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("pay \u{202e}live"), "pay \\u{202e}live");
        assert_eq!(escape("žluťoučký 財布 ok"), "žluťoučký 財布 ok");
    }

    #[allow(clippy::unwrap_used, reason = "tests")]
    #[test]
    fn t21_a_line_of_text_holds_no_secret() {
        let words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
        let key = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
        let wif = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1";
        for secret in [words, key, wif] {
            let error = check_line("the label", &format!("note {secret}"), 255).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, TextError::Secret { .. }), "{text}");
            assert!(!text.contains(&secret[..20]), "{text}");
        }
        let plain = "rent for the long winter, paid twice because the first one was returned";
        assert_eq!(check_line("the label", plain, 255), Ok(()));
    }

    #[test]
    fn names_are_plain_words() {
        assert_eq!(check_name("name", "family-2.0_a"), Ok(()));
        for bad in ["", " ", "-x", "a b", "a/b", "a\nb", "../x", "a=b"] {
            assert!(check_name("name", bad).is_err(), "{bad:?}");
        }
        assert!(check_name("name", &"x".repeat(41)).is_err());
    }
}
