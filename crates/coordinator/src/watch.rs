//! Everything on one screen.

use crate::view::{WatchView, WatchedView};
use crate::{Coordinator, Error, vault_row};

/// Events shown.
const EVENTS: usize = 50;

impl Coordinator {
    /// How one vault, or all of them, stand. The chain source isn't asked, so the part about it is left
    /// to the caller.
    pub fn watch(&mut self, vault: Option<&str>) -> Result<WatchView, Error> {
        let names: Vec<String> = self.store.read(|tx| match vault {
            Some(name) => Ok::<_, Error>(vec![vault_row(tx, name)?.name]),
            None => Ok(tx.vaults()?.into_iter().map(|row| row.name).collect()),
        })?;
        let mut view = WatchView {
            network: self.network().to_string(),
            proposals: self.proposals(vault, false)?.proposals,
            ..WatchView::default()
        };
        for name in names {
            let balance = self.balance(&name)?;
            view.vaults.push(WatchedView {
                vault: name,
                balance,
            });
        }
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
