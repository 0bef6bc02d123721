//! Where the `quorate` binary is that tests run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

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
    // Cargo writes down what it made the binary from, in the form of a Makefile.
    let list = exe.with_extension("d");
    let list = fs::read_to_string(&list).unwrap_or_else(|e| panic!("{}: {e}", list.display()));
    let changed = |path: &PathBuf| modified(path).is_none_or(|at| at > built);
    if let Some(changed) = sources(&list).into_iter().find(changed) {
        panic!(
            "{} is older than {}: run `cargo build`, or all tests with `cargo xtask test`",
            exe.display(),
            changed.display()
        );
    }
    exe
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The files after the colon in `binary: file file`, where a backslash protects a space in a name.
fn sources(list: &str) -> Vec<PathBuf> {
    let (_, files) = list.split_once(": ").unwrap_or_default();
    let protected = files.replace("\\ ", "\0");
    let files = protected.split_whitespace();
    files.map(|file| file.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_binary_is_made_from() {
        let list = "/t/debug/quorate: /w/a.rs /w/my\\ folder/b.sql\n";
        assert_eq!(
            sources(list),
            ["/w/a.rs", "/w/my folder/b.sql"].map(PathBuf::from)
        );
        assert_eq!(sources(""), Vec::<PathBuf>::new());
    }
}
