//! Where money goes, as a person must see it before signing: the same in every command.

use crate::amount::btc;
use quorate_coordinator::view::PaymentView;

/// One block for each output. An address has a line of its own: broken in two it could neither be
/// compared nor copied.
pub(crate) fn payments(recipients: &[PaymentView], change: &[PaymentView]) -> String {
    let block = |kind: &str, payment: &PaymentView| {
        let ours = payment.index.map(|index| format!("  ours, index {index}"));
        let to = match &payment.address {
            Some(address) => address.clone(),
            None => format!("script {}", payment.script),
        };
        format!(
            "{kind:<6}  {}{}\n        {to}\n",
            btc(payment.amount_sat),
            ours.unwrap_or_default()
        )
    };
    let pays = recipients.iter().map(|payment| block("pays", payment));
    pays.chain(change.iter().map(|payment| block("change", payment)))
        .collect()
}
