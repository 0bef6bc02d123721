//! The threads of this process: the core starts none, the use cases lend it theirs.

use quorate_core::workers::Workers;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// As many threads as the machine runs at once, for the length of one call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Threads;

impl Workers for Threads {
    fn count(&self) -> usize {
        thread::available_parallelism().map_or(1, NonZero::get)
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= jobs {
                    break;
                }
                job(number);
            }
        };
        let helpers = self.count().min(jobs).saturating_sub(1);
        thread::scope(|scope| {
            for _ in 0..helpers {
                // Where no thread can be had, this one does all of it.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }

    fn begin(&self, job: Box<dyn FnOnce() + Send>) {
        // Where no thread can be had, the job is dropped.
        let _ = thread::Builder::new().spawn(job);
    }
}

/// Does both at the same time, `aside` on a thread of its own; one after the other where none can be had.
pub(crate) fn meanwhile<A: Send, B>(
    aside: impl FnMut() -> A + Send,
    here: impl FnOnce() -> B,
) -> (A, B) {
    let aside = Mutex::new(aside);
    let work = || {
        let mut aside = aside.lock().unwrap_or_else(PoisonError::into_inner);
        aside()
    };
    thread::scope(|scope| {
        let helper = thread::Builder::new().spawn_scoped(scope, work);
        let here = here();
        match helper.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => (done, here),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => (work(), here),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_done_and_a_panic_is_passed_on() {
        let mut count = 0;
        let (aside, here) = meanwhile(|| count += 1, || "here");
        assert_eq!((aside, here, count), ((), "here", 1));
        let panicked = std::panic::catch_unwind(|| meanwhile(|| panic!("on purpose"), || ()));
        assert!(panicked.is_err());
    }

    #[test]
    fn every_job_runs_exactly_once() {
        for jobs in [0, 1, 2, 7, 100] {
            let ran: Vec<AtomicUsize> = (0..jobs).map(|_| AtomicUsize::new(0)).collect();
            Threads.run(jobs, &|number| {
                ran[number].fetch_add(1, Ordering::Relaxed);
            });
            let once = |count: &AtomicUsize| count.load(Ordering::Relaxed) == 1;
            assert!(ran.iter().all(once), "{ran:?}");
        }
        assert!(Threads.count() >= 1);
    }
}
