//! The journal: a vault's shared state as a grow-only set of signed entries.
//!
//! An entry is kept as the text its author signed and never re-serialized; its id is a hash over
//! those bytes. Each author's entries form a hash chain of their own, so that nothing an author
//! said can be left out unnoticed, and no order between authors is needed.

mod body;
mod chain;
mod entry;
mod file;
mod judge;
mod state;

pub use crate::ledger::Birth;
pub use body::{Body, CloseReason, KeyFacts, SignatureText, Word};
pub use chain::{ChainFault, check_chain};
pub(crate) use entry::tagged;
pub use entry::{
    Content, Entry, EntryError, EntryId, MAX_TEXT, MemberId, MemberKey, ParseMemberIdError, VERSION,
};
pub use file::{FileError, JournalFile, Line, MAX_LINE, read_line, write_file, write_line};
pub use judge::{Judgement, RefusedPart, judge, secret_in};
pub use state::{StateHash, Value};
