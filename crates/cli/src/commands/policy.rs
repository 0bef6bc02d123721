//! `quorate policy`: templates that say who may spend.

use crate::failure;
use crate::files;
use crate::output::Answer;
use crate::table::{lines, table};
use quorate_coordinator::Error;
use quorate_core::policy::{Template, explain};
use quorate_core::text::escape;
use serde::Serialize;
use std::path::{Path, PathBuf};

// What policies can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// List the policies that come with quorate
    #[command(after_help = "Examples:\n  quorate policy list")]
    List,
    /// Explain a policy in plain words
    #[command(after_help = "Examples:
  quorate policy show 2-of-3-recovery
  quorate policy show ./ours.toml")]
    Show {
        /// A name out of `quorate policy list`, or a file
        policy: String,
    },
    /// Check a policy file of your own, and explain it
    ///
    /// Policy files are written in TOML. Take one of those that come with quorate as a pattern: each
    /// `[[path]]` is a way to spend, the first without a lock, later ones after some blocks.
    #[command(after_help = "Examples:
  quorate policy check ours.toml
  quorate vault create family --policy ours.toml --key alice=... --key bob=...")]
    Check {
        /// The file; `-` is standard input
        file: PathBuf,
    },
}

#[derive(Serialize)]
struct PolicyView {
    name: String,
    title: String,
    summary: String,
    script: String,
    threshold: usize,
    cosigners: Vec<String>,
    paths: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct PoliciesView {
    policies: Vec<PolicyView>,
}

pub(crate) fn run(command: Command) -> Result<Answer, Error> {
    match command {
        Command::List => list(),
        Command::Show { policy } => show(&load(&policy)?),
        Command::Check { file } => show(&read(&file)?),
    }
}

/// A built-in policy by its name, or one in a file.
pub(crate) fn load(policy: &str) -> Result<Template, Error> {
    let path = Path::new(policy);
    let is_file = path.components().count() > 1
        || path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
    if is_file {
        return read(path);
    }
    Template::builtin(policy).map_err(|error| {
        failure::template(&error)
            .hint("`quorate policy list` explains them; a file of your own is named FILE.toml")
    })
}

fn read(path: &Path) -> Result<Template, Error> {
    let text = files::read_text(path)?;
    Template::parse(&text, &files::name(path)).map_err(|error| failure::template(&error))
}

fn view(template: &Template) -> PolicyView {
    let mut paths = explain(&template.policy, &template.roles);
    let notes = paths.split_off(template.policy.paths.len().min(paths.len()));
    PolicyView {
        name: template.name.clone(),
        title: template.title.clone(),
        summary: template.summary.clone(),
        script: template.script.to_string(),
        threshold: template.policy.threshold(),
        cosigners: template.roles.clone(),
        paths,
        notes,
    }
}

/// The spending paths as `proposal create --path` numbers them, and what holds for all of them.
pub(crate) fn numbered(paths: &[String], notes: &[String]) -> String {
    let mut text = "who can spend:\n".to_owned();
    for (number, path) in (1..).zip(paths) {
        text.push_str(&format!("  {number}. {}\n", escape(path)));
    }
    for note in notes {
        text.push_str(&format!("  {}\n", escape(note)));
    }
    text
}

fn list() -> Result<Answer, Error> {
    let templates = Template::builtins().map_err(|error| failure::template(&error))?;
    let policies: Vec<PolicyView> = templates.iter().map(view).collect();
    let rows = policies.iter().map(|policy| {
        [
            policy.name.clone(),
            policy.cosigners.len().to_string(),
            policy.summary.clone(),
        ]
    });
    let text =
        table(["policy", "keys", "what it is for"], rows) + "next: quorate policy show NAME\n";
    Answer::new(&PoliciesView { policies }, text)
}

fn show(template: &Template) -> Result<Answer, Error> {
    let view = view(template);
    let mut text = lines(&[
        ("policy", escape(&view.name)),
        ("title", escape(&view.title)),
        ("for", escape(&view.summary)),
        (
            "keys",
            format!(
                "{}, given in this order: {}",
                view.cosigners.len(),
                escape(&view.cosigners.join(", "))
            ),
        ),
    ]);
    text.push_str(&numbered(&view.paths, &view.notes));
    Answer::new(&view, text)
}
