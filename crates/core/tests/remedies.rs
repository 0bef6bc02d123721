//! What people are told when something can't be done with a proposal: for every combination of facts the
//! remedy that fits.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::all_facts;
use common::world::World;
use quorate_core::journal::{CloseReason, Word};
use quorate_core::proposal::{Facts, Refusal, Stage, Status, hand_out, speak, status};

/// A part of the remedy; `None` where nothing is refused.
fn remedy(facts: &Facts) -> Option<&'static str> {
    match status(facts) {
        Status::Collecting | Status::Ready | Status::Broadcast | Status::Confirmed => None,
        Status::Draft => Some("quorate proposal submit"),
        Status::Expired => Some("its deadline has passed"),
        Status::Rejected if facts.stage == Stage::Open => Some("quorate proposal approve"),
        Status::Replaced if facts.stage == Stage::Closed(CloseReason::Superseded) => {
            Some("another proposal took its place")
        }
        Status::Replaced | Status::Conflicted => Some("one of its coins is spent"),
        Status::Abandoned | Status::Rejected => Some("create a new proposal"),
    }
}

#[test]
fn what_cannot_be_handed_out_is_refused_with_the_remedy_that_fits() {
    let id = World::new("2-of-3", &[60_000]).spend_all_coins().id();
    let mut seen = std::collections::BTreeSet::new();
    for facts in all_facts() {
        let told = match hand_out(id, &facts) {
            Ok(()) => None,
            Err(Refusal::WrongStatus { remedy, .. }) => Some(remedy),
            Err(other) => panic!("{other}"),
        };
        match (told, remedy(&facts)) {
            (None, None) => {}
            (Some(told), Some(wanted)) => assert!(told.contains(wanted), "{facts:?}: {told}"),
            other => panic!("{facts:?}: {other:?}"),
        }
        seen.insert(remedy(&facts));
    }
    assert_eq!(seen.len(), 7);
}

/// What there is to decide, and what is told when there is nothing.
#[test]
fn a_word_that_comes_too_late_is_told_why() {
    let id = World::new("2-of-3", &[60_000]).spend_all_coins().id();
    let key = common::key(1);
    let mut seen = std::collections::BTreeSet::new();
    for facts in all_facts() {
        let wanted = match status(&facts) {
            Status::Collecting | Status::Ready => continue,
            Status::Rejected if facts.stage == Stage::Open => continue,
            Status::Draft => "quorate proposal submit",
            Status::Expired => "its deadline has passed",
            Status::Broadcast | Status::Confirmed => "nothing left to decide",
            Status::Replaced if facts.stage == Stage::Closed(CloseReason::Superseded) => {
                "another proposal took its place"
            }
            Status::Replaced | Status::Conflicted => "one of its coins is spent",
            Status::Abandoned | Status::Rejected => "create a new proposal",
        };
        match speak(id, &facts, &key, Word::Approved, None) {
            Err(Refusal::WrongStatus { remedy, .. }) => {
                assert!(remedy.contains(wanted), "{facts:?}: {remedy}");
            }
            other => panic!("{facts:?}: {other:?}"),
        }
        seen.insert(wanted);
    }
    assert_eq!(seen.len(), 6);
}

/// JSON and the commands of other programs hang on them.
#[test]
fn statuses_have_the_words_that_programs_rely_on() {
    let words = [
        (Status::Draft, "draft"),
        (Status::Collecting, "collecting"),
        (Status::Ready, "ready"),
        (Status::Broadcast, "broadcast"),
        (Status::Confirmed, "confirmed"),
        (Status::Replaced, "replaced"),
        (Status::Conflicted, "conflicted"),
        (Status::Abandoned, "abandoned"),
        (Status::Expired, "expired"),
        (Status::Rejected, "rejected"),
    ];
    for (status, word) in words {
        assert_eq!(status.word(), word);
        assert_eq!(status.to_string(), word);
    }
}
