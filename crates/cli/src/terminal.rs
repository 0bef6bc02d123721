//! Talking with the person at the terminal.

use crate::output::Output;
use quorate_coordinator::Error;
use std::io::{self, BufRead, IsTerminal};

/// Whether somebody can be asked.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal()
}

/// Whether the data goes to a terminal.
pub(crate) fn shows_stdout() -> bool {
    io::stdout().is_terminal()
}

/// Whether remarks go to a terminal.
pub(crate) fn shows_stderr() -> bool {
    io::stderr().is_terminal()
}

/// Asks a question; only `y` and `yes` are yes.
pub(crate) fn confirm(output: Output, question: &str) -> Result<bool, Error> {
    output.ask(&format!("{question} [y/N] "));
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Error::input("stdin", format!("the answer can't be read: {error}")))?;
    let line = line.trim();
    Ok(line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes"))
}
