//! How vaults look.

use crate::amount::btc;
use crate::commands::policy;
use crate::output::Answer;
use crate::table::{lines, short, table};
use quorate_coordinator::Error;
use quorate_coordinator::view::{VaultView, VaultsView};
use quorate_core::text::escape;

pub(super) fn list(view: &VaultsView) -> Result<Answer, Error> {
    if view.vaults.is_empty() {
        return Answer::new(
            view,
            "there is no vault here yet\nnext: quorate vault create --help",
        );
    }
    let rows = view.vaults.iter().map(|vault| {
        let cosigners = escape(&vault.cosigners.join(", "));
        [
            escape(&vault.name),
            short(&vault.id).to_owned(),
            btc(vault.confirmed_sat),
            btc(vault.pending_sat),
            format!("{} of {cosigners}", vault.threshold),
        ]
    });
    let head = ["vault", "id", "confirmed", "pending", "signatures"];
    Answer::new(view, table(head, rows))
}

/// The vault as text.
pub(super) fn described(view: &VaultView) -> String {
    let mut text = lines(&[
        ("vault", escape(&view.name)),
        ("id", view.id.clone()),
        ("network", view.network.clone()),
        ("descriptor", view.descriptor.clone()),
    ]);
    text.push_str(&policy::numbered(&view.paths, &view.notes));
    text.push_str("cosigners:\n");
    let width = view.cosigners.iter().map(|one| one.name.chars().count());
    let width = width.max().unwrap_or(0);
    for cosigner in &view.cosigners {
        let name = escape(&cosigner.name);
        text.push_str(&format!("  {name:width$}  {}\n", cosigner.key));
    }
    text.push_str("first addresses:\n");
    for address in &view.first_addresses {
        text.push_str(&format!("  {address}\n"));
    }
    let balance = &view.balance;
    match balance.height {
        Some(height) => text.push_str(&format!(
            "balance at block {height}: {} confirmed, {} pending\n",
            btc(balance.confirmed_sat),
            btc(balance.pending_sat)
        )),
        None => text.push_str("balance not known yet: never synced\n"),
    }
    if !view.proposals.is_empty() {
        let counts: Vec<String> = view
            .proposals
            .iter()
            .map(|(status, count)| format!("{count} {status}"))
            .collect();
        text.push_str(&format!("proposals: {}\n", counts.join(", ")));
    }
    for warning in &view.warnings {
        text.push_str(&format!("note: {}\n", escape(warning)));
    }
    text
}
