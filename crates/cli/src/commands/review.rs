//! What a person must see before signing: the same text for a proposal, a file, and the question that
//! the software signer asks.

use crate::amount::btc;
use crate::date;
use crate::table::table;
use quorate_coordinator::view::{InputView, PaymentView, RefusedView, ReviewView, TimelockView};
use quorate_core::text::escape;

/// What a block takes on average, in seconds.
const BLOCK: u64 = 600;

/// Fee and rate, for the lines at the head.
pub(crate) fn fee(view: &ReviewView) -> (&'static str, String) {
    (
        "fee",
        format!("{} ({:.2} sat/vB)", btc(view.fee_sat), view.feerate_sat_vb),
    )
}

/// Everything below the head. `now`, in seconds since 1970, is what dates are estimated from.
pub(crate) fn described(view: &ReviewView, now: u64) -> String {
    let mut text = payments(view);
    text.push('\n');
    let coins = view.inputs.iter().map(|input| {
        [
            input.outpoint.clone(),
            btc(input.value_sat),
            age(input),
            signers(input),
        ]
    });
    text.push_str(&table(
        ["spends", "amount", "confirmed", "signed by"],
        coins,
    ));
    text.push_str(&format!(
        "\ncan sign: {}\ncan be signed as:\n",
        escape(&view.can_sign.join(", "))
    ));
    for path in &view.paths {
        text.push_str(&format!("  {}\n", escape(path)));
    }
    if !view.timelocks.is_empty() {
        text.push_str("waits for:\n");
    }
    for lock in &view.timelocks {
        text.push_str(&format!("  {}\n", timelock(lock, now)));
    }
    text.push_str(&format!(
        "words to compare with the other cosigners by voice:\n  {}\n",
        view.words.join(" ")
    ));
    if !view.payees_known {
        text.push_str(
            "note: seen from the file alone: whether a recipient was paid before, and how old the coins are, isn't known\n",
        );
    }
    text.push_str(&findings(&view.findings));
    text
}

/// What to look at twice.
pub(crate) fn findings(findings: &[String]) -> String {
    findings
        .iter()
        .map(|finding| format!("note: {}\n", escape(finding)))
        .collect()
}

/// Signatures that don't count, and why.
pub(crate) fn refused(refused: &[RefusedView]) -> String {
    let line = |one: &RefusedView| {
        let whose = one
            .cosigner
            .as_deref()
            .map(|name| format!(" of {}", escape(name)));
        format!(
            "note: the signature{} on input {} doesn't count: {}\n",
            whose.unwrap_or_default(),
            one.input,
            escape(&one.reason)
        )
    };
    refused.iter().map(line).collect()
}

/// One block for each output. An address has a line of its own: broken in two it could neither be
/// compared nor copied.
pub(crate) fn payments(view: &ReviewView) -> String {
    let block = |kind: &str, payment: &PaymentView| {
        let to = match &payment.address {
            Some(address) => address.clone(),
            None => format!("script {}", payment.script),
        };
        let like = payment.looks_like.as_deref();
        let like = like.map(|known| format!("        looks like {known}, which is another\n"));
        format!(
            "{kind:<6}  {}{}\n        {to}\n{}",
            btc(payment.amount_sat),
            whose(payment),
            like.unwrap_or_default()
        )
    };
    let pays = view.recipients.iter().map(|payment| block("pays", payment));
    let change = view.change.iter().map(|payment| block("change", payment));
    pays.chain(change).collect()
}

fn whose(payment: &PaymentView) -> String {
    match (payment.index, payment.keychain.as_deref()) {
        (Some(index), Some("receive")) => format!("  ours, receive index {index}"),
        (Some(index), _) => format!("  ours, index {index}"),
        (None, _) => match (&payment.vault, payment.paid_before) {
            (Some(vault), _) => format!("  of your vault {}", escape(vault)),
            (None, Some(false)) => "  first payment".to_owned(),
            (None, _) => String::new(),
        },
    }
}

fn age(input: &InputView) -> String {
    match (input.height, input.confirmations) {
        (Some(height), Some(confirmations)) => {
            format!("block {height}, {confirmations} confirmations")
        }
        (Some(height), None) => format!("block {height}"),
        (None, Some(_)) => "in the mempool".to_owned(),
        (None, None) => "not known".to_owned(),
    }
}

fn signers(input: &InputView) -> String {
    let signed = input.signatures.iter();
    let signed: Vec<&str> = signed
        .filter(|(_, word)| *word == "signed")
        .map(|(name, _)| name.as_str())
        .collect();
    if signed.is_empty() {
        return "-".to_owned();
    }
    escape(&signed.join(", "))
}

/// A lock in words, with the date it may end on: nobody knows how long blocks will take.
fn timelock(lock: &TimelockView, now: u64) -> String {
    let from = lock.height.map(|height| {
        let when = match lock.blocks_left {
            Some(0) => ", which is reached".to_owned(),
            Some(blocks) => format!(
                ", {blocks} blocks from now, about {} UTC (an estimate, by {} minutes a block)",
                date::minute(now.saturating_add(u64::from(blocks) * BLOCK)),
                BLOCK / 60
            ),
            None => String::new(),
        };
        format!("block {height}{when}")
    });
    let coins = || {
        let inputs: Vec<String> = lock.inputs.iter().map(ToString::to_string).collect();
        match inputs.as_slice() {
            [one] => format!("the coin of input {one}"),
            several => format!("the coins of inputs {}", several.join(", ")),
        }
    };
    match (lock.time, lock.blocks, lock.seconds) {
        (Some(time), _, _) => format!(
            "{} UTC, by the clock of the chain, which is about an hour behind",
            date::minute(time)
        ),
        (None, Some(blocks), _) => {
            let until = from.map(|from| format!(": {from}"));
            format!(
                "{} to be {blocks} blocks old (about {}){}",
                coins(),
                duration(u64::from(blocks) * BLOCK),
                until.unwrap_or_default()
            )
        }
        (None, None, Some(seconds)) => {
            format!("{} to be {} old", coins(), duration(seconds))
        }
        (None, None, None) => from.unwrap_or_default(),
    }
}

/// Of seconds, the two largest units are more than enough: here the largest that fits twice.
fn duration(seconds: u64) -> String {
    for (unit, name) in [(86_400, "days"), (3_600, "hours")] {
        if seconds >= 2 * unit {
            return format!("{} {name}", (seconds + unit / 2) / unit);
        }
    }
    format!("{} minutes", seconds.div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(kind: &str) -> TimelockView {
        TimelockView {
            kind: kind.to_owned(),
            inputs: Vec::new(),
            blocks: None,
            seconds: None,
            height: None,
            time: None,
            blocks_left: None,
        }
    }

    #[test]
    fn locks_are_told_in_blocks_and_estimated_dates() {
        let now = 1_735_603_200; // 2024-12-31
        let height = TimelockView {
            height: Some(900),
            blocks_left: Some(144),
            ..lock("height")
        };
        assert_eq!(
            timelock(&height, now),
            "block 900, 144 blocks from now, about 2025-01-01 00:00 UTC (an estimate, by 10 minutes a block)"
        );
        let reached = TimelockView {
            blocks_left: Some(0),
            ..height
        };
        assert_eq!(timelock(&reached, now), "block 900, which is reached");
        let age = TimelockView {
            inputs: vec![0, 2],
            blocks: Some(65_535),
            ..lock("age")
        };
        assert_eq!(
            timelock(&age, now),
            "the coins of inputs 0, 2 to be 65535 blocks old (about 455 days)"
        );
        let age = TimelockView {
            inputs: vec![1],
            blocks: Some(10),
            height: Some(120),
            blocks_left: Some(6),
            ..lock("age")
        };
        assert_eq!(
            timelock(&age, now),
            "the coin of input 1 to be 10 blocks old (about 100 minutes): block 120, 6 blocks from now, about 2024-12-31 01:00 UTC (an estimate, by 10 minutes a block)"
        );
        let seconds = TimelockView {
            inputs: vec![1],
            seconds: Some(512 * 20),
            ..lock("age")
        };
        assert_eq!(
            timelock(&seconds, now),
            "the coin of input 1 to be 3 hours old"
        );
        let time = TimelockView {
            time: Some(now),
            ..lock("time")
        };
        assert!(timelock(&time, now).starts_with("2024-12-31 00:00 UTC"));
    }
}
