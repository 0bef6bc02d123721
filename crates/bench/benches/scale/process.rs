//! The program as a whole process: how long it runs, and how much memory it takes.

use quorate_testkit::fixtures::{self, TestKey};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Somebody to pay.
pub(crate) const STRANGER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) time: Duration,
    /// The most it had resident, in bytes.
    pub(crate) memory: u64,
}

impl Ran {
    /// The shorter time; the larger memory.
    pub(crate) fn better(self, other: Self) -> Self {
        Self {
            time: self.time.min(other.time),
            memory: self.memory.max(other.memory),
        }
    }
}

pub(crate) struct Program(PathBuf);

impl Program {
    /// The program beside this bench, in release.
    pub(crate) fn built() -> Self {
        let own = std::env::current_exe().expect("a path");
        let folder = own.ancestors().nth(2).expect("target/release/deps");
        let program = folder.join("quorate");
        assert!(
            program.exists(),
            "{} isn't there: run it through `cargo xtask bench scale`",
            program.display()
        );
        Self(program)
    }

    pub(crate) fn command(&self, home: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command
            .env("QUORATE_HOME", home.join("home"))
            .args(arguments);
        command
    }

    pub(crate) fn json(&self, home: &Path, arguments: &[&str]) -> Value {
        let output = self
            .command(home, arguments)
            .arg("--json")
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// A new home with the vault of alice, bob and carol, born in block `birthday`; its descriptor.
    pub(crate) fn vault(&self, home: &Path, birthday: u32) -> String {
        self.json(home, &["init", "--network", "regtest"]);
        let keys: Vec<String> = fixtures::cosigners(3)
            .iter()
            .map(TestKey::argument)
            .collect();
        let birthday = birthday.to_string();
        let mut create = vec![
            "vault",
            "create",
            "family",
            "--policy",
            "2-of-3",
            "--birthday",
            &birthday,
        ];
        keys.iter().for_each(|key| create.extend(["--key", key]));
        let vault = self.json(home, &create);
        vault["descriptor"].as_str().expect("a text").to_owned()
    }

    pub(crate) fn descriptor(&self, home: &Path) -> String {
        let vault = self.json(home, &["vault", "show", "family"]);
        vault["descriptor"].as_str().expect("a text").to_owned()
    }

    /// Runs it to its end. What it had resident is read while it runs; of one that is over in a few
    /// milliseconds the last reading counts.
    pub(crate) fn run(&self, home: &Path, arguments: &[&str]) -> Ran {
        measured(self.command(home, arguments).arg("--json"))
    }
}

/// How long a command takes whom nobody looks at: looking at its memory slows one of a few milliseconds down.
pub(crate) fn timed(command: &mut Command) -> Duration {
    let started = Instant::now();
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let time = started.elapsed();
    assert!(ended.expect("it starts").success(), "{command:?}");
    time
}

pub(crate) fn measured(command: &mut Command) -> Ran {
    let started = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("our child") {
            break ended;
        }
        if let Ok(text) = fs::read_to_string(&status) {
            let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib =
                peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
            memory = kib.map_or(memory, |kib| memory.max(kib * 1024));
        }
        // Looking costs time that a long run needs on both cores: a 200th of it is near enough.
        let pause = (started.elapsed() / 200).max(Duration::from_micros(300));
        std::thread::sleep(pause);
    };
    let time = started.elapsed();
    if !ended.success() {
        let output = child.wait_with_output().expect("our child");
        panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ran { time, memory }
}
