//! Where the `quorate` binary is that tests run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// What the binary is made from; all but the testkit, xtask and the tests themselves.
const SOURCES: [&str; 7] = [
    "crates/core/src",
    "crates/storage/src",
    "crates/chain/src",
    "crates/signer/src",
    "crates/coordinator/src",
    "crates/cli/src",
    "policies",
];

/// The binary to test: `QUORATE_EXE`, or the one in the target folder of the running test.
///
/// # Panics
/// When it isn't built, or is older than the sources: cargo doesn't build it for the tests of
/// another package, and a test of yesterday's binary says nothing.
#[must_use]
pub fn quorate_exe() -> &'static Path {
    static EXE: OnceLock<PathBuf> = OnceLock::new();
    EXE.get_or_init(|| match env::var_os("QUORATE_EXE") {
        Some(exe) => {
            let exe = PathBuf::from(exe);
            assert!(
                exe.is_file(),
                "QUORATE_EXE is `{}`, which is not a file",
                exe.display()
            );
            exe
        }
        None => beside_the_test(),
    })
}

fn beside_the_test() -> PathBuf {
    // target/debug/deps/the_test-0123456789abcdef
    let test = env::current_exe().expect("the path of the running test");
    let exe = test
        .ancestors()
        .nth(2)
        .expect("a test lies in a target folder")
        .join(format!("quorate{}", env::consts::EXE_SUFFIX));
    let built = modified(&exe).unwrap_or_else(|| {
        panic!(
            "there is no {}: run `cargo build`, or all tests with `cargo xtask test`",
            exe.display()
        )
    });
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Some(newer) = SOURCES
        .iter()
        .find_map(|folder| newer_than(built, &root.join(folder)))
    {
        panic!(
            "{} is older than {}: run `cargo build`, or all tests with `cargo xtask test`",
            exe.display(),
            newer.display()
        );
    }
    exe
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// A file in `folder` or below that was changed after `time`.
fn newer_than(time: SystemTime, folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find_map(|path| {
            if path.is_dir() {
                newer_than(time, &path)
            } else {
                (modified(&path)? > time).then_some(path)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;
    use std::time::Duration;

    #[test]
    fn notices_a_source_newer_than_the_binary() {
        let folder = Folder::new("sources");
        fs::create_dir(folder.path().join("deep")).expect("a folder");
        let file = folder.path().join("deep/a.rs");
        fs::write(&file, "").expect("a file");
        let time = modified(&file).expect("a time");
        assert_eq!(newer_than(time, folder.path()), None);
        let before = time - Duration::from_secs(1);
        assert_eq!(newer_than(before, folder.path()), Some(file));
        assert_eq!(newer_than(before, Path::new("/no/such/folder")), None);
    }
}
