//! `quorate simulated`: makes things happen on the simulated chain.

use crate::context::Context;
use crate::output::Answer;
use crate::{amount, failure, input};
use bitcoin::Network;
use quorate_chain::{ChainSource, Simulated};
use quorate_coordinator::Error;
use serde::Serialize;

// What a simulated chain can do.
#[derive(clap::Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Mine blocks on the simulated chain
    #[command(after_help = "Examples:\n  quorate simulated mine 6 --node simulated")]
    Mine {
        /// How many
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        blocks: u32,
    },
    /// Pay an address out of nowhere, in a block of its own
    #[command(after_help = "Examples:
  quorate simulated fund bcrt1q... 1btc --node simulated
  quorate simulated fund bcrt1q... 1btc --unconfirmed --node simulated")]
    Fund {
        /// The address
        address: String,
        /// How much, for example 1btc
        amount: String,
        /// Leave the payment in the mempool
        #[arg(long)]
        unconfirmed: bool,
    },
    /// Take back the last blocks and mine empty ones in their place
    ///
    /// One more is mined than was taken back, as in a reorg on a real chain. Payments that were in the
    /// blocks taken back wait in the mempool again.
    #[command(after_help = "Examples:\n  quorate simulated reorg 1 --node simulated")]
    Reorg {
        /// How many blocks to take back
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        depth: u32,
    },
}

#[derive(Serialize)]
struct ChainView {
    height: u32,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Vec<String>>,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Answer, Error> {
    // Of several sources the simulated one is meant.
    let nodes = context.nodes()?;
    let simulated = nodes.iter().find(|node| node.starts_with("simulated"));
    let node = simulated.or_else(|| nodes.first()).cloned();
    let node = node.unwrap_or_default();
    // That chain lies in the data folder, which must be one.
    if node == "simulated" {
        context.coordinator()?;
    }
    let chain = Simulated::at_address(&node, &context.home()?)?.ok_or_else(|| {
        Error::input(
            "not_simulated",
            "the chain source is a real node, whose chain can't be made up",
        )
        .hint("name a simulated one: --node simulated, or --node simulated:PATH")
    })?;
    let mut outpoint = None;
    let mut removed = None;
    match command {
        Command::Mine { blocks } => {
            chain.mine(blocks).map_err(failure::simulated)?;
        }
        Command::Fund {
            address,
            amount,
            unconfirmed,
        } => {
            let script = input::address(&address, Network::Regtest)?.script_pubkey();
            let amount = amount::amount(&amount)?;
            let paid = if unconfirmed {
                chain.pay(&script, amount)
            } else {
                chain.fund(&script, amount)
            };
            outpoint = Some(paid.map_err(failure::simulated)?.to_string());
        }
        Command::Reorg { depth } => {
            let hashes = chain.invalidate(depth).map_err(failure::simulated)?;
            chain.mine_empty(depth + 1).map_err(failure::simulated)?;
            removed = Some(hashes.iter().map(ToString::to_string).collect());
        }
    }
    let tip = chain.status()?.tip;
    let view = ChainView {
        height: tip.height,
        hash: tip.hash.to_string(),
        outpoint,
        removed,
    };
    let mut text = format!("at block {} ({})\n", view.height, view.hash);
    if let Some(outpoint) = &view.outpoint {
        text.push_str(&format!("paid in {outpoint}\n"));
    }
    Answer::new(&view, text)
}
