//! Whether two sources tell of the same chain. They may differ in their last blocks, when one is
//! faster than the other or a reorg is under way; below that, one of the two is wrong.

use super::{Circuit, Failover};
use crate::{ChainError, ChainSource, ChainStatus};

/// How many of the last blocks may differ.
const REORG: u32 = 6;

impl Failover {
    /// Holds the source that answered last against each other one that may be asked, and keeps a
    /// sentence about each that contradicts it or can't be asked.
    pub(super) fn compare(&self) {
        let Some(current) = self.current.get().filter(|_| !self.is_alone()) else {
            return;
        };
        let ours = &self.members[current].source;
        let Ok(status) = ours.status() else {
            return; // The next question says so.
        };
        let now = self.clock.now();
        for at in (0..self.members.len()).filter(|&at| at != current) {
            let member = &self.members[at];
            let circuit = member.health.borrow().circuit(now);
            if member.left_out.borrow().is_some() || matches!(circuit, Circuit::Open(_)) {
                continue;
            }
            let other = self.admit(at).and_then(|()| member.source.status());
            let compared = other.and_then(|other| {
                let found = difference(ours.as_ref(), &status, member.source.as_ref(), &other)?;
                if member.health.borrow_mut().succeeded(now) {
                    member.changed.set(true);
                }
                Ok(found)
            });
            match compared {
                Ok(None) => {}
                Ok(Some(sentence)) => self.remark(sentence),
                Err(error) => {
                    self.failed(at, &error);
                    if member.left_out.borrow().is_none() {
                        self.remark(format!("{error}; nothing could be compared with it"));
                    }
                }
            }
        }
    }
}

/// How two sources contradict each other, in a sentence.
pub(super) fn difference(
    ours: &dyn ChainSource,
    our_status: &ChainStatus,
    other: &dyn ChainSource,
    other_status: &ChainStatus,
) -> Result<Option<String>, ChainError> {
    let (a, b) = (ours.name(), other.name());
    let (tip_a, tip_b) = (our_status.tip.height, other_status.tip.height);
    let differs = |height| -> Result<bool, ChainError> {
        Ok(ours.block_hash(height)? != other.block_hash(height)?)
    };
    let settled = tip_a.min(tip_b).saturating_sub(REORG);
    if differs(settled)? {
        // The chains are the same up to some block, and never again above it.
        let (mut low, mut high) = (0, settled);
        while low < high {
            let middle = low + (high - low) / 2;
            if differs(middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return Ok(Some(format!(
            "{a} and {b} tell of different chains from block {low} on ({} blocks deep, more than a \
             reorg explains): one of them is wrong, so trust no figure before a third source has \
             told which",
            tip_a.min(tip_b) - low + 1
        )));
    }
    let behind = |slow: &str, fast: &str, blocks: u32| {
        format!(
            "{slow} is {blocks} blocks behind {fast}: payments in those blocks aren't seen there"
        )
    };
    Ok(
        match (tip_a.saturating_sub(tip_b), tip_b.saturating_sub(tip_a)) {
            (0, blocks) if blocks > REORG => Some(behind(a, b, blocks)),
            (blocks, 0) if blocks > REORG => Some(behind(b, a, blocks)),
            _ => None,
        },
    )
}
