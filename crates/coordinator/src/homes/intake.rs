//! Entries of other homes come in. Nothing in them is believed: size, version and signature are
//! checked, then the contents are judged against our own vault and proposals, all before the lock is
//! taken. What is about a proposal that isn't here yet waits for it.

use crate::threads::Threads;
use crate::view::{RefusedEntryView, TakenView};
use crate::{Coordinator, Error, find, vault_row};
use quorate_core::journal::{Body, Entry, EntryId, Judgement, Line, MemberId, judge, secret_in};
use quorate_core::keychain::Keychain;
use quorate_core::ledger::LOOKAHEAD;
use quorate_core::proposal::{Proposal, ProposalId};
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::{ReadTx, StoredVault, WriteTx};
use std::collections::BTreeMap;

/// Entries taken in under one lock, and their bytes: others may want to write in between.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// What is kept of authors whom nobody enrolled, in bytes for each vault.
const PARKED_BYTES: u64 = 64 * 1024 * 1024;

/// Something that may be an entry.
pub(crate) struct Brought {
    /// What to call it in messages: a line, a file.
    pub(crate) what: String,
    pub(crate) line: Result<Line, String>,
}

/// What became of what was brought.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) new: usize,
    pub(crate) known: usize,
    pub(crate) refused: Vec<RefusedEntryView>,
    findings: Vec<String>,
    parked: u64,
}

/// What was found when waiting entries were judged.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    refused: Vec<RefusedEntryView>,
    findings: Vec<String>,
}

impl Coordinator {
    /// Takes entries in, a batch at a time.
    pub(crate) fn take_in(
        &mut self,
        row: &StoredVault,
        vault: &Vault,
        brought: impl IntoIterator<Item = Brought>,
    ) -> Result<Taken, Error> {
        let mut taken = Taken {
            parked: self.store.read(|tx| tx.parked_bytes(row.id))?,
            ..Taken::default()
        };
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for one in brought {
            let (what, line) = match one.line {
                Ok(line) => (one.what, line),
                Err(reason) => {
                    taken.refuse(one.what, None, reason);
                    continue;
                }
            };
            bytes += line.text.len();
            batch.push((what, line));
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                self.take_batch(vault, std::mem::take(&mut batch), &mut taken)?;
                bytes = 0;
            }
        }
        self.take_batch(vault, batch, &mut taken)?;
        let settled = self.settle(vault)?;
        taken.refused.extend(settled.refused);
        taken.findings = settled.findings;
        Ok(taken)
    }

    fn take_batch(
        &mut self,
        vault: &Vault,
        batch: Vec<(String, Line)>,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        let unknown = self.store.read(|tx| {
            let mut unknown = Vec::with_capacity(batch.len());
            for (what, line) in batch {
                if tx.has_entry(EntryId::of(&line.text))? {
                    taken.known += 1;
                } else {
                    unknown.push((what, line));
                }
            }
            Ok::<_, Error>(unknown)
        })?;
        let mut judged = Vec::with_capacity(unknown.len());
        for (what, line) in unknown {
            match check(vault.id(), &line) {
                Ok(entry) => {
                    let judgement = judge(vault, &entry.content().body, None, &Threads);
                    judged.push((what, entry, judgement));
                }
                Err((author, reason)) => taken.refuse(what, author, reason),
            }
        }
        if judged.is_empty() {
            return Ok(());
        }
        // Counted only once they are committed.
        let (mut new, mut known, mut refused) = (0, 0, Vec::new());
        let mut parked = taken.parked;
        self.store.write(|tx| {
            (new, known, parked) = (0, 0, taken.parked);
            refused.clear();
            for (what, entry, judgement) in &judged {
                let author = entry.content().author;
                if !tx.is_author_known(vault.id(), author)? {
                    parked += entry.text().len() as u64;
                    if parked > PARKED_BYTES {
                        let reason = format!("more than {PARKED_BYTES} bytes of authors whom nobody enrolled aren't kept: enrol them, or clear the place where this comes from");
                        refused.push((what.clone(), Some(author), reason));
                        continue;
                    }
                }
                if !tx.take_in(entry, judgement)? {
                    known += 1;
                    continue;
                }
                new += 1;
                if let Judgement::Refused(reason) = judgement {
                    refused.push((named(entry), Some(author), reason.clone()));
                }
            }
            Ok::<_, Error>(())
        })?;
        (taken.new, taken.known) = (taken.new + new, taken.known + known);
        taken.parked = parked;
        for (what, author, reason) in refused {
            taken.refuse(what, author, reason);
        }
        Ok(())
    }

    /// Judges what was waiting for proposals that are here now, until nothing more can be judged, and
    /// takes note of the addresses that others handed out.
    pub(crate) fn settle(&mut self, vault: &Vault) -> Result<Settled, Error> {
        let mut settled = Settled::default();
        loop {
            let (waiting, proposals) = self.store.read(|tx| {
                let waiting = tx.waiting(vault.id(), BATCH)?;
                let ids = waiting.iter().filter_map(|one| one.content.body.about());
                let proposals = pinned(tx, vault, ids)?;
                Ok::<_, Error>((waiting, proposals))
            })?;
            if waiting.is_empty() {
                break;
            }
            let judged: Vec<_> = waiting
                .into_iter()
                .map(|one| {
                    let body = &one.content.body;
                    let proposal = body.about().and_then(|id| proposals.get(&id));
                    let judgement = match judge(vault, body, proposal, &Threads) {
                        Judgement::Waits(id) => {
                            Judgement::Refused(format!("proposal {id} can't be used here"))
                        }
                        judgement => judgement,
                    };
                    (one, judgement)
                })
                .collect();
            self.store.write(|tx| {
                for (one, judgement) in &judged {
                    tx.settle(one, judgement)?;
                }
                Ok::<_, Error>(())
            })?;
            for (one, judgement) in &judged {
                let what = format!("entry {}", short(&one.id.to_string()));
                let author = Some(one.content.author.to_string());
                for reason in reasons(judgement) {
                    settled.refused.push(RefusedEntryView {
                        what: what.clone(),
                        member: author.clone(),
                        reason,
                    });
                }
            }
        }
        settled.findings = self.store.write(|tx| follow_addresses(tx, vault))?;
        Ok(settled)
    }

    /// What came in, with what there is to look at now.
    pub(crate) fn taken_view(&mut self, name: &str, taken: Taken) -> Result<TakenView, Error> {
        let me = self.device.key.id();
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            let mut findings = findings(tx, &vault)?;
            findings.extend(taken.findings);
            if tx.owner(row.id)?.is_some() && !tx.may_speak(row.id, me)? {
                findings.push(format!(
                    "the vault's owner hasn't enrolled this data folder, so what it says counts here alone: hand him its id {me}"
                ));
            }
            Ok(TakenView {
                vault: row.name.clone(),
                owner: tx.owner(row.id)?.map(|owner| owner.to_string()),
                new: taken.new,
                known: taken.known,
                waiting: tx.waiting_count(row.id)?,
                refused: taken.refused,
                unknown: super::members::unknown(tx, row.id)?,
                findings,
                state: tx.state_hash(row.id)?,
            })
        })
    }

    pub(crate) fn row_and_vault(&mut self, name: &str) -> Result<(StoredVault, Vault), Error> {
        self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let vault = Self::open_vault(&row)?;
            Ok((row, vault))
        })
    }

    pub(crate) fn row_of(&mut self, id: VaultId) -> Result<(StoredVault, Vault), Error> {
        self.store.read(|tx| {
            let row = find::vault_by_id(tx, id)?;
            let vault = Self::open_vault(&row)?;
            Ok((row, vault))
        })
    }
}

impl Taken {
    fn refuse(&mut self, what: String, member: Option<MemberId>, reason: String) {
        self.refused.push(RefusedEntryView {
            what,
            member: member.map(|member| member.to_string()),
            reason,
        });
    }
}

/// Size, version, signature, vault, and no secret in it: anything else isn't even kept.
fn check(vault: VaultId, line: &Line) -> Result<Entry, (Option<MemberId>, String)> {
    let entry =
        Entry::check(&line.text, &line.signature).map_err(|error| (None, error.to_string()))?;
    let content = entry.content();
    if content.vault != vault {
        return Err((
            Some(content.author),
            format!("it belongs to another vault ({})", content.vault),
        ));
    }
    match secret_in(&content.body) {
        None => Ok(entry),
        Some(kind) => Err((
            Some(content.author),
            format!(
                "it contains {kind}, so it isn't kept: tell its author to move what that controls"
            ),
        )),
    }
}

pub(super) fn named(entry: &Entry) -> String {
    format!("entry {}", short(&entry.id().to_string()))
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Why something of an entry doesn't count.
fn reasons(judgement: &Judgement) -> Vec<String> {
    match judgement {
        Judgement::Sound | Judgement::Waits(_) => Vec::new(),
        Judgement::Partly(parts) => parts.iter().map(|part| part.reason.clone()).collect(),
        Judgement::Refused(reason) => vec![reason.clone()],
    }
}

/// Our own checked form of these proposals.
pub(super) fn pinned(
    tx: &ReadTx<'_>,
    vault: &Vault,
    ids: impl Iterator<Item = ProposalId>,
) -> Result<BTreeMap<ProposalId, Proposal>, Error> {
    let mut found = BTreeMap::new();
    for id in ids {
        if found.contains_key(&id) {
            continue;
        }
        let Some(row) = tx.proposal(id)?.filter(|row| row.vault == vault.id()) else {
            continue;
        };
        let foreign = quorate_core::psbt::read(&row.psbt)?;
        found.insert(id, Proposal::check(vault, foreign.psbt)?);
    }
    Ok(found)
}

/// Counts on from the addresses that others handed out, so that they are watched and not handed out
/// again. A gap wider than what is watched ahead isn't followed: a member could make us derive for
/// hours.
fn follow_addresses(tx: &WriteTx<'_>, vault: &Vault) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    let ledger = crate::ledger_row(tx, vault.id())?;
    for keychain in Keychain::ALL {
        let mut next = tx.ledger_next_index(ledger, keychain)?;
        let mut highest = None;
        for index in tx.revealed_from(vault.id(), keychain, next)? {
            if index > next.saturating_add(LOOKAHEAD) {
                break;
            }
            highest = Some(index);
            next = index.saturating_add(1);
        }
        if let Some(index) = highest {
            let watched = tx.ledger_script(ledger, keychain, index)?.is_some();
            if !watched && tx.ledger_cursor(ledger)?.is_some() {
                findings.push(format!(
                    "{keychain} addresses up to {index} were handed out elsewhere, further than blocks were searched for: `quorate sync VAULT --rescan-from` looks for payments to them"
                ));
            }
            tx.ledger_reveal(vault, keychain, index)?;
        }
    }
    Ok(findings)
}

/// What people should look at: addresses handed out twice, or so far ahead that nobody watches them.
pub(crate) fn findings(tx: &ReadTx<'_>, vault: &Vault) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    let addresses = tx.addresses(vault.id())?;
    for pair in addresses.windows(2) {
        let [first, second] = pair else { continue };
        if (first.keychain, first.index) == (second.keychain, second.index) {
            let keychain = first.keychain;
            findings.push(format!(
                "{keychain} address {} was handed out by two homes ({} and {}): whoever was given it may be paid twice at one address",
                first.index,
                short(&first.author.to_string()),
                short(&second.author.to_string()),
            ));
        }
    }
    let ledger = crate::ledger_row(tx, vault.id())?;
    for keychain in Keychain::ALL {
        let next = tx.ledger_next_index(ledger, keychain)?;
        let far = tx.revealed_from(vault.id(), keychain, next)?;
        if let Some(index) = far.first() {
            findings.push(format!(
                "{keychain} address {index} was handed out far beyond those in use ({next} is the next): payments to it aren't looked for"
            ));
        }
    }
    Ok(findings)
}

/// Who says of itself that it made the vault.
pub(crate) fn founders(tx: &ReadTx<'_>, vault: VaultId) -> Result<Vec<MemberId>, Error> {
    let mut founders = Vec::new();
    for (author, body) in tx.foundings(vault)? {
        if matches!(body, Body::VaultAdded { owner: Some(owner), .. } if owner == author) {
            founders.push(author);
        }
    }
    Ok(founders)
}
