//! Cosigners of three makes: our signer, Bitcoin Core and embit.

mod embit;
mod makes;
mod matrix;
mod office;
mod scripts;
