//! Proposals made and remade.

use super::fees::FeeArgs;
use super::{batch, show};
use crate::context::Context;
use crate::deadline::deadline;
use crate::output::Answer;
use crate::{amount, input};
use bitcoin::{Address, Network, OutPoint};
use quorate_coordinator::{Choices, Coordinator, Deadline, Error, Revision, Spend, Terms};
use quorate_core::spend::{Goal, PaymentUri, Recipient, Send, Wishes};
use quorate_core::text::escape;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What the choice of coins is to be good for.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum GoalArg {
    /// The least fee, the cost of spending the change later counted in
    Cheapest,
    /// As few coins as possible
    Fewest,
    /// The coins that have been there longest
    Oldest,
    /// Coins of one label, or one address, alone; change that could be a payment too
    Privacy,
}

impl From<GoalArg> for Goal {
    fn from(goal: GoalArg) -> Self {
        match goal {
            GoalArg::Cheapest => Self::Cheapest,
            GoalArg::Fewest => Self::Fewest,
            GoalArg::Oldest => Self::Oldest,
            GoalArg::Privacy => Self::Privacy,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// The vault's name
    vault: String,
    /// Whom to pay and how much: ADDRESS=0.5btc, ADDRESS=20000sat or ADDRESS=all, or a link
    /// (bitcoin:ADDRESS?amount=0.5); can be repeated
    #[arg(
        long,
        value_name = "ADDRESS=AMOUNT",
        required_unless_present_any = ["cancel", "batch", "data", "data_hex"]
    )]
    to: Vec<String>,
    /// Payments in a file: CSV with the columns address, amount (0.5btc, 20000sat) and label, or JSON
    #[arg(long, value_name = "FILE")]
    batch: Option<PathBuf>,
    #[command(flatten)]
    fee: FeeArgs,
    /// Take the fee out of what this recipient gets, or `all`; can be repeated
    #[arg(long, value_name = "ADDRESS")]
    subtract_fee_from: Vec<String>,
    /// What it is for; stays in this data folder
    #[arg(long)]
    memo: Option<String>,
    /// The spending path, numbered as `quorate vault show` lists them
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    path: NonZeroUsize,
    /// Spend exactly this coin: TXID:OUTPUT; can be repeated
    #[arg(long = "coin", value_name = "COIN")]
    coins: Vec<String>,
    /// What the choice of coins is to be good for
    #[arg(long, default_value = "cheapest", conflicts_with = "coins")]
    goal: GoalArg,
    /// Leave coins alone whose label, or whose address's label, has this word in it; can be repeated
    #[arg(long, value_name = "WORD", conflicts_with = "coins")]
    avoid: Vec<String>,
    /// Text for everybody to read, in an output without money (OP_RETURN, 80 bytes at most)
    #[arg(long, value_name = "TEXT", conflicts_with = "data_hex")]
    data: Option<String>,
    /// The same as hexadecimal digits
    #[arg(long, value_name = "HEX")]
    data_hex: Option<String>,
    /// Version 3 (BIP-0431): confirmed coins, 10,000 virtual bytes, room for a child that pays more
    #[arg(long)]
    truc: bool,
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
        conflicts_with_all = ["to", "batch", "subtract_fee_from", "path", "coins", "goal", "avoid", "data",
            "data_hex", "truc", "draft", "expires", "replaces"]
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
    let fee = args.fee.resolve(context)?;
    let moment = Context::moment()?;
    let (memo, high) = (args.memo.as_deref(), args.allow_high_fee);
    if let Some(id) = &args.cancel {
        let view = coordinator.cancel(&args.vault, id, fee.rate, memo, high, moment)?;
        return Answer::new(&view, show::grid(&view));
    }
    let mut payees = payees(&args.to, coordinator.network())?;
    if let Some(file) = &args.batch {
        payees.extend(batch::read(file, coordinator.network())?);
    }
    subtract_fee(&mut payees, &args.subtract_fee_from, coordinator.network())?;
    let names: Vec<(Address, String)> = payees
        .iter()
        .filter_map(|payee| Some((payee.to.address.clone(), payee.name.clone()?)))
        .collect();
    let recipients: Vec<Recipient> = payees.into_iter().map(|payee| payee.to).collect();
    let coins = coins(args, &mut coordinator)?;
    let data = match (&args.data, &args.data_hex) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(hex)) => Some(bytes(hex)?),
        (None, None) => None,
    };
    let spend = Spend {
        vault: &args.vault,
        recipients: &recipients,
        fee_rate: fee.rate,
        memo,
        path: args.path.get() - 1,
        coins: &coins,
        allow_high_fee: high,
        choices: Choices {
            wishes: Wishes {
                goal: args.goal.into(),
                data: data.as_deref(),
                truc: args.truc,
                relay_floor: fee.floor,
                ..Wishes::default()
            },
            avoid: &args.avoid,
            names: &names,
        },
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
    let recipients: Vec<Recipient> = payees(&args.to, coordinator.network())?
        .into_iter()
        .map(|payee| payee.to)
        .collect();
    let fee_rate = args.feerate.as_deref().map(amount::fee_rate).transpose()?;
    let expires = args.expires.as_deref();
    let expires = expires.map(|text| deadline(text, moment.now)).transpose()?;
    let revision = Revision {
        recipients: (!recipients.is_empty()).then_some(&recipients),
        fee_rate,
        memo: args.memo.as_deref(),
        expires,
        allow_high_fee: args.allow_high_fee,
        keep_coins: false,
    };
    let view = coordinator.revise(&args.id, &revision, moment)?;
    Answer::new(&view, show::grid(&view))
}

/// A recipient, and what it is called where that was said.
pub(super) struct Payee {
    pub(super) to: Recipient,
    pub(super) name: Option<String>,
}

fn payees(to: &[String], network: Network) -> Result<Vec<Payee>, Error> {
    let one = |text: &String| {
        if !PaymentUri::is_one(text) {
            return Ok(Payee {
                to: input::recipient(text, network)?,
                name: None,
            });
        }
        let bad = |what: String| {
            Error::input(
                "bad_link",
                format!("`{}` can't be paid: {what}", escape(text)),
            )
        };
        let link = PaymentUri::parse(text, network).map_err(|error| bad(error.to_string()))?;
        let amount = link.amount.ok_or_else(|| {
            bad("it names no amount".to_owned()).hint(format!("write --to {}=AMOUNT", link.address))
        })?;
        Ok(Payee {
            to: Recipient {
                address: link.address,
                send: Send::Exactly(amount),
            },
            name: link.label.filter(|label| !label.trim().is_empty()),
        })
    };
    to.iter().map(one).collect()
}

/// Whose payments the fee comes out of.
fn subtract_fee(payees: &mut [Payee], from: &[String], network: Network) -> Result<(), Error> {
    for whose in from {
        let address = match whose.as_str() {
            "all" => None,
            address => Some(input::address(address, network)?),
        };
        let mut found = false;
        for Payee { to, .. } in payees.iter_mut() {
            if address
                .as_ref()
                .is_some_and(|address| *address != to.address)
            {
                continue;
            }
            found = true;
            if let Send::Exactly(amount) = to.send {
                to.send = Send::LessFee(amount);
            }
        }
        if !found {
            return Err(Error::input(
                "bad_recipient",
                format!(
                    "`{}` isn't paid, so no fee can be taken from it",
                    escape(whose)
                ),
            ));
        }
    }
    Ok(())
}

fn bytes(hex: &str) -> Result<Vec<u8>, Error> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        let digits = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        u8::from_str_radix(pair, 16).ok().filter(|_| digits)
    });
    pairs.collect::<Option<_>>().ok_or_else(|| {
        Error::input(
            "bad_data",
            "the data isn't written as pairs of hexadecimal digits",
        )
    })
}

fn coins(args: &CreateArgs, coordinator: &mut Coordinator) -> Result<Vec<OutPoint>, Error> {
    named_coins(&args.coins, &args.vault, coordinator)
}

/// Coins by their whole names, or by the beginning as tables show it. Only for the latter the vault's
/// coins are listed.
pub(crate) fn named_coins(
    names: &[String],
    vault: &str,
    coordinator: &mut Coordinator,
) -> Result<Vec<OutPoint>, Error> {
    if let Some(whole) = names.iter().map(|name| name.parse().ok()).collect() {
        return Ok(whole);
    }
    let known = coordinator.coins(vault)?;
    names
        .iter()
        .map(|coin| input::coin(coin, &known, vault))
        .collect()
}
