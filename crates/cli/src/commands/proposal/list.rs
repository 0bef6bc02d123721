//! The list: one screen that says what is asked, of whom, by when, and what to do next.

use crate::amount::btc;
use crate::context::Context;
use crate::date;
use crate::origin;
use crate::output::Answer;
use crate::table::{grid, short};
use quorate_coordinator::Error;
use quorate_coordinator::view::{ProposalLineView, ProposalsView};
use quorate_core::text::escape;

/// What a terminal is wide at least.
const WIDTH: usize = 80;

pub(super) fn list(vault: Option<&str>, all: bool, context: &Context) -> Result<Answer, Error> {
    // A program chooses by the status.
    let all = all || !context.output.is_chatty();
    let view = context.coordinator()?.proposals(vault, all)?;
    Answer::new(&view, screen(&view, Context::now()?))
}

fn screen(view: &ProposalsView, now: u64) -> String {
    let more = match view.finished {
        0 => String::new(),
        1 => "1 finished proposal isn't listed, --all shows it\n".to_owned(),
        count => format!("{count} finished proposals aren't listed, --all shows them\n"),
    };
    if view.proposals.is_empty() {
        let none = if view.finished == 0 {
            "there is no proposal yet"
        } else {
            "no proposal waits for anything"
        };
        return format!("{none}\n{more}next: quorate proposal create --help\n");
    }
    let head = ["proposal", "status", "pays", "lacks", "until"].map(str::to_owned);
    let rows = view.proposals.iter().map(|line| {
        vec![
            short(&line.id).to_owned(),
            line.status.clone(),
            if line.fault.is_some() {
                "-".to_owned()
            } else {
                btc(line.amount_sat)
            },
            lacks(line),
            line.expires_at.map_or_else(|| "-".to_owned(), date::minute),
        ]
    });
    let table = grid(head.to_vec(), rows.collect());
    let mut rows = table.lines();
    let mut text = format!("{}\n", rows.next().unwrap_or_default());
    for (line, row) in view.proposals.iter().zip(rows) {
        text.push_str(&format!("{row}\n"));
        for detail in details(line) {
            text.push_str(&format!("  {}\n", cut(&detail, WIDTH - 2)));
        }
        // A command is of no use when it is cut.
        if let Some(next) = &line.next {
            text.push_str(&format!("  next: {}\n", escape(next)));
        }
    }
    text + &more + &origin::line(view.as_of.as_ref(), now)
}

/// What is missing, in a word or two.
fn lacks(line: &ProposalLineView) -> String {
    match line.status.as_str() {
        "draft" => "submit".to_owned(),
        "collecting" => format!("{} of {} signatures", line.needed, line.threshold),
        "ready" => "broadcast".to_owned(),
        "broadcast" => "a block".to_owned(),
        "rejected" if line.next.is_some() => "a yes".to_owned(),
        _ => "-".to_owned(),
    }
}

/// Whose and what for; who is asked, and who said no.
fn details(line: &ProposalLineView) -> Vec<String> {
    if let Some(fault) = &line.fault {
        return vec![escape(fault)];
    }
    let mut what = escape(&line.vault);
    if let Some(memo) = line.memo.as_ref().or(line.label.as_ref()) {
        what.push_str(&format!(" \"{}\"", escape(memo)));
    }
    if let Some(to) = &line.to {
        what.push_str(&format!(" to {to}"));
    }
    if line.payees > 1 {
        what.push_str(&format!(" and {} more", line.payees - 1));
    }
    if line.payees == 0 {
        what.push_str(" to ourselves");
    }
    let mut who = Vec::new();
    if !line.missing.is_empty() {
        who.push(format!("asks {}", escape(&line.missing.join(", "))));
    }
    if !line.objectors.is_empty() {
        who.push(format!("no from {}", escape(&line.objectors.join(", "))));
    }
    let mut details = vec![what];
    if !who.is_empty() {
        details.push(who.join("; "));
    }
    details
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 3).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: &str) -> ProposalLineView {
        ProposalLineView {
            id: "cd".repeat(32),
            vault: "family".to_owned(),
            status: status.to_owned(),
            amount_sat: 2_000_000_000_000_000,
            to: Some("bcrt1qkfzg882asgpmmf07n4k4yxqmc3p73x2mtl0ledhkncxhqnsaagrsl0ay0t".to_owned()),
            label: None,
            payees: 2,
            memo: Some("invoice 17 \x1b[2J".to_owned()),
            missing: vec!["bob".to_owned(), "carol".to_owned()],
            needed: 1,
            threshold: 2,
            objectors: vec!["alice".to_owned()],
            expires_at: Some(1_800_000_000),
            fault: None,
            next: Some("quorate proposal export cdcdcdcdcdcd --for bob -o bob.psbt".to_owned()),
        }
    }

    #[test]
    fn a_line_says_what_of_whom_by_when_and_what_next_in_80_columns() {
        let view = ProposalsView {
            as_of: None,
            proposals: vec![line("collecting")],
            finished: 3,
        };
        let text = screen(&view, 0);
        for part in [
            "cdcdcdcdcdcd  collecting  20000000.00000000 BTC  1 of 2 signatures  2027-01-15 08:00",
            "\n  family \"invoice 17 \\u{1b}[2J\" to bcrt1qkfzg",
            "\n  asks bob, carol; no from alice\n",
            "\n  next: quorate proposal export cdcdcdcdcdcd --for bob -o bob.psbt\n",
            "\n3 finished proposals aren't listed, --all shows them\n",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains('\x1b'));
        let usual = ProposalsView {
            proposals: vec![ProposalLineView {
                amount_sat: 123_456_789_012,
                ..line("collecting")
            }],
            finished: 0,
            as_of: None,
        };
        for row in screen(&usual, 0).lines() {
            assert!(row.chars().count() <= WIDTH, "{row}");
        }
    }

    #[test]
    fn a_damaged_one_is_told_and_costs_no_other() {
        let broken = ProposalLineView {
            fault: Some("the stored proposal can't be used".to_owned()),
            next: Some("quorate journal verify".to_owned()),
            ..line("damaged")
        };
        let view = ProposalsView {
            proposals: vec![broken, line("ready")],
            finished: 0,
            as_of: None,
        };
        let text = screen(&view, 0);
        assert!(
            text.contains(
                "\n  the stored proposal can't be used\n  next: quorate journal verify\n"
            )
        );
        assert!(text.contains("ready") && text.contains("broadcast"));
    }
}
