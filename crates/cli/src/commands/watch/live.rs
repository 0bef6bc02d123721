//! The screen while somebody looks at it. A thread of its own asks the chain source, so that keys and the
//! clock never wait for it.

use super::screen::{self, Ui};
use super::{Args, Watcher};
use crate::context::Context;
use quorate_chain::Failover;
use quorate_coordinator::view::WatchView;
use quorate_coordinator::{Coordinator, Error};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

/// How long to wait for a key before the clock is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// What the worker tells.
enum News {
    /// It asks the chain source now.
    Asking,
    /// How things stand.
    View(Box<WatchView>),
    /// It can't go on.
    Failed(Error),
}

/// Takes the terminal over until somebody ends it, and gives it back as it was, after a panic too.
pub(super) fn watch(args: &Args, coordinator: Coordinator, source: Failover) -> Result<(), Error> {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    ctrlc::set_handler(move || flag.store(true, Ordering::SeqCst)).map_err(|error| {
        Error::refused("screen", format!("interrupts can't be caught: {error}"))
    })?;
    let mut watcher = Watcher::new(args, coordinator, source)?;
    let mut view = watcher.glance()?;
    let (tell, news) = channel();
    let (ask, asked) = channel();
    let every = Duration::from_secs(args.every);
    // Nobody waits for it at the end: it can be stopped at any moment, as every sync can.
    thread::spawn(move || work(&mut watcher, &tell, &asked, every));
    let mut terminal = ratatui::try_init().map_err(|error| unusable(&error))?;
    let result = run(&mut terminal, &mut view, &news, &ask, &ended);
    ratatui::try_restore().map_err(|error| unusable(&error))?;
    result
}

fn unusable(error: &io::Error) -> Error {
    Error::refused("screen", format!("the terminal can't be used: {error}"))
        .hint("`quorate watch | cat` prints the screen once")
}

/// Nothing on the screen would be true any more.
fn broken_off() -> Error {
    Error::refused("screen", "looking at the chain broke off").hint("start it again")
}

fn work(watcher: &mut Watcher, tell: &Sender<News>, asked: &Receiver<()>, every: Duration) {
    loop {
        let told = tell.send(News::Asking).and_then(|()| {
            tell.send(match watcher.look() {
                Ok(view) => News::View(Box::new(view)),
                Err(error) => News::Failed(error),
            })
        });
        if told.is_err() || asked.recv_timeout(every) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn run(
    terminal: &mut ratatui::DefaultTerminal,
    view: &mut WatchView,
    news: &Receiver<News>,
    ask: &Sender<()>,
    ended: &AtomicBool,
) -> Result<(), Error> {
    let mut ui = Ui {
        keys: true,
        ..Ui::default()
    };
    while !ended.load(Ordering::SeqCst) {
        loop {
            let told = match news.try_recv() {
                Ok(told) => told,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(broken_off()),
            };
            match told {
                News::Asking => ui.asking = true,
                News::View(new) => {
                    // The same proposal stays chosen, wherever it is now.
                    let chosen = view.proposals.get(ui.chosen).map(|one| one.id.clone());
                    let place = new
                        .proposals
                        .iter()
                        .position(|one| Some(&one.id) == chosen.as_ref());
                    ui.detail &= place.is_some();
                    ui.chosen = place.unwrap_or(0);
                    ui.asking = false;
                    *view = *new;
                }
                News::Failed(error) => return Err(error),
            }
        }
        let now = Context::now()?;
        terminal
            .draw(|frame| screen::draw(frame, view, &ui, now))
            .map_err(|error| unusable(&error))?;
        if !event::poll(TICK).map_err(|error| unusable(&error))? {
            continue;
        }
        if let Event::Key(key) = event::read().map_err(|error| unusable(&error))?
            && key.kind != KeyEventKind::Release
        {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            if !pressed(key.code, control, &mut ui, view.proposals.len(), ask) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// `false` when it is time to go.
fn pressed(key: KeyCode, control: bool, ui: &mut Ui, count: usize, ask: &Sender<()>) -> bool {
    match key {
        KeyCode::Char('q') => return false,
        KeyCode::Char('c') if control => return false,
        KeyCode::Char('r') => drop(ask.send(())),
        KeyCode::Enter => ui.detail = !ui.detail && count > 0,
        KeyCode::Esc => ui.detail = false,
        KeyCode::Up => ui.chosen = ui.chosen.saturating_sub(1),
        KeyCode::Down => ui.chosen = (ui.chosen + 1).min(count.saturating_sub(1)),
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_what_the_foot_says() {
        let (ask, asked) = channel();
        let mut ui = Ui::default();
        let press = |key, ui: &mut Ui| pressed(key, false, ui, 2, &ask);
        for (key, chosen) in [
            (KeyCode::Down, 1),
            (KeyCode::Down, 1),
            (KeyCode::Up, 0),
            (KeyCode::Up, 0),
        ] {
            assert!(press(key, &mut ui));
            assert_eq!(ui.chosen, chosen);
        }
        assert!(press(KeyCode::Enter, &mut ui) && ui.detail);
        assert!(press(KeyCode::Enter, &mut ui) && !ui.detail);
        assert!(press(KeyCode::Char('r'), &mut ui) && asked.try_recv().is_ok());
        assert!(press(KeyCode::Char('c'), &mut ui) && asked.try_recv().is_err());
        assert!(!press(KeyCode::Char('q'), &mut ui));
        assert!(!pressed(KeyCode::Char('c'), true, &mut ui, 2, &ask));
        // Without proposals there is nothing to show.
        let mut empty = Ui::default();
        assert!(pressed(KeyCode::Enter, false, &mut empty, 0, &ask) && !empty.detail);
        assert!(pressed(KeyCode::Down, false, &mut empty, 0, &ask));
        assert_eq!(empty.chosen, 0);
    }
}
