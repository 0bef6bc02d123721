//! What foreign bytes may do: nothing but be refused in a sentence, or be accepted and then be what
//! they were taken for. Each function is one fuzz target; it panics when that isn't so.

mod psbt;
mod text;

pub use psbt::psbt_import;
pub use text::{descriptor, exchange_sniff, journal_entry, policy};

/// Refusals are shown on terminals and written into JSON: nothing foreign may steer them.
pub(crate) fn check_refusal(error: &dyn std::fmt::Display) {
    let shown = error.to_string();
    assert!(!shown.is_empty());
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!shown.chars().any(steers), "unescaped: {shown:?}");
    assert!(shown.len() < 4_000, "{} bytes: {shown:.200}", shown.len());
}
