//! The software cosigner: a keystore of its own and a signer that trusts nothing it is handed.
//!
//! It is one party of a vault, kept apart from the coordinator on purpose: the coordinator is
//! watch-only, and no crate but the command line may depend on this one. What comes in is a
//! vault the cosigner has imported itself and a PSBT (BIP174) from anywhere; what goes out is the
//! same PSBT with this cosigner's signatures added, or a refusal that names the reason.
//!
//! Files are touched in [`keystore`] only; [`sign`] is a pure function of key, vault and PSBT.
#![warn(missing_docs)]

pub mod account;
pub mod passphrase;
mod sealed;
pub mod words;

pub use account::Account;
pub use passphrase::{Passphrase, PassphraseError};
pub use words::WordsError;
