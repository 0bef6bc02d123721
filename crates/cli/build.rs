//! Has the C++ library of the consensus checks linked into the program, where the compiler has it in that
//! form: a start takes a fifth less, and the program runs where no C++ library is installed. Who names the
//! library to link (`CXXSTDLIB`) gets that one.

use std::path::{Path, PathBuf};
use std::{env, fs};

const LIBRARY: &str = "libstdc++.a";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CXXSTDLIB");
    if env::var_os("CXXSTDLIB").is_none()
        && env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux")
        && let (Some(library), Ok(folder)) = (find(), env::var("OUT_DIR"))
        && fs::copy(library, Path::new(&folder).join(LIBRARY)).is_ok()
    {
        // The folder of the compiler has the shared one too, which would be preferred.
        println!("cargo::rustc-link-search=native={folder}");
    }
}

/// The compiler answers with the bare name if it doesn't have it.
fn find() -> Option<PathBuf> {
    let compiler = cc::Build::new().cpp(true).try_get_compiler().ok()?;
    let mut command = compiler.to_command();
    let answer = command
        .arg(format!("-print-file-name={LIBRARY}"))
        .output()
        .ok()?;
    let path = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim_end());
    path.is_absolute().then_some(path)
}
