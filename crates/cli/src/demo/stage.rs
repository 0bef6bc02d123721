//! Where the demo plays: a throw-away folder with a data folder for each person, and this program
//! run in it as they would. Dropping the stage removes everything.

use crate::output::Output;
use quorate_coordinator::Error;
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How often a running command is looked at, and an interrupt noticed.
const POLL: Duration = Duration::from_millis(4);
/// Everybody's passphrase in the demo. The keys live for seconds and guard nothing.
const PASSPHRASE: &str = "a passphrase for the demo";

/// What was told, and what was typed for it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    say: String,
    commands: Vec<String>,
}

pub(super) struct Stage {
    folder: TempDir,
    program: PathBuf,
    node: Option<String>,
    output: Output,
    interrupted: Arc<AtomicBool>,
    steps: Vec<Step>,
}

fn trouble(what: &str, error: impl std::fmt::Display) -> Error {
    Error::storage("demo", format!("{what}: {error}"))
}

impl Stage {
    pub(super) fn new(output: Output, interrupted: Arc<AtomicBool>) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("quorate-demo-")
            .tempdir()
            .map_err(|error| trouble("no folder for the demo can be made", error))?;
        let program = std::env::current_exe()
            .map_err(|error| trouble("this program can't find itself", error))?;
        std::fs::create_dir(folder.path().join("desk"))
            .map_err(|error| trouble("no folder for the demo can be made", error))?;
        Ok(Self {
            folder,
            program,
            node: None,
            output,
            interrupted,
            steps: Vec::new(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The chain source that everybody uses from now on.
    pub(super) fn use_node(&mut self, source: String) {
        self.node = Some(source);
    }

    /// Begins a step with a sentence.
    pub(super) fn say(&mut self, sentence: &str) -> Result<(), Error> {
        let number = self.steps.len() + 1;
        self.output.narrate(&format!("\n{number:2}. {sentence}"))?;
        self.steps.push(Step {
            say: sentence.to_owned(),
            commands: Vec::new(),
        });
        Ok(())
    }

    /// Tells something that came of it.
    pub(super) fn tell(&self, line: &str) -> Result<(), Error> {
        self.output.narrate(&format!("      {line}"))
    }

    /// Closing words.
    pub(super) fn end(&self, text: &str) -> Result<(), Error> {
        self.output.narrate(text)
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Whether somebody pressed Ctrl-C.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.interrupted.load(Ordering::SeqCst) {
            return Err(Error::refused(
                "interrupted",
                "stopped: the demo's folder and node are gone, nothing is left behind",
            ));
        }
        Ok(())
    }

    /// Waits a moment, unless interrupted.
    pub(super) fn pause(&self) -> Result<(), Error> {
        self.check()?;
        std::thread::sleep(POLL);
        self.check()
    }

    /// Runs `quorate` for a person, as they would type it; shows the command and returns its JSON.
    pub(super) fn quorate(&mut self, who: &str, args: &[&str]) -> Result<Value, Error> {
        let line = format!(
            "{who}$ quorate {}",
            args.iter()
                .map(|arg| quoted(arg))
                .collect::<Vec<_>>()
                .join(" ")
        );
        self.output.narrate(&format!("    {line}"))?;
        if let Some(step) = self.steps.last_mut() {
            step.commands.push(line);
        }
        self.silently(who, args)
    }

    /// The same without a word about it.
    pub(super) fn silently(&self, who: &str, args: &[&str]) -> Result<Value, Error> {
        self.check()?;
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| self.folder.path().join(name));
        let create = |path: &Path| {
            File::create(path).map_err(|error| trouble("the demo's folder can't be written", error))
        };
        let mut command = Command::new(&self.program);
        crate::config::forget(&mut command);
        command
            .args(args)
            .arg("--json")
            .current_dir(self.folder.path().join("desk"))
            .env(crate::config::HOME, self.folder.path().join(who))
            .env(crate::config::PASSPHRASE, PASSPHRASE)
            .stdin(Stdio::null())
            .stdout(create(&stdout)?)
            .stderr(create(&stderr)?);
        if let Some(node) = &self.node {
            command.env(crate::config::NODE, node);
        }
        let mut child = command
            .spawn()
            .map_err(|error| trouble("this program can't be run again", error))?;
        let status = loop {
            if let Some(status) = child
                .try_wait()
                .map_err(|error| trouble("a step can't be waited for", error))?
            {
                break status;
            }
            if let Err(stop) = self.pause() {
                // It may have heard the same Ctrl-C and be gone already.
                let _ = child.kill();
                let _ = child.wait();
                return Err(stop);
            }
        };
        self.check()?;
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| trouble("the demo's folder can't be read", error))
        };
        if !status.success() {
            let said: Value = serde_json::from_slice(&read(&stderr)?).unwrap_or_default();
            let message = said["error"]["message"]
                .as_str()
                .unwrap_or("it gave no reason");
            return Err(Error::refused(
                "demo",
                format!("the step `quorate {}` failed: {message}", args.join(" ")),
            ));
        }
        serde_json::from_slice(&read(&stdout)?)
            .map_err(|error| trouble("a step's answer can't be read", error))
    }
}

/// As a shell wants it. Long arguments are shortened for reading.
fn quoted(arg: &str) -> String {
    let short = match arg.split_once('=') {
        Some((name, key)) if key.len() > 60 => {
            format!("{name}={}…", key.chars().take(30).collect::<String>())
        }
        _ if arg.len() == 64 && arg.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            arg[..12].to_owned()
        }
        _ => arg.to_owned(),
    };
    if short.contains(' ') {
        format!("\"{short}\"")
    } else {
        short
    }
}
