//! A vault's journal as one file.

use super::intake::Brought;
use crate::view::JournalImportView;
use crate::{Coordinator, Error, Moment, vault_row};
use quorate_core::journal::{Entry, JournalFile, write_file};
use quorate_core::vault::VaultId;
use quorate_storage::DamagedEntry;

/// A journal as text, and what it is of.
#[derive(Debug)]
pub struct JournalText {
    /// The vault's name here.
    pub vault: String,
    /// Its id.
    pub vault_id: String,
    /// Entries in it.
    pub entries: usize,
    /// The file's text.
    pub text: String,
}

impl Coordinator {
    /// All entries of a vault as one file, parked ones too: whom they concern may know their author.
    pub fn export_journal(&mut self, vault: &str) -> Result<JournalText, Error> {
        self.store.read(|tx| {
            let row = vault_row(tx, vault)?;
            let entries = sound(tx.journal(Some(row.id))?)?;
            Ok(JournalText {
                text: write_file(row.id, &entries),
                vault: row.name,
                vault_id: row.id.to_string(),
                entries: entries.len(),
            })
        })
    }

    /// Takes in a journal file. The vault must be here; a damaged file gives what is sound in it.
    /// `owner` names the vault's owner first, where none is known yet.
    pub fn import_journal(
        &mut self,
        name: &str,
        bytes: &[u8],
        owner: Option<&str>,
        moment: Moment,
    ) -> Result<JournalImportView, Error> {
        let bad = |reason: &str| Error::input("bad_journal", format!("{name}: {reason}"));
        let text = std::str::from_utf8(bytes).map_err(|_| bad("it isn't text"))?;
        let file = JournalFile::read(text).map_err(|error| bad(&error.to_string()))?;
        let (row, vault) = self.row_of(file.vault).map_err(|error| error.about(name))?;
        if let Some(owner) = owner {
            self.name_first_owner(row.id, &row.name, owner, moment)?;
        }
        let brought = (2..).zip(file.lines).map(|(line, content)| Brought {
            what: format!("{name}, line {line}"),
            line: content.map_err(|error| error.to_string()),
        });
        let taken = self.take_in(&row, &vault, brought)?;
        Ok(JournalImportView {
            taken: self.taken_view(&row.name, taken)?,
            fault: file.fault,
        })
    }

    fn name_first_owner(
        &mut self,
        id: VaultId,
        vault: &str,
        owner: &str,
        moment: Moment,
    ) -> Result<(), Error> {
        let given = super::members::parse(owner)?;
        match self.store.read(|tx| tx.owner(id))? {
            Some(known) if known != given => Err(Error::refused(
                "other_owner",
                format!("here the owner of vault `{vault}` is {known}"),
            )
            .hint(format!(
                "if it is another one now, say so with `quorate member trust {vault} {given}`"
            ))),
            Some(_) => Ok(()),
            None => self.trust(vault, owner, moment).map(|_| ()),
        }
    }
}

/// The entries, if every one of them is sound.
pub(super) fn sound(all: Vec<Result<Entry, DamagedEntry>>) -> Result<Vec<Entry>, Error> {
    let checked = all.into_iter().map(|entry| {
        entry.map_err(|DamagedEntry { number, fault }| {
            Error::storage(
                "damaged",
                format!("entry {number} of the journal is damaged: {fault}"),
            )
            .hint("run `quorate journal verify`")
        })
    });
    checked.collect()
}
