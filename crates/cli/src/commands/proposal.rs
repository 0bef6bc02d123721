//! `quorate proposal`: a spend from the first wish to the finished transaction.

mod exchange;
mod show;

use crate::amount::{self, btc};
use crate::context::Context;
use crate::input;
use crate::output::Answer;
use crate::table::{short, table};
use bitcoin::OutPoint;
use quorate_coordinator::{Coordinator, Error, Spend};
use quorate_core::text::escape;
use std::num::NonZeroUsize;

/// What proposals can do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Propose a spend: choose coins, build the transaction, reserve the coins
    ///
    /// Nothing is signed or sent by this. The fee must be at most a tenth of what is spent and at most
    /// 1000 sat/vB, unless --allow-high-fee says that more is meant.
    #[command(after_help = "Examples:
  quorate proposal create family --to bc1q...=0.5btc --feerate 2 --memo \"invoice 17\"
  quorate proposal create family --to bc1q...=20000sat --to bc1p...=0.1btc --feerate 1.5
  quorate proposal create family --to bc1q...=all --feerate 3
  quorate proposal create family --to bc1q...=all --feerate 2 --path 2      (recovery)
  quorate proposal create family --to bc1q...=1btc --feerate 2 --coin 3f2a9c1b7d10:0")]
    Create(CreateArgs),
    /// Show a proposal: who signed what, and what to do next
    ///
    /// The grid has a row for each coin spent and a column for each cosigner.
    #[command(after_help = "Examples:\n  quorate proposal show 3f2a9c1b7d10")]
    Show {
        /// The proposal's id, or the beginning of it
        id: String,
    },
    /// Show what a cosigner must check before signing, and words to compare by voice
    ///
    /// Recipients and amounts come out of the transaction itself; change is what this vault derives.
    /// Cosigners who read the same eight words to each other hold the same transaction.
    #[command(after_help = "Examples:\n  quorate proposal review 3f2a9c1b7d10")]
    Review {
        /// The proposal's id, or the beginning of it
        id: String,
    },
    /// List proposals, the oldest first
    #[command(after_help = "Examples:
  quorate proposal list
  quorate proposal list family")]
    List {
        /// Only this vault's
        vault: Option<String>,
    },
    /// Export a proposal as a PSBT for a cosigner
    ///
    /// The file holds the signatures collected so far, so that it can be passed from one cosigner to
    /// the next. It is base64 text unless --binary is said, whatever the file's name ends with.
    #[command(after_help = "Examples:
  quorate proposal export 3f2a9c1b7d10 --for alice -o alice.psbt
  quorate proposal export 3f2a9c1b7d10 --binary -o /media/card/spend.psbt
  quorate proposal export 3f2a9c1b7d10 --psbt-version 2 -o bob.psbt
  quorate proposal export 3f2a9c1b7d10 --without-signatures > request.psbt")]
    Export(exchange::ExportArgs),
    /// Import signed PSBTs: their valid signatures are kept
    ///
    /// Each file finds its proposal by itself. Every signature is verified and stands for itself: a
    /// refused one costs no other. The exit code is 1 if anything was refused; what was valid is kept
    /// all the same. The same file twice changes nothing.
    #[command(after_help = "Examples:
  quorate proposal import alice.signed.psbt
  quorate proposal import alice.signed.psbt bob.signed.psbt
  quorate proposal import - < alice.signed.psbt")]
    Import(exchange::ImportArgs),
    /// Finish a proposal and send its transaction
    ///
    /// The transaction is recorded before it is sent. Repeating the command is safe, and every sync
    /// sends it again as long as the chain source hasn't got it.
    #[command(after_help = "Examples:\n  quorate proposal broadcast 3f2a9c1b7d10")]
    Broadcast {
        /// The proposal's id, or the beginning of it
        id: String,
        /// A high fee is meant
        #[arg(long)]
        allow_high_fee: bool,
    },
    /// Give a proposal up and free its coins
    ///
    /// This is no revocation: whoever has a fully signed copy can still send it. To be sure, spend one
    /// of its coins to yourselves.
    #[command(
        after_help = "Examples:\n  quorate proposal abandon 3f2a9c1b7d10 --note \"wrong invoice\""
    )]
    Abandon {
        /// The proposal's id, or the beginning of it
        id: String,
        /// Why
        #[arg(long)]
        note: Option<String>,
    },
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// The vault's name
    vault: String,
    /// Whom to pay and how much: ADDRESS=0.5btc, ADDRESS=20000sat or ADDRESS=all; can be repeated
    #[arg(long, value_name = "ADDRESS=AMOUNT", required = true)]
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
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::Create(args) => create(&args, context),
        Command::Show { id } => {
            let view = context.coordinator()?.proposal(&id)?;
            Answer::new(&view, show::grid(&view))
        }
        Command::Review { id } => {
            let view = context.coordinator()?.proposal(&id)?;
            Answer::new(&view, show::review(&view, Context::moment()?.now))
        }
        Command::List { vault } => list(vault.as_deref(), context),
        Command::Export(args) => exchange::export(&args, context),
        Command::Import(args) => exchange::import(&args, context),
        Command::Broadcast { id, allow_high_fee } => broadcast(&id, allow_high_fee, context),
        Command::Abandon { id, note } => abandon(&id, note.as_deref(), context),
    }
}

fn create(args: &CreateArgs, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    let network = coordinator.network();
    let fee_rate = amount::fee_rate(&args.feerate)?;
    let recipients = args
        .to
        .iter()
        .map(|to| input::recipient(to, network))
        .collect::<Result<Vec<_>, _>>()?;
    let coins = coins(args, &mut coordinator)?;
    let spend = Spend {
        vault: &args.vault,
        recipients: &recipients,
        fee_rate,
        memo: args.memo.as_deref(),
        path: args.path.get() - 1,
        coins: &coins,
        allow_high_fee: args.allow_high_fee,
    };
    let view = coordinator.propose(&spend, Context::moment()?)?;
    Answer::new(&view, show::grid(&view))
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

fn list(vault: Option<&str>, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.proposals(vault)?;
    if view.proposals.is_empty() {
        return Answer::new(
            &view,
            "there is no proposal yet\nnext: quorate proposal create --help\n",
        );
    }
    let rows = view.proposals.iter().map(|proposal| {
        [
            short(&proposal.id).to_owned(),
            escape(&proposal.vault),
            proposal.status.clone(),
            btc(proposal.amount_sat),
            show::lacks(proposal.needed, &proposal.missing).unwrap_or_else(|| "-".to_owned()),
            proposal.memo.as_deref().map(escape).unwrap_or_default(),
        ]
    });
    Answer::new(
        &view,
        table(
            ["proposal", "vault", "status", "pays", "needs", "memo"],
            rows,
        ),
    )
}

fn broadcast(id: &str, allow_high_fee: bool, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    // A wrong id should be told before the chain source is asked.
    coordinator.proposal(id)?;
    let source = context.source()?;
    let view = coordinator.broadcast(id, source.as_ref(), allow_high_fee, Context::moment()?)?;
    let how = if view.already_known {
        "was there before, says"
    } else {
        "is handed to"
    };
    let text = format!(
        "transaction {}\n{how} {}\nnext: quorate sync\n",
        view.txid,
        escape(source.name())
    );
    Answer::new(&view, text)
}

fn abandon(id: &str, note: Option<&str>, context: &Context) -> Result<Answer, Error> {
    let view = context
        .coordinator()?
        .abandon(id, note, Context::moment()?)?;
    let mut text = format!(
        "proposal {} is {}, its coins are free\n",
        short(&view.id),
        view.status
    );
    if view
        .review
        .inputs
        .iter()
        .any(|input| input.signatures.values().any(|word| word == "signed"))
    {
        text.push_str(
            "note: signatures for it exist; to be sure that it can't be sent any more, spend one of its coins to yourselves\n",
        );
    }
    Answer::new(&view, text)
}
