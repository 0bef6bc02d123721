//! What a cosigner sees before signing, as text and as JSON.

use crate::amount::btc;
use crate::commands::payments::payments;
use crate::table::lines;
use quorate_coordinator::view::{self, PaymentView};
use quorate_core::proposal::Proposal;
use quorate_core::spend::Review;
use quorate_core::text::escape;
use quorate_signer::KeyInfo;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct SignView {
    pub(super) key: String,
    pub(super) vault: String,
    pub(super) proposal: String,
    pub(super) txid: String,
    pub(super) inputs: usize,
    pub(super) inputs_signed: usize,
    pub(super) inputs_signed_before: usize,
    pub(super) recipients: Vec<PaymentView>,
    pub(super) change: Vec<PaymentView>,
    pub(super) fee_sat: u64,
    pub(super) feerate_sat_vb: f64,
    pub(super) words: Vec<String>,
    pub(super) findings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psbt: Option<String>,
}

pub(super) fn view(vault: &str, key: &KeyInfo, proposal: &Proposal, review: &Review) -> SignView {
    SignView {
        key: key.name.clone(),
        vault: vault.to_owned(),
        proposal: proposal.id().to_string(),
        txid: proposal.txid().to_string(),
        inputs: proposal.inputs().len(),
        inputs_signed: 0,
        inputs_signed_before: 0,
        recipients: review.recipients.iter().map(view::payment).collect(),
        change: review.change.iter().map(view::payment).collect(),
        fee_sat: review.fee.to_sat(),
        feerate_sat_vb: view::rate(review),
        words: review.words.iter().map(ToString::to_string).collect(),
        findings: review.findings.iter().map(view::finding).collect(),
        file: None,
        psbt: None,
    }
}

pub(super) fn summary(view: &SignView) -> String {
    let mut text = lines(&[
        ("vault", escape(&view.vault)),
        ("transaction", view.txid.clone()),
        (
            "fee",
            format!("{} ({:.2} sat/vB)", btc(view.fee_sat), view.feerate_sat_vb),
        ),
    ]);
    text.push_str(&payments(&view.recipients, &view.change));
    text.push_str(&format!(
        "words to compare with the other cosigners by voice:\n  {}\n",
        view.words.join(" ")
    ));
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    text
}
