//! The list of proposals: what is asked, of whom, by when, and what is missing. Of a finished one
//! neither the transaction nor a signature is read, and one that can't be read costs no other.

use super::show;
use crate::facts::{Known, settled};
use crate::opened::Opened;
use crate::sources::{as_of, as_of_all};
use crate::view::{ProposalLineView, ProposalsView};
use crate::{Coordinator, Error, vault_row};
use bitcoin::Address;
use quorate_core::proposal::{ProposalId, Stage, Status};
use quorate_storage::{ProposalHead, ReadTx, StorageError};

/// The word for a proposal that can't be read.
pub(crate) const DAMAGED: &str = "damaged";

impl Coordinator {
    /// The proposals of a vault or of all, oldest first: those that can still happen or need
    /// somebody's decision, or all of them.
    pub fn proposals(&mut self, vault: Option<&str>, all: bool) -> Result<ProposalsView, Error> {
        let now = self.now;
        self.store.read(|tx| {
            let only = vault
                .map(|name| vault_row(tx, name))
                .transpose()?
                .map(|row| row.id);
            let mut vaults = Opened::new(tx);
            let mut view = ProposalsView {
                proposals: Vec::new(),
                finished: 0,
                as_of: match only {
                    Some(vault) => as_of(tx, vault)?,
                    None => as_of_all(tx)?,
                },
            };
            for (id, head) in tx.proposal_heads(only)? {
                let line = line(tx, &mut vaults, id, head, all, now);
                match line {
                    Ok(Some(line)) => view.proposals.push(line),
                    Ok(None) => view.finished += 1,
                    Err(error) => view.proposals.push(damaged(id, &error)),
                }
            }
            Ok(view)
        })
    }
}

/// Whether there is nothing left to do about a proposal.
const fn is_finished(status: Status, stage: Stage) -> bool {
    match status {
        Status::Draft
        | Status::Collecting
        | Status::Ready
        | Status::Broadcast
        | Status::Conflicted => false,
        Status::Rejected => matches!(stage, Stage::Closed(_)),
        Status::Confirmed | Status::Replaced | Status::Abandoned | Status::Expired => true,
    }
}

/// `None` for a finished one that wasn't asked for.
fn line(
    tx: &ReadTx<'_>,
    vaults: &mut Opened<'_, '_>,
    id: ProposalId,
    head: Result<ProposalHead, StorageError>,
    all: bool,
    now: u64,
) -> Result<Option<ProposalLineView>, Error> {
    let head = head?;
    let finished = settled(tx, &head, now)?;
    let finished = finished.filter(|status| is_finished(*status, head.stage));
    if finished.is_some() && !all {
        return Ok(None);
    }
    let (row, vault) = vaults.get(head.vault)?;
    if let Some(status) = finished {
        let payee = head.payee.as_ref();
        let payee = payee.and_then(|script| Address::from_script(script, vault.network()).ok());
        return Ok(Some(ProposalLineView {
            id: id.to_string(),
            vault: row.name.clone(),
            status: status.word().to_owned(),
            amount_sat: head.sent.to_sat(),
            to: payee.map(|address| address.to_string()),
            label: match head.txid {
                Some(txid) => crate::labels::words(tx, row.id, "tx", &txid.to_string(), None)?,
                None => None,
            },
            payees: head.payees,
            memo: head.memo,
            missing: Vec::new(),
            needed: 0,
            threshold: 0,
            objectors: Vec::new(),
            expires_at: head.expires,
            next: None,
            fault: None,
        }));
    }
    let stored = tx.proposal(id)?;
    let stored = stored.ok_or_else(|| Error::storage("damaged", "a proposal vanished"))?;
    let known = Known::load(tx, vault, stored, now)?;
    let mut line = show::line(row, vault, &known);
    line.label = crate::labels::words(tx, row.id, "tx", &known.txid.to_string(), None)?;
    Ok(Some(line))
}

fn damaged(id: ProposalId, error: &Error) -> ProposalLineView {
    ProposalLineView {
        id: id.to_string(),
        vault: String::new(),
        status: DAMAGED.to_owned(),
        amount_sat: 0,
        to: None,
        label: None,
        payees: 0,
        memo: None,
        missing: Vec::new(),
        needed: 0,
        threshold: 0,
        objectors: Vec::new(),
        expires_at: None,
        next: Some("quorate journal verify".to_owned()),
        fault: Some(error.to_string()),
    }
}
