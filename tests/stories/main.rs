//! Stories through the real binary, most of them on a real node: what a person types, and what
//! programs read from `--json`.
#![allow(clippy::unwrap_used, reason = "tests")]

mod readme;
mod real_node;
