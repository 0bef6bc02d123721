//! Use cases: what a person can do, one function per action.
#![warn(missing_docs)]

pub mod sync;
