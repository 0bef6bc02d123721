//! Where a `bitcoind` for tests may be: `BITCOIND_EXE`, the `PATH`, or the per-user cache that
//! `cargo xtask node` fills. The testkit includes this file too, so that both look in the same
//! places; it therefore needs nothing but std.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The release of the crate `libbitcoinkernel-sys` whose vendored source the cached node is built
/// from; the name of its folder in the cache.
pub(crate) const VERSION: &str = "0.4.1";

/// Finds a `bitcoind` without building one; `None` when there is none yet.
///
/// # Errors
/// A sentence, when `BITCOIND_EXE` is set but names no file: falling back silently would run the
/// tests on another node than the one asked for.
pub(crate) fn find() -> Result<Option<PathBuf>, String> {
    find_in(|name| env::var_os(name))
}

/// [`find`] in another environment.
pub(crate) fn find_in(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<PathBuf>, String> {
    if let Some(exe) = variable("BITCOIND_EXE").map(PathBuf::from) {
        return if exe.is_file() {
            Ok(Some(exe))
        } else {
            Err(format!(
                "BITCOIND_EXE is `{}`, which is not a file: correct it, or unset it and run `cargo xtask node`",
                exe.display()
            ))
        };
    }
    let path = variable("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("bitcoind"));
    let cached = cache_in(variable).map(|folder| folder.join(VERSION).join("bitcoind"));
    Ok(on_path.chain(cached).find(|exe| exe.is_file()))
}

/// The per-user cache folder for nodes; `None` when neither `XDG_CACHE_HOME` nor `HOME` tells.
pub(crate) fn cache_in(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG base directory specification says to ignore relative paths.
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("quorate").join("node"))
}
