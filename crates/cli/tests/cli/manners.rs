//! How the program behaves towards shells, pipes, terminals and readers.

use crate::people::{nobody, person, text, watcher};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let home = nobody();
    // Far more than fits into a pipe, so that writing meets the closed end.
    let mut child = home
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), b"".as_slice())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = nobody()
        .command(&["policy", "list"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("error: "),
        "{output:?}"
    );
}

#[test]
fn help_teaches_every_command_with_examples() {
    let home = nobody();
    for noun in [
        "signer",
        "policy",
        "vault",
        "address",
        "coin",
        "proposal",
        "journal",
        "simulated",
    ] {
        let help = home.run(&[noun, "--help"]);
        assert_eq!((help.code(), help.stderr.as_str()), (Some(0), ""));
        let commands = help
            .stdout
            .split("Commands:\n")
            .nth(1)
            .unwrap()
            .split("\n\n")
            .next()
            .unwrap();
        for verb in commands
            .lines()
            .filter_map(|line| line.split_whitespace().next())
        {
            if verb != "help" {
                let help = home.run(&[noun, verb, "--help"]).stdout;
                assert!(
                    help.contains(&format!("Usage: quorate {noun} {verb}")),
                    "{noun} {verb}: {help}"
                );
                assert!(
                    help.contains("Examples:\n  quorate "),
                    "{noun} {verb}: {help}"
                );
            }
        }
    }
    let help = home.run(&["help", "proposal", "create"]);
    assert!(help.stdout.contains("Examples:\n"), "{help:?}");
    assert!(home.run(&["--version"]).stdout.starts_with("quorate "));
    assert!(text(&home.json(&["--version"])["help"]).starts_with("quorate "));
}

#[test]
fn completions_and_manual_pages_are_made_of_the_grammar() {
    let home = nobody();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run(&["completions", shell]).stdout;
        assert!(script.contains("without-signatures"), "{shell}");
    }
    assert!(home.run(&["man"]).stdout.contains(".TH quorate 1"));
    let files = home.json(&["man", "--dir", "man1"]);
    let files = files["files"].as_array().unwrap();
    assert!(files.len() > 30);
    for file in files {
        let page = fs::read_to_string(home.file(text(file))).unwrap();
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{file}"
        );
    }
    let page = fs::read_to_string(home.file("man1/quorate-proposal-create.1")).unwrap();
    assert!(page.contains("feerate"), "{page}");
}

#[test]
fn the_reference_is_what_the_program_says_of_itself() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let now = nobody().run(&["reference"]).stdout;
    let there = fs::read_to_string(&file).unwrap();
    assert!(
        now == there,
        "docs/cli.md is stale: run `cargo run -- reference > docs/cli.md`"
    );
}

#[test]
fn plain_answers_have_no_colour_and_no_wrapping() {
    let home = watcher();
    for args in [
        &["vault", "show", "family"][..],
        &["vault", "list"],
        &["policy", "list"],
        &["balance", "family"],
        &["coin", "list", "family"],
        &["address", "new", "family", "--label", "a b"],
        &["address", "list", "family"],
        &["proposal", "list"],
        &["journal", "log", "family"],
        &["journal", "verify"],
        &["journal", "rebuild"],
        &["signer", "list"],
        &["--help"],
    ] {
        let output = home.run(args);
        assert_eq!(
            (output.code(), output.stderr.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
        assert!(
            output.stdout.ends_with('\n') && !output.stdout.contains('\x1b'),
            "{output:?}"
        );
        home.json(args);
    }
    let list = home.run(&["address", "list", "family"]).stdout;
    let row = list
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>();
    assert_eq!((row[0], row[1], row[3], row[4]), ("receive", "0", "a", "b"));
}

#[test]
fn an_address_is_one_line_and_a_code_only_where_it_can_be_seen() {
    let home = watcher();
    let plain = home.run(&["address", "new", "family"]).stdout;
    assert_eq!(plain.lines().count(), 1);
    let code = home.run(&["address", "new", "family", "--qr"]).stdout;
    assert!(code.lines().count() > 15 && code.contains('█'), "{code}");
    assert_eq!(
        home.run(&["address", "new", "family", "--no-qr"])
            .stdout
            .lines()
            .count(),
        1
    );
}

#[test]
fn the_data_folder_is_where_such_things_belong() {
    let home = nobody();
    let init = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = home.command(&["init", "--network", "regtest", "--json"]);
        command
            .args(more)
            .env_remove("QUORATE_HOME")
            .envs(variables.iter().copied());
        let output = command.output().unwrap();
        let view: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        text(&view["home"]).to_owned()
    };
    let folder = home.file("");
    let root = folder.to_str().unwrap().trim_end_matches('/');
    let below = |rest: &str| format!("{root}/{rest}");
    assert_eq!(
        init(&[("HOME", &below("h"))], &[]),
        below("h/.local/share/quorate")
    );
    assert_eq!(
        init(
            &[("HOME", &below("h")), ("XDG_DATA_HOME", &below("x"))],
            &[]
        ),
        below("x/quorate")
    );
    // Empty counts as not set.
    assert_eq!(
        init(&[("QUORATE_HOME", ""), ("XDG_DATA_HOME", &below("y"))], &[]),
        below("y/quorate")
    );
    assert_eq!(
        init(
            &[("QUORATE_HOME", &below("z"))],
            &["--home", &below("given")]
        ),
        below("given")
    );
}

#[test]
fn json_goes_before_and_after_the_command() {
    let home = person();
    let before = home.run(&["--json", "vault", "list"]).stdout;
    assert_eq!(before, home.run(&["vault", "list", "--json"]).stdout);
    assert_eq!(before, "{\"vaults\":[]}\n");
}
