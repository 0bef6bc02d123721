//! Backups of vaults, and homes made anew from them.

use crate::view::{RestoredView, VaultView};
use crate::{Coordinator, Error, Moment, vault_row};
use quorate_core::backup::{Backup, BackupError, BackupHead, BackupParts};
use quorate_core::journal::Body;
use quorate_core::keychain::Keychain;

impl From<BackupError> for Error {
    fn from(error: BackupError) -> Self {
        Self::input("bad_backup", error.to_string())
    }
}

impl Coordinator {
    /// Everything about a vault that isn't a key, for sealing.
    pub fn backup(&mut self, name: &str, moment: Moment) -> Result<Backup, Error> {
        let journal = self.export_journal(name)?.text;
        let labels = self.label_lines(name)?;
        let me = self.device.key.id();
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let next = |keychain| tx.ledger_next_index(ledger, keychain);
            let mut journal_head = Vec::new();
            for author in tx.authors(row.id)? {
                if let Some((number, entry)) = tx.journal_head(row.id, author.author)? {
                    journal_head.push(BackupHead {
                        member: author.author,
                        number,
                        entry,
                    });
                }
            }
            let standing = crate::setup::standing(tx, &row, &vault)?;
            let mine = tx.foundings(row.id)?.into_iter();
            let mut births = mine.filter_map(|(author, body)| match body {
                Body::VaultAdded { birth, .. } if author == me => Some(birth),
                _ => None,
            });
            let birthday = births
                .next()
                .unwrap_or(quorate_core::journal::Birth::Height(0));
            let parts = BackupParts {
                created_at: moment.now,
                name: row.name.clone(),
                proven: standing
                    .iter()
                    .map(|one| one.proven.map(ToOwned::to_owned))
                    .collect(),
                birthday,
                home: me,
                owner: tx.owner(row.id)?,
                session: row.session,
                next_index: [next(Keychain::Receive)?, next(Keychain::Change)?],
                labels,
                state: tx.state_hash(row.id)?,
                journal_head,
                journal,
            };
            Ok(Backup::of(&vault, parts))
        })
    }

    /// Makes the vault of a backup in this home. Again after a crash it goes on where it was.
    pub fn restore(
        &mut self,
        text: &str,
        name: Option<&str>,
        moment: Moment,
    ) -> Result<RestoredView, Error> {
        let (backup, vault) = Backup::read(text)?;
        if backup.network != self.network() {
            return Err(Error::refused(
                "wrong_network",
                format!(
                    "the backup is of a vault on {}, this home is for {}",
                    backup.network,
                    self.network()
                ),
            )
            .hint("name another home with --home"));
        }
        let there = self.store.read(|tx| tx.vault(vault.id()))?;
        let name = match there {
            Some(row) => row.name,
            None => {
                let name = name.unwrap_or(&backup.name);
                let founding = crate::vault::Founding {
                    birth: backup.birthday,
                    session: backup.session,
                    ..Default::default()
                };
                self.add_vault(name, &vault, founding, moment)?;
                name.to_owned()
            }
        };
        let owner = backup.owner.unwrap_or(backup.home).to_string();
        let taken = self.import_journal(
            "the backup's journal",
            backup.journal.as_bytes(),
            Some(&owner),
            moment,
        )?;
        let view: VaultView = self.vault(&name)?;
        let (state, next) = self.store.read(|tx| {
            let row = vault_row(tx, &name)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let next = |keychain| tx.ledger_next_index(ledger, keychain);
            let next = [next(Keychain::Receive)?, next(Keychain::Change)?];
            Ok::<_, Error>((tx.state_hash(row.id)?, next))
        })?;
        let labels = self.label_lines(&name)?;
        let mut differences = Vec::new();
        for (what, differs) in [
            (
                "the journal's state",
                state != backup.state && backup.owner.is_some(),
            ),
            ("the next addresses", next != backup.next_index),
            ("the labels", labels != backup.labels),
        ] {
            if differs {
                differences.push(format!("{what} differ from what the backup says"));
            }
        }
        Ok(RestoredView {
            made_at: backup.created_at,
            entries: taken.taken.new,
            next_index: next,
            differences,
            vault: view,
        })
    }

    /// The labels of a vault as lines of BIP-0329.
    pub(crate) fn label_lines(&mut self, name: &str) -> Result<Vec<serde_json::Value>, Error> {
        let labels = self.labels(name)?.labels.into_iter();
        labels
            .map(|label| {
                serde_json::from_str(&label.line)
                    .map_err(|_| Error::storage("damaged", "a stored label can't be read"))
            })
            .collect()
    }
}
