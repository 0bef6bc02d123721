//! The secret that a session's files are sealed with (BIP-0129, "The Token").

use std::fmt;
use std::str::FromStr;

/// How the two rounds are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encryption {
    /// Not at all: what carries the files may read keys and descriptor.
    None,
    /// One token of 64 bits for all cosigners.
    Standard,
    /// A token of 128 bits for each.
    Extended,
}

impl Encryption {
    /// As it is typed and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Standard => "standard",
            Self::Extended => "extended",
        }
    }

    /// The encryption that [`Self::word`] names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::None, Self::Standard, Self::Extended]
            .into_iter()
            .find(|one| one.word() == word)
    }

    /// A token out of fresh random bytes.
    #[must_use]
    pub fn token(self, entropy: &[u8; 16]) -> Token {
        match self {
            Self::None => Token::None,
            Self::Standard => Token::Standard(std::array::from_fn(|at| entropy[at])),
            Self::Extended => Token::Extended(*entropy),
        }
    }
}

/// A token. It is a secret for as long as the session lasts, so it isn't printed by accident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// `00`: nothing is sealed.
    None,
    /// 64 bits.
    Standard([u8; 8]),
    /// 128 bits.
    Extended([u8; 16]),
}

impl Token {
    /// The mode that it belongs to.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        match self {
            Self::None => Encryption::None,
            Self::Standard(_) => Encryption::Standard,
            Self::Extended(_) => Encryption::Extended,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[0],
            Self::Standard(bytes) => bytes,
            Self::Extended(bytes) => bytes,
        }
    }

    /// As it stands in a record: hex.
    #[must_use]
    pub fn hex(&self) -> String {
        use hex::DisplayHex;
        self.bytes().to_lower_hex_string()
    }

    /// As it is typed into devices that take numbers.
    #[must_use]
    pub fn decimal(&self) -> u128 {
        self.bytes()
            .iter()
            .fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.encryption().word())
    }
}

impl FromStr for Token {
    type Err = ();

    /// Reads two, 16 or 32 hexadecimal digits; of two, `00` alone is a token.
    fn from_str(text: &str) -> Result<Self, ()> {
        use hex::FromHex;
        match text.len() {
            2 if text == "00" => Ok(Self::None),
            16 => FromHex::from_hex(text).map(Self::Standard).map_err(|_| ()),
            32 => FromHex::from_hex(text).map(Self::Extended).map_err(|_| ()),
            _ => Err(()),
        }
    }
}
