//! `quorate proposal`: a spend from the first wish to the finished transaction.

mod batch;
mod evidence;
mod exchange;
mod faster;
mod fees;
mod list;
mod make;
mod many;
mod show;

pub(crate) use make::named_coins;

use crate::context::Context;
use crate::origin;
use crate::output::Answer;
use crate::table::short;
use quorate_coordinator::Error;
use quorate_core::journal::Word;
use quorate_core::text::escape;

// What proposals can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Propose a spend: choose coins, build the transaction, reserve the coins
    ///
    /// Nothing is signed or sent by this. The fee must be at most a tenth of what is spent and at most
    /// 1000 sat/vB, unless --allow-high-fee says that more is meant.
    #[command(after_help = "Examples:
  quorate proposal create family --to bc1q...=0.5btc --feerate 2 --memo \"invoice 17\"
  quorate proposal create family --to bc1q...=20000sat --to bc1p...=0.1btc --feerate 1.5
  quorate proposal create family --to bc1q...=all --feerate 3
  quorate proposal create family --to 'bitcoin:bc1q...?amount=0.5&label=Bakery' --fee-target 6
  quorate proposal create family --batch salaries.csv --feerate 2
  quorate proposal create family --to bc1q...=1btc --subtract-fee-from all --feerate 2
  quorate proposal create family --to bc1q...=1btc --feerate 2 --goal privacy --avoid salary
  quorate proposal create family --to bc1q...=all --feerate 2 --path 2      (recovery)
  quorate proposal create family --to bc1q...=1btc --feerate 2 --coin 3f2a9c1b7d10:0
  quorate proposal create family --to bc1q...=1btc --feerate 2 --draft --expires 2026-12-31
  quorate proposal create family --to bc1q...=1btc --feerate 9 --replaces 3f2a9c1b7d10
  quorate proposal create family --cancel 3f2a9c1b7d10 --feerate 9")]
    Create(make::CreateArgs),
    /// Change a proposal: a new one takes its place
    ///
    /// What isn't named stays. The change makes another transaction, so it is another proposal:
    /// approvals and signatures of the old one don't count for it. The old one takes none any more. One
    /// that was let go stays valid until the chain has decided; then the new one must pay more.
    #[command(after_help = "Examples:
  quorate proposal revise 3f2a9c1b7d10 --feerate 5
  quorate proposal revise 3f2a9c1b7d10 --to bc1q...=0.4btc --memo \"invoice 17, corrected\"
  quorate proposal revise 3f2a9c1b7d10 --expires 14d")]
    Revise(make::ReviseArgs),
    /// Let a proposal pay a higher fee: a new one takes its place (RBF)
    ///
    /// It spends the same coins and pays the same recipients; its change becomes less. What was let go
    /// before must be outbid, as nodes ask, which is checked before anybody signs.
    #[command(after_help = "Examples:
  quorate proposal bump 3f2a9c1b7d10 --feerate 12
  quorate proposal bump 3f2a9c1b7d10 --fee-target 2")]
    Bump(faster::BumpArgs),
    /// Hurry an unconfirmed receipt: spend it to yourselves with a fee for both (CPFP)
    ///
    /// The rate is what the waiting transaction, its unconfirmed ancestors and the new one pay together.
    #[command(after_help = "Examples:
  quorate proposal hurry family 3f2a9c1b7d10:0 --feerate 12
  quorate proposal hurry family 3f2a9c1b7d10:0 --fee-target 2")]
    Hurry(faster::HurryArgs),
    /// Join small coins into one, at a time when fees are low
    ///
    /// Takes the smallest confirmed coins that are worth more than spending them costs. Joining shows
    /// everybody that they are one owner's: --avoid leaves labels apart.
    #[command(after_help = "Examples:
  quorate proposal consolidate family --feerate 1
  quorate proposal consolidate family --feerate 1 --below 100000sat --most 200")]
    Consolidate(many::ConsolidateArgs),
    /// Move coins to yourselves before a recovery path opens for them
    #[command(after_help = "Examples:
  quorate proposal refresh family --feerate 2
  quorate proposal refresh family --within 90d --feerate 2")]
    Refresh(many::RefreshArgs),
    /// Empty a vault: as many proposals as it takes
    #[command(after_help = "Examples:
  quorate proposal sweep family --to bc1q... --feerate 2")]
    Sweep(many::SweepArgs),
    /// Open a draft for signing
    #[command(after_help = "Examples:\n  quorate proposal submit 3f2a9c1b7d10")]
    Submit {
        /// The draft's id, or the beginning of it
        id: String,
    },
    /// Take down that a cosigner agrees, before or without signing
    ///
    /// It is a word, not a signature: it moves no money. It takes back an earlier no that was written
    /// down in this data folder.
    #[command(after_help = "Examples:
  quorate proposal approve 3f2a9c1b7d10 --as alice
  quorate proposal approve 3f2a9c1b7d10 --as bob --note \"by phone\"")]
    Approve {
        /// The proposal's id, or the beginning of it
        id: String,
        /// The cosigner who says so
        #[arg(long = "as", value_name = "COSIGNER")]
        cosigner: String,
        /// Anything to add
        #[arg(long)]
        note: Option<String>,
    },
    /// Take down that a cosigner says no, and why
    ///
    /// When so many say no that no spending path is left, the proposal is rejected. A signature can't be
    /// taken back by it: whoever has signed counts.
    #[command(after_help = "Examples:
  quorate proposal reject 3f2a9c1b7d10 --as bob --reason \"wrong amount\"")]
    Reject {
        /// The proposal's id, or the beginning of it
        id: String,
        /// The cosigner who says so
        #[arg(long = "as", value_name = "COSIGNER")]
        cosigner: String,
        /// Why not
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
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
    /// List proposals that wait for something, the oldest first
    ///
    /// What each pays, what it lacks, by when, who is asked, and the command to type next.
    #[command(after_help = "Examples:
  quorate proposal list
  quorate proposal list family
  quorate proposal list family --all")]
    List {
        /// Only this vault's
        vault: Option<String>,
        /// Also those that are finished; JSON has them always
        #[arg(long)]
        all: bool,
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
    /// Write who proposed, approved and signed a spend, for an auditor
    ///
    /// One JSON file with the policy, the transaction, the signed journal entries and every cosigner's
    /// signature with what it signs, sealed with this data folder's member key. It holds no secret, but it
    /// shows the vault's descriptor: whoever has it can watch the vault.
    #[command(after_help = "Examples:
  quorate proposal evidence 3f2a9c1b7d10 -o evidence.json
  quorate proposal evidence 3f2a9c1b7d10 -o evidence.json --text evidence.txt")]
    Evidence(evidence::EvidenceArgs),
    /// Check such a file with nothing but itself: no data folder, no chain source
    ///
    /// Says what holds, what is wrong, and what the file can't prove.
    #[command(after_help = "Examples:
  quorate proposal verify evidence.json
  quorate proposal verify - < evidence.json")]
    Verify(evidence::VerifyArgs),
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

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::Create(args) => make::create(&args, context),
        Command::Revise(args) => make::revise(&args, context),
        Command::Bump(args) => faster::bump(&args, context),
        Command::Hurry(args) => faster::hurry(&args, context),
        Command::Consolidate(args) => many::consolidate(&args, context),
        Command::Refresh(args) => many::refresh(&args, context),
        Command::Sweep(args) => many::sweep(&args, context),
        Command::Submit { id } => {
            let view = context.coordinator()?.submit(&id, Context::moment()?)?;
            Answer::new(&view, show::grid(&view))
        }
        Command::Approve { id, cosigner, note } => {
            speak(&id, &cosigner, Word::Approved, note.as_deref(), context)
        }
        Command::Reject {
            id,
            cosigner,
            reason,
        } => speak(&id, &cosigner, Word::Rejected, Some(&reason), context),
        Command::Show { id } => {
            let view = context.coordinator()?.proposal(&id)?;
            let origin = origin::line(view.as_of.as_ref(), Context::now()?);
            Answer::new(&view, show::grid(&view) + &origin)
        }
        Command::Review { id } => {
            let view = context.coordinator()?.proposal(&id)?;
            Answer::new(&view, show::review(&view, Context::moment()?.now))
        }
        Command::List { vault, all } => list::list(vault.as_deref(), all, context),
        Command::Export(args) => exchange::export(&args, context),
        Command::Import(args) => exchange::import(&args, context),
        Command::Broadcast { id, allow_high_fee } => broadcast(&id, allow_high_fee, context),
        Command::Evidence(args) => evidence::evidence(&args, context),
        Command::Verify(args) => evidence::verify(&args),
        Command::Abandon { id, note } => abandon(&id, note.as_deref(), context),
    }
}

fn speak(
    id: &str,
    cosigner: &str,
    word: Word,
    note: Option<&str>,
    context: &Context,
) -> Result<Answer, Error> {
    let moment = Context::moment()?;
    let view = context
        .coordinator()?
        .speak(id, cosigner, word, note, moment)?;
    Answer::new(&view, show::grid(&view))
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
    for finding in &view.review.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    if let Some(next) = &view.next {
        text.push_str(&format!(
            "to make sure that it can't be sent: {}\n",
            escape(next)
        ));
    }
    Answer::new(&view, text)
}
