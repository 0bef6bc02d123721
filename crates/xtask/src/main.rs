//! `cargo xtask`: what the project does to itself. No tool but cargo is needed to start it, and
//! it depends on nothing but serde_json, so that it is there within seconds.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the terminal"
)]

mod checks;
mod embit;
mod locate;
mod mutants;
mod node;
mod packages;
mod shell;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  test [--no-node]  Runs all tests, those on a real Bitcoin Core node included, and says how many
  lint              Checks format, clippy and documentation
  quick             Checks format and clippy, and runs the tests of the core
  bench             Measures, in release, what our work costs beside bare cryptography and peers
  mutants [file]    Breaks the code that judges foreign files in every place, and expects a failing
                    test each time; of one file: the part of a path. Half an hour and more
  node              Prints the path of a bitcoind; builds one from source the first time
  embit             Prints the path of a Python with embit; installs it the first time

test --no-node leaves out the tests in modules called `real_node`. BITCOIND_EXE names a bitcoind to
use; without it, the PATH and then the per-user cache are looked at. EMBIT_PYTHON names a python3
with embit; without it, one is made in the per-user cache.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["test"] => checks::test(true),
        ["test", "--no-node"] => checks::test(false),
        ["lint"] => checks::lint(),
        ["quick"] => checks::quick(),
        ["bench"] => checks::bench(),
        ["mutants"] => mutants::mutants(None),
        ["mutants", file] => mutants::mutants(Some(file)),
        ["embit"] => embit::python().map(|path| println!("{}", path.display())),
        ["node"] => node::path().map(|path| println!("{}", path.display())),
        ["help" | "-h" | "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}
