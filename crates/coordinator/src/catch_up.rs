//! Bringing the home up to date: the ledger first, then what was let go and got lost.

use crate::sources::as_of_all;
use crate::sync::{SyncError, SyncProgress, sync_at, sync_from};
use crate::view::SyncView;
use crate::{Coordinator, Error, Moment};
use quorate_chain::ChainSource;

impl Coordinator {
    /// Follows the chain source for all vaults, then hands over again every released transaction
    /// that is neither in the mempool nor in a block.
    pub fn sync(
        &mut self,
        source: &dyn ChainSource,
        moment: Moment,
        progress: &mut dyn FnMut(SyncProgress),
    ) -> Result<SyncView, Error> {
        let status = source.status()?;
        self.check_network(&status)?;
        let now = u32::try_from(moment.now).unwrap_or(u32::MAX);
        let report = sync_from(&mut self.store, source, status, progress, now)?;
        let mut problems = Vec::new();
        for left_out in &report.left_out {
            problems.push(format!(
                "vault {} isn't up to date: it needs block {}, the chain source has blocks from {} on only",
                self.vault_name(left_out.vault)?,
                left_out.needed,
                left_out.available
            ));
        }
        for vault in &report.started_over {
            let name = self.vault_name(*vault)?;
            problems.push(format!(
                "vault {name} was looked up from its birth again, so long ago did the chain part"
            ));
        }
        let mut view = SyncView {
            height: report.tip.height,
            hash: report.tip.hash.to_string(),
            blocks: report.blocks,
            transactions: report.new_transactions,
            reorganized: report.reorg_depth.unwrap_or(0),
            rebroadcast: Vec::new(),
            problems,
            as_of: None,
        };
        view.problems.extend(self.alerts()?);
        self.rebroadcast(source, &mut view)?;
        // What was just handed over is in the mempool now: let the ledger know.
        if !view.rebroadcast.is_empty() {
            sync_at(&mut self.store, source, progress, now)?;
        }
        view.problems.extend(source.remarks());
        view.as_of = self.store.read(as_of_all)?;
        self.tick(moment);
        self.settle_events(Some(report.tip.height))?;
        Ok(view)
    }

    /// Recovery paths that are open or open soon, of all vaults.
    fn alerts(&mut self) -> Result<Vec<String>, Error> {
        self.store.read(|tx| {
            let mut alerts = Vec::new();
            let rows = tx.vaults()?.into_iter();
            for row in rows.filter(crate::recovery::may_open_by_age) {
                let ledger = crate::ledger_row(tx, row.id)?;
                let Some(tip) = tx.ledger_balance(ledger)?.height else {
                    continue;
                };
                let alert = crate::recovery::alert(tx, &row, ledger, tip)?;
                alerts.extend(alert.map(|alert| format!("vault {}: {alert}", row.name)));
            }
            Ok(alerts)
        })
    }

    fn vault_name(&mut self, id: quorate_core::vault::VaultId) -> Result<String, Error> {
        let row = self.store.read(|tx| tx.vault(id))?;
        Ok(row.map_or_else(|| id.to_string(), |row| row.name))
    }
}

impl From<SyncError> for Error {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Chain(error) => error.into(),
            SyncError::Storage(error) => error.into(),
            SyncError::WrongNetwork { .. } => Self::refused("wrong_network", error.to_string()),
            SyncError::StillSyncing { .. } => Self::chain("still_syncing", error.to_string()),
            SyncError::Pruned { .. } => Self::refused("pruned", error.to_string()),
            SyncError::Moving { .. } => Self::chain("unstable_source", error.to_string()),
        }
    }
}
