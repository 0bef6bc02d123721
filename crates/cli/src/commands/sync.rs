//! `quorate sync`: looks at the chain.

use super::homes;
use crate::amount::btc;
use crate::context::Context;
use crate::input;
use crate::origin;
use crate::output::Answer;
use crate::progress::Progress;
use quorate_coordinator::Error;
use quorate_core::ledger::Birth;
use quorate_core::text::escape;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate sync
  quorate sync family --rescan-from 2025-01-31
  quorate sync family --folder ~/Sync/family
  quorate sync family --node cookie:/home/me/.bitcoin/.cookie@127.0.0.1:8332
  quorate sync family --node 'electrums://node.lan:50002?cert=/home/me/node.pem'")]
pub(crate) struct Args {
    /// Also show the balance of this vault
    vault: Option<String>,
    /// Look for the vault's coins anew, from a block height or a day on
    #[arg(long, value_name = "HEIGHT|YYYY-MM-DD", requires = "vault")]
    rescan_from: Option<String>,
    /// Exchange the vault's journal entries through a shared folder
    #[arg(
        long,
        value_name = "FOLDER",
        requires = "vault",
        conflicts_with = "rescan_from"
    )]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    if let (Some(vault), Some(folder)) = (&args.vault, &args.folder) {
        return homes::folder(vault, folder, context);
    }
    let from = args
        .rescan_from
        .as_deref()
        .map(input::birthday)
        .transpose()?;
    look(args.vault.as_deref(), from, context)
}

/// Looks at the chain, at the blocks of one vault anew if `from` says from where on.
pub(crate) fn look(
    vault: Option<&str>,
    from: Option<Birth>,
    context: &Context,
) -> Result<Answer, Error> {
    // A home or a name that doesn't exist should be known before a long sync, not after it.
    let mut coordinator = context.coordinator()?;
    if let Some(vault) = vault {
        coordinator.vault_facts(vault)?;
    }
    // What is known of the sources is in the home too: it is opened once for both.
    context.hand_back(coordinator);
    let source = context.source()?;
    let mut coordinator = context.coordinator()?;
    if let (Some(vault), Some(from)) = (vault, from) {
        let begun = coordinator.rescan(vault, from, source.as_ref())?;
        context.output.remark(&format!(
            "looking at {} from block {} on; if this is stopped, the next sync goes on",
            escape(&begun.vault),
            begun.from
        ));
    }
    let mut progress = Progress::new(context.output);
    let synced = coordinator.sync(source.as_ref(), Context::moment()?, &mut |step| {
        progress.step(step)
    });
    progress.end();
    let view = synced?;
    let mut text = format!("at block {} ({})\n", view.height, view.hash);
    let mut news = vec![
        count(view.blocks, "block"),
        count(view.transactions, "new transaction"),
    ];
    if view.reorganized > 0 {
        news.push(format!(
            "{} taken back by the chain",
            count(u64::from(view.reorganized), "block")
        ));
    }
    text.push_str(&format!("{}\n", news.join(", ")));
    for txid in &view.rebroadcast {
        text.push_str(&format!("handed to the network again: {txid}\n"));
    }
    for problem in &view.problems {
        text.push_str(&format!("note: {}\n", escape(problem)));
    }
    if let Some(vault) = vault {
        let balance = coordinator.balance(vault)?;
        text.push_str(&format!(
            "{}: {} confirmed, {} pending\n",
            escape(vault),
            btc(balance.confirmed_sat),
            btc(balance.pending_sat)
        ));
    }
    text.push_str(&origin::line(view.as_of.as_ref(), Context::now()?));
    // What was seen of the sources is kept with it.
    context.hand_back(coordinator);
    Answer::new(&view, text)
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
