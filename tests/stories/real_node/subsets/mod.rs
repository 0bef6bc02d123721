//! Bitcoin Core's `analyzepsbt`, `combinepsbt` and `finalizepsbt` beside our status, our kept set and our
//! finalizer, on random subsets of signatures. Nothing is sent, so one set of coins serves all.

mod agree;
mod sample;
mod world;

use super::psbt_parsers::{Random, seed};
use quorate_testkit::Node;
use sample::Sample;
use std::time::Instant;
use world::World;

const CASES: usize = 3_000;
const BATCH: usize = 250;

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the seed and the counts are the result"
)]
fn core_and_we_agree_on_every_subset_of_signatures() {
    let (seed, asked) = seed();
    eprintln!("QUORATE_SEED={seed}, {CASES} cases");
    let start = Instant::now();
    let mut random = Random(seed);
    let node = Node::start();
    let worlds = World::all(&node, &mut random);
    let proposals: usize = worlds.iter().map(|world| world.proposals.len()).sum();
    eprintln!(
        "{} vaults, {proposals} proposals, in {} s",
        worlds.len(),
        start.elapsed().as_secs()
    );
    let mut counts = agree::Counts::default();
    for _ in 0..CASES / BATCH {
        let batch: Vec<Sample<'_>> = (0..BATCH)
            .map(|_| Sample::draw(&worlds, &mut random))
            .collect();
        agree::compare(&node, &batch, &mut counts);
    }
    counts.show();
    eprintln!("in {} s", start.elapsed().as_secs());
    counts.check(CASES, asked);
}
