//! How setting up looks.

use crate::output::Answer;
use crate::table::{lines, table};
use quorate_coordinator::Error;
use quorate_coordinator::view::{SetupView, SetupsView};
use quorate_core::text::escape;

pub(super) fn list(view: &SetupsView) -> Result<Answer, Error> {
    if view.setups.is_empty() && view.joined.is_empty() {
        return Answer::new(
            view,
            "nothing is being set up here\nnext: quorate setup new --help\n",
        );
    }
    let mut text = String::new();
    if !view.setups.is_empty() {
        let rows = view.setups.iter().map(|setup| {
            let keys = setup
                .cosigners
                .iter()
                .filter(|one| one.key.is_some())
                .count();
            [
                escape(&setup.name),
                setup.stage.clone(),
                format!("{keys} of {} keys", setup.cosigners.len()),
                setup.next.clone(),
            ]
        });
        text.push_str(&table(["setup", "stage", "keys", "next"], rows));
    }
    if !view.joined.is_empty() {
        let rows = view.joined.iter().map(|joined| {
            let state = if joined.accepted {
                "accepted"
            } else {
                "waits for the vault"
            };
            [
                escape(&joined.vault),
                escape(&joined.cosigner),
                state.to_owned(),
            ]
        });
        text.push_str(&table(["invited to", "as", ""], rows));
    }
    Answer::new(view, text)
}

pub(super) fn setup(view: &SetupView) -> Result<Answer, Error> {
    Answer::new(view, described(view))
}

pub(super) fn described(view: &SetupView) -> String {
    let mut text = lines(&[
        ("setup", escape(&view.name)),
        ("stage", view.stage.clone()),
        ("network", view.network.clone()),
        (
            "policy",
            format!("{} as {}", escape(&view.policy), view.script),
        ),
        ("encryption", view.encryption.clone()),
    ]);
    for path in &view.paths {
        text.push_str(&format!("  {}\n", escape(path)));
    }
    let rows = view.cosigners.iter().map(|slot| {
        let state = match (&slot.key, slot.signed, slot.invited) {
            (Some(_), true, _) => "signed by the key",
            (Some(_), false, _) => "not proven: see `quorate setup proof`",
            (None, _, true) => "invited",
            (None, _, false) => "not invited",
        };
        let origin = slot.key.as_deref().and_then(|key| key.split(']').next());
        [
            escape(&slot.name),
            origin
                .map(|origin| format!("{origin}]"))
                .unwrap_or_default(),
            state.to_owned(),
        ]
    });
    text.push_str(&table(["cosigner", "key", ""], rows));
    for revoked in &view.revoked {
        text.push_str(&format!("taken back: {}\n", escape(revoked)));
    }
    text + &format!("next: {}\n", view.next)
}
