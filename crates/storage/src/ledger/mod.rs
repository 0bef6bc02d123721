//! The ledger: what the chain source says about the vaults' scripts. A cache that can always be
//! fetched again. Matching is in `quorate_core::ledger`; here are its tables.

mod state;
