//! What is made out of the grammar itself: completions, man pages, the reference.

use crate::args::{grammar, whole};
use crate::files;
use crate::output::Answer;
use clap_complete::Shell;
use quorate_coordinator::Error;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate completions bash > ~/.local/share/bash-completion/completions/quorate
  quorate completions fish > ~/.config/fish/completions/quorate.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate man | man -l -
  quorate man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder for one page per command
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Answer, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut grammar(), "quorate", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    Answer::new(
        &json!({ "shell": args.shell.to_string(), "script": text }),
        text,
    )
}

pub(crate) fn man(args: &ManArgs) -> Result<Answer, Error> {
    let root = whole();
    let mut pages = Vec::new();
    collect(&root, "", &mut |name, command| {
        pages.push((name.to_owned(), page(command)))
    });
    let Some(folder) = &args.dir else {
        let page = pages
            .into_iter()
            .next()
            .map(|(_, page)| page)
            .unwrap_or_default();
        return Answer::new(&json!({ "page": page }), page);
    };
    let mut written = Vec::new();
    for (name, page) in pages {
        let path = folder.join(format!("{name}.1"));
        write(&path, &page)?;
        written.push(path.display().to_string());
    }
    let text = format!(
        "wrote {} pages into {}\n",
        written.len(),
        files::shown(folder)
    );
    Answer::new(&json!({ "files": written }), text)
}

/// A manual page is for everybody on the machine, and replaces the one of the version before.
fn write(path: &Path, page: &str) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, page))
        .map_err(|error| {
            Error::input(
                "unwritable_file",
                format!("{} can't be written: {error}", files::shown(path)),
            )
        })
}

fn page(command: &clap::Command) -> String {
    let man = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    // Writing into memory doesn't fail.
    let _ = man.render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

/// The reference: what `--help` says, of every command.
pub(crate) fn markdown() -> Result<Answer, Error> {
    let root = whole();
    let mut text = "# Command line reference\n\n\
        Made by `quorate reference`; a test checks that it is what the program says of itself.\n"
        .to_owned();
    collect(&root, "", &mut |name, command| {
        let title = name.replace('-', " ");
        let help = own(command, name != root.get_name())
            .render_long_help()
            .to_string();
        text.push_str(&format!(
            "\n## {title}\n\n```text\n{}\n```\n",
            help.trim_end()
        ));
    });
    Answer::new(&json!({ "markdown": text }), text)
}

/// A command below the first without the options of every command, which stand there already.
fn own(command: &clap::Command, is_below: bool) -> clap::Command {
    let of_every_command = ["home", "node", "json", "help"];
    command.clone().mut_args(|arg| {
        let hide = is_below && of_every_command.contains(&arg.get_id().as_str());
        if hide { arg.hide(true) } else { arg }
    })
}

/// Every command that isn't hidden, with its name in full: `quorate-vault-create`.
fn collect(command: &clap::Command, above: &str, each: &mut dyn FnMut(&str, &clap::Command)) {
    if command.is_hide_set() {
        return;
    }
    let name = match above {
        "" => command.get_name().to_owned(),
        above => format!("{above}-{}", command.get_name()),
    };
    each(&name, command);
    for below in command.get_subcommands() {
        collect(below, &name, each);
    }
}
