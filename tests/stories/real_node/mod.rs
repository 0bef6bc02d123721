//! Stories on a Bitcoin Core node in regtest mode. `cargo xtask test --no-node` leaves them out.

mod bad_input;
mod crash;
mod demo;
mod family;
mod life;
mod policies;
mod psbt_parsers;
mod recovery;
mod two_of_three;
mod version_2;
