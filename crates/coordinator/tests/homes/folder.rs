//! The folder carrier: what lies there is anybody's.

use super::world::{Forger, World, temporary};
use quorate_core::journal::{Body, EntryId, write_line};
use quorate_core::keychain::Keychain;
use std::fs;
use std::path::Path;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn three_homes_meet_in_a_folder() {
    let mut world = World::new();
    let share = temporary();
    let id = world.owner.propose(50_000, 20);
    let view = world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    let entries = view.written;
    assert!(entries > 4);
    let view = world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!((view.taken.new, view.written), (entries, 2));
    assert_eq!(world.bob.status(&id), "collecting");
    let view = world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!((view.taken.new, view.written), (2, 0));
    assert_eq!(world.bob.state(), world.owner.state());
    // Nothing new: nothing read, nothing written.
    let view = world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!((view.taken.new, view.taken.known, view.written), (0, 0, 0));
    assert!(view.skipped.is_empty(), "{:?}", view.skipped);
    // A lost file is written again by whoever has it.
    let folder = share.path().join(world.vault.id().to_string());
    let lost = names(&folder)[0].clone();
    fs::remove_file(folder.join(&lost)).unwrap();
    let view = world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!(view.written, 1);
    assert!(names(&folder).contains(&lost));
    assert!(names(&folder).iter().all(|name| name.ends_with(".entry")));
}

#[test]
fn a_file_that_is_here_is_never_read_again() {
    let mut world = World::new();
    let share = temporary();
    world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    let folder = share.path().join(world.vault.id().to_string());
    // Same length, other bytes: told by nothing but reading, which isn't done.
    for name in names(&folder) {
        let length = fs::metadata(folder.join(&name)).unwrap().len();
        fs::write(
            folder.join(&name),
            vec![b'x'; usize::try_from(length).unwrap()],
        )
        .unwrap();
    }
    let view = world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!((view.taken.new, view.written), (0, 2 - 2));
    assert!(view.taken.refused.is_empty() && view.skipped.is_empty());
}

#[test]
fn partial_foreign_and_damaged_files_are_told_and_passed_over() {
    let mut world = World::new();
    let share = temporary();
    world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    let folder = share.path().join(world.vault.id().to_string());
    let all = names(&folder);
    let (cut, empty, swapped) = (&all[0], &all[1], &all[2]);
    let whole = fs::read(folder.join(cut)).unwrap();
    fs::write(folder.join(cut), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.join(empty), "").unwrap();
    fs::copy(folder.join(&all[3]), folder.join(swapped)).unwrap();
    let id = EntryId::from_bytes([7; 32]);
    let other = |byte: u8| format!("{}.entry", EntryId::from_bytes([byte; 32]));
    fs::write(folder.join(format!("{id}.entry")), "not an entry\n").unwrap();
    fs::write(
        folder.join(format!("{id}.sync-conflict-20260101-120000-ABCDEFG.entry")),
        "x",
    )
    .unwrap();
    fs::write(folder.join("notes.txt"), "hello").unwrap();
    let upper = format!("{}.entry", "AB".repeat(32));
    fs::write(folder.join(&upper), "hello").unwrap();
    fs::write(folder.join("\u{1b}[2J.entry"), "hello").unwrap();
    fs::write(folder.join(".syncthing.x.tmp"), "half").unwrap();
    fs::create_dir(folder.join(other(8))).unwrap();
    fs::write(folder.join(other(9)), vec![0xff; 4_000_000]).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join(other(10))).unwrap();
    let view = world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!(view.taken.new, all.len() - 3, "{view:?}");
    let told: Vec<String> = view
        .taken
        .refused
        .iter()
        .map(|one| format!("{}: {}", one.what, one.reason))
        .chain(
            view.skipped
                .iter()
                .map(|one| format!("{}: {}", one.file, one.reason)),
        )
        .collect();
    for (file, reason) in [
        (cut.as_str(), "cut off"),
        (empty, "cut off"),
        (swapped, "another entry"),
        (&format!("{id}.entry"), "signature"),
        ("sync-conflict", "conflict"),
        ("notes.txt", "isn't named like an entry"),
        (&upper, "isn't named like an entry"),
        ("\\u{1b}[2J", "isn't named like an entry"),
        (&other(8), "plain file"),
        (&other(9), "larger"),
        (&other(10), "plain file"),
    ] {
        let found = told
            .iter()
            .any(|one| one.contains(file) && one.contains(reason));
        assert!(found, "{file} {reason}: {told:#?}");
    }
    assert_eq!(told.len(), 11, "{told:#?}");
    // Whoever has the entries sees which files are damaged; none is ever overwritten.
    let view = world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    let damaged = view
        .skipped
        .iter()
        .filter(|one| one.reason.contains("damaged: delete it"));
    assert!(damaged.count() >= 2, "{:?}", view.skipped);
    assert_eq!(fs::read(folder.join(empty)).unwrap(), b"");
    // Deleted and sent again.
    for name in [cut, empty, swapped] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!(world.bob.state(), world.owner.state());
}

#[test]
fn what_doesnt_count_is_handed_on_all_the_same() {
    let mut world = World::new();
    let share = temporary();
    let mut stranger = Forger::new(50, world.vault.id());
    let entry = stranger.say(Body::AddressRevealed {
        keychain: Keychain::Receive,
        index: 7,
        label: None,
    });
    world.bob.take(std::slice::from_ref(&entry));
    world
        .bob
        .office
        .sync_folder("family", share.path())
        .unwrap();
    let folder = share.path().join(world.vault.id().to_string());
    let file = folder.join(format!("{}.entry", entry.id()));
    assert_eq!(
        fs::read_to_string(file).unwrap(),
        format!("{}\n", write_line(&entry))
    );
    let view = world
        .owner
        .office
        .sync_folder("family", share.path())
        .unwrap();
    assert_eq!(view.taken.unknown.len(), 1);
}

#[test]
fn a_folder_that_isnt_there_is_an_error_with_a_hint() {
    let mut world = World::new();
    let share = temporary();
    let gone = share.path().join("not/mounted");
    let error = world.owner.office.sync_folder("family", &gone).unwrap_err();
    assert_eq!(error.code, "no_folder");
    assert!(!gone.exists());
}
