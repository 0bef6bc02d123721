//! Several homes of one vault: whose entries count, and the ways on which entries travel.

mod anew;
mod file;
mod folder;
mod intake;
mod members;
mod openings;

pub use file::JournalText;
pub(crate) use intake::findings;
pub(crate) use openings::said_twice;
