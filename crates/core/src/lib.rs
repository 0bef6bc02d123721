//! The pure heart of Quorate: what a vault is, which signatures count, what a proposal's state
//! is. Nothing in this crate does I/O, reads a clock or asks for randomness; the edges pass such
//! facts in and store what comes out.
#![warn(missing_docs)]

pub mod backup;
pub mod chain;
pub mod consensus;
pub mod evidence;
pub mod frame;
pub mod journal;
mod json;
pub mod key;
pub mod keychain;
pub mod label;
pub mod ledger;
pub mod policy;
pub mod proposal;
pub mod psbt;
pub mod script_type;
pub mod setup;
pub mod spend;
pub mod text;
pub mod vault;
pub mod wallet;
pub mod workers;
