//! `quorate demo`: on a real node, on the simulated chain, and stopped in the middle.

use quorate_testkit::Home;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

fn home_with_own_temporary_folder() -> Home {
    let mut home = Home::new();
    let folder = home.file("tmp");
    fs::create_dir(&folder).unwrap();
    home.set("TMPDIR", folder.to_str().unwrap());
    home
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn it_plays_on_a_real_node_and_leaves_nothing_behind() {
    let mut home = home_with_own_temporary_folder();
    // Where `cargo xtask node` puts it is below the person's own home, which this one isn't.
    home.set(
        "BITCOIND_EXE",
        quorate_testkit::Node::program().to_str().unwrap(),
    );
    let view = home.json(&["demo"]);
    assert_eq!(view["chain"], "bitcoin_core");
    assert_eq!(view["status"], "confirmed");
    assert!(view["steps"].as_array().unwrap().len() >= 10, "{view}");
    assert!(is_empty(&home.file("tmp")));
}

#[test]
fn it_plays_on_the_simulated_chain_and_says_so() {
    let home = home_with_own_temporary_folder();
    let output = home.run(&["demo", "--simulated"]);
    assert!(output.status.success(), "{output:?}");
    for word in [
        "simulated chain serves",
        "alice$ quorate signer sign",
        "status confirmed",
        "Done",
    ] {
        assert!(
            output.stdout.contains(word),
            "`{word}` isn't in {}",
            output.stdout
        );
    }
    assert!(is_empty(&home.file("tmp")));
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM"] {
        let mut home = home_with_own_temporary_folder();
        home.set(
            "BITCOIND_EXE",
            quorate_testkit::Node::program().to_str().unwrap(),
        );
        let mut running = home.spawn(&["demo"]);
        let end = Instant::now() + Duration::from_secs(60);
        while !running.stdout().contains("vault create") {
            assert!(
                !running.ended() && Instant::now() < end,
                "{}",
                running.stdout()
            );
            thread::sleep(Duration::from_millis(5));
        }
        let node = node_below(&home.file("tmp"));
        let id = running.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let output = running.wait();
        assert_eq!(output.code(), Some(1), "{output:?}");
        assert!(
            output.stderr.contains("nothing is left behind"),
            "{output:?}"
        );
        assert!(is_empty(&home.file("tmp")));
        assert!(
            !Path::new(&format!("/proc/{node}")).exists(),
            "the node is still there"
        );
    }
}

/// The process id of the node whose folder is below `folder`.
fn node_below(folder: &Path) -> u32 {
    let wanted = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        (line.contains("bitcoind") && line.contains(wanted)).then_some(id)
    });
    processes.into_iter().next().unwrap()
}
