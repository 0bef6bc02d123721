//! What a cosigner sees before signing, as text and as JSON.

use crate::amount::btc;
use crate::table::{lines, table};
use quorate_core::proposal::Proposal;
use quorate_core::spend::{self, Finding, Review};
use quorate_core::text::escape;
use quorate_signer::KeyInfo;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct OutputView {
    pub(super) address: Option<String>,
    pub(super) amount_sat: u64,
    pub(super) index: Option<u32>,
    pub(super) script: String,
}

#[derive(Serialize)]
pub(super) struct SignView {
    pub(super) key: String,
    pub(super) vault: String,
    pub(super) proposal: String,
    pub(super) txid: String,
    pub(super) inputs: usize,
    pub(super) inputs_signed: usize,
    pub(super) inputs_signed_before: usize,
    pub(super) recipients: Vec<OutputView>,
    pub(super) change: Vec<OutputView>,
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
    let outputs = |payments: &[spend::Payment]| {
        payments
            .iter()
            .map(|payment| OutputView {
                address: payment.address.as_ref().map(ToString::to_string),
                amount_sat: payment.amount.to_sat(),
                index: payment.ours.map(|(_, index)| index),
                script: payment.script.to_hex_string(),
            })
            .collect()
    };
    SignView {
        key: key.name.clone(),
        vault: vault.to_owned(),
        proposal: proposal.id().to_string(),
        txid: proposal.txid().to_string(),
        inputs: proposal.inputs().len(),
        inputs_signed: 0,
        inputs_signed_before: 0,
        recipients: outputs(&review.recipients),
        change: outputs(&review.change),
        fee_sat: review.fee.to_sat(),
        feerate_sat_vb: rate(review),
        words: review.words.iter().map(ToString::to_string).collect(),
        findings: review.findings.iter().map(finding).collect(),
        file: None,
        psbt: None,
    }
}

/// To two digits, for people; the fee itself is exact.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(review: &Review) -> f64 {
    let rate = review.fee.to_sat() as f64 * 4.0 / review.weight.to_wu().max(1) as f64;
    (rate * 100.0).round() / 100.0
}

fn finding(finding: &Finding) -> String {
    match finding {
        Finding::HighFee(refusal) => refusal.to_string(),
        Finding::Burn { output } => {
            format!("output {output} burns its amount: nobody can ever spend it")
        }
        Finding::StaysInside => "nothing leaves the vault".to_owned(),
        Finding::DistantChange { output, index } => {
            format!(
                "output {output} is change at index {index}, far beyond those in use: other wallets may not find it"
            )
        }
        Finding::Recovery { path } => {
            format!("it spends by path {}, which a timelock guards", path + 1)
        }
    }
}

pub(super) fn summary(view: &SignView) -> String {
    let rows = |kind: &'static str, outputs: &[OutputView]| {
        outputs
            .iter()
            .map(|output| {
                let to = output.address.clone();
                let ours = output.index.map(|index| format!("ours, index {index}"));
                [
                    kind.to_owned(),
                    to.unwrap_or_else(|| format!("script {}", output.script)),
                    btc(output.amount_sat),
                    ours.unwrap_or_default(),
                ]
            })
            .collect::<Vec<_>>()
    };
    let mut all = rows("pays", &view.recipients);
    all.extend(rows("change", &view.change));
    let mut text = lines(&[
        ("vault", view.vault.clone()),
        ("transaction", view.txid.clone()),
        (
            "fee",
            format!("{} ({:.2} sat/vB)", btc(view.fee_sat), view.feerate_sat_vb),
        ),
    ]);
    text.push_str(&table(["", "to", "amount", ""], all));
    text.push_str(&format!(
        "words to compare with the other cosigners: {}\n",
        view.words.join(" ")
    ));
    for finding in &view.findings {
        text.push_str(&format!("note: {}\n", escape(finding)));
    }
    text
}
