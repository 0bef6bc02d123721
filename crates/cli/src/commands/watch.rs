//! `quorate watch`: everything on one screen, kept up to date.

mod live;
mod screen;
#[cfg(test)]
mod screen_tests;

use crate::context::Context;
use crate::output::Answer;
use crate::sources::Sources;
use crate::terminal;
use quorate_chain::failover::Health;
use quorate_chain::{ChainSource, Failover};
use quorate_coordinator::view::{WatchView, WatchedSourceView};
use quorate_coordinator::{Coordinator, Error};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use screen::Ui;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  quorate watch
  quorate watch family --every 60
  quorate watch family --json")]
pub(crate) struct Args {
    /// Only this vault
    vault: Option<String>,
    /// Seconds between two questions to the chain source
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
}

/// The screen that is printed where there is none.
const WIDTH: u16 = 100;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Error> {
    let coordinator = context.coordinator()?;
    let source = Sources::unattended(context)?;
    if context.output.is_chatty() && terminal::shows_stdout() {
        let mut coordinator = coordinator;
        // A name that doesn't exist is told before the screen is taken over.
        coordinator.watch(args.vault.as_deref())?;
        live::watch(args, coordinator, source)?;
        return Ok(Answer::told());
    }
    let mut watcher = Watcher::new(args, coordinator, source)?;
    let view = watcher.look()?;
    let text = printed(&view, Context::now()?)?;
    Answer::new(&view, text)
}

/// Who looks at the data folder and the chain source.
struct Watcher {
    vault: Option<String>,
    coordinator: Option<Coordinator>,
    source: Failover,
    /// What was seen of the sources and isn't kept yet.
    news: Vec<(String, Health)>,
    state: WatchedSourceView,
}

impl Watcher {
    fn new(args: &Args, coordinator: Coordinator, source: Failover) -> Result<Self, Error> {
        let state = WatchedSourceView {
            name: source.name().to_owned(),
            ..WatchedSourceView::default()
        };
        Ok(Self {
            vault: args.vault.clone(),
            coordinator: Some(coordinator),
            source,
            news: Vec::new(),
            state,
        })
    }

    /// Without asking the chain source.
    fn glance(&mut self) -> Result<WatchView, Error> {
        let now = Context::now()?;
        let coordinator = self.coordinator.take().map(|one| one.at(now));
        let coordinator = self.coordinator.insert(coordinator.ok_or_else(gone)?);
        let mut view = coordinator.watch(self.vault.as_deref())?;
        view.source = self.state.clone();
        Ok(view)
    }

    /// Asks the chain source first. One that doesn't answer is shown, not an error.
    fn look(&mut self) -> Result<WatchView, Error> {
        let moment = Context::moment()?;
        let coordinator = self.coordinator.as_mut().ok_or_else(gone)?;
        let synced = coordinator.sync(&self.source, moment, &mut |_| ());
        // Helps other commands; that it can't be kept now is no reason to fail.
        self.news.extend(self.source.take_news());
        if coordinator.remember_sources(self.news.clone()).is_ok() {
            self.news.clear();
        }
        match synced {
            Ok(synced) => {
                self.state.synced_at = Some(moment.now);
                self.state.height = Some(synced.height);
                self.state.problem = None;
            }
            Err(error) => self.state.problem = Some(error.message),
        }
        self.glance()
    }
}

fn gone() -> Error {
    Error::storage("storage", "the data folder was closed")
}

/// The screen as text: as high as it needs to be.
fn printed(view: &WatchView, now: u64) -> Result<String, Error> {
    let height = screen::whole_height(view);
    let mut terminal = Terminal::new(TestBackend::new(WIDTH, height))
        .map_err(|error| Error::refused("screen", format!("the screen can't be drawn: {error}")))?;
    terminal
        .draw(|frame| screen::draw(frame, view, &Ui::printed(), now))
        .map_err(|error| Error::refused("screen", format!("the screen can't be drawn: {error}")))?;
    Ok(screen::text_of(terminal.backend().buffer()))
}
