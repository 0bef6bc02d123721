//! Stories through the real binary, most of them on a real node: what a person types, and what
//! programs read from `--json`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod crash;
mod demo;
mod family;
mod policies;
mod readme;
mod recovery;
mod two_of_three;
