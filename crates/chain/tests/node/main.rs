//! Chain sources against a real Bitcoin Core.
#![allow(clippy::unwrap_used, reason = "tests")]

mod real_node;
