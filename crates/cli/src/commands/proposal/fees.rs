//! Which fee rate is meant: a number, or what the chain source thinks gets a transaction into a block soon.

use crate::amount;
use crate::context::Context;
use crate::sources::Sources;
use bitcoin::FeeRate;
use quorate_coordinator::Error;
use quorate_core::spend::RELAY_FLOOR;

/// Below this the source is asked what it relays: nodes of some years ago take nothing cheaper.
const USUAL_FLOOR: FeeRate = FeeRate::from_sat_per_vb_u32(1);

#[derive(Debug, Clone, clap::Args)]
#[group(id = "fee", required = true, multiple = false, args = ["feerate", "fee_target"])]
pub(crate) struct FeeArgs {
    /// The fee rate in satoshi per virtual byte; decimals are allowed
    #[arg(long, value_name = "SAT/VB", allow_negative_numbers = true)]
    feerate: Option<String>,
    /// The fee rate by which the chain source expects it in one of the next so many blocks
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u16).range(1..=1008))]
    fee_target: Option<u16>,
}

/// A fee rate, and the least that is relayed as far as that is known.
pub(crate) struct Fee {
    pub(crate) rate: FeeRate,
    pub(crate) floor: FeeRate,
}

impl FeeArgs {
    /// Asks the chain source where that is needed.
    pub(crate) fn resolve(&self, context: &Context) -> Result<Fee, Error> {
        let Some(blocks) = self.fee_target else {
            let rate = amount::fee_rate(self.feerate.as_deref().unwrap_or_default())?;
            return Ok(Fee {
                rate,
                floor: floor(rate, context),
            });
        };
        let source = Sources::open(context)?;
        let floor = source.relay_floor()?.unwrap_or(RELAY_FLOOR);
        let estimate = source.fee_rate(blocks)?.ok_or_else(|| {
            Error::refused(
                "no_estimate",
                format!(
                    "{} can't say yet what gets a transaction into one of the next {blocks} blocks",
                    source.name()
                ),
            )
            .hint("name a rate with --feerate")
        })?;
        Ok(Fee {
            rate: estimate.max(floor),
            floor,
        })
    }
}

/// A proposal is made without a chain source too; what can't be asked is told when it is broadcast.
fn floor(rate: FeeRate, context: &Context) -> FeeRate {
    if rate >= USUAL_FLOOR {
        return RELAY_FLOOR;
    }
    let asked = Sources::open(context).ok();
    let asked = asked.and_then(|source| source.relay_floor().ok().flatten());
    asked.unwrap_or(RELAY_FLOOR)
}
