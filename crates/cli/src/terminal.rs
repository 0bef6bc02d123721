//! Talking with the person at the terminal.

use crate::output::Output;
use quorate_coordinator::Error;
use quorate_core::text::escape;
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

/// A word as it is typed in a shell: what the next command is to be copied from.
pub(crate) fn typed(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._/+:=@%,-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", escape(word).replace('\'', "'\\''"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_copied_into_a_shell() {
        for (word, text) in [
            ("alice.psbt", "alice.psbt"),
            ("/tmp/žofie-1.psbt", "/tmp/žofie-1.psbt"),
            ("my file", "'my file'"),
            ("it's;rm", r"'it'\''s;rm'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
            ("a\nb", r"'a\u{a}b'"),
        ] {
            assert_eq!(typed(word), text);
        }
    }
}
