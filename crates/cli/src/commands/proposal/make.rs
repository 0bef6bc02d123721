//! Proposals made and remade.

use super::show;
use crate::context::Context;
use crate::deadline::deadline;
use crate::output::Answer;
use crate::{amount, input};
use bitcoin::{Network, OutPoint};
use quorate_coordinator::{Coordinator, Deadline, Error, Revision, Spend, Terms};
use quorate_core::spend::Recipient;
use std::num::NonZeroUsize;

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// The vault's name
    vault: String,
    /// Whom to pay and how much: ADDRESS=0.5btc, ADDRESS=20000sat or ADDRESS=all; can be repeated
    #[arg(
        long,
        value_name = "ADDRESS=AMOUNT",
        required_unless_present = "cancel"
    )]
    to: Vec<String>,
    /// The fee rate in satoshi per virtual byte; decimals are allowed
    #[arg(long, value_name = "SAT/VB", allow_negative_numbers = true)]
    feerate: String,
    /// What it is for; stays in this data folder
    #[arg(long)]
    memo: Option<String>,
    /// The spending path, numbered as `quorate vault show` lists them
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    path: NonZeroUsize,
    /// Spend exactly this coin: TXID:OUTPUT; can be repeated
    #[arg(long = "coin", value_name = "COIN")]
    coins: Vec<String>,
    /// A high fee is meant
    #[arg(long)]
    allow_high_fee: bool,
    /// Only a draft: nobody is asked to sign before `quorate proposal submit`
    #[arg(long)]
    draft: bool,
    /// Until when it may be signed: the end of a day (2026-12-31), or a time from now (7d, 12h)
    #[arg(long, value_name = "DEADLINE")]
    expires: Option<String>,
    /// Take the place of this proposal, spending a coin of it
    #[arg(long, value_name = "ID", conflicts_with = "coins")]
    replaces: Option<String>,
    /// Make this proposal impossible: spend one of its coins to ourselves
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["to", "path", "coins", "draft", "expires", "replaces"]
    )]
    cancel: Option<String>,
}

#[derive(clap::Args)]
#[group(id = "changes", multiple = true, required = true, args = ["to", "feerate", "memo", "expires"])]
pub(crate) struct ReviseArgs {
    /// The proposal's id, or the beginning of it
    id: String,
    /// Pay these instead of the old recipients: ADDRESS=0.5btc, ADDRESS=all; can be repeated
    #[arg(long, value_name = "ADDRESS=AMOUNT")]
    to: Vec<String>,
    /// Another fee rate in satoshi per virtual byte
    #[arg(long, value_name = "SAT/VB", allow_negative_numbers = true)]
    feerate: Option<String>,
    /// What it is for; stays in this data folder
    #[arg(long)]
    memo: Option<String>,
    /// Another deadline: 2026-12-31, 7d, 12h or never
    #[arg(long, value_name = "DEADLINE")]
    expires: Option<String>,
    /// A high fee is meant
    #[arg(long)]
    allow_high_fee: bool,
}

pub(super) fn create(args: &CreateArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let fee_rate = amount::fee_rate(&args.feerate)?;
    let moment = Context::moment()?;
    let (memo, high) = (args.memo.as_deref(), args.allow_high_fee);
    if let Some(id) = &args.cancel {
        let view = coordinator.cancel(&args.vault, id, fee_rate, memo, high, moment)?;
        return Answer::new(&view, show::grid(&view));
    }
    let recipients = recipients(&args.to, coordinator.network())?;
    let coins = coins(args, &mut coordinator)?;
    let spend = Spend {
        vault: &args.vault,
        recipients: &recipients,
        fee_rate,
        memo,
        path: args.path.get() - 1,
        coins: &coins,
        allow_high_fee: high,
    };
    let expires = args.expires.as_deref();
    let expires = expires.map(|text| deadline(text, moment.now)).transpose()?;
    let terms = Terms {
        draft: args.draft,
        expires: match expires {
            Some(Deadline::At(at)) => Some(at),
            Some(Deadline::Never) | None => None,
        },
        replaces: args.replaces.as_deref(),
    };
    let view = coordinator.propose_with(&spend, &terms, moment)?;
    Answer::new(&view, show::grid(&view))
}

pub(super) fn revise(args: &ReviseArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let moment = Context::moment()?;
    let recipients = recipients(&args.to, coordinator.network())?;
    let fee_rate = args.feerate.as_deref().map(amount::fee_rate).transpose()?;
    let expires = args.expires.as_deref();
    let expires = expires.map(|text| deadline(text, moment.now)).transpose()?;
    let revision = Revision {
        recipients: (!recipients.is_empty()).then_some(&recipients),
        fee_rate,
        memo: args.memo.as_deref(),
        expires,
        allow_high_fee: args.allow_high_fee,
    };
    let view = coordinator.revise(&args.id, &revision, moment)?;
    Answer::new(&view, show::grid(&view))
}

fn recipients(to: &[String], network: Network) -> Result<Vec<Recipient>, Error> {
    to.iter().map(|to| input::recipient(to, network)).collect()
}

fn coins(args: &CreateArgs, coordinator: &mut Coordinator) -> Result<Vec<OutPoint>, Error> {
    if args.coins.is_empty() {
        return Ok(Vec::new());
    }
    let known = coordinator.coins(&args.vault)?;
    args.coins
        .iter()
        .map(|coin| input::coin(coin, &known, &args.vault))
        .collect()
}
