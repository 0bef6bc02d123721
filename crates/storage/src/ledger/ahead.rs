//! Scripts that will be asked for next, derived while the caller does something else. A first look at a busy
//! vault asks for a hundred, writes what it found at them, and asks for the next hundred: without this only
//! one core has work while it writes.
//!
//! Nobody depends on a helper: whoever asks derives what isn't there yet itself.

use bitcoin::ScriptBuf;
use quorate_core::keychain::Keychain;
use quorate_core::vault::{Vault, VaultError};
use quorate_core::workers::{Alone, Workers};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Scripts that one takes upon itself at a time: the last ones are waited for.
const PIECE: u32 = 2;
/// How far helpers derive beyond what was asked for; what is never asked for was derived in vain.
const BEYOND: u32 = 128;

/// One address chain, whose scripts are asked for in order.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    /// The index asked for next.
    asked: u32,
    /// Whether something couldn't be derived: then nothing is derived ahead any more.
    failed: bool,
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, keychain) = (self.shared.vault.id(), self.shared.keychain);
        write!(f, "Ahead({id}, {keychain:?}, {})", self.asked)
    }
}

struct Shared {
    vault: Vault,
    keychain: Keychain,
    state: Mutex<State>,
    /// A piece is there, or given up.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The first index that nobody has taken.
    next: u32,
    /// Up to where helpers derive.
    limit: u32,
    helpers: usize,
    /// What was derived, by its first index; `None` where that failed or was given up.
    pieces: BTreeMap<u32, (u32, Option<Vec<ScriptBuf>>)>,
}

impl Ahead {
    /// The chain from index `start` on.
    pub(super) fn new(vault: &Vault, keychain: Keychain, start: u32) -> Self {
        let state = State {
            next: start,
            ..State::default()
        };
        let shared = Shared {
            vault: vault.clone(),
            keychain,
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
            asked: start,
            failed: false,
        }
    }

    /// The index that has to be asked for next.
    pub(super) const fn asked(&self) -> u32 {
        self.asked
    }

    /// The next `count` scripts. Helpers, begun by `workers`, share the work and go on after it.
    ///
    /// # Errors
    /// When an index is too large or can't be derived; the same will be asked for again.
    pub(super) fn take(
        &mut self,
        count: u32,
        workers: &dyn Workers,
    ) -> Result<Vec<ScriptBuf>, VaultError> {
        let wanted = self.asked..self.asked.saturating_add(count);
        let shared = &self.shared;
        let scripts = match self.failed {
            true => shared
                .vault
                .scripts(shared.keychain, wanted.clone(), &Alone),
            false => {
                shared.call_helpers(wanted.end, workers);
                while let Some(piece) = shared.take(wanted.end) {
                    shared.derive(piece);
                }
                shared.collect(&wanted)
            }
        };
        self.failed |= scripts.is_err();
        let scripts = scripts?;
        self.asked = wanted.end;
        Ok(scripts)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_helpers(self: &Arc<Self>, asked: u32, workers: &dyn Workers) {
        let wanted = workers.count().saturating_sub(1);
        let mut state = self.lock();
        state.limit = asked.saturating_add(BEYOND);
        let missing = wanted.saturating_sub(state.helpers);
        state.helpers += missing;
        drop(state);
        for _ in 0..missing {
            // Counted off by its drop, also where it is dropped without having run.
            let helper = Helper(Arc::clone(self));
            workers.begin(Box::new(move || helper.run()));
        }
    }

    /// Some of what nobody has taken below `limit`.
    fn take(&self, limit: u32) -> Option<Range<u32>> {
        let mut state = self.lock();
        let first = state.next;
        (first < limit).then(|| {
            state.next = limit.min(first.saturating_add(PIECE));
            first..state.next
        })
    }

    fn derive(&self, piece: Range<u32>) {
        // Given up if deriving panics: then whoever waits for it comes upon the same.
        let mut taken = Taken {
            shared: self,
            piece: piece.clone(),
            scripts: None,
        };
        taken.scripts = self.vault.scripts(self.keychain, piece, &Alone).ok();
    }

    /// All of `wanted`, every piece of which was taken by somebody.
    fn collect(&self, wanted: &Range<u32>) -> Result<Vec<ScriptBuf>, VaultError> {
        let mut scripts = Vec::with_capacity(wanted.len());
        let mut from = wanted.start;
        while from < wanted.end {
            let mut state = self.lock();
            let (until, piece) = loop {
                match state.pieces.remove(&from) {
                    Some(piece) => break piece,
                    None => {
                        let woken = self.changed.wait(state);
                        state = woken.unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(state);
            // What lies beyond stays for the next time.
            let end = until.min(wanted.end);
            let (piece, beyond) = match piece {
                Some(mut piece) => {
                    let beyond = piece.split_off((end - from) as usize);
                    (piece, Some(beyond))
                }
                None => (self.vault.scripts(self.keychain, from..end, &Alone)?, None),
            };
            if until > end {
                self.lock().pieces.insert(end, (until, beyond));
            }
            scripts.extend(piece);
            from = until;
        }
        Ok(scripts)
    }
}

/// A piece that somebody is at work on; it is handed in when this is dropped.
struct Taken<'a> {
    shared: &'a Shared,
    piece: Range<u32>,
    scripts: Option<Vec<ScriptBuf>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let piece = (self.piece.end, self.scripts.take());
        self.shared.lock().pieces.insert(self.piece.start, piece);
        self.shared.changed.notify_all();
    }
}

/// Derives until it has come to the limit.
struct Helper(Arc<Shared>);

impl Helper {
    fn run(&self) {
        loop {
            let limit = self.0.lock().limit;
            let Some(piece) = self.0.take(limit) else {
                return;
            };
            self.0.derive(piece);
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.lock().helpers -= 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use bitcoin::Network;
    use bitcoin::bip32::{Xpriv, Xpub};
    use bitcoin::secp256k1::Secp256k1;
    use std::thread;

    /// Helpers on threads of their own.
    struct Threads(usize);

    impl Workers for Threads {
        fn count(&self) -> usize {
            self.0
        }
        fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
            Alone.run(jobs, job);
        }
        fn begin(&self, job: Box<dyn FnOnce() + Send>) {
            thread::spawn(job);
        }
    }

    /// Promises help and gives none.
    struct Lazy;

    impl Workers for Lazy {
        fn count(&self) -> usize {
            3
        }
        fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
            Alone.run(jobs, job);
        }
    }

    fn vault() -> Vault {
        let secp = Secp256k1::new();
        let keys = [1, 2].map(|seed| {
            let master = Xpriv::new_master(Network::Regtest, &[seed; 32]).unwrap();
            let xpub = Xpub::from_priv(&secp, &master);
            format!("[{}]{xpub}/<0;1>/*", master.fingerprint(&secp))
        });
        let text = format!("wsh(sortedmulti(2,{}))", keys.join(","));
        Vault::from_descriptor(Network::Regtest, &text, None).unwrap()
    }

    #[test]
    fn whoever_helps_the_scripts_are_those_of_the_vault() {
        let vault = vault();
        let keychain = Keychain::Change;
        let counts = [1, 7, 8, 9, 0, 100, 3, 130, 2, 64];
        let all = vault.scripts(keychain, 5..5 + 324, &Alone).unwrap();
        for workers in [&Alone as &dyn Workers, &Lazy, &Threads(2), &Threads(6)] {
            for _ in 0..10 {
                let mut ahead = Ahead::new(&vault, keychain, 5);
                let mut scripts = Vec::new();
                for count in counts {
                    assert_eq!(ahead.asked() as usize, 5 + scripts.len());
                    scripts.extend(ahead.take(count, workers).unwrap());
                }
                assert_eq!(scripts, all);
            }
        }
    }

    #[test]
    fn the_last_ones_are_derived_though_helpers_come_upon_the_end() {
        let (vault, keychain) = (vault(), Keychain::Receive);
        let start = (1 << 31) - 21;
        let all = vault.scripts(keychain, start..start + 21, &Alone).unwrap();
        for workers in [&Alone as &dyn Workers, &Threads(2), &Threads(3)] {
            for counts in [[20, 1], [7, 14], [21, 0]] {
                let mut ahead = Ahead::new(&vault, keychain, start);
                let taken = counts.map(|count| ahead.take(count, workers).unwrap());
                assert_eq!(taken.concat(), all);
                assert!(ahead.take(1, workers).is_err());
            }
        }
    }

    #[test]
    fn what_cannot_be_derived_is_an_error_each_time() {
        let last = (1 << 31) - 1;
        for workers in [&Alone as &dyn Workers, &Threads(3)] {
            let mut ahead = Ahead::new(&vault(), Keychain::Receive, last - 19);
            assert_eq!(ahead.take(10, workers).unwrap().len(), 10);
            for _ in 0..3 {
                assert!(ahead.take(50, workers).is_err());
                assert_eq!(ahead.asked(), last - 9);
            }
            assert_eq!(ahead.take(10, workers).unwrap().len(), 10);
        }
    }
}
