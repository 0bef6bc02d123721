//! Stub for the interface only.
use crate::view::SyncView;
use crate::{Coordinator, Error};
use quorate_chain::ChainSource;

/// How far a sync has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncProgress {
    /// Height of the last block matched.
    pub height: u32,
    /// Height of the tip.
    pub tip: u32,
}

impl Coordinator {
    /// Looks at what is new on the chain, then hands over again what was let go and got lost.
    pub fn sync(
        &mut self,
        source: &dyn ChainSource,
        _progress: &mut dyn FnMut(SyncProgress),
    ) -> Result<SyncView, Error> {
        let chain = source.status()?;
        self.check_network(&chain)?;
        let mut view = SyncView {
            height: chain.tip.height,
            hash: chain.tip.hash.to_string(),
            blocks: 0,
            transactions: 0,
            reorganized: 0,
            rebroadcast: vec![],
            problems: vec![],
        };
        self.rebroadcast(source, &mut view)?;
        Ok(view)
    }
}
