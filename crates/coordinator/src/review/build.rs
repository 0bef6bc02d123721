//! The one view of what a person must see, made for proposals, files and the signer alike.

use super::knowledge::{Age, Situation};
use super::timelocks::timelocks;
use crate::view::{InputView, PaymentView, ReviewView};
use quorate_core::proposal::{Proposal, SignedInputs};
use quorate_core::spend::{Acquaintance, Finding, Payment, Review};
use quorate_core::text::escape;
use quorate_core::vault::Vault;

/// Puts the view together.
pub(crate) fn reviewed(
    vault: &Vault,
    proposal: &Proposal,
    signed: &SignedInputs,
    review: &Review,
    situation: &Situation,
) -> ReviewView {
    let explained = vault.explain();
    let paths = review.paths.iter();
    // An alarm comes before everything that is merely worth a look.
    let alarms = situation.alarms.iter().cloned();
    ReviewView {
        recipients: review.recipients.iter().map(payment).collect(),
        change: review.change.iter().map(payment).collect(),
        fee_sat: review.fee.to_sat(),
        feerate_sat_vb: rate(review),
        inputs: inputs(vault, proposal, signed, situation),
        can_sign: names(vault, &signed.able),
        paths: paths
            .filter_map(|&path| explained.get(path).cloned())
            .collect(),
        timelocks: timelocks(proposal, situation),
        words: review.words.iter().map(ToString::to_string).collect(),
        findings: alarms
            .chain(review.findings.iter().map(|one| finding(one, review)))
            .collect(),
        payees_known: situation.at_home,
    }
}

fn names<'a>(vault: &Vault, cosigners: impl IntoIterator<Item = &'a usize>) -> Vec<String> {
    let cosigners = cosigners.into_iter();
    let cosigners = cosigners.filter_map(|&at| vault.cosigners().get(at));
    cosigners.map(|cosigner| cosigner.name.clone()).collect()
}

/// The grid: each coin, and who of the cosigners signed for it.
fn inputs(
    vault: &Vault,
    proposal: &Proposal,
    signed: &SignedInputs,
    situation: &Situation,
) -> Vec<InputView> {
    let word = |is_signed: bool| if is_signed { "signed" } else { "missing" }.to_owned();
    let inputs = proposal.inputs().iter().enumerate();
    inputs
        .zip(signed.signed.iter().zip(&signed.satisfied))
        .map(|((place, input), (signed, satisfied))| {
            let age = situation.ages.get(place).copied().unwrap_or(Age::Unknown);
            let (height, confirmations) = match age {
                Age::Unknown => (None, None),
                Age::Mempool => (None, Some(0)),
                Age::Block(height) => {
                    let tip = situation.tip.map(|tip| tip.saturating_add(1));
                    (Some(height), tip.map(|tip| tip.saturating_sub(height)))
                }
            };
            InputView {
                outpoint: input.outpoint.to_string(),
                value_sat: input.prevout.value.to_sat(),
                height,
                confirmations,
                signatures: vault
                    .cosigners()
                    .iter()
                    .enumerate()
                    .map(|(at, cosigner)| (cosigner.name.clone(), word(signed.contains(&at))))
                    .collect(),
                satisfied: *satisfied,
            }
        })
        .collect()
}

fn payment(payment: &Payment) -> PaymentView {
    PaymentView {
        output: payment.output,
        address: payment.address.as_ref().map(ToString::to_string),
        amount_sat: payment.amount.to_sat(),
        index: payment.ours.map(|(_, index)| index),
        keychain: payment.ours.map(|(keychain, _)| keychain.to_string()),
        vault: payment.vault.clone(),
        paid_before: match payment.ours {
            Some(_) => None,
            None => payment.paid_before,
        },
        looks_like: payment.like.as_ref().map(|(known, _)| known.to_string()),
        script: payment.script.to_hex_string(),
    }
}

/// To two digits, for people; the fee itself is exact.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(crate) fn rate(review: &Review) -> f64 {
    let rate = review.fee.to_sat() as f64 * 4.0 / review.weight.to_wu().max(1) as f64;
    (rate * 100.0).round() / 100.0
}

/// A finding in a sentence.
fn finding(finding: &Finding, review: &Review) -> String {
    let address = |output: usize| {
        let payment = review.recipients.iter().find(|to| to.output == output);
        let address = payment.and_then(|to| to.address.as_ref());
        address.map(ToString::to_string).unwrap_or_default()
    };
    match finding {
        Finding::LookAlike {
            output,
            known,
            because,
        } => {
            let whose = match because {
                Acquaintance::Paid => "an address that was paid before",
                Acquaintance::Ours => "an address of this home's vaults",
                Acquaintance::Proposed => "an address that another proposal pays",
                Acquaintance::Beside => "another address of this transaction",
            };
            format!(
                "output {output} pays {}, which looks like {known}, {whose}, and is another one: compare every character with what the recipient says",
                address(*output)
            )
        }
        Finding::FirstPayment { output } => format!(
            "output {output} pays {} for the first time, as far as is known here: make sure that it is the recipient's",
            address(*output)
        ),
        Finding::HighFee(refusal) => refusal.to_string(),
        Finding::Burn { output } => {
            format!("output {output} burns its amount: nobody can ever spend it")
        }
        Finding::Data { output, text } => match text {
            Some(text) => format!(
                "output {output} tells everybody, for ever: \"{}\"",
                escape(text)
            ),
            None => format!("output {output} carries bytes that everybody can read, for ever"),
        },
        Finding::StaysInside => "nothing leaves the vault".to_owned(),
        Finding::Distant { output, index } => {
            format!(
                "output {output} is ours at index {index}, far beyond those in use: other wallets may not find it, and devices refuse it"
            )
        }
        Finding::Recovery { path } => {
            format!("it spends by path {}, which a timelock guards", path + 1)
        }
        Finding::IdUnknown => "the transaction's id changes when it is signed: in a P2SH vault signatures are part of it"
            .to_owned(),
    }
}
