//! Cosigners of three makes: our signer, Bitcoin Core and embit.

mod embit;
mod forms;
mod makes;
mod matrix;
mod office;
pub(super) mod scripts;
