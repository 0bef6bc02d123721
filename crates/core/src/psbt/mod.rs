//! PSBTs in and out (BIP-0174, BIP-0370): strict reading of foreign bytes, admission of the signatures in
//! them, and the final transaction.
//!
//! A foreign PSBT is never combined with ours. The stored proposal is the only base; of a foreign
//! file nothing but signatures is taken, and each of them only after it verified against our own
//! transaction, amounts and scripts.

mod contribution;
mod cost;
mod describe;
mod fields;
mod finalize;
mod finalized;
mod judge;
mod raw;
mod unchanged;
mod v2;
mod wire;

pub use contribution::{
    Admission, Admitted, ContributionError, RefusedSignature, admit, admit_with,
};
pub use describe::{
    add_signatures, describe_input, describe_output, final_txid, is_signed_form, request,
    with_signatures,
};
pub(crate) use describe::{describe_coin, final_txid_of, keys_of};
pub use finalize::{FinalizeError, finalize, finalize_with};
pub use v2::serialize_v2;
pub use wire::{ForeignPsbt, MAX_BYTES, RawSignature, WireError, read, to_base64};
