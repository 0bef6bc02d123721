//! Whose entries count, in whatever order enrolment and entries come.

use super::world::{Forger, Home, NOW, World, moment, proposal_id, signatures};
use quorate_core::journal::{Body, CloseReason};
use quorate_core::keychain::Keychain;
use quorate_testkit::fixtures;

fn reveal(index: u32) -> Body {
    Body::AddressRevealed {
        keychain: Keychain::Receive,
        index,
        label: Some(format!("number {index}")),
    }
}

fn labels(home: &mut Home) -> Vec<String> {
    let view = home.office.addresses("family").unwrap();
    view.addresses
        .into_iter()
        .filter(|one| one.keychain == "receive" && one.index >= 10)
        .filter_map(|one| one.label)
        .collect()
}

#[test]
fn entries_of_unknown_authors_are_parked_and_count_once_they_are_enrolled() {
    let mut world = World::new();
    let mut stranger = Forger::new(50, world.vault.id());
    let entries = [stranger.say(reveal(10)), stranger.say(reveal(11))];
    let before = world.owner.state();
    let view = world.owner.take(&entries);
    assert_eq!((view.new, view.unknown.len()), (2, 1));
    assert_eq!(
        (view.unknown[0].entries, view.unknown[0].says_owner),
        (2, false)
    );
    assert_eq!(world.owner.state(), before);
    assert!(labels(&mut world.owner).is_empty());
    let id = stranger.id().to_string();
    let members = world
        .owner
        .office
        .add_member("family", "dave", &id, None, moment(8))
        .unwrap();
    assert!(members.unknown.is_empty());
    assert_eq!(labels(&mut world.owner), ["number 10", "number 11"]);
    // And what comes later counts at once.
    world.owner.take(&[stranger.say(reveal(12))]);
    assert_eq!(labels(&mut world.owner).len(), 3);
    // The other order, in another home.
    let journal = world.owner.export();
    world.bob.import(&journal);
    assert_eq!(world.bob.state(), world.owner.state());
}

#[test]
fn a_contribution_that_comes_before_its_proposal_waits_for_it() {
    let mut world = World::new();
    let id = world.owner.propose(50_000, 20);
    let request = world.owner.office.export(&id, false).unwrap();
    let mut forger = world.enrolled_forger();
    let early = forger.say(Body::ContributionAdded {
        proposal: proposal_id(&id),
        signatures: signatures(&request, &fixtures::carol(), None),
    });
    // Bob knows neither the member nor the proposal.
    let view = world.bob.take(&[early]);
    assert_eq!((view.waiting, view.unknown.len()), (1, 1));
    let journal = world.owner.export();
    let view = world.bob.import(&journal).taken;
    assert_eq!((view.waiting, view.unknown.len()), (0, 0));
    assert_eq!(world.bob.signers(&id), ["carol"]);
}

#[test]
fn a_removed_members_words_count_up_to_the_entry_the_owner_names() {
    let mut world = World::new();
    let mut forger = world.enrolled_forger();
    let said: Vec<_> = (10..14).map(|index| forger.say(reveal(index))).collect();
    world.owner.take(&said);
    assert_eq!(labels(&mut world.owner).len(), 4);
    let view = world
        .owner
        .office
        .remove_member("family", "mallory", Some(2), moment(8))
        .unwrap();
    let line = view
        .members
        .iter()
        .find(|line| line.role == "removed")
        .unwrap();
    assert_eq!((line.counts_to, line.entries), (Some(2), 4));
    assert_eq!(labels(&mut world.owner), ["number 10", "number 11"]);
    // The removal reaches bob before the entries do; links that are missing don't count yet.
    let journal = world.owner.export();
    let enrolment_first: String = journal
        .lines()
        .filter(|line| !line.contains(&forger.id().to_string()) || line.contains("member_"))
        .map(|line| format!("{line}\n"))
        .collect();
    world.bob.import(&enrolment_first);
    world.bob.take(&said[..1]);
    assert!(labels(&mut world.bob).is_empty());
    world.bob.take(&said[1..]);
    assert_eq!(labels(&mut world.bob), ["number 10", "number 11"]);
    world.bob.import(&journal);
    assert_eq!(world.bob.state(), world.owner.state());
}

/// Whoever was removed still has his key, and can write other entries with old numbers.
#[test]
fn a_removed_member_cant_slip_entries_in_under_old_numbers() {
    let mut world = World::new();
    let mut forger = world.enrolled_forger();
    let said: Vec<_> = (10..12).map(|index| forger.say(reveal(index))).collect();
    world.owner.take(&said);
    let office = &mut world.owner.office;
    office
        .remove_member("family", "mallory", None, moment(8))
        .unwrap();
    let before = world.owner.state();
    let first = forger.entry(1, None, NOW, reveal(15));
    let second = forger.entry(2, Some(first.id()), NOW, reveal(16));
    let view = world.owner.take(&[first, second]);
    assert_eq!(view.new, 2);
    assert_eq!(labels(&mut world.owner), ["number 10", "number 11"]);
    assert_eq!(world.owner.state(), before);
}

#[test]
fn the_owners_newest_word_about_a_member_counts_in_any_order() {
    let mut world = World::new();
    let mut forger = world.enrolled_forger();
    world.owner.take(&[forger.say(reveal(10))]);
    let office = &mut world.owner.office;
    office
        .remove_member("family", "mallory", Some(0), moment(8))
        .unwrap();
    let id = forger.id().to_string();
    office
        .add_member("family", "mallory2", &id, None, moment(8))
        .unwrap();
    let journal = world.owner.export();
    let (header, body) = journal.split_once('\n').unwrap();
    let mut turned: Vec<&str> = body.lines().collect();
    turned.reverse();
    let turned = format!("{header}\n{}\n", turned.join("\n"));
    let view = world.bob.import(&turned);
    assert!(
        view.fault.is_some(),
        "the hash is over the lines in their order"
    );
    assert_eq!(world.bob.state(), world.owner.state());
    assert_eq!(labels(&mut world.bob), ["number 10"]);
}

#[test]
fn two_entries_with_one_number_are_kept_and_shown_everywhere() {
    let mut world = World::new();
    let mut forger = world.enrolled_forger();
    let first = forger.say(reveal(10));
    let other = forger.entry(1, None, NOW, reveal(11));
    world.owner.take(&[first, other]);
    assert_eq!(labels(&mut world.owner).len(), 2);
    let members = world.owner.office.members("family").unwrap();
    let line = members
        .members
        .iter()
        .find(|line| line.name.as_deref() == Some("mallory"));
    assert_eq!(line.unwrap().said_twice, [1]);
    let log = world.owner.office.journal("family").unwrap();
    let marked = log.entries.iter().filter(|entry| {
        let remark = entry.remark.as_deref().unwrap_or_default();
        remark.contains("two entries with this number")
    });
    assert_eq!(marked.count(), 2);
    let verified = world.owner.office.verify(None, false).unwrap();
    assert!(
        verified
            .notes
            .iter()
            .any(|note| note.contains("two different entries"))
    );
    // A stranger's too.
    let stranger = Forger::new(51, world.vault.id());
    let twice = [10, 11].map(|index| stranger.entry(1, None, NOW, reveal(index)));
    let view = world.owner.take(&twice);
    assert_eq!(view.unknown[0].said_twice, [1]);
}

#[test]
fn only_the_owner_enrols_and_a_home_without_an_owner_says_so() {
    let mut world = World::new();
    let id = Forger::new(51, world.vault.id()).id().to_string();
    let error = world
        .bob
        .office
        .add_member("family", "dave", &id, None, moment(8))
        .unwrap_err();
    assert_eq!(error.code, "not_owner");
    let mut lone = Home::new(40);
    let import = quorate_coordinator::VaultImport {
        name: "family",
        text: world.vault.descriptor(),
        cosigners: None,
        birth: quorate_core::ledger::Birth::Height(0),
    };
    lone.office.import_vault(&import, moment(40)).unwrap();
    let add = lone
        .office
        .add_member("family", "dave", &id, None, moment(8));
    assert_eq!(add.unwrap_err().code, "no_owner");
    // The journal tells who says that he made it; naming him makes all of it count.
    let journal = world.owner.export();
    let view = lone.import(&journal).taken;
    let founder = view.unknown.iter().find(|one| one.says_owner).unwrap();
    assert_eq!(founder.member, world.owner.id);
    let empty = lone.state();
    lone.office
        .trust("family", &world.owner.id, moment(8))
        .unwrap();
    assert_ne!(lone.state(), empty);
    assert_eq!(lone.state(), world.owner.state());
    // Another one isn't put in his place in passing.
    let error = lone
        .office
        .import_journal("f", journal.as_bytes(), Some(&world.bob.id), moment(8))
        .unwrap_err();
    assert_eq!(error.code, "other_owner");
}

#[test]
fn an_imported_journal_gives_the_same_proposals_signatures_labels_and_next_index() {
    let mut world = World::new();
    let id = world.owner.propose(50_000, 20);
    world.owner.sign(&id, &fixtures::alice(), 21);
    let closed = world.owner.propose(20_000, 22);
    world
        .owner
        .office
        .abandon(&closed, Some("changed my mind"), moment(23))
        .unwrap();
    let journal = world.owner.export();
    world.bob.import(&journal);
    assert_eq!(world.bob.signers(&id), ["alice"]);
    assert_eq!(world.bob.status(&closed), "abandoned");
    let (ours, theirs) = (
        world.owner.office.proposal(&id).unwrap(),
        world.bob.office.proposal(&id).unwrap(),
    );
    let json = |view| serde_json::to_value(view).unwrap();
    assert_eq!(json(&ours), json(&theirs));
    let addresses = |home: &mut Home| {
        serde_json::to_value(home.office.addresses("family").unwrap().addresses).unwrap()
    };
    assert_eq!(addresses(&mut world.owner), addresses(&mut world.bob));
    let next = |home: &mut Home| {
        home.office
            .new_address("family", None, moment(30))
            .unwrap()
            .index
    };
    assert_eq!(next(&mut world.owner), next(&mut world.bob));
}

#[test]
fn a_truncated_file_is_told_and_its_sound_entries_are_taken_in() {
    let mut world = World::new();
    let journal = world.owner.export();
    let lines: Vec<&str> = journal.lines().collect();
    let cut = format!("{}\n{}", lines[..3].join("\n"), &lines[3][..200]);
    let view = world.bob.import(&cut);
    assert!(view.fault.unwrap().contains("cut off"));
    assert_eq!((view.taken.new, view.taken.refused.len()), (2, 1));
    let view = world.bob.import(&journal);
    assert!(view.fault.is_none());
    assert_eq!(view.taken.known, 2);
    for bad in [
        "",
        "something else\n",
        "quorate-journal 9 x\n",
        "quorate-journal 1 zz 0 00\n",
    ] {
        let bytes = bad.as_bytes();
        let error = world
            .bob
            .office
            .import_journal("f", bytes, None, moment(8))
            .unwrap_err();
        assert_eq!(error.code, "bad_journal", "{bad:?}");
    }
}

#[test]
fn whoever_forges_what_was_judged_is_found_out() {
    let mut world = World::new();
    let mut forger = world.enrolled_forger();
    let id = world.owner.propose(50_000, 20);
    let entry = forger.say(Body::ProposalReleased {
        proposal: proposal_id(&id),
        transaction: "00".to_owned(),
    });
    let close = forger.say(Body::ProposalClosed {
        proposal: proposal_id(&id),
        reason: CloseReason::Abandoned,
        note: None,
    });
    world.owner.take(&[entry, close]);
    world.owner.state();
    world
        .owner
        .tamper("UPDATE judgements SET state = 'sound', detail = NULL WHERE state = 'refused'");
    let view = world.owner.office.verify(None, false).unwrap();
    assert!(
        view.faults
            .iter()
            .any(|fault| fault.contains("what was judged")),
        "{:?}",
        view.faults
    );
    let mended = world.owner.office.verify(None, true).unwrap();
    assert!(mended.faults.is_empty(), "{:?}", mended.faults);
    world.owner.state();
}

/// A rebuild needs nothing but the entries: what was judged about them can be found again.
#[test]
fn what_was_judged_can_be_found_again() {
    let mut world = World::new();
    let id = world.owner.propose(50_000, 20);
    world.owner.sign(&id, &fixtures::alice(), 21);
    let journal = world.owner.export();
    world.bob.import(&journal);
    let before = world.bob.state();
    world.bob.tamper("DELETE FROM judgements");
    let view = world.bob.office.verify(None, false).unwrap();
    assert!(
        view.faults
            .iter()
            .any(|fault| fault.contains("what was judged"))
    );
    world.bob.office.verify(None, true).unwrap();
    assert_eq!(world.bob.state(), before);
    assert_eq!(world.bob.signers(&id), ["alice"]);
}
