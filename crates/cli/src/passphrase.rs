//! Where a passphrase comes from: a file descriptor, the environment, or the person at the terminal.
//! Never from the arguments, which every process on the machine can read.

use crate::config;
use crate::context::Context;
use crate::failure;
use crate::terminal;
use quorate_coordinator::Error;
use quorate_signer::Passphrase;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use zeroize::Zeroizing;

/// The most that is read while looking for the end of a line.
const LONGEST_LINE: u64 = 4096;

// How the passphrase is given.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// Read the passphrase from this file descriptor: its first line
    #[arg(long, value_name = "NUMBER")]
    passphrase_fd: Option<u32>,
}

impl Source {
    /// The passphrase of a key that is there.
    pub(crate) fn of(&self, name: &str) -> Result<Passphrase, Error> {
        let text = match self.given()? {
            Some(text) => text,
            None => prompt(&format!("Passphrase of the key `{name}`: "))?,
        };
        Passphrase::new(text).map_err(failure::passphrase)
    }

    /// The passphrase of a key to be made; typed twice, because what seals a key can't be looked up.
    pub(crate) fn new_for(&self, name: &str, context: &Context) -> Result<Passphrase, Error> {
        let text = match self.given()? {
            Some(text) => text,
            None => {
                let text = prompt(&format!("Passphrase for the new key `{name}`: "))?;
                if *text != *prompt("The same once more: ")? {
                    return Err(
                        Error::input("passphrases_differ", "the two passphrases differ")
                            .hint("nothing was made; try again"),
                    );
                }
                text
            }
        };
        let passphrase = Passphrase::new(text).map_err(failure::passphrase)?;
        if passphrase.is_short() {
            context.output.remark(
                "note: this passphrase is short; whoever copies the file can try many of them",
            );
        }
        Ok(passphrase)
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>, Error> {
        match self.passphrase_fd {
            Some(number) => from_descriptor(number).map(Some),
            None => config::passphrase(),
        }
    }
}

fn from_descriptor(number: u32) -> Result<Zeroizing<String>, Error> {
    let cannot = |error: io::Error| {
        Error::input(
            "passphrase_fd",
            format!("the passphrase can't be read from file descriptor {number}: {error}"),
        )
    };
    if number == 0 {
        return first_line(io::stdin().lock()).map_err(cannot);
    }
    File::open(format!("/dev/fd/{number}"))
        .and_then(first_line)
        .map_err(cannot)
}

/// The first line, without its end.
fn first_line(from: impl Read) -> io::Result<Zeroizing<String>> {
    // Room from the start: text that grows leaves copies of itself behind.
    let mut line = Zeroizing::new(String::with_capacity(
        usize::try_from(LONGEST_LINE).unwrap_or(0),
    ));
    BufReader::with_capacity(1, from.take(LONGEST_LINE)).read_line(&mut line)?;
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(line)
}

/// Asks for something that doesn't appear while it is typed.
pub(crate) fn prompt(question: &str) -> Result<Zeroizing<String>, Error> {
    if !terminal::is_attended() {
        return Err(Error::input(
            "no_passphrase",
            "there is no terminal to ask for a passphrase",
        )
        .hint(format!(
            "set {}, or give it with --passphrase-fd",
            config::PASSPHRASE
        )));
    }
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|error| {
            Error::input(
                "no_passphrase",
                format!("the terminal can't be read: {error}"),
            )
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_counts() {
        for given in ["open sesame\nmore", "open sesame\r\n", "open sesame"] {
            assert_eq!(
                first_line(given.as_bytes()).unwrap().as_str(),
                "open sesame"
            );
        }
        assert_eq!(first_line(&b""[..]).unwrap().as_str(), "");
        assert!(first_line(&[0xff, b'\n'][..]).is_err());
    }
}
