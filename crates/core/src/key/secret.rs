//! Recognising secrets in text that should have none, so that they are refused before anything
//! stores, logs or prints them.

use super::slip132;
use bitcoin::base58;
use std::fmt;

/// A kind of secret found in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SecretKind {
    /// `xprv`, `tprv` or a SLIP-132 relative.
    ExtendedPrivateKey,
    /// A single private key: WIF, or 32 bytes in hexadecimal.
    PrivateKey,
    /// Twelve or more words as in BIP39.
    SeedWords,
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExtendedPrivateKey => "an extended private key",
            Self::PrivateKey => "a private key",
            Self::SeedWords => "a list of seed words",
        })
    }
}

/// Looks for an extended private key, a WIF key or seed words anywhere in `text`. Mistyped ones
/// count too: one wrong letter doesn't make a secret public.
#[must_use]
pub fn find_secret(text: &str) -> Option<SecretKind> {
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        if is_extended_private(word) {
            return Some(SecretKind::ExtendedPrivateKey);
        }
        if is_wif(word) {
            return Some(SecretKind::PrivateKey);
        }
    }
    has_seed_words(text).then_some(SecretKind::SeedWords)
}

/// Longer texts in a binary field aren't searched for seed words, which a hundred characters hold.
const MAX_WORDS: usize = 4096;

/// Whether a field of a binary file carries a private key: an extended one in the binary form of
/// BIP-0032 under any prefix (four version bytes, 41 of origin, then a zero byte where a public key would
/// have 2 or 3), or as text what [`find_secret`] finds.
pub(crate) fn holds_secret(bytes: &[u8]) -> bool {
    let binary = |window: &[u8]| {
        let version = [window[0], window[1], window[2], window[3]];
        window[45] == 0 && slip132::read(version) == Some(slip132::Prefix::Private)
    };
    let text = |window: &[u8]| {
        let (prefix, rest) = window.split_at(4);
        prefix.ends_with(b"prv")
            && is_family(char::from(prefix[0]))
            && rest.iter().all(u8::is_ascii_alphanumeric)
    };
    let wif = |word: &[u8]| {
        (51..=52).contains(&word.len()) && std::str::from_utf8(word).is_ok_and(is_wif)
    };
    bytes.windows(78).any(binary)
        || bytes.windows(8).any(text)
        || bytes.split(|byte| !byte.is_ascii_alphanumeric()).any(wif)
        || (bytes.len() <= MAX_WORDS
            && bytes.is_ascii()
            && std::str::from_utf8(bytes).is_ok_and(has_seed_words))
}

/// Whether a key's whole text is 32 bytes of hexadecimal. Not part of [`find_secret`]: in other
/// texts that is a transaction id or a hash.
pub(super) fn is_raw_private(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_extended_private(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(is_family) && chars.as_str().starts_with("prv") && word.len() > 20
}

/// The first letters of the prefixes of BIP-0032 and SLIP-0132.
const fn is_family(letter: char) -> bool {
    matches!(
        letter,
        'x' | 'y' | 'z' | 't' | 'u' | 'v' | 'Y' | 'Z' | 'U' | 'V'
    )
}

fn is_wif(word: &str) -> bool {
    let shape = match word.len() {
        51 => word.starts_with(['5', '9']),
        52 => word.starts_with(['K', 'L', 'c']),
        _ => false,
    };
    let base58 = |b: u8| b.is_ascii_alphanumeric() && !matches!(b, b'0' | b'O' | b'I' | b'l');
    // Decoding costs the square of the length, so longer words aren't tried.
    (shape && word.bytes().all(base58))
        || (word.len() <= 52
            && base58::decode_check(word).is_ok_and(|bytes| {
                matches!(bytes.len(), 33 | 34) && matches!(bytes.first(), Some(0x80 | 0xef))
            }))
}

/// Of twelve words in a row so many may be mistyped, or be none of BIP39's English ones.
const MISTYPED: usize = 3;

/// Twelve words in a row as long as BIP39's, however they are separated or numbered, nine of them of
/// its English list; of other languages, a text that is nothing but such words, as many as a mnemonic
/// has. Plain prose is neither. What opens a function or an object ends the row, because neither a script
/// with many locks (`sln:older(5),sln:older(9)`) nor many objects in JSON
/// (`{"type":"other","label":…}`) are. A number in brackets is one that the words are counted by.
fn has_seed_words(text: &str) -> bool {
    let mut nothing_else = true;
    let mut count = 0;
    // For each word of the row, whether it is in the list.
    let mut row: Vec<bool> = Vec::new();
    for part in text.split_inclusive(['(', '{']) {
        for word in part.split(|c: char| !c.is_alphanumeric()) {
            let like_a_word =
                (3..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic());
            let separator = word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit());
            if like_a_word {
                let word = word.to_ascii_lowercase();
                row.push(bip39::Language::English.find_word(&word).is_some());
                count += 1;
            } else if !separator {
                row.clear();
                nothing_else = false;
            }
            let newest = row.len().saturating_sub(12);
            if row.len() >= 12 && row[newest..].iter().filter(|known| !**known).count() <= MISTYPED
            {
                return true;
            }
        }
        let opens = match part.strip_suffix('(') {
            Some(before) => before.ends_with(char::is_alphanumeric),
            None => part.ends_with('{'),
        };
        if opens {
            row.clear();
            nothing_else = false;
        }
    }
    nothing_else && matches!(count, 12 | 15 | 18 | 21 | 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t21_secrets_are_found_even_mistyped() {
        let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                     abandon abandon about";
        assert_eq!(find_secret(words), Some(SecretKind::SeedWords));
        let numbered = words.replace(' ', "\n7. ");
        assert_eq!(find_secret(&numbered), Some(SecretKind::SeedWords));
        for bracketed in ["$0) ", "($0) ", "[$0] "] {
            let words = words.split_whitespace().zip(1..);
            let list = words.map(|(word, n)| bracketed.replace("$0", &format!("{n}")) + word);
            let list: Vec<String> = list.collect();
            assert_eq!(find_secret(&list.join(" ")), Some(SecretKind::SeedWords));
        }
        let three_mistyped = words.replacen("abandon", "abandin", 3).to_uppercase();
        assert_eq!(find_secret(&three_mistyped), Some(SecretKind::SeedWords));
        let among_prose = format!("the seed is {words} and nobody knows it");
        assert_eq!(find_secret(&among_prose), Some(SecretKind::SeedWords));
        let italian = "abaco abbaglio abbinato abete abisso abolire abrasivo abrogato accadere \
                       accenno accusato acetone";
        assert_eq!(find_secret(italian), Some(SecretKind::SeedWords));
        let objects = r#"{"type":"other","label":"alice"},"#.repeat(5);
        assert_eq!(find_secret(&objects), None);
        for count in [6, 13] {
            assert_eq!(find_secret(&"sln:older(5),".repeat(count)), None);
        }
        let prose = "rent for the long winter, paid twice because the first one was returned";
        assert_eq!(find_secret(prose), None);
        let wif = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ";
        assert_eq!(find_secret(wif), Some(SecretKind::PrivateKey));
        let mistyped = wif.replace("jvh", "jvj");
        assert_eq!(find_secret(&mistyped), Some(SecretKind::PrivateKey));
        let xprv = "wsh(pk([00000001/0h]xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPP))";
        assert_eq!(find_secret(xprv), Some(SecretKind::ExtendedPrivateKey));
        assert_eq!(
            find_secret("invoice 17 for the new roof, paid in two parts"),
            None
        );
        assert_eq!(find_secret("xpub is public, xprv is not"), None);
    }
}
