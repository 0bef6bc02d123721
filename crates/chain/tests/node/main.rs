//! Chain sources against a real Bitcoin Core.
#![allow(clippy::unwrap_used, reason = "tests")]

mod electrum_real_node;
mod real_node;
