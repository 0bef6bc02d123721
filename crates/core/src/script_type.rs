//! What kind of output a vault's scripts stand behind, and what follows from it for signatures.

use std::fmt;
use std::str::FromStr;

/// How a vault's scripts are wrapped in outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScriptType {
    /// `wsh(…)`: native segwit (BIP141), the everyday kind.
    Wsh,
    /// `sh(wsh(…))`: segwit nested in P2SH, for payers that can't pay to bech32 addresses.
    ShWsh,
    /// `sh(…)`: before segwit. Taken in to recover and spend what is there.
    Sh,
    /// `tr(…)`: taproot (BIP341), spent by its scripts or by its internal key.
    Tr,
}

impl ScriptType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wsh, Self::ShWsh, Self::Sh, Self::Tr];

    /// The word in templates, on the command line and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wsh => "wsh",
            Self::ShWsh => "sh-wsh",
            Self::Sh => "sh",
            Self::Tr => "tr",
        }
    }

    /// Whether inputs have their signatures in the witness (BIP141).
    #[must_use]
    pub const fn is_segwit(self) -> bool {
        match self {
            Self::Wsh | Self::ShWsh | Self::Tr => true,
            Self::Sh => false,
        }
    }

    /// Whether the id of a transaction is known before it is signed: only when nothing stands in
    /// the inputs' signature scripts.
    #[must_use]
    pub const fn is_native(self) -> bool {
        match self {
            Self::Wsh | Self::Tr => true,
            Self::ShWsh | Self::Sh => false,
        }
    }
}

impl fmt::Display for ScriptType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Not one of the words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a script type is one of wsh, sh-wsh, sh and tr")]
pub struct ParseScriptTypeError;

impl FromStr for ScriptType {
    type Err = ParseScriptTypeError;

    fn from_str(text: &str) -> Result<Self, ParseScriptTypeError> {
        let known = Self::ALL.into_iter().find(|known| known.word() == text);
        known.ok_or(ParseScriptTypeError)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for kind in ScriptType::ALL {
            assert_eq!(kind.to_string().parse::<ScriptType>().unwrap(), kind);
        }
        assert!("p2wsh".parse::<ScriptType>().is_err());
    }
}
