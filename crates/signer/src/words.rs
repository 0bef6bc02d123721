//! Seed words (BIP39, English list).
//!
//! New keys get 24 words, 256 bits. Twelve would match the strength of the curve, but the sheet
//! of paper is the weak place: whoever photographs half of it still faces 124 unknown bits with
//! 24 words, but only 62, within reach, with 12. It is also what hardware cosigners default to. Other
//! valid lengths are accepted when a key is restored.
//!
//! No error here repeats a word: errors end up in terminals, logs and bug reports.

use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, Zeroizing};

/// Why a list of words was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Not a length BIP39 knows.
    #[error("{found} words were given: a seed has 12, 15, 18, 21 or 24")]
    Count {
        /// Words found.
        found: usize,
    },
    /// A word outside the list.
    #[error("word number {position} is not in the English BIP39 list: check its spelling")]
    Unknown {
        /// Its place, counted from 1 as on the sheet.
        position: usize,
    },
    /// All words exist, but the last one's checksum bits don't agree.
    #[error("the words' checksum does not match: a word is wrong or two are swapped")]
    Checksum,
}

/// The words of fresh entropy.
pub(crate) fn from_entropy(entropy: &[u8; 32]) -> Result<Mnemonic, WordsError> {
    Mnemonic::from_entropy_in(Language::English, entropy).map_err(|e| convert(&e))
}

/// Reads words as a person types them: any case, any white space between.
pub(crate) fn parse(text: &str) -> Result<Mnemonic, WordsError> {
    let lower = Zeroizing::new(text.to_lowercase());
    Mnemonic::parse_in_normalized(Language::English, &lower).map_err(|e| convert(&e))
}

/// The words in one line, single spaces.
pub(crate) fn line(mnemonic: &Mnemonic) -> Zeroizing<String> {
    // 24 words of at most 8 letters: room from the start, so that growing leaves no copies.
    let mut out = Zeroizing::new(String::with_capacity(24 * 9));
    for word in mnemonic.words() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The seed of the words. No BIP39 passphrase: a second secret that no file or backup mentions
/// is a way to lose a key, and the second factor of a vault is its quorum.
pub(crate) fn seed(mnemonic: &Mnemonic) -> Zeroizing<[u8; 64]> {
    let mut bytes = mnemonic.to_seed_normalized("");
    let seed = Zeroizing::new(bytes);
    bytes.zeroize();
    seed
}

fn convert(error: &bip39::Error) -> WordsError {
    match *error {
        bip39::Error::BadWordCount(found) => WordsError::Count { found },
        bip39::Error::UnknownWord(index) => WordsError::Unknown {
            position: index + 1,
        },
        bip39::Error::BadEntropyBitCount(bits) => WordsError::Count { found: bits / 11 },
        bip39::Error::InvalidChecksum | bip39::Error::AmbiguousLanguages(_) => WordsError::Checksum,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use hex::FromHex;

    /// `vectors.json` of trezor/python-mnemonic, the set BIP39 refers to: entropy, words, seed
    /// with the passphrase "TREZOR".
    const VECTORS: [[&str; 3]; 4] = [
        [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
            "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8",
        ],
        [
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
        ],
        [
            "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
            "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
            "64c87cde7e12ecf6704ab95bb1408bef047c22db4cc7491c4271d170a1b213d20b385bc1588d9c7b38f1b39d415665b8a9030c9ec653d75e65f847d8fc1fc440",
        ],
        [
            "9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863",
            "panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside",
            "72be8e052fc4919d2adf28d5306b5474b0069df35b02303de8c1729c9538dbb6fc2d731d5f832193cd9fb6aeecbc469594a70e3dd50811b5067f3b88b28c3e8d",
        ],
    ];

    #[test]
    fn the_bip39_vectors_hold() {
        for [entropy, words, seed] in VECTORS {
            let entropy = <[u8; 32]>::from_hex(entropy).unwrap();
            let mnemonic = from_entropy(&entropy).unwrap();
            assert_eq!(line(&mnemonic).as_str(), words);
            assert_eq!(parse(words).unwrap(), mnemonic);
            let want = <[u8; 64]>::from_hex(seed).unwrap();
            assert_eq!(mnemonic.to_seed_normalized("TREZOR"), want);
        }
    }

    #[test]
    fn words_are_read_as_people_type_them() {
        let plain = VECTORS[3][1];
        let typed = format!("  {}\n", plain.to_uppercase().replace(' ', "  \t"));
        assert_eq!(parse(&typed).unwrap(), parse(plain).unwrap());
    }

    #[test]
    fn bad_words_are_refused_without_repeating_them() {
        let swapped = VECTORS[3][1].replace("panda eyebrow", "eyebrow panda");
        assert_eq!(parse(&swapped).unwrap_err(), WordsError::Checksum);
        let misspelt = VECTORS[3][1].replace("bullet", "bulletz");
        let error = parse(&misspelt).unwrap_err();
        assert_eq!(error, WordsError::Unknown { position: 3 });
        for word in misspelt.split(' ') {
            let said = format!("{error} {error:?}");
            assert!(!said.split_whitespace().any(|w| w == word), "{word}");
        }
        assert_eq!(
            parse("zoo zoo").unwrap_err(),
            WordsError::Count { found: 2 }
        );
        assert_eq!(parse("").unwrap_err(), WordsError::Count { found: 0 });
    }
}
