//! The journal as people see it, and whether it holds.

use crate::view::{EntryView, JournalView, VerifyView};
use crate::{Coordinator, Error, vault_row};
use quorate_core::journal::{Body, Entry, check_chain};
use quorate_core::text::escape;
use quorate_core::vault::VaultId;
use quorate_storage::DamagedEntry;
use std::collections::BTreeSet;

impl Coordinator {
    /// The entries of a vault, in the order in which they arrived.
    pub fn journal(&mut self, vault: &str) -> Result<JournalView, Error> {
        let entries = self.store.read(|tx| {
            let row = vault_row(tx, vault)?;
            Ok::<_, Error>(tx.journal(Some(row.id))?)
        })?;
        let entries = entries.into_iter().map(|entry| match entry {
            Ok(entry) => Ok(entry_view(&entry)),
            Err(DamagedEntry { number, fault }) => Err(Error::storage(
                "damaged",
                format!("entry {number} of the journal is damaged: {fault}"),
            )
            .hint("run `quorate journal verify`")),
        });
        Ok(JournalView {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// Checks every entry (text, id, signature), every author's chain, and whether the tables are
    /// what the entries say. Changes nothing, unless `repair` is set and the entries are sound:
    /// then the tables are made anew.
    pub fn verify(&mut self, vault: Option<&str>, repair: bool) -> Result<VerifyView, Error> {
        let (only, all) = self.store.read(|tx| {
            let only = vault
                .map(|name| vault_row(tx, name))
                .transpose()?
                .map(|row| row.id);
            Ok::<_, Error>((only, tx.journal(None)?))
        })?;
        let mut faults = Vec::new();
        let mut entries: Vec<Entry> = Vec::with_capacity(all.len());
        for entry in all {
            match entry {
                Ok(entry) => entries.push(entry),
                Err(DamagedEntry { number, fault }) => {
                    faults.push(format!("entry {number} is damaged: {fault}"))
                }
            }
        }
        let vaults: BTreeSet<VaultId> = entries.iter().map(|entry| entry.content().vault).collect();
        for id in vaults
            .iter()
            .filter(|id| only.is_none_or(|only| only == **id))
        {
            let of_vault = entries.iter().filter(|entry| entry.content().vault == *id);
            faults.extend(check_chain(of_vault).iter().map(ToString::to_string));
        }
        let count = entries
            .iter()
            .filter(|entry| only.is_none_or(|only| only == entry.content().vault))
            .count();
        let repair = repair && faults.is_empty();
        let mut differences = Vec::new();
        let checked: Result<(), Checked> = self.store.write(|tx| {
            let rebuilt = tx.rebuild(&entries)?;
            differences = rebuilt.differences;
            if repair && !differences.is_empty() {
                Ok(())
            } else {
                Err(Checked::Undo)
            }
        });
        if let Err(Checked::Failed(error)) = checked {
            return Err(error);
        }
        let matches = differences.is_empty();
        if !repair {
            faults.extend(differences.iter().map(|table| {
                format!(
                    "table {} isn't what the entries say: {} rows missing, {} too many",
                    table.table, table.missing, table.extra
                )
            }));
        }
        Ok(VerifyView {
            entries: count,
            faults,
            projection_matches: matches,
            rebuilt: repair && !matches,
        })
    }
}

/// How a rebuild that is only a comparison ends: rolled back.
enum Checked {
    Undo,
    Failed(Error),
}

impl From<quorate_storage::StorageError> for Checked {
    fn from(error: quorate_storage::StorageError) -> Self {
        Self::Failed(error.into())
    }
}

fn entry_view(entry: &Entry) -> EntryView {
    let content = entry.content();
    EntryView {
        id: entry.id().to_string(),
        author: content.author.to_string(),
        seq: content.seq,
        at: content.at,
        kind: content.body.kind().to_owned(),
        summary: summary(&content.body),
    }
}

fn summary(body: &Body) -> String {
    let short = |id: &quorate_core::proposal::ProposalId| id.to_string()[..12].to_owned();
    let quoted = |text: &Option<String>| {
        text.as_ref()
            .map(|text| format!(" \"{}\"", escape(text)))
            .unwrap_or_default()
    };
    match body {
        Body::VaultAdded {
            name, cosigners, ..
        } => {
            format!(
                "vault {} with {}",
                escape(name),
                escape(&cosigners.join(", "))
            )
        }
        Body::AddressRevealed {
            keychain,
            index,
            label,
        } => format!("{keychain} address {index}{}", quoted(label)),
        Body::ProposalOpened { proposal, memo, .. } => {
            format!("proposal {}{}", short(proposal), quoted(memo))
        }
        Body::ContributionAdded {
            proposal,
            signatures,
        } => {
            format!(
                "{} signature{} for proposal {}",
                signatures.len(),
                if signatures.len() == 1 { "" } else { "s" },
                short(proposal)
            )
        }
        Body::ProposalReleased { proposal, .. } => {
            format!("final transaction of proposal {} let go", short(proposal))
        }
        Body::ProposalClosed {
            proposal,
            reason,
            note,
        } => {
            let word = match reason {
                quorate_core::journal::CloseReason::Abandoned => "abandoned",
                quorate_core::journal::CloseReason::Expired => "expired",
                quorate_core::journal::CloseReason::Rejected => "rejected",
            };
            format!("proposal {} {word}{}", short(proposal), quoted(note))
        }
    }
}
