//! The ledger's rules: which transactions concern which vault, and what changes when one does.
//!
//! A block or a mempool transaction is matched by look-ups only: an output script to the address
//! that owns it, a spent outpoint to the coin it was. What comes out are [`Match`]es, which storage
//! applies; nothing here knows where scripts and coins are kept.

mod block;
mod coin;
mod history;
mod lookahead;
mod matcher;
mod order;
mod sparse;
mod tags;

pub use block::{BlockError, CheckedBlock, check_values};
pub use coin::{Balance, Birth, Coin, Owner, Spent, TxStatus, VaultRow};
pub use history::{Listed, ListedAt, ScriptStatus};
pub use lookahead::{LOOKAHEAD, scripts_needed};
pub use matcher::{Funded, Match, highest_used, match_transactions};
pub use order::parents_first;
pub use sparse::Proven;
pub use tags::{any_tag_in, outpoint_tag, script_tag, tags_of};
