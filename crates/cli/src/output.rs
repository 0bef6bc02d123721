//! The one place that prints: data on stdout, everything for the person beside it on stderr. With
//! `--json` stdout gets exactly one document, or stderr one with `error`.

use crate::failure::exit_code;
use quorate_coordinator::view::ErrorView;
use quorate_coordinator::{Error, Kind};
use quorate_core::text::escape;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};
use zeroize::Zeroizing;

/// What a command has to say when it is done, for people and for programs. It is wiped from memory
/// afterwards: the words of a key may be in it.
pub(crate) struct Answer {
    text: Zeroizing<Vec<u8>>,
    json: Zeroizing<Vec<u8>>,
    but: Option<(ErrorView, u8)>,
}

impl Answer {
    /// The view as JSON, and the same as text. The text gets a final line break if it has none.
    pub(crate) fn new(view: &impl Serialize, text: impl Into<String>) -> Result<Self, Error> {
        let mut text = text.into().into_bytes();
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        Self::bytes(view, text)
    }

    /// The view as JSON, and for people these very bytes.
    pub(crate) fn bytes(view: &impl Serialize, bytes: Vec<u8>) -> Result<Self, Error> {
        let mut json = serde_json::to_vec(view)
            .map_err(|error| Error::refused("json", format!("the answer isn't JSON: {error}")))?;
        json.push(b'\n');
        Ok(Self {
            text: bytes.into(),
            json: json.into(),
            but: None,
        })
    }

    /// Nothing more to say: it was told while it happened.
    pub(crate) fn told() -> Self {
        Self {
            text: Vec::new().into(),
            json: Vec::new().into(),
            but: None,
        }
    }

    /// Done, but not all of it: the error is told as well, and decides the exit code.
    pub(crate) fn but(mut self, error: Option<Error>) -> Self {
        self.but = error.map(|error| told(&error));
        self
    }

    /// Nothing done, for a reason that a view carries.
    pub(crate) fn refused(reason: &ErrorView) -> Self {
        let code = exit_code(Kind::Refused);
        Self {
            text: Vec::new().into(),
            json: Vec::new().into(),
            but: Some((reason.clone(), code)),
        }
    }
}

fn told(error: &Error) -> (ErrorView, u8) {
    (ErrorView::from(error), exit_code(error.kind))
}

/// The document on stderr.
#[derive(Serialize)]
struct Failed {
    error: ErrorView,
}

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether stderr may carry remarks for the person: with `--json` it is for the error alone.
    pub(crate) const fn is_chatty(self) -> bool {
        !self.json
    }

    /// Prints how a command ended; returns the exit code.
    pub(crate) fn finish(self, answer: Result<Answer, Error>) -> u8 {
        let error = match answer {
            Ok(answer) => {
                let bytes = if self.json {
                    &answer.json
                } else {
                    &answer.text
                };
                match print(&mut io::stdout().lock(), bytes) {
                    Ok(()) => answer.but,
                    Err(error) => Some(told(&error)),
                }
            }
            Err(error) => Some(told(&error)),
        };
        let Some((error, code)) = error else { return 0 };
        self.tell(error);
        code
    }

    fn tell(self, error: ErrorView) {
        let text = if self.json {
            // Three texts are always JSON.
            serde_json::to_string(&Failed { error }).unwrap_or_default() + "\n"
        } else {
            let hint = error.hint.as_deref();
            let hint = hint.map(|hint| format!("hint: {}\n", escape(hint)));
            format!(
                "error: {}\n{}",
                escape(&error.message),
                hint.unwrap_or_default()
            )
        };
        // There is no other place left to complain at.
        let _ = print(&mut io::stderr().lock(), text.as_bytes());
    }

    /// One of many lines of a stream: a JSON document for programs, else text. `false` when the reader went
    /// away, so that nothing counts as read that wasn't.
    pub(crate) fn line(self, view: &impl Serialize, text: &str) -> Result<bool, Error> {
        let line = if self.json {
            serde_json::to_string(view).map_err(|error| {
                Error::refused("json", format!("the answer isn't JSON: {error}"))
            })?
        } else {
            text.to_owned()
        };
        let mut out = io::stdout().lock();
        let written = out
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(unwritable(&error)),
            Ok(()) => Ok(true),
        }
    }

    /// A line of a story that is told while it happens; a program gets it all at the end.
    pub(crate) fn narrate(self, line: &str) -> Result<(), Error> {
        if self.json {
            return Ok(());
        }
        print(&mut io::stdout().lock(), format!("{line}\n").as_bytes())
    }

    /// A remark for the person: not part of the data, and not for programs.
    pub(crate) fn remark(self, line: &str) {
        if self.is_chatty() {
            self.ask(&format!("{line}\n"));
        }
    }

    /// Text for the person at the terminal, shown also with `--json`: a question.
    pub(crate) fn ask(self, text: &str) {
        let _ = print(&mut io::stderr().lock(), text.as_bytes());
    }
}

/// Writes all of it. A reader who went away has seen enough: that is no error.
fn print(to: &mut dyn Write, bytes: &[u8]) -> Result<(), Error> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(unwritable(&error)),
    }
}

fn unwritable(error: &io::Error) -> Error {
    Error {
        kind: Kind::Storage,
        code: "output",
        message: format!("the answer can't be written to standard output: {error}"),
        hint: Some(
            "what was asked for may be done all the same: look before repeating it".to_owned(),
        ),
    }
}
