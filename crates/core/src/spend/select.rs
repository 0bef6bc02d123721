//! Coin selection: `bdk_coin_select` chooses, whole-number arithmetic decides. The library counts in
//! floating point; what it proposes is taken only after exact sums confirm it.

use super::request::Package;
use bdk_coin_select::metrics::LowestFee;
use bdk_coin_select::{
    Candidate, ChangePolicy, CoinSelector, DrainWeights, FeeRate as SelectRate, Target, TargetFee,
    TargetOutputs,
};
use bitcoin::{Amount, FeeRate, Weight};

/// Candidates offered to the search, half of them the largest and half those nearest to what is wanted, where
/// a choice without change is found if there is one. Each round looks at all of them: 2,000 candidates for
/// 20,000 rounds took a second and chose no better.
const SEARCH_CANDIDATES: usize = 200;
const SEARCH_ROUNDS: usize = 2_000;
/// The rate at which change will be spent some day, for weighing its cost.
const LONG_TERM_RATE: f32 = 10.0;

/// Not enough money, with the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// What the recipients get together.
    pub wanted: Amount,
    /// What the fee for spending everything would be.
    pub fee: Amount,
    /// What there is.
    pub available: Amount,
}

/// The parts of the weight that don't depend on the choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights {
    /// One input with its worst-case witness, and 164 for outpoint, script length and sequence.
    pub(super) input: Weight,
    /// All recipients' outputs.
    pub(super) outputs: Weight,
    /// The change output.
    pub(super) change: Weight,
    /// How many recipients there are: their count is written in front.
    pub(super) recipients: usize,
    /// Whether the transaction carries the marker and flag of segwit (BIP144).
    pub(super) is_segwit: bool,
}

impl Weights {
    /// Worst-case weight of the whole transaction.
    pub(super) fn total(&self, inputs: usize, change: bool) -> Weight {
        let outputs = self.recipients + usize::from(change);
        let fixed = 4 * (4 + 4 + compact(inputs) + compact(outputs));
        let fixed = fixed + if self.is_segwit { 2 } else { 0 };
        let mut weight = Weight::from_wu(fixed) + self.outputs;
        weight += Weight::from_wu(self.input.to_wu() * inputs as u64);
        if change {
            weight += self.change;
        }
        weight
    }
}

/// What a choice costs, and who pays it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    /// At least this rate.
    pub(super) rate: FeeRate,
    /// The sizes.
    pub(super) weights: Weights,
    /// Change below this isn't made.
    pub(super) dust: Amount,
    /// The fee comes out of the payments, so that coins need only be worth these.
    pub(super) recipients_pay: bool,
    /// Parents to pay for as well.
    pub(super) package: Option<Package>,
}

impl Costs {
    /// The fee of a spend of so many coins.
    pub(super) fn fee(&self, inputs: usize, change: bool) -> Amount {
        let own = self.weights.total(inputs, change);
        let alone = fee_for(self.rate, own);
        match self.package {
            None => alone,
            // Together they must pay the rate; the child never pays less than its own.
            Some(parents) => fee_for(self.rate, own + parents.weight)
                .checked_sub(parents.fee)
                .unwrap_or_default()
                .max(alone),
        }
    }

    /// What so many coins must be worth together.
    pub(super) fn needed(&self, wanted: Amount, inputs: usize) -> Amount {
        let fee = if self.recipients_pay {
            Amount::ZERO
        } else {
            self.fee(inputs, false)
        };
        wanted.checked_add(fee).unwrap_or(Amount::MAX_MONEY)
    }
}

const fn compact(count: usize) -> u64 {
    match count {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}

/// Fee at `rate` for `weight`, as nodes count: by whole virtual bytes, rounded up to a satoshi.
pub(super) fn fee_for(rate: FeeRate, weight: Weight) -> Amount {
    let weight = u128::from(weight.to_vbytes_ceil()) * 4;
    let sats = (u128::from(rate.to_sat_per_kwu()) * weight).div_ceil(1000);
    Amount::from_sat(
        u64::try_from(sats)
            .unwrap_or(u64::MAX)
            .min(Amount::MAX_MONEY.to_sat()),
    )
}

/// The choice: indexes into the values, and the change worth making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) coins: Vec<usize>,
    pub(super) change: Option<Amount>,
}

/// Chooses among coins of these `values` to pay `wanted`, for the least fee.
pub(super) fn select(values: &[Amount], wanted: Amount, costs: &Costs) -> Result<Choice, Shortage> {
    // The largest first: the search gets the most valuable ones, and what is left out is what a
    // spend of this size would not touch anyway.
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|&coin| std::cmp::Reverse(values[coin]));
    let searched = searched(values, &order, wanted);
    // The search weighs fees that come on top of the payments; where recipients pay them, few coins
    // are what is cheap for them.
    if !costs.recipients_pay
        && let Some(found) = search(values, &searched, wanted, costs)
        && let Some(choice) = settle(values, found, wanted, costs)
    {
        return Ok(choice);
    }
    // The search found nothing: take the largest until it is enough.
    let mut spent = Amount::ZERO;
    for (count, &coin) in (1..).zip(&order) {
        spent = spent.checked_add(values[coin]).unwrap_or(Amount::MAX_MONEY);
        if spent >= costs.needed(wanted, count) {
            return settle(values, order[..count].to_vec(), wanted, costs)
                .ok_or(shortage(values, wanted, costs));
        }
    }
    Err(shortage(values, wanted, costs))
}

/// What the search gets, the largest first. If these aren't enough together it finds nothing, and the largest
/// are taken until they are.
fn searched(values: &[Amount], order: &[usize], wanted: Amount) -> Vec<usize> {
    if order.len() <= SEARCH_CANDIDATES {
        return order.to_vec();
    }
    let mut chosen: Vec<usize> = order[..SEARCH_CANDIDATES / 2].to_vec();
    let mut rest: Vec<usize> = order[SEARCH_CANDIDATES / 2..].to_vec();
    rest.sort_by_key(|&coin| values[coin].to_sat().abs_diff(wanted.to_sat()));
    chosen.extend(rest.into_iter().take(SEARCH_CANDIDATES / 2));
    chosen.sort_by_key(|&coin| std::cmp::Reverse(values[coin]));
    chosen
}

/// The numbers of a spend that there isn't enough for.
pub(super) fn shortage(values: &[Amount], wanted: Amount, costs: &Costs) -> Shortage {
    Shortage {
        wanted,
        fee: costs.fee(values.len().max(1), false),
        available: sum(values.iter().copied()),
    }
}

/// What exactly comes of spending `coins`: with change, without it, or `None` when it isn't enough.
pub(super) fn settle(
    values: &[Amount],
    coins: Vec<usize>,
    wanted: Amount,
    costs: &Costs,
) -> Option<Choice> {
    let spent = sum(coins.iter().map(|&coin| values[coin]));
    let left = spent.checked_sub(wanted)?;
    let (bare, with_change) = match costs.recipients_pay {
        true => (Amount::ZERO, Amount::ZERO),
        false => (costs.fee(coins.len(), false), costs.fee(coins.len(), true)),
    };
    left.checked_sub(bare)?;
    // Making change is worth it once it carries more than spending it will cost.
    let later = fee_for(FeeRate::from_sat_per_kwu(250 * 10), costs.weights.input);
    let change = left
        .checked_sub(with_change)
        .filter(|&change| change >= costs.dust.max(later));
    Some(Choice { coins, change })
}

fn sum(values: impl Iterator<Item = Amount>) -> Amount {
    values.fold(Amount::ZERO, |sum, value| {
        sum.checked_add(value).unwrap_or(Amount::MAX_MONEY)
    })
}

fn search(values: &[Amount], order: &[usize], wanted: Amount, costs: &Costs) -> Option<Vec<usize>> {
    let Costs {
        rate,
        weights,
        dust,
        ..
    } = *costs;
    let candidates: Vec<Candidate> = order
        .iter()
        .map(|&coin| Candidate {
            value: values[coin].to_sat(),
            weight: weights.input.to_wu(),
            input_count: 1,
            is_segwit: weights.is_segwit,
        })
        .collect();
    let drain = DrainWeights {
        output_weight: weights.change.to_wu(),
        spend_weight: weights.input.to_wu(),
        n_outputs: 1,
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a hint for the search, checked exactly afterwards"
    )]
    let rate = SelectRate::from_sat_per_wu(rate.to_sat_per_kwu() as f32 / 1000.0);
    let long_term = SelectRate::from_sat_per_vb(LONG_TERM_RATE);
    let target = Target {
        fee: TargetFee {
            rate,
            replace: None,
        },
        outputs: TargetOutputs {
            value_sum: wanted.to_sat(),
            weight_sum: weights.outputs.to_wu(),
            n_outputs: weights.recipients,
        },
    };
    let change_policy = ChangePolicy::min_value_and_waste(drain, dust.to_sat(), rate, long_term);
    let metric = LowestFee {
        target,
        long_term_feerate: long_term,
        change_policy,
    };
    let mut selector = CoinSelector::new(&candidates);
    if selector.run_bnb(metric, SEARCH_ROUNDS).is_err() {
        selector = CoinSelector::new(&candidates);
        selector.select_until_target_met(target).ok()?;
    }
    Some(
        selector
            .selected_indices()
            .iter()
            .map(|&place| order[place])
            .collect(),
    )
}
