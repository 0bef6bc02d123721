//! A person with a data folder and the `quorate` binary.

use crate::folder::Folder;
use crate::program::quorate_exe;
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A person's data folder, and what they have set in their environment. Commands run in a folder
/// of their own beside it, so that `-o alice.psbt` and the like stay there ([`Self::file`]).
///
/// Dropping it removes everything, unless the thread is panicking: then the folder stays, with
/// the output of each command in `logs/`, and its path is printed.
#[derive(Debug)]
pub struct Home {
    folder: Folder,
    program: Option<PathBuf>,
    variables: BTreeMap<String, String>,
    commands: AtomicU32,
}

/// How a command ended and what it wrote.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Output {
    /// The exit code; `None` after a signal.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// A command under way. Dropping it ends the process.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty data folder and an environment without any variable of ours.
    #[must_use]
    pub fn new() -> Self {
        let folder = Folder::new("home");
        for name in ["files", "logs"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in the temporary folder");
        }
        Self {
            folder,
            program: None,
            variables: BTreeMap::new(),
            commands: AtomicU32::new(0),
        }
    }

    /// With `QUORATE_NODE`, the chain source.
    #[must_use]
    pub fn with_node(self, source: &str) -> Self {
        self.with("QUORATE_NODE", source)
    }

    /// With `QUORATE_PASSPHRASE`.
    #[must_use]
    pub fn with_passphrase(self, passphrase: &str) -> Self {
        self.with("QUORATE_PASSPHRASE", passphrase)
    }

    /// With another program than the binary that was just built.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable of the environment for the commands that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Removes a variable of the environment.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// The data folder, `QUORATE_HOME`. It exists once a command made it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A file in the folder where commands run.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    /// `quorate` with `args` in this person's environment, for what [`Self::run`] can't do.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("QUORATE_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.folder.path().join("files"))
            .env("HOME", self.folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env("QUORATE_HOME", self.path())
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    fn program(&self) -> &Path {
        self.program.as_deref().unwrap_or_else(|| quorate_exe())
    }

    /// Starts `quorate` with `args` and doesn't wait for it.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn spawn(&self, args: &[&str]) -> Running {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let logs = self.folder.path().join("logs");
        let stdout = logs.join(format!("{number:03}.stdout"));
        let stderr = logs.join(format!("{number:03}.stderr"));
        let create = |path: &Path| File::create(path).expect("a file in the temporary folder");
        let child = self
            .command(args)
            .stdout(create(&stdout))
            .stderr(create(&stderr))
            .spawn()
            .unwrap_or_else(|e| panic!("{} can't be started: {e}", self.program().display()));
        Running {
            child,
            line: format!("quorate {}", args.join(" ")),
            stdout,
            stderr,
        }
    }

    /// Runs `quorate` with `args` to its end, whatever that is.
    ///
    /// # Panics
    /// When it takes longer than two minutes.
    #[must_use]
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        self.spawn(args).wait()
    }

    /// Runs `quorate` with `args` and `--json`, which must succeed, and returns the document.
    ///
    /// # Panics
    /// With everything the command wrote, when it fails or stdout isn't one JSON document.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let (line, output) = self.run_json(args);
        match serde_json::from_str(&output.stdout) {
            Ok(document) if output.status.success() => document,
            Ok(_) => panic!("`{line}` failed: {output:#?}"),
            Err(e) => panic!("`{line}` printed no JSON document ({e}): {output:#?}"),
        }
    }

    /// Runs `quorate` with `args` and `--json`, which must fail, and returns the exit code and what
    /// stands under `error` in the document on stderr.
    ///
    /// # Panics
    /// With everything the command wrote, when it succeeds, is ended by a signal, prints to stdout,
    /// or stderr isn't one JSON document with `error`.
    #[track_caller]
    pub fn fail(&self, args: &[&str]) -> (i32, Value) {
        let (line, output) = self.run_json(args);
        let document: Option<Value> = serde_json::from_str(&output.stderr).ok();
        match (output.code(), document) {
            (Some(code), Some(mut document))
                if code != 0 && output.stdout.is_empty() && document["error"].is_object() =>
            {
                (code, document["error"].take())
            }
            _ => panic!("`{line}` doesn't fail as it should: {output:#?}"),
        }
    }

    #[track_caller]
    fn run_json(&self, args: &[&str]) -> (String, Output) {
        let mut args = args.to_vec();
        args.push("--json");
        let running = self.spawn(&args);
        (running.line.clone(), running.wait())
    }
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// When the system doesn't know the process.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// Ends it at once, as a power cut does (`SIGKILL`), and returns what it wrote until then. It
    /// may have ended by itself before.
    #[must_use]
    #[track_caller]
    pub fn kill(mut self) -> Output {
        self.child.kill().expect("our own child");
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes longer than two minutes.
    #[must_use]
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("our own child") {
                Some(status) => break status,
                None => thread::sleep(Duration::from_millis(2)),
            }
            assert!(
                Instant::now() < end,
                "`{}` doesn't end within {PATIENCE:?}",
                self.line
            );
        };
        Output {
            status,
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
        }
    }

    /// What it wrote to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }
}

fn text(path: &Path) -> String {
    let bytes = fs::read(path).expect("the output of a command");
    String::from_utf8(bytes).expect("output in UTF-8")
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
