//! Several chain sources behind one: the first healthy one is asked, and when it can't answer, the
//! next. What a source does wrong is remembered by its breaker, so that the next question, and the
//! next process, goes straight to one that answers.
//!
//! A refusal is an answer: a transaction that one source refuses isn't carried to another. A source
//! that is on another network, or has another genesis block, is left out and named.
//!
//! Answers of two sources need not belong together. Who asks several questions that must fit looks
//! at [`ChainSource::generation`] before and after.

mod answers;
mod breaker;
mod compare;
mod opening;
mod probe;
mod schedule;
mod script;

pub use breaker::{Circuit, Health};
pub use opening::{Patience, open_all};
pub use probe::Probe;
pub use schedule::Schedule;

use crate::{ChainError, ChainSource, foreign};
use bitcoin::Network;
use bitcoin::blockdata::constants::genesis_block;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

/// Time and randomness, which the program's outermost part gives.
pub trait Clock: fmt::Debug + Send {
    /// Seconds since 1970.
    fn now(&self) -> u64;
    /// Since some moment; never goes back.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn pause(&self, time: Duration);
    /// A random number.
    fn random(&self) -> u64;
}

/// One of the sources.
#[derive(Debug)]
struct Member {
    source: Box<dyn ChainSource>,
    health: RefCell<Health>,
    /// Whether `health` isn't what it was at the start.
    changed: Cell<bool>,
    /// Whether it was looked at in this process: network, genesis, caught up.
    admitted: Cell<bool>,
    /// Why it is not to be used at all, if so.
    left_out: RefCell<Option<String>>,
}

/// Several chain sources behind one.
#[derive(Debug)]
pub struct Failover {
    members: Vec<Member>,
    /// The network that all must be on; where it isn't given, that of the first to answer.
    network: Cell<Option<Network>>,
    schedule: Schedule,
    clock: Box<dyn Clock>,
    /// The one that answered last.
    current: Cell<Option<usize>>,
    generation: Cell<u64>,
    /// What went wrong on the way, in sentences.
    remarks: RefCell<Vec<String>>,
}

impl Failover {
    /// Over these sources, the preferred first, with what is remembered of each by its name. There
    /// must be one at least.
    pub fn new(
        sources: Vec<Box<dyn ChainSource>>,
        remembered: impl Fn(&str) -> Option<Health>,
        network: Option<Network>,
        schedule: Schedule,
        clock: Box<dyn Clock>,
    ) -> Result<Self, ChainError> {
        if sources.is_empty() {
            return Err(ChainError::NoneAnswers { reasons: vec![] });
        }
        let member = |source: Box<dyn ChainSource>| Member {
            health: RefCell::new(remembered(source.name()).unwrap_or_default()),
            source,
            changed: Cell::new(false),
            admitted: Cell::new(false),
            left_out: RefCell::new(None),
        };
        Ok(Self {
            members: sources.into_iter().map(member).collect(),
            network: Cell::new(network),
            schedule,
            clock,
            current: Cell::new(None),
            generation: Cell::new(0),
            remarks: RefCell::default(),
        })
    }

    /// What there is to remember: sources whose state isn't what it was when they were opened, or since they
    /// were last asked for.
    #[must_use]
    pub fn take_news(&self) -> Vec<(String, Health)> {
        let changed = self.members.iter().filter(|member| member.changed.take());
        changed
            .map(|member| {
                let name = member.source.name().to_owned();
                (name, member.health.borrow().clone())
            })
            .collect()
    }

    /// What went wrong on the way, in sentences; each is told once.
    #[must_use]
    pub fn take_remarks(&self) -> Vec<String> {
        self.remarks.take()
    }

    fn is_alone(&self) -> bool {
        self.members.len() == 1
    }

    /// Whom to ask, in this order: who answered last, then the others that may be asked. When that is
    /// nobody, all: nobody is to be locked out by what is remembered.
    fn order(&self) -> Vec<usize> {
        let now = self.clock.now();
        let usable: Vec<usize> = (0..self.members.len())
            .filter(|&at| self.members[at].left_out.borrow().is_none())
            .collect();
        let is_open = |at: &usize| {
            let health = self.members[*at].health.borrow();
            matches!(health.circuit(now), Circuit::Open(_))
        };
        let mut order: Vec<usize> = usable.iter().copied().filter(|at| !is_open(at)).collect();
        if order.is_empty() {
            order = usable;
        }
        if let Some(current) = self.current.get() {
            // Stable: the others stay in their order.
            order.sort_by_key(|&at| at != current);
        }
        order
    }

    /// Asks one after the other until somebody answers, then again after a while.
    fn ask<T>(
        &self,
        question: impl Fn(&dyn ChainSource) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        self.ask_on(None, question)
    }

    /// The same with a question that holds words of an earlier answer, which `author` gave: others
    /// needn't know what that is, and it is no fault of theirs.
    fn ask_on<T>(
        &self,
        author: Option<usize>,
        question: impl Fn(&dyn ChainSource) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let start = self.clock.elapsed();
        let mut order = self.order();
        let mut repeats = 0;
        // The last of each.
        let mut failures: Vec<(usize, ChainError)> = Vec::new();
        loop {
            for at in order {
                let late = self.clock.elapsed().saturating_sub(start) >= self.schedule.total;
                if late && !failures.is_empty() {
                    break;
                }
                let member = &self.members[at];
                let answer = self
                    .admit(at)
                    .and_then(|()| question(member.source.as_ref()));
                match answer {
                    Ok(answer) => {
                        self.answered(at, &failures);
                        return Ok(answer);
                    }
                    Err(error) => {
                        let strange = matches!(error, ChainError::BadAnswer { .. });
                        if !strange || author.is_none_or(|author| author == at) {
                            self.failed(at, &error);
                        }
                        failures.retain(|(before, _)| *before != at);
                        failures.push((at, error));
                    }
                }
            }
            // Only who can't be reached may answer better in a moment.
            order = failures
                .iter()
                .filter(|(_, error)| matches!(error, ChainError::Unreachable { .. }))
                .map(|(at, _)| *at)
                .collect();
            let elapsed = self.clock.elapsed().saturating_sub(start);
            let wait = self.schedule.wait(repeats, elapsed, self.clock.random());
            match wait.filter(|_| !order.is_empty()) {
                Some(wait) => self.clock.pause(wait),
                None => return Err(self.nobody(failures)),
            }
            repeats += 1;
        }
    }

    /// Looks at a source before its first question: one that is alone is judged by its answers.
    fn admit(&self, at: usize) -> Result<(), ChainError> {
        let member = &self.members[at];
        if member.admitted.get() || self.is_alone() {
            return Ok(());
        }
        let status = member.source.status()?;
        let network = self.network.get().unwrap_or(status.network);
        let genesis = genesis_block(network).block_hash();
        let reason = if status.network != network {
            Some(format!("it is on {}, not on {network}", status.network))
        } else {
            let found = member.source.block_hash(0)?;
            (found != Some(genesis)).then(|| format!("its first block is not that of {network}"))
        };
        if let Some(reason) = reason {
            return Err(self.leave_out(at, network, status.network, &reason));
        }
        if let Some(share) = status.syncing {
            return Err(ChainError::Unreachable {
                source_name: member.source.name().to_owned(),
                reason: format!(
                    "it is still downloading the chain ({:.0} % so far)",
                    (share * 100.0).floor()
                ),
            });
        }
        self.network.set(Some(network));
        member.admitted.set(true);
        Ok(())
    }

    fn leave_out(&self, at: usize, expected: Network, found: Network, reason: &str) -> ChainError {
        let member = &self.members[at];
        let name = member.source.name();
        self.remark(format!("{name} is left out: {reason}"));
        *member.left_out.borrow_mut() = Some(reason.to_owned());
        ChainError::OtherChain {
            source_name: name.to_owned(),
            reason: reason.to_owned(),
            found,
            expected,
        }
    }

    fn answered(&self, at: usize, failures: &[(usize, ChainError)]) {
        let member = &self.members[at];
        if member.health.borrow_mut().succeeded(self.clock.now()) {
            member.changed.set(true);
        }
        let before = self.current.replace(Some(at));
        if before.is_some_and(|before| before != at) {
            self.generation.set(self.generation.get() + 1);
        }
        for (from, error) in failures.iter().filter(|(from, _)| *from != at) {
            if self.members[*from].left_out.borrow().is_none() {
                let name = member.source.name();
                self.remark(format!("{error}; {name} was asked instead"));
            }
        }
    }

    fn failed(&self, at: usize, error: &ChainError) {
        let member = &self.members[at];
        if matches!(
            error,
            ChainError::OtherChain { .. } | ChainError::CannotBeAsked { .. }
        ) {
            return; // Healthy, but of no use here.
        }
        let words = error.reason();
        let random = self.clock.random();
        let mut health = member.health.borrow_mut();
        health.failed(self.clock.now(), foreign(&words), random);
        member.changed.set(true);
        // After a breakdown it may be another node.
        member.admitted.set(false);
    }

    fn nobody(&self, mut failures: Vec<(usize, ChainError)>) -> ChainError {
        if self.is_alone()
            && let Some((_, error)) = failures.pop()
        {
            return error;
        }
        let left_out = self.members.iter().filter_map(|member| {
            let reason = member.left_out.borrow();
            let name = member.source.name();
            reason.as_ref().map(|reason| format!("{name}: {reason}"))
        });
        // Those that were left out are on another chain: if that is all, it is what has to be told.
        if failures
            .iter()
            .all(|(_, error)| matches!(error, ChainError::OtherChain { .. }))
            && let Some((_, error)) = failures.pop()
        {
            return error;
        }
        let failed = failures
            .iter()
            .filter(|(_, error)| !matches!(error, ChainError::OtherChain { .. }));
        let reasons = failed.map(|(_, error)| error.to_string()).chain(left_out);
        ChainError::NoneAnswers {
            reasons: reasons.collect(),
        }
    }

    fn remark(&self, sentence: String) {
        let mut remarks = self.remarks.borrow_mut();
        if !remarks.contains(&sentence) {
            remarks.push(sentence);
        }
    }
}

#[cfg(test)]
mod tests;
