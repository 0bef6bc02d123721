//! Chain sources: what each says of itself, what is remembered of them, and which of them a vault's
//! figures come from.

use crate::sync::{Start, SyncError, start};
use crate::view::{AsOfView, RescanView, SourceView, SourcesView};
use crate::{Coordinator, Error, vault_row};
use quorate_chain::failover::{Circuit, Failover, Health, Probe};
use quorate_chain::{ChainError, ChainSource};
use quorate_core::ledger::{Birth, VaultRow};
use quorate_core::vault::VaultId;
use quorate_storage::{Origin, ReadTx, StoredSource};

/// How often the start of a rescan is looked for while the chain moves.
const TRIES: u32 = 3;

/// Looks at every source, also at those that are left alone.
pub fn sources(sources: &mut Failover) -> SourcesView {
    let (probes, notes) = sources.probe();
    SourcesView {
        sources: probes.into_iter().map(source_view).collect(),
        notes,
    }
}

impl Coordinator {
    /// What earlier processes have seen of a source.
    pub fn source_health(&mut self, name: &str) -> Result<Option<Health>, Error> {
        let stored = self.store.read(|tx| tx.source(name))?;
        Ok(stored.map(|stored| Health {
            failures: stored.failures,
            since: stored.since,
            open_until: stored.open_until,
            last_failure: stored.last_failure,
        }))
    }

    /// Keeps for later processes what this one has seen.
    pub fn remember_sources(&mut self, news: Vec<(String, Health)>) -> Result<(), Error> {
        if news.is_empty() {
            return Ok(());
        }
        self.store.write(|tx| {
            for (name, health) in news {
                tx.remember_source(&StoredSource {
                    name,
                    failures: health.failures,
                    since: health.since,
                    open_until: health.open_until,
                    last_failure: health.last_failure,
                })?;
            }
            Ok::<_, Error>(())
        })
    }

    /// Has the next sync look at a vault's blocks again, from `from` on, also below its birth. What is
    /// known stays until it is found again. Nothing is changed if the source hasn't got the blocks.
    pub fn rescan(
        &mut self,
        name: &str,
        from: Birth,
        source: &dyn ChainSource,
    ) -> Result<RescanView, Error> {
        let (row, ledger, birth) = self.store.read(|tx| {
            let row = vault_row(tx, name)?;
            let ledger = crate::ledger_row(tx, row.id)?;
            let all = tx.ledger_vaults()?;
            let known = all.into_iter().find(|vault| vault.row == ledger);
            Ok::<_, Error>((row, ledger, known.map(|vault| vault.birth)))
        })?;
        for _ in 0..TRIES {
            let status = source.status()?;
            self.check_network(&status)?;
            if let Birth::Height(height) = from
                && height > status.tip.height
            {
                return Err(Error::input(
                    "above_tip",
                    format!(
                        "{} is at block {}, so there is nothing to look at from block {height} on",
                        source.name(),
                        status.tip.height
                    ),
                )
                .hint("name a lower block, or a day"));
            }
            let Some(start) = start(source, &status, from)? else {
                continue;
            };
            if let Some(available) = status.pruned_below.filter(|&first| first > start.first) {
                return Err(Error::refused(
                    "pruned",
                    format!("{} is pruned and the first block it has is {available}, so vault {} can't be looked up from block {} on: nothing was changed", source.name(), row.name, start.first),
                )
                .hint(format!("name a node that isn't pruned with --node, or look from block {available} on")));
            }
            let birth = earlier_birth(birth, from, &start);
            let (done, to) = self.store.write(|tx| {
                let done = tx.ledger_rescan(ledger, start.before, birth)?;
                let origin = tx.ledger_origin(ledger)?;
                Ok::<_, Error>((done, origin.and_then(|origin| origin.rescan_to)))
            })?;
            if done {
                return Ok(RescanView {
                    vault: row.name,
                    from: start.first,
                    to,
                });
            }
            // The chain has moved below what we followed: catch up, then begin again.
            let now = u32::try_from(self.now).unwrap_or(u32::MAX);
            crate::sync::sync_at(&mut self.store, source, &mut |_| (), now)?;
        }
        Err(SyncError::Moving {
            source_name: source.name().to_owned(),
        }
        .into())
    }
}

/// The birth to write down, if the rescan begins before the one that is there.
fn earlier_birth(birth: Option<Birth>, from: Birth, start: &Start) -> Option<Birth> {
    let earlier = match (birth?, from) {
        (Birth::Height(old), _) => start.first < old,
        (Birth::Time(old), Birth::Time(new)) => new < old,
        (Birth::Time(old), Birth::Height(_)) => start.time < old,
    };
    earlier.then_some(match from {
        Birth::Height(_) => Birth::Height(start.first),
        Birth::Time(time) => Birth::Time(time),
    })
}

fn source_view(probe: Probe) -> SourceView {
    let status = probe.status.as_ref().ok();
    let failure = probe.status.as_ref().err().map(ChainError::reason);
    let syncing = status.and_then(|status| status.syncing);
    let open_until = match probe.circuit {
        Circuit::Open(until) => Some(until),
        Circuit::Closed | Circuit::HalfOpen => None,
    };
    let (last_failure_at, last_failure) = probe.health.last_failure.clone().unzip();
    let downloading = syncing.map(|_| "it is still downloading the chain".to_owned());
    SourceView {
        reachable: status.is_some(),
        usable: status.is_some() && probe.left_out.is_none() && syncing.is_none(),
        network: status.map(|status| status.network.to_string()),
        height: status.map(|status| status.tip.height),
        hash: status.map(|status| status.tip.hash.to_string()),
        time: probe.tip_time,
        pruned_below: status.and_then(|status| status.pruned_below),
        syncing_percent: syncing.map(|share| (share.clamp(0.0, 1.0) * 1000.0).floor() / 10.0),
        breaker: probe.circuit.word(),
        since: Some(probe.health.since).filter(|&since| since > 0),
        open_until,
        failures: probe.health.failures,
        last_failure,
        last_failure_at,
        problem: failure.or(probe.left_out).or(downloading),
        name: probe.name,
    }
}

impl From<Origin> for AsOfView {
    fn from(origin: Origin) -> Self {
        Self {
            source: origin.source,
            height: origin.height,
            time: origin.time,
            synced_at: origin.synced_at,
            rescanning_to: origin.rescan_to,
        }
    }
}

/// Where a vault's figures come from; `None` if it was never looked at.
pub(crate) fn as_of(tx: &ReadTx<'_>, vault: VaultId) -> Result<Option<AsOfView>, Error> {
    let Some(row) = tx.ledger_row(vault)? else {
        return Ok(None);
    };
    as_of_row(tx, row)
}

fn as_of_row(tx: &ReadTx<'_>, row: VaultRow) -> Result<Option<AsOfView>, Error> {
    Ok(tx.ledger_origin(row)?.map(AsOfView::from))
}

/// Where the figures of all vaults come from: those of the one that is furthest behind.
pub(crate) fn as_of_all(tx: &ReadTx<'_>) -> Result<Option<AsOfView>, Error> {
    let mut last: Option<AsOfView> = None;
    for vault in tx.ledger_vaults()? {
        let view = as_of_row(tx, vault.row)?;
        let age = |view: &AsOfView| (view.height, view.synced_at);
        if let Some(view) = view
            && last.as_ref().is_none_or(|last| age(&view) < age(last))
        {
            last = Some(view);
        }
    }
    Ok(last)
}
