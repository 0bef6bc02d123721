//! Several sources by scripts. A source of the other kind can't answer then: the sync plans anew with it.

use super::Failover;
use crate::{Branch, ChainError, ChainSource, ScriptSource};
use bitcoin::block::Header;
use bitcoin::{ScriptBuf, Transaction, Txid};
use quorate_core::ledger::{Listed, ScriptStatus};

impl Failover {
    /// Whether the one that answers now serves histories of scripts.
    pub(super) fn serves_scripts(&self) -> bool {
        let at = self.current.get().or_else(|| self.order().first().copied());
        at.is_some_and(|at| self.members[at].source.by_script().is_some())
    }

    fn ask_by_script<T>(
        &self,
        question: impl Fn(&dyn ScriptSource) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        self.ask_on(
            self.current.get(),
            |source: &dyn ChainSource| match source.by_script() {
                Some(source) => question(source),
                None => Err(ChainError::CannotBeAsked {
                    source_name: source.name().to_owned(),
                    what: "for histories of scripts",
                }),
            },
        )
    }
}

impl ScriptSource for Failover {
    fn statuses(&self, scripts: &[ScriptBuf]) -> Result<Vec<Option<ScriptStatus>>, ChainError> {
        self.ask_by_script(|source| source.statuses(scripts))
    }

    fn histories(&self, scripts: &[ScriptBuf]) -> Result<Vec<Vec<Listed>>, ChainError> {
        self.ask_by_script(|source| source.histories(scripts))
    }

    fn transactions(&self, txids: &[Txid]) -> Result<Vec<Option<Transaction>>, ChainError> {
        self.ask_by_script(|source| source.transactions(txids))
    }

    fn branches(&self, places: &[(Txid, u32)]) -> Result<Vec<Option<Branch>>, ChainError> {
        self.ask_by_script(|source| source.branches(places))
    }

    fn headers(&self, heights: &[u32]) -> Result<Vec<Option<Header>>, ChainError> {
        self.ask_by_script(|source| source.headers(heights))
    }

    fn headers_from(&self, from: u32, count: u32) -> Result<Vec<Header>, ChainError> {
        self.ask_by_script(|source| source.headers_from(from, count))
    }
}
