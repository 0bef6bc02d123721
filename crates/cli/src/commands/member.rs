//! `quorate member`: the homes that take part in a vault, and whose entries count.

use crate::context::Context;
use crate::output::Answer;
use crate::table::{short, table};
use quorate_coordinator::Error;
use quorate_coordinator::view::{MembersView, UnknownView};
use quorate_core::text::escape;

// What members can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Show this data folder's member id, to hand to a vault's owner
    ///
    /// The id is the public key that signs this folder's journal entries. It is no spending key.
    #[command(after_help = "Examples:\n  quorate member show")]
    Show,
    /// Name the owner of a vault: who decides whose entries count here
    ///
    /// The owner is the data folder that created the vault. Compare the id by voice with what
    /// `quorate member show` prints there. Naming another one later puts it in the first one's place.
    #[command(after_help = "Examples:
  quorate member trust family 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")]
    Trust {
        /// The vault's name
        vault: String,
        /// The owner's member id
        owner: String,
    },
    /// Enrol another data folder: what it says counts from then on
    ///
    /// Only the vault's owner can do that. What the new member said before counts too.
    #[command(after_help = "Examples:
  quorate member add family bobs-laptop MEMBER_ID --cosigner bob
  quorate member add family the-office MEMBER_ID")]
    Add(AddArgs),
    /// Remove a data folder: what it says from now on doesn't count
    ///
    /// Only the vault's owner can do that. What it said before counts on, up to the entry named.
    #[command(after_help = "Examples:
  quorate member remove family bobs-laptop
  quorate member remove family bobs-laptop --last 17")]
    Remove {
        /// The vault's name
        vault: String,
        /// The member's name, or the beginning of its id
        member: String,
        /// Number of its last entry that counts; 0 for none [default: the last one that is here]
        #[arg(long, value_name = "NUMBER")]
        last: Option<u64>,
    },
    /// List whose entries count, and authors who are unknown
    #[command(after_help = "Examples:\n  quorate member list family")]
    List {
        /// The vault's name
        vault: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// The vault's name
    vault: String,
    /// What to call the member
    name: String,
    /// Its id, as `quorate member show` prints it there
    member: String,
    /// The cosigner for whom it speaks
    #[arg(long, value_name = "NAME")]
    cosigner: Option<String>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    let mut coordinator = context.coordinator()?;
    match command {
        Command::Show => show(context),
        Command::Trust { vault, owner } => {
            answer(&coordinator.trust(&vault, &owner, Context::moment()?)?)
        }
        Command::Add(args) => answer(&coordinator.add_member(
            &args.vault,
            &args.name,
            &args.member,
            args.cosigner.as_deref(),
            Context::moment()?,
        )?),
        Command::Remove {
            vault,
            member,
            last,
        } => answer(&coordinator.remove_member(&vault, &member, last, Context::moment()?)?),
        Command::List { vault } => answer(&coordinator.members(&vault)?),
    }
}

fn show(context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.member()?;
    let mut text = format!("{}\n", view.member);
    if !view.vaults.is_empty() {
        let rows = view.vaults.iter().map(|vault| {
            let owner = vault.owner.as_deref().unwrap_or_default();
            [
                escape(&vault.vault),
                vault.role.clone(),
                short(owner).to_owned(),
            ]
        });
        text.push('\n');
        text.push_str(&table(["vault", "here", "owner"], rows));
    }
    Answer::new(&view, text)
}

fn answer(view: &MembersView) -> Result<Answer, Error> {
    let rows = view.members.iter().map(|line| {
        let mut remarks = Vec::new();
        if line.this_device {
            remarks.push("this data folder".to_owned());
        }
        if let Some(last) = line.counts_to {
            remarks.push(format!("counts up to number {last}"));
        }
        if !line.said_twice.is_empty() {
            remarks.push(twice(&line.said_twice));
        }
        [
            line.name.as_deref().map(escape).unwrap_or_default(),
            short(&line.member).to_owned(),
            line.role.clone(),
            line.cosigner.as_deref().map(escape).unwrap_or_default(),
            line.entries.to_string(),
            remarks.join(", "),
        ]
    });
    let head = ["name", "member", "role", "for", "entries", "remarks"];
    let mut text = table(head, rows);
    text.push_str(&unknown(&view.unknown, &view.vault, view.owner.is_some()));
    if view.waiting > 0 {
        text.push_str(&format!(
            "{} for proposals that aren't here\n",
            super::homes::waiting(view.waiting)
        ));
    }
    for refused in &view.refused {
        let member = refused.member.as_deref().map(short).unwrap_or_default();
        text.push_str(&format!(
            "refused: {} of member {member}: {}\n",
            escape(&refused.what),
            escape(&refused.reason)
        ));
    }
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    Answer::new(view, text)
}

fn twice(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("wrote two entries each with number {}", numbers.join(", "))
}

/// Authors whose entries are parked, and what to do about them.
pub(crate) fn unknown(unknown: &[UnknownView], vault: &str, owner_known: bool) -> String {
    let mut text = String::new();
    for author in unknown {
        text.push_str(&format!(
            "unknown: {} of {} kept, not counted{}{}\n",
            match author.entries {
                1 => "1 entry".to_owned(),
                count => format!("{count} entries"),
            },
            author.member,
            if author.says_owner {
                "; it says that it made the vault"
            } else {
                ""
            },
            if author.said_twice.is_empty() {
                String::new()
            } else {
                format!("; it {}", twice(&author.said_twice))
            },
        ));
    }
    let founder = unknown.iter().find(|author| author.says_owner);
    if let (false, Some(founder)) = (owner_known, founder) {
        text.push_str(&format!(
            "next: compare that id with the owner by voice, then quorate member trust {} {}\n",
            escape(vault),
            founder.member
        ));
    }
    text
}
