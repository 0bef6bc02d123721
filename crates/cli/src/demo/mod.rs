//! `quorate demo`: the whole story in a throw-away folder, told step by step. Every step runs this
//! very program with the arguments that a person would have typed; nothing is acted out.

mod chain;
#[path = "../../../xtask/src/locate.rs"]
#[expect(
    dead_code,
    reason = "the file is shared; here the environment is read in config.rs"
)]
mod locate;
mod stage;
mod story;

use crate::context::entropy;
use crate::output::{Answer, Output};
use chain::DemoChain;
use quorate_coordinator::Error;
use serde::Serialize;
use stage::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `--json` prints of a demo.
#[derive(Serialize)]
pub(crate) struct DemoView {
    /// `bitcoin_core` or `simulated`.
    chain: &'static str,
    /// The program that served the chain, for a real node.
    program: Option<String>,
    /// The vault's id.
    vault: String,
    /// The proposal's id.
    proposal: String,
    /// The transaction that was confirmed.
    txid: String,
    /// Its proposal's status at the end.
    status: String,
    /// What was told and typed.
    steps: Vec<stage::Step>,
}

/// Plays the story, on a real node if there is one, else on the simulated chain.
pub(crate) fn run(output: Output, simulated: bool) -> Result<Answer, Error> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // The folder and the node go away when the story returns, which it does soon after this.
    ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst))
        .map_err(|error| Error::refused("demo", format!("interrupts can't be caught: {error}")))?;
    let mut stage = Stage::new(output, interrupted)?;
    let chain = DemoChain::open(&mut stage, simulated)?;
    let outcome = story::play(&mut stage, &chain, entropy()?)?;
    let view = DemoView {
        chain: chain.word(),
        program: chain.program(),
        vault: outcome.vault,
        proposal: outcome.proposal,
        txid: outcome.txid,
        status: outcome.status,
        steps: stage.into_steps(),
    };
    Answer::new(&view, "")
}
