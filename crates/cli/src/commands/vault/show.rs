//! How vaults look.

use crate::amount::btc;
use crate::commands::policy;
use crate::date;
use crate::output::Answer;
use crate::table::{lines, short, table};
use quorate_coordinator::Error;
use quorate_coordinator::view::{StandingView, VaultView, VaultsView};
use quorate_core::journal::KeyFacts;
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

/// Where the key comes from, in one line.
fn provenance(facts: &KeyFacts) -> Option<String> {
    let mut parts: Vec<String> = [&facts.vendor, &facts.model, &facts.firmware]
        .into_iter()
        .flatten()
        .map(|text| escape(text))
        .collect();
    let came = facts.came_at.map(|at| date::minute(at)[..10].to_owned());
    match (&facts.carrier, came) {
        (Some(carrier), Some(day)) => parts.push(format!("came by {} on {day}", escape(carrier))),
        (Some(carrier), None) => parts.push(format!("came by {}", escape(carrier))),
        (None, Some(day)) => parts.push(format!("came on {day}")),
        (None, None) => {}
    }
    parts.extend(facts.note.as_deref().map(escape));
    parts.extend(
        facts
            .registration
            .as_ref()
            .map(|_| "registered on its device".to_owned()),
    );
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Whether the key is proven and the vault attested.
fn standing(known: &StandingView) -> String {
    let proven = match known.proven {
        Some("record") => "key proven by its record",
        Some(_) => "key proven by a signature",
        None => "key not proven",
    };
    let attested = match &known.attested {
        Some(one) if one.by == "cosigner" => "vault attested by the cosigner".to_owned(),
        Some(one) => {
            let note = one
                .note
                .as_deref()
                .map(|note| format!(": {}", escape(note)));
            format!(
                "attested by the owner for the cosigner{}",
                note.unwrap_or_default()
            )
        }
        None => "vault not attested".to_owned(),
    };
    format!("{proven}, {attested}")
}

/// The vault as text.
pub(crate) fn described(view: &VaultView) -> String {
    let mut text = lines(&[
        ("vault", escape(&view.name)),
        ("id", view.id.clone()),
        ("network", view.network.clone()),
        ("stage", view.stage.clone()),
        ("words", view.words.join(" ")),
        ("descriptor", view.descriptor.clone()),
    ]);
    text.push_str(&policy::numbered(&view.paths, &view.notes));
    text.push_str("cosigners:\n");
    let width = view.cosigners.iter().map(|one| one.name.chars().count());
    let width = width.max().unwrap_or(0);
    for (cosigner, known) in view.cosigners.iter().zip(&view.standing) {
        let name = escape(&cosigner.name);
        text.push_str(&format!("  {name:width$}  {}\n", cosigner.key));
        text.push_str(&format!("  {:width$}  {}\n", "", standing(known)));
        if let Some(line) = provenance(&known.provenance) {
            text.push_str(&format!("  {:width$}  {line}\n", ""));
        }
        if let Some(label) = &known.label {
            text.push_str(&format!("  {:width$}  {}\n", "", escape(label)));
        }
    }
    let purpose = match view.stage.as_str() {
        "review" => "first addresses, to compare and not to pay to yet",
        _ => "first addresses",
    };
    text.push_str(&format!("{purpose}:\n"));
    for address in &view.first_addresses {
        text.push_str(&format!("  {address}\n"));
    }
    text.push_str(&format!("first change address:\n  {}\n", view.first_change));
    let balance = &view.balance;
    match balance.height {
        Some(height) => text.push_str(&format!(
            "balance at block {height}: {} confirmed, {} pending\n",
            btc(balance.confirmed_sat),
            btc(balance.pending_sat)
        )),
        None => text.push_str("balance not known yet: never synced\n"),
    }
    if let Some(alert) = &balance.alert {
        text.push_str(&format!("alert: {}\n", escape(alert)));
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
