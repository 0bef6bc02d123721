//! Setting a vault up between people who don't trust what carries their files (BIP-0129). Round 1: each
//! cosigner is invited and answers with a key record, signed by the key itself. Round 2: the
//! coordinator answers with the descriptor, and each cosigner's own program holds it against the
//! invitation and its own key before anything is kept. Then each attests what it derived.
//!
//! Pure: texts and facts in, texts and verdicts out.

mod accept;
mod error;
mod invitation;
mod proof;
mod record;
mod seal;
mod stage;
mod token;

pub use accept::{Expected, accept};
pub use error::{InvitationError, RecordError, SealError, SetupRefusal};
pub use invitation::{Invitation, Nonce};
pub use proof::{drill_spend, proof_of_possession, signed_for};
pub use record::{KeyRecord, Statement, record_message};
pub use seal::{open, seal};
pub use stage::{SetupStage, VaultFacts, VaultStage};
pub use token::{Encryption, Token};

/// The first line of every record.
pub(crate) const HEAD: &str = "BSMS 1.0";
