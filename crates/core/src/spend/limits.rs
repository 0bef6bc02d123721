//! Limits on money that nobody gets back: fees, where a typing error is money lost, and burning.

use bitcoin::{Amount, FeeRate, Weight};

/// What fee is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeLimits {
    /// Highest rate without an explicit word.
    pub max_rate: FeeRate,
    /// Highest part of the amount spent, in percent.
    pub max_percent: u64,
    /// The person said that a high fee is meant.
    pub allow_high: bool,
}

impl Default for FeeLimits {
    /// 1,000 sat/vB and 10 % of the spend, where common devices refuse too.
    fn default() -> Self {
        Self {
            max_rate: FeeRate::from_sat_per_kwu(250_000),
            max_percent: 10,
            allow_high: false,
        }
    }
}

/// Why a fee was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeeRefusal {
    /// Fee rate over the limit.
    #[error("the fee rate of {rate} sat/vB is over the limit of {limit} sat/vB")]
    Rate {
        /// Rate found, sat/vB rounded up.
        rate: u64,
        /// Rate allowed.
        limit: u64,
    },
    /// Fee too large a part of the spend.
    #[error("the fee of {} sat is more than {percent} % of the {} sat spent", fee.to_sat(), spend.to_sat())]
    Share {
        /// The fee.
        fee: Amount,
        /// What recipients get.
        spend: Amount,
        /// The limit in percent.
        percent: u64,
    },
}

/// T36: money that nobody could spend again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "output {output} would burn {amount} in an OP_RETURN: build the transaction anew with 0 there"
)]
pub struct BurnRefusal {
    /// Its place among the outputs.
    pub output: usize,
    /// The value lost.
    pub amount: Amount,
}

impl FeeLimits {
    /// Judges a transaction's `fee` by its worst-case `weight` and by `spend`, what leaves the vault
    /// beside the fee (for a transaction back to ourselves: all outputs).
    pub fn check(&self, fee: Amount, weight: Weight, spend: Amount) -> Result<(), FeeRefusal> {
        if self.allow_high {
            return Ok(());
        }
        // A limit on the rate must not hang on rounding up to whole virtual bytes, as nodes count,
        // and to a whole satoshi.
        let allowed = self.max_rate.fee_vb(weight.to_vbytes_ceil());
        let allowed = allowed.unwrap_or(Amount::MAX_MONEY);
        if fee > allowed + Amount::from_sat(1) {
            let rate = fee.to_sat().div_ceil(weight.to_vbytes_ceil().max(1));
            return Err(FeeRefusal::Rate {
                rate,
                limit: self.max_rate.to_sat_per_vb_ceil(),
            });
        }
        if u128::from(fee.to_sat()) * 100
            > u128::from(spend.to_sat()) * u128::from(self.max_percent)
        {
            return Err(FeeRefusal::Share {
                fee,
                spend,
                percent: self.max_percent,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t22_absurd_fees_are_refused() {
        let limits = FeeLimits::default();
        let check = |fee, weight, spend| {
            limits.check(
                Amount::from_sat(fee),
                Weight::from_wu(weight),
                Amount::from_sat(spend),
            )
        };
        assert_eq!(check(1_000, 400, 10_000), Ok(()));
        assert!(matches!(
            check(1_001, 400, 10_000),
            Err(FeeRefusal::Share { .. })
        ));
        assert_eq!(check(100_000, 400, 100_000_000), Ok(()));
        assert!(matches!(
            check(100_101, 400, 100_000_000),
            Err(FeeRefusal::Rate { .. })
        ));
        assert!(matches!(check(1, 400, 0), Err(FeeRefusal::Share { .. })));
        assert!(matches!(
            check(30_569_200, 400, 100_000),
            Err(FeeRefusal::Rate { .. })
        ));
        let anything = FeeLimits {
            allow_high: true,
            ..limits
        };
        assert_eq!(
            anything.check(Amount::from_sat(9_999), Weight::from_wu(400), Amount::ZERO),
            Ok(())
        );
    }
}
