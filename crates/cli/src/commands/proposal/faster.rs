//! Transactions that wait too long: our own pay more, those of others get a child that does.

use super::fees::FeeArgs;
use super::make::named_coins;
use super::show;
use crate::context::Context;
use crate::output::Answer;
use crate::sources::Sources;
use quorate_coordinator::{Error, Hurry, Revision};

#[derive(clap::Args)]
pub(crate) struct BumpArgs {
    /// The proposal's id, or the beginning of it
    id: String,
    #[command(flatten)]
    fee: FeeArgs,
    /// A high fee is meant
    #[arg(long)]
    allow_high_fee: bool,
}

#[derive(clap::Args)]
pub(crate) struct HurryArgs {
    /// The vault's name
    vault: String,
    /// The unconfirmed coin: TXID:OUTPUT
    coin: String,
    #[command(flatten)]
    fee: FeeArgs,
    /// What it is for
    #[arg(long)]
    memo: Option<String>,
    /// A high fee is meant
    #[arg(long)]
    allow_high_fee: bool,
}

pub(super) fn bump(args: &BumpArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    // A wrong id should be told before the chain source is asked.
    coordinator.proposal(&args.id)?;
    let fee = args.fee.resolve(context)?;
    let revision = Revision {
        fee_rate: Some(fee.rate),
        allow_high_fee: args.allow_high_fee,
        keep_coins: true,
        ..Revision::default()
    };
    let view = coordinator.revise(&args.id, &revision, Context::moment()?)?;
    Answer::new(&view, show::grid(&view))
}

pub(super) fn hurry(args: &HurryArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let coins = named_coins(
        std::slice::from_ref(&args.coin),
        &args.vault,
        &mut coordinator,
    )?;
    let fee = args.fee.resolve(context)?;
    let source = Sources::open(context)?;
    let mut view = None;
    for coin in coins {
        let package = source.package(&coin.txid)?.ok_or_else(|| {
            Error::refused(
                "not_waiting",
                format!(
                    "{} has no transaction {} in its mempool, or can't be asked for its fee",
                    source.name(),
                    coin.txid
                ),
            )
            .hint("`quorate sync` shows whether it is confirmed; Bitcoin Core can be asked")
        })?;
        let hurry = Hurry {
            vault: &args.vault,
            coin,
            package,
            fee_rate: fee.rate,
            memo: args.memo.as_deref(),
            allow_high_fee: args.allow_high_fee,
        };
        view = Some(coordinator.hurry(&hurry, Context::moment()?)?);
    }
    let view = view.ok_or_else(|| Error::input("bad_coin", "no coin is named"))?;
    Answer::new(&view, show::grid(&view))
}
