//! How proposals look.

use crate::amount::btc;
use crate::commands::review;
use crate::date;
use crate::table::{grid as any_table, lines, short, short_outpoint};
use quorate_coordinator::view::{InputView, ProposalView};
use quorate_core::text::escape;

/// Who signed what: coins by cosigners.
pub(super) fn grid(view: &ProposalView) -> String {
    let mut text = head(view);
    text.push_str(&review::payments(&view.review));
    text.push('\n');
    text.push_str(&with_words(view));
    if let Some(lacks) = lacks(view.needed, &view.missing) {
        text.push_str(&format!("needs {lacks}\n"));
    }
    text.push_str(&review::findings(&view.review.findings));
    text.push_str(&notes(view));
    text
}

/// What a person must see before signing.
pub(super) fn review(view: &ProposalView, now: u64) -> String {
    head(view) + &review::described(&view.review, now) + &notes(view)
}

fn head(view: &ProposalView) -> String {
    let status = match (view.seen.as_str(), view.height) {
        ("block", Some(height)) => {
            format!(
                "{}, in block {height}, {} confirmations",
                view.status, view.confirmations
            )
        }
        ("mempool", _) => format!("{}, in the mempool", view.status),
        _ => view.status.clone(),
    };
    let mut pairs = vec![
        ("proposal", view.id.clone()),
        ("vault", escape(&view.vault)),
        ("status", status),
    ];
    pairs.extend(view.memo.as_deref().map(|memo| ("memo", escape(memo))));
    pairs.push(("opened", format!("{} UTC", date::minute(view.opened_at))));
    pairs.extend(
        view.expires_at
            .map(|at| ("until", format!("{} UTC", date::minute(at)))),
    );
    pairs.extend(view.replaces.as_ref().map(|id| ("replaces", id.clone())));
    pairs.extend(
        view.replaced_by
            .as_ref()
            .map(|id| ("replaced by", id.clone())),
    );
    pairs.push(("transaction", view.txid.clone()));
    pairs.push(review::fee(&view.review));
    pairs.extend(
        view.note
            .as_deref()
            .map(|note| ("closed for", escape(note))),
    );
    lines(&pairs)
}

fn signatures(inputs: &[InputView]) -> String {
    let (head, rows) = cells(inputs);
    any_table(head, rows)
}

/// The grid with a row of what the cosigners said, and their reasons below.
fn with_words(view: &ProposalView) -> String {
    if view.answers.is_empty() {
        return signatures(&view.review.inputs);
    }
    let (head, mut rows) = cells(&view.review.inputs);
    let names = view
        .review
        .inputs
        .first()
        .map(|input| input.signatures.keys());
    let mut row = vec!["said".to_owned(), String::new()];
    row.extend(names.into_iter().flatten().map(|name| {
        let said = view.answers.iter().any(|answer| answer.cosigner == *name);
        match (view.objectors.contains(name), said) {
            (true, _) => "no",
            (false, true) => "yes",
            (false, false) => "-",
        }
        .to_owned()
    }));
    rows.push(row);
    let mut text = any_table(head, rows);
    for answer in &view.answers {
        let note = answer.note.as_deref();
        let note = note.map(|note| format!(": {}", escape(note)));
        text.push_str(&format!(
            "{} {} on {} UTC{}\n",
            escape(&answer.cosigner),
            answer.answer,
            date::minute(answer.at),
            note.unwrap_or_default()
        ));
    }
    text
}

fn cells(inputs: &[InputView]) -> (Vec<String>, Vec<Vec<String>>) {
    let names: Vec<&String> = inputs
        .first()
        .map(|input| input.signatures.keys().collect())
        .unwrap_or_default();
    let mut head = vec!["coin".to_owned(), "amount".to_owned()];
    head.extend(names.iter().map(|name| escape(name)));
    let rows = inputs.iter().map(|input| {
        let mut row = vec![short_outpoint(&input.outpoint), btc(input.value_sat)];
        row.extend(names.iter().map(|name| {
            let is_signed = input
                .signatures
                .get(*name)
                .is_some_and(|word| word == "signed");
            if is_signed { "signed" } else { "-" }.to_owned()
        }));
        row
    });
    let rows = rows.collect();
    (head, rows)
}

/// `1 more of bob, carol`, while signatures are missing.
pub(super) fn lacks(needed: usize, missing: &[String]) -> Option<String> {
    (needed > 0 && !missing.is_empty())
        .then(|| format!("{needed} more of {}", escape(&missing.join(", "))))
}

fn notes(view: &ProposalView) -> String {
    let mut text = String::new();
    if let Some(height) = view.not_before {
        text.push_str(&format!(
            "note: a timelock runs, no block before {height} can hold it\n"
        ));
    }
    if let Some(next) = &view.next {
        text.push_str(&format!("next: {}\n", escape(next)));
    }
    text
}

/// The proposal in half a line.
pub(super) fn name(id: &str) -> String {
    format!("proposal {}", short(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_coordinator::view::{AnswerView, InputView, PaymentView, ReviewView, TimelockView};

    fn view() -> ProposalView {
        let input = |n: u8, signed: &[&str]| InputView {
            outpoint: format!("{}:{n}", "ab".repeat(32)),
            value_sat: 100_000_000,
            height: Some(600),
            confirmations: Some(12),
            signatures: ["alice", "bob", "carol"]
                .map(|name| {
                    (
                        name.to_owned(),
                        if signed.contains(&name) {
                            "signed"
                        } else {
                            "missing"
                        }
                        .to_owned(),
                    )
                })
                .into(),
            satisfied: false,
        };
        let payment = |address: &str, amount_sat, index| PaymentView {
            address: Some(address.to_owned()),
            output: 0,
            amount_sat,
            index,
            keychain: index.map(|_| "change".to_owned()),
            vault: None,
            paid_before: index.is_none().then_some(false),
            looks_like: index.is_none().then(|| "bcrt1qrecipixxent".to_owned()),
            script: "00".to_owned(),
        };
        ProposalView {
            id: "cd".repeat(32),
            vault: "family".to_owned(),
            as_of: None,
            txid: "ef".repeat(32),
            status: "collecting".to_owned(),
            memo: Some("pay \u{202e}evil\x1b[2J".to_owned()),
            review: ReviewView {
                fee_sat: 282,
                feerate_sat_vb: 2.01,
                recipients: vec![payment("bcrt1qrecipient", 50_000_000, None)],
                change: vec![payment("bcrt1qchange", 149_999_718, Some(4))],
                inputs: vec![input(0, &["alice"]), input(1, &[])],
                can_sign: ["alice", "bob", "carol"].map(str::to_owned).to_vec(),
                paths: vec!["2 of alice, bob and carol, at any time".to_owned()],
                timelocks: vec![TimelockView {
                    kind: "height".to_owned(),
                    inputs: Vec::new(),
                    blocks: None,
                    seconds: None,
                    height: Some(700),
                    time: None,
                    blocks_left: Some(88),
                }],
                words: ["one", "two", "three"].map(str::to_owned).to_vec(),
                findings: vec!["look twice".to_owned()],
                payees_known: true,
            },
            missing: vec!["bob".to_owned(), "carol".to_owned()],
            needed: 1,
            threshold: 2,
            answers: vec![AnswerView {
                cosigner: "carol".to_owned(),
                answer: "rejected".to_owned(),
                note: Some("too \x1b[2Jmuch".to_owned()),
                at: 0,
                author: "00".repeat(32),
            }],
            objectors: vec!["carol".to_owned()],
            replaces: None,
            replaced_by: None,
            expires_at: Some(86_400),
            seen: "nowhere".to_owned(),
            height: None,
            confirmations: 0,
            not_before: Some(700),
            opened_at: 0,
            note: None,
            next: Some("quorate proposal export cdcdcdcdcdcd --for bob -o bob.psbt".to_owned()),
        }
    }

    #[test]
    fn the_grid_has_coins_by_cosigners_and_says_what_is_missing() {
        let text = grid(&view());
        let row = |start: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(start))
                .unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(row("coin"), ["coin", "amount", "alice", "bob", "carol"]);
        assert_eq!(
            row("abababababab:0"),
            ["abababababab:0", "1.00000000", "BTC", "signed", "-", "-"]
        );
        assert_eq!(row("abababababab:1")[3..], ["-", "-", "-"]);
        assert_eq!(row("said"), ["said", "-", "-", "no"]);
        assert!(text.contains("carol rejected on 1970-01-01 00:00 UTC: too"));
        assert!(text.contains("until        1970-01-02 00:00 UTC"), "{text}");
        assert!(text.contains("\nneeds 1 more of bob, carol\n"), "{text}");
        assert!(
            text.contains("\nnext: quorate proposal export cdcdcdcdcdcd --for bob -o bob.psbt\n")
        );
        assert!(text.contains("no block before 700"));
    }

    #[test]
    fn t33_the_review_shows_everything_that_is_signed() {
        let text = review(&view(), 0);
        for part in [
            "bcrt1qrecipient",
            "0.50000000 BTC",
            "bcrt1qchange",
            "1.49999718 BTC",
            "ours, index 4",
            "0.00000282 BTC (2.01 sat/vB)",
            &format!("{}:1", "ab".repeat(32)),
            &"ef".repeat(32),
            "one two three",
            "note: look twice",
            "block 600, 12 confirmations",
            "first payment",
            "looks like bcrt1qrecipixxent, which is another",
            "can sign: alice, bob, carol",
            "2 of alice, bob and carol, at any time",
            "block 700, 88 blocks from now, about 1970-01-01 14:40 UTC (an estimate",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn t35_foreign_text_does_not_reach_the_terminal() {
        for text in [grid(&view()), review(&view(), 0)] {
            assert!(text.contains("pay \\u{202e}evil\\u{1b}[2J"), "{text}");
            assert!(!text.contains(['\x1b', '\u{202e}']));
        }
    }
}
