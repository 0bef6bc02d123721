//! A folder as carrier: one file for each entry, named by its id, written once and never again. So
//! a program that copies folders about (Syncthing, a network share) can't make two versions of one:
//! whoever writes a name writes the same bytes.
//!
//! What lies there is anybody's. Files are told by their names, and read only when their entry isn't
//! here; partial and foreign ones are passed over and named.

use super::file::sound;
use super::intake::Brought;
use crate::view::{FolderView, SkippedView};
use crate::{Coordinator, Error};
use quorate_core::journal::{Entry, EntryId, MAX_LINE, read_line, write_line};
use quorate_core::text::escape;
use quorate_core::vault::VaultId;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// How the name of an entry's file ends.
const ENDING: &str = ".entry";
/// A signature as hex, a space, and the line break.
const FRAME: u64 = 128 + 1 + 1;

/// What lies in a vault's folder.
#[derive(Debug, Default)]
struct Listing {
    /// Entries by id, with their files' sizes.
    entries: BTreeMap<EntryId, u64>,
    skipped: Vec<SkippedView>,
}

impl Coordinator {
    /// Takes in what is new in the vault's folder below `root`, and puts there what it lacks. No
    /// chain source is asked.
    pub fn sync_folder(&mut self, vault: &str, root: &Path) -> Result<FolderView, Error> {
        let (row, opened) = self.row_and_vault(vault)?;
        if !root.is_dir() {
            let message = format!("{} is no folder that is there", shown(root));
            return Err(Error::input("no_folder", message)
                .hint("make it first, and check that the share is mounted"));
        }
        let folder = root.join(row.id.to_string());
        fs::create_dir_all(&folder).map_err(|error| cannot(&folder, "be made", &error))?;
        let mut listing = list(&folder)?;
        let here = self.store.read(|tx| tx.entry_sizes(row.id))?;
        let (known, new): (BTreeMap<EntryId, u64>, BTreeMap<EntryId, u64>) = listing
            .entries
            .iter()
            .partition(|(id, _)| here.contains_key(*id));
        for (id, size) in known {
            if here.get(&id).is_some_and(|text| *text + FRAME != size) {
                listing.skipped.push(SkippedView {
                    file: format!("{id}{ENDING}"),
                    reason:
                        "it is cut off or damaged: delete it, and the next sync writes it again"
                            .to_owned(),
                });
            }
        }
        let brought = new.into_keys().map(|id| Brought {
            what: format!("{id}{ENDING}"),
            line: read(&folder, id),
        });
        let taken = self.take_in(&row, &opened, brought)?;
        let written = self.put(row.id, &folder, &listing)?;
        Ok(FolderView {
            folder: folder.display().to_string(),
            taken: self.taken_view(&row.name, taken)?,
            written,
            skipped: listing.skipped,
        })
    }

    /// Writes the entries that the folder lacks, parked ones too.
    fn put(&mut self, vault: VaultId, folder: &Path, listing: &Listing) -> Result<usize, Error> {
        let missing: Vec<EntryId> = self.store.read(|tx| {
            let here = tx.entry_sizes(vault)?.into_keys();
            Ok::<_, Error>(
                here.filter(|id| !listing.entries.contains_key(id))
                    .collect(),
            )
        })?;
        let mut written = 0;
        for ids in missing.chunks(100) {
            let entries = self.store.read(|tx| {
                ids.iter()
                    .map(|id| tx.entry(*id))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            for entry in sound(entries.into_iter().flatten().collect())? {
                if write(folder, &entry).map_err(|error| cannot(folder, "be written to", &error))? {
                    written += 1;
                }
            }
        }
        if written > 0
            && let Ok(folder) = File::open(folder)
        {
            // Not every share can do that, and then it needn't.
            let _ = folder.sync_all();
        }
        Ok(written)
    }
}

/// Sorts what lies in the folder, by names and sizes alone.
fn list(folder: &Path) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let entries = fs::read_dir(folder).map_err(|error| cannot(folder, "be read", &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| cannot(folder, "be read", &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What copying programs and we ourselves write before it gets its name.
        if name.starts_with('.') || name.starts_with('~') || name.ends_with(".tmp") {
            continue;
        }
        let meta = entry.metadata();
        let skipped = match (id_of(&name), meta) {
            (Some(id), Ok(meta)) if meta.is_file() => {
                listing.entries.insert(id, meta.len());
                continue;
            }
            (Some(_), _) => "it isn't a plain file",
            (None, _) if name.contains(".sync-conflict-") => {
                "it is the copy that a sync program made of a file in conflict: entries never change, so it can be deleted"
            }
            (None, _) => "it isn't named like an entry",
        };
        listing.skipped.push(SkippedView {
            file: escape(&name),
            reason: skipped.to_owned(),
        });
    }
    listing
        .skipped
        .sort_by(|one, other| one.file.cmp(&other.file));
    Ok(listing)
}

/// The entry that a file claims to be. Ids are written in one way, so that one entry has one name.
fn id_of(name: &str) -> Option<EntryId> {
    let text = name.strip_suffix(ENDING)?;
    let id: EntryId = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

fn path_of(folder: &Path, id: EntryId) -> PathBuf {
    folder.join(format!("{id}{ENDING}"))
}

/// Reads the file of an entry that isn't here; no more of it than an entry can have.
fn read(folder: &Path, id: EntryId) -> Result<quorate_core::journal::Line, String> {
    let limit = MAX_LINE as u64 + 1;
    let mut bytes = Vec::new();
    File::open(path_of(folder, id))
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("it can't be read: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err("it is larger than any entry".to_owned());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it isn't text".to_owned())?;
    let line = text
        .strip_suffix('\n')
        .ok_or("it is cut off, or not all of it has come yet")?;
    let line = read_line(line).map_err(|error| error.to_string())?;
    if EntryId::of(&line.text) == id {
        Ok(line)
    } else {
        Err("it holds another entry than its name says, or a damaged one".to_owned())
    }
}

/// Writes an entry's file under another name, then gives it its own. `false` when it is there by now.
fn write(folder: &Path, entry: &Entry) -> std::io::Result<bool> {
    let path = path_of(folder, entry.id());
    let temporary = folder.join(format!(".{}.{}.tmp", entry.id(), std::process::id()));
    let mut file = File::create(&temporary)?;
    let written = file
        .write_all(format!("{}\n", write_line(entry)).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| {
            // Whoever else writes this name writes the same entry.
            let is_there = path.try_exists()?;
            if !is_there {
                fs::rename(&temporary, &path)?;
            }
            Ok(!is_there)
        });
    if !matches!(written, Ok(true)) {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string())
}

fn cannot(path: &Path, what: &str, error: &std::io::Error) -> Error {
    Error::refused(
        "folder",
        format!("the folder {} can't {what}: {error}", shown(path)),
    )
    .hint("check that the share is there, has room and is writable, then sync again")
}
