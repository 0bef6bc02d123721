//! What can go wrong between us and the disk, each with what to do about it.

use bitcoin::{OutPoint, Txid};
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// What was written as wholly new breaks a rule of its table, most likely because it is there already.
    #[error("the ledger holds something already that was to be added; run `quorate sync` again")]
    NotNew,
    /// The chain that is being followed spends a coin of ours in two blocks, or twice in one: no chain does, so
    /// who tells of it lies or is broken.
    #[error(
        "coin {coin} is spent by transaction {} in block {} and by {} in block {}",
        spenders[0].0, spenders[0].1, spenders[1].0, spenders[1].1
    )]
    SpentTwice {
        /// The coin.
        coin: OutPoint,
        /// Its spenders, each with the height of its block.
        spenders: [(Txid, u32); 2],
    },
    /// Nothing is there yet.
    #[error("there is no quorate database at {}; create one with `quorate init`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The SQLite linked in has the WAL-reset bug, which corrupts databases.
    #[error(
        "this program is linked with SQLite {found}, which can corrupt databases; \
         build it with SQLite 3.51.3 or newer"
    )]
    LibraryTooOld {
        /// Its version.
        found: String,
    },
    /// A newer quorate has been here.
    #[error(
        "{} has schema version {found}, this quorate knows versions up to {known}; upgrade quorate",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// Somebody else's SQLite database.
    #[error(
        "{} is a database of another program and is left alone; choose another home with `--home`",
        path.display()
    )]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// Not SQLite at all, or so damaged that it doesn't look like it.
    #[error(
        "{} is not a database; move it away or choose another home with `--home`",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The operating system won't let us read it.
    #[error(
        "{} can't be opened: {reason}; check the owner and the permissions of the file and its folder",
        path.display()
    )]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// Readable but not writable.
    #[error(
        "{} can't be written; make the home folder writable or choose another with `--home`",
        path.display()
    )]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
    },
    /// No room left.
    #[error(
        "the disk that holds the quorate database is full; nothing was changed, free some space and try again"
    )]
    Full,
    /// Somebody else held the write lock for longer than we wait.
    #[error(
        "another program has kept the quorate database locked for too long; nothing was changed, try again"
    )]
    Busy,
    /// The contents contradict themselves.
    #[error("the quorate database is damaged: {what}; restore the home folder from a backup")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// A vault whose scripts can't be derived any further.
    #[error("vault {vault} can't derive its next address: {reason}; start a new vault")]
    Underivable {
        /// Its id.
        vault: String,
        /// In plain words.
        reason: String,
    },
    /// COMMIT failed in a way that leaves open whether it happened. The store has been reopened:
    /// what is read now is the truth.
    #[error(
        "the last change may or may not have been saved ({reason}); look at the current state before repeating it"
    )]
    CommitUnknown {
        /// In SQLite's words.
        reason: String,
    },
    /// Anything else SQLite says.
    #[error("the quorate database could not be used: {0}; if this persists, check the disk")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        // What SQLite says when the file that processes share for the log can't grow.
        if let rusqlite::Error::SqliteFailure(failure, _) = &error
            && failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
        {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                what: error.to_string(),
            },
            _ => match error {
                // A value of another type or size than the column holds when we wrote it.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..) => Self::Damaged {
                    what: error.to_string(),
                },
                other => Self::Sqlite(other),
            },
        }
    }
}

impl StorageError {
    /// The same, for errors while opening `path`, where the file itself is the suspect.
    pub(crate) fn opening(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Unreadable {
                path,
                reason: error.to_string(),
            },
            _ => error.into(),
        }
    }

    /// An error of the file system on `path`. `writing` says what was attempted.
    pub(crate) fn file(path: &Path, error: &std::io::Error, writing: bool) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::PermissionDenied if writing => Self::ReadOnly { path },
            _ => Self::Unreadable {
                path,
                reason: error.to_string(),
            },
        }
    }

    /// A row that can't have been written by us.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
