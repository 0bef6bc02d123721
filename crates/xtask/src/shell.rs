//! Running other programs: cargo, with the workspace as its folder, and everything else.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The workspace's top folder. Asked at run time first: a target folder may have been copied
/// from another checkout.
pub(crate) fn root() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.ancestors().nth(2).unwrap_or(&own).to_owned()
}

/// The cargo that runs us, with `args` split at white space, in the workspace's top folder.
pub(crate) fn cargo(args: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(args.split_whitespace())
        .current_dir(root())
        .stdin(Stdio::null());
    // A relative CARGO_TARGET_DIR is relative to the folder we were called in, not to the root.
    if let Some(target) = env::var_os("CARGO_TARGET_DIR")
        && let Ok(here) = env::current_dir()
    {
        command.env("CARGO_TARGET_DIR", here.join(target));
    }
    command
}

/// Runs `command` to its end.
///
/// # Errors
/// A sentence, when it can't be started or ends with another status than 0.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = words(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .map_err(|e| format!("`{line}` can't be started: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` failed ({status})"))
    }
}

/// Runs `command` and returns what it wrote to stdout.
///
/// # Errors
/// A sentence, as for [`run`].
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let line = words(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("`{line}` can't be started: {e}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("`{line}` failed ({})", output.status))
    }
}

/// Whether `command` can be started and ends with status 0; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
