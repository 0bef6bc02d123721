//! The commands, one file for each noun: its arguments, what it asks the coordinator, and how the
//! view looks as text.

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
pub(crate) enum Command {
    Init(init::Args),
    /// Software keys: make, restore, show, sign
    #[command(subcommand)]
    Signer(signer::Command),
    /// Policies: who may spend, as templates for vaults
    #[command(subcommand)]
    Policy(policy::Command),
    /// Vaults: create, import, show, export
    #[command(subcommand)]
    Vault(vault::Command),
    /// Vaults between several people: invite, collect keys, attest
    #[command(subcommand)]
    Setup(setup::Command),
    /// Addresses to be paid at
    #[command(subcommand)]
    Address(address::Command),
    Sync(sync::Args),
    /// Where the chain is looked at: which sources answer, and what they say
    #[command(subcommand)]
    Source(source::Command),
    Balance(balance::Args),
    History(history::Args),
    Statement(statement::Args),
    /// The coins a vault holds
    #[command(subcommand)]
    Coin(coin::Command),
    /// Words beside addresses, transactions, coins and keys
    #[command(subcommand)]
    Label(label::Command),
    /// Spends: propose, collect signatures, send
    #[command(subcommand)]
    Proposal(proposal::Command),
    /// Files of others: look at them without trusting anybody
    #[command(subcommand)]
    Psbt(psbt::Command),
    /// What was done in this data folder, signed and chained
    #[command(subcommand)]
    Journal(journal::Command),
    Watch(watch::Args),
    /// What happened, numbered: for programs that act on it
    #[command(subcommand)]
    Event(event::Command),
    /// The data folders that take part in a vault, and whose entries count
    #[command(subcommand)]
    Member(member::Command),
    /// A chain in a file, for trying things out
    #[command(subcommand)]
    Simulated(simulated::Command),
    Demo(demo::Args),
    Explain(explain::Args),
    Completions(reference::CompletionsArgs),
    Man(reference::ManArgs),
    /// The command line reference in Markdown
    #[command(hide = true)]
    Reference,
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, context: &Context) -> Result<Answer, Error> {
        match self {
            Self::Init(args) => init::run(&args, context),
            Self::Signer(command) => signer::run(command, context),
            Self::Policy(command) => policy::run(command),
            Self::Vault(command) => vault::run(command, context),
            Self::Setup(command) => setup::run(command, context),
            Self::Address(command) => address::run(command, context),
            Self::Sync(args) => sync::run(&args, context),
            Self::Source(command) => source::run(command, context),
            Self::Balance(args) => balance::run(&args, context),
            Self::History(args) => history::run(&args, context),
            Self::Statement(args) => statement::run(&args, context),
            Self::Coin(command) => coin::run(command, context),
            Self::Label(command) => label::run(command, context),
            Self::Proposal(command) => proposal::run(command, context),
            Self::Psbt(command) => psbt::run(command, context),
            Self::Journal(command) => journal::run(command, context),
            Self::Watch(args) => watch::run(&args, context),
            Self::Event(command) => event::run(command, context),
            Self::Member(command) => member::run(command, context),
            Self::Simulated(command) => simulated::run(command, context),
            Self::Demo(args) => demo::run(&args, context),
            Self::Explain(args) => explain::run(&args, context),
            Self::Completions(args) => reference::completions(&args),
            Self::Man(args) => reference::man(&args),
            Self::Reference => reference::markdown(),
        }
    }
}
