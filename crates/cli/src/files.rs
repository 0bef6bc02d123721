//! Files in and out: read with a limit known beforehand, written whole or not at all, and never
//! over something that is there unless that was asked for.

use quorate_coordinator::Error;
use quorate_core::text::escape;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

/// The largest PSBT file read: 2 MiB as base64 or hex, with line breaks.
pub(crate) const PSBT_LIMIT: u64 = 4 * 1024 * 1024 + 128 * 1024;
/// The largest descriptor, policy or list of words.
pub(crate) const TEXT_LIMIT: u64 = 1024 * 1024;

/// The largest journal file: beyond that, a shared folder carries it.
pub(crate) const JOURNAL_LIMIT: u64 = 256 * 1024 * 1024;

/// A path as it may stand in a message.
pub(crate) fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

/// What a file's name is in messages; `-` is standard input.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) {
        "standard input".to_owned()
    } else {
        shown(path)
    }
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// Reads a file, or standard input for `-`. Not a byte more than the limit is taken in.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let name = name(path);
    let cannot = |error: &io::Error| {
        Error::input(
            "unreadable_file",
            format!("{name} can't be read: {}", reason(error)),
        )
    };
    let mut bytes = Vec::new();
    let read = if is_standard(path) {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(|error| cannot(&error))?;
        file.take(limit + 1).read_to_end(&mut bytes)
    };
    read.map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(path, limit));
    }
    Ok(bytes)
}

/// The refusal of a file that is larger than any of its kind.
pub(crate) fn too_large(path: &Path, limit: u64) -> Error {
    let (name, kib) = (name(path), limit / 1024);
    Error::input(
        "file_too_large",
        format!("{name} is larger than {kib} KiB, so it can't be what it should be"),
    )
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path, TEXT_LIMIT)?)
        .map_err(|_| Error::input("not_text", format!("{} isn't text in UTF-8", name(path))))
}

/// The refusal to replace a file unasked.
pub(crate) fn exists(path: &Path) -> Error {
    Error::refused("file_exists", format!("{} is there already", shown(path)))
        .hint("choose another name, or say --force to replace it")
}

/// Writes a file that only its owner can read. It appears whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), Error> {
    let cannot = |error: &io::Error| {
        let message = format!("{} can't be written: {}", shown(path), reason(error));
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::ReadOnlyFilesystem => Error::input("unwritable_file", message),
            _ => Error::storage("unwritable_file", message),
        }
    };
    // A device or a pipe can't be replaced, it can only be written to.
    let is_special = |there: fs::Metadata| !there.is_file() && !there.is_dir();
    if fs::metadata(path).is_ok_and(is_special) {
        return fs::write(path, bytes).map_err(|error| cannot(&error));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| cannot(&error))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| cannot(&error))?;
    if overwrite {
        file.persist(path).map_err(|error| cannot(&error.error))?;
    } else {
        file.persist_noclobber(path)
            .map_err(|error| match error.error.kind() {
                ErrorKind::AlreadyExists => exists(path),
                _ => cannot(&error.error),
            })?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_is_not_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.psbt");
        write(&path, b"one", false).unwrap();
        let error = write(&path, b"two", false).unwrap_err();
        assert_eq!(error.code, "file_exists");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // Nothing half-done lies beside it.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let lost = folder.path().join("no/such/a.psbt");
        assert_eq!(
            write(&lost, b"x", false).unwrap_err().code,
            "unwritable_file"
        );
        assert!(write(folder.path(), b"x", true).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_written_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.psbt");
        write(&path, b"one", false).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("junk");
        fs::write(&path, [0; 101]).unwrap();
        assert_eq!(read(&path, 101).unwrap().len(), 101);
        assert_eq!(read(&path, 100).unwrap_err().code, "file_too_large");
        assert_eq!(
            read(folder.path(), 100).unwrap_err().code,
            "unreadable_file"
        );
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path).unwrap_err().code, "not_text");
    }
}
