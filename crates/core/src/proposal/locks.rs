//! What the locks of a transaction mean to the network (BIP-0065, BIP-0068, BIP-0112).

use bitcoin::{Transaction, TxIn, absolute, relative};

/// The age that an input's coin must have before the transaction can be mined, if the sequence
/// asks for one. Before version 2 a sequence says nothing about age.
#[must_use]
pub fn relative_lock(transaction: &Transaction, input: &TxIn) -> Option<relative::LockTime> {
    if transaction.version.0 < 2 {
        return None;
    }
    input.sequence.to_relative_lock_time()
}

/// Whether the input's sequence satisfies an `older(lock)` in its script.
pub(crate) fn meets_older(
    transaction: &Transaction,
    input: &TxIn,
    lock: relative::LockTime,
) -> bool {
    relative_lock(transaction, input).is_some_and(|actual| lock.is_implied_by(actual))
}

/// Whether the transaction's lock time satisfies an `after(lock)` in the input's script.
pub(crate) fn meets_after(
    transaction: &Transaction,
    input: &TxIn,
    lock: absolute::LockTime,
) -> bool {
    input.sequence.enables_absolute_lock_time() && lock.is_implied_by(transaction.lock_time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::{Sequence, transaction::Version};

    fn locked(version: i32, sequence: u32, height: u32) -> Transaction {
        Transaction {
            version: Version(version),
            lock_time: absolute::LockTime::from_height(height).unwrap(),
            input: vec![TxIn {
                sequence: Sequence::from_consensus(sequence),
                ..TxIn::default()
            }],
            output: Vec::new(),
        }
    }

    #[test]
    fn t24_a_sequence_counts_as_age_from_version_2_on() {
        let ten = relative::LockTime::from_height(10);
        for (version, sequence, meets) in [
            (2, 10, true),
            (2, 65_535, true),
            (2, 9, false),
            (1, 10, false),
            (2, 0xffff_fffd, false),
            (2, 10 | 1 << 22, false), // units of 512 seconds
        ] {
            let tx = locked(version, sequence, 0);
            let found = meets_older(&tx, &tx.input[0], ten);
            assert_eq!(found, meets, "version {version}, {sequence:#x}");
        }
    }

    #[test]
    fn t24_a_final_sequence_switches_the_lock_time_off() {
        let lock = absolute::LockTime::from_height(100).unwrap();
        for (sequence, height, meets) in [
            (0xffff_fffd, 100, true),
            (0xffff_fffd, 99, false),
            (0xffff_ffff, 100, false),
        ] {
            let tx = locked(2, sequence, height);
            assert_eq!(meets_after(&tx, &tx.input[0], lock), meets);
        }
        let time = absolute::LockTime::from_time(500_000_000).unwrap();
        let tx = locked(2, 0, 100);
        assert!(!meets_after(&tx, &tx.input[0], time));
    }
}
