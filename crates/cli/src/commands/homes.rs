//! Journals between data folders: as a file, or through a folder that others share.

use super::member;
use crate::context::Context;
use crate::files;
use crate::output::Answer;
use quorate_coordinator::Error;
use quorate_coordinator::view::{JournalExportView, TakenView};
use quorate_core::text::escape;
use std::path::Path;

pub(crate) fn export(
    vault: &str,
    output: &Path,
    force: bool,
    context: &Context,
) -> Result<Answer, Error> {
    let journal = context.coordinator()?.export_journal(vault)?;
    files::write(output, journal.text.as_bytes(), force)?;
    let view = JournalExportView {
        vault: journal.vault,
        vault_id: journal.vault_id,
        entries: journal.entries,
        file: output.display().to_string(),
    };
    let text = format!(
        "{} written to {}\nnext: quorate journal import FILE, in the other data folder\n",
        entries(view.entries, ""),
        files::name(output)
    );
    Answer::new(&view, text)
}

pub(crate) fn import(file: &Path, owner: Option<&str>, context: &Context) -> Result<Answer, Error> {
    let name = files::name(file);
    let mut coordinator = context.coordinator()?;
    let bytes = files::read(file, files::JOURNAL_LIMIT)?;
    let view = coordinator.import_journal(&name, &bytes, owner, Context::moment()?)?;
    let text = taken(&view.taken);
    let fault = view.fault.as_ref().map(|fault| {
        Error::refused("damaged_file", format!("{name}: {fault}"))
            .hint("what is sound in it was taken in; export it again and import the new file too")
    });
    Ok(Answer::new(&view, text)?.but(fault))
}

pub(crate) fn folder(vault: &str, folder: &Path, context: &Context) -> Result<Answer, Error> {
    let view = context.coordinator()?.sync_folder(vault, folder)?;
    let mut text = taken(&view.taken);
    text.push_str(&format!(
        "{} written to the folder\n",
        entries(view.written, "")
    ));
    for skipped in &view.skipped {
        text.push_str(&format!(
            "passed over: {}: {}\n",
            escape(&skipped.file),
            escape(&skipped.reason)
        ));
    }
    Answer::new(&view, text)
}

fn entries(count: usize, what: &str) -> String {
    let word = if count == 1 { "entry" } else { "entries" };
    format!("{count} {what}{word}")
}

/// Entries and what they do.
pub(crate) fn waiting(count: usize) -> String {
    if count == 1 {
        "1 entry waits".to_owned()
    } else {
        format!("{count} entries wait")
    }
}

fn taken(view: &TakenView) -> String {
    let mut text = format!(
        "{}, {} known before\n",
        entries(view.new, "new "),
        view.known
    );
    if view.waiting > 0 {
        text.push_str(&format!(
            "{} for proposals that aren't here yet\n",
            waiting(view.waiting)
        ));
    }
    for refused in &view.refused {
        let member = refused
            .member
            .as_deref()
            .map(|member| format!(" of member {}", crate::table::short(member)));
        text.push_str(&format!(
            "refused: {}{}: {}\n",
            escape(&refused.what),
            member.unwrap_or_default(),
            escape(&refused.reason)
        ));
    }
    text.push_str(&member::unknown(
        &view.unknown,
        &view.vault,
        view.owner.is_some(),
    ));
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    text.push_str(&format!(
        "state of {}: {}\n",
        escape(&view.vault),
        view.state
    ));
    if view.new > 0 {
        // Others may know coins that this data folder hasn't seen.
        text.push_str(&format!("next: quorate sync {}\n", escape(&view.vault)));
    }
    text
}
