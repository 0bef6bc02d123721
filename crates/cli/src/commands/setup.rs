//! `quorate setup`: a vault made between several people, each with keys of their own (BIP-0129).

mod collect;
mod cosigner;
mod show;

use crate::context::Context;
use crate::output::Answer;
use quorate_coordinator::Error;
use std::path::PathBuf;

// What setting up consists of.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Begin: name the policy and the cosigners
    ///
    /// Whoever begins coordinates. With encryption, files are sealed with a token that goes to each
    /// cosigner in the invitation; without, what carries them can read keys and descriptor, but can't
    /// change them unnoticed either.
    #[command(after_help = "Examples:
  quorate setup new family --policy 2-of-3 --cosigner alice --cosigner bob --cosigner carol
  quorate setup new family --policy 2-of-3 --cosigner alice --cosigner bob --cosigner carol --encryption extended")]
    New(collect::NewArgs),
    /// List what is being set up here, and the invitations answered here
    #[command(after_help = "Examples:\n  quorate setup list")]
    List,
    /// Show how far a setup has come
    #[command(after_help = "Examples:\n  quorate setup show family")]
    Show {
        /// The vault's name
        name: String,
    },
    /// Write the invitation for a cosigner, or for each into a folder
    ///
    /// Hand it over in a way that you trust; with encryption it holds a secret. It says what was agreed
    /// on, and the cosigner's program holds the finished vault against it.
    #[command(after_help = "Examples:
  quorate setup invite family bob -o bob.invitation
  quorate setup invite family --folder invitations")]
    Invite(collect::InviteArgs),
    /// Answer an invitation: give a key, and remember what was agreed on
    ///
    /// Done by each cosigner in a data folder of their own. With --signer the key is one of our software
    /// signer, which signs the answer; with --key-file it is what a device exported, which goes to the
    /// coordinator as it is.
    #[command(after_help = "Examples:
  quorate setup join bob.invitation --signer bob -o bob.bsms
  quorate setup join carol.invitation --key-file ccxp-0F056943.json")]
    Join(cosigner::JoinArgs),
    /// Take in the cosigners' keys
    ///
    /// Takes answers of `quorate setup join`, key records of devices (BIP-0129), and every file that
    /// `quorate vault key import` reads. A signature in a record is verified.
    #[command(after_help = "Examples:
  quorate setup add family alice.bsms bob.bsms
  quorate setup add family ccxp-0F056943.json --cosigner carol")]
    Add(collect::AddArgs),
    /// Take an invitation back, and the key that came with it
    ///
    /// The cosigner's place gets a new invitation. What answers the old one is refused from then on.
    #[command(after_help = "Examples:\n  quorate setup remove family carol")]
    Remove {
        /// The vault's name
        name: String,
        /// The cosigner
        cosigner: String,
    },
    /// Make the vault of the keys that came in
    #[command(after_help = "Examples:\n  quorate setup finish family")]
    Finish {
        /// The vault's name
        name: String,
    },
    /// Write the descriptor record for the cosigners (BIP-0129, round 2)
    ///
    /// With --cosigner it is sealed with that cosigner's token, if the setup has tokens.
    #[command(after_help = "Examples:
  quorate setup record family -o family.bsms
  quorate setup record family --cosigner bob -o family-bob.dat")]
    Record(collect::RecordArgs),
    /// Hold a descriptor record against what was agreed on, and take the vault in
    ///
    /// Done by each cosigner in their own data folder. Refused if your key isn't in it, if keys were
    /// added or exchanged for another policy, or if anything else differs from the invitation.
    #[command(
        after_help = "Examples:\n  quorate setup accept family.bsms\n  quorate setup accept family-bob.dat --name savings"
    )]
    Accept {
        /// The record, sealed or not; `-` is standard input
        file: PathBuf,
        /// What to call the vault here; as the coordinator calls it otherwise
        #[arg(long)]
        name: Option<String>,
    },
    /// Say that the vault is the one that was agreed on
    ///
    /// First compare the eight words with the other cosigners by voice. This data folder derives the
    /// first addresses by itself and signs that it did; the entry reaches the others with the journal. The
    /// owner of a vault can say it for a cosigner who has a device but no data folder, and should say
    /// in --note how it was compared.
    #[command(after_help = "Examples:
  quorate setup attest family
  quorate setup attest family --as carol --note \"first address compared on her Coldcard\"")]
    Attest {
        /// The vault's name
        vault: String,
        /// The cosigner for whom it is said; who joined here otherwise
        #[arg(long = "as", value_name = "COSIGNER")]
        cosigner: Option<String>,
        /// How it was compared
        #[arg(long)]
        note: Option<String>,
    },
    /// Prove keys of devices that can't sign messages
    ///
    /// Without files it writes a request to be signed like any other: a spend that can never happen,
    /// because the coin it spends can't exist. With files it takes the signatures out of them.
    #[command(after_help = "Examples:
  quorate setup proof family -o proof.psbt
  quorate setup proof family carol.signed.psbt")]
    Proof(cosigner::ProofArgs),
    /// Give up a setup that isn't finished
    #[command(after_help = "Examples:\n  quorate setup drop family")]
    Drop {
        /// The vault's name
        name: String,
    },
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::New(args) => collect::new(&args, context),
        Command::List => show::list(&context.coordinator()?.setups()?),
        Command::Show { name } => show::setup(&context.coordinator()?.setup(&name)?),
        Command::Invite(args) => collect::invite(&args, context),
        Command::Join(args) => cosigner::join(&args, context),
        Command::Add(args) => collect::add(&args, context),
        Command::Remove { name, cosigner } => {
            let view = context
                .coordinator()?
                .revoke(&name, &cosigner, Context::moment()?)?;
            show::setup(&view)
        }
        Command::Finish { name } => collect::finish(&name, context),
        Command::Record(args) => collect::record(&args, context),
        Command::Accept { file, name } => cosigner::accept(&file, name.as_deref(), context),
        Command::Attest {
            vault,
            cosigner,
            note,
        } => cosigner::attest(&vault, cosigner.as_deref(), note.as_deref(), context),
        Command::Proof(args) => cosigner::proof(&args, context),
        Command::Drop { name } => {
            context.coordinator()?.drop_setup(&name)?;
            let view = serde_json::json!({ "dropped": name });
            Answer::new(
                &view,
                format!("dropped the setup of {name}; its invitations don't count any more\n"),
            )
        }
    }
}
