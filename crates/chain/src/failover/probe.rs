//! Looking at every source, for a person who wants to know.

use super::compare::difference;
use super::{Circuit, Failover, Health, Member};
use crate::{ChainError, ChainStatus};
use bitcoin::Network;
use bitcoin::blockdata::constants::genesis_block;
use std::thread;

/// What was seen of a source.
#[derive(Debug)]
pub struct Probe {
    /// Its name, without credentials.
    pub name: String,
    /// What it says of itself, or why it says nothing.
    pub status: Result<ChainStatus, ChainError>,
    /// Header time of its best block, seconds since 1970.
    pub tip_time: Option<u32>,
    /// What is remembered of it, this look included.
    pub health: Health,
    /// Whether it may be asked.
    pub circuit: Circuit,
    /// Why it is not used although it answers.
    pub left_out: Option<String>,
}

type Seen = Result<(ChainStatus, Option<u32>, Option<String>), ChainError>;

impl Failover {
    /// Looks at all sources at once, those left alone too: a person asked for it. Then the answers are
    /// compared; the second list has a sentence about each contradiction.
    pub fn probe(&mut self) -> (Vec<Probe>, Vec<String>) {
        let network = self.network.get();
        let seen: Vec<Seen> = thread::scope(|scope| {
            let looks: Vec<_> = self
                .members
                .iter_mut()
                .map(|member| scope.spawn(move || member.look(network)))
                .collect();
            let gone = || ChainError::NoneAnswers { reasons: vec![] };
            let join = |look: thread::ScopedJoinHandle<'_, Seen>| look.join();
            looks
                .into_iter()
                .map(|look| join(look).unwrap_or_else(|_| Err(gone())))
                .collect()
        });
        let now = self.clock.now();
        let mut probes = Vec::new();
        for (at, seen) in seen.into_iter().enumerate() {
            match &seen {
                Ok(_) => {
                    let member = &self.members[at];
                    if member.health.borrow_mut().succeeded(now) {
                        member.changed.set(true);
                    }
                }
                Err(error) => self.failed(at, error),
            }
            let (status, tip_time, left_out) = match seen {
                Ok((status, time, left_out)) => (Ok(status), time, left_out),
                Err(error) => (Err(error), None, None),
            };
            let member = &self.members[at];
            let health = member.health.borrow().clone();
            *member.left_out.borrow_mut() = left_out.clone();
            probes.push(Probe {
                name: member.source.name().to_owned(),
                status,
                tip_time,
                circuit: health.circuit(now),
                health,
                left_out,
            });
        }
        let notes = self.contradictions(&probes);
        (probes, notes)
    }

    /// Every usable source against the first one.
    fn contradictions(&self, probes: &[Probe]) -> Vec<String> {
        let usable = |(at, probe): (usize, &'_ Probe)| match &probe.status {
            Ok(status) if probe.left_out.is_none() => Some((at, status.clone())),
            _ => None,
        };
        let mut usable = probes.iter().enumerate().filter_map(usable);
        let Some((first, ours)) = usable.next() else {
            return Vec::new();
        };
        let source = |at: usize| self.members[at].source.as_ref();
        usable
            .filter_map(|(at, other)| {
                let found = difference(source(first), &ours, source(at), &other);
                found.unwrap_or_else(|error| Some(error.to_string()))
            })
            .collect()
    }
}

impl Member {
    fn look(&mut self, network: Option<Network>) -> Seen {
        let status = self.source.status()?;
        let time = self.source.block_time(status.tip.height)?;
        let expected = network.unwrap_or(status.network);
        let left_out = if status.network == expected {
            let genesis = genesis_block(expected).block_hash();
            let found = self.source.block_hash(0)?;
            (found != Some(genesis)).then(|| format!("its first block is not that of {expected}"))
        } else {
            Some(format!("it is on {}, not on {expected}", status.network))
        };
        Ok((status, time, left_out))
    }
}
