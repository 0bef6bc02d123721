//! What tests stand on: a real Bitcoin Core node in regtest, test keys that never change, and a
//! person's data folder with the `quorate` binary to run in it.
//!
//! Everything here panics with a sentence when it can't do its work: a test that needs a node and
//! finds none must fail, never pass by doing nothing. Folders live in the system's temporary folder;
//! a failing test keeps its folder and prints where it is.
#![warn(missing_docs)]
#![expect(
    clippy::print_stderr,
    reason = "a failing test says where its folder is"
)]

mod electrum;
pub mod fixtures;
mod folder;
mod home;
pub mod lies;
#[path = "../../xtask/src/locate.rs"]
mod locate;
pub mod node;
mod program;
pub mod rogue;
mod rpc;

pub use electrum::ElectrumServer;
pub use folder::Folder;
pub use home::{Home, Output, Running};
pub use node::Node;
pub use program::quorate_exe;
pub use rpc::RpcError;
