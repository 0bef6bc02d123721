//! What was judged about the entries of other homes, judged once more: for `journal verify`, and to
//! mend it.

use super::intake::{named, pinned};
use crate::threads::Threads;
use crate::{Coordinator, Error};
use quorate_core::journal::{Entry, EntryId, Judgement, MemberId, judge};
use quorate_core::vault::{Vault, VaultId};
use quorate_storage::ReadTx;

impl Coordinator {
    /// Judges the sound entries of a vault anew and says where another answer is kept, or none. With
    /// `repair` the new answers are kept instead, and nothing is said.
    pub(crate) fn judge_anew(
        &mut self,
        id: VaultId,
        entries: &[&Entry],
        repair: bool,
    ) -> Result<Vec<String>, Error> {
        let me = self.device.key.id();
        let wrong = self.store.read(|tx| {
            match tx.vault(id)?.map(|row| Self::open_vault(&row)).transpose() {
                Ok(Some(vault)) => wrong(tx, &vault, me, entries),
                // A damaged row is told of when the tables are compared.
                Ok(None) | Err(_) => Ok(Vec::new()),
            }
        })?;
        if repair {
            self.store.write(|tx| {
                for (entry, judgement) in &wrong {
                    tx.judge_again(entry.id(), id, judgement)?;
                }
                Ok::<_, Error>(())
            })?;
            return Ok(Vec::new());
        }
        let wrong = wrong.iter().map(|(entry, _)| {
            let entry = named(entry);
            format!("what was judged about {entry} isn't what it deserves")
        });
        Ok(wrong.collect())
    }

    /// Settles what a repair left waiting, in every vault that can be opened.
    pub(crate) fn settle_all(&mut self) -> Result<(), Error> {
        let rows = self.store.read(|tx| tx.vaults())?;
        for row in rows {
            if let Ok(vault) = Self::open_vault(&row) {
                self.settle(&vault)?;
            }
        }
        Ok(())
    }
}

/// The entries about which something else is kept than what they deserve, with that.
fn wrong<'a>(
    tx: &ReadTx<'_>,
    vault: &Vault,
    me: MemberId,
    entries: &[&'a Entry],
) -> Result<Vec<(&'a Entry, Judgement)>, Error> {
    let ids = entries
        .iter()
        .filter_map(|entry| entry.content().body.about());
    let proposals = pinned(tx, vault, ids)?;
    let mut wrong = Vec::new();
    for entry in entries {
        let body = &entry.content().body;
        let kept = match kept(tx, entry.id(), entry.content().author == me)? {
            Kept::Own => continue,
            Kept::Lost => None,
            Kept::Judged(judgement) => Some(judgement),
        };
        let proposal = body.about().and_then(|id| proposals.get(&id));
        let anew = judge(vault, body, proposal, &Threads);
        let same = kept.as_ref().is_some_and(|kept| {
            // What waits here may have been judged before its proposal ceased to count.
            *kept == anew
                || matches!(
                    (&anew, kept),
                    (Judgement::Waits(_), _) | (_, Judgement::Waits(_))
                )
        });
        if !same {
            wrong.push((*entry, anew));
        }
    }
    Ok(wrong)
}

enum Kept {
    /// This home wrote it, by its own rules.
    Own,
    Lost,
    Judged(Judgement),
}

fn kept(tx: &ReadTx<'_>, id: EntryId, is_own: bool) -> Result<Kept, Error> {
    Ok(match tx.judgement(id)? {
        Some(judgement) => Kept::Judged(judgement),
        None if is_own => Kept::Own,
        None => Kept::Lost,
    })
}
