//! `quorate vault`: make a vault, take one in, look at it, hand it on.

mod backup;
mod check;
mod create;
mod drill;
mod export;
mod import;
mod key;
mod recovery;
mod rescan;
mod sheet;
mod show;

pub(crate) use show::described;

use crate::context::Context;
use crate::origin;
use crate::output::Answer;
use quorate_coordinator::Error;

// What vaults can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Create a vault from a policy and the cosigners' keys
    ///
    /// Keys are given in the order in which `quorate policy show` lists the roles. Every cosigner
    /// should import the vault into a data folder or device of their own and compare the id and the
    /// first addresses before money is sent there.
    #[command(after_help = "Examples:
  quorate vault create family --policy 2-of-3 --key 'alice=[f00d1111/48h/0h/0h/2h]xpub...' \\
      --key 'bob=[f00d2222/48h/0h/0h/2h]xpub...' --key 'carol=[f00d3333/48h/0h/0h/2h]xpub...'
  quorate vault create treasury --policy 3-of-5 --script tr --key ...
  quorate vault create family --policy 2-of-3 --key alice=@ccxp-0F056943.json --key ...
  quorate vault create savings --policy ours.toml --key alice=\"$(quorate signer key alice)\" ...")]
    Create(create::CreateArgs),
    /// List the vaults of this data folder
    #[command(after_help = "Examples:\n  quorate vault list")]
    List,
    /// Show a vault: id, descriptor, who can spend, first addresses
    #[command(after_help = "Examples:\n  quorate vault show family")]
    Show {
        /// The vault's name, or the beginning of its id
        vault: String,
    },
    /// Show what each spending path can move now, and when it can move the rest
    ///
    /// As of the last sync. Dates are reckoned at ten minutes for each block.
    #[command(after_help = "Examples:\n  quorate vault recovery family")]
    Recovery {
        /// The vault's name
        vault: String,
    },
    /// Export a vault for other programs and other people
    ///
    /// Such a file holds no private keys, but whoever has it sees all addresses and amounts. What a
    /// format can't say about a vault is refused: a descriptor can say everything.
    #[command(after_help = "Examples:
  quorate vault export family -o family.txt
  quorate vault export family --format coldcard -o family-coldcard.txt

Formats:
  descriptor  one line, for most programs and every vault
  core        a request for Bitcoin Core's importdescriptors
  coldcard    Coldcard's multisig text, read by Passport, Krux, Jade and many programs
  seedsigner, keystone, bluewallet   the same in their dialects
  sparrow, specter, caravan, electrum   files of these programs
  bsms        a descriptor record (BIP-0129)
  bip388      a wallet policy, for Ledger and BitBox02, with the id that a Ledger shows
  jade        the request that registers the vault with a Jade
  ur, bbqr    frames for QR codes, one on each line; --qr shows them")]
    Export(export::ExportArgs),
    /// Import a vault from its descriptor, or from another program's file
    ///
    /// Takes one descriptor with <0;1>, or two lines: the receive and the change descriptor; and every
    /// format that `quorate vault export` writes. Which one it is is found out by itself. The same vault
    /// gets the same id and addresses everywhere, however it is written.
    #[command(after_help = "Examples:
  quorate vault import family family.txt
  quorate vault import family family.txt --cosigners alice,bob,carol --birthday 2025-01-31
  quorate vault import family coldcard-export.txt
  quorate vault import family - < family.txt")]
    Import(import::ImportArgs),
    /// Look at a vault's blocks anew, from a height or a day on
    ///
    /// For payments that were missed, also before the vault's birthday. What is known stays until its
    /// block is looked at again. If it is stopped, the next `quorate sync` goes on.
    #[command(after_help = "Examples:
  quorate vault rescan family --from 840000
  quorate vault rescan family --from 2024-04-20")]
    Rescan(rescan::RescanArgs),
    /// Check which devices and programs will refuse the vault, before money goes in
    ///
    /// With --device, the exit code is 1 if it refuses.
    #[command(after_help = "Examples:
  quorate vault check family
  quorate vault check family --device jade")]
    Check(check::CheckArgs),
    /// Write everything about a vault that isn't a key into one sealed file
    ///
    /// Descriptor, policy, cosigners, labels, birthday and the whole journal. Sealed by BIP-0138 any one of the
    /// vault's extended public keys opens it; by age a passphrase does. It can spend nothing.
    #[command(after_help = "Examples:
  quorate vault backup family -o family.backup
  quorate vault backup family -o family.age --seal age")]
    Backup(backup::BackupArgs),
    /// Make a vault anew from its backup: same id, addresses, next address and labels
    #[command(after_help = "Examples:
  quorate vault restore family.backup --key '[f00d1111/48h/0h/0h/2h]xpub...'
  quorate vault restore family.backup --key @ccxp-0F056943.json")]
    Restore(backup::RestoreArgs),
    /// Write a page to print: all that is needed to spend without Quorate
    #[command(after_help = "Examples:
  quorate vault sheet family -o family.html
  quorate vault sheet family")]
    Sheet(sheet::SheetArgs),
    /// Play recovery before it is needed, and write a dated report
    ///
    /// Restores a backup into a folder that is thrown away and compares it. Each quorum of the keys at hand
    /// signs a spend that can never happen, because its coin can't exist; the result is held against the
    /// rules of consensus. Keys elsewhere sign what --requests writes.
    #[command(after_help = "Examples:
  quorate vault drill family --backup family.backup --signer alice -o drill.txt
  quorate vault drill family --requests drill
  quorate vault drill family drill-1.signed.psbt -o drill.txt")]
    Drill(drill::DrillArgs),
    /// Take a vault out of use: it gives no address any more
    ///
    /// What it holds can still be spent. Only its owner can retire it.
    #[command(after_help = "Examples:
  quorate vault retire family --note \"moved to family-2\"")]
    Retire {
        /// The vault's name
        vault: String,
        /// Why
        #[arg(long)]
        note: Option<String>,
    },
    /// Keys out of the files that signers write
    #[command(
        subcommand,
        after_help = "Examples:\n  quorate vault key import ccxp-0F056943.json"
    )]
    Key(key::Command),
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::Create(args) => create::create(&args, context),
        Command::List => show::list(&context.coordinator()?.vaults()?),
        Command::Show { vault } => {
            let mut coordinator = context.coordinator()?;
            let view = coordinator.vault(&vault)?;
            let origin = origin::line(view.as_of.as_ref(), Context::now()?);
            let text = show::described(&view) + &origin;
            Answer::new(&view, text)
        }
        Command::Recovery { vault } => recovery::recovery(&vault, context),
        Command::Export(args) => export::export(&args, context),
        Command::Import(args) => import::import(&args, context),
        Command::Rescan(args) => rescan::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Backup(args) => backup::backup(&args, context),
        Command::Restore(args) => backup::restore(&args, context),
        Command::Sheet(args) => sheet::sheet(&args, context),
        Command::Drill(args) => drill::drill(&args, context),
        Command::Retire { vault, note } => {
            let mut coordinator = context.coordinator()?;
            let view = coordinator.retire(&vault, note.as_deref(), Context::moment()?)?;
            let text = show::described(&view);
            Answer::new(&view, text)
        }
        Command::Key(command) => key::run(command, context),
    }
}
