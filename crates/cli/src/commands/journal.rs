//! `quorate journal`: what was done, and whether the record of it holds.

use super::homes;
use crate::context::Context;
use crate::date;
use crate::output::Answer;
use crate::table::{short, table};
use quorate_coordinator::Error;
use quorate_coordinator::view::VerifyView;
use quorate_core::text::escape;
use std::path::PathBuf;

// What the journal can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Show what was done with a vault
    #[command(after_help = "Examples:\n  quorate journal log family")]
    Log {
        /// The vault's name
        vault: String,
    },
    /// Check every entry: its text, its signature, its place in the chain
    ///
    /// Also checks that the tables which other commands read are what the entries say, and prints a
    /// hash of them: two data folders with the same hash know the same. Changes nothing.
    #[command(after_help = "Examples:
  quorate journal verify
  quorate journal verify family")]
    Verify {
        /// Only this vault's entries
        vault: Option<String>,
    },
    /// Make the tables anew from the entries, where they differ
    #[command(after_help = "Examples:\n  quorate journal rebuild")]
    Rebuild,
    /// Write a vault's journal into a file, for another data folder of the same vault
    #[command(after_help = "Examples:\n  quorate journal export family -o family.journal")]
    Export {
        /// The vault's name
        vault: String,
        /// The file
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Take in the journal file of another data folder
    ///
    /// The vault must be here already (`quorate vault import`). Only what its owner and the members
    /// whom he enrolled say counts; the rest is kept and listed.
    #[command(after_help = "Examples:
  quorate journal import family.journal
  quorate journal import family.journal --owner MEMBER_ID")]
    Import {
        /// The file; `-` for standard input
        file: PathBuf,
        /// The owner's member id, where this data folder doesn't know it yet
        #[arg(long, value_name = "MEMBER_ID")]
        owner: Option<String>,
    },
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    match command {
        Command::Log { vault } => log(&vault, context),
        Command::Verify { vault } => {
            verified(&context.coordinator()?.verify(vault.as_deref(), false)?)
        }
        Command::Rebuild => verified(&context.coordinator()?.verify(None, true)?),
        Command::Export {
            vault,
            output,
            force,
        } => homes::export(&vault, &output, force, context),
        Command::Import { file, owner } => homes::import(&file, owner.as_deref(), context),
    }
}

fn log(vault: &str, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.journal(vault)?;
    let rows = view.entries.iter().map(|entry| {
        [
            date::minute(entry.at),
            short(&entry.author).to_owned(),
            entry.seq.to_string(),
            match &entry.remark {
                Some(remark) => format!("{} ({})", escape(&entry.summary), escape(remark)),
                None => escape(&entry.summary),
            },
        ]
    });
    Answer::new(&view, table(["when (UTC)", "member", "seq", "what"], rows))
}

fn verified(view: &VerifyView) -> Result<Answer, Error> {
    let mut text = format!("{} entries checked\n", view.entries);
    for fault in &view.faults {
        text.push_str(&format!("fault: {}\n", escape(fault)));
    }
    for note in &view.notes {
        text.push_str(&format!("note: {}\n", escape(note)));
    }
    for vault in &view.states {
        text.push_str(&format!(
            "state of {}: {}\n",
            escape(&vault.vault),
            vault.state
        ));
    }
    text.push_str(match (view.faults.is_empty(), view.rebuilt) {
        (true, true) => "the tables differed from the entries and were made anew\n",
        (true, false) => "all is well\n",
        (false, _) => "",
    });
    let faults = view.faults.len();
    let error = (faults > 0).then(|| {
        let word = if faults == 1 { "fault" } else { "faults" };
        let error = Error::refused("journal_faults", format!("the journal has {faults} {word}"));
        if view.projection_matches {
            error.hint("restore the data folder from a backup; don't work on with this one")
        } else {
            error.hint("if only tables differ, `quorate journal rebuild` makes them anew")
        }
    });
    Ok(Answer::new(view, text)?.but(error))
}
