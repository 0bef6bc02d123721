//! Syncing against a chain of our own: scenarios one by one, then random ones against a reference.
#![allow(clippy::unwrap_used, reason = "tests")]

mod books;
mod by_script;
mod histories;
mod home;
mod looks;
mod random;
mod refusals;
mod rescan;
mod scenarios;
mod sources;
mod statement;
mod told;
mod world;
