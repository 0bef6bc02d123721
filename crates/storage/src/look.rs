//! A look at the chain that found nothing new. All there is to remember is when it was, and that isn't worth
//! waiting for the disk: it stands in a small file beside the database. If that gets lost, figures look older
//! than they are, which is the safe side.

use crate::Store;
use bitcoin::BlockHash;
use quorate_core::chain::BlockId;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Longer than any that was written.
const LONGEST: u64 = 4_096;

/// A look at the chain that found nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The block that the ledger stood at, which was the source's best.
    pub tip: BlockId,
    /// The source.
    pub source: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

impl Look {
    /// The last one, if there is one that can be read.
    pub(crate) fn read(database: &Path) -> Option<Self> {
        let file = fs::File::open(beside(database)).ok()?;
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text).ok()?;
        let value: Value = serde_json::from_slice(&text).ok()?;
        let number = |key: &str| value.get(key)?.as_u64();
        let text = |key: &str| value.get(key)?.as_str();
        Some(Self {
            tip: BlockId {
                height: number("height")?.try_into().ok()?,
                hash: text("hash")?.parse::<BlockHash>().ok()?,
            },
            source: text("source")?.to_owned(),
            at: number("at")?,
        })
    }
}

impl Store {
    /// Writes down when somebody looked and found nothing new. `false` if that can't be written here, so
    /// that it must be written into the database.
    ///
    /// Two who write at once may leave what can't be read: then there was no such look.
    pub fn looked(&self, look: &Look) -> bool {
        let text = json!({
            "height": look.tip.height, "hash": look.tip.hash, "source": look.source, "at": look.at,
        });
        let text = text.to_string();
        let length = text.len() as u64;
        let write = || {
            // Over what is there: file systems write a file out that is emptied and filled again.
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(beside(self.path()))?;
            file.write_all(text.as_bytes())?;
            if file.metadata()?.len() > length {
                file.set_len(length)?;
            }
            io::Result::Ok(())
        };
        length <= LONGEST && write().is_ok()
    }
}

fn beside(database: &Path) -> PathBuf {
    database.with_extension("look")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use bitcoin::hashes::Hash;
    use std::os::unix::fs::PermissionsExt;

    fn look(at: u64) -> Look {
        Look {
            tip: BlockId {
                height: 7,
                hash: BlockHash::all_zeros(),
            },
            source: "a \"node\"\u{1b}".to_owned(),
            at,
        }
    }

    #[test]
    fn the_last_look_is_read_back_by_its_owner_only() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("q.db");
        let store = Store::open(&path).unwrap();
        assert_eq!(Look::read(&path), None);
        assert!(store.looked(&look(1_700_000_000)));
        assert_eq!(Look::read(&path), Some(look(1_700_000_000)));
        // A shorter one leaves nothing of the longer behind.
        assert!(store.looked(&look(5)));
        assert_eq!(Look::read(&path), Some(look(5)));
        let mode = fs::metadata(beside(&path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_damaged_is_no_look() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("q.db");
        let store = Store::open(&path).unwrap();
        assert!(store.looked(&look(5)));
        let whole = fs::read_to_string(beside(&path)).unwrap();
        for text in [
            "",
            &whole[..whole.len() - 1],
            &format!("{whole}}}"),
            &whole.replace("7", "-7"),
            &whole.replace("00", "0"),
            &whole.replace("\"at\"", "\"bt\""),
            &"9".repeat(100_000),
        ] {
            fs::write(beside(&path), text).unwrap();
            assert_eq!(Look::read(&path), None, "{text}");
        }
        let long = Look {
            source: "x".repeat(5_000),
            ..look(5)
        };
        assert!(!store.looked(&long));
        fs::remove_file(beside(&path)).unwrap();
        fs::create_dir(beside(&path)).unwrap();
        assert!(!store.looked(&look(5)));
        assert_eq!(Look::read(&path), None);
    }
}
