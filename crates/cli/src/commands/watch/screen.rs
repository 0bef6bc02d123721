//! How the screen looks: a function of what is known, which proposal is chosen, and the time.

use crate::amount::btc;
use crate::date;
use crate::table::short;
use quorate_coordinator::view::{ProposalLineView, WatchView};
use quorate_core::text::escape;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row, Table, TableState, Wrap};

/// Vaults shown at once; more are counted.
const VAULTS: usize = 4;
/// Lines around a list: its frame, and its head.
const FRAME: u16 = 3;

/// What the person at the keys has chosen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ui {
    /// The proposal's place in the list.
    pub(super) chosen: usize,
    /// Whether it is shown in full.
    pub(super) detail: bool,
    /// Whether anybody can press keys.
    pub(super) keys: bool,
    /// Whether the chain source is being asked at the moment.
    pub(super) asking: bool,
}

impl Ui {
    /// For a screen that is printed.
    pub(super) fn printed() -> Self {
        Self {
            chosen: usize::MAX,
            ..Self::default()
        }
    }
}

/// Rows that show everything.
pub(super) fn whole_height(view: &WatchView) -> u16 {
    let rows = |count: usize| u16::try_from(count.clamp(1, 200)).unwrap_or(200);
    let events = view.events.len().min(10);
    1 + vaults_height(view) + rows(view.proposals.len()) + FRAME + rows(events) + 2 + 1
}

fn vaults_height(view: &WatchView) -> u16 {
    let shown = view.vaults.len().clamp(1, VAULTS);
    u16::try_from(shown).unwrap_or(1) + FRAME
}

/// Draws everything. A screen that is too small shows as much as fits.
pub(super) fn draw(frame: &mut Frame<'_>, view: &WatchView, ui: &Ui, now: u64) {
    let events = u16::try_from(view.events.len().clamp(1, 10)).unwrap_or(10) + 2;
    let most = if ui.keys {
        frame.area().height / 3
    } else {
        u16::MAX
    };
    let [head, vaults, proposals, news, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(vaults_height(view)),
        Constraint::Min(4),
        Constraint::Length(events.min(most)),
        Constraint::Length(1 + u16::from(ui.keys)),
    ])
    .areas(frame.area());
    let title = format!("quorate on {}, {} UTC", view.network, date::second(now));
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Line::styled(title, bold), head);
    draw_vaults(frame, vaults, view);
    draw_proposals(frame, proposals, view, ui, now);
    draw_events(frame, news, view);
    let mut lines = vec![Line::raw(source_line(view, ui, now))];
    if ui.keys {
        lines.push(Line::raw(
            "q quits, arrows choose, Enter shows, r asks the chain source now",
        ));
    }
    frame.render_widget(Paragraph::new(lines), foot);
    if ui.detail
        && let Some(chosen) = view.proposals.get(ui.chosen)
    {
        draw_detail(frame, chosen, now);
    }
}

fn titled(title: &str) -> Block<'_> {
    Block::new().borders(Borders::ALL).title(title)
}

fn draw_vaults(frame: &mut Frame<'_>, area: Rect, view: &WatchView) {
    let mut rows: Vec<Row<'_>> = view
        .vaults
        .iter()
        .take(VAULTS)
        .map(|one| {
            Row::new([
                escape(&one.vault),
                btc(one.balance.confirmed_sat),
                btc(one.balance.pending_sat),
                btc(one.balance.reserved_sat),
                match one.balance.height {
                    Some(height) => height.to_string(),
                    None => "never synced".to_owned(),
                },
            ])
        })
        .collect();
    if view.vaults.is_empty() {
        rows.push(Row::new(["none yet".to_owned()]));
    }
    let title = match view.vaults.len() {
        count if count > VAULTS => format!("Balances ({VAULTS} of {count} vaults)"),
        _ => "Balances".to_owned(),
    };
    let widths = [
        Constraint::Min(8),
        Constraint::Length(21),
        Constraint::Length(16),
        Constraint::Length(16),
        Constraint::Length(12),
    ];
    let head = Row::new(["vault", "confirmed", "pending", "reserved", "block"]);
    let table = Table::new(rows, widths)
        .header(head.style(Style::new().add_modifier(Modifier::DIM)))
        .block(titled(&title));
    frame.render_widget(table, area);
}

fn draw_proposals(frame: &mut Frame<'_>, area: Rect, view: &WatchView, ui: &Ui, now: u64) {
    let mut rows: Vec<Row<'_>> = view
        .proposals
        .iter()
        .map(|one| {
            Row::new(vec![
                Cell::new(short(&one.id).to_owned()),
                Cell::new(one.status.clone()),
                Cell::new(btc(one.amount_sat)),
                Cell::new(missing(one)),
                Cell::new(due(one, now)),
            ])
        })
        .collect();
    if view.proposals.is_empty() {
        rows.push(Row::new(["none waits".to_owned()]));
    }
    let widths = [
        Constraint::Length(12),
        Constraint::Length(10),
        Constraint::Length(16),
        Constraint::Min(14),
        Constraint::Length(16),
    ];
    let head = Row::new(["proposal", "status", "amount", "missing", "until (UTC)"]);
    let table = Table::new(rows, widths)
        .header(head.style(Style::new().add_modifier(Modifier::DIM)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(titled("Proposals"));
    let chosen = (ui.chosen < view.proposals.len()).then_some(ui.chosen);
    let mut state = TableState::new().with_selected(chosen);
    frame.render_stateful_widget(table, area, &mut state);
}

/// Who is asked, or what stands in the way.
fn missing(one: &ProposalLineView) -> String {
    if let Some(fault) = &one.fault {
        return escape(fault);
    }
    let no = match one.objectors.is_empty() {
        true => String::new(),
        false => format!("; no from {}", escape(&one.objectors.join(", "))),
    };
    match one.missing.is_empty() {
        true => format!("-{no}"),
        false => format!("{} of {}{no}", one.needed, escape(&one.missing.join(", "))),
    }
}

fn due(one: &ProposalLineView, now: u64) -> String {
    match one.expires_at {
        None => "-".to_owned(),
        Some(at) if at <= now => "passed".to_owned(),
        Some(at) => date::minute(at),
    }
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, view: &WatchView) {
    let mut lines: Vec<Line<'_>> = view
        .events
        .iter()
        .take(usize::from(area.height.saturating_sub(2)))
        .map(|event| {
            let vault = event.vault.as_deref().map(escape).unwrap_or_default();
            Line::raw(format!(
                "{:>5} {vault}: {}",
                event.number,
                escape(&event.text)
            ))
        })
        .collect();
    if lines.is_empty() {
        lines.push(Line::raw("nothing yet"));
    }
    frame.render_widget(Paragraph::new(lines).block(titled("Latest")), area);
}

fn source_line(view: &WatchView, ui: &Ui, now: u64) -> String {
    let source = &view.source;
    let name = escape(&source.name);
    let asking = if ui.asking { " (asking)" } else { "" };
    match (&source.problem, source.synced_at, source.height) {
        (Some(problem), _, _) => format!("{}{asking}", escape(problem)),
        (None, Some(at), Some(height)) => {
            let age = age(now.saturating_sub(at));
            format!("at block {height}, {age} ago{asking}, says {name}")
        }
        (None, _, _) => format!("{name} wasn't asked yet{asking}"),
    }
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn draw_detail(frame: &mut Frame<'_>, one: &ProposalLineView, now: u64) {
    let area = frame.area();
    let inner = Rect {
        x: area.x + 2.min(area.width),
        y: area.y + 2.min(area.height),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(4),
    };
    let mut lines = vec![
        format!("proposal  {}", one.id),
        format!("vault     {}", escape(&one.vault)),
        format!("status    {}", one.status),
        format!(
            "pays      {} to {}",
            btc(one.amount_sat),
            one.to.as_deref().unwrap_or("-")
        ),
    ];
    if one.payees > 1 {
        lines.push(format!("          and {} more", one.payees - 1));
    }
    lines.extend(
        one.memo
            .as_ref()
            .map(|memo| format!("for       {}", escape(memo))),
    );
    lines.extend(
        one.label
            .as_ref()
            .map(|label| format!("label     {}", escape(label))),
    );
    lines.push(format!("missing   {}", missing(one)));
    lines.push(format!("until     {}", due(one, now)));
    lines.extend(
        one.next
            .as_ref()
            .map(|next| format!("next      {}", escape(next))),
    );
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::raw).collect();
    let text = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .block(titled("Proposal (Enter goes back)"));
    frame.render_widget(Clear, inner);
    frame.render_widget(text, inner);
}

/// What is on a screen, without colours.
pub(super) fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            if skip > 0 {
                skip -= 1;
                continue;
            }
            // A wide sign takes the place of two.
            skip = Line::raw(symbol).width().saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
