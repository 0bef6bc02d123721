//! A temporary folder that stays when the test fails.

use std::path::Path;
use std::thread;
use tempfile::TempDir;

/// A temporary folder. Dropping it removes it, unless the thread is panicking: then the folder
/// stays, and its path is printed.
#[derive(Debug)]
pub struct Folder {
    inner: TempDir,
    name: &'static str,
}

impl Folder {
    /// Makes a folder; `name` says what it is for, in its path and in the line about keeping it.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let inner = tempfile::Builder::new()
            .prefix(&format!("quorate-{name}-"))
            .tempdir()
            .expect("a temporary folder can be made");
        Self { inner, name }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            self.inner.disable_cleanup(true);
            eprintln!(
                "kept the folder of the {}: {}",
                self.name,
                self.path().display()
            );
        }
    }
}
