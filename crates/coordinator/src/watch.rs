//! Everything on one screen.

use crate::vault::balance;
use crate::view::{WatchView, WatchedView};
use crate::{Coordinator, Error, vault_row};

/// Events shown.
const EVENTS: usize = 50;

impl Coordinator {
    /// How one vault, or all of them, stand. The chain source isn't asked, so the part about it is left
    /// to the caller.
    pub fn watch(&mut self, vault: Option<&str>) -> Result<WatchView, Error> {
        let now = self.now;
        let vaults = self.store.read(|tx| {
            let rows = match vault {
                Some(name) => vec![vault_row(tx, name)?],
                None => tx.vaults()?,
            };
            let shown = rows.into_iter().map(|row| {
                let balance = balance(tx, &row, now)?;
                Ok(WatchedView {
                    vault: row.name,
                    balance,
                })
            });
            shown.collect::<Result<_, Error>>()
        })?;
        let mut view = WatchView {
            network: self.network().to_string(),
            proposals: self.proposals(vault, false)?.proposals,
            vaults,
            ..WatchView::default()
        };
        let mut events = self.latest_events(EVENTS)?.events;
        events.retain(|event| match (vault, &event.vault) {
            (Some(_), Some(of)) => view.vaults.iter().any(|shown| shown.vault == *of),
            _ => true,
        });
        events.reverse();
        view.events = events;
        Ok(view)
    }
}
