//! Several homes of one vault: whose entries count, what a hostile member achieves, and that all
//! homes come to the same.
#![allow(clippy::unwrap_used, reason = "tests")]

mod convergence;
mod folder;
mod hostile;
mod members;
mod words;
mod world;
