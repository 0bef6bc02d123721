//! The README's tour, run as it stands there.

use quorate_testkit::{Home, quorate_exe};
use std::fs;
use std::process::Command;

#[test]
fn the_tour_works_as_it_is_typed() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let tour = readme
        .split("```sh\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let home = Home::new();
    let folder = home.file("tour");
    fs::create_dir(&folder).unwrap();
    let path = format!(
        "{}:{}",
        quorate_exe().parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("bash")
        .args(["-eu", "-c", tour])
        .current_dir(&folder)
        .env("PATH", path)
        .env_remove("QUORATE_HOME")
        .env_remove("QUORATE_NODE")
        .env_remove("QUORATE_PASSPHRASE")
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}{stderr}");
    for word in [
        "needs 2 more of alice, bob, carol",
        "status       ready",
        "confirmed, in block",
        "all is well",
    ] {
        assert!(stdout.contains(word), "`{word}` isn't in {stdout}");
    }
}

#[test]
fn commands_named_in_the_documents_exist() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let home = Home::new();
    for document in [
        "README.md",
        "docs/architecture.md",
        "docs/journal.md",
        "docs/threat-model.md",
        "policies/README.md",
    ] {
        let text = fs::read_to_string(format!("{folder}/{document}")).unwrap();
        for command in text
            .split('`')
            .filter(|part| part.starts_with("quorate ") && !part.contains('\n'))
        {
            let words: Vec<&str> = command
                .split(' ')
                .skip(1)
                .take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
                .collect();
            if words.is_empty() || words == ["help"] {
                continue;
            }
            let mut args = words;
            args.push("--help");
            assert!(home.run(&args).status.success(), "{document}: `{command}`");
        }
    }
}
