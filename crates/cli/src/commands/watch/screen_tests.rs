//! The screen drawn in memory.

use super::screen::{Ui, draw, text_of, whole_height};
use quorate_coordinator::view::{
    BalanceView, EventView, ProposalLineView, WatchView, WatchedSourceView, WatchedView,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const NOW: u64 = 1_767_225_600; // 2026-01-01 00:00

fn proposal(number: usize) -> ProposalLineView {
    ProposalLineView {
        id: format!("{number:012x}").repeat(5),
        vault: "family".to_owned(),
        status: "collecting".to_owned(),
        amount_sat: 30_000_000 + number as u64,
        to: Some("bcrt1qpayee".to_owned()),
        label: None,
        payees: 2,
        memo: Some("invoice \u{1b}[31m17".to_owned()),
        missing: vec!["alice".to_owned(), "bob".to_owned()],
        needed: 1,
        threshold: 2,
        objectors: vec!["carol".to_owned()],
        expires_at: Some(NOW + 86_400),
        fault: None,
        next: Some("quorate proposal export".to_owned()),
    }
}

fn view(vaults: usize, proposals: usize, events: usize) -> WatchView {
    let event = |number: usize| EventView {
        number: number as u64,
        kind: "coin_seen".to_owned(),
        vault: Some("family".to_owned()),
        vault_id: None,
        entry: None,
        entry_kind: None,
        author: None,
        parked: false,
        at: None,
        proposal: None,
        from: None,
        to: None,
        memo: None,
        outpoint: None,
        address: None,
        value_sat: None,
        height: None,
        spent_by: None,
        text: format!("5 sat at bcrt1q{number} on the way"),
    };
    WatchView {
        network: "regtest".to_owned(),
        vaults: (0..vaults)
            .map(|number| WatchedView {
                vault: format!("vault{number}"),
                balance: BalanceView {
                    confirmed_sat: 2_100_000_000_000_000,
                    pending_sat: 1,
                    reserved_sat: 0,
                    height: Some(900_000),
                    as_of: None,
                    alert: None,
                },
            })
            .collect(),
        proposals: (0..proposals).map(proposal).collect(),
        events: (0..events).rev().map(event).collect(),
        source: WatchedSourceView {
            name: "Bitcoin Core at 127.0.0.1:8332".to_owned(),
            synced_at: Some(NOW - 75),
            height: Some(900_000),
            problem: None,
        },
    }
}

fn drawn(width: u16, height: u16, view: &WatchView, ui: &Ui) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    let result = terminal.draw(|frame| draw(frame, view, ui, NOW));
    assert!(result.is_ok());
    text_of(terminal.backend().buffer())
}

#[test]
fn a_screen_of_80_by_24_shows_everything_at_once() {
    let ui = Ui {
        keys: true,
        ..Ui::default()
    };
    let text = drawn(80, 24, &view(1, 2, 20), &ui);
    for part in [
        "quorate on regtest, 2026-01-01 00:00:00 UTC",
        "Balances",
        "vault0",
        "21000000.00000000 BTC",
        "900000",
        "000000000000",
        "000000000001",
        "collecting",
        "0.30000001 BTC",
        "1 of alice, bob",
        "2026-01-02 00:00",
        "19 family: 5 sat at bcrt1q19 on the way",
        "q quits",
        "at block 900000, 1 min ago",
    ] {
        assert!(text.contains(part), "{part} isn't in\n{text}");
    }
    assert_eq!(text.lines().count(), 24);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn enter_shows_a_proposal_with_foreign_text_made_harmless() {
    let ui = Ui {
        chosen: 1,
        detail: true,
        keys: true,
        ..Ui::default()
    };
    let text = drawn(80, 24, &view(1, 3, 3), &ui);
    for part in [
        "proposal  000000000001",
        "and 1 more",
        "invoice \\u{1b}[31m17",
        "no from carol",
        "next      quorate proposal export",
    ] {
        assert!(text.contains(part), "{part} isn't in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn any_size_and_any_state_is_drawn() {
    let empty = WatchView::default();
    let full = view(9, 60, 50);
    let mut down = view(1, 1, 1);
    down.source.problem = Some("Bitcoin Core can't be reached: refused".to_owned());
    down.source.synced_at = None;
    for (width, height) in [(80, 24), (1, 1), (20, 5), (200, 60), (80, 10), (3, 100)] {
        for view in [&empty, &full, &down] {
            for detail in [false, true] {
                let ui = Ui {
                    detail,
                    keys: true,
                    ..Ui::default()
                };
                assert_eq!(
                    drawn(width, height, view, &ui).lines().count(),
                    usize::from(height)
                );
            }
        }
    }
    assert!(drawn(80, 24, &down, &Ui::default()).contains("can't be reached: refused"));
    assert!(drawn(80, 24, &full, &Ui::default()).contains("4 of 9 vaults"));
    assert!(drawn(80, 24, &empty, &Ui::default()).contains("none yet"));
    // The chosen one is in sight, however far down it is.
    let ui = Ui {
        chosen: 59,
        ..Ui::default()
    };
    assert!(drawn(80, 24, &full, &ui).contains("0.30000059 BTC"));
    let whole = drawn(100, whole_height(&full), &full, &Ui::printed());
    assert!(whole.contains("0.30000059 BTC") && whole.contains("0.30000000 BTC"));
}
