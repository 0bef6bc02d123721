//! embit as a cosigner: the driver `tests/vendors/embit_signer.py`, kept running.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// One Python with embit. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Embit {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Embit {
    pub(crate) fn start() -> Self {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendors/embit_signer.py");
        let python = python();
        let mut child = Command::new(&python)
            .arg(driver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{} can't be started: {e}", python.display()));
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            pipes: Mutex::new((stdin, stdout)),
        }
    }

    /// The file with the signatures of the master key `xprv` in it, and how many embit made.
    pub(crate) fn sign(&self, psbt: &str, xprv: &str, form: &str) -> Result<(String, u64), String> {
        let request = json!({"psbt": psbt.trim(), "key": xprv, "form": form});
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{request}").unwrap();
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|e| panic!("embit's driver ended without an answer ({e}): {line}"));
        match (answer["psbt"].as_str(), answer["signatures"].as_u64()) {
            (Some(psbt), Some(count)) => Ok((psbt.to_owned(), count)),
            _ => Err(answer["error"].as_str().unwrap_or_default().to_owned()),
        }
    }
}

impl Drop for Embit {
    fn drop(&mut self) {
        // Both do nothing to a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python() -> PathBuf {
    let Some(python) = std::env::var_os("EMBIT_PYTHON").map(PathBuf::from) else {
        panic!(
            "this test needs a Python with embit: set EMBIT_PYTHON to what `cargo xtask embit` prints, or run `cargo xtask test`"
        );
    };
    assert!(
        python.is_file(),
        "EMBIT_PYTHON is `{}`, which is not a file: set it to what `cargo xtask embit` prints",
        python.display()
    );
    python
}
