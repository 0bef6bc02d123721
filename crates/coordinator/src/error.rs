//! The one error of all use cases: what kind it is, one sentence, and what to do next.

use quorate_chain::ChainError;
use quorate_core::proposal::{PinError, Refusal};
use quorate_core::psbt::{ContributionError, FinalizeError, WireError};
use quorate_core::spend::SpendError;
use quorate_core::vault::VaultError;
use quorate_storage::StorageError;

/// What kind of failure it is: decides the exit code and, later, the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input can't be understood or names something that isn't there.
    Input,
    /// Understood, and refused for a reason.
    Refused,
    /// The chain source can't be reached: trying again may help.
    Chain,
    /// The database can't be read or written.
    Storage,
}

/// Why a use case did nothing, or not all it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Its kind.
    pub kind: Kind,
    /// A word for programs, stable.
    pub code: &'static str,
    /// One sentence: what, where, and the remedy.
    pub message: String,
    /// What to type or look at next.
    pub hint: Option<String>,
}

impl Error {
    /// Input that can't be used.
    #[must_use]
    pub fn input(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Input,
            code,
            message: message.into(),
            hint: None,
        }
    }
    /// A refusal.
    #[must_use]
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Refused,
            ..Self::input(code, message)
        }
    }
    /// Trouble with the chain source.
    #[must_use]
    pub fn chain(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Chain,
            ..Self::input(code, message)
        }
    }
    /// Trouble with the store.
    #[must_use]
    pub fn storage(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Storage,
            ..Self::input(code, message)
        }
    }
    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// The same with the name of what it is about in front: a file, a cosigner.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        let code = match &error {
            StorageError::Missing { .. } => "no_home",
            StorageError::Newer { .. } => "newer_schema",
            StorageError::Foreign { .. } => "foreign_database",
            StorageError::NotADatabase { .. } => "not_a_database",
            StorageError::Full => "disk_full",
            StorageError::ReadOnly { .. } => "read_only",
            StorageError::Busy => "busy",
            StorageError::CommitUnknown { .. } => "commit_unknown",
            _ => "storage",
        };
        Self::storage(code, error.to_string())
    }
}

impl From<ChainError> for Error {
    fn from(error: ChainError) -> Self {
        match &error {
            ChainError::BadAddress { .. } => Self::input("bad_chain_source", error.to_string()),
            ChainError::Unreachable { .. } => Self::chain("unreachable", error.to_string())
                .hint("check that the node runs and that --node (or QUORATE_NODE) names it, then try again"),
            ChainError::NoneAnswers { .. } => Self::chain("unreachable", error.to_string())
                .hint("`quorate source list` shows what each source says; check that one of the nodes runs, then try again"),
            ChainError::OtherChain { .. } => Self::refused("wrong_network", error.to_string())
                .hint("name another source with --node, or another home with --home"),
            ChainError::Unauthorized { .. } => Self::chain("unauthorized", error.to_string())
                .hint("give the node's rpcuser and rpcpassword, or its cookie file: --node cookie:PATH@127.0.0.1:8332"),
            ChainError::BadAnswer { .. } => Self::chain("bad_answer", error.to_string()),
            ChainError::Untrusted { .. } => Self::refused("untrusted_source", error.to_string()),
            ChainError::CannotBeAsked { .. } => Self::refused("cannot_be_asked", error.to_string()),
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        Self::input("bad_vault", error.to_string())
    }
}

impl From<PinError> for Error {
    fn from(error: PinError) -> Self {
        let code = match &error {
            PinError::FakeChange { .. } => "fake_change",
            PinError::NotOurCoin { .. } | PinError::NoDerivation { .. } => "foreign_input",
            PinError::Sighash { .. } => "sighash",
            _ => "unfit_psbt",
        };
        Self::refused(code, error.to_string())
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::input("bad_psbt", error.to_string())
    }
}

impl From<ContributionError> for Error {
    fn from(error: ContributionError) -> Self {
        Self::refused("altered", error.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(error: Refusal) -> Self {
        let code = match &error {
            Refusal::WrongStatus { .. } => "wrong_status",
            Refusal::Underbid { .. } => "underbid",
            Refusal::TooEarly { .. } | Refusal::Locked { .. } | Refusal::Unconfirmed { .. } => {
                "too_early"
            }
        };
        Self::refused(code, error.to_string())
    }
}

impl From<FinalizeError> for Error {
    fn from(error: FinalizeError) -> Self {
        Self::refused("not_final", error.to_string())
    }
}

impl From<SpendError> for Error {
    fn from(error: SpendError) -> Self {
        let code = match &error {
            SpendError::NotEnough { .. } => "not_enough",
            SpendError::Dust { .. } => "dust",
            SpendError::Burn { .. } => "burn",
            SpendError::Fee(_) => "absurd_fee",
            SpendError::NoRecipients | SpendError::AllTwice => {
                return Self::input("bad_recipients", error.to_string());
            }
            SpendError::NoSuchPath { .. } => return Self::input("no_such_path", error.to_string()),
            _ => "spend",
        };
        Self::refused(code, error.to_string())
    }
}
