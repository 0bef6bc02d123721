//! What a cosigner sees before signing, as text and as JSON.

use crate::commands::review;
use crate::table::lines;
use quorate_coordinator::view::FileReviewView;
use quorate_core::text::escape;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct SignView {
    pub(super) key: String,
    pub(super) inputs_signed: usize,
    pub(super) inputs_signed_before: usize,
    #[serde(flatten)]
    pub(super) request: FileReviewView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psbt: Option<String>,
}

pub(super) fn summary(view: &FileReviewView, now: u64) -> String {
    let mut text = lines(&[
        ("vault", escape(&view.vault)),
        ("vault id", view.vault_id.clone()),
        ("transaction", view.txid.clone()),
        review::fee(&view.review),
    ]);
    text.push_str(&review::described(&view.review, now));
    text.push_str(&review::refused(&view.refused));
    text
}
