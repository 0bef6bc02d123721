//! Several cores without threads in the core: whoever calls brings the workers, and the core says
//! what can be done side by side. Verifying hundreds of signatures is the one thing that pays.

use std::ops::Range;
use std::sync::OnceLock;

/// Who runs jobs. Order and threads are the implementor's; results don't depend on them.
pub trait Workers {
    /// How many jobs run at the same time at best; 1 when they run one after the other.
    fn count(&self) -> usize;
    /// Calls `job` with every number below `jobs` and returns when all calls have.
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync));
    /// Begins a job that goes on after this has returned, or drops it: nobody may depend on it.
    fn begin(&self, job: Box<dyn FnOnce() + Send>) {
        drop(job);
    }
}

/// The caller's own thread, one job after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Workers for Alone {
    fn count(&self) -> usize {
        1
    }
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..jobs).for_each(job);
    }
}

/// Fewer items than this aren't worth a thread.
const SMALLEST: usize = 16;
/// Pieces for each worker: one that others on the machine slow down then holds up less.
const PIECES_EACH: usize = 4;

/// Does `work` on `0..length` in pieces; the results stand in the order of the pieces.
pub(crate) fn in_pieces<T: Send + Sync>(
    workers: &dyn Workers,
    length: usize,
    work: &(dyn Fn(Range<usize>) -> T + Sync),
) -> Vec<T> {
    let most = match workers.count() {
        0 | 1 => 1,
        count => count.saturating_mul(PIECES_EACH),
    };
    let pieces = most.min(length / SMALLEST).max(1);
    let piece = |number: usize| {
        let bound = |number: usize| length * number / pieces;
        bound(number)..bound(number + 1)
    };
    let done: Vec<OnceLock<T>> = (0..pieces).map(|_| OnceLock::new()).collect();
    workers.run(pieces, &|number| {
        if let Some(slot) = done.get(number) {
            slot.get_or_init(|| work(piece(number)));
        }
    });
    // What a worker left out is done here: no check depends on who was asked to run it.
    (done.into_iter().enumerate())
        .map(|(number, slot)| slot.into_inner().unwrap_or_else(|| work(piece(number))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backwards, some twice, some never.
    struct Careless;

    impl Workers for Careless {
        fn count(&self) -> usize {
            3
        }
        fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
            for number in (0..=jobs).rev().filter(|number| number % 3 != 1) {
                job(number);
                job(number);
            }
        }
    }

    #[test]
    fn every_item_is_done_once_and_in_order_whoever_runs_it() {
        for length in [0, 1, 7, 8, 9, 15, 16, 17, 100, 500, 512] {
            let expected: Vec<usize> = (0..length).collect();
            for workers in [&Alone as &dyn Workers, &Careless] {
                let pieces = in_pieces(workers, length, &|range| range.collect::<Vec<_>>());
                assert!(pieces.len() <= 12, "{}", pieces.len());
                assert_eq!(pieces.concat(), expected);
            }
        }
    }

    #[test]
    fn one_worker_gets_one_piece() {
        let pieces =
            |workers: &dyn Workers, length| in_pieces(workers, length, &|range| range.len());
        assert_eq!(pieces(&Alone, 500), [500]);
        assert_eq!(pieces(&Careless, 20), [20]);
        assert_eq!(pieces(&Careless, 500).len(), 12);
    }
}
