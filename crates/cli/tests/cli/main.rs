//! The command line as people and programs meet it: the real binary, each person with a data folder
//! of their own, and a simulated chain in a file.
#![allow(clippy::unwrap_used, reason = "tests")]

mod backups;
mod codes;
mod errors;
mod events;
mod evidence;
mod exchange;
mod history;
mod key_files;
mod labels;
mod manners;
mod people;
mod processes;
mod signer;
mod sources;
mod spending;
mod story;
mod wallet_files;
mod watch;
