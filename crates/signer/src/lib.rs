//! The software cosigner: a keystore of its own and a signer that trusts nothing it is handed.
//!
//! It is one party of a vault, kept apart from the coordinator on purpose: the coordinator is
//! watch-only, and no crate but the command line may depend on this one. What comes in is a
//! vault the cosigner has imported itself and a PSBT (BIP174) from anywhere; what goes out is the
//! same PSBT with this cosigner's signatures added, or a refusal that names the reason.
//!
//! ```text
//! review(&vault, &psbt)? -> Review   show its summary to the person, then
//! keystore.unlock(name, &passphrase)?.sign(&review, fee_limits)? -> Signed
//! ```
//!
//! Files are touched in [`keystore`] only; [`mod@review`] and [`sign`] are pure.
#![warn(missing_docs)]

pub mod account;
pub mod keystore;
pub mod passphrase;
pub mod review;
mod sealed;
pub mod sign;
mod unlocked;
pub mod words;

pub use account::Account;
pub use keystore::{KeyInfo, Keystore, KeystoreError, NewKey};
pub use passphrase::{Passphrase, PassphraseError};
pub use review::{Change, Payment, Review, ReviewError, Summary, review};
pub use sign::{SignError, Signed};
pub use unlocked::Unlocked;
pub use words::WordsError;
