//! The testkit's `Home`, with a shell in place of the binary.

use quorate_testkit::Home;
use serde_json::json;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

fn shell() -> Home {
    Home::new().with_program(Path::new("/bin/sh"))
}

/// The sentence that `body` panics with. The home lives outside, so that its folder isn't kept.
fn panics(body: impl FnOnce()) -> String {
    let words = catch_unwind(AssertUnwindSafe(body)).expect_err("a panic");
    words.downcast_ref::<String>().expect("a sentence").clone()
}

#[test]
fn a_command_sees_the_persons_folders_and_variables() {
    let mut home = shell()
        .with_node("simulated")
        .with_passphrase("correct horse");
    let script = r#"echo "$QUORATE_HOME|$PWD|$QUORATE_NODE|$QUORATE_PASSPHRASE|$0""#;
    let output = home.run(&["-c", script, "argument"]);
    let files = home.file("");
    let expected = format!(
        "{}|{}|simulated|correct horse|argument\n",
        home.path().display(),
        files.display().to_string().trim_end_matches('/')
    );
    assert_eq!(output.stdout, expected);
    assert_eq!((output.code(), output.stderr.as_str()), (Some(0), ""));
    home.set("QUORATE_NODE", "other");
    home.unset("QUORATE_PASSPHRASE");
    let output = home.run(&["-c", r#"echo "$QUORATE_NODE, ${QUORATE_PASSPHRASE-none}""#]);
    assert_eq!(output.stdout, "other, none\n");
}

#[test]
fn json_is_one_document_of_a_command_that_succeeds() {
    let home = shell();
    // The shell's $0 is the argument that follows: --json.
    let document = home.json(&["-c", r#"echo "{\"flag\": \"$0\"}""#]);
    assert_eq!(document, json!({"flag": "--json"}));
    for wrong in ["echo '{}'; exit 1", "echo '{} {}'", "echo plain", "true"] {
        let words = panics(|| {
            home.json(&["-c", wrong]);
        });
        assert!(words.contains(wrong), "{words}");
    }
}

#[test]
fn fail_is_one_document_of_a_command_that_fails() {
    let error = r#"echo '{"error": {"code": "down"}}' >&2; "#;
    let home = shell();
    let (code, document) = home.fail(&["-c", &format!("{error} exit 3")]);
    assert_eq!((code, document), (3, json!({"code": "down"})));
    for wrong in [
        format!("{error} exit 0"),
        format!("{error} echo x; exit 3"),
        format!("{error} kill -9 $$"),
        "echo '{}' >&2; exit 1".to_owned(),
        "echo plain >&2; exit 1".to_owned(),
    ] {
        let words = panics(|| {
            home.fail(&["-c", &wrong]);
        });
        assert!(words.contains("doesn't fail as it should"), "{words}");
    }
}

#[test]
fn a_command_can_be_killed() {
    let home = shell();
    let mut running = home.spawn(&["-c", "echo started; exec sleep 1000"]);
    let end = Instant::now() + Duration::from_secs(20);
    while running.stdout().is_empty() {
        assert!(Instant::now() < end && !running.ended());
        thread::sleep(Duration::from_millis(2));
    }
    let output = running.kill();
    assert_eq!(output.status.signal(), Some(9));
    assert_eq!((output.code(), output.stdout.as_str()), (None, "started\n"));
}

#[test]
fn the_folder_goes_with_the_value() {
    let home = shell();
    let folder = home.path();
    let folder = folder.parent().expect("a folder above").to_owned();
    assert!(folder.is_dir());
    assert!(!home.path().exists(), "the program makes it");
    drop(home);
    assert!(!folder.exists());
}
