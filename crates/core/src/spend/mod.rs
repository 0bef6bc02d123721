//! Spending: from a wish (who gets how much, at which fee rate) to a pinned transaction, and back
//! from a transaction to what a person must see before signing.

mod build;
mod data;
mod devices;
mod goal;
mod likeness;
mod limits;
mod plan;
mod random;
mod recipients;
mod request;
mod review;
mod select;
mod uri;

pub use build::{SpendError, propose};
pub use data::{MAX_DATA, data_of};
pub use devices::{DeviceLimit, device_limits};
pub use likeness::{Acquaintance, Knowledge, KnownOutput, Likeness, likeness};
pub use limits::{BurnRefusal, FeeLimits, FeeRefusal};
pub use request::{
    Available, Goal, Package, Previous, RELAY_FLOOR, Recipient, Request, Send, Wishes,
};
pub(crate) use review::usable_paths;
pub use review::{Finding, Payment, Review, review, review_knowing, vault_words, words};
pub use select::Shortage;
pub use uri::{PaymentUri, UriError};
