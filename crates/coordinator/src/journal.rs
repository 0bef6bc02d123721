//! The journal as people see it, and whether it holds.

use crate::view::{EntryView, JournalView, StateView, VerifyView};
use crate::{Coordinator, Error, vault_row};
use bitcoin::bip32::Xpub;
use quorate_core::journal::{Body, ChainFault, Entry, Judgement, MemberId, check_chain};
use quorate_core::key::KeyIdentity;
use quorate_core::text::escape;
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{DamagedEntry, TableDifference};
use std::collections::{BTreeMap, BTreeSet};

impl Coordinator {
    /// The entries of a vault, in the order in which they arrived.
    pub fn journal(&mut self, vault: &str) -> Result<JournalView, Error> {
        let me = self.device.key.id();
        self.store.read(|tx| {
            let row = vault_row(tx, vault)?;
            // A journal can be read where the vault's row is damaged; then keys stand for names.
            let vault = Self::open_vault(&row).ok();
            let name = |key: &Xpub| name_of(vault.as_ref(), key);
            let owner = tx.owner(row.id)?;
            let uncounted = tx.uncounted(row.id)?;
            let twice: BTreeMap<MemberId, Vec<u64>> = tx
                .authors(row.id)?
                .into_iter()
                .map(|author| (author.author, author.said_twice))
                .collect();
            let mut entries = Vec::new();
            for entry in tx.journal(Some(row.id))? {
                let entry = entry.map_err(|DamagedEntry { number, fault }| {
                    Error::storage(
                        "damaged",
                        format!("entry {number} of the journal is damaged: {fault}"),
                    )
                    .hint("run `quorate journal verify`")
                })?;
                let content = entry.content();
                let mut remarks = Vec::new();
                if twice
                    .get(&content.author)
                    .is_some_and(|numbers| numbers.contains(&content.seq))
                {
                    remarks.push("its author wrote two entries with this number".to_owned());
                }
                if uncounted.contains(&entry.id()) {
                    remarks.push("parked: its author isn't enrolled".to_owned());
                }
                let owners_word = matches!(
                    content.body,
                    Body::MemberAdded { .. } | Body::MemberRemoved { .. }
                );
                if owners_word && owner != Some(content.author) {
                    remarks.push("doesn't count: only the owner enrols and removes".to_owned());
                }
                match tx.judgement(entry.id())? {
                    Some(Judgement::Refused(reason)) => remarks.push(format!("refused: {reason}")),
                    Some(Judgement::Partly(parts)) => remarks.extend(
                        parts
                            .iter()
                            .map(|part| format!("refused in part: {}", part.reason)),
                    ),
                    Some(Judgement::Waits(_)) if content.author != me => {
                        remarks.push("waits for its proposal".to_owned());
                    }
                    Some(Judgement::Sound | Judgement::Waits(_)) | None => {}
                }
                entries.push(entry_view(&entry, &name, &remarks));
            }
            Ok(JournalView { entries })
        })
    }

    /// Checks every entry (text, id, signature), every author's chain, and whether the tables are
    /// what the entries say. Changes nothing, unless `repair` is set and the entries are sound:
    /// then the tables are made anew.
    pub fn verify(&mut self, vault: Option<&str>, repair: bool) -> Result<VerifyView, Error> {
        // Signatures are verified outside the lock; if somebody appends meanwhile, all over again.
        for _ in 0..MAX_TRIES {
            if let Some(view) = self.try_verify(vault, repair)? {
                return Ok(view);
            }
        }
        Err(Error::refused(
            "journal_grows",
            "the journal grows all the time, so it can't be compared with the tables: try again when it is quiet",
        ))
    }

    /// `None` when the journal grew meanwhile.
    fn try_verify(
        &mut self,
        vault: Option<&str>,
        repair: bool,
    ) -> Result<Option<VerifyView>, Error> {
        let (only, all) = self.store.read(|tx| {
            let row = vault.map(|name| vault_row(tx, name)).transpose()?;
            Ok::<_, Error>((row.map(|row| row.id), tx.journal(None)?))
        })?;
        let length = all.len();
        let asked_for = |id: VaultId| only.is_none_or(|only| only == id);
        let (entries, mut faults) = sound(all);
        let mut notes = Vec::new();
        let vaults: BTreeSet<VaultId> = entries.iter().map(|entry| entry.content().vault).collect();
        for id in vaults.into_iter().filter(|id| asked_for(*id)) {
            let of_vault = entries.iter().filter(|entry| entry.content().vault == id);
            // Others' chains may have gaps, and what others said twice isn't this home's fault.
            let (ours, others): (Vec<ChainFault>, Vec<ChainFault>) = check_chain(of_vault)
                .into_iter()
                .partition(|fault| fault.author() == self.device.key.id());
            faults.extend(ours.iter().map(ToString::to_string));
            notes.extend(others.iter().take(MAX_NOTES).map(ToString::to_string));
            if let Some(more) = others.len().checked_sub(MAX_NOTES).filter(|more| *more > 0) {
                notes.push(format!("and {more} more of that kind"));
            }
            let of_vault: Vec<&Entry> = entries
                .iter()
                .filter(|entry| entry.content().vault == id)
                .collect();
            faults.extend(self.judge_anew(id, &of_vault, repair)?);
        }
        let repair = repair && faults.is_empty();
        let Some(differences) = self.compare(&entries, length, repair)? else {
            return Ok(None);
        };
        if repair {
            self.settle_all()?;
        } else {
            faults.extend(differences.iter().map(|table| {
                format!(
                    "table {} isn't what the entries say: {} rows missing, {} too many",
                    table.table, table.missing, table.extra
                )
            }));
        }
        let states = self.store.read(|tx| {
            let rows = tx.vaults()?.into_iter().filter(|row| asked_for(row.id));
            rows.map(|row| {
                Ok(StateView {
                    state: tx.state_hash(row.id)?,
                    vault: row.name,
                })
            })
            .collect::<Result<_, Error>>()
        })?;
        Ok(Some(VerifyView {
            notes,
            states,
            entries: entries
                .iter()
                .filter(|entry| asked_for(entry.content().vault))
                .count(),
            faults,
            projection_matches: differences.is_empty(),
            rebuilt: repair && !differences.is_empty(),
        }))
    }

    /// Replays the entries and says where the tables differed; keeps the new ones if `repair`.
    fn compare(
        &mut self,
        entries: &[Entry],
        length: usize,
        repair: bool,
    ) -> Result<Option<Vec<TableDifference>>, Error> {
        let mut found = None;
        let undone: Result<(), Checked> = self.store.write(|tx| {
            if tx.journal_length()? == length {
                let differences = tx.rebuild(entries)?.differences;
                let keep = repair && !differences.is_empty();
                found = Some(differences);
                if keep {
                    return Ok(());
                }
            }
            Err(Checked::Undo)
        });
        match undone {
            Ok(()) | Err(Checked::Undo) => Ok(found),
            Err(Checked::Failed(error)) => Err(error),
        }
    }
}

/// Notes about others' chains that are shown: a stranger can make any number of gaps.
const MAX_NOTES: usize = 100;
/// How often a comparison begins anew.
const MAX_TRIES: usize = 20;

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

/// The sound entries, and a sentence about each of the others.
fn sound(all: Vec<Result<Entry, DamagedEntry>>) -> (Vec<Entry>, Vec<String>) {
    let mut faults = Vec::new();
    let mut entries = Vec::with_capacity(all.len());
    for entry in all {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(DamagedEntry { number, fault }) => {
                faults.push(format!("entry {number} is damaged: {fault}"))
            }
        }
    }
    (entries, faults)
}

fn entry_view(entry: &Entry, name: &dyn Fn(&Xpub) -> String, remarks: &[String]) -> EntryView {
    let content = entry.content();
    EntryView {
        id: entry.id().to_string(),
        author: content.author.to_string(),
        seq: content.seq,
        at: content.at,
        kind: content.body.kind().to_owned(),
        summary: summary(&content.body, name),
        remark: (!remarks.is_empty()).then(|| remarks.join("; ")),
    }
}

fn name_of(vault: Option<&Vault>, key: &Xpub) -> String {
    let cosigners = vault.into_iter().flat_map(Vault::cosigners);
    let mut same = cosigners.filter(|one| one.key.identity() == KeyIdentity::from(key));
    same.next()
        .map_or_else(|| key.to_string(), |one| escape(&one.name))
}

/// What an entry of the vault says, in one sentence; of a vault that can't be read with keys for names.
pub(crate) fn summary_of(body: &Body, vault: Option<&Vault>) -> String {
    summary(body, &|key| name_of(vault, key))
}

/// `name` says what this home calls a cosigner.
fn summary(body: &Body, name: &dyn Fn(&Xpub) -> String) -> String {
    let short = |id: &quorate_core::proposal::ProposalId| id.to_string()[..12].to_owned();
    let member = |id: &MemberId| id.to_string()[..12].to_owned();
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
        Body::VaultAttested { cosigner, note, .. } => {
            format!("{} stands for the vault{}", name(cosigner), quoted(note))
        }
        Body::KeyProven {
            cosigner, record, ..
        } => format!(
            "key of {} proven by {}",
            name(cosigner),
            match record {
                Some(_) => "its key record",
                None => "a signed spend that can't happen",
            }
        ),
        Body::VaultRetired { note } => format!("vault retired{}", quoted(note)),
        Body::KeyNoted { cosigner, .. } => {
            format!("what is known of the key of {}", name(cosigner))
        }
        Body::LabelsSet { lines } => match lines.as_slice() {
            [one] => format!("label {}", escape(one)),
            many => format!("{} labels", many.len()),
        },
        Body::OwnerNamed { owner } => format!("this home takes {} for the owner", member(owner)),
        Body::MemberAdded {
            member: id, name, ..
        } => {
            format!("member {} enrolled as {}", member(id), escape(name))
        }
        Body::MemberRemoved {
            member: id, last, ..
        } => {
            format!(
                "member {} removed, what it said counts up to number {last}",
                member(id)
            )
        }
        Body::AddressRevealed {
            keychain,
            index,
            label,
        } => format!("{keychain} address {index}{}", quoted(label)),
        Body::ProposalOpened {
            proposal,
            memo,
            draft,
            replaces,
            ..
        } => {
            let kind = if *draft { "draft" } else { "proposal" };
            let place = replaces
                .as_ref()
                .map(|old| format!(" in the place of {}", short(old)));
            let place = place.unwrap_or_default();
            format!("{kind} {}{place}{}", short(proposal), quoted(memo))
        }
        Body::ProposalSubmitted { proposal } => {
            format!("draft {} opened for signing", short(proposal))
        }
        Body::WordGiven {
            proposal,
            cosigner,
            word,
            note,
        } => format!(
            "{} {} proposal {}{}",
            name(cosigner),
            word.text(),
            short(proposal),
            quoted(note)
        ),
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
                quorate_core::journal::CloseReason::Superseded => "superseded",
            };
            format!("proposal {} {word}{}", short(proposal), quoted(note))
        }
    }
}
