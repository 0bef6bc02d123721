//! The keystore's dealings with the file system: private modes, whole files or none, and never
//! over another key.

use super::KeystoreError;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// No file of a keystore comes near this; a planted one must not fill the memory.
const LONGEST: u64 = 16 * 1024;

/// An I/O error with what was tried and where.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeystoreError {
    let path = path.to_owned();
    move |source| KeystoreError::Io {
        action,
        path,
        source,
    }
}

/// Makes the folder, and makes it private to its owner.
pub(super) fn private_folder(folder: &Path) -> Result<(), KeystoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(io("create the folder", folder))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder)
            .map_err(io("look at the folder", folder))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
                .map_err(io("make private the folder", folder))?;
        }
    }
    Ok(())
}

/// A finished file (0600, flushed to disk) in `folder`, still without a name of its own.
pub(super) fn stage(folder: &Path, contents: &[u8]) -> Result<NamedTempFile, KeystoreError> {
    // tempfile creates with O_EXCL and mode 0600.
    let write = || {
        let mut file = NamedTempFile::with_prefix_in(".new-", folder)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(io("write into", folder))
}

/// Gives a staged file its name; `Ok(false)` if the name is taken, which changes nothing.
pub(super) fn publish_new(file: NamedTempFile, path: &Path) -> Result<bool, KeystoreError> {
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(path).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io("create", path)(error.error)),
    }
}

/// Gives a staged file its name, in place of what had it.
pub(super) fn publish(file: NamedTempFile, path: &Path) -> Result<(), KeystoreError> {
    file.persist(path)
        .map_err(|error| io("create", path)(error.error))?;
    sync_folder(path)
}

/// Without this the new name itself could be lost with the power.
fn sync_folder(path: &Path) -> Result<(), KeystoreError> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    #[cfg(unix)]
    fs::File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(io("flush the folder", folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Reads a small file; `Ok(None)` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeystoreError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("read", path)(error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(io("read", path))?;
    if bytes.len() as u64 > LONGEST {
        return Err(KeystoreError::Damaged {
            path: path.to_owned(),
            reason: "it is far larger than a key",
        });
    }
    Ok(Some(bytes))
}

/// Refuses a secret that others on this machine may read: the seal slows guessing, it doesn't
/// end it.
#[cfg(unix)]
pub(super) fn check_private(path: &Path) -> Result<(), KeystoreError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = match fs::metadata(path) {
        Ok(meta) => meta.permissions().mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("look at", path)(error)),
    };
    if mode & 0o077 != 0 {
        return Err(KeystoreError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Modes are a Unix matter.
#[cfg(not(unix))]
pub(super) fn check_private(_path: &Path) -> Result<(), KeystoreError> {
    Ok(())
}

/// The names before `extension` in `folder`, sorted; none if there is no folder.
pub(super) fn names(folder: &Path, extension: &str) -> Result<Vec<String>, KeystoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io("list the folder", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry.map_err(io("list the folder", folder))?.file_name();
        let name = file.to_str().and_then(|f| f.strip_suffix(extension));
        if let Some(name) = name
            && quorate_core::text::check_name("the key's name", name).is_ok()
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// `folder/name` + `extension`. Not `with_extension`, which would eat what follows a dot in a name.
pub(super) fn path(folder: &Path, name: &str, extension: &str) -> PathBuf {
    folder.join(format!("{name}{extension}"))
}
