//! Spends of many coins that aren't payments.

use super::fees::FeeArgs;
use crate::amount::{self, btc};
use crate::context::Context;
use crate::deadline::blocks;
use crate::input;
use crate::output::Answer;
use crate::table::{short, table};
use quorate_coordinator::view::ProposalView;
use quorate_coordinator::{Choices, Error, Pick, Renewal};
use quorate_core::spend::Wishes;
use quorate_core::text::escape;
use std::num::NonZeroUsize;

// What all of them take.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// The vault's name
    vault: String,
    #[command(flatten)]
    fee: FeeArgs,
    /// Coins of one proposal at the most
    #[arg(long, value_name = "NUMBER", default_value = "400", value_parser = clap::value_parser!(u16).range(1..=400))]
    most: u16,
    /// Leave coins alone whose label, or whose address's label, has this word in it; can be repeated
    #[arg(long, value_name = "WORD")]
    avoid: Vec<String>,
    /// What it is for
    #[arg(long)]
    memo: Option<String>,
    /// The spending path, numbered as `quorate vault show` lists them
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    path: NonZeroUsize,
    /// A high fee is meant
    #[arg(long)]
    allow_high_fee: bool,
}

#[derive(clap::Args)]
pub(crate) struct ConsolidateArgs {
    #[command(flatten)]
    common: Common,
    /// Only coins worth less than this
    #[arg(long, value_name = "AMOUNT", default_value = "0.01btc")]
    below: String,
}

#[derive(clap::Args)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    common: Common,
    /// Coins for which a recovery path opens within this time: blocks, or days like 30d
    #[arg(long, value_name = "TIME", default_value = "30d")]
    within: String,
}

#[derive(clap::Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    common: Common,
    /// To whom all of it goes
    #[arg(long, value_name = "ADDRESS")]
    to: String,
}

pub(super) fn consolidate(args: &ConsolidateArgs, context: &Context) -> Result<Answer, Error> {
    let below = amount::amount(&args.below)?;
    made(&args.common, Pick::Below(below), None, 1, context)
}

pub(super) fn refresh(args: &RefreshArgs, context: &Context) -> Result<Answer, Error> {
    let within = blocks(&args.within)?;
    made(
        &args.common,
        Pick::OpensWithin(within),
        None,
        usize::MAX,
        context,
    )
}

pub(super) fn sweep(args: &SweepArgs, context: &Context) -> Result<Answer, Error> {
    made(&args.common, Pick::All, Some(&args.to), usize::MAX, context)
}

fn made(
    args: &Common,
    pick: Pick,
    to: Option<&str>,
    proposals: usize,
    context: &Context,
) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let to = to
        .map(|to| input::address(to, coordinator.network()))
        .transpose()?;
    let fee = args.fee.resolve(context)?;
    let renewal = Renewal {
        vault: &args.vault,
        pick,
        to: to.as_ref(),
        fee_rate: fee.rate,
        memo: args.memo.as_deref(),
        path: args.path.get() - 1,
        most: usize::from(args.most),
        proposals,
        allow_high_fee: args.allow_high_fee,
        choices: Choices {
            wishes: Wishes {
                relay_floor: fee.floor,
                ..Wishes::default()
            },
            avoid: &args.avoid,
            names: &[],
        },
    };
    let made = coordinator.renew(&renewal, Context::moment()?)?;
    let proposals = &made.proposals;
    let rows = proposals.iter().map(|view: &ProposalView| {
        let outputs = view.review.recipients.iter().chain(&view.review.change);
        [
            short(&view.id).to_owned(),
            view.review.inputs.len().to_string(),
            btc(outputs.map(|output| output.amount_sat).sum()),
            format!("{} sat", view.review.fee_sat),
        ]
    });
    let mut text = table(["proposal", "coins", "amount", "fee"], rows);
    for finding in proposals
        .first()
        .iter()
        .flat_map(|view| &view.review.findings)
    {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    if made.more {
        text.push_str("note: more such coins are left; the same command goes on with those\n");
    }
    text.push_str(&format!(
        "next: quorate proposal list {}\n",
        escape(&args.vault)
    ));
    Answer::new(&made, text)
}
