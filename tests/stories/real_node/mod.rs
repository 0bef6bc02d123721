//! Stories on a Bitcoin Core node in regtest mode. `cargo xtask test --no-node` leaves them out.

mod backups;
mod bad_input;
mod ceremony;
mod codes;
mod crash;
mod demo;
mod disputes;
mod electrum;
mod family;
mod history;
mod homes;
mod life;
mod policies;
mod psbt_parsers;
mod recovery;
mod sources;
mod spending;
mod subsets;
mod truth;
mod two_of_three;
mod vendors;
mod version_2;
