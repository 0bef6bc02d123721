//! The software cosigner: a keystore of its own and a signer that trusts nothing it is handed.
//!
//! It is one party of a vault, kept apart from the coordinator on purpose: the coordinator is
//! watch-only, and no crate but the command line may depend on this one. What comes in is a
//! vault the cosigner has imported itself and a PSBT (BIP174) from anywhere; what goes out is the
//! same PSBT with this cosigner's signatures added, or a refusal that names the reason.
//!
//! ```text
//! Proposal::check(&vault, psbt.clone())? -> Proposal     everything proven by the vault's derivation
//! spend::review(&vault, &proposal, used) -> Review       show it to the person
//! examine(&vault, &proposal, &psbt, &fees)?              what would be refused whatever the key, then
//! keystore.unlock(name, &passphrase)?.sign(&vault, &proposal, &psbt, &fees)? -> Signed
//! ```
//!
//! The first two are the core's: the signer has no check of its own that could differ from what
//! everybody else sees. Files are touched in [`keystore`] only; [`sign`] is pure.
#![warn(missing_docs)]

pub mod account;
mod chains;
pub mod keystore;
pub mod passphrase;
mod record;
mod sealed;
pub mod sign;
mod unlocked;
pub mod words;

pub use account::Account;
pub use keystore::{KeyInfo, Keystore, KeystoreError, NewKey};
pub use passphrase::{Passphrase, PassphraseError};
pub use sealed::{open_file, seal_file};
pub use sign::{SignError, Signed, examine};
pub use unlocked::Unlocked;
pub use words::WordsError;
