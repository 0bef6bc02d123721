//! The commands, one file for each noun: its arguments, what it asks the coordinator, and how the
//! view looks as text.
//!
//! What a command says of itself stands at its variant, where it is known before the arguments are defined.
//! A doc comment on a struct of arguments or on an enum of verbs would take its place.

mod address;
mod balance;
mod coin;
mod demo;
mod event;
mod explain;
mod history;
mod homes;
mod init;
mod journal;
mod label;
mod member;
mod policy;
mod proposal;
mod psbt;
mod psbt_file;

mod reference;
mod review;
mod setup;
mod signer;
mod simulated;
mod source;
mod statement;
mod sync;
mod vault;
mod watch;

use crate::context::Context;
use crate::output::Answer;
use quorate_coordinator::Error;

/// Every command, in the order in which a person meets them.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Make a data folder for vaults of one network
    ///
    /// The folder holds the journal of what was done, what is known of the chain, and software keys if
    /// you make any. Each person has a folder of their own.
    Init(init::Args),
    /// Software keys: make, restore, show, sign
    Signer(Noun<signer::Command>),
    /// Policies: who may spend, as templates for vaults
    Policy(Noun<policy::Command>),
    /// Vaults: create, import, show, export
    Vault(Noun<vault::Command>),
    /// Vaults between several people: invite, collect keys, attest
    Setup(Noun<setup::Command>),
    /// Addresses to be paid at
    Address(Noun<address::Command>),
    /// Look at the chain: new payments, confirmations, reorgs
    ///
    /// All vaults of the data folder are looked after at once. What was sent and got lost is handed to
    /// the network again. With --folder, a vault's journal is exchanged with other data folders
    /// instead: no chain source is asked.
    ///
    /// An Electrum server learns which addresses belong together. electrums://HOST:PORT?cert=FILE trusts
    /// exactly the certificate in FILE, for a server of one's own; ?proxy=127.0.0.1:9050 goes through
    /// Tor.
    Sync(sync::Args),
    /// Where the chain is looked at: which sources answer, and what they say
    Source(Noun<source::Command>),
    /// Show what a vault is worth, as of the last sync
    Balance(balance::Args),
    /// Show what came into a vault and what was paid, as of the last sync
    ///
    /// The newest first, unconfirmed ones before all others. The balance beside each is what the vault held
    /// after it. The fee is told where all coins that a transaction spends are the vault's. What was sent and
    /// is neither on the chain nor in the mempool stands where its time is, without a balance.
    History(history::Args),
    /// Write what a vault held, received and paid between two days
    ///
    /// Opening balance, a line for each confirmed transaction, closing balance: opening and in, less out and
    /// fees, is closing, to the satoshi. A transaction belongs to the day of the time in its block's header
    /// (UTC), the one that block explorers show. Amounts in CSV are satoshi. What waits in the mempool isn't
    /// part of a statement.
    Statement(statement::Args),
    /// The coins a vault holds
    Coin(Noun<coin::Command>),
    /// Words beside addresses, transactions, coins and keys
    Label(Noun<label::Command>),
    /// Spends: propose, collect signatures, send
    Proposal(Noun<proposal::Command>),
    /// Files of others: look at them without trusting anybody
    Psbt(Noun<psbt::Command>),
    /// What was done in this data folder, signed and chained
    Journal(Noun<journal::Command>),
    /// Show balances, open proposals and news on one screen, kept up to date
    ///
    /// The chain source is asked again and again in the background. Keys: arrows choose a proposal, Enter shows
    /// it and goes back, r asks the chain source now, q ends. Where standard output is no terminal, the screen
    /// is printed once.
    Watch(watch::Args),
    /// What happened, numbered: for programs that act on it
    Event(Noun<event::Command>),
    /// The data folders that take part in a vault, and whose entries count
    Member(Noun<member::Command>),
    /// A chain in a file, for trying things out
    Simulated(Noun<simulated::Command>),
    /// Play the whole story in a throw-away folder, step by step
    ///
    /// A 2-of-3 vault is set up, paid, spent from with two of three signatures and confirmed. Each step
    /// is told in a sentence, with the command that a person would have typed. It plays on a Bitcoin Core
    /// node of its own where there is one (`BITCOIND_EXE`, the search path, or what `cargo xtask node`
    /// built), else on a simulated chain. Nothing is left behind, not even after Ctrl-C.
    Demo(demo::Args),
    /// Explain a word, or what a vault or a policy means for its people
    ///
    /// Without anything, lists the words. For a vault: who can spend when, and what happens if a key is lost
    /// or stolen.
    Explain(explain::Args),
    /// Print a completion script for a shell
    Completions(reference::CompletionsArgs),
    /// Print the manual page, or write all pages into a folder
    Man(reference::ManArgs),
    /// The command line reference in Markdown
    #[command(hide = true)]
    Reference,
}

// What can be done with a noun.
//
// As arguments, because only those are defined when they are needed: to define all verbs of all nouns at
// each start takes longer than what many of them do.
#[derive(clap::Args)]
pub(crate) struct Noun<T: clap::Subcommand> {
    #[command(subcommand)]
    verb: T,
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, context: &Context) -> Result<Answer, Error> {
        match self {
            Self::Init(args) => init::run(&args, context),
            Self::Signer(noun) => signer::run(noun.verb, context),
            Self::Policy(noun) => policy::run(noun.verb),
            Self::Vault(noun) => vault::run(noun.verb, context),
            Self::Setup(noun) => setup::run(noun.verb, context),
            Self::Address(noun) => address::run(noun.verb, context),
            Self::Sync(args) => sync::run(&args, context),
            Self::Source(noun) => source::run(noun.verb, context),
            Self::Balance(args) => balance::run(&args, context),
            Self::History(args) => history::run(&args, context),
            Self::Statement(args) => statement::run(&args, context),
            Self::Coin(noun) => coin::run(noun.verb, context),
            Self::Label(noun) => label::run(noun.verb, context),
            Self::Proposal(noun) => proposal::run(noun.verb, context),
            Self::Psbt(noun) => psbt::run(noun.verb, context),
            Self::Journal(noun) => journal::run(noun.verb, context),
            Self::Watch(args) => watch::run(&args, context),
            Self::Event(noun) => event::run(noun.verb, context),
            Self::Member(noun) => member::run(noun.verb, context),
            Self::Simulated(noun) => simulated::run(noun.verb, context),
            Self::Demo(args) => demo::run(&args, context),
            Self::Explain(args) => explain::run(&args, context),
            Self::Completions(args) => reference::completions(&args),
            Self::Man(args) => reference::man(&args),
            Self::Reference => reference::markdown(),
        }
    }
}
