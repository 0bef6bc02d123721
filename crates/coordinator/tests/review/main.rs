//! What a home knows beyond a transaction: who was paid before, what looks like what, dust, and keys
//! that gave themselves away.
#![allow(clippy::unwrap_used, reason = "tests")]

mod dust;
mod nonces;
mod payees;
mod world;
