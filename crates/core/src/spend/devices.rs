//! What common signing devices refuse although the network and we don't. Advice: told before a
//! request is handed out, never a reason to keep it back.

use super::review::Review;
use bitcoin::Amount;

/// What Coldcard takes, in bytes.
const COLDCARD_BYTES: usize = 2 * 1024 * 1024;
/// What Ledger takes, of inputs and of outputs.
const LEDGER_PARTS: usize = 512;
/// What Ledger takes, of change outputs.
const LEDGER_CHANGE: usize = 10;
/// Coldcard warns from this part of what is paid on, in percent; Ledger from twice as much.
const WARNS_PERCENT: u64 = 5;
/// Coldcard refuses above this part, in percent.
const REFUSES_PERCENT: u64 = 10;

/// A limit of devices that a request exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceLimit {
    /// Too large a file.
    #[error("the PSBT has {bytes} bytes: Coldcard takes at most {COLDCARD_BYTES}")]
    Bytes {
        /// How large.
        bytes: usize,
    },
    /// Too many inputs or outputs.
    #[error("the transaction has {count} {side}: Ledger takes at most {LEDGER_PARTS}")]
    Parts {
        /// `inputs` or `outputs`.
        side: &'static str,
        /// How many.
        count: usize,
    },
    /// Too many outputs that come back.
    #[error("{count} outputs are change: Ledger takes at most {LEDGER_CHANGE}")]
    Change {
        /// How many.
        count: usize,
    },
    /// A fee that devices refuse.
    #[error(
        "the fee is more than {REFUSES_PERCENT} % of what is paid: Coldcard refuses to sign, Ledger warns"
    )]
    FeeRefused,
    /// A fee that devices warn of.
    #[error("the fee is more than {WARNS_PERCENT} % of what is paid: Coldcard warns")]
    FeeWarned,
    /// A version that not all programs read.
    #[error(
        "PSBT version 2 isn't read by Electrum, by programs made with bdk, and by older devices: export version 0 for them"
    )]
    VersionTwo,
}

/// What devices may say to a request of `inputs` inputs, `bytes` long in this `version`.
#[must_use]
pub fn device_limits(
    review: &Review,
    inputs: usize,
    bytes: usize,
    version: u32,
) -> Vec<DeviceLimit> {
    let mut limits = Vec::new();
    if bytes > COLDCARD_BYTES {
        limits.push(DeviceLimit::Bytes { bytes });
    }
    let outputs = review.recipients.len() + review.change.len();
    for (side, count) in [("inputs", inputs), ("outputs", outputs)] {
        if count > LEDGER_PARTS {
            limits.push(DeviceLimit::Parts { side, count });
        }
    }
    let count = review.change.len();
    if count > LEDGER_CHANGE {
        limits.push(DeviceLimit::Change { count });
    }
    let over = |percent: u64| exceeds(review.fee, review.fee_basis(), percent);
    if over(REFUSES_PERCENT) {
        limits.push(DeviceLimit::FeeRefused);
    } else if over(WARNS_PERCENT) {
        limits.push(DeviceLimit::FeeWarned);
    }
    if version == 2 {
        limits.push(DeviceLimit::VersionTwo);
    }
    limits
}

fn exceeds(fee: Amount, basis: Amount, percent: u64) -> bool {
    u128::from(fee.to_sat()) * 100 > u128::from(basis.to_sat()) * u128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keychain::Keychain;
    use crate::spend::Payment;
    use bitcoin::{FeeRate, ScriptBuf, Weight};

    fn payment(output: usize, sat: u64, ours: Option<(Keychain, u32)>) -> Payment {
        Payment {
            output,
            script: ScriptBuf::new(),
            address: None,
            amount: Amount::from_sat(sat),
            ours,
            vault: None,
            paid_before: None,
            like: None,
        }
    }

    fn of(fee: u64, recipients: usize, change: u32) -> Review {
        let pays = (0..recipients).map(|output| payment(output, 1_000, None));
        let back = (0..change).map(|at| payment(0, 5_000, Some((Keychain::Change, at))));
        let (recipients, change): (Vec<_>, Vec<_>) = (pays.collect(), back.collect());
        let outputs = recipients.iter().chain(&change);
        let paid: Amount = outputs.map(|one| one.amount).sum();
        Review {
            recipients,
            change,
            spent: paid + Amount::from_sat(fee),
            fee: Amount::from_sat(fee),
            fee_rate: FeeRate::BROADCAST_MIN,
            weight: Weight::from_wu(1),
            paths: Vec::new(),
            findings: Vec::new(),
            words: [""; 8],
        }
    }

    #[test]
    fn each_limit_is_told_from_where_it_begins() {
        let limits = |review: &Review| device_limits(review, 1, 1_000, 0);
        let plain = of(50, 1, 10);
        assert_eq!(limits(&plain), []);
        assert_eq!(limits(&of(51, 1, 10)), [DeviceLimit::FeeWarned]);
        assert_eq!(limits(&of(100, 1, 1)), [DeviceLimit::FeeWarned]);
        assert_eq!(limits(&of(101, 1, 1)), [DeviceLimit::FeeRefused]);
        assert_eq!(limits(&of(50, 1, 11)), [DeviceLimit::Change { count: 11 }]);
        assert_eq!(limits(&of(50, 511, 1)), []);
        let (side, count) = ("outputs", 513);
        assert_eq!(
            limits(&of(50, 512, 1)),
            [DeviceLimit::Parts { side, count }]
        );
        let side = "inputs";
        assert_eq!(device_limits(&plain, 512, 1, 0), []);
        assert_eq!(
            device_limits(&plain, 513, 1, 0),
            [DeviceLimit::Parts { side, count }]
        );
        let bytes = COLDCARD_BYTES + 1;
        assert_eq!(device_limits(&plain, 1, bytes - 1, 0), []);
        assert_eq!(
            device_limits(&plain, 1, bytes, 2),
            [DeviceLimit::Bytes { bytes }, DeviceLimit::VersionTwo]
        );
    }
}
